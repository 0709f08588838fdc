package keytab

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// bulk returns a table of n entries with different keys, or with the same key.
func bulk(t testing.TB, n int, shared bool, name func(i int) (string, uint32)) *Table {
	t.Helper()
	entries := make([]Entry, n)
	for i := range entries {
		secret := make([]byte, 16)
		if !shared {
			binary.BigEndian.PutUint32(secret, uint32(i))
		}
		secret[15] = 1
		key, err := NewKey(a128, secret)
		if err != nil {
			t.Fatal(err)
		}
		text, kvno := name(i)
		entries[i] = Entry{Principal: MustParsePrincipal(text), Kvno: kvno, Key: key}
	}
	return index(entries, nil) // NewTable is slow, because it prepares the keys for decryption
}

// cases returns a name in which the bits of i determine the case of the letters.
func cases(i int) string {
	name := []byte("http/abcdefghijklmnop@R")
	for bit := range 16 {
		if i&(1<<bit) != 0 {
			name[5+bit] -= 'a' - 'A'
		}
	}
	return string(name)
}

// TestKEY_8_BoundOnWork counts the trials and look-ups for one token in keytabs of 10,000
// entries that make a search long. The number of trials is limited by the budget of 64 KiB
// and four more keys of the named service. The number of look-ups does not depend on the
// size of the keytab.
func TestKEY_8_BoundOnWork(t *testing.T) {
	const n = 10000
	numbered := func(format string) func(int) (string, uint32) {
		return func(i int) (string, uint32) { return fmt.Sprintf(format, i), 1 }
	}
	for _, c := range []struct {
		name    string
		table   *Table
		service string
		kvno    uint32
		own     bool // the keys belong to the service that the ticket names
		nothing bool // no key is admitted
		one     bool // all names share one key
	}{
		{name: "other services", table: bulk(t, n, false, numbered("HTTP/app%05d.example.com@R")), service: "HTTP/www@R", kvno: 1},
		{name: "other versions", table: bulk(t, n, false, numbered("HTTP/app%05d.example.com@R")), service: "HTTP/www@R", kvno: 257},
		{name: "krbtgt", table: bulk(t, n, false, numbered("krbtgt/R%05d@R")), service: "krbtgt/R00001@R", nothing: true},
		{name: "kadmin", table: bulk(t, n, false, numbered("kadmin/%05d@R")), service: "HTTP/www@R", nothing: true},
		{name: "one key", table: bulk(t, n, true, numbered("HTTP/app%05d.example.com@R")), service: "HTTP/www@R", kvno: 1, one: true},
		{name: "one host", table: bulk(t, n, false, numbered("s%05d/www.example.com@R")), service: "HTTP/WWW@R", kvno: 1},
		{name: "one host, one key", table: bulk(t, n, true, numbered("s%05d/www.example.com@R")), service: "HTTP/WWW@R", kvno: 1, one: true},
		{name: "versions of one name", table: bulk(t, n, false, func(i int) (string, uint32) { return "HTTP/www@R", uint32(i) }), service: "HTTP/www@R", kvno: n, own: true},
		{name: "versions of one name and key", table: bulk(t, n, true, func(i int) (string, uint32) { return "HTTP/www@R", uint32(i) }), service: "HTTP/www@R", kvno: 700, one: true},
		{name: "one version of one name", table: bulk(t, n, false, func(i int) (string, uint32) { return "HTTP/www@R", 5 }), service: "HTTP/www@R", kvno: 5, own: true},
		{name: "cases of one name", table: bulk(t, n, false, func(i int) (string, uint32) { return cases(i), 1 }), service: "HTTP/ABCDEFGHIJKLMNOP@R", kvno: 2, own: true},
		{name: "cases of one name, one key", table: bulk(t, n, true, func(i int) (string, uint32) { return cases(i), 1 }), service: "HTTP/ABCDEFGHIJKLMNOP@R", kvno: 2, one: true},
	} {
		services, err := c.table.Admit()
		if err != nil {
			t.Fatal(err)
		}
		for _, length := range []int{-1, 0, 40, 1200, 60 << 10, 1 << 30} {
			want := maxWork / (min(max(length, 0), maxWork) + trialWork)
			switch {
			case c.nothing:
				want = 0
			case c.one:
				want = min(1, want)
			case c.own:
				want += maxBeyond
			}
			trials := 0
			looks := services.candidates(&Sealed{Service: []byte(c.service), EType: a128, Kvno: c.kvno, Len: length}, func(Entry) bool {
				trials++
				return true
			})
			if trials != want && !(c.one && trials == 1) {
				t.Errorf("%s, %d bytes: %d trials, want %d", c.name, length, trials, want)
			}
			if looks > 7*maxLooks+3*maxTrials {
				t.Errorf("%s, %d bytes: %d look-ups", c.name, length, looks)
			}
			if err := services.WhyNot(Sealed{Service: []byte(c.service), EType: a128, Kvno: c.kvno, Len: length}, trials); err == nil || len(err.Error()) > 2000 {
				t.Errorf("%s: %v", c.name, err)
			}
		}
	}
}

