package sspihttp

import (
	"net/http"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitls"
	"github.com/gosspi/kerberos/status"
)

// contextConfig returns the configuration of the exchange that r begins.
func (m *Middleware) contextConfig(r *http.Request) sspi.ContextConfig {
	cc := m.cfg.Context
	cc.Remote, cc.DeferReport, cc.WholeTokens = remote(r), true, true
	n := len(cc.ChannelBindings)
	given, unknown := m.bindings(r)
	cc.ChannelBindings = append(cc.ChannelBindings[:n:n], given...)
	switch {
	case cc.BindingsUnknown != nil:
	case r.TLS != nil:
		cc.BindingsUnknown = unknown
	case cc.BindingPolicy == sspi.BindingRequired: // the acceptor refuses the request with this cause
		cc.BindingsUnknown = misconfigured("the request did not come over TLS; if a proxy in front ends TLS, set Config.Context.ChannelBindings to sspitls.EndPoint of the proxy's certificate")
	}
	return cc
}

// bindings returns the channel bindings of r's connection. If the server does not know
// them, the error says which wiring is missing.
func (m *Middleware) bindings(r *http.Request) ([]sspi.ChannelBindings, error) {
	if m.cfg.Bindings != nil {
		given := m.cfg.Bindings(r)
		if len(given) == 0 {
			return nil, misconfigured("Config.Bindings returned no channel bindings for a request over TLS")
		}
		return given, nil
	}
	recorded, err := sspitls.Recorded(r.Context())
	if _, installed := r.Context().Value(connectionKey{}).(*connection); err != nil && !installed {
		err = misconfigured("set http.Server.ConnContext to Middleware.ConnContext, and http.Server.TLSConfig to the result of sspitls.Record")
	}
	return recorded, err
}

// misconfigured returns the error for a program that did not set up this package
// completely.
func misconfigured(detail string) error {
	return &status.Error{Reason: status.ReasonArgument, Detail: "sspihttp: " + detail}
}
