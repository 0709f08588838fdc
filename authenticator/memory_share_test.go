package authenticator_test

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/authenticator/replaytest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// of returns a new authenticator of a client.
func of(client string, now time.Time) authenticator.Record {
	r := use(now, 0)
	r.Client = authenticator.ClientDigest{}
	copy(r.Client[:], client)
	return r
}

// flood presents n new authenticators of each client in turn, and returns how many records
// each client has in the cache. Every refusal must have ReasonReplayCacheShare.
func flood(t testing.TB, c *authenticator.MemoryCache, now time.Time, n int, clients ...string) map[string]int {
	t.Helper()
	held := map[string]int{}
	for range n {
		for _, client := range clients {
			switch got := present(t, c, of(client, now)); got {
			case status.ReasonNone:
				held[client]++
			case status.ReasonReplayCacheShare:
			default:
				t.Fatalf("a new authenticator of %s: %v", client, got)
			}
		}
	}
	return held
}

func TestREPLAY_13_MemoryCacheKeepsShares(t *testing.T) {
	for name, room := range map[string]int{"one shard": 1000, "two shards": 2048, "64 shards": 70000} {
		t.Run(name, func(t *testing.T) {
			replaytest.Shares(t, room, func(*testing.T) authenticator.ReplayCache {
				return authenticator.NewMemoryCache(room, authenticator.AcceptOlder)
			})
		})
	}
}

// TestREPLAY_13_Flood checks that one client, or several together, can use only their
// shares, that the cache refuses them with a Reason of its own, and that it accepts all
// other clients.
func TestREPLAY_13_Flood(t *testing.T) {
	const room = 20000
	for _, attackers := range [][]string{{"a"}, {"a", "b", "c"}, strings.Split("abcdefghijklmnopqrst", "")} {
		c := authenticator.NewMemoryCacheAt(room, authenticator.RefuseOlder, start)
		held := flood(t, c, start, 2*room/len(attackers), attackers...)
		most, total := room/(4+len(attackers))*11/10, 0 // plus a tenth, because the shards fill unevenly
		for client, n := range held {
			total += n
			if n > most || n < most/2 {
				t.Errorf("%d floods: %s holds %d of %d records, want up to %d", len(attackers), client, n, room, most)
			}
		}
		// Other clients use a third of the remaining room, each with one record or with
		// several.
		for i := range (room - total) / 3 {
			r := use(start, 0)
			if i%2 == 0 {
				r = of(string(rune('A'+i%26)), start)
			}
			if got := present(t, c, r); got != status.ReasonNone {
				t.Fatalf("%d floods, then %d other clients: %v", len(attackers), i, got)
			}
		}
		expect(t, c, of("a", start), status.ReasonReplayCacheShare)
	}
}

// TestREPLAY_13_OverShareForgetsNothing checks that the cache keeps the records of a client
// that it refuses because of its share.
func TestREPLAY_13_OverShareForgetsNothing(t *testing.T) {
	c := authenticator.NewMemoryCacheAt(1000, authenticator.RefuseOlder, start)
	var held []authenticator.Record
	for range 2000 {
		r := of("a", start)
		if present(t, c, r) == status.ReasonNone {
			held = append(held, r)
		}
	}
	if len(held) != 200 {
		t.Errorf("%d records, want 200", len(held))
	}
	for _, r := range held {
		expect(t, c, later(r, start.Add(skew)), status.ReasonReplay)
	}
	// After its records have expired, the cache accepts the client again.
	after := start.Add(skew + 2*time.Second)
	expect(t, c, of("a", after), status.ReasonNone)
	for _, r := range held {
		if got := present(t, c, r); got != status.ReasonReplay && got != status.ReasonBeforeReplayCache {
			t.Fatalf("a dropped record: %v", got)
		}
	}
}

// TestREPLAY_13_BusyAgain checks that the cache accepts the first authenticator of a client
// whose records have expired, although other clients have used most of the room meanwhile.
func TestREPLAY_13_BusyAgain(t *testing.T) {
	const room = 1000
	c := authenticator.NewMemoryCacheAt(room, authenticator.RefuseOlder, start)
	flood(t, c, start, room, "a")
	for range 600 {
		expect(t, c, use(start.Add(time.Minute), 0), status.ReasonNone)
	}
	ended := start.Add(skew + time.Second)
	expect(t, c, of("a", ended.Add(-time.Second)), status.ReasonReplayCacheShare)
	for range 50 {
		expect(t, c, of("a", ended), status.ReasonNone)
	}
}

// TestREPLAY_13_LastRecord checks that a client without a record gets the last free one.
func TestREPLAY_13_LastRecord(t *testing.T) {
	c := authenticator.NewMemoryCacheAt(2, authenticator.RefuseOlder, start)
	expect(t, c, of("a", start), status.ReasonNone)
	expect(t, c, of("a", start), status.ReasonReplayCacheShare)
	expect(t, c, of("b", start), status.ReasonNone)
	expect(t, c, of("c", start), status.ReasonReplayCacheFull)
	expect(t, c, of("a", start), status.ReasonReplayCacheFull)
}

