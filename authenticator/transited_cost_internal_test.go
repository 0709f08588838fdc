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

// TestDOS_2_TransitedRealms checks the memory for a path of many realms: each field may add its name to the realm before it, so that
// 4096 bytes describe a thousand realms of a thousand bytes and more. No more realms
// are written out than the acceptor accepts.
func TestDOS_2_TransitedRealms(t *testing.T) {
	contents := "ORG" + strings.Repeat(",A.", (maxTransited-3)/3)
	var ok bool
	n := testing.AllocsPerRun(10, func() { _, ok = expandTransited(contents, "EXAMPLE.COM", "EXAMPLE.ORG") })
	if ok {
		t.Error("the path is accepted")
	}
	if n > 4*maxTransitedRealms {
		t.Errorf("%v allocations for a path that may have %d realms", n, maxTransitedRealms)
	}
}
