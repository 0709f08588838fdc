package ticket_test

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket"
)

// crowd returns a table of n services with one key each, and a ticket for a service that
// the table does not have, encrypted in the key of the service sealedBy.
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

// sealedLen returns the length of the ticket's ciphertext.
func sealedLen(t testing.TB, apReq []byte) int {
	t.Helper()
	var req krb5.APReq
	if err := req.Parse(apReq); err != nil {
		t.Fatal(err)
	}
	return len(req.Ticket.EncPart.Cipher)
}

// TestDOS_1_BoundOnWork puts the key of the ticket at different positions of a long table,
// for tickets of several lengths. Open has a budget of 64 KiB: each trial decryption costs
// the length of the ticket and 512 bytes. Open does not try the keys that exceed the
// budget, and its error says how many it tried. If the ticket names the service in any case
// of letters, Open finds the key at each position.
func TestDOS_1_BoundOnWork(t *testing.T) {
	const n = 100
	for _, pad := range []int{0, 1200, 8 << 10, 30 << 10, 60 << 10} {
		_, _, k := crowd(1, 0)
		k.Part.AuthorizationData = append(k.Part.AuthorizationData, krbtest.IfRelevant(entry(999, strings.Repeat("x", pad))))
		length := sealedLen(t, k.APReq().Bytes())
		trials := min(64<<10/(length+512), n)
		for _, place := range []int{0, trials - 1, trials, n - 1} {
			if place == n {
				continue
			}
			r, table, k := crowd(n, place)
			k.Part.AuthorizationData = append(k.Part.AuthorizationData, krbtest.IfRelevant(entry(999, strings.Repeat("x", pad))))
			p := params(r)
			p.Keys = table
			what := fmt.Sprintf("%d bytes, place %d", length, place)
			if place < trials {
				mustOpen(t, what, k.APReq().Bytes(), p)
			} else {
				refused(t, what, k.APReq().Bytes(), p, status.ReasonWrongService)
				_, err := ticket.Open(k.APReq().Bytes(), p)
				if want := fmt.Sprintf("; %d of %d keys tried", trials, n); !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %v, want %s", what, err, want)
				}
			}
			k.SName.NameString = []string{"HTTP", fmt.Sprintf("%03d.example.com", place)}
			mustOpen(t, what+", under its name", k.APReq().Bytes(), p)
			k.SName.NameString = []string{"http", fmt.Sprintf("%03d.EXAMPLE.COM", place)}
			mustOpen(t, what+", under its name in another case", k.APReq().Bytes(), p)
		}
	}
}