// TestREPLAY_13_Record checks that a record contains the digest of the client's principal,
// which is the same for every ticket of the client, and does not contain the name.
func TestREPLAY_13_Record(t *testing.T) {
	d := newDesk(t)
	d.verified("alice", d.request())
	d.verified("alice again", d.request())
	d.verified("bob", d.realm.Ticket("bob", service).APReq())
	alice, again, bob := d.cache.records[0].Client, d.cache.records[1].Client, d.cache.records[2].Client
	principal, err := keytab.ParsePrincipal("alice@EXAMPLE.COM")
	if err != nil {
		t.Fatal(err)
	}
	// SHA-256 of the text "alice@example.com", by sha256sum.
	want := authenticator.ClientDigest{0xff, 0x8d, 0x98, 0x19, 0xfc, 0x0e, 0x12, 0xbf, 0x0d, 0x24, 0x89, 0x2e, 0x45, 0x98, 0x7e, 0x24}
	if alice != want || again != want || authenticator.DigestClient(principal) != want {
		t.Errorf("the digests of alice are %x, %x and %x, want %x", alice, again, authenticator.DigestClient(principal), want)
	}
	if bob == want || bob == (authenticator.ClientDigest{}) {
		t.Errorf("the digest of bob is %x", bob)
	}
}

// TestREPLAY_13_Case checks that a client does not get a share for each spelling of its
// name. Active Directory issues tickets under the name as the client writes it.
func TestREPLAY_13_Case(t *testing.T) {
	digest := func(name string) authenticator.ClientDigest {
		p, err := keytab.ParsePrincipal(name)
		if err != nil {
			t.Fatal(err)
		}
		return authenticator.DigestClient(p)
	}
	for name, others := range map[string][]string{
		"alice@EXAMPLE.COM":   {"Alice@EXAMPLE.COM", "aLICE@EXAMPLE.COM", "alice@Example.Com"},
		"jürgen@EXAMPLE.COM":  {"JÜRGEN@EXAMPLE.COM", "jÜrgen@EXAMPLE.COM"},
		"σίσυφος@EXAMPLE.COM": {"ΣΊΣΥΦΟΣ@EXAMPLE.COM", "σίσυφοσ@EXAMPLE.COM"},
	} {
		for _, other := range others {
			if digest(other) != digest(name) {
				t.Errorf("the digests of %s and %s differ", other, name)
			}
		}
	}
	if digest("alice@EXAMPLE.COM") == digest("alice@EXAMPLE.ORG") || digest("jürgen@EXAMPLE.COM") == digest("jurgen@EXAMPLE.COM") {
		t.Error("two clients have the same digest")
	}
	d := newDesk(t)
	d.verified("alice", d.request())
	d.verified("ALICE", d.realm.Ticket("ALICE", service).APReq())
	if d.cache.records[0].Client != d.cache.records[1].Client {
		t.Error("the tickets of alice and ALICE have different digests")
	}
}

// TestREPLAY_13_NamesTheClient checks that the error names the client that is over its
// share, and says that the client is not proven.
func TestREPLAY_13_NamesTheClient(t *testing.T) {
	d := newDesk(t)
	over := &status.Error{Reason: status.ReasonReplayCacheShare, Detail: "the client has 5 records"}
	v, err := d.accepts("a client", d.request()).Claim(t.Context(), cacheFunc(func(context.Context, authenticator.Record) (bool, error) {
		return false, over
	}))
	if !v.IsZero() || status.ReasonOf(err) != status.ReasonReplayCacheShare || !errors.Is(err, over) {
		t.Fatalf("%v, %v", v, err)
	}
	for _, want := range []string{`"alice@EXAMPLE.COM"`, "unproven", "the client has 5 records"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v: want %s in it", err, want)
		}
	}
}

// BenchmarkMemoryCache_Flood presents new authenticators to a default cache in which one
// client is over its share: those of that client, and those of others.
func BenchmarkMemoryCache_Flood(b *testing.B) {
	c := authenticator.NewMemoryCacheAt(0, authenticator.RefuseOlder, start)
	for range 5 << 20 {
		if got := present(b, c, of("a", start)); got == status.ReasonReplayCacheShare {
			break
		}
	}
	flood(b, c, start, 100_000, "a")
	for name, client := range map[string]func() authenticator.Record{
		"the client over its share": func() authenticator.Record { return of("a", start) },
		"other clients":             func() authenticator.Record { return use(start, 0) },
	} {
		b.Run(name, func(b *testing.B) {
			records := make([]authenticator.Record, 1000)
			for i := range records {
				records[i] = client()
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				r := &records[i%len(records)]
				if i >= len(records) { // start again with new records
					rand.Read(r.Tag[:8])
				}
				_, _ = c.Store(b.Context(), *r)
			}
		})
	}
}
