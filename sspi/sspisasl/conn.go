package sspisasl

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// Conn is nc behind the security layer: what is written is wrapped, what is read
// was wrapped by the client (RFC 4422, Section 3.7). It is for what follows the
// server's word of success, from its first byte: a program that reads through a
// buffer hands in an nc whose Read begins with what the buffer holds. Without a
// layer it is nc itself.
//
// Read and Write may run side by side, and so may several calls of each; what one
// Write is given stays together. Deadlines are nc's. A Read that a deadline ended
// can be repeated; a Write that failed, with a deadline or otherwise, leaves a
// part of a message behind, and so every later Write fails. A message that is not
// genuine ends reading for good. Errors of nc come as they are, others are
// *status.Error or io.ErrUnexpectedEOF. Closing it closes nc, and not the Server.
//
// Conn is called once, after Next was done. Otherwise what it returns fails.
func (s *Server) Conn(nc net.Conn) net.Conn {
	o := s.end()
	if o.layer == NoLayer {
		return nc
	}
	c := &conn{
		Conn: nc, context: s.context.Load(), sealed: o.layer == Confidentiality,
		longest: s.cfg.MaxBuffer, limit: o.limit,
	}
	var err error
	switch {
	case o.layer == 0:
		err = misuse("there is no connection before the exchange is done")
	case s.attached.Swap(true):
		err = misuse("Conn was called before")
	}
	c.reader.err, c.writer.err = err, err
	return c
}

// conn is a net.Conn behind a security layer: four bytes of length, and so much
// of a wrap token, again and again.
type conn struct {
	net.Conn
	context *sspi.Context
	sealed  bool // messages must be
	longest int  // wrapped message to receive
	limit   int  // of a message to send, before it is wrapped

	reader reader
	writer writer
}

// reader is the receiving direction. Its lock is held by the one Read that runs.
type reader struct {
	sync.Mutex
	err   error  // for good
	buf   []byte // what came, from start on not yet used
	start int
	plain []byte // what is left of the last message; a view of buf
}

// writer is the sending direction. Its lock is held by the one Write that runs.
type writer struct {
	sync.Mutex
	err error // for good
	buf []byte
}

const (
	lengthLen   = 4
	firstBuffer = 4 << 10
	// emptyReads is how often a net.Conn may return nothing.
	emptyReads = 100
)

// Read reads what is left of a message, or of the next one that is not empty.
func (c *conn) Read(p []byte) (int, error) {
	r := &c.reader
	r.Lock()
	defer r.Unlock()
	if len(p) == 0 {
		return 0, r.err
	}
	for len(r.plain) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		if err := c.receive(); err != nil {
			if !isTimeout(err) {
				r.err, r.buf = err, nil
			}
			return 0, err
		}
	}
	n := copy(p, r.plain)
	r.plain = r.plain[n:]
	return n, nil
}

// receive reads and opens the next message.
func (c *conn) receive() error {
	r := &c.reader
	if err := c.fill(lengthLen); err != nil {
		return err
	}
	length := binary.BigEndian.Uint32(r.buf[r.start:])
	if length == 0 || uint64(length) > uint64(c.longest) {
		return malformed("a message of the security layer is empty, or longer than MaxBuffer")
	}
	whole := lengthLen + int(length)
	if err := c.fill(whole); err != nil {
		return err
	}
	token := r.buf[r.start+lengthLen : r.start+whole]
	r.start += whole
	message, sealed, err := c.context.Unwrap(token[:0], token)
	if err != nil {
		return err
	}
	if c.sealed && !sealed {
		clear(message)
		return &status.Error{Reason: status.ReasonMessageAltered, Detail: "a message is not sealed, which the security layer demands"}
	}
	r.plain = message
	return nil
}

// fill reads until n bytes are there. Nothing of plain is left when it is
// called, so buf may move.
func (c *conn) fill(n int) error {
	r := &c.reader
	if len(r.buf)-r.start >= n {
		return nil
	}
	if r.start == len(r.buf) {
		r.buf, r.start = r.buf[:0], 0
	}
	for empty := 0; len(r.buf)-r.start < n; {
		if len(r.buf) == cap(r.buf) {
			r.makeRoom(n)
		}
		m, err := c.Conn.Read(r.buf[len(r.buf):cap(r.buf)])
		r.buf = r.buf[:len(r.buf)+m]
		switch {
		case len(r.buf)-r.start >= n: // the error comes again
		case err == io.EOF && len(r.buf) > r.start:
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		case m > 0:
			empty = 0
		default:
			if empty++; empty >= emptyReads {
				return io.ErrNoProgress
			}
		}
	}
	return nil
}

// makeRoom makes room in a full buffer for more of the n bytes that begin at start: it
// moves them to the front or, if they are there, to a buffer of twice the length, but
// of no more than n bytes. So a client that announces a long message makes the server
// hold no more than twice the bytes that it has sent.
func (r *reader) makeRoom(n int) {
	to := r.buf[:0]
	if r.start == 0 {
		to = make([]byte, 0, max(firstBuffer, min(n, 2*cap(r.buf))))
	}
	r.buf, r.start = append(to, r.buf[r.start:]...), 0
}

// Write sends p in as many messages as the client's limit makes of it.
func (c *conn) Write(p []byte) (int, error) {
	w := &c.writer
	w.Lock()
	defer w.Unlock()
	if w.err != nil {
		return 0, w.err
	}
	written := 0
	for written < len(p) {
		part := p[written:min(len(p), written+c.limit)]
		if w.err = c.send(part); w.err != nil {
			return written, w.err
		}
		written += len(part)
	}
	return written, nil
}

// send sends one message.
func (c *conn) send(message []byte) error {
	w := &c.writer
	if w.buf == nil {
		w.buf = make([]byte, lengthLen, firstBuffer)
	}
	frame, err := c.context.Wrap(w.buf[:lengthLen], message, c.sealed)
	if err != nil {
		return err
	}
	w.buf = frame
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-lengthLen))
	switch n, err := c.Conn.Write(frame); {
	case err != nil:
		return err
	case n != len(frame):
		return io.ErrShortWrite
	}
	return nil
}

func isTimeout(err error) bool {
	t, ok := errors.AsType[net.Error](err)
	return ok && t.Timeout()
}
