package sspisasl_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspisasl"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// TestAuthorize_Default checks that a client may only act as itself without Authorize.
func TestAuthorize_Default(t *testing.T) {
	for _, c := range []struct {
		client, authzid string
		ok              bool
	}{
		{"alice", "", true},
		{"alice", "alice", false}, // the Config has no realms
		{"alice", "alice@EXAMPLE.COM", true},
		{"alice", "Alice", false},
		{"alice", "alice@example.com", false},
		{"alice", "alice@OTHER.EXAMPLE", false},
		{"alice", "bob", false},
		{"alice", "root", false},
		{"alice", "dn:uid=alice", false},
		{"alice", "alice ", false},
		{"alice", "alice@", false},
		{"alice@OTHER.EXAMPLE", "", true},
		{"alice@OTHER.EXAMPLE", "alice@OTHER.EXAMPLE", true},
		{"alice@OTHER.EXAMPLE", "alice", false},
		{"alice@OTHER.EXAMPLE", "alice@EXAMPLE.COM", false},
		{"alice/admin", "alice/admin@EXAMPLE.COM", true},
		{"alice/admin", "alice/admin", false},
		{"alice/admin", "alice", false},
		{"WELLKNOWN/ANONYMOUS@WELLKNOWN:ANONYMOUS", "", false},
	} {
		site := newSite(t)
		s := newServer(t, site.config(), sspisasl.GSSAPI)
		client := site.clientOf(c.client, sspitest.Options{})
		offer(t, s, client)
		response := choice(t, client, 0x01_000000, c.authzid)
		if !c.ok {
			refused(t, s, response, status.ReasonNotAuthorized, "may not act")
			continue
		}
		want := c.authzid
		if want == "" { // the client acts as its whole principal
			want = c.client
			if !strings.Contains(want, "@") {
				want += "@EXAMPLE.COM"
			}
		}
		if _, done := next(t, s, response); !done || s.AuthorizationID() != want {
			t.Errorf("%v as %q: %v, %q", c.client, c.authzid, done, s.AuthorizationID())
		}
	}
}

// TestNAME_8_BareNames checks that a bare name is an identity only for users of the realms
// that the program names. The realm of the service's key makes no difference.
func TestNAME_8_BareNames(t *testing.T) {
	for _, c := range []struct {
		realms          []string
		client, authzid string
		ok              bool
	}{
		{nil, "admin@EXAMPLE.COM", "admin", false},
		{nil, "admin@PARTNER.TEST", "admin", false},
		{[]string{"EXAMPLE.COM"}, "admin@EXAMPLE.COM", "admin", true},
		{[]string{"EXAMPLE.COM"}, "admin@PARTNER.TEST", "admin", false},
		{[]string{"EXAMPLE.COM"}, "admin@PARTNER.TEST", "admin@PARTNER.TEST", true},
		{[]string{"EXAMPLE.COM"}, "admin@PARTNER.TEST", "admin@EXAMPLE.COM", false},
		{[]string{"PARTNER.TEST"}, "admin@PARTNER.TEST", "admin", true},
		{[]string{"PARTNER.TEST"}, "admin@EXAMPLE.COM", "admin", false},
		{[]string{"EXAMPLE.COM"}, "WS1$@EXAMPLE.COM", "WS1$", false},
		{[]string{"EXAMPLE.COM"}, "1000@EXAMPLE.COM", "1000", false},
		{[]string{"EXAMPLE.COM"}, "admin@EXAMPLE.COM", "root", false},
	} {
		site := newSite(t)
		cfg := site.config()
		cfg.Realms = c.realms
		s := newServer(t, cfg, sspisasl.GSSAPI)
		client := site.clientOf(c.client, sspitest.Options{})
		offer(t, s, client)
		response := choice(t, client, 0x01_000000, c.authzid)
		if !c.ok {
			refused(t, s, response, status.ReasonNotAuthorized, `"`+c.client+`"`)
			continue
		}
		if _, done := next(t, s, response); !done || s.AuthorizationID() != c.authzid {
			t.Errorf("%v as %q: %v, %q", c.client, c.authzid, done, s.AuthorizationID())
		}
	}
	cfg := newSite(t).config()
	cfg.Realms, cfg.Authorize = []string{"EXAMPLE.COM"}, func(*sspi.Peer, string) error { return nil }
	if s, err := sspisasl.New(*cfg, sspisasl.GSSAPI); s != nil || status.ReasonOf(err) != status.ReasonArgument {
		t.Errorf("Authorize and Realms: %v", err)
	}
}

