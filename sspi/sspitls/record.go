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

// Recorded is [EndPoint] of the certificate that was presented on ctx's connection.
// It is nil if none was, or if [Record] or [WithRecord] were left out. Its bytes are
// shared and must not be modified.
func Recorded(ctx context.Context) []sspi.ChannelBindings {
	r, ok := ctx.Value(recordKey{}).(*record)
	if !ok {
		return nil
	}
	if b := r.endPoint.Load(); b != nil {
		return slices.Clip(*b)
	}
	return nil
}

// Record returns a copy of a server's config that keeps, for each connection, which
// certificate was presented. The choice is made as before: of Certificates, by
// GetCertificate, or by the config that GetConfigForClient returns.
//
// The copy resumes no sessions, since a resumed session presents no certificate: each
// connection costs a whole handshake. It must have its certificates already:
// http.Server.ServeTLS and its like get "" for both file names. NameToCertificate,
// which is deprecated, is not looked at.
func Record(config *tls.Config) *tls.Config {
	if config == nil {
		config = new(tls.Config)
	}
	original := config.Clone()
	out := config.Clone()
	out.SessionTicketsDisabled = true
	// With Certificates, GetCertificate is not called for clients that name no server.
	out.Certificates = nil
	out.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		c, err := choose(original, hello)
		if err == nil {
			note(hello.Context(), c)
		}
		return c, err
	}
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
