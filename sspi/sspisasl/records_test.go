package sspisasl_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspisasl"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

var remote = netip.MustParseAddrPort("192.0.2.7:4711")

// records is a site that keeps the records of its acceptor.
type records struct {
	*site
	mu   sync.Mutex
	told []sspi.Event
	log  bytes.Buffer
	then func() // if not nil, OnEvent calls it
}

func newRecords(t testing.TB) *records {
	t.Helper()
	r := &records{site: newSite(t)}
	sc, err := r.realm.Config(service)
	if err != nil {
		t.Fatal(err)
	}
	sc.OnEvent = func(_ context.Context, e sspi.Event) {
		r.mu.Lock()
		r.told = append(r.told, e)
		r.mu.Unlock()
		if r.then != nil {
			r.then()
		}
	}
	sc.Logger = slog.New(slog.NewTextHandler(&r.log, nil))
	if r.acceptor, err = sspi.NewAcceptor(sc); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *records) config() *sspisasl.Config {
	cfg := r.site.config()
	cfg.Context.Remote = remote
	return cfg
}

// one returns the record, which must be the only one, and its attributes.
func (r *records) one(t testing.TB) (sspi.Event, map[string]string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.told) != 1 || strings.Count(r.log.String(), "\n") != 1 {
		t.Fatalf("%d records: %+v\n%s", len(r.told), r.told, r.log.String())
	}
	attrs := make(map[string]string)
	for _, a := range r.told[0].Attrs {
		attrs[a.Key] = a.Value.String()
	}
	return r.told[0], attrs
}

