package sspisasl

import (
	"testing"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// TestNext_ClosedMeanwhile checks that Next does not continue an exchange that Close has
// reported after Next saw that the Server was open.
func TestNext_ClosedMeanwhile(t *testing.T) {
	acceptor, err := sspitest.NewRealm("EXAMPLE.COM").Acceptor("ldap/ldap.example.com")
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{Acceptor: acceptor}, GSSAPI)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Next(nil); err != nil { // the client sends no initial response
		t.Fatal(err)
	}
	s.abandon() // as Close does after it has closed the Server
	if _, _, err := s.Next([]byte("token")); status.ReasonOf(err) != status.ReasonInvalidHandle {
		t.Error(err)
	}
}

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
