package sspitls

import (
	"context"
	"crypto/tls"
	"errors"
	"slices"
	"sync/atomic"

	"github.com/gosspi/kerberos/sspi"
)

// record holds the bindings of the certificate that the server presented on one connection.
// The connection's context holds it, and frees it with the connection.
type record struct {
	endPoint atomic.Pointer[[]sspi.ChannelBindings]
}

type recordKey struct{}

// WithRecord returns a copy of ctx, the context of a connection, in which [Record] can store
// the presented certificate. The program must pass that context, or a context derived from
// it, to tls.Conn.HandshakeContext; net/http does so with the context that
// http.Server.ConnContext returns. If WithRecord made ctx already, it returns ctx unchanged.
func WithRecord(ctx context.Context) context.Context {
	if _, ok := ctx.Value(recordKey{}).(*record); ok {
		return ctx
	}
	return context.WithValue(ctx, recordKey{}, new(record))
}

// Recorded returns the bindings of [EndPoint] for the certificate that the server presented
// on the connection of ctx. It returns an error with ReasonArgument if [WithRecord] did not
// make ctx, or if the server did not use a config that [Record] returned. Pass both results
// to the exchange, so that the acceptor refuses a client that is bound to an unrecorded
// certificate:
//
//	cc.ChannelBindings, cc.BindingsUnknown = sspitls.Recorded(ctx)
//
// The caller must not modify the bytes of the bindings, which all callers share.
func Recorded(ctx context.Context) ([]sspi.ChannelBindings, error) {
	r, ok := ctx.Value(recordKey{}).(*record)
	if !ok {
		return nil, argument("the context of the connection was not made by WithRecord, so no certificate was recorded")
	}
	b := r.endPoint.Load()
	if b == nil || len(*b) == 0 {
		return nil, argument(`no certificate was recorded on this connection; put the certificate into the tls.Config before Record returns its copy, let the server use that copy, and pass "" for both file names to ServeTLS`)
	}
	return slices.Clip(*b), nil
}

// Record returns a copy of a server's config that records the certificate presented on each
// connection. It does not change the choice of the certificate from Certificates, by
// GetCertificate, or by the config that GetConfigForClient returns.
//
// A server with the copy does not resume sessions, because a resumed session presents no
// certificate: each connection costs a full handshake. The deprecated field
// NameToCertificate is ignored.
//
// config must have its certificates when Record is called. Record does not see a certificate
// that the program adds later: http.Server.ServeTLS adds the certificate of its file names
// (pass "" for both), and httptest.Server.StartTLS adds a certificate of its own. [Recorded]
// returns an error on a connection on which the server presented such a certificate.
func Record(config *tls.Config) *tls.Config {
	if config == nil {
		config = new(tls.Config)
	}
	original := config.Clone()
	out := config.Clone()
	out.SessionTicketsDisabled = true
	if len(original.Certificates) > 0 || original.GetCertificate != nil {
		// If Certificates is set, crypto/tls calls GetCertificate only for clients that send a
		// server name.
		out.Certificates = nil
		out.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			c, err := choose(original, hello)
			if err == nil {
				note(hello.Context(), c)
			}
			return c, err
		}
	} // Otherwise the program may add a certificate later, which a GetCertificate without a
	// certificate would keep from the clients that send a server name.
	if original.GetConfigForClient != nil {
		out.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			chosen, err := original.GetConfigForClient(hello)
			if chosen == nil || err != nil {
				return nil, err
			}
			return Record(chosen), nil
		}
	}
	return out
}

// note stores the bindings of the certificate that the server is about to present. It stores
// an empty list if the certificate cannot be parsed; no client can parse it then either.
func note(ctx context.Context, c *tls.Certificate) {
	if r, ok := ctx.Value(recordKey{}).(*record); ok {
		leaf, _ := leafOf(c)
		b := EndPoint(leaf)
		r.endPoint.Store(&b)
	}
}

// choose returns the certificate that crypto/tls would choose. crypto/tls calls GetCertificate
// only for clients that send a server name, unless Certificates is empty.
func choose(config *tls.Config, hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if config.GetCertificate != nil && (len(config.Certificates) == 0 || hello.ServerName != "") {
		if c, err := config.GetCertificate(hello); c != nil || err != nil {
			return c, err
		}
	}
	if len(config.Certificates) == 0 {
		return nil, errors.New("sspitls: the tls.Config has no certificate for this client")
	}
	for i := range config.Certificates {
		if hello.SupportsCertificate(&config.Certificates[i]) == nil {
			return &config.Certificates[i], nil
		}
	}
	return &config.Certificates[0], nil
}
