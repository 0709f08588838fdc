package sspideleg_test

import (
	"encoding/base64"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/gssapi"
	gokeytab "github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/spnego"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/authenticator"
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

// This web server calls another one, the back end, as its clients, who delegate no credentials.
func ExampleService() {
	keys, err := keytab.OpenFile("front.keytab")
	if err != nil {
		fmt.Println("the keytab is missing here")
		return
	}
	// The web server's own account. The configuration has forwardable = true.
	conf, err := config.Load("/etc/krb5.conf")
	if err != nil {
		log.Fatal(err)
	}
	own, err := gokeytab.Load("front.keytab")
	if err != nil {
		log.Fatal(err)
	}
	service := &sspideleg.Service{Client: client.NewWithKeytab("svc-front", "EXAMPLE.COM", own, conf), Keys: keys}
	back := keytab.MustParsePrincipal("HTTP/back.example.com@EXAMPLE.COM")

	acceptor, err := sspi.NewAcceptor(sspi.Config{Keys: keys})
	if err != nil {
		log.Fatal(err)
	}
	m, err := sspihttp.New(sspihttp.Config{Acceptor: acceptor, Context: sspi.ContextConfig{KeepEvidence: true}})
	if err != nil {
		log.Fatal(err)
	}
	handler := func(w http.ResponseWriter, r *http.Request) {
		d, err := service.OnBehalf(r.Context(), sspihttp.SecurityContext(r.Context()).Evidence(), back)
		var field string
		if err == nil {
			field, err = negotiate(d)
		}
		if err != nil {
			log.Print(err)
			http.Error(w, "the back end is not available to you", http.StatusBadGateway)
			return
		}
		request, err := http.NewRequestWithContext(r.Context(), "GET", "https://back.example.com/", nil)
		if err != nil {
			log.Fatal(err)
		}
		request.Header.Set("Authorization", field)
		// Then http.DefaultClient.Do(request).
	}
	log.Fatal(http.ListenAndServe("localhost:8080", m.Wrap(http.HandlerFunc(handler))))
	// Output: the keytab is missing here
}

// negotiate returns the field Authorization of one request to the service of the only ticket of
// d. For a program that is no Go program, WriteCCache writes the ticket into a file.
func negotiate(d *authenticator.Delegated) (string, error) {
	held := d.Tickets[0]
	var ticket messages.Ticket
	if err := ticket.Unmarshal(held.Ticket.Bytes()); err != nil {
		return "", err
	}
	key := types.EncryptionKey{KeyType: int32(held.SessionKey.EType()), KeyValue: held.SessionKey.Bytes()}
	named := client.NewWithPassword(d.Client.Name(), d.Client.Realm(), "", config.New()) // only its name counts
	token, err := spnego.NewKRB5TokenAPREQ(named, ticket, key, []int{gssapi.ContextFlagInteg}, nil)
	if err != nil {
		return "", err
	}
	b, err := token.Marshal()
	return "Negotiate " + base64.StdEncoding.EncodeToString(b), err
}
