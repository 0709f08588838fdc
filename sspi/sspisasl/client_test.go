package sspisasl_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspisasl"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

const service = "ldap/ldap.example.com"

// These are sets of layers.
const (
	all   = sspisasl.NoLayer | sspisasl.Integrity | sspisasl.Confidentiality
	plain = flags.GSS_C_MUTUAL_FLAG | flags.GSS_C_SEQUENCE_FLAG // the flags that Cyrus SASL requests with maxssf=0
)

// site is a realm with one service.
type site struct {
	t        testing.TB
	realm    *sspitest.Realm
	acceptor *sspi.Acceptor
}

func newSite(t testing.TB) *site {
	t.Helper()
	realm := sspitest.NewRealm("EXAMPLE.COM")
	acceptor, err := realm.Acceptor(service)
	if err != nil {
		t.Fatal(err)
	}
	return &site{t, realm, acceptor}
}

// config returns a Config that permits all layers.
func (s *site) config() *sspisasl.Config {
	return &sspisasl.Config{Acceptor: s.acceptor, Layers: all}
}

func (s *site) client(o sspitest.Options) *sspitest.Initiator { return s.clientOf("alice", o) }

func (s *site) clientOf(name string, o sspitest.Options) *sspitest.Initiator {
	s.t.Helper()
	i, err := s.realm.User(name).Initiate(service, o)
	if err != nil {
		s.t.Fatal(err)
	}
	return i
}

func newServer(t testing.TB, cfg *sspisasl.Config, m sspisasl.Mechanism) *sspisasl.Server {
	t.Helper()
	s, err := sspisasl.New(*cfg, m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// next calls Next, which must succeed.
func next(t testing.TB, s *sspisasl.Server, response []byte) (challenge []byte, done bool) {
	t.Helper()
	challenge, done, err := s.Next(response)
	if err != nil {
		t.Fatal(err)
	}
	return challenge, done
}

// refused calls Next, which must fail with the Reason, and checks that the exchange has
// ended.
func refused(t testing.TB, s *sspisasl.Server, response []byte, reason status.Reason, detail string) {
	t.Helper()
	_, done, err := s.Next(response)
	if err == nil || done || status.ReasonOf(err) != reason || !strings.Contains(err.Error(), detail) {
		t.Fatalf("%v, %v, want %v with %q", done, err, reason, detail)
	}
	over(t, s)
	if s.Peer() != nil || s.AuthorizationID() != "" || s.Layer() != 0 || s.Context() != nil || s.Context().Delegated() != nil {
		t.Error("a refused client has an identity")
	}
}

// over checks that a further call of Next is refused and changes nothing.
func over(t testing.TB, s *sspisasl.Server) {
	t.Helper()
	peer := s.Peer()
	if _, done, err := s.Next(nil); done || status.ReasonOf(err) != status.ReasonContextState {
		t.Errorf("after the end: %v, %v", done, err)
	}
	if s.Peer() != peer || peer != nil && s.Context().WrapSizeLimit(1000, true) == 0 {
		t.Error("a call after the end changed something")
	}
}

// say returns the client's next token.
func say(t testing.TB, i *sspitest.Initiator, challenge []byte) []byte {
	t.Helper()
	token, _, err := i.Next(challenge)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// offer runs a GSSAPI exchange up to the server's offer, and returns the offer as a number.
func offer(t testing.TB, s *sspisasl.Server, i *sspitest.Initiator) uint32 {
	t.Helper()
	challenge, _ := next(t, s, say(t, i, nil))
	if _, err := i.SessionKey(); err != nil { // the client waits for the server's token
		if token := say(t, i, challenge); token != nil {
			t.Fatal("the client has more to say")
		}
		challenge, _ = next(t, s, nil)
	}
	message, sealed, err := i.Unwrap(challenge)
	if err != nil || sealed || len(message) != 4 {
		t.Fatalf("the offer is %x, sealed %v, %v", message, sealed, err)
	}
	return binary.BigEndian.Uint32(message)
}

// choice returns the client's answer to the offer.
func choice(t testing.TB, i *sspitest.Initiator, head uint32, authzid string) []byte {
	t.Helper()
	token, err := i.Wrap(append(binary.BigEndian.AppendUint32(nil, head), authzid...), false)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// login runs a whole GSSAPI exchange.
func login(t testing.TB, cfg *sspisasl.Config, i *sspitest.Initiator, head uint32, authzid string) *sspisasl.Server {
	t.Helper()
	s := newServer(t, cfg, sspisasl.GSSAPI)
	offer(t, s, i)
	if challenge, done := next(t, s, choice(t, i, head, authzid)); !done || challenge != nil {
		t.Fatalf("%x, %v", challenge, done)
	}
	return s
}
