package sspitest

import (
	"testing"

	"github.com/gosspi/kerberos/sspi"
)

// TestAcceptor_KeysOfThisMoment: a key is there for acceptors as soon as there can
// be tickets for it, which is before the Rotate that makes it returns.
func TestAcceptor_KeysOfThisMoment(t *testing.T) {
	const service = "HTTP/www.example.com"
	realm := NewDeterministicRealm("EXAMPLE.COM")
	acceptor, err := realm.Acceptor(service)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		client, err := realm.User("alice").Initiate(service, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Handshake(client, acceptor.NewContext(sspi.ContextConfig{})); err != nil {
			t.Fatal(err)
		}
		(*realm.kdc).Rotate(service) // Realm.Rotate, before it returns
	}
}
