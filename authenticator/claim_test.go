package authenticator_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// TestREPLAY_1_RewrittenInClear rewrites all that stands in clear around a
// captured authenticator: it stays the one it is.
func TestREPLAY_1_RewrittenInClear(t *testing.T) {
	other := krb5.Name{Type: 2, Components: []byte("\x1b\x04HTTP\x1b\x11other.example.com")}
	for name, rewrite := range map[string]func(d *desk, q *krbtest.APReq, m *krb5.APReq){
		"nothing":            func(*desk, *krbtest.APReq, *krb5.APReq) {},
		"AP-options":         func(_ *desk, _ *krbtest.APReq, m *krb5.APReq) { m.Options ^= 0xb5000000 },
		"service":            func(_ *desk, _ *krbtest.APReq, m *krb5.APReq) { m.Ticket.Service = other },
		"realm":              func(_ *desk, _ *krbtest.APReq, m *krb5.APReq) { m.Ticket.Realm = []byte("EXAMPLE.ORG") },
		"kvno of the ticket": func(_ *desk, _ *krbtest.APReq, m *krb5.APReq) { m.Ticket.EncPart.Kvno = 7 },
		"kvno of the authenticator": func(_ *desk, _ *krbtest.APReq, m *krb5.APReq) {
			m.Authenticator.Kvno, m.Authenticator.HasKvno = 9, true
		},
		"the ticket, sealed again": func(_ *desk, q *krbtest.APReq, m *krb5.APReq) {
			var again krb5.APReq
			if err := again.Parse(q.Bytes()); err != nil {
				t.Fatal(err)
			}
			m.Ticket.EncPart = again.Ticket.EncPart
		},
	} {
		d := newDesk(t)
		q := d.request()
		first := q.Bytes()
		if _, err := d.claim(first); err != nil {
			t.Fatal(err)
		}
		var m krb5.APReq
		if err := m.Parse(first); err != nil {
			t.Fatal(err)
		}
		rewrite(d, q, &m)
		second := m.Append(nil)
		if (name == "nothing") != bytes.Equal(first, second) {
			t.Fatalf("%s: rewriting changed nothing", name)
		}
		if _, err := d.claim(second); status.ReasonOf(err) != status.ReasonReplay {
			t.Errorf("%s: %v, want a replay", name, err)
		}
	}
}

// TestREPLAY_1_Tag: it is the MAC, the last bytes of the authenticator's
// ciphertext; of what a MAC covers no bit can change.
func TestREPLAY_1_Tag(t *testing.T) {
	macs := map[keytab.EType]int{17: 12, 18: 12, 19: 16, 20: 24, 23: 16} // of RC4 it is no MAC, but under one
	for e := range macs {
		d := newDesk(t)
		d.params.ETypes = []keytab.EType{17, 18, 19, 20, 23}
		k := d.realm.Ticket("alice", service)
		k.Part.Key = d.realm.NewKey(e)
		b := k.APReq().Bytes()
		if _, err := d.claim(b); err != nil {
			t.Fatal(err)
		}
		var want [24]byte
		copy(want[:], b[len(b)-macs[e]:])
		if got := d.cache.records[0].Tag; got != want {
			t.Errorf("%v: tag %x, want %x", e, got[:], want)
		}
		var m krb5.APReq
		if err := m.Parse(b); err != nil {
			t.Fatal(err)
		}
		for i := range m.Authenticator.Cipher {
			flipped := bytes.Clone(b)
			flipped[len(b)-len(m.Authenticator.Cipher)+i] ^= 1 << (i % 8)
			if _, err := d.claim(flipped); status.ReasonOf(err) != status.ReasonWrongKey {
				t.Fatalf("%v: byte %d flipped: %v", e, i, err)
			}
		}
		if len(d.cache.records) != 1 {
			t.Errorf("%v: %d records", e, len(d.cache.records))
		}
	}
}

// TestREPLAY_3_Record: an authenticator is kept from its own stamp on, until a
// second after it would be refused for its age.
func TestREPLAY_3_Record(t *testing.T) {
	for _, ahead := range []time.Duration{0, skew, -skew, time.Microsecond} {
		d := newDesk(t)
		stamp := d.params.Now.Add(ahead)
		d.verified("a client", d.request(func(q *krbtest.APReq) { q.SetTime(stamp) }))
		got := d.cache.records[0]
		if !got.Time.Equal(stamp) || !got.Now.Equal(d.params.Now) || !got.Until.Equal(stamp.Add(skew+time.Second)) {
			t.Errorf("%v ahead: stamp %v, now %v, until %v", ahead, got.Time, got.Now, got.Until)
		}
	}
}

// TestREPLAY_3_FutureStamp: a client's fast clock does not make its
// authenticator good a second time.
func TestREPLAY_3_FutureStamp(t *testing.T) {
	d := newDesk(t)
	b := d.request(func(q *krbtest.APReq) { q.SetTime(q.Time().Add(skew)) }).Bytes()
	if _, err := d.claim(b); err != nil {
		t.Fatal(err)
	}
	now := d.params.Now
	for _, later := range []time.Duration{0, skew, 3 * skew / 2, 2 * skew} {
		d.params.Now = now.Add(later)
		if _, err := d.claim(b); status.ReasonOf(err) != status.ReasonReplay {
			t.Errorf("%v later: %v", later, err)
		}
	}
	d.params.Now = now.Add(2*skew + time.Microsecond)
	if _, err := d.claim(b); status.ReasonOf(err) != status.ReasonClockSkew {
		t.Errorf("at its end: %v", err)
	}
}

// TestREPLAY_4_SameMicrosecond: one content sealed twice is two authenticators.
func TestREPLAY_4_SameMicrosecond(t *testing.T) {
	d := newDesk(t)
	q := d.request()
	d.verified("first", q)
	d.verified("second", q)
}

