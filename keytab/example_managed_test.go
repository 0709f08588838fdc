package keytab_test

import (
	"fmt"
	"log"
	"os"
	"time"

	"github.com/gosspi/kerberos/keytab"
)

// This program makes the keys of a group managed service account of its attribute
// msDS-ManagedPassword, which the program has read from a domain controller over LDAP. It makes
// them again after the time that FromManagedPassword returns, and gives the acceptor the newest
// table with a SourceFunc, as the example of the package does.
func ExampleFromManagedPassword() {
	blob, err := os.ReadFile("testdata/gmsa.blob") // or the value of the attribute
	if err != nil {
		log.Fatal(err)
	}
	table, requery, _, err := keytab.FromManagedPassword(blob, keytab.ManagedAccount{
		Account:  keytab.MustParsePrincipal("grolled$@CORP.EXAMPLE.TEST"),
		Services: []keytab.Principal{keytab.MustParsePrincipal("HTTP/grolled.corp.example.test@CORP.EXAMPLE.TEST")},
		Kvno:     1, // msDS-KeyVersionNumber
	})
	if err != nil {
		log.Fatal(err)
	}
	clear(blob)
	fmt.Println(table)
	fmt.Println("read it again in", requery.Round(24*time.Hour))
	// Output:
	// keytab.Table(4 entries, 0 unusable)
	// read it again in 720h0m0s
}
