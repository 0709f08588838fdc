package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Flag bits of a frame in the protocol of MIT's gss-sample programs.
const (
	frameNoop        = 0x01 // no content; as a message it ends the connection
	frameContext     = 0x02 // a context token
	frameData        = 0x04 // a message
	frameMIC         = 0x08 // the signature of the last message
	frameContextNext = 0x10 // a context token follows
	frameWrapped     = 0x20 // the message is in a wrap token
	frameEncrypted   = 0x40 // the wrap token is sealed; gss-client sets the bit without a wrap token too
	frameSendMIC     = 0x80 // the server must answer with a signature of the message
)

// frame is one unit of the protocol: flags (1 byte), length (4 bytes, big-endian) and
// body. Version 1 of the protocol has no flags.
type frame struct {
	flags byte
	body  []byte
	v1    bool
}

var errTooLong = errors.New("the frame is too long")

// readFrame reads one frame with a body of at most limit bytes. A first byte of zero
// means version 1 of the protocol: it is the high byte of a length, while version 2 has
// flags there, which are never zero. readFrame returns io.EOF only if the stream ends
// before the first byte.
//
// The buffer of the body grows as bytes arrive, so that a client cannot make the server
// allocate memory by sending a length alone.
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

// truncated turns io.EOF into io.ErrUnexpectedEOF.
func truncated(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// writeFrame writes f with one call of Write. A frame of version 1 has no flags.
func writeFrame(w io.Writer, f frame) error {
	b := make([]byte, 0, 5+len(f.body))
	if !f.v1 {
		b = append(b, f.flags)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(f.body)))
	_, err := w.Write(append(b, f.body...))
	return err
}
