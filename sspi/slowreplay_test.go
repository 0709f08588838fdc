package sspi_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// expiring is a replay cache on a store with its own clock, like SET NX PX of Redis, over a
// network that may be slow.
type expiring struct {
	mu      sync.Mutex
	clock   func() time.Time
	network func()
	keep    func(authenticator.Record) time.Duration
	until   map[[24]byte]time.Time
}

func (e *expiring) Store(_ context.Context, r authenticator.Record) (bool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.network()
	now := e.clock()
	if end, ok := e.until[r.Tag]; ok && now.Before(end) {
		return false, nil
	}
	e.until[r.Tag] = now.Add(e.keep(r))
	return true, nil
}

// TestREPLAY_3_SlowCache checks a replay that is recent when Check runs, and too old when
// the cache answers. The acceptor refuses it, also if the cache has dropped the record by
// then.
func TestREPLAY_3_SlowCache(t *testing.T) {
	for name, row := range map[string]struct {
		keep    func(authenticator.Record) time.Duration
		network time.Duration
		want    status.Reason
	}{
		"kept for TTL":               {authenticator.Record.TTL, 3 * time.Second, status.ReasonReplay},
		"kept until Until":           {func(r authenticator.Record) time.Duration { return r.Until.Sub(r.Now) }, 3 * time.Second, status.ReasonReplayCacheFailed},
		"kept until Until, in time":  {func(r authenticator.Record) time.Duration { return r.Until.Sub(r.Now) }, time.Second / 2, status.ReasonReplay},
		"kept for TTL, network down": {authenticator.Record.TTL, time.Hour, status.ReasonReplayCacheFailed},
	} {
		var late, network time.Duration
		cache := &expiring{until: map[[24]byte]time.Time{}, network: func() { late += network }, keep: row.keep}
		s := newSite(t, func(cfg *sspi.Config) {
			clock := cfg.Time
			cfg.Time = func() time.Time { return clock().Add(late) }
			cache.clock, cfg.Replay = cfg.Time, cache
		})
		token := s.request().Token()
		accept := func() (*sspi.Peer, error) {
			_, peer, err := s.acceptor.NewContext(sspi.ContextConfig{NoErrorTokens: true}).Accept(t.Context(), token)
			return peer, err
		}
		if _, err := accept(); err != nil {
			t.Fatal(err)
		}
		late, network = 5*time.Minute, row.network
		if peer, err := accept(); peer != nil || status.ReasonOf(err) != row.want {
			t.Errorf("%s: %v, %v, want %v", name, peer, err, row.want)
		}
	}
}

// TestREPLAY_3_CacheMayTakeItsTime checks that a client at the limit of the skew is not
// refused because the cache took half a second.
func TestREPLAY_3_CacheMayTakeItsTime(t *testing.T) {
	var late time.Duration
	cache := &expiring{until: map[[24]byte]time.Time{}, keep: authenticator.Record.TTL, network: func() { late += time.Second / 2 }}
	s := newSite(t, func(cfg *sspi.Config) {
		clock := cfg.Time
		cfg.Time = func() time.Time { return clock().Add(late) }
		cache.clock, cfg.Replay = cfg.Time, cache
	})
	token := s.request().Token()
	late = 5 * time.Minute
	if _, peer, err := s.acceptor.NewContext(sspi.ContextConfig{}).Accept(t.Context(), token); peer == nil {
		t.Error(err)
	}
}

