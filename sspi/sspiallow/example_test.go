package sspiallow_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspiallow"
	"github.com/gosspi/kerberos/sspi/sspihttp"
	"github.com/gosspi/kerberos/sspi/sspisasl"
	"github.com/gosspi/kerberos/sspi/sspissh"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/ticket/pac"
)

// This program reads the names of groups from a file and admits the staff without its interns, in
// HTTP, SSH and SASL.
func Example() {
	const file = `# SID, a space, and the name
S-1-5-21-1004336348-1177238915-682003330 CORP
S-1-5-21-1004336348-1177238915-682003330-1104 CORP\staff
S-1-5-21-1004336348-1177238915-682003330-1105 CORP\interns
`
	path := filepath.Join(os.TempDir(), fmt.Sprint("names-", os.Getpid()))
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		log.Fatal(err)
	}
	defer os.Remove(path)
	names, err := sspiallow.OpenNames(path)
	if err != nil {
		log.Fatal(err)
	}
	rule, err := sspiallow.Parse(`all(CORP\staff, not(CORP\interns))`, names)
	if err != nil {
		log.Fatal(err)
	}
	_ = sspihttp.Config{
		Authorize: func(_ *http.Request, p *sspi.Peer) error { return rule.Check(p) },
	}
	_ = sspisasl.Config{
		Authorize: func(p *sspi.Peer, authzid string) error {
			if authzid != "" {
				return fmt.Errorf("the client requests to act as %.100q", authzid)
			}
			return rule.Check(p)
		},
	}
	sameUser := sspissh.SameUser("CORP.EXAMPLE")
	_ = sspissh.Config{
		Authorize: func(conn ssh.ConnMetadata, p *sspi.Peer) (*ssh.Permissions, error) {
			if err := rule.Check(p); err != nil {
				return nil, err
			}
			return sameUser(conn, p)
		},
	}

	for _, group := range []string{"1104", "1106"} {
		_, why := rule.Explain(login("alice", group))
		fmt.Println(why)
	}
	// Output:
	// the client "CORP\\alice" is admitted: it is in CORP\staff (S-1-5-21-1004336348-1177238915-682003330-1104); it is not in CORP\interns (S-1-5-21-1004336348-1177238915-682003330-1105)
	// the client "CORP\\alice" is not admitted: it is not in CORP\staff (S-1-5-21-1004336348-1177238915-682003330-1104)
}

// login returns a user who is in a group. Programs get the Peer from an acceptor.
func login(user, group string) *sspi.Peer {
	realm := sspitest.NewRealm("CORP.EXAMPLE")
	acceptor, err := realm.Acceptor("HTTP/www.corp.example")
	if err != nil {
		log.Fatal(err)
	}
	return logInTo(acceptor, realm, user, group)
}

// logInTo logs in a user who is in a group.
func logInTo(acceptor *sspi.Acceptor, realm *sspitest.Realm, user, group string) *sspi.Peer {
	const domain = "S-1-5-21-1004336348-1177238915-682003330-"
	client, err := realm.User(user).Initiate("HTTP/www.corp.example", sspitest.Options{Account: &sspitest.Account{
		SID: pac.MustParseSID(domain + "1109"), Groups: []pac.Group{{SID: pac.MustParseSID(domain + group)}},
	}})
	if err != nil {
		log.Fatal(err)
	}
	peer, err := sspitest.Handshake(client, acceptor.NewContext(sspi.ContextConfig{}))
	if err != nil {
		log.Fatal(err)
	}
	return peer
}

// The server of this program records for each client why the rule admits it or does not.
func ExampleRule_Explain() {
	staff := sspiallow.SID(pac.MustParseSID("S-1-5-21-1004336348-1177238915-682003330-1104"))
	rule := sspiallow.All(staff, sspiallow.Any(sspiallow.Indicator("otp"), sspiallow.Realm("CORP.EXAMPLE")))
	explain := func(_ context.Context, e sspi.Event) {
		client := e.Peer
		if e.Denied != nil { // Authorize refused it
			client = e.Denied
		}
		if client != nil {
			_, why := rule.Explain(client)
			fmt.Println(why)
		}
	}
	realm := sspitest.NewRealm("CORP.EXAMPLE")
	cfg, err := realm.Config("HTTP/www.corp.example")
	if err != nil {
		log.Fatal(err)
	}
	cfg.OnEvent = explain
	acceptor, err := sspi.NewAcceptor(cfg)
	if err != nil {
		log.Fatal(err)
	}
	logInTo(acceptor, realm, "alice", "1104")
	// Output: the client "CORP\\alice" is admitted: it is in S-1-5-21-1004336348-1177238915-682003330-1104; it is of the realm CORP.EXAMPLE
}

// The server of this program has rules of MIT's krb5.conf for the names of local users.
func ExampleLocalNames() {
	names, err := sspiallow.ParseLocalNames("CORP.EXAMPLE",
		"RULE:[1:$1@$0](.*@PARTNER\\.EXAMPLE)s/@.*//s/^/partner-/", "DEFAULT")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(names.User(login("alice", "1104")))
	// Output: alice <nil>
}
