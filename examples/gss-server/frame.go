package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Flag bits of a frame in the protocol of MIT's gss-sample programs.
const (
	frameNoop        = 0x01 // nothing to say; also ends a connection
	frameContext     = 0x02 // a token of the context's establishment
	frameData        = 0x04 // a message
	frameMIC         = 0x08 // the signature of the last message
	frameContextNext = 0x10 // a context follows
	frameWrapped     = 0x20 // the message is in a wrap token
	frameEncrypted   = 0x40 // ... which is sealed; set for clear text too
	frameSendMIC     = 0x80 // answer with a signature of the message
)

// frame is one unit of the protocol: flags(1) | length(4, big-endian) | body.
// Version 1 of the protocol has no flags.
type frame struct {
	flags byte
	body  []byte
	v1    bool
}

var errTooLong = errors.New("a frame is longer than this server reads")

// readFrame reads one frame with a body of at most limit bytes. A first byte of
// zero tells version 1: it is the high byte of a length, where version 2 has
// flags, which are never zero. io.EOF comes only before the first byte.
//
// The body is allocated as it arrives, so that a length costs no memory before it
// is backed by bytes.
func readFrame(r io.Reader, limit int) (frame, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:1]); err != nil {
		return frame{}, err
	}
	f := frame{flags: head[0], v1: head[0] == 0}
	length := head[1:5]
	if f.v1 {
		length = head[:4]
		if _, err := io.ReadFull(r, head[1:4]); err != nil {
			return frame{}, truncated(err)
		}
	} else if _, err := io.ReadFull(r, length); err != nil {
		return frame{}, truncated(err)
	}
	n := int64(binary.BigEndian.Uint32(length))
	if n > int64(limit) {
		return frame{}, fmt.Errorf("%w: %d bytes, at most %d", errTooLong, n, limit)
	}
	body, err := io.ReadAll(io.LimitReader(r, n))
	if err != nil {
		return frame{}, err
	}
	if int64(len(body)) < n {
		return frame{}, io.ErrUnexpectedEOF
	}
	f.body = body
	return f, nil
}

func truncated(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// writeFrame writes f in one piece. In version 1 the flags are left out.
func writeFrame(w io.Writer, f frame) error {
	b := make([]byte, 0, 5+len(f.body))
	if !f.v1 {
		b = append(b, f.flags)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(f.body)))
	_, err := w.Write(append(b, f.body...))
	return err
}
