package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspisasl"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// getsIn checks that a client with a valid ticket can log in on a new connection.
func (w *world) getsIn(t *testing.T) {
	t.Helper()
	c := w.dial(t)
	if r := c.gssapi(w, sspisasl.Confidentiality, ""); r.code != success {
		t.Fatalf("a client with a valid ticket: %+v\n%s", r, w.log)
	}
	c.isAlice("GSSAPI", sspisasl.Confidentiality)
}

var ntlm = []byte("NTLMSSP\x00\x01\x00\x00\x00\x97\x82\x08\xe2\x00\x00\x00\x00\x28\x00\x00\x00\x00\x00\x00\x00\x28\x00\x00\x00\x0a\x00\x61\x4a\x00\x00\x00\x0f")

// TestBind_Refused checks that the server answers each refused bind, logs it in one line,
// and accepts a valid login on the same connection afterwards.
func TestBind_Refused(t *testing.T) {
	w := start(t, allLayers)
	_, forOther := w.initiate(t, sspitest.Options{})
	if err := w.realm.Rotate(service); err != nil {
		t.Fatal(err)
	}
	_, _ = w.realm.Service("HTTP/localhost")
	web, err := w.realm.User("alice").Initiate("HTTP/localhost", sspitest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	toWeb, _, err := web.Next(nil)
	if err != nil {
		t.Fatal(err)
	}
	_, expired := w.initiate(t, sspitest.Options{EndTime: time.Now().Add(-time.Hour)})
	for name, c := range map[string]struct {
		mechanism string
		token     []byte
		code      int64
		reason    status.Reason // 0 if the test accepts any
	}{
		"unknown mechanism":       {"DIGEST-MD5", nil, authMethodNotSupported, status.ReasonUnsupportedMechanism},
		"mechanism without name":  {"", nil, authMethodNotSupported, status.ReasonUnsupportedMechanism},
		"mechanism in lower case": {"gssapi", nil, authMethodNotSupported, status.ReasonUnsupportedMechanism},
		"long mechanism":          {strings.Repeat("\n", 60_000), nil, authMethodNotSupported, status.ReasonUnsupportedMechanism},
		"rubbish":                 {"GSSAPI", []byte("rubbish"), invalidCredentials, status.ReasonMalformedToken},
		"rubbish, SPNEGO":         {"GSS-SPNEGO", []byte("rubbish"), invalidCredentials, 0},
		"rubbish, GS2":            {"GS2-KRB5", []byte("rubbish"), invalidCredentials, status.ReasonMalformedToken},
		"GS2, no token":           {"GS2-KRB5", []byte("n,,"), invalidCredentials, status.ReasonMalformedToken},
		"NTLM":                    {"GSSAPI", ntlm, invalidCredentials, 0},
		"NTLM, SPNEGO":            {"GSS-SPNEGO", ntlm, invalidCredentials, status.ReasonNTLM},
		"60 kB of zeros":          {"GSSAPI", make([]byte, 60_000), invalidCredentials, 0},
		"ticket for another":      {"GSSAPI", toWeb, invalidCredentials, 0},
		"expired ticket":          {"GSSAPI", expired, invalidCredentials, status.ReasonTicketExpired},
		"one bit wrong":           {"GSSAPI", flipped(forOther), invalidCredentials, 0},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(w.log.String())
			client := w.dial(t)
			r := client.sasl(c.mechanism, c.token)
			log := w.log.String()[before:]
			if r.code != c.code || !strings.Contains(log, "kerberos: refused") || len(log) > 2000 || strings.Count(log, "\n") != 1 {
				t.Errorf("%+v, want %d; log:\n%.2000s", r, c.code, log)
			}
			if c.reason != 0 && !strings.Contains(log, "error.type="+c.reason.String()) {
				t.Errorf("want %v; log:\n%s", c.reason, log)
			}
			if id := client.whoAmI(); id != "" {
				t.Errorf("whoami is %q", id)
			}
			if r := client.gssapi(w, sspisasl.Integrity, ""); r.code != success {
				t.Errorf("a valid login afterwards: %+v", r)
			}
		})
	}
}

func flipped(token []byte) []byte {
	token = slices.Clone(token)
	token[len(token)-1] ^= 1
	return token
}

