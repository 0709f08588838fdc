package sspideleg_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	gokeytab "github.com/jcmturner/gokrb5/v8/keytab"

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspideleg"
	"github.com/gosspi/kerberos/sspi/sspihttp"
	"github.com/gosspi/kerberos/sspi/sspitest"
)

// This web server accesses another server as its clients. The realm is from sspitest; a
// program calls keytab.OpenFile and sspi.NewAcceptor.
func Example() {
	realm := sspitest.NewRealm("EXAMPLE.COM")
	acceptor, err := realm.Acceptor("HTTP/www.example.com")
	if err != nil {
		log.Fatal(err)
	}
	conf, err := config.NewFromString(krb5conf) // or config.Load("/etc/krb5.conf")
	if err != nil {
		log.Fatal(err)
	}
	m, err := sspihttp.New(sspihttp.Config{
		Acceptor: acceptor,
		Context:  sspi.ContextConfig{AcceptDelegation: true},
		Authorize: func(_ *http.Request, p *sspi.Peer) error {
			_, err := p.User("EXAMPLE.COM")
			return err
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	handler := m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cl, err := sspideleg.Client(sspihttp.SecurityContext(r.Context()).Delegated(), conf)
		if err != nil {
			http.Error(w, "log in with a ticket that may be forwarded", http.StatusForbidden)
			return
		}
		defer cl.Destroy()
		fmt.Fprintf(w, "acting as %s of %s", cl.Credentials.UserName(), cl.Credentials.Domain())
		// For requests to a backend, pass the client to gokrb5: spnego.NewClient(cl, nil,
		// "HTTP/backend.example.com").
	}))
	fmt.Println(get(handler, realm, "alice", sspitest.Options{Delegate: true}))
	fmt.Println(get(handler, realm, "alice", sspitest.Options{}))
	fmt.Println(get(handler, realm, "mallory@EXAMPLE.ORG", sspitest.Options{Delegate: true}))
	// Output:
	// 200 acting as alice of EXAMPLE.COM
	// 403 log in with a ticket that may be forwarded
	//
	// 403 Forbidden
}

const krb5conf = "[realms]\n EXAMPLE.COM = {\n  kdc = kdc.example.com\n }\n"

// get sends the request of a user and returns the answer.
func get(handler http.Handler, realm *sspitest.Realm, user string, o sspitest.Options) string {
	o.SPNEGO = true
	i, err := realm.User(user).Initiate("HTTP/www.example.com", o)
	if err != nil {
		log.Fatal(err)
	}
	token, _, err := i.Next(nil)
	if err != nil {
		log.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Negotiate "+base64.StdEncoding.EncodeToString(token))
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return fmt.Sprint(w.Code, " ", w.Body)
}

// A front end calls a back end as the client of a request, which delegated no credentials.
func ExampleService() {
	// Once: the front end's own account. The configuration has forwardable = true.
	conf, err := config.NewFromString(krb5conf)
	if err != nil {
		log.Fatal(err)
	}
	conf.LibDefaults.Forwardable = true
	keys, err := keytab.OpenFile("http.keytab")
	if err != nil {
		fmt.Println("the keytab is missing here")
		return
	}
	own := gokeytab.New()
	if b, err := os.ReadFile("http.keytab"); err != nil || own.Unmarshal(b) != nil {
		log.Fatal("no keytab")
	}
	service := &sspideleg.Service{Client: client.NewWithKeytab("svc-http", "EXAMPLE.COM", own, conf), Keys: keys}
	back := keytab.MustParsePrincipal("HTTP/back.example.com@EXAMPLE.COM")

	// In each request, with the context that accepted its client and KeepEvidence.
	call := func(ctx context.Context, c *sspi.Context) error {
		d, err := service.OnBehalf(ctx, c.Evidence(), back)
		if err != nil {
			return err
		}
		return sspideleg.WriteCCache("/run/www/client.ccache", d)
	}
	_ = call
	// Output: the keytab is missing here
}
