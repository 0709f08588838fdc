package sspisasl_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspisasl"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

func endPoint(data string) sspi.ChannelBindings {
	return sspi.ChannelBindings{ApplicationData: []byte("tls-server-end-point:" + data)}
}

// gs2 returns a client's first message. The token is bound to bound, or to nothing if bound
// is "".
func (s *site) gs2(header, bound string) []byte {
	s.t.Helper()
	message, _ := s.gs2As(header, bound, 0)
	return message
}

func (s *site) gs2As(header, bound string, f flags.GSS) ([]byte, *sspitest.Initiator) {
	s.t.Helper()
	o := sspitest.Options{Flags: f}
	if bound != "" {
		o.ChannelBindings = &sspi.ChannelBindings{ApplicationData: []byte(bound)}
	}
	client := s.client(o)
	return unframed(s.t, header, say(s.t, client, nil)), client
}

// unframed returns a first message with the token, without its GSS frame.
func unframed(t testing.TB, header string, token []byte) []byte {
	t.Helper()
	f, err := krb5.CutFrame(token)
	if err != nil {
		t.Fatal(err)
	}
	return append(binary.BigEndian.AppendUint16([]byte(header), f.TokID), f.Inner...)
}

// TestGS2KRB5_AsCyrus checks the messages of Cyrus SASL: one in each direction and an empty
// one or, with success data, one in each direction.
func TestGS2KRB5_AsCyrus(t *testing.T) {
	for _, successData := range []bool{false, true} {
		site := newSite(t)
		cfg := site.config()
		cfg.SuccessData = successData
		s := newServer(t, cfg, sspisasl.GS2KRB5)
		message, client := site.gs2As("n,,", "n,,", plain)
		challenge, done := next(t, s, message)
		if done != successData {
			t.Fatalf("done is %v", done)
		}
		if _, finished, err := client.Next(challenge); err != nil || !finished {
			t.Fatalf("the client: %v, %v", finished, err)
		}
		if !successData {
			if s.Peer() != nil || s.Layer() != 0 {
				t.Error("an identity before the end")
			}
			if challenge, done := next(t, s, nil); !done || challenge != nil {
				t.Fatalf("%x, %v", challenge, done)
			}
		}
		if s.Peer().Client.String() != "alice@EXAMPLE.COM" || s.Layer() != sspisasl.NoLayer || s.Peer().Binding != authenticator.BindingUnchecked {
			t.Errorf("%v, %v, %v", s.Peer().Client, s.Layer(), s.Peer().Binding)
		}
		over(t, s)
	}
}

// TestGS2KRB5_Bindings checks the rules of RFC 5801, Section 5, and those of the policy.
func TestGS2KRB5_Bindings(t *testing.T) {
	const base, plus = sspisasl.GS2KRB5, sspisasl.GS2KRB5Plus
	const header = "p=tls-server-end-point,,"
	old, current := endPoint("old"), endPoint("new")
	exporter := sspi.ChannelBindings{ApplicationData: []byte("tls-exporter:secret")}
	untyped := sspi.ChannelBindings{ApplicationData: []byte("something")}
	type channels = []sspi.ChannelBindings
	for _, c := range []struct {
		name      string
		mechanism sspisasl.Mechanism
		channels  channels
		policy    sspi.BindingPolicy
		header    string
		bound     string // the bindings of the token
		reason    status.Reason
		binding   authenticator.Binding
	}{
		{"n", base, nil, 0, "n,,", "n,,", 0, authenticator.BindingUnchecked},
		{"y", base, nil, 0, "y,,", "y,,", 0, authenticator.BindingUnchecked},
		{"the token is not bound", base, nil, 0, "n,,", "", status.ReasonBindingMissing, 0},
		{"the flag was changed", base, nil, 0, "n,,", "y,,", status.ReasonBindingMismatch, 0},
		{"the identity was added", base, nil, 0, "n,a=alice,", "n,,", status.ReasonBindingMismatch, 0},
		{"the identity was taken away", base, nil, 0, "n,,", "n,a=alice,", status.ReasonBindingMismatch, 0},
		{"missing allowed, the token is not bound", base, nil, sspi.BindingAllowMissing, "n,,", "", status.ReasonBindingMissing, 0},
		{"required, none here", base, nil, sspi.BindingRequired, "n,,", "n,,", status.ReasonBindingMissing, 0},

		{"n where bindings are", base, channels{current}, 0, "n,,", "n,,", status.ReasonBindingMissing, 0},
		{"n where bindings may miss", base, channels{current}, sspi.BindingAllowMissing, "n,,", "n,,", 0, authenticator.BindingMissing},
		{"y where PLUS is served", base, channels{current}, sspi.BindingAllowMissing, "y,,", "y,,", status.ReasonBindingMissing, 0},
		{"y where PLUS cannot be", base, channels{untyped}, sspi.BindingAllowMissing, "y,,", "y,,", 0, authenticator.BindingMissing},
		{"p without PLUS", base, channels{current}, 0, header, header + "new", status.ReasonMalformedToken, 0},
		{"p without bindings", base, nil, 0, header, header, status.ReasonMalformedToken, 0},

		{"p", plus, channels{current}, 0, header, header + "new", 0, authenticator.BindingMatched},
		{"p, the second", plus, channels{exporter, old, current}, 0, header, header + "new", 0, authenticator.BindingMatched},
		{"p, another type", plus, channels{old, exporter}, 0, "p=tls-exporter,,", "p=tls-exporter,,secret", 0, authenticator.BindingMatched},
		{"p, data of another type", plus, channels{old, exporter}, 0, "p=tls-exporter,,", "p=tls-exporter,,old", status.ReasonBindingMismatch, 0},
		{"p, an unknown type", plus, channels{current}, 0, "p=tls-unique,,", "p=tls-unique,,new", status.ReasonBindingMismatch, 0},
		{"p, another channel", plus, channels{current}, 0, header, header + "other", status.ReasonBindingMismatch, 0},
		{"p, no data", plus, channels{current}, 0, header, header, status.ReasonBindingMismatch, 0},
		{"p, with the prefix", plus, channels{current}, 0, header, header + "tls-server-end-point:new", status.ReasonBindingMismatch, 0},
		{"p, not bound", plus, channels{current}, sspi.BindingAllowMissing, header, "", status.ReasonBindingMissing, 0},
		{"PLUS with n", plus, channels{current}, sspi.BindingAllowMissing, "n,,", "n,,", status.ReasonBindingMissing, 0},
		{"PLUS with y", plus, channels{current}, 0, "y,,", "y,,", status.ReasonBindingMissing, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			site := newSite(t)
			cfg := site.config()
			cfg.SuccessData = true
			cfg.Context.ChannelBindings, cfg.Context.BindingPolicy = c.channels, c.policy
			s := newServer(t, cfg, c.mechanism)
			message := site.gs2(c.header, c.bound)
			if c.reason != 0 {
				refused(t, s, message, c.reason, "")
				return
			}
			if _, done := next(t, s, message); !done || s.Peer().Binding != c.binding {
				t.Errorf("%v, %v", done, s.Peer().Binding)
			}
		})
	}
}

