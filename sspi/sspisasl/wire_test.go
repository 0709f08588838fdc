package sspisasl_test

import (
	"encoding/binary"
	"io"
	"net"
)

// A message of the protocol in the examples is its length in four bytes, and its content.
// The security layer has the same format.

func send(conn net.Conn, message []byte) {
	_, _ = conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(message))), message...))
}

func receive(conn net.Conn) []byte {
	var n [4]byte
	if _, err := io.ReadFull(conn, n[:]); err != nil {
		return nil
	}
	message := make([]byte, binary.BigEndian.Uint32(n[:])&0xffffff)
	_, _ = io.ReadFull(conn, message)
	return message
}
