package sspitest_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

const service = "HTTP/www.example.com"

// login runs a login with a new realm, and returns both sides.
func login(t *testing.T, o sspitest.Options, cc sspi.ContextConfig) (*sspi.Peer, *sspi.Context, *sspitest.Initiator, error) {
	t.Helper()
	realm := sspitest.NewDeterministicRealm("EXAMPLE.COM")
	acceptor, err := realm.Acceptor(service)
	if err != nil {
		t.Fatal(err)
	}
	client, err := realm.User("alice").Initiate(service, o)
	if err != nil {
		t.Fatal(err)
	}
	c := acceptor.NewContext(cc)
	peer, err := sspitest.Handshake(client, c)
	return peer, c, client, err
}

// TestOptions_Seen checks that the acceptor sees the effect of each option, with SPNEGO and
// without.
func TestOptions_Seen(t *testing.T) {
	const asked = flags.ASC_RET_MUTUAL_AUTH | flags.ASC_RET_REPLAY_DETECT | flags.ASC_RET_SEQUENCE_DETECT |
		flags.ASC_RET_CONFIDENTIALITY | flags.ASC_RET_INTEGRITY
	now := sspitest.NewDeterministicRealm("X").Now()
	channel := sspi.ChannelBindings{ApplicationData: []byte("tls-server-end-point:0123456789abcdef")}
	addressed := sspi.ChannelBindings{
		InitiatorAddrType: 2, InitiatorAddress: []byte{192, 0, 2, 1},
		AcceptorAddrType: 2, AcceptorAddress: []byte{192, 0, 2, 2}, ApplicationData: []byte("x"),
	}
	bound := func(c sspi.ChannelBindings) sspi.ContextConfig {
		return sspi.ContextConfig{ChannelBindings: []sspi.ChannelBindings{c}}
	}
	allowMissing := bound(channel)
	allowMissing.BindingPolicy = sspi.BindingAllowMissing

	for _, row := range []struct {
		name   string
		client sspitest.Options
		server sspi.ContextConfig
		refuse status.Reason
		see    func(*sspi.Peer) (got, want any)
	}{
		{"nothing", sspitest.Options{}, sspi.ContextConfig{}, status.ReasonNone, func(p *sspi.Peer) (any, any) { return p.Flags, asked }},
		{"flags", sspitest.Options{Flags: flags.GSS_C_INTEG_FLAG | flags.GSS_C_MUTUAL_FLAG | flags.GSS_C_IDENTIFY_FLAG}, sspi.ContextConfig{}, status.ReasonNone, func(p *sspi.Peer) (any, any) {
			return p.Flags, flags.ASC_RET_INTEGRITY | flags.ASC_RET_MUTUAL_AUTH | flags.ASC_RET_IDENTIFY
		}},
		{"one-way", sspitest.Options{OneWay: true}, sspi.ContextConfig{}, status.ReasonNone, func(p *sspi.Peer) (any, any) { return p.Flags, asked &^ flags.ASC_RET_MUTUAL_AUTH }},
		{"no flags at all", sspitest.Options{OneWay: true, Flags: flags.GSS_C_MUTUAL_FLAG}, sspi.ContextConfig{}, status.ReasonNone, func(p *sspi.Peer) (any, any) { return p.Flags, flags.ASC_RET(0) }},
		{"no flags, and mutual authentication required", sspitest.Options{OneWay: true}, sspi.ContextConfig{Require: flags.ASC_RET_MUTUAL_AUTH}, status.ReasonRequirementNotMet, nil},
		{"DCE style", sspitest.Options{DCEStyle: true}, sspi.ContextConfig{}, status.ReasonNone, func(p *sspi.Peer) (any, any) { return p.Flags, asked | flags.ASC_RET_USED_DCE_STYLE }},
		{"DCE style by its flag", sspitest.Options{Flags: sspitest.DefaultFlags | flags.GSS_C_DCE_STYLE}, sspi.ContextConfig{}, status.ReasonNone, func(p *sspi.Peer) (any, any) { return p.Flags, asked | flags.ASC_RET_USED_DCE_STYLE }},
		{"delegation", sspitest.Options{Delegate: true}, sspi.ContextConfig{AcceptDelegation: true}, status.ReasonNone, func(p *sspi.Peer) (any, any) { return p.Flags, asked | flags.ASC_RET_DELEGATE }},
		{"delegation by its flag", sspitest.Options{Flags: sspitest.DefaultFlags | flags.GSS_C_DELEG_FLAG}, sspi.ContextConfig{AcceptDelegation: true}, status.ReasonNone, func(p *sspi.Peer) (any, any) { return p.Flags, asked | flags.ASC_RET_DELEGATE }},
		{"delegation that nobody wants", sspitest.Options{Delegate: true}, sspi.ContextConfig{}, status.ReasonNone, func(p *sspi.Peer) (any, any) { return p.Flags, asked }},
		{"raw", sspitest.Options{Raw: true}, sspi.ContextConfig{AllowRawAPReq: true}, status.ReasonNone, func(p *sspi.Peer) (any, any) { return p.Flags, asked }},
		{"raw, not allowed", sspitest.Options{Raw: true}, sspi.ContextConfig{}, status.ReasonMalformedToken, nil},
		{"RC4 ticket", sspitest.Options{TicketEType: keytab.RC4_HMAC}, sspi.ContextConfig{}, status.ReasonETypeRefused, nil},
		{"RC4 session key", sspitest.Options{SessionEType: keytab.RC4_HMAC}, sspi.ContextConfig{}, status.ReasonETypeRefused, nil},
		{"RC4 subkey", sspitest.Options{SubkeyEType: keytab.RC4_HMAC}, sspi.ContextConfig{}, status.ReasonETypeRefused, nil},
		{"channel bindings", sspitest.Options{ChannelBindings: &channel}, bound(channel), status.ReasonNone, func(p *sspi.Peer) (any, any) { return p.Binding, authenticator.BindingMatched }},
		{"channel bindings with addresses", sspitest.Options{ChannelBindings: &addressed}, bound(addressed), status.ReasonNone, func(p *sspi.Peer) (any, any) { return p.Binding, authenticator.BindingMatched }},
		{"another channel", sspitest.Options{ChannelBindings: &addressed}, bound(channel), status.ReasonBindingMismatch, nil},
		{"no channel", sspitest.Options{}, bound(channel), status.ReasonBindingMissing, nil},
		{"no channel, allowed", sspitest.Options{}, allowMissing, status.ReasonNone, func(p *sspi.Peer) (any, any) { return p.Binding, authenticator.BindingMissing }},
		{"no channel by a client that knows of them", sspitest.Options{BindingAware: true}, allowMissing, status.ReasonBindingMissing, nil},
		{"target", sspitest.Options{Target: "HTTP/www@X"}, sspi.ContextConfig{Targets: []string{"HTTP/www@X"}}, status.ReasonNone, func(p *sspi.Peer) (any, any) { return p.Target, "HTTP/www@X" }},
		{"another target", sspitest.Options{Target: "cifs/www@X"}, sspi.ContextConfig{Targets: []string{"HTTP/www@X"}}, status.ReasonTargetNotAllowed, nil},
		{"expired", sspitest.Options{EndTime: now.Add(-time.Hour)}, sspi.ContextConfig{}, status.ReasonTicketExpired, nil},
		{"times", sspitest.Options{StartTime: now.Add(-time.Hour), EndTime: now.Add(time.Minute)}, sspi.ContextConfig{}, status.ReasonNone, func(p *sspi.Peer) (any, any) {
			second := now.Truncate(time.Second)
			return []time.Time{p.AuthTime, p.StartTime, p.EndTime}, []time.Time{second.Add(-time.Hour), second.Add(-time.Hour), second.Add(time.Minute)}
		}},
		{"expired, but within the skew", sspitest.Options{EndTime: now.Add(-time.Minute)}, sspi.ContextConfig{}, status.ReasonNone, func(p *sspi.Peer) (any, any) {
			end := now.Truncate(time.Second).Add(-time.Minute)
			return []time.Time{p.StartTime, p.EndTime}, []time.Time{end.Add(-10 * time.Hour), end}
		}},
		{"times by default", sspitest.Options{}, sspi.ContextConfig{}, status.ReasonNone, func(p *sspi.Peer) (any, any) {
			second := now.Truncate(time.Second)
			return []time.Time{p.StartTime, p.EndTime}, []time.Time{second, second.Add(10 * time.Hour)}
		}},
		{"a clock that is slow enough", sspitest.Options{ClockOffset: -4 * time.Minute}, sspi.ContextConfig{}, status.ReasonNone, nil},
		{"a fast clock, corrected", sspitest.Options{ClockOffset: 6 * time.Minute, RetrySkew: true}, sspi.ContextConfig{}, status.ReasonNone, nil},
		{"a slow clock, corrected, with delegation", sspitest.Options{ClockOffset: -time.Hour, RetrySkew: true, Delegate: true}, sspi.ContextConfig{AcceptDelegation: true}, status.ReasonNone, func(p *sspi.Peer) (any, any) { return p.Flags, asked | flags.ASC_RET_DELEGATE }},
		{"a ticket that is not valid at the second try either", sspitest.Options{StartTime: now.Add(time.Hour), RetrySkew: true}, sspi.ContextConfig{}, status.ReasonTicketNotYetValid, nil},
	} {
		for _, spnego := range []bool{false, true} {
			name := row.name
			if row.client.SPNEGO = spnego; spnego {
				name += ", SPNEGO"
			}
			t.Run(name, func(t *testing.T) {
				peer, c, client, err := login(t, row.client, row.server)
				if got := status.ReasonOf(err); got != row.refuse {
					t.Fatalf("%v, want %v", err, row.refuse)
				}
				if row.refuse != status.ReasonNone {
					if peer != nil {
						t.Error("a refused client has an identity")
					}
					return
				}
				if peer.Client.String() != "alice@EXAMPLE.COM" || peer.Service.String() != service+"@EXAMPLE.COM" {
					t.Errorf("%v at %v", peer.Client, peer.Service)
				}
				if row.see != nil {
					if got, want := row.see(peer); !reflect.DeepEqual(got, want) {
						t.Errorf("the acceptor sees %v, want %v", got, want)
					}
				}
				sameContext(t, c, client, peer)
			})
		}
	}
}

