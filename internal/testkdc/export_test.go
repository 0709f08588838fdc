package testkdc

import (
	"io"
	"net/netip"
)

// AnswerDatagram is the function of the UDP port.
func (k *KDC) AnswerDatagram(request []byte, from netip.Addr) []byte {
	return k.answerDatagram(request, from)
}

// ServeStream is the function of the TCP port.
func (k *KDC) ServeStream(conn io.ReadWriter, from netip.Addr) { k.serveStream(conn, from) }