// TestLOG_7_SASL checks that each exchange has one record, written after the layer and the
// identity are decided, and that no record reports an accepted client if it was refused.
func TestLOG_7_SASL(t *testing.T) {
	deny := func(cfg *sspisasl.Config) {
		cfg.Authorize = func(*sspi.Peer, string) error { return errors.New("not on the list") }
	}
	panics := func(cfg *sspisasl.Config) { cfg.Authorize = func(*sspi.Peer, string) error { panic("mayActAs") } }
	chosen := func(layer uint32, authzid string) func(*testing.T, *records, *sspisasl.Server) {
		return func(t *testing.T, r *records, s *sspisasl.Server) {
			client := r.client(sspitest.Options{})
			offer(t, s, client)
			_, _, _ = s.Next(choice(t, client, layer, authzid))
		}
	}
	spnego := func(o sspitest.Options) func(*testing.T, *records, *sspisasl.Server) {
		return func(t *testing.T, r *records, s *sspisasl.Server) {
			o.SPNEGO = true
			client := r.client(o)
			if challenge, done, err := s.Next(say(t, client, nil)); err == nil && !done && len(challenge) > 0 {
				_, _, _ = s.Next(nil)
			}
		}
	}
	says := func(message string) func(*testing.T, *records, *sspisasl.Server) {
		return func(_ *testing.T, _ *records, s *sspisasl.Server) { _, _, _ = s.Next([]byte(message)) }
	}
	for _, c := range []struct {
		name      string
		mechanism sspisasl.Mechanism
		change    func(*sspisasl.Config)
		run       func(*testing.T, *records, *sspisasl.Server)
		reason    status.Reason // ReasonNone: the client is accepted
		proven    bool
		user      string
	}{
		{"accepted", sspisasl.GSSAPI, nil, chosen(0x01_000000, ""), 0, true, ""},
		{"accepted with an identity", sspisasl.GSSAPI, nil, chosen(0x01_000000, "alice@EXAMPLE.COM"), 0, true, "alice@EXAMPLE.COM"},
		{"another identity", sspisasl.GSSAPI, nil, chosen(0x01_000000, "bob\x1b[2J"), status.ReasonNotAuthorized, true, `"bob\x1b[2J"`},
		{"Authorize says no", sspisasl.GSSAPI, deny, chosen(0x01_000000, "alice"), status.ReasonNotAuthorized, true, "alice"},
		{"Authorize panics", sspisasl.GSSAPI, panics, chosen(0x01_000000, "alice"), status.ReasonInternal, true, "alice"},
		{"a layer that is none", sspisasl.GSSAPI, nil, chosen(0x08_000000, ""), status.ReasonMalformedToken, true, ""},
		{"a layer with a small buffer", sspisasl.GSSAPI, nil, chosen(0x02_000001, ""), status.ReasonMalformedToken, true, ""},
		{"a choice that is not wrapped", sspisasl.GSSAPI, nil, func(t *testing.T, r *records, s *sspisasl.Server) {
			offer(t, s, r.client(sspitest.Options{}))
			_, _, _ = s.Next([]byte{1, 0, 0, 0})
		}, status.ReasonMalformedToken, true, ""},
		{"a token after the last", sspisasl.GSSAPI, nil, func(t *testing.T, r *records, s *sspisasl.Server) {
			next(t, s, say(t, r.client(sspitest.Options{}), nil))
			_, _, _ = s.Next([]byte("more"))
		}, status.ReasonMalformedToken, true, ""},
		{"expired", sspisasl.GSSSPNEGO, nil, spnego(sspitest.Options{EndTime: time.Now().Add(-time.Hour)}), status.ReasonTicketExpired, false, ""},
		{"SPNEGO", sspisasl.GSSSPNEGO, nil, spnego(sspitest.Options{}), 0, true, ""},
		{"SPNEGO, Authorize says no", sspisasl.GSSSPNEGO, deny, spnego(sspitest.Options{}), status.ReasonNotAuthorized, true, ""},
		{"no layer permitted", sspisasl.GSSSPNEGO, func(cfg *sspisasl.Config) { cfg.Layers = sspisasl.NoLayer }, spnego(sspitest.Options{}), status.ReasonRequirementNotMet, true, ""},
		{"rubbish", sspisasl.GSSAPI, nil, says("hello"), status.ReasonMalformedToken, false, ""},
		{"GS2, no header", sspisasl.GS2KRB5, nil, says("hello"), status.ReasonMalformedToken, false, ""},
		{"GS2, rubbish", sspisasl.GS2KRB5, nil, says("n,a=bob,hello"), status.ReasonWrongMessageType, false, "bob"},
		{"GS2, accepted", sspisasl.GS2KRB5, nil, func(t *testing.T, r *records, s *sspisasl.Server) {
			next(t, s, r.gs2("n,,", "n,,"))
			next(t, s, nil)
		}, 0, true, ""},
		{"GS2, Authorize says no", sspisasl.GS2KRB5, deny, func(_ *testing.T, r *records, s *sspisasl.Server) {
			_, _, _ = s.Next(r.gs2("n,,", "n,,"))
		}, status.ReasonNotAuthorized, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRecords(t)
			cfg := r.config()
			if c.change != nil {
				c.change(cfg)
			}
			s := newServer(t, cfg, c.mechanism)
			func() {
				defer func() { _ = recover() }()
				c.run(t, r, s)
			}()
			s.Close()
			e, attrs := r.one(t)
			accepted := c.reason == status.ReasonNone
			if (e.Peer != nil) != accepted || (e.Err == nil) != accepted || (s.Peer() != nil) != accepted || status.ReasonOf(asError(e.Err)) != c.reason || (e.Denied != nil) != (c.proven && !accepted) {
				t.Errorf("%+v, %v", e, e.Err)
			}
			if p := s.Peer(); p != nil && (e.Peer != p || e.Binding != p.Binding) {
				t.Errorf("the record's client is %+v, the Server's %+v", e.Peer, p)
			}
			if e.Remote != remote || attrs["kerberos.sasl.mechanism"] != string(c.mechanism) || attrs["user.name"] != c.user || strings.Contains(r.log.String(), "kerberos: accepted") != accepted {
				t.Errorf("%v, %v\n%s", e.Remote, attrs, r.log.String())
			}
		})
	}
}

func asError(e *status.Error) error {
	if e == nil {
		return nil
	}
	return e
}

// TestLOG_7_SASLUnserved checks that the choice of a mechanism that the server does not
// support has a record.
func TestLOG_7_SASLUnserved(t *testing.T) {
	for _, m := range []sspisasl.Mechanism{"SCRAM-\u202eSHA", sspisasl.GS2KRB5Plus} {
		r := newRecords(t)
		if s, err := sspisasl.New(*r.config(), m); s != nil || err == nil {
			t.Fatalf("%v", err)
		}
		e, attrs := r.one(t)
		if status.ReasonOf(e.Err) != status.ReasonUnsupportedMechanism || e.Remote != remote || strings.ContainsRune(attrs["kerberos.sasl.mechanism"]+e.Err.Detail, '\u202e') {
			t.Errorf("%+v, %v", e, attrs)
		}
	}
	r := newRecords(t)
	cfg := r.config()
	cfg.MaxBuffer = 1
	if _, err := sspisasl.New(*cfg, sspisasl.GSSAPI); err == nil || len(r.told) != 0 {
		t.Errorf("an invalid Config: %v, %+v", err, r.told)
	}
}