// cacheFunc is a ReplayCache.
type cacheFunc func(ctx context.Context, r authenticator.Record) (bool, error)

func (f cacheFunc) Store(ctx context.Context, r authenticator.Record) (bool, error) { return f(ctx, r) }

// TestREPLAY_7_NoAnswerRefuses: whatever a cache does but say that the
// authenticator is new, and nothing else, refuses.
func TestREPLAY_7_NoAnswerRefuses(t *testing.T) {
	boom := errors.New("boom")
	own := &status.Error{Reason: status.ReasonReplayCacheFull}
	type x = struct {
		fresh bool
		err   error
		want  status.Reason
	}
	for name, x := range map[string]x{
		"known":               {false, nil, status.ReasonReplay},
		"fails":               {false, boom, status.ReasonReplayCacheFailed},
		"fails, yet new":      {true, boom, status.ReasonReplayCacheFailed},
		"full":                {false, own, status.ReasonReplayCacheFull},
		"full, yet new":       {true, own, status.ReasonReplayCacheFull},
		"full, wrapped":       {false, fmt.Errorf("redis: %w", own), status.ReasonReplayCacheFull},
		"canceled":            {false, context.Canceled, status.ReasonCanceled},
		"canceled, yet new":   {true, context.Canceled, status.ReasonCanceled},
		"out of time":         {false, context.DeadlineExceeded, status.ReasonCanceled},
		"out of time, inside": {true, fmt.Errorf("redis: %w", context.DeadlineExceeded), status.ReasonCanceled},
	} {
		d := newDesk(t)
		v, err := d.accepts(name, d.request()).Claim(t.Context(), cacheFunc(func(context.Context, authenticator.Record) (bool, error) {
			return x.fresh, x.err
		}))
		if !v.IsZero() || status.ReasonOf(err) != x.want || x.err != nil && !errors.Is(err, x.err) {
			t.Errorf("%s: %v, %v, want %v", name, v, err, x.want)
		}
	}
}

// TestREPLAY_7_ContextReachesTheCache: a cache that hangs ends with the caller's
// context, and with it the attempt.
func TestREPLAY_7_ContextReachesTheCache(t *testing.T) {
	d := newDesk(t)
	ctx, cancel := context.WithCancel(t.Context())
	hangs := cacheFunc(func(ctx context.Context, _ authenticator.Record) (bool, error) {
		cancel()
		<-ctx.Done()
		return false, ctx.Err()
	})
	c := d.accepts("a client", d.request())
	if v, err := c.Claim(ctx, hangs); !v.IsZero() || status.ReasonOf(err) != status.ReasonCanceled || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if v, err := c.Claim(ctx, authenticator.NewMemoryCache(0, authenticator.AcceptOlder)); !v.IsZero() || status.ReasonOf(err) != status.ReasonCanceled {
		t.Errorf("the context had ended before: %v", err)
	}
}

// TestREPLAY_7_NoCache: it cannot be left out, and the zero cache is none.
func TestREPLAY_7_NoCache(t *testing.T) {
	d := newDesk(t)
	c := d.accepts("a client", d.request())
	for name, x := range map[string]struct {
		checked *authenticator.Checked
		cache   authenticator.ReplayCache
		want    status.Reason
	}{
		"nil cache":        {c, nil, status.ReasonArgument},
		"nil MemoryCache":  {c, (*authenticator.MemoryCache)(nil), status.ReasonReplayCacheFailed},
		"zero MemoryCache": {c, new(authenticator.MemoryCache), status.ReasonReplayCacheFailed},
		"zero Checked":     {new(authenticator.Checked), d.cache, status.ReasonArgument},
	} {
		if v, err := x.checked.Claim(t.Context(), x.cache); !v.IsZero() || status.ReasonOf(err) != x.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(d.cache.records) != 0 {
		t.Error("a zero Checked reached the cache")
	}
	var zero authenticator.Checked
	if zero.SessionEType() != 0 || zero.KeyEType() != 0 || len(zero.ETypes()) != 0 || zero.Flags() != 0 {
		t.Error("the zero Checked says something")
	}
	if !(authenticator.Verified{}).IsZero() {
		t.Error("the zero Verified proves something")
	}
}

// TestREPLAY_12_ThenAFreshOne: a replay is code 34, and harms nobody's next
// attempt.
func TestREPLAY_12_ThenAFreshOne(t *testing.T) {
	d := newDesk(t)
	q := d.request()
	b := q.Bytes()
	for i, want := range []status.Reason{status.ReasonNone, status.ReasonReplay, status.ReasonReplay} {
		v, err := d.claim(b)
		if (err == nil) != (want == status.ReasonNone) || err != nil && status.ReasonOf(err) != want || v.IsZero() != (err != nil) {
			t.Errorf("use %d: %v", i, err)
		}
		if err != nil && status.ReasonOf(err).Kerberos() != 34 {
			t.Errorf("use %d: code %d", i, status.ReasonOf(err).Kerberos())
		}
	}
	d.verified("a fresh one", q)
}

// TestREPLAY_6_ClaimIsOneStore: a claim asks once, with nothing of the client's
// name in the record.
func TestREPLAY_6_ClaimIsOneStore(t *testing.T) {
	d := newDesk(t)
	d.accepts("checked only", d.request())
	if len(d.cache.records) != 0 {
		t.Error("recorded before it was claimed")
	}
	d.verified("claimed", d.request())
	if n := len(d.cache.records); n != 1 {
		t.Errorf("%d records of one claim", n)
	}
	if slices.Equal(d.cache.records[0].Tag[:], make([]byte, 24)) {
		t.Error("no tag")
	}
}