// TestBind_OtherThanSASL checks the answers to simple binds, to an unknown authentication
// choice and to LDAP version 2.
func TestBind_OtherThanSASL(t *testing.T) {
	w := start(t, allLayers)
	c := w.dial(t)
	for _, b := range []struct {
		name, password string
		code           int64
	}{
		{"", "", success},
		{"cn=alice", "secret", authMethodNotSupported},
		{"", "secret", authMethodNotSupported},
		{"cn=alice", "", unwillingToPerform},
	} {
		if r := c.simple(b.name, b.password); r.code != b.code {
			t.Errorf("%q with password %q: %+v, want %d", b.name, b.password, r, b.code)
		}
		if id := c.whoAmI(); id != "" {
			t.Errorf("whoami is %q", id)
		}
	}
	c.write(c.next(bindOp(2, "", tagged(authSimple, ""))))
	if r := c.must(opBindResponse); r.code != protocolError {
		t.Errorf("version 2: %+v", r)
	}
	c.write(c.next(bindOp(ldapVersion, "", tagged(10, "sicily"))))
	if r := c.must(opBindResponse); r.code != authMethodNotSupported {
		t.Errorf("another choice: %+v", r)
	}
	if strings.Contains(w.log.String(), "secret") {
		t.Errorf("the log has a password:\n%s", w.log)
	}
}

// TestBind_NoInitialToken checks that a client may send the name of the mechanism without a
// token. The server then answers with an empty challenge.
func TestBind_NoInitialToken(t *testing.T) {
	w := start(t, allLayers)
	for _, mechanism := range []string{"GSSAPI", "GS2-KRB5"} {
		c := w.dial(t)
		r := c.sasl(mechanism, nil)
		if got, ok := r.more[responseSASLCredentials]; r.code != saslBindInProgress || !ok || got != "" {
			t.Errorf("%s: %+v", mechanism, r)
		}
		if r := c.sasl(mechanism, nil); r.code != invalidCredentials {
			t.Errorf("%s, again without a token: %+v", mechanism, r)
		}
		if r := c.gssapi(w, sspisasl.Integrity, ""); r.code != success {
			t.Errorf("a valid login afterwards: %+v", r)
		}
	}
}

func TestBind_PolicyRefuses(t *testing.T) {
	w := start(t, sspisasl.Confidentiality)
	for name, login := range map[string]func(c *client) response{
		"no layer":         func(c *client) response { return c.gssapi(w, sspisasl.NoLayer, "") },
		"integrity":        func(c *client) response { return c.gssapi(w, sspisasl.Integrity, "") },
		"somebody else":    func(c *client) response { return c.gssapi(w, sspisasl.Confidentiality, "u:bob") },
		"a DN":             func(c *client) response { return c.gssapi(w, sspisasl.Confidentiality, "dn:cn=alice") },
		"without a prefix": func(c *client) response { return c.gssapi(w, sspisasl.Confidentiality, "alice") },
	} {
		c := w.dial(t)
		if r := login(c); r.code != invalidCredentials {
			t.Errorf("%s: %+v", name, r)
		}
		if id := c.whoAmI(); id != "" {
			t.Errorf("%s: whoami is %q", name, id)
		}
	}
	w.getsIn(t)
}

func TestAuthorize_Anonymous(t *testing.T) {
	somebody := &sspi.Peer{Client: keytab.MustParsePrincipal("WELLKNOWN/ANONYMOUS@EXAMPLE.COM"), Anonymous: true}
	if err := new(server).authorize(somebody, ""); err == nil {
		t.Error("authorize admitted an anonymous client")
	}
}

// TestBind_Replay checks that the server refuses a token that it has accepted before, on
// another connection and on the same.
func TestBind_Replay(t *testing.T) {
	w := start(t, allLayers)
	c := w.dial(t)
	_, token := w.initiate(t, sspitest.Options{})
	if r := c.sasl("GSSAPI", token); r.code != saslBindInProgress {
		t.Fatalf("%+v", r)
	}
	for _, thief := range []*client{w.dial(t), c} {
		thief.simple("", "") // ends the bind in progress
		if r := thief.sasl("GSSAPI", token); r.code != invalidCredentials {
			t.Errorf("%+v", r)
		}
	}
	if n := strings.Count(w.log.String(), "error.type="+status.ReasonReplay.String()); n != 2 {
		t.Errorf("the log has %d replays, want 2:\n%s", n, w.log)
	}
	w.getsIn(t)
}

