package ad

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/ticket/pac"
)

// TestAD_ManagedPassword makes the keys of a group managed service account of the attribute
// msDS-ManagedPassword that the domain controller computes, compares them with those that it
// exports, and accepts a client with them. After the next change of the password the same keys
// are those of the previous password.
func TestAD_ManagedPassword(t *testing.T) {
	l := theLab(t)
	t.Parallel()
	m := keytab.ManagedAccount{
		Account:  must(keytab.NewPrincipal(l.corp.Realm, "gweb$"))(t),
		Services: []keytab.Principal{must(keytab.NewPrincipal(l.corp.Realm, "HTTP", "gweb.corp.example.test"))(t)},
		Kvno:     1,
		ETypes:   []keytab.EType{keytab.AES256_CTS_HMAC_SHA1_96, keytab.AES128_CTS_HMAC_SHA1_96, keytab.RC4_HMAC},
	}
	exported := must(must(keytab.OpenFile(l.corp.keytab("gweb")))(t).Table(context.Background()))(t)
	read := func(file string) (*keytab.Table, time.Duration) {
		t.Helper()
		table, requery, _, err := keytab.FromManagedPassword(must(os.ReadFile(l.corp.keytab(file)))(t), m)
		if err != nil {
			t.Fatal(err)
		}
		return table, requery
	}
	table, requery := read("gweb.managed")
	sameKeys(t, table, exported, 1)
	if requery <= 0 || requery > 30*24*time.Hour {
		t.Errorf("the password has to be read again in %v", requery)
	}
	m.Kvno = 2
	later, _ := read("gweb.managed-later")
	sameKeys(t, later, exported, 1)

	for name, keys := range map[string]*keytab.Table{"now": table, "later": later} {
		config := sspi.Config{Keys: keys, PAC: sspi.PACPolicy{DomainSIDs: map[string]pac.SID{l.corp.Realm: l.corp.domainSID()}}}
		a := &acceptor{forest: l.corp, service: "gweb", sspi: must(sspi.NewAcceptor(config))(t)}
		x := l.login(t, "alice").exchange(t, initiator{mit, "krb5", "HTTP@gweb.corp.example.test"}, a)
		if x.err != nil || x.peer.Account == nil || x.peer.Account.Name != "alice" {
			t.Errorf("%s: %+v, %v", name, x.peer, x.err)
		}
	}
}

// sameKeys checks that each exported key is among those of table under the version kvno.
func sameKeys(t testing.TB, table, exported *keytab.Table, kvno uint32) {
	t.Helper()
	n := 0
	for want := range exported.All() {
		n++
		found := false
		for got := range table.All() {
			found = found || got.Kvno == kvno && got.Key.Equal(want.Key)
		}
		if !found {
			t.Errorf("the table has no key of type %v of %v", want.Key.EType(), want.Principal)
		}
	}
	if n == 0 {
		t.Error("the domain controller exported no key")
	}
}
