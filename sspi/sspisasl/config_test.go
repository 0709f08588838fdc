package sspisasl_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspisasl"
	"github.com/gosspi/kerberos/status"
)

func TestConfig_Mechanisms(t *testing.T) {
	const gssapi, spnego, gs2, plus = sspisasl.GSSAPI, sspisasl.GSSSPNEGO, sspisasl.GS2KRB5, sspisasl.GS2KRB5Plus
	typed, untyped := []sspi.ChannelBindings{endPoint("data")}, []sspi.ChannelBindings{{ApplicationData: []byte("data")}}
	for _, c := range []struct {
		name     string
		layers   sspisasl.Layer
		bindings []sspi.ChannelBindings
		policy   sspi.BindingPolicy
		want     []sspisasl.Mechanism
	}{
		{"default", 0, nil, 0, []sspisasl.Mechanism{gssapi, spnego}},
		{"a layer is due, with bindings", 0, typed, 0, []sspisasl.Mechanism{gssapi, spnego}},
		{"no layer", all, nil, 0, []sspisasl.Mechanism{gs2, gssapi, spnego}},
		{"bindings", all, typed, 0, []sspisasl.Mechanism{plus, gssapi, spnego}},
		{"bindings required", all, typed, sspi.BindingRequired, []sspisasl.Mechanism{plus, gssapi, spnego}},
		{"bindings may miss", all, typed, sspi.BindingAllowMissing, []sspisasl.Mechanism{plus, gs2, gssapi, spnego}},
		{"bindings without a type", all, untyped, 0, []sspisasl.Mechanism{gssapi, spnego}},
		{"bindings without a type may miss", all, untyped, sspi.BindingAllowMissing, []sspisasl.Mechanism{gs2, gssapi, spnego}},
		{"bindings of a proxy", all, nil, sspi.BindingProxied, []sspisasl.Mechanism{gssapi, spnego}},
		{"bindings of a proxy may miss", all, typed, sspi.BindingProxiedAllowMissing, []sspisasl.Mechanism{gssapi, spnego}},
	} {
		cfg := newSite(t).config()
		cfg.Layers = c.layers
		cfg.Context.ChannelBindings, cfg.Context.BindingPolicy = c.bindings, c.policy
		got := cfg.Mechanisms()
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		for _, m := range got {
			if _, err := sspisasl.New(*cfg, m); err != nil {
				t.Errorf("%s: %s is offered: %v", c.name, m, err)
			}
		}
	}
}

func TestConfig_Refused(t *testing.T) {
	good := newSite(t).config()
	for _, c := range []struct {
		name      string
		mechanism sspisasl.Mechanism
		change    func(*sspisasl.Config)
		reason    status.Reason
	}{
		{"no acceptor", sspisasl.GSSAPI, func(c *sspisasl.Config) { c.Acceptor = nil }, status.ReasonArgument},
		{"unknown layer", sspisasl.GSSAPI, func(c *sspisasl.Config) { c.Layers = 8 | sspisasl.NoLayer }, status.ReasonArgument},
		{"small buffer", sspisasl.GSSAPI, func(c *sspisasl.Config) { c.MaxBuffer = 1023 }, status.ReasonArgument},
		{"negative buffer", sspisasl.GSSAPI, func(c *sspisasl.Config) { c.MaxBuffer = -1 }, status.ReasonArgument},
		{"large buffer", sspisasl.GSSAPI, func(c *sspisasl.Config) { c.MaxBuffer = 1 << 24 }, status.ReasonArgument},
		{"proxied GS2", sspisasl.GS2KRB5, func(c *sspisasl.Config) { c.Context.BindingPolicy = sspi.BindingProxied }, status.ReasonArgument},
		{"proxied GS2, or not", sspisasl.GS2KRB5, func(c *sspisasl.Config) { c.Context.BindingPolicy = sspi.BindingProxiedAllowMissing }, status.ReasonArgument},
		{"GS2 where a layer is due", sspisasl.GS2KRB5, func(c *sspisasl.Config) { c.Layers = 0 }, status.ReasonUnsupportedMechanism},
		{"PLUS without bindings", sspisasl.GS2KRB5Plus, func(*sspisasl.Config) {}, status.ReasonUnsupportedMechanism},
		{"no mechanism", "", func(*sspisasl.Config) {}, status.ReasonUnsupportedMechanism},
		{"in lower case", "gssapi", func(*sspisasl.Config) {}, status.ReasonUnsupportedMechanism},
		{"another", "PLAIN", func(*sspisasl.Config) {}, status.ReasonUnsupportedMechanism},
	} {
		cfg := *good
		c.change(&cfg)
		if s, err := sspisasl.New(cfg, c.mechanism); s != nil || status.ReasonOf(err) != c.reason {
			t.Errorf("%s: %v, %v", c.name, s, err)
		}
	}
}

func TestLayer_String(t *testing.T) {
	got := fmt.Sprint(sspisasl.NoLayer, sspisasl.Integrity, sspisasl.Confidentiality, all, sspisasl.Layer(0))
	if want := "none integrity confidentiality Layer(0x7) Layer(0x0)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
