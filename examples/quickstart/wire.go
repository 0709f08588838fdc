package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
)

// maxFrame is the greatest length of a token or message in bytes.
const maxFrame = 1 << 16

// send writes the length of b in 4 bytes, and b.
func send(conn net.Conn, b []byte) error {
	frame := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(b)), uint32(len(b)))
	_, err := conn.Write(append(frame, b...))
	return err
}

// receive reads a token or message that send wrote.
func receive(conn net.Conn) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > maxFrame {
		return nil, fmt.Errorf("a frame has %d bytes; the limit is %d", n, maxFrame)
	}
	b := make([]byte, n)
	_, err := io.ReadFull(conn, b)
	return b, err
}
