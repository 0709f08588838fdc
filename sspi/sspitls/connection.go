package sspitls

import (
	"crypto/tls"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// Exporter is tls-exporter (RFC 9266) of a connection. Below TLS 1.3 the result has
// two: an empty context, as the RFC has it, and none at all, as many clients do,
// give different values there, and each is of this connection alone.
//
// It is an error before the handshake is over, and below TLS 1.3 also without the
// extended master secret and with renegotiation.
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

// Unique is tls-unique (RFC 5929, Section 3) of a connection. It is an error before
// the handshake is over, with TLS 1.3, which has none (RFC 8446, Appendix C.5), and
// with a session resumed without the extended master secret, where it does not
// protect.
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
		return argument("the TLS handshake is not over")
	}
	return nil
}