// TestREPLAY_9_ClocksOfHosts checks hosts with the same service name whose clocks differ by
// up to the skew, and a store with a third clock. Each host refuses an authenticator that
// another has accepted, until the authenticator is too old.
func TestREPLAY_9_ClocksOfHosts(t *testing.T) {
	for _, fast := range []time.Duration{5 * time.Second, time.Minute, 4*time.Minute + 59*time.Second} {
		var passed time.Duration
		cache := &expiring{until: map[[24]byte]time.Time{}, network: func() {}, keep: authenticator.Record.TTL}
		var hosts [2]*sspi.Acceptor
		s := newSite(t, func(cfg *sspi.Config) {
			clock := cfg.Time
			cache.clock, cfg.Replay = func() time.Time { return clock().Add(passed) }, cache
			for i, ahead := range []time.Duration{fast, 0} {
				own := *cfg
				own.Time = func() time.Time { return clock().Add(passed + ahead) }
				var err error
				if hosts[i], err = sspi.NewAcceptor(own); err != nil {
					t.Fatal(err)
				}
			}
		})
		token := s.request().Token()
		if _, _, err := hosts[0].NewContext(sspi.ContextConfig{}).Accept(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		for _, passed = range []time.Duration{0, time.Minute, 5*time.Minute - time.Second, 5 * time.Minute} {
			if _, peer, err := hosts[1].NewContext(sspi.ContextConfig{}).Accept(t.Context(), token); peer != nil {
				t.Errorf("a clock ahead by %v, after %v: accepted, %v", fast, passed, err)
			}
		}
	}
}

// TestCTX_12_ImportSlowCache checks the same for a context that is imported twice.
func TestCTX_12_ImportSlowCache(t *testing.T) {
	var late, network time.Duration
	s := newSite(t, exporting)
	c, _ := s.established(t, sspi.ContextConfig{})
	sealed, err := c.Export()
	if err != nil {
		t.Fatal(err)
	}
	cache := &expiring{until: map[[24]byte]time.Time{}, network: func() { late += network }}
	cache.keep = func(r authenticator.Record) time.Duration { return r.Until.Sub(r.Now) }
	w := s.worker(t, func(cfg *sspi.Config) {
		clock := cfg.Time
		cfg.Time = func() time.Time { return clock().Add(late) }
		cache.clock, cfg.Replay = cfg.Time, cache
	})
	if _, err := w.Import(t.Context(), sealed); err != nil {
		t.Fatal(err)
	}
	late, network = 5*time.Minute, 3*time.Second
	if _, err := w.Import(t.Context(), sealed); status.ReasonOf(err) != status.ReasonReplayCacheFailed {
		t.Errorf("a second time: %v", err)
	}
}

// slowRefresh is a source that has no usable key at first, and whose Refresh takes an hour.
type slowRefresh struct {
	old, fresh *keytab.Table
	late       *time.Duration
}

func (r slowRefresh) Table(context.Context) (*keytab.Table, error) { return r.old, nil }

func (r slowRefresh) Refresh(context.Context, *keytab.Table) (*keytab.Table, error) {
	*r.late = time.Hour
	return r.fresh, nil
}

// TestREPLAY_11_SlowRefresh checks the same as TestREPLAY_11_SlowKeys for the time of
// Refresh.
func TestREPLAY_11_SlowRefresh(t *testing.T) {
	var late time.Duration
	s := newSite(t, func(cfg *sspi.Config) {
		clock := cfg.Time
		cfg.Time = func() time.Time { return clock().Add(late) }
		cfg.Keys = slowRefresh{new(keytab.Table), cfg.Keys.(*keytab.Table), &late}
	})
	c := s.acceptor.NewContext(sspi.ContextConfig{NoErrorTokens: true})
	if _, peer, err := c.Accept(t.Context(), s.request().Token()); peer != nil || status.ReasonOf(err) != status.ReasonClockSkew {
		t.Errorf("%v, %v", peer, err)
	}
	if n := s.replay.stores.Load(); n != 0 {
		t.Errorf("%d authenticators were claimed", n)
	}
}

// TestServices_OtherCase checks that the error names the difference if Config.Services has
// the service's name in another case than the keytab, and that the acceptor refuses all
// clients.
func TestServices_OtherCase(t *testing.T) {
	s := newSite(t, func(cfg *sspi.Config) { cfg.Services = []string{"http/WWW.example.com"} })
	_, _, err := s.acceptor.NewContext(sspi.ContextConfig{}).Accept(t.Context(), s.request().Token())
	if status.ReasonOf(err) != status.ReasonNoKey || !strings.Contains(err.Error(), `"`+service+`@EXAMPLE.COM", which differs in case alone`) {
		t.Errorf("%v", err)
	}
}

// TestBIND_7_RequireUserToUser checks that a user-to-user client meets the requirement of
// user-to-user.
func TestBIND_7_RequireUserToUser(t *testing.T) {
	s := userSite(t)
	c := s.acceptor.NewContext(sspi.ContextConfig{Require: flags.ASC_RET_USE_SESSION_KEY})
	token, _, _ := askTicket(t, s, c).Start().Next(nil)
	if _, peer, err := c.Accept(t.Context(), token); err != nil || peer.Flags&flags.ASC_RET_USE_SESSION_KEY == 0 {
		t.Errorf("%v, %v", peer, err)
	}
	s = newSite(t)
	c = s.acceptor.NewContext(sspi.ContextConfig{Require: flags.ASC_RET_USE_SESSION_KEY})
	if _, _, err := c.Accept(t.Context(), s.request().Token()); status.ReasonOf(err) != status.ReasonRequirementNotMet {
		t.Errorf("an ordinary client: %v", err)
	}
}
