package keytab_test

import (
	"context"
	"fmt"
	"log"
	"slices"
	"sync/atomic"

	"github.com/gosspi/kerberos/keytab"
)

// This program gets keys from a secret store. The acceptor calls the Source for each
// client, and the Source must not wait for the store, so the program reads the keys when
// they change. It keeps the old keys, because clients have tickets under them. For keys in
// a file, OpenFile is enough.
func Example() {
	var current atomic.Pointer[keytab.Table]
	read := func(secrets ...[]byte) error { // at the start, and when the store reports a change
		var entries []keytab.Entry
		for _, b := range secrets {
			table, err := keytab.Parse(b)
			if err != nil {
				return err
			}
			entries = slices.AppendSeq(entries, table.All())
		}
		all, err := keytab.NewTable(entries...)
		if err != nil {
			return err
		}
		current.Store(all)
		return nil
	}
	if err := read(secret(4), secret(3)); err != nil {
		log.Fatal(err)
	}
	// The Source for sspi.Config.Keys.
	source := keytab.SourceFunc(func(context.Context) (*keytab.Table, error) { return current.Load(), nil })

	table, err := source.Table(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	for entry := range table.All() {
		fmt.Println(entry.Principal, entry.Kvno, entry.Key)
	}
	// Output:
	// HTTP/www.example.com@EXAMPLE.COM 4 keytab.Key(aes256-cts-hmac-sha1-96, redacted)
	// HTTP/www.example.com@EXAMPLE.COM 3 keytab.Key(aes256-cts-hmac-sha1-96, redacted)
}

// secret returns a value of the store: a keytab with one key, in the format of ktutil.
func secret(kvno uint32) []byte {
	key, err := keytab.NewKey(keytab.AES256_CTS_HMAC_SHA1_96, []byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		log.Fatal(err)
	}
	table, err := keytab.NewTable(keytab.Entry{
		Principal: keytab.MustParsePrincipal("HTTP/www.example.com@EXAMPLE.COM"), Kvno: kvno, Key: key,
	})
	if err != nil {
		log.Fatal(err)
	}
	b, err := table.MarshalBinary()
	if err != nil {
		log.Fatal(err)
	}
	return b
}
