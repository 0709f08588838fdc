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
	cc.Remote, cc.DeferReport = remote(r), true
	n := len(cc.ChannelBindings)
	given, err := m.bindings(r)
	cc.ChannelBindings = append(cc.ChannelBindings[:n:n], given...)
	if r.TLS != nil && cc.BindingsUnknown == nil {
		cc.BindingsUnknown = err
	}
	return cc
}

// bindings returns the channel bindings of r's connection, or why there are none.
// Without TLS there is no channel, and contextConfig ignores the error.
func (m *Middleware) bindings(r *http.Request) ([]sspi.ChannelBindings, error) {
	if m.cfg.Bindings != nil {
		given := m.cfg.Bindings(r)
		if len(given) == 0 {
			return nil, misconfigured("Config.Bindings returned no channel bindings for a request over TLS", nil)
		}
		return given, nil
	}
	recorded, err := sspitls.Recorded(r.Context())
	if err != nil {
		const wiring = "http.Server.ConnContext must be Middleware.ConnContext, and http.Server.TLSConfig the result of sspitls.Record"
		return nil, misconfigured(wiring, err)
	}
	return recorded, nil
}

// misconfigured returns the error of a program that left out what the package needs.
func misconfigured(detail string, cause error) error {
	return &status.Error{Reason: status.ReasonArgument, Detail: "sspihttp: " + detail, Err: cause}
}
