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

// TestREPLAY_1_RewrittenInClear rewrites all unprotected fields around a captured
// authenticator. The replay cache must recognise the authenticator.
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
			t.Fatalf("%s: the rewritten AP-REQ is unchanged", name)
		}
		if _, err := d.claim(second); status.ReasonOf(err) != status.ReasonReplay {
			t.Errorf("%s: %v, want a replay", name, err)
		}
	}
}

// TestREPLAY_1_Tag checks that the Tag contains the MAC, which is the end of the
// authenticator's ciphertext. No bit that the MAC covers can change without a failure of
// Check.
func TestREPLAY_1_Tag(t *testing.T) {
	macs := map[keytab.EType]int{17: 12, 18: 12, 19: 16, 20: 24, 23: 16} // for RC4 the last bytes are not the MAC, but the MAC covers them
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

// TestREPLAY_3_Record checks that a record lives from the time stamp of its authenticator
// until one second after the acceptor would refuse the authenticator as too old.
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

// TestREPLAY_3_FutureStamp checks that the acceptor refuses the second use of an
// authenticator of a client whose clock is ahead.
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
		t.Errorf("at the end of the record: %v", err)
	}
}

// TestREPLAY_4_SameMicrosecond checks that the same content, encrypted twice, is two
// authenticators.
func TestREPLAY_4_SameMicrosecond(t *testing.T) {
	d := newDesk(t)
	q := d.request()
	d.verified("first", q)
	d.verified("second", q)
}

// cacheFunc is a ReplayCache that calls a function.
type cacheFunc func(ctx context.Context, r authenticator.Record) (bool, error)

func (f cacheFunc) Store(ctx context.Context, r authenticator.Record) (bool, error) { return f(ctx, r) }

// TestREPLAY_7_NoAnswerRefuses checks that every answer of a cache except "fresh" without
// an error refuses the client.
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

// TestREPLAY_7_ContextReachesTheCache checks that the caller's context ends the call of a
// cache that hangs, and then the attempt.
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

// TestREPLAY_7_NoCache checks that Claim refuses a nil cache and a zero cache.
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
		t.Error("Claim of a zero Checked called the cache")
	}
	var zero authenticator.Checked
	if zero.SessionEType() != 0 || zero.KeyEType() != 0 || len(zero.ETypes()) != 0 || zero.Flags() != 0 {
		t.Error("the zero Checked has content")
	}
	if !(authenticator.Verified{}).IsZero() {
		t.Error("the zero Verified has content")
	}
}

// TestREPLAY_12_ThenAFreshOne checks that a replay has the Kerberos error 34, and that the
// next attempt of the client succeeds.
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

// TestREPLAY_6_ClaimIsOneStore checks that Claim calls Store once, with a record that does
// not contain the client's name.
func TestREPLAY_6_ClaimIsOneStore(t *testing.T) {
	d := newDesk(t)
	d.accepts("checked only", d.request())
	if len(d.cache.records) != 0 {
		t.Error("the cache has a record before Claim")
	}
	d.verified("claimed", d.request())
	if n := len(d.cache.records); n != 1 {
		t.Errorf("%d records after one Claim", n)
	}
	if slices.Equal(d.cache.records[0].Tag[:], make([]byte, 24)) {
		t.Error("the record has no Tag")
	}
}