// TestGS2KRB5_Identity checks that the identity of the header is bound by the token,
// unescaped, and passed to Authorize.
func TestGS2KRB5_Identity(t *testing.T) {
	var asked string
	for header, authzid := range map[string]string{
		"n,a=alice,": "alice", "n,a==2C=3D=2C,": ",=,", "n,a=J=3DK,": "J=K", "n,a=\u00fc\u4e16\U0001f600,": "\u00fc\u4e16\U0001f600", "y,,": "",
	} {
		site := newSite(t)
		cfg := site.config()
		cfg.SuccessData = true
		cfg.Authorize = func(_ *sspi.Peer, authzid string) error { asked = authzid; return nil }
		s := newServer(t, cfg, sspisasl.GS2KRB5)
		want := authzid
		if want == "" {
			want = "alice@EXAMPLE.COM"
		}
		if _, done := next(t, s, site.gs2(header, header)); !done || s.AuthorizationID() != want || asked != authzid {
			t.Errorf("%q: %v, %q, asked %q", header, done, s.AuthorizationID(), asked)
		}
	}
}

// TestGS2KRB5_FirstMessage checks invalid first messages.
func TestGS2KRB5_FirstMessage(t *testing.T) {
	site := newSite(t)
	token := say(t, site.client(sspitest.Options{ChannelBindings: &sspi.ChannelBindings{ApplicationData: []byte("n,,")}}), nil)
	for _, c := range []struct {
		name    string
		message []byte
		detail  string
	}{
		{"framed", append([]byte("n,,"), token...), "not an AP-REQ"},
		{"no header", token, "no GS2 header"},
		{"header without end", []byte("n,a=alice"), "header is incomplete"},
		{"header only", []byte("n,,"), "no token"},
		{"one byte behind", []byte("n,,\x01"), "no token"},
		{"not Kerberos", []byte("n,,NTLMSSP\x00\x01\x00\x00\x00"), "not an AP-REQ"},
		{"F", unframed(t, "F,n,,", token), "mechanisms without a GSS frame"},
		{"AP-REP", append([]byte("n,,\x02\x00"), token[17:]...), "not an AP-REQ"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t, site.config(), sspisasl.GS2KRB5)
			_, done, err := s.Next(c.message)
			switch reason := status.ReasonOf(err); {
			case done, reason != status.ReasonMalformedToken && reason != status.ReasonWrongMessageType, !strings.Contains(err.Error(), c.detail):
				t.Errorf("%v, %v", done, err)
			}
			over(t, s)
		})
	}
}

// TestGS2KRB5_Mutual checks that a client must request mutual authentication.
func TestGS2KRB5_Mutual(t *testing.T) {
	site := newSite(t)
	client := site.client(sspitest.Options{OneWay: true, ChannelBindings: &sspi.ChannelBindings{ApplicationData: []byte("n,,")}})
	refused(t, newServer(t, site.config(), sspisasl.GS2KRB5), unframed(t, "n,,", say(t, client, nil)), status.ReasonRequirementNotMet, "MUTUAL")
}

// TestGS2KRB5_AckMustBeEmpty checks that the last message of the client must be empty.
func TestGS2KRB5_AckMustBeEmpty(t *testing.T) {
	site := newSite(t)
	s := newServer(t, site.config(), sspisasl.GS2KRB5)
	message := site.gs2("n,,", "n,,")
	next(t, s, message)
	refused(t, s, message, status.ReasonMalformedToken, "must be empty")
}
