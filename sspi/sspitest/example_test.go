package sspitest_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket/pac"
)

// The shortest login.
func Example() {
	realm := sspitest.NewRealm("EXAMPLE.COM")
	acceptor, err := realm.Acceptor("HTTP/www.example.com")
	if err != nil {
		log.Fatal(err)
	}
	client, err := realm.User("alice").Initiate("HTTP/www.example.com", sspitest.Options{})
	if err != nil {
		log.Fatal(err)
	}
	peer, err := sspitest.Handshake(client, acceptor.NewContext(sspi.ContextConfig{}))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(peer.Client, "at", peer.Service)
	// Output: alice@EXAMPLE.COM at HTTP/www.example.com@EXAMPLE.COM
}

// greeter is the tested server. It gets its keys from the caller, and greets the users of
// one realm.
type greeter struct{ acceptor *sspi.Acceptor }

func newGreeter(keys keytab.Source) (*greeter, error) {
	acceptor, err := sspi.NewAcceptor(sspi.Config{Keys: keys})
	return &greeter{acceptor}, err
}

func (g *greeter) serve(ctx context.Context, token []byte) (reply []byte, greeting string) {
	c := g.acceptor.NewContext(sspi.ContextConfig{})
	defer c.Close()
	reply, peer, err := c.Accept(ctx, token)
	if err != nil {
		return reply, "go away"
	}
	user, err := peer.User("EXAMPLE.COM")
	if err != nil {
		return reply, "hello, stranger"
	}
	return reply, "hello, " + user
}

// The server gets the keytab of its service, and the tokens of the clients over any
// transport.
func ExampleRealm_Service() {
	realm := sspitest.NewRealm("EXAMPLE.COM")
	keys, err := realm.Service("demo/localhost")
	if err != nil {
		log.Fatal(err)
	}
	server, err := newGreeter(keys)
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range []string{"alice", "alice@OTHER.EXAMPLE"} {
		client, err := realm.User(name).Initiate("demo/localhost", sspitest.Options{})
		if err != nil {
			log.Fatal(err)
		}
		token, _, err := client.Next(nil)
		if err != nil {
			log.Fatal(err)
		}
		reply, greeting := server.serve(context.Background(), token)
		_, done, err := client.Next(reply) // verifies the server's reply
		fmt.Println(greeting, done, err)
	}
	// Output:
	// hello, alice true <nil>
	// hello, stranger true <nil>
}

// The test of a refused client sees the acceptor's Reason, and the error number that the
// client receives.
func ExampleHandshake_refused() {
	realm := sspitest.NewDeterministicRealm("EXAMPLE.COM")
	acceptor, err := realm.Acceptor("HTTP/www.example.com")
	if err != nil {
		log.Fatal(err)
	}
	client, err := realm.User("alice").Initiate("HTTP/www.example.com", sspitest.Options{
		EndTime: realm.Now().Add(-time.Hour),
	})
	if err != nil {
		log.Fatal(err)
	}
	_, err = sspitest.Handshake(client, acceptor.NewContext(sspi.ContextConfig{}))
	fmt.Println(status.ReasonOf(err), status.CodeOf(err))
	if told, ok := errors.AsType[*sspitest.Error](err); ok {
		fmt.Println("the client is told", told.Code)
	}
	// Output:
	// ticket-expired SEC_E_LOGON_DENIED
	// the client is told 32
}

// After the login, the client and the server exchange messages.
func ExampleInitiator_Wrap() {
	realm := sspitest.NewDeterministicRealm("EXAMPLE.COM")
	acceptor, err := realm.Acceptor("demo/localhost")
	if err != nil {
		log.Fatal(err)
	}
	client, err := realm.User("alice").Initiate("demo/localhost", sspitest.Options{})
	if err != nil {
		log.Fatal(err)
	}
	server := acceptor.NewContext(sspi.ContextConfig{})
	if _, err := sspitest.Handshake(client, server); err != nil {
		log.Fatal(err)
	}

	token, err := client.Wrap([]byte("a secret"), true)
	if err != nil {
		log.Fatal(err)
	}
	message, sealed, err := server.Unwrap(nil, token)
	fmt.Printf("%d bytes: %q, sealed: %v, %v\n", len(token), message, sealed, err)

	_, _, err = server.Unwrap(nil, token)
	fmt.Println("again:", status.ReasonOf(err))
	// Output:
	// 68 bytes: "a secret", sealed: true, <nil>
	// again: message-duplicate
}

// A server authorizes a group of Active Directory. At the login, bob typed another name than
// that of his account.
func ExampleAccount() {
	operators := pac.MustParseSID("S-1-5-21-1004336348-1177238915-682003330-1201")
	bob := &sspitest.Account{
		Name:   "bob",
		SID:    pac.MustParseSID("S-1-5-21-1004336348-1177238915-682003330-1105"),
		Groups: []pac.Group{{SID: operators}},
	}

	realm := sspitest.NewRealm("CORP.EXAMPLE.COM")
	acceptor, err := realm.Acceptor("HTTP/www.corp.example.com")
	if err != nil {
		log.Fatal(err)
	}
	client, err := realm.User("root").Initiate("HTTP/www.corp.example.com", sspitest.Options{Account: bob})
	if err != nil {
		log.Fatal(err)
	}
	peer, err := sspitest.Handshake(client, acceptor.NewContext(sspi.ContextConfig{}))
	if err != nil {
		log.Fatal(err)
	}
	user, err := peer.User("CORP.EXAMPLE.COM")
	fmt.Printf("%v typed %v, and is the user %s, %v\n", peer.Account, peer.Client, user, err)
	fmt.Println("an operator:", peer.AccessToken.Grants(operators))
	// Output:
	// CORP\bob typed root@CORP.EXAMPLE.COM, and is the user bob, <nil>
	// an operator: true
}

// The keys of a service change while the server runs.
func ExampleRealm_Rotate() {
	realm := sspitest.NewRealm("EXAMPLE.COM")
	acceptor, err := realm.Acceptor("demo/localhost")
	if err != nil {
		log.Fatal(err)
	}
	old, err := realm.User("alice").Initiate("demo/localhost", sspitest.Options{})
	if err != nil {
		log.Fatal(err)
	}
	if err := realm.Rotate("demo/localhost"); err != nil {
		log.Fatal(err)
	}
	_, err = sspitest.Handshake(old, acceptor.NewContext(sspi.ContextConfig{}))
	fmt.Println("a ticket of before:", err)
	// Output: a ticket of before: <nil>
}

// A KDC for other programs: kinit, curl, ssh and others use the realm with the environment that
// Files returns.
func ExampleRealm_Listen() {
	realm := sspitest.NewRealm("EXAMPLE.COM")
	if _, err := realm.Service("HTTP/localhost"); err != nil {
		log.Fatal(err)
	}
	if err := realm.SetUser("alice", sspitest.UserSettings{Password: "correct horse"}); err != nil {
		log.Fatal(err)
	}
	kdc, err := realm.Listen(sspitest.KDCConfig{})
	if err != nil {
		log.Fatal(err)
	}
	defer kdc.Close()

	dir, err := os.MkdirTemp("", "realm-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	env, err := kdc.Files(dir, realm.User("alice")) // alice is logged in; with nil, kinit logs in
	if err != nil {
		log.Fatal(err)
	}
	for _, variable := range env { // curl := exec.Command("curl", ...); curl.Env = append(os.Environ(), env...)
		name, _, _ := strings.Cut(variable, "=")
		fmt.Println(name)
	}
	// Output:
	// KRB5_CONFIG
	// KRB5_KTNAME
	// KRB5CCNAME
}
