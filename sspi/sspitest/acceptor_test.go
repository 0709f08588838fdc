package sspitest

import (
	"testing"

	"github.com/gosspi/kerberos/sspi"
)

// TestAcceptor_KeysOfThisMoment checks that an acceptor has a new key as soon as a client
// can get tickets under it, which is before the call of Rotate returns.
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
		(*realm.kdc).Rotate(service) // the step of Realm.Rotate that makes the key
	}
}
