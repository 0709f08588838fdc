package sspi_test

import (
	"context"
	"testing"

	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
)

// TestNAME_4_Enterprise checks that Peer has an enterprise name (RFC 6806, Section 5) in
// the form of the KDC: one component, whose @ is escaped, in the KDC's realm. The client is
// not a user of a realm that the component mentions.
func TestNAME_4_Enterprise(t *testing.T) {
	s := newSite(t)
	ticket := s.realm.Ticket("alice", service)
	ticket.Part.CName = types.PrincipalName{NameType: 10, NameString: []string{"erin@other.example.net"}}
	peer := accepted(t, s, ticket)
	if got := peer.Client.String(); got != `erin\@other.example.net@EXAMPLE.COM` || peer.ClientNameType != 10 {
		t.Errorf("%s of type %d", got, peer.ClientNameType)
	}
	if user, err := peer.User("other.example.net", "OTHER.EXAMPLE.NET"); err == nil {
		t.Errorf("user %q of a realm that did not vouch for it", user)
	}
}

// TestNAME_2_NothingIsFolded checks that names that differ in case, in a trailing dot or in
// white space are different clients.
func TestNAME_2_NothingIsFolded(t *testing.T) {
	seen := make(map[string]bool)
	names := []string{"alice", "Alice", "ALICE", "alice ", " alice", "alice.", "alicë"}
	for _, name := range names {
		s := newSite(t)
		ticket := s.realm.Ticket("alice", service)
		ticket.Part.CName.NameString = []string{name}
		seen[accepted(t, s, ticket).Client.String()] = true
	}
	if len(seen) != len(names) {
		t.Errorf("%d clients of %d names: %v", len(seen), len(names), seen)
	}
}

func accepted(t *testing.T, s *site, ticket *krbtest.Ticket) *sspi.Peer {
	t.Helper()
	_, peer, err := s.acceptor.NewContext(sspi.ContextConfig{}).Accept(context.Background(), ticket.APReq().Token())
	if err != nil {
		t.Fatal(err)
	}
	return peer
}
