package sspisasl_test

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspisasl"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

var mechanisms = []sspisasl.Mechanism{sspisasl.GSSAPI, sspisasl.GSSSPNEGO, sspisasl.GS2KRB5}

// TestNext_Rubbish checks that an invalid first message is refused with a Reason that
// blames the client, and that the next valid client is accepted.
func TestNext_Rubbish(t *testing.T) {
	site := newSite(t)
	cfg := site.config()
	ntlm := []byte("NTLMSSP\x00\x01\x00\x00\x00\x97\x82\x08\xe2")
	for name, message := range map[string][]byte{
		"NTLM":             ntlm,
		"NTLM behind GS2":  append([]byte("n,,"), ntlm...),
		"text":             []byte("hello"),
		"base64":           []byte("YIIClQYJKoZIhvcSAQICAQBuggKEMIICgKADAgEFoQMCAQ6i"),
		"zeros, one MiB":   make([]byte, 1<<20),
		"DER, one MiB":     append([]byte{0x60, 0x83, 0x10, 0x00, 0x00}, make([]byte, 1<<20)...),
		"GS2, one MiB":     append([]byte("n,,\x01\x00"), make([]byte, 1<<20)...),
		"identity, 1 MiB":  append(append([]byte("n,a="), bytes.Repeat([]byte("="), 1<<20)...), ','),
		"commas":           bytes.Repeat([]byte(","), 1<<10),
		"one byte":         {0x04},
		"a length and end": {0x60, 0x84, 0xff, 0xff, 0xff, 0xff},
	} {
		for _, m := range mechanisms {
			s := newServer(t, cfg, m)
			_, done, err := s.Next(message)
			switch reason := status.ReasonOf(err); reason {
			case status.ReasonMalformedToken, status.ReasonTokenTooLong, status.ReasonUnsupportedMechanism, status.ReasonNTLM, status.ReasonWrongMessageType:
			default:
				t.Errorf("%s to %s: %v, %v", name, m, done, err)
			}
			if (name == "NTLM") && m != sspisasl.GS2KRB5 && status.ReasonOf(err) != status.ReasonNTLM {
				t.Errorf("%s to %s: %v", name, m, err)
			}
			over(t, s)
		}
	}
	login(t, cfg, site.client(sspitest.Options{}), 0x01_000000, "")
}

// TestNext_Replay checks that the messages of one connection are refused on another.
func TestNext_Replay(t *testing.T) {
	site := newSite(t)
	cfg := site.config()
	for m, message := range map[sspisasl.Mechanism][]byte{
		sspisasl.GSSAPI:    say(t, site.client(sspitest.Options{}), nil),
		sspisasl.GSSSPNEGO: say(t, site.client(sspitest.Options{SPNEGO: true}), nil),
		sspisasl.GS2KRB5:   site.gs2("n,,", "n,,"),
	} {
		next(t, newServer(t, cfg, m), message)
		refused(t, newServer(t, cfg, m), message, status.ReasonReplay, "")
	}
	// The choice of a layer is refused on another connection, and a second time on its own.
	one, two := newServer(t, cfg, sspisasl.GSSAPI), newServer(t, cfg, sspisasl.GSSAPI)
	first, second := site.client(sspitest.Options{}), site.client(sspitest.Options{})
	offer(t, one, first)
	offer(t, two, second)
	chosen := choice(t, first, 0x01_000000, "")
	next(t, one, chosen)
	refused(t, two, chosen, status.ReasonMessageAltered, "")
}

// TestNext_ErrorToken checks that Next returns the error token for the client with a
// refusal.
func TestNext_ErrorToken(t *testing.T) {
	site := newSite(t)
	for _, c := range []struct {
		mechanism sspisasl.Mechanism
		spnego    bool
	}{{sspisasl.GSSAPI, false}, {sspisasl.GSSSPNEGO, true}} {
		client := site.client(sspitest.Options{SPNEGO: c.spnego, EndTime: site.realm.Now().Add(-time.Hour)})
		challenge, done, err := newServer(t, site.config(), c.mechanism).Next(say(t, client, nil))
		if done || status.ReasonOf(err) != status.ReasonTicketExpired {
			t.Fatalf("%v, %v", done, err)
		}
		_, _, err = client.Next(challenge)
		if told, ok := errors.AsType[*sspitest.Error](err); !ok || told.Code != 32 {
			t.Errorf("%s: the client: %v", c.mechanism, err)
		}
	}
}