// TestBind_SecondLegElsewhere checks that a client cannot continue the exchange of one
// connection on another connection.
func TestBind_SecondLegElsewhere(t *testing.T) {
	w := start(t, allLayers)
	one, other := w.dial(t), w.dial(t)
	i, token := w.initiate(t, sspitest.Options{})
	r := one.sasl("GSSAPI", token)
	if _, _, err := i.Next([]byte(r.more[responseSASLCredentials])); err != nil {
		t.Fatal(err)
	}
	offer := one.sasl("GSSAPI", nil)
	if _, _, err := i.Unwrap([]byte(offer.more[responseSASLCredentials])); err != nil {
		t.Fatal(err)
	}
	answer, err := i.Wrap([]byte{byte(sspisasl.NoLayer), 0, 0, 0}, false)
	if err != nil {
		t.Fatal(err)
	}
	if r := other.sasl("GSSAPI", answer); r.code != invalidCredentials {
		t.Errorf("on another connection: %+v", r)
	}
	if r := one.sasl("GSSAPI", answer); r.code != success {
		t.Errorf("on its own: %+v", r)
	}
}

// TestBind_Aborted checks that a bind with another method or mechanism ends the exchange in
// progress (RFC 4511, Section 4.2.1).
func TestBind_Aborted(t *testing.T) {
	w := start(t, allLayers)
	for name, other := range map[string]struct {
		auth *ber.Packet
		code int64
	}{
		"anonymous":         {tagged(authSimple, ""), success},
		"password":          {tagged(authSimple, "x"), authMethodNotSupported},
		"another mechanism": {choice(authSASL, octets("GS2-KRB5"), octets("")), saslBindInProgress},
		"unknown mechanism": {choice(authSASL, octets("EXTERNAL")), authMethodNotSupported},
		"none":              {choice(authSASL, octets("")), authMethodNotSupported},
	} {
		t.Run(name, func(t *testing.T) {
			c := w.dial(t)
			_, token := w.initiate(t, sspitest.Options{})
			if r := c.sasl("GSSAPI", token); r.code != saslBindInProgress {
				t.Fatalf("%+v", r)
			}
			c.write(c.next(bindOp(ldapVersion, "", other.auth)))
			if r := c.must(opBindResponse); r.code != other.code {
				t.Fatalf("%+v", r)
			}
			// The ended exchange would have answered this empty response with its security layers.
			if r := c.sasl("GSSAPI", []byte{}); r.code != saslBindInProgress || r.more[responseSASLCredentials] != "" {
				t.Errorf("the exchange went on: %+v", r)
			}
		})
	}
}

// TestBind_Again checks that a bind makes the client anonymous, also if it fails, and that
// the server accepts further binds: after a bind with a security layer only anonymous
// binds.
func TestBind_Again(t *testing.T) {
	w := start(t, allLayers)
	c := w.dial(t)
	for range 3 {
		if r := c.gssapi(w, sspisasl.NoLayer, ""); r.code != success {
			t.Fatalf("%+v", r)
		}
		c.isAlice("GSSAPI", sspisasl.NoLayer)
		if r := c.sasl("GSSAPI", []byte("rubbish")); r.code != invalidCredentials {
			t.Fatalf("%+v", r)
		}
		if id := c.whoAmI(); id != "" {
			t.Fatalf("whoami is %q after a login that failed", id)
		}
	}
	if r := c.gssapi(w, sspisasl.Confidentiality, ""); r.code != success {
		t.Fatalf("%+v", r)
	}
	if r := c.sasl("GSSAPI", nil); r.code != unwillingToPerform {
		t.Errorf("under a layer: %+v", r)
	}
	if id := c.whoAmI(); id != "" {
		t.Errorf("whoami is %q after a login that failed", id)
	}
	if r := c.simple("", ""); r.code != success {
		t.Errorf("anonymous under a layer: %+v", r)
	}
	w.getsIn(t)
}