// sameContext checks that both ends have the same key and report the same facts.
func sameContext(t *testing.T, c *sspi.Context, client *sspitest.Initiator, peer *sspi.Peer) {
	t.Helper()
	theirs, err := c.SessionKey()
	if err != nil {
		t.Fatal(err)
	}
	ours, err := client.SessionKey()
	if err != nil || !slices.Equal(ours, theirs) {
		t.Errorf("the two ends have different keys: %v", err)
	}
	facts, err := client.Facts()
	mutual := peer.Flags&flags.ASC_RET_MUTUAL_AUTH != 0
	if err != nil || facts.EType != peer.ContextEType || facts.Mutual != mutual || facts.AcceptorSubkey != mutual {
		t.Errorf("facts %+v, %v; the acceptor has %v and %v", facts, err, peer.ContextEType, peer.Flags)
	}
	exchange(t, c, client)
}

// exchange sends each kind of message in each direction.
func exchange(t *testing.T, c *sspi.Context, client *sspitest.Initiator) {
	t.Helper()
	for _, seal := range []bool{true, false} {
		token, err := client.Wrap([]byte("hello"), seal)
		if err != nil {
			t.Fatal(err)
		}
		if message, sealed, err := c.Unwrap(nil, token); err != nil || sealed != seal || string(message) != "hello" {
			t.Errorf("the acceptor: %q, sealed %v, %v", message, sealed, err)
		}
		if token, err = c.Wrap(nil, []byte("welcome"), seal); err != nil {
			t.Fatal(err)
		}
		if message, sealed, err := client.Unwrap(token); err != nil || sealed != seal || string(message) != "welcome" {
			t.Errorf("the client: %q, sealed %v, %v", message, sealed, err)
		}
	}
	mic, err := client.GetMIC([]byte("signed"))
	if err == nil {
		err = c.VerifyMIC([]byte("signed"), mic)
	}
	if err != nil {
		t.Errorf("the acceptor: %v", err)
	}
	mic, err = c.GetMIC(nil, []byte("signed too"))
	if err == nil {
		err = client.VerifyMIC([]byte("signed too"), mic)
	}
	if err != nil {
		t.Errorf("the client: %v", err)
	}
}
