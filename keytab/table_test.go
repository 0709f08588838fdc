package keytab

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gosspi/kerberos/status"
)

const (
	a128 = AES128_CTS_HMAC_SHA1_96
	a256 = AES256_CTS_HMAC_SHA1_96
)

// spelled returns a table of the entries, which have the form "name kvno etype key".
func spelled(t testing.TB, lines ...string) *Table {
	t.Helper()
	var entries []Entry
	for i, line := range lines {
		var name string
		var kvno uint32
		var e EType
		var key byte
		if _, err := fmt.Sscan(line, &name, &kvno, &e, &key); err != nil {
			t.Fatal(err)
		}
		entries = append(entries, Entry{
			Principal: MustParsePrincipal(name + "@R"), Kvno: kvno, Key: testKey(t, e, key),
			Time: time.Unix(int64(i+1), 0).UTC(),
		})
	}
	table, err := NewTable(entries...)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// admit returns the Services for the admitted principals, or for all principals if there
// are none.
func admit(table *Table, admitted []Principal) *Services {
	if len(admitted) == 0 {
		all, _ := table.Admit()
		return all
	}
	return table.Only(admitted...)
}

// tried returns the keys that the acceptor would try. A key is named by the byte that it
// consists of.
func tried(table *Table, admitted []Principal, service string, e EType, kvno uint32) string {
	var got []string
	for entry := range admit(table, admitted).Candidates(Sealed{Service: []byte(service + "@R"), EType: e, Kvno: kvno, Len: 40}) {
		got = append(got, fmt.Sprintf("%s:%d", entry.Principal.Name(), entry.Key.Bytes()[0]))
	}
	return strings.Join(got, " ")
}

// TestKEY_6_Order checks that the key version determines only the order of the keys. If the
// table has eight bits of a version, the comparison uses these.
func TestKEY_6_Order(t *testing.T) {
	table := spelled(t,
		"h/1 3 17 1", "h/1 5 17 2", "h/1 4 17 3", "h/1 4 18 4", "h/1 4 17 5",
		"h/2 4 17 6", "h/2 3 17 7", "h/2 300 17 8", "krbtgt/R 4 17 9", "kadmin/x 4 17 10", "krbtgt 4 17 11",
	)
	p := func(names ...string) (list []Principal) {
		for _, n := range names {
			list = append(list, MustParsePrincipal(n+"@R"))
		}
		return list
	}
	for _, c := range []struct {
		admitted []Principal
		service  string
		etype    EType
		kvno     uint32
		want     string
	}{
		// First the keys of the named service: those of the ticket's version, the last in
		// the file first, and then the newest versions. After them the keys of other
		// services.
		{nil, "h/1", a128, 4, "h/1:5 h/1:3 h/1:2 h/1:1 h/2:6 h/2:8 h/2:7"},
		{nil, "h/1", a128, 3, "h/1:1 h/1:2 h/1:5 h/1:3 h/2:7 h/2:8 h/2:6"},
		{nil, "h/1", a128, 9, "h/1:2 h/1:5 h/1:3 h/1:1 h/2:8 h/2:6 h/2:7"},
		{nil, "h/1", a128, 0, "h/1:2 h/1:5 h/1:3 h/1:1 h/2:8 h/2:6 h/2:7"},
		{nil, "h/2", a128, 300, "h/2:8 h/2:6 h/2:7 h/1:2 h/1:5 h/1:3 h/1:1"},
		{nil, "h/2", a128, 256 + 4, "h/2:6 h/2:8 h/2:7 h/1:5 h/1:3 h/1:2 h/1:1"},
		{nil, "h/2", a128, 1<<31 + 3, "h/2:7 h/2:8 h/2:6 h/1:1 h/1:2 h/1:5 h/1:3"}, // the version number of a read-only DC
		{nil, "unknown", a128, 4, "h/1:5 h/1:3 h/2:6 h/1:2 h/1:1 h/2:8 h/2:7"},
		// Only keys of the ticket's encryption type.
		{nil, "h/1", a256, 4, "h/1:4"},
		{nil, "h/2", a256, 4, "h/1:4"},
		{nil, "h/1", 19, 4, ""},
		{nil, "h/1", 23, 4, ""},
		{nil, "h/1", -1, 4, ""},
		// Only keys of admitted principals, and of krbtgt and kadmin only if they are
		// named.
		{p("h/2"), "h/1", a128, 4, "h/2:6 h/2:8 h/2:7"},
		{p("h/2", "h/1"), "h/1", a128, 4, "h/1:5 h/1:3 h/1:2 h/1:1 h/2:6 h/2:8 h/2:7"},
		{p("h/3"), "h/1", a128, 4, ""},
		{nil, "krbtgt/R", a128, 4, "h/1:5 h/1:3 h/2:6 h/1:2 h/1:1 h/2:8 h/2:7"},
		{p("krbtgt/R"), "krbtgt/R", a128, 4, "krbtgt/R:9"},
		{p("kadmin/x", "krbtgt"), "h/1", a128, 4, "kadmin/x:10 krbtgt:11"},
	} {
		if got := tried(table, c.admitted, c.service, c.etype, c.kvno); got != c.want {
			t.Errorf("admitted %s, %s kvno %d %v:\n%s, want\n%s", texts(c.admitted), c.service, c.kvno, c.etype, got, c.want)
		}
	}
}

// TestKEY_6_Latest checks that of two keys with the same version the key with the later
// time is tried first, whichever comes first in the file. With equal times it is the key
// that comes later in the file.
func TestKEY_6_Latest(t *testing.T) {
	for _, c := range []struct {
		times [3]int64
		want  string
	}{
		{[3]int64{3, 2, 1}, "h/1:0 h/1:1 h/1:2"},
		{[3]int64{2, 3, 1}, "h/1:1 h/1:0 h/1:2"},
		{[3]int64{1, 1, 1}, "h/1:2 h/1:1 h/1:0"},
	} {
		var entries []Entry
		for i, at := range c.times {
			entries = append(entries, Entry{Principal: MustParsePrincipal("h/1@R"), Kvno: 4, Key: testKey(t, a128, byte(i)), Time: time.Unix(at, 0)})
		}
		table, err := NewTable(entries...)
		if err != nil {
			t.Fatal(err)
		}
		if got := tried(table, nil, "h/1", a128, 4); got != c.want {
			t.Errorf("times %v: %s, want %s", c.times, got, c.want)
		}
	}
}

// TestStoredVersions checks under which numbers a keytab may hold a key version, so that
// a search looks for none of them twice.
func TestStoredVersions(t *testing.T) {
	for ticket, want := range map[uint32]string{0: "[]", 5: "[5]", 255: "[255]", 256: "[256 0]", 257: "[257 1]", 1<<31 + 3: "[2147483651 3]"} {
		versions, n := storedVersions(ticket)
		if got := fmt.Sprint(versions[:n]); got != want {
			t.Errorf("%d: %s, want %s", ticket, got, want)
		}
	}
}

// TestKEY_8_SharedKeys checks that a key that many names share, as in Active Directory,
// costs one trial, and leaves room for the other keys.
func TestKEY_8_SharedKeys(t *testing.T) {
	var lines []string
	for i := range 40 {
		lines = append(lines, fmt.Sprintf("HTTP/%d 2 18 7", i))
	}
	for i := range 150 {
		lines = append(lines, fmt.Sprintf("own/x%d 2 18 %d", i, 100+i))
	}
	lines = append(lines, "HTTP/1 1 18 8", "HTTP/1 1 17 7")
	table := spelled(t, lines...)
	if got := tried(table, nil, "HTTP/5", a256, 2); !strings.HasPrefix(got, "HTTP/5:7 own/x0:100 ") || len(strings.Fields(got)) != 118 {
		t.Errorf("tried %s", got)
	}
	if got := tried(table, nil, "other", a256, 0); !strings.HasPrefix(got, "HTTP/0:7 HTTP/1:8 own/x0:100 ") || len(strings.Fields(got)) != 118 {
		t.Errorf("tried %s", got)
	}
	if n := admit(table, nil).count(a256); n != 152 {
		t.Errorf("%d keys", n)
	}
	n := 0
	for range admit(table, nil).Candidates(Sealed{EType: a256}) {
		if n++; n == 3 {
			break
		}
	}
	if n != 3 {
		t.Errorf("%d candidates after the loop was left", n)
	}
}

func TestTable(t *testing.T) {
	table := spelled(t, "h/1 3 17 1", "h/2 4 18 2", "h/1 3 17 1")
	if table.Len() != 3 {
		t.Errorf("%d entries", table.Len())
	}
	var kvnos []uint32
	for e := range table.All() {
		kvnos = append(kvnos, e.Kvno)
	}
	if !slices.Equal(kvnos, []uint32{3, 4, 3}) {
		t.Errorf("order %v", kvnos)
	}
	if same, err := table.Table(context.Background()); err != nil || same != table {
		t.Errorf("Table = %v, %v", same, err)
	}
	for _, e := range []Entry{{Principal: MustParsePrincipal("a@R")}, {Key: testKey(t, a128, 1)}} {
		if _, err := NewTable(e); status.ReasonOf(err) != status.ReasonArgument {
			t.Errorf("%v: %v", e, err)
		}
	}
}

// TestNewTableCopies checks that a Table has its own copy of each key.
func TestNewTableCopies(t *testing.T) {
	key := testKey(t, a128, 1)
	table, err := NewTable(Entry{Principal: MustParsePrincipal("a@R"), Key: key})
	if err != nil {
		t.Fatal(err)
	}
	for e := range table.All() {
		if e.Key == key || !e.Key.Equal(key) {
			t.Error("the key is not a copy")
		}
	}
}

func TestNilTable(t *testing.T) {
	var table *Table
	for range table.All() {
		t.Error("an entry")
	}
	for range table.Unusable() {
		t.Error("an unusable entry")
	}
	for range admit(table, nil).Candidates(Sealed{EType: a128}) {
		t.Error("a candidate")
	}
	if s, err := table.Admit("HTTP/a"); s != nil || status.ReasonOf(err) != status.ReasonNoKey || !strings.Contains(err.Error(), "there is no keytab") {
		t.Errorf("Admit: %v, %v", s, err)
	}
	if table.Only(MustParsePrincipal("a@R")) != nil || admit(table, nil).Table() != nil || admit(table, nil).count(a128) != 0 {
		t.Error("a nil table admits a principal")
	}
	if err := admit(table, nil).WhyNot(Sealed{}, 0); status.ReasonOf(err) != status.ReasonNoKey {
		t.Error(err)
	}
	if table.Len() != 0 || fmt.Sprint(table) != "keytab.Table(none)" {
		t.Error("a nil Table has content")
	}
}

func TestCandidatesAllocations(t *testing.T) {
	table := spelled(t, "h/www.x 3 17 1", "H/www.x 5 17 2", "host/www.x 4 17 6", "h/2 3 17 7")
	wire := []byte("h/WWW.X@R")
	admitted := []Principal{MustParsePrincipal("h/2@R"), MustParsePrincipal("h/www.x@R")}
	for _, list := range [][]Principal{nil, admitted} {
		services := admit(table, list)
		n := 0
		if got := testing.AllocsPerRun(100, func() {
			for e := range services.Candidates(Sealed{Service: wire, EType: a128, Kvno: 3, Len: 1200}) {
				n += int(e.Kvno)
			}
		}); got != 0 {
			t.Errorf("%v allocations", got)
		}
		if n == 0 {
			t.Error("no key was tried")
		}
	}
}

func BenchmarkCandidates(b *testing.B) {
	services := admit(spelled(b, "h/1 3 17 1", "h/1 5 17 2", "h/2 4 17 6", "h/2 3 17 7"), nil)
	wire := []byte("h/1@R")
	b.ReportAllocs()
	for b.Loop() {
		for e := range services.Candidates(Sealed{Service: wire, EType: a128, Kvno: 3, Len: 1200}) {
			if e.Kvno == 3 {
				break
			}
		}
	}
}

func TestSourceFunc(t *testing.T) {
	table := spelled(t, "h/1 3 17 1")
	var s Source = SourceFunc(table.Table)
	if got, err := s.Table(context.Background()); err != nil || got != table {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := SourceFunc(nil).Table(context.Background()); status.ReasonOf(err) != status.ReasonNoCredentials {
		t.Errorf("nil: %v", err)
	}
}