// TestNext_HalfOpen checks that clients that stop in the middle leave no memory or
// goroutine behind, and do not prevent other logins.
func TestNext_HalfOpen(t *testing.T) {
	site := newSite(t)
	cfg := site.config()
	before := runtime.NumGoroutine()
	servers := make([]*sspisasl.Server, 1000)
	for i := range servers {
		s := newServer(t, cfg, mechanisms[i%2])
		next(t, s, nil)
		if i%10 == 0 {
			next(t, s, say(t, site.client(sspitest.Options{SPNEGO: i%2 == 1}), nil))
		}
		servers[i] = s
	}
	login(t, cfg, site.client(sspitest.Options{}), 0x01_000000, "")
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines, before %d", after, before)
	}
	for _, s := range servers {
		s.Close()
		if _, _, err := s.Next(nil); status.ReasonOf(err) != status.ReasonInvalidHandle {
			t.Fatalf("after Close: %v", err)
		}
	}
}

// TestNext_Misuse checks the zero Server, and concurrent calls.
func TestNext_Misuse(t *testing.T) {
	closed := newServer(t, newSite(t).config(), sspisasl.GSSAPI)
	closed.Close()
	if challenge, done, err := closed.Next(nil); challenge != nil || done || status.ReasonOf(err) != status.ReasonInvalidHandle {
		t.Errorf("a closed Server: %x, %v, %v", challenge, done, err)
	}
	var zero sspisasl.Server
	if _, done, err := zero.Next(nil); done || status.ReasonOf(err) != status.ReasonContextState {
		t.Errorf("the zero Server: %v, %v", done, err)
	}
	zero.Close()

	site := newSite(t)
	cfg := site.config()
	var s *sspisasl.Server
	cfg.Authorize = func(*sspi.Peer, string) error {
		if _, _, err := s.Next(nil); status.ReasonOf(err) != status.ReasonContextState || !strings.Contains(err.Error(), "Next was called while") {
			t.Errorf("Next in Next: %v", err)
		}
		if s.Peer() != nil || s.Layer() != 0 || s.Context() != nil {
			t.Error("an identity before it is authorized")
		}
		return nil
	}
	s = newServer(t, cfg, sspisasl.GSSAPI)
	client := site.client(sspitest.Options{})
	offer(t, s, client)
	next(t, s, choice(t, client, 0x01_000000, ""))
	s.Close()
	s.Close()
	if s.Peer().Client.String() != "alice@EXAMPLE.COM" {
		t.Error("the peer went with Close")
	}
}

// TestNext_Canceled checks that the end of ctx ends the wait for the replay cache.
func TestNext_Canceled(t *testing.T) {
	site := newSite(t)
	sc, err := site.realm.Config(service)
	if err != nil {
		t.Fatal(err)
	}
	sc.Replay = stuck{}
	if site.acceptor, err = sspi.NewAcceptor(sc); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s := newServer(t, site.config(), sspisasl.GSSAPI)
	if _, done, err := s.NextContext(ctx, say(t, site.client(sspitest.Options{}), nil)); done || err == nil {
		t.Errorf("%v, %v", done, err)
	}
	over(t, s)
}

// TestServer_Delegated checks that forwarded credentials are available after the last
// message, and not after Close.
func TestServer_Delegated(t *testing.T) {
	site := newSite(t)
	cfg := site.config()
	cfg.Context.AcceptDelegation = true
	s := login(t, cfg, site.client(sspitest.Options{Delegate: true}), 0x01_000000, "")
	if s.Context().Delegated() == nil || s.Context() == nil {
		t.Error("nothing was delegated")
	}
	s.Close()
	if s.Context().Delegated() != nil {
		t.Error("delegated after Close")
	}
}

// stuck is a replay cache that does not answer.
type stuck struct{}

func (stuck) Store(ctx context.Context, _ authenticator.Record) (bool, error) {
	<-ctx.Done()
	return false, ctx.Err()
}
