package sspi_test

import (
	"context"
	"slices"
	"testing"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// accepts passes a request to a new context and returns the reply, the peer and the Reason
// of a refusal.
func (s *site) accepts(cc sspi.ContextConfig, q *krbtest.APReq) (reply []byte, peer *sspi.Peer, why status.Reason) {
	reply, peer, err := s.acceptor.NewContext(cc).Accept(context.Background(), q.Token())
	return reply, peer, status.ReasonOf(err)
}

// TestAccept_Framing checks that Accept requires a bare AP-REQ in DCE style and a framed
// one otherwise. AllowRawAPReq also admits other bare ones, and the reply is then bare.
func TestAccept_Framing(t *testing.T) {
	bare := func(q *krbtest.APReq) { q.Raw = true }
	framed := func(q *krbtest.APReq) { dce(q); q.Framed = true }
	for _, row := range []struct {
		name   string
		change func(*krbtest.APReq)
		cc     sspi.ContextConfig
		want   status.Reason
	}{
		{"framed", nothing, sspi.ContextConfig{}, status.ReasonNone},
		{"framed as Microsoft's", func(q *krbtest.APReq) { q.OID = krbtest.OIDMSKerberos }, sspi.ContextConfig{}, status.ReasonNone},
		{"bare", bare, sspi.ContextConfig{}, status.ReasonMalformedToken},
		{"bare and allowed", bare, sspi.ContextConfig{AllowRawAPReq: true}, status.ReasonNone},
		{"framed where bare is allowed", nothing, sspi.ContextConfig{AllowRawAPReq: true}, status.ReasonNone},
		{"DCE style", dce, sspi.ContextConfig{}, status.ReasonNone},
		{"DCE style, framed", framed, sspi.ContextConfig{}, status.ReasonMalformedToken},
		{"DCE style, framed, where bare is allowed", framed, sspi.ContextConfig{AllowRawAPReq: true}, status.ReasonMalformedToken},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSite(t)
			client := s.request(row.change).Start()
			token, _, _ := client.Next(nil)
			reply, _, err := s.acceptor.NewContext(row.cc).Accept(context.Background(), token)
			if got := status.ReasonOf(err); got != row.want {
				t.Fatalf("%v, want %v", err, row.want)
			}
			if row.want != status.ReasonNone {
				if len(reply) != 0 || s.replay.stores.Load() != 0 {
					t.Errorf("a reply of %d bytes, %d authenticators claimed", len(reply), s.replay.stores.Load())
				}
				return
			}
			if _, _, err := client.Next(reply); err != nil { // the client requires the framing of its request
				t.Errorf("the client: %v", err)
			}
		})
	}
}

// TestPARSE_2_MaxToken checks that a token of exactly MaxToken bytes is accepted, and a
// longer one refused.
func TestPARSE_2_MaxToken(t *testing.T) {
	s := newSite(t)
	q := s.request()
	token := q.Token()
	for limit, want := range map[int]status.Reason{len(token): status.ReasonNone, len(token) - 1: status.ReasonTokenTooLong} {
		limited := newSite(t, func(cfg *sspi.Config) { cfg.Keys, cfg.MaxToken = s.keys, limit })
		if _, _, err := limited.acceptor.NewContext(sspi.ContextConfig{}).Accept(context.Background(), token); status.ReasonOf(err) != want {
			t.Errorf("limit %d, token of %d bytes: %v", limit, len(token), err)
		}
	}
}

// TestAccept_Targets checks that the client must have named one of the Targets (MS-KILE,
// Section 3.2.5.8), byte for byte.
func TestAccept_Targets(t *testing.T) {
	s := newSite(t)
	for _, row := range []struct {
		named   string
		targets []string
		want    status.Reason
	}{
		{"HTTP/www.example.com@EXAMPLE.COM", nil, status.ReasonNone},
		{"", nil, status.ReasonNone},
		{"HTTP/www.example.com@EXAMPLE.COM", []string{"x", "HTTP/www.example.com@EXAMPLE.COM"}, status.ReasonNone},
		{"http/www.example.com@EXAMPLE.COM", []string{"HTTP/www.example.com@EXAMPLE.COM"}, status.ReasonTargetNotAllowed},
		{"cifs/www.example.com@EXAMPLE.COM", []string{"HTTP/www.example.com@EXAMPLE.COM"}, status.ReasonTargetNotAllowed},
		{"", []string{"HTTP/www.example.com@EXAMPLE.COM"}, status.ReasonTargetNotAllowed},
	} {
		stores := s.replay.stores.Load()
		_, peer, why := s.accepts(sspi.ContextConfig{Targets: row.targets}, s.request(func(q *krbtest.APReq) { q.Target = row.named }))
		if why != row.want {
			t.Errorf("%q for %q: %v, want %v", row.named, row.targets, why, row.want)
		}
		if why == status.ReasonNone && (peer == nil || peer.Target != row.named) {
			t.Errorf("peer %+v", peer)
		}
		if claimed := s.replay.stores.Load() != stores; claimed != (row.want == status.ReasonNone) {
			t.Errorf("%q for %q: the authenticator claimed: %v", row.named, row.targets, claimed)
		}
	}
}