// TestKEY_8_BeyondTheBound checks that Open tries four keys of the named service even if
// the ticket is so long that the budget is used up.
func TestKEY_8_BeyondTheBound(t *testing.T) {
	r := krbtest.NewRealm("EXAMPLE.COM")
	r.ETypes = r.ETypes[:1]
	r.Service(service)
	var tickets []*krbtest.Ticket
	for range 8 {
		k := r.Ticket("alice", service)
		k.Part.AuthorizationData = append(k.Part.AuthorizationData, krbtest.IfRelevant(entry(999, strings.Repeat("x", 62<<10))))
		k.Kvno = 0
		tickets = append(tickets, k)
		r.Rotate(service)
	}
	r.Service("HTTP/other.example.com")
	for _, name := range [][]string{{"HTTP", "www.example.com"}, {"http", "WWW.example.com"}} {
		for age, k := range tickets {
			k.SName.NameString = name
			what := fmt.Sprint(name, " key ", age, " of 9")
			if newer := len(tickets) - age; newer < 5 {
				mustOpen(t, what, k.APReq().Bytes(), params(r))
				continue
			}
			_, err := ticket.Open(k.APReq().Bytes(), params(r))
			if err == nil || !strings.Contains(err.Error(), "; 5 of 10 keys tried") {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
}

// TestKEY_8_ManyServices uses a keytab of thirty services with different keys and tickets
// as Active Directory makes them. Open accepts a ticket that names its service in another
// case, by a short name, by another service of the host or by an alias.
func TestKEY_8_ManyServices(t *testing.T) {
	r := krbtest.NewRealm("EXAMPLE.COM")
	var names []string
	for i := range 30 {
		names = append(names, fmt.Sprintf("HTTP/app%02d.example.com", i))
	}
	r.Service(names...)
	for _, pad := range []int{0, 1200} {
		for _, name := range [][]string{{"HTTP", "APP24.EXAMPLE.COM"}, {"http", "app24.example.com"}, {"HTTP", "app24"}, {"host", "App24.Example.Com"}, {"HTTP", "alias.example.com"}, {"x"}} {
			k := r.Ticket("alice", names[24])
			k.Part.AuthorizationData = append(k.Part.AuthorizationData, krbtest.IfRelevant(entry(999, strings.Repeat("x", pad))))
			k.SName.NameString = name
			p := params(r)
			if pad > 0 {
				p.Keys = only(p.Keys, func(e keytab.Entry) bool { return e.Key.EType() == keytab.EType(k.Key.KeyType) })
			}
			if got := mustOpen(t, fmt.Sprint(name), k.APReq().Bytes(), p); got.Service.String() != names[24]+"@EXAMPLE.COM" {
				t.Errorf("%v: the service is %v", name, got.Service)
			}
			// The comparison without case determines the order of the keys only; it admits
			// no further principal.
			p.Services = p.Keys.Only(keytab.MustParsePrincipal(names[23] + "@EXAMPLE.COM"))
			refused(t, fmt.Sprint(name, " not admitted"), k.APReq().Bytes(), p, status.ReasonWrongService)
		}
	}
}

// TestOpen_ServicesOfAnotherTable checks that Services of one Table open nothing with the
// keys of another Table.
func TestOpen_ServicesOfAnotherTable(t *testing.T) {
	r := krbtest.NewRealm("EXAMPLE.COM")
	k := r.Ticket("alice", service)
	p, other := params(r), params(r)
	p.Services, _ = other.Keys.Admit()
	if p.Keys == other.Keys {
		t.Fatal("the two tables are the same")
	}
	refused(t, "services of another table", k.APReq().Bytes(), p, status.ReasonArgument)
	p.Services = new(keytab.Services)
	refused(t, "zero Services", k.APReq().Bytes(), p, status.ReasonArgument)
	p.Keys = nil
	refused(t, "zero Services and no keys", k.APReq().Bytes(), p, status.ReasonNoKey)
}

// TestDOS_2_Memory opens and refuses tickets with many keys to try. The memory that Open
// allocates depends on the length of the token and not on the number of keys.
func TestDOS_2_Memory(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for name, c := range map[string]struct{ sealedBy, pad int }{"refused": {39, 60 << 10}, "opened": {0, 60 << 10}, "refused after many trials": {39, 2 << 10}, "opened by the fifteenth": {14, 2 << 10}} {
		r, table, k := crowd(40, c.sealedBy)
		k.Part.AuthorizationData = append(k.Part.AuthorizationData, entry(999, strings.Repeat("x", c.pad)))
		b := k.APReq().Bytes()
		p := params(r)
		p.Keys = table
		var before, after runtime.MemStats
		const runs = 20
		runtime.ReadMemStats(&before)
		for range runs {
			if _, err := ticket.Open(b, p); (err == nil) != strings.HasPrefix(name, "opened") {
				t.Fatal(err)
			}
		}
		runtime.ReadMemStats(&after)
		if each := (after.TotalAlloc - before.TotalAlloc) / runs; each > uint64(3*len(b)+4096) {
			t.Errorf("%s: %d bytes for a token of %d", name, each, len(b))
		}
	}
}

// TestOpen_Allocations limits the memory of Open for a ticket of MIT's KDC to the values
// that it returns: the Ticket, the session key and the client's name. A ticket with a PAC
// adds the copy of the authorization data.
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

// TestOpen_KeepsOnlyTheAuthenticator overwrites the AP-REQ after Open. As documented, the
// authenticator changes, and all other content of the Ticket stays.
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
	for range 3 { // Open reuses the memory of an earlier Open
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
