package sspisasl

import (
	"testing"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// TestNext_FailureWipes checks that the context has no keys if the client was authenticated
// and then refused.
func TestNext_FailureWipes(t *testing.T) {
	realm := sspitest.NewRealm("EXAMPLE.COM")
	acceptor, err := realm.Acceptor("ldap/ldap.example.com")
	if err != nil {
		t.Fatal(err)
	}
	client, err := realm.User("alice").Initiate("ldap/ldap.example.com", sspitest.Options{OneWay: true})
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := client.Next(nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Acceptor: acceptor, Context: sspi.ContextConfig{AcceptDelegation: true}}
	s, err := New(cfg, GSSAPI)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Next(token); err != nil {
		t.Fatal(err)
	}
	if _, err := s.context.Load().GetMIC(nil, nil); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Next([]byte("rubbish")); status.ReasonOf(err) != status.ReasonMalformedToken {
		t.Fatal(err)
	}
	if _, err := s.context.Load().GetMIC(nil, nil); status.ReasonOf(err) != status.ReasonInvalidHandle {
		t.Errorf("the context lives on: %v", err)
	}
}
