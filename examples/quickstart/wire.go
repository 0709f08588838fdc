package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
)

// maxFrame bounds what either end reads into memory.
const maxFrame = 1 << 16

// send writes one token or message, its length in front.
func send(conn net.Conn, b []byte) error {
	frame := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(b)), uint32(len(b)))
	_, err := conn.Write(append(frame, b...))
	return err
}

// receive reads one.
func receive(conn net.Conn) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > maxFrame {
		return nil, fmt.Errorf("a frame of %d bytes is too long", n)
	}
	b := make([]byte, n)
	_, err := io.ReadFull(conn, b)
	return b, err
}
