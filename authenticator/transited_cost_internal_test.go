package authenticator

import (
	"strings"
	"testing"

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/ticket"
)

// TestDOS_2_TransitedPath checks the cost of a ticket of a trusted realm's KDC that names a
// client's realm with hundreds of labels and a hundred transited realms. The number of
// allocations shows that the package computes the path once and not for each realm: some
// allocations for each realm of the field, none for each label.
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
