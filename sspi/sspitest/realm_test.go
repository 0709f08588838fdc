package sspitest_test

import (
	"bytes"
	"context"
	"sync"
	"testing"

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// transcript returns the bytes of a keytab, a login and some messages.
func transcript(t *testing.T, realm *sspitest.Realm) [][]byte {
	t.Helper()
	acceptor, err := realm.Acceptor(service)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := realm.Service()
	if err != nil {
		t.Fatal(err)
	}
	file, err := keys.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	client, err := realm.User("alice").Initiate(service, sspitest.Options{Delegate: true, SessionEType: keytab.AES128_CTS_HMAC_SHA256_128})
	if err != nil {
		t.Fatal(err)
	}
	c := acceptor.NewContext(sspi.ContextConfig{})
	token, _, err := client.Next(nil)
	if err != nil {
		t.Fatal(err)
	}
	reply, _, err := c.Accept(context.Background(), token)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := client.Next(reply); err != nil {
		t.Fatal(err)
	}
	said, err := client.Wrap([]byte("hello"), true)
	if err != nil {
		t.Fatal(err)
	}
	heard, err := c.Wrap(nil, []byte("hello"), true)
	if err != nil {
		t.Fatal(err)
	}
	return [][]byte{file, token, reply, said, heard}
}

// TestRealm_Deterministic checks that the same calls produce the same bytes.
func TestRealm_Deterministic(t *testing.T) {
	first := transcript(t, sspitest.NewDeterministicRealm("EXAMPLE.COM"))
	for range 3 {
		for i, b := range transcript(t, sspitest.NewDeterministicRealm("EXAMPLE.COM")) {
			if !bytes.Equal(b, first[i]) {
				t.Errorf("part %d differs", i)
			}
		}
	}
}

// TestRealm_Random checks that a realm from NewRealm has no bytes in common with another
// realm of the same name.
func TestRealm_Random(t *testing.T) {
	first := transcript(t, sspitest.NewRealm("EXAMPLE.COM"))
	for i, b := range transcript(t, sspitest.NewRealm("EXAMPLE.COM")) {
		if bytes.Equal(b, first[i]) {
			t.Errorf("part %d is the same", i)
		}
	}
	for e := range table(t, sspitest.NewRealm("EXAMPLE.COM")).All() {
		for other := range table(t, sspitest.NewRealm("EXAMPLE.COM")).All() {
			if e.Key.Equal(other.Key) {
				t.Errorf("the same key of %v", e.Key.EType())
			}
		}
	}
}

func table(t *testing.T, realm *sspitest.Realm, names ...string) *keytab.Table {
	t.Helper()
	if len(names) == 0 {
		names = []string{service}
	}
	keys, err := realm.Service(names...)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// TestRealm_Rotate checks that an acceptor has new keys at once and keeps the old ones, so
// that it accepts clients with tickets under both. A table from before does not have the
// new keys.
func TestRealm_Rotate(t *testing.T) {
	realm := sspitest.NewDeterministicRealm("EXAMPLE.COM")
	old := table(t, realm)
	live, err := realm.Acceptor(service)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := realm.Config(service)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Keys = old
	stale, err := sspi.NewAcceptor(cfg)
	if err != nil {
		t.Fatal(err)
	}
	alice := realm.User("alice")
	log := func(when string, client *sspitest.Initiator, a *sspi.Acceptor, want status.Reason) {
		t.Helper()
		if _, err := sspitest.Handshake(client, a.NewContext(sspi.ContextConfig{})); status.ReasonOf(err) != want {
			t.Errorf("%s: %v", when, err)
		}
	}
	client := func() *sspitest.Initiator {
		t.Helper()
		i, err := alice.Initiate(service, sspitest.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	log("before", client(), live, status.ReasonNone)
	before := client()
	if err := realm.Rotate(service); err != nil {
		t.Fatal(err)
	}
	log("an old ticket", before, live, status.ReasonNone)
	log("a new ticket", client(), live, status.ReasonNone)
	log("a new ticket for old keys", client(), stale, status.ReasonUnknownKeyVersion)
	if n := table(t, realm).Len(); old.Len() != 5 || n != 10 {
		t.Errorf("%d keys, then %d", old.Len(), n)
	}
}

// TestRealm_Services checks that an acceptor for some services refuses tickets for others,
// and that an acceptor for all services accepts tickets for services that the realm creates
// later.
func TestRealm_Services(t *testing.T) {
	realm := sspitest.NewDeterministicRealm("EXAMPLE.COM")
	all, err := realm.Acceptor()
	if err != nil {
		t.Fatal(err)
	}
	one, err := realm.Acceptor(service)
	if err != nil {
		t.Fatal(err)
	}
	table(t, realm, "ldap/dc.example.com")
	for _, row := range []struct {
		service string
		at      *sspi.Acceptor
		want    status.Reason
	}{
		{service, all, status.ReasonNone},
		{service, one, status.ReasonNone},
		{"ldap/dc.example.com", all, status.ReasonNone},
		{"ldap/dc.example.com@EXAMPLE.COM", all, status.ReasonNone},
		{"ldap/dc.example.com", one, status.ReasonWrongService},
	} {
		client, err := realm.User("alice").Initiate(row.service, sspitest.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sspitest.Handshake(client, row.at.NewContext(sspi.ContextConfig{})); status.ReasonOf(err) != row.want {
			t.Errorf("%s: %v, want %v", row.service, err, row.want)
		}
	}
}

// TestRealm_Concurrent calls all methods concurrently, for the race detector.
func TestRealm_Concurrent(t *testing.T) {
	realm := sspitest.NewRealm("EXAMPLE.COM")
	acceptor, err := realm.Acceptor(service)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			client, err := realm.User("alice").Initiate(service, sspitest.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			c := acceptor.NewContext(sspi.ContextConfig{})
			both := make(chan struct{})
			go func() { // concurrently with the exchange and with its messages
				defer close(both)
				_, _ = client.Wrap(nil, true)
				_, _ = client.Facts()
				_, _, _ = client.Unwrap(nil)
			}()
			if _, err := sspitest.Handshake(client, c); err != nil {
				t.Error(err)
			}
			<-both
			realm.Advance(1)
			if err := realm.Rotate(service); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}
