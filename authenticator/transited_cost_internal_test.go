package authenticator

import (
	"strings"
	"testing"

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/ticket"
)

// TestDOS_2_TransitedPath: the KDC of a trusted realm may name a client's realm
// with hundreds of labels and a hundred realms on the way. That the way from one
// to the other is sought once, and not for each of them, shows in the allocations:
// some for each realm that the field names, none for each label.
func TestDOS_2_TransitedPath(t *testing.T) {
	client, err := keytab.NewPrincipal(strings.Repeat("A.", 500)+"ORG", "alice")
	if err != nil {
		t.Fatal(err)
	}
	c := &ticket.Content{
		Client: client, Service: keytab.MustParsePrincipal("HTTP/h@EXAMPLE.ORG"),
		TransitedType: 1, Transited: []byte(strings.Repeat("ORG,", maxTransitedRealms-1) + "ORG"),
	}
	n := testing.AllocsPerRun(10, func() { err = checkTransited(c, nil) })
	if err != nil {
		t.Fatal(err)
	}
	if n > 4*maxTransitedRealms {
		t.Errorf("%v allocations for %d realms", n, maxTransitedRealms)
	}
}