// TestAccept_WhoWaits checks that a client that asks for mutual authentication only in its
// checksum gets a KRB-ERROR if the checksum was read before the refusal.
func TestAccept_WhoWaits(t *testing.T) {
	s := newSite(t)
	var none flags.AP
	quiet := func(q *krbtest.APReq) { q.Options = &none } // MUTUAL is only in the checksum
	used := s.request(quiet)
	token := used.Token()
	if _, _, err := s.acceptor.NewContext(sspi.ContextConfig{}).Accept(context.Background(), token); err != nil {
		t.Fatal(err)
	}
	reply, _, err := s.acceptor.NewContext(sspi.ContextConfig{}).Accept(context.Background(), token)
	if status.ReasonOf(err) != status.ReasonReplay || len(reply) == 0 {
		t.Errorf("replay: a reply of %d bytes, %v", len(reply), err)
	}
	for name, cc := range map[string]sspi.ContextConfig{
		"requirement": {Require: flags.ASC_RET_IDENTIFY},
		"target":      {Targets: []string{"x"}},
		"bindings":    {ChannelBindings: []sspi.ChannelBindings{{ApplicationData: []byte("a")}}},
	} {
		if reply, _, why := s.accepts(cc, s.request(quiet)); why == status.ReasonNone || len(reply) == 0 {
			t.Errorf("%s: a reply of %d bytes, %v", name, len(reply), why)
		}
		cc.NoErrorTokens = true
		if reply, _, why := s.accepts(cc, s.request(quiet)); why == status.ReasonNone || len(reply) != 0 {
			t.Errorf("%s, no error tokens: a reply of %d bytes, %v", name, len(reply), why)
		}
		cc.NoErrorTokens = false
		if reply, _, why := s.accepts(cc, s.request(quiet, asking(0))); why == status.ReasonNone || len(reply) != 0 {
			t.Errorf("%s, a client that does not wait: a reply of %d bytes, %v", name, len(reply), why)
		}
	}
}

// rotating is a source of keys that has newer keys after Refresh.
type rotating struct {
	now, then *keytab.Table
	looks     int
}

func (r *rotating) Table(context.Context) (*keytab.Table, error) { return r.now, nil }

func (r *rotating) Refresh(_ context.Context, old *keytab.Table) (*keytab.Table, error) {
	r.looks++
	if r.then != nil && old == r.now {
		r.now = r.then
	}
	return r.now, nil
}

// TestAccept_KeyChangedAMomentAgo checks that Accept calls Refresh once if no key decrypts
// the ticket, and tries the new keys.
func TestAccept_KeyChangedAMomentAgo(t *testing.T) {
	keys := &rotating{}
	s := newSite(t, func(cfg *sspi.Config) {
		keys.now = cfg.Keys.(*keytab.Table)
		cfg.Keys = keys
		cfg.Services = []string{service}
	})
	if _, peer, why := s.accepts(sspi.ContextConfig{}, s.request()); peer == nil || keys.looks != 0 {
		t.Errorf("before: %v, %d calls of Refresh", why, keys.looks)
	}
	s.realm.Rotate(service)
	if _, peer, why := s.accepts(sspi.ContextConfig{}, s.request()); peer != nil || why != status.ReasonUnknownKeyVersion || keys.looks != 1 {
		t.Errorf("an unknown key: %v, %d calls of Refresh", why, keys.looks)
	}
	keys.then = s.realm.Service(service)
	if _, peer, why := s.accepts(sspi.ContextConfig{}, s.request()); peer == nil || keys.looks != 2 {
		t.Errorf("a new key: %v, %d calls of Refresh", why, keys.looks)
	}
	old := s.realm.Keys(service)
	i := slices.IndexFunc(old, func(k krbtest.ServiceKey) bool { return k.Kvno == 1 })
	ticket := s.realm.Ticket("alice", service)
	ticket.SealWith(old[i])
	if _, peer, why := s.accepts(sspi.ContextConfig{}, ticket.APReq()); peer == nil || keys.looks != 2 {
		t.Errorf("an old ticket: %v, %d calls of Refresh", why, keys.looks)
	}
	if _, peer, why := s.accepts(sspi.ContextConfig{}, s.request(late)); peer != nil || why != status.ReasonNone || keys.looks != 2 {
		t.Errorf("a client with a wrong clock: %v, %d calls of Refresh", why, keys.looks)
	}
}