// TestKEY_8_Charges checks the documented cost of a trial. A trial with RC4 costs three
// times as much.
func TestKEY_8_Charges(t *testing.T) {
	for _, c := range []struct {
		etype       EType
		length, max int
	}{
		{a128, 0, 128},
		{a128, 40, 118},
		{a128, 1200, 38},
		{a128, 32 << 10, 1},
		{a128, 60 << 10, 1},
		{a128, 64<<10 - 512, 1},
		{a128, 64 << 10, 0},
		{RC4_HMAC, 0, 42},
		{RC4_HMAC, 40, 39},
		{RC4_HMAC, 1200, 12},
		{RC4_HMAC, 20 << 10, 1},
		{RC4_HMAC, 60 << 10, 0},
	} {
		if got := maxWork / (&Sealed{EType: c.etype, Len: c.length}).work(); got != c.max {
			t.Errorf("%v, %d bytes: %d trials, want %d", c.etype, c.length, got, c.max)
		}
	}
}

// TestKEY_8_Order checks the order of the services: the service that the ticket names, the
// same name in another case, the services of its host, all others.
func TestKEY_8_Order(t *testing.T) {
	table := spelled(t,
		"ldap/other.example.com 2 17 1", "HTTP/other.example.com 1 17 2", "host/www 2 17 3", "host/www.example.com 1 17 4",
		"http/www.example.com 1 17 5", "HTTP/www.example.com 1 17 6", "HTTP/www.example.com 2 17 7", "http/WWW.example.com 2 17 8",
		"ldap/www.example.com/example.com 2 17 9", "HTTP/www.example.org 2 17 10",
	)
	for _, c := range []struct {
		service string
		kvno    uint32
		want    string
	}{
		{"HTTP/www.example.com", 2, "7 6 8 5 9 4 3 10 1 2"},
		{"HTTP/www.example.com", 1, "6 7 5 8 4 9 3 10 2 1"},
		{"HTTP/WWW.EXAMPLE.COM", 0, "5 7 6 8 4 9 3 10 1 2"},
		{"HTTP/WWW", 1, "4 5 6 3 7 8 9 10 2 1"},
		{"smtp/other", 9, "1 2 3 4 5 7 6 8 9 10"},
		{"nothing", 2, "1 3 7 8 9 10 2 4 5 6"},
	} {
		var got []string
		for e := range admit(table, nil).Candidates(Sealed{Service: []byte(c.service + "@R"), EType: a128, Kvno: c.kvno, Len: 40}) {
			got = append(got, fmt.Sprint(e.Key.Bytes()[0]))
		}
		if got := strings.Join(got, " "); got != c.want {
			t.Errorf("%s kvno %d: %s, want %s", c.service, c.kvno, got, c.want)
		}
	}
}

func BenchmarkTable(b *testing.B) {
	var entries []Entry
	for e := range bulk(b, 10000, false, func(i int) (string, uint32) { return fmt.Sprintf("HTTP/app%05d.example.com@R", i), 1 }).All() {
		entries = append(entries, e)
	}
	b.ReportAllocs()
	for b.Loop() {
		index(entries, nil)
	}
}
