package sspisasl_test

import (
	"testing"

	"github.com/gosspi/kerberos/internal/secret/secrettest"
	"github.com/gosspi/kerberos/sspi/sspisasl"
	"github.com/gosspi/kerberos/sspi/sspitest"
)

// TestKEY_10_NothingPrintsAKey checks that neither a Server, at any step, nor its Config
// prints a key.
func TestKEY_10_NothingPrintsAKey(t *testing.T) {
	s := newSite(t)
	cfg := s.config()
	i := s.client(sspitest.Options{})
	done := login(t, cfg, i, uint32(sspisasl.NoLayer)<<24, "")
	key, err := i.SessionKey()
	if err != nil {
		t.Fatal(err)
	}
	other := s.client(sspitest.Options{})
	half := newServer(t, cfg, sspisasl.GSSAPI)
	offer(t, half, other)
	otherKey, err := other.SessionKey()
	if err != nil {
		t.Fatal(err)
	}
	known := secrettest.New(t, map[string][]byte{"context key": key, "context key half-way": otherKey})
	for name, v := range map[string]secrettest.Value{
		"*Server": secrettest.Of(done), "*Server half-way": secrettest.Of(half), "Config": secrettest.Of(*cfg), "Peer": secrettest.Of(done.Peer()),
	} {
		known.Absent(t, name, v)
	}
}