// TestLOG_7_SASLRetry checks that a client that may correct its clock has a record for each
// try.
func TestLOG_7_SASLRetry(t *testing.T) {
	r := newRecords(t)
	s := newServer(t, r.config(), sspisasl.GSSSPNEGO)
	client := r.client(sspitest.Options{SPNEGO: true, ClockOffset: time.Hour, RetrySkew: true})
	challenge, done := next(t, s, say(t, client, nil))
	for !done {
		token, finished, err := client.Next(challenge)
		if err != nil {
			t.Fatal(err)
		}
		if finished {
			token = nil
		}
		challenge, done = next(t, s, token)
	}
	if len(r.told) != 2 || !r.told[0].Retry || status.ReasonOf(r.told[0].Err) != status.ReasonClockSkew || r.told[1].Peer == nil || r.told[1].Err != nil {
		t.Errorf("%+v", r.told)
	}
}

// TestLOG_8_SASLAborted checks that an exchange that the client does not finish has one
// record with a Reason, whose detail names cause and action.
func TestLOG_8_SASLAborted(t *testing.T) {
	for _, c := range []struct {
		name   string
		run    func(*testing.T, *records, *sspisasl.Server)
		proven bool
		detail string // "" if there is no record
	}{
		{"no response", func(*testing.T, *records, *sspisasl.Server) {}, false, ""},
		{"no token", func(t *testing.T, _ *records, s *sspisasl.Server) { next(t, s, nil) }, false, "a ticket for the name"},
		{"after the last token", func(t *testing.T, r *records, s *sspisasl.Server) {
			next(t, s, say(t, r.client(sspitest.Options{}), nil))
		}, true, "does not trust this server"},
		{"no layer", func(t *testing.T, r *records, s *sspisasl.Server) { offer(t, s, r.client(sspitest.Options{})) }, true, "security layers none, integrity, confidentiality: if it permits none of them, change Config.Layers"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRecords(t)
			s := newServer(t, r.config(), sspisasl.GSSAPI)
			c.run(t, r, s)
			s.Close()
			s.Close()
			if _, done, err := s.Next(nil); done || status.ReasonOf(err) != status.ReasonInvalidHandle {
				t.Errorf("%s: Next: %v, %v", c.name, done, err)
			}
			if c.detail == "" {
				if len(r.told) != 0 {
					t.Errorf("%+v", r.told)
				}
				return
			}
			e, attrs := r.one(t)
			if status.ReasonOf(e.Err) != status.ReasonAborted || !strings.HasPrefix(e.Err.Detail, "the client aborted the exchange or left") || !strings.Contains(e.Err.Detail, c.detail) {
				t.Errorf("%s: %v", c.name, e.Err)
			}
			if e.Peer != nil || (e.Denied != nil) != c.proven || e.Remote != remote || attrs["kerberos.sasl.mechanism"] != "GSSAPI" {
				t.Errorf("%+v, %v", e, attrs)
			}
		})
	}
}

// TestLOG_8_SASLClosedMeanwhile checks that a Close that is concurrent with Next makes no
// second record, and does not lose the record of an exchange that Next leaves unfinished.
func TestLOG_8_SASLClosedMeanwhile(t *testing.T) {
	r := newRecords(t)
	cfg := r.config()
	var s *sspisasl.Server
	cfg.Authorize = func(*sspi.Peer, string) error {
		s.Close()
		return errors.New("no")
	}
	s = newServer(t, cfg, sspisasl.GSSAPI)
	client := r.client(sspitest.Options{})
	offer(t, s, client)
	_, _, err := s.Next(choice(t, client, 0x01_000000, ""))
	s.Close()
	if e, _ := r.one(t); status.ReasonOf(err) != status.ReasonNotAuthorized || status.ReasonOf(e.Err) != status.ReasonNotAuthorized {
		t.Errorf("%v, %+v", err, e)
	}

	r = newRecords(t)
	s = newServer(t, r.config(), sspisasl.GSSSPNEGO)
	var wg sync.WaitGroup
	wg.Go(s.Close)
	_, _, _ = s.Next([]byte{})
	wg.Wait()
	if len(r.told) > 1 {
		t.Errorf("%+v", r.told)
	}

	r = newRecords(t)
	s = newServer(t, r.config(), sspisasl.GSSSPNEGO)
	r.then = func() { r.then = nil; s.Close() } // when the acceptor reports the refusal that permits another try
	late := r.client(sspitest.Options{SPNEGO: true, ClockOffset: time.Hour, RetrySkew: true})
	next(t, s, say(t, late, nil))
	if len(r.told) != 2 || !r.told[0].Retry || status.ReasonOf(r.told[1].Err) != status.ReasonAborted {
		t.Errorf("closed before Next stored the record: %+v", r.told)
	}
}
