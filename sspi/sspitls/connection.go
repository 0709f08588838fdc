package sspitls

import (
	"crypto/tls"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// Exporter returns the channel binding tls-exporter (RFC 9266) of a connection. Below TLS 1.3
// it returns two values: RFC 9266 derives the binding with an empty context, and many
// clients derive it without a context, which gives a different value there. Both values
// identify this connection only.
//
// Exporter returns an error before the handshake is complete. Below TLS 1.3 it also returns
// an error if the connection has no extended master secret or permits renegotiation.
func Exporter(state *tls.ConnectionState) ([]sspi.ChannelBindings, error) {
	if err := complete(state); err != nil {
		return nil, err
	}
	contexts := [][]byte{{}}
	if state.Version < tls.VersionTLS13 {
		contexts = append(contexts, nil)
	}
	var out []sspi.ChannelBindings
	for _, c := range contexts {
		value, err := state.ExportKeyingMaterial("EXPORTER-Channel-Binding", c, 32)
		if err != nil {
			return nil, &status.Error{Reason: status.ReasonUnsupported, Detail: "sspitls: the connection exports no keying material", Err: err}
		}
		out = append(out, bindings("tls-exporter:", value))
	}
	return out, nil
}

// Unique returns the channel binding tls-unique (RFC 5929, Section 3) of a connection. It
// returns an error before the handshake is complete; with TLS 1.3, which does not define
// tls-unique (RFC 8446, Appendix C.5); and with a session that was resumed without the
// extended master secret, where tls-unique does not protect.
func Unique(state *tls.ConnectionState) ([]sspi.ChannelBindings, error) {
	if err := complete(state); err != nil {
		return nil, err
	}
	if state.Version >= tls.VersionTLS13 || len(state.TLSUnique) == 0 {
		return nil, &status.Error{Reason: status.ReasonUnsupported, Detail: "sspitls: the connection has no tls-unique"}
	}
	return []sspi.ChannelBindings{bindings("tls-unique:", state.TLSUnique)}, nil
}

func complete(state *tls.ConnectionState) error {
	if state == nil || !state.HandshakeComplete {
		return argument("the TLS handshake is not complete")
	}
	return nil
}
