package sspihttp_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspihttp"
	"github.com/gosspi/kerberos/sspi/sspitest"
)

// TestUserToUser_Anothers checks a connection that a proxy shares between clients: a client
// that requests the acceptor's ticket, for which it needs no key, and does not continue
// does not break the login of another.
func TestUserToUser_Anothers(t *testing.T) {
	kdc := krbtest.NewRealm("EXAMPLE.COM")
	ours := kdc.TGT("bob")
	key, err := keytab.NewKey(keytab.EType(ours.Part.Key.KeyType), ours.Part.Key.KeyValue)
	if err != nil {
		t.Fatal(err)
	}
	s := build(t, nil)
	cfg, err := s.realm.Config(service)
	if err != nil {
		t.Fatal(err)
	}
	cfg.UserToUser = func(context.Context, string) (*sspi.TGT, error) {
		return &sspi.TGT{Client: keytab.MustParsePrincipal("bob@EXAMPLE.COM"), Ticket: sspi.NewSecret(ours.Bytes()), SessionKey: key}, nil
	}
	acceptor, err := sspi.NewAcceptor(cfg)
	if err != nil {
		t.Fatal(err)
	}
	m, err := sspihttp.New(sspihttp.Config{Acceptor: acceptor})
	if err != nil {
		t.Fatal(err)
	}
	s.srv.Config.Handler = m.Wrap(http.HandlerFunc(greet))
	s.srv.Config.ConnContext = m.ConnContext
	s.srv.Start()
	for name, o := range map[string]sspitest.Options{"Kerberos": {}, "SPNEGO": {SPNEGO: true}} {
		c := s.dial(t)
		c.get(t, negotiate(krbtest.TGTRequest("", ""))).check(t, name+", a request for a ticket", 401, "")
		c.get(t, s.login(t, "alice", o)).check(t, name+", the next client", 200, "alice@EXAMPLE.COM, 0 bytes")
	}
}
