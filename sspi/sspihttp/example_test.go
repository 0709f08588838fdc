package sspihttp_test

import (
	"encoding/base64"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspihttp"
	"github.com/gosspi/kerberos/sspi/sspitest"
)

// This web server admits the users of one realm. A program gets its keys from a keytab,
// keys, err := keytab.OpenFile("/etc/http.keytab"), and its realm is a KDC.
func Example() {
	realm := sspitest.NewRealm("EXAMPLE.COM")
	keys, err := realm.Service("HTTP/www.example.com")
	if err != nil {
		log.Fatal(err)
	}
	acceptor, err := sspi.NewAcceptor(sspi.Config{Keys: keys})
	if err != nil {
		log.Fatal(err)
	}
	m, err := sspihttp.New(sspihttp.Config{
		Acceptor: acceptor,
		Authorize: func(_ *http.Request, p *sspi.Peer) error {
			_, err := p.User("EXAMPLE.COM") // returns an error for users of other realms
			return err
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	hello := func(w http.ResponseWriter, r *http.Request) {
		peer, _ := sspihttp.Peer(r.Context())
		who, _ := peer.Principal() // not peer.Client, which a client of Active Directory chooses
		fmt.Fprintln(w, "hello,", who)
	}
	server := &http.Server{Handler: m.Wrap(http.HandlerFunc(hello)), ConnContext: m.ConnContext}

	// A program calls server.ListenAndServe. This example sends the requests of two clients
	// without a network.
	for _, user := range []string{"alice", "alice@OTHER.EXAMPLE"} {
		client, err := realm.User(user).Initiate("HTTP/www.example.com", sspitest.Options{SPNEGO: true})
		if err != nil {
			log.Fatal(err)
		}
		token, _, err := client.Next(nil)
		if err != nil {
			log.Fatal(err)
		}
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", "Negotiate "+base64.StdEncoding.EncodeToString(token))
		server.Handler.ServeHTTP(w, r)
		fmt.Print(w.Code, " ", w.Body)
	}
	// Output:
	// 200 hello, alice@EXAMPLE.COM
	// 403 Forbidden
}
