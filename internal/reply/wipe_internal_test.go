package reply

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/ticket"
)

// TestKEY_5_Wipes checks that Draw and Append overwrite the memory that held the subkey and
// the confounder.
func TestKEY_5_Wipes(t *testing.T) {
	const service = "HTTP/www.example.com"
	s := new(scratch)
	fresh := func() { scratches = sync.Pool{New: func() any { return s }} }
	t.Cleanup(func() { scratches = sync.Pool{New: func() any { return new(scratch) }} })

	r := krbtest.NewRealm("EXAMPLE.COM")
	opened, err := ticket.Open(r.Ticket("alice", service).APReq().Bytes(), &ticket.Params{Keys: r.Service(service), Now: r.Now(), Skew: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	c, err := authenticator.Check(opened, &authenticator.Params{Now: r.Now(), Skew: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	v, err := c.Claim(t.Context(), authenticator.NewMemoryCache(0, authenticator.AcceptOlder))
	if err != nil {
		t.Fatal(err)
	}
	var a APRep
	fresh()
	if err := a.Draw(c, nil, r); err != nil {
		t.Fatal(err)
	}
	if s.random != [len(s.random)]byte{} {
		t.Errorf("Draw left %x", s.random)
	}
	fresh()
	if _, err := a.Append(nil, v, krbtest.OIDKerberos); err != nil {
		t.Fatal(err)
	}
	if s.random != [len(s.random)]byte{} {
		t.Errorf("Append left %x", s.random)
	}
	if plain := s.plain[:cap(s.plain)]; len(plain) == 0 || !bytes.Equal(plain, make([]byte, len(plain))) {
		t.Errorf("Append left %x", plain)
	}
	if bytes.Contains(s.sealed, a.Subkey()) || bytes.Contains(s.message, a.Subkey()) {
		t.Error("the subkey in what is sent")
	}
	a.Wipe()
	if a.subkey != [maxKeyLen]byte{} || a.confounder != [confounderLen]byte{} {
		t.Error("Wipe left something")
	}
}
