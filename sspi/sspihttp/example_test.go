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

// A web server for the users of one realm. In a program the keys are a keytab's,
// and realm is Kerberos: keys, err := keytab.OpenFile("/etc/http.keytab").
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
			_, err := p.User("EXAMPLE.COM") // refuses everybody else's users
			return err
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	hello := func(w http.ResponseWriter, r *http.Request) {
		peer, _ := sspihttp.Peer(r.Context())
		fmt.Fprintln(w, "hello,", peer.Client)
	}
	server := &http.Server{Handler: m.Wrap(http.HandlerFunc(hello)), ConnContext: m.ConnContext}

	// server.ListenAndServe() would serve; here two clients come by without a network.
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
