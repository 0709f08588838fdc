package ticket_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket"
)

// BenchmarkOpen_NoKeyOpens measures the work that a client without a valid ticket can
// cause: a ticket of a given length that no key decrypts. The time should be about 100
// microseconds for every keytab.
func BenchmarkOpen_NoKeyOpens(b *testing.B) {
	const n = 10000
	named := func(format string) (entries []keytab.Entry) {
		for i := range n {
			secret := make([]byte, 32)
			secret[0], secret[1], secret[31] = byte(i), byte(i>>8), 1
			key, err := keytab.NewKey(keytab.AES256_CTS_HMAC_SHA1_96, secret)
			if err != nil {
				b.Fatal(err)
			}
			entries = append(entries, keytab.Entry{Principal: keytab.MustParsePrincipal(fmt.Sprintf(format, i)), Kvno: uint32(i + 1), Key: key})
		}
		return entries
	}
	for _, c := range []struct {
		name    string
		entries []keytab.Entry
		only    bool
	}{
		{"1", named("HTTP/%05d.example.com@EXAMPLE.COM")[:1], false},
		{"10000", named("HTTP/%05d.example.com@EXAMPLE.COM"), false},
		{"10000-of-one-host", named("s%05d/nobody.example.com@EXAMPLE.COM"), false},
		{"10000-krbtgt", named("krbtgt/%05d@EXAMPLE.COM"), false},
		{"10000-one-admitted", named("HTTP/%05d.example.com@EXAMPLE.COM"), true},
	} {
		keys, err := keytab.NewTable(c.entries...)
		if err != nil {
			b.Fatal(err)
		}
		for _, length := range []int{40, 1200, 60 << 10} {
			r := krbtest.NewRealm("EXAMPLE.COM")
			r.ETypes = r.ETypes[:1]
			k := r.Ticket("alice", "HTTP/nobody.example.com")
			if length > 40 {
				k.Part.AuthorizationData = append(k.Part.AuthorizationData, krbtest.IfRelevant(entry(999, strings.Repeat("x", length-300))))
			}
			q := k.APReq().Bytes()
			p := params(r)
			p.Keys = keys
			if c.only {
				p.Services = keys.Only(c.entries[n/2].Principal)
			}
			b.Run(fmt.Sprintf("%s/%d", c.name, length), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := ticket.Open(q, p); status.ReasonOf(err) == status.ReasonNone {
						b.Fatal("a key opened the ticket")
					}
				}
			})
		}
	}
}
