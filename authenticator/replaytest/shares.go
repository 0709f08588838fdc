package replaytest

import (
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/status"
)

// Shares tests a bounded cache that gives each client a share of its room, by
// [authenticator.Record].Client. The caches that open returns have room for the given
// number of records, 1000 or more. A cache that ignores Client does not pass, and need
// not call Shares.
//
// A client that floods the cache with new authenticators must be refused with
// status.ReasonReplayCacheShare before it has taken half of the room, and so must each of
// four clients that flood it together, before they have taken four fifths. Other clients
// must then get in, and no record may be forgotten.
func Shares(t *testing.T, room int, open func(t *testing.T) authenticator.ReplayCache) {
	if room < 1000 {
		t.Fatalf("room for %d records: Shares needs 1000 or more", room)
	}
	for _, c := range shareChecks {
		t.Run(c.name, func(t *testing.T) { shares(t, open(t), room, c.floods, c.most) })
	}
}

var shareChecks = []struct {
	name   string
	floods int     // clients that flood the cache at the same time
	most   float64 // the part of the room that they may use together
}{
	{"one flood", 1, 0.5},
	{"four floods", 4, 0.8},
}

func shares(t testing.TB, cache authenticator.ReplayCache, room, floods int, most float64) {
	now := time.Now()
	clients := make([]authenticator.ClientDigest, floods)
	for i := range clients {
		random(clients[i][:])
	}
	var held []authenticator.Record
	refused := 0
	for i := range 2 * room {
		r := record(now, 0)
		r.Client = clients[i%floods]
		switch fresh, err := cache.Store(t.Context(), r); {
		case err == nil && fresh:
			held = append(held, r)
		case status.ReasonOf(err) == status.ReasonReplayCacheShare && !fresh:
			refused++
		default:
			t.Fatalf("a new authenticator of a client that floods the cache: Store = %v, %v; want true, nil or an error with the Reason %v", fresh, err, status.ReasonReplayCacheShare)
		}
	}
	if limit := int(most * float64(room)); len(held) > limit || refused == 0 {
		t.Fatalf("%d clients that flood the cache hold %d of %d records, want %d at most", floods, len(held), room, limit)
	}
	traffic(t, cache, now, room/20)
	for _, r := range held {
		replay(t, cache, r, "of a client over its share")
	}
	traffic(t, cache, now, room/20)
}
