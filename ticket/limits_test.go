package ticket_test

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket"
)

// crowd is a table of n services with a key each, and a ticket under a name that
// is not there, sealed in the key of one of them.
func crowd(n, sealedBy int) (*krbtest.Realm, *keytab.Table, *krbtest.Ticket) {
	r := krbtest.NewRealm("EXAMPLE.COM")
	r.ETypes = r.ETypes[:1]
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("HTTP/%03d.example.com", i))
	}
	table := r.Service(names...)
	k := r.Ticket("alice", names[sealedBy])
	k.SName.NameString = []string{"HTTP", "nobody.example.com"}
	return r, table, k
}

// TestDOS_1_SixteenTrials puts the right key in every place of a long table. The
// first sixteen are found; what is behind them is not looked for, however many
// there are.
func TestDOS_1_SixteenTrials(t *testing.T) {
	const n = 40
	for place := range n {
		r, table, k := crowd(n, place)
		p := params(r)
		p.Keys = table
		what := fmt.Sprint("place ", place)
		if place < 16 {
			mustOpen(t, what, k.APReq().Bytes(), p)
		} else {
			refused(t, what, k.APReq().Bytes(), p, status.ReasonWrongService)
		}
		k.SName.NameString = []string{"HTTP", fmt.Sprintf("%03d.example.com", place)}
		mustOpen(t, what+", under its name", k.APReq().Bytes(), p)
	}
}

// TestDOS_2_Memory refuses and opens a large ticket with sixteen keys to try. What
// it takes is in proportion to the token, and not to the keys.
func TestDOS_2_Memory(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for name, sealedBy := range map[string]int{"refused": 39, "opened": 15} {
		r, table, k := crowd(40, sealedBy)
		k.Part.AuthorizationData = append(k.Part.AuthorizationData, entry(999, strings.Repeat("x", 60<<10)))
		b := k.APReq().Bytes()
		p := params(r)
		p.Keys = table
		var before, after runtime.MemStats
		const runs = 20
		runtime.ReadMemStats(&before)
		for range runs {
			if _, err := ticket.Open(b, p); (err == nil) != (name == "opened") {
				t.Fatal(err)
			}
		}
		runtime.ReadMemStats(&after)
		if each := (after.TotalAlloc - before.TotalAlloc) / runs; each > uint64(3*len(b)) {
			t.Errorf("%s: %d bytes for a token of %d", name, each, len(b))
		}
	}
}

// TestOpen_Allocations holds a ticket as MIT's KDC makes it to the memory that is
// kept of it: the Ticket, the session key and the client's name. With a PAC there
// is the copy of the authorization data.
func TestOpen_Allocations(t *testing.T) {
	if raceEnabled || testing.CoverMode() != "" {
		t.Skip("the race detector allocates, and coverage keeps functions from being inlined")
	}
	r := krbtest.NewRealm("EXAMPLE.COM")
	for _, e := range krbtest.Preference {
		r.ETypes = []keytab.EType{e}
		k := r.Ticket("alice", fmt.Sprintf("HTTP/%d", e))
		plain := k.APReq().Bytes()
		k.Part.AuthorizationData = append(k.Part.AuthorizationData, krbtest.IfRelevant(entry(128, strings.Repeat("p", 1200))))
		for _, c := range []struct {
			name  string
			b     []byte
			limit float64
		}{{"small", plain, 3}, {"with a PAC", k.APReq().Bytes(), 4}} {
			p := params(r)
			n := testing.AllocsPerRun(50, func() {
				if _, err := ticket.Open(c.b, p); err != nil {
					t.Fatal(err)
				}
			})
			t.Logf("%v, %s: %v", e, c.name, n)
			if n > c.limit {
				t.Errorf("%v, %s: %v allocations, want at most %v", e, c.name, n, c.limit)
			}
		}
	}
}

// TestOpen_KeepsOnlyTheAuthenticator overwrites the AP-REQ: what the ticket says
// must not change, and only the authenticator may, as is documented.
func TestOpen_KeepsOnlyTheAuthenticator(t *testing.T) {
	r := krbtest.NewRealm("EXAMPLE.COM")
	k := r.Ticket("alice", service)
	k.Part.Transited.Contents = []byte("EDU,MIT.")
	k.Part.AuthorizationData = append(k.Part.AuthorizationData, krbtest.IfRelevant(entry(128, "the PAC")))
	b := k.APReq().Bytes()
	original := bytes.Clone(b)
	opened, err := ticket.Open(b, params(r))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, original) {
		t.Error("Open changed the AP-REQ")
	}
	before := fmt.Sprintf("%+v", *opened.Unproven())
	_, sealed := opened.Authenticator()
	if cap(sealed) != len(sealed) {
		t.Error("appending to the authenticator would write into the token")
	}
	clear(b)
	for range 3 { // the memory of one Open is used again by the next
		if _, err := ticket.Open(original, params(r)); err != nil {
			t.Fatal(err)
		}
	}
	if after := fmt.Sprintf("%+v", *opened.Unproven()); after != before {
		t.Errorf("the content changed from\n%s\nto\n%s", before, after)
	}
	for name, v := range map[string][]byte{"transited": opened.Unproven().Transited, "PAC": opened.Unproven().PAC, "authorization data": opened.Unproven().AuthorizationData} {
		if len(v) == 0 || cap(v) != len(v) {
			t.Errorf("%s has length %d and capacity %d", name, len(v), cap(v))
		}
	}
}