// TestSEC_3_AuthzidIsQuoted checks that the error quotes the identity that a client
// requests.
func TestSEC_3_AuthzidIsQuoted(t *testing.T) {
	site := newSite(t)
	s := newServer(t, site.config(), sspisasl.GSSAPI)
	client := site.clientOf("alice", sspitest.Options{})
	offer(t, s, client)
	_, _, err := s.Next(choice(t, client, 0x01_000000, "a\x1b[2J\u202e"))
	if err == nil || strings.ContainsAny(err.Error(), "\x1b\u202e") || !strings.Contains(err.Error(), `"a\x1b[2J\u202e"`) {
		t.Errorf("%q", err)
	}
}

// TestAuthorize_Decides checks that the Server calls Authorize once, with the authenticated
// client and the identity that it requests, and that the client is refused if Authorize
// returns an error.
func TestAuthorize_Decides(t *testing.T) {
	site := newSite(t)
	no := errors.New("no")
	var asked []string
	cfg := site.config()
	cfg.Authorize = func(peer *sspi.Peer, authzid string) error {
		asked = append(asked, peer.Client.String()+" as "+authzid)
		if authzid != "b=o,b" {
			return no
		}
		return nil
	}
	s := login(t, cfg, site.client(sspitest.Options{}), 0x01_000000, "b=o,b")
	if s.AuthorizationID() != "b=o,b" {
		t.Errorf("%q", s.AuthorizationID())
	}
	client := site.client(sspitest.Options{})
	s = newServer(t, cfg, sspisasl.GSSAPI)
	offer(t, s, client)
	challenge, done, err := s.Next(choice(t, client, 0x01_000000, ""))
	if len(challenge) > 0 || done || !errors.Is(err, no) || !errors.Is(err, status.SEC_E_LOGON_DENIED.Err()) {
		t.Errorf("%x, %v, %v", challenge, done, err)
	}
	over(t, s)
	if got := strings.Join(asked, "; "); got != "alice@EXAMPLE.COM as b=o,b; alice@EXAMPLE.COM as " {
		t.Errorf("asked: %s", got)
	}
	// An error of Authorize with a Reason keeps its Reason.
	cfg.Authorize = func(*sspi.Peer, string) error { return &status.Error{Reason: status.ReasonCanceled} }
	client = site.client(sspitest.Options{})
	s = newServer(t, cfg, sspisasl.GSSAPI)
	offer(t, s, client)
	refused(t, s, choice(t, client, 0x01_000000, ""), status.ReasonCanceled, "")
}

// TestAuthorize_EveryMechanism checks that each mechanism calls Authorize.
func TestAuthorize_EveryMechanism(t *testing.T) {
	for _, m := range []sspisasl.Mechanism{sspisasl.GSSAPI, sspisasl.GSSSPNEGO, sspisasl.GS2KRB5, sspisasl.GS2KRB5Plus} {
		t.Run(string(m), func(t *testing.T) {
			site := newSite(t)
			cfg := site.config()
			cfg.Authorize = func(*sspi.Peer, string) error { return errors.New("no") }
			if m == sspisasl.GS2KRB5Plus {
				cfg.Context.ChannelBindings = []sspi.ChannelBindings{endPoint("data")}
			}
			s := newServer(t, cfg, m)
			var err error
			switch m {
			case sspisasl.GSSAPI:
				client := site.client(sspitest.Options{})
				offer(t, s, client)
				_, _, err = s.Next(choice(t, client, 0x01_000000, ""))
			case sspisasl.GSSSPNEGO:
				_, _, err = s.Next(say(t, site.client(sspitest.Options{SPNEGO: true}), nil))
			case sspisasl.GS2KRB5:
				_, _, err = s.Next(site.gs2("n,,", "n,,"))
			default:
				_, _, err = s.Next(site.gs2("p=tls-server-end-point,,", "p=tls-server-end-point,,data"))
			}
			if !errors.Is(err, status.SEC_E_LOGON_DENIED.Err()) || !strings.Contains(err.Error(), "may not act") || s.Peer() != nil {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestAuthorize_Anonymous checks that a client with an anonymous ticket is refused,
// whatever its name is.
func TestAuthorize_Anonymous(t *testing.T) {
	realm := krbtest.NewRealm("EXAMPLE.COM")
	acceptor, err := sspi.NewAcceptor(sspi.Config{Keys: realm.Service(service), Time: realm.Now})
	if err != nil {
		t.Fatal(err)
	}
	ticket := realm.Ticket("alice", service)
	ticket.Part.Flags = krbtest.TicketFlags(flags.TicketAnonymous)
	client := ticket.APReq().Start()
	token, _, err := client.Next(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t, &sspisasl.Config{Acceptor: acceptor, Layers: all}, sspisasl.GSSAPI)
	challenge, _ := next(t, s, token)
	if _, _, err := client.Next(challenge); err != nil {
		t.Fatal(err)
	}
	next(t, s, nil)
	token, err = client.Wrap([]byte{1, 0, 0, 0}, false)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, s, token, status.ReasonNotAuthorized, "anonymous")
}
