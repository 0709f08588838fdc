package sspitls

import (
	"context"
	"crypto/tls"
	"errors"
	"slices"
	"sync/atomic"

	"github.com/gosspi/kerberos/sspi"
)

// record is what was presented on one connection. It lives in the connection's
// context and goes with it.
type record struct {
	endPoint atomic.Pointer[[]sspi.ChannelBindings]
}

type recordKey struct{}

// WithRecord gives ctx, a connection's context, a place for what [Record] sees. The
// TLS handshake must run under it, or under a context made of it: that is what
// tls.Conn.HandshakeContext is for, and what net/http does with the context of
// http.Server.ConnContext. A place that is there already stays.
func WithRecord(ctx context.Context) context.Context {
	if _, ok := ctx.Value(recordKey{}).(*record); ok {
		return ctx
	}
	return context.WithValue(ctx, recordKey{}, new(record))
}

// Recorded returns [EndPoint] of the certificate that the server presented on ctx's
// connection. Its error, of ReasonArgument, says why there is none: ctx was not made by
// [WithRecord], or the certificate did not come from a config that [Record] returned.
// Both results belong into the exchange, which then refuses a client that is bound to a
// certificate that nobody recorded:
//
//	cc.ChannelBindings, cc.BindingsUnknown = sspitls.Recorded(ctx)
//
// The bytes of the bindings are shared and must not be modified.
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

// Record returns a copy of a server's config that records, for each connection, which
// certificate was presented. The certificate is chosen as without Record: from
// Certificates, by GetCertificate, or by the config that GetConfigForClient returns.
//
// The copy resumes no sessions, since a resumed session presents no certificate: each
// connection costs a whole handshake. NameToCertificate, which is deprecated, is
// ignored.
//
// config must have its certificates when Record is called. Record does not see a
// certificate that is added later, as http.Server.ServeTLS adds the files that it is
// given (pass "" for both) and httptest.Server.StartTLS adds its own; [Recorded] returns
// an error on a connection that such a certificate was presented on.
func Record(config *tls.Config) *tls.Config {
	if config == nil {
		config = new(tls.Config)
	}
	original := config.Clone()
	out := config.Clone()
	out.SessionTicketsDisabled = true
	if len(original.Certificates) > 0 || original.GetCertificate != nil {
		// With Certificates, crypto/tls does not call GetCertificate for clients that name
		// no server.
		out.Certificates = nil
		out.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			c, err := choose(original, hello)
			if err == nil {
				note(hello.Context(), c)
			}
			return c, err
		}
	} // A GetCertificate without a choice would refuse only the clients that name a server.
	if original.GetConfigForClient != nil {
		out.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			theirs, err := original.GetConfigForClient(hello)
			if theirs == nil || err != nil {
				return nil, err
			}
			return Record(theirs), nil
		}
	}
	return out
}

// note keeps the bindings of the certificate that is about to be presented: none, if
// it cannot be read, which no client can then either.
func note(ctx context.Context, c *tls.Certificate) {
	if r, ok := ctx.Value(recordKey{}).(*record); ok {
		leaf, _ := leafOf(c)
		b := EndPoint(leaf)
		r.endPoint.Store(&b)
	}
}

// choose is the choice that crypto/tls makes, which calls GetCertificate only for
// clients that name the server, unless there is nothing else.
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
