package sspi_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/netip"
	"os"

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// A Config names the keys of a service. NewAcceptor reports errors of the Config, before
// the first client connects.
func ExampleNewAcceptor() {
	keys, err := keytab.FromPassword(keytab.MustParsePrincipal("HTTP/www.example.com@EXAMPLE.COM"), 3, "a long secret", "")
	if err != nil { // a server calls keytab.OpenFile("/etc/http.keytab")
		log.Fatal(err)
	}
	acceptor, err := sspi.NewAcceptor(sspi.Config{Keys: keys, Services: []string{"HTTP/"}})
	fmt.Println(acceptor != nil, err)

	_, err = sspi.NewAcceptor(sspi.Config{})
	fmt.Println(status.ReasonOf(err))
	_, err = sspi.NewAcceptor(sspi.Config{Keys: keys, ExportKey: sspi.NewSecret([]byte("too short"))})
	fmt.Println(status.ReasonOf(err))
	// Output:
	// true <nil>
	// no-credentials
	// argument
}

// A Peer is the identity of a client. The program decides about its permissions, by the
// whole principal: the same name in another realm is another person.
func ExamplePeer() {
	realm := sspitest.NewDeterministicRealm("EXAMPLE.COM")
	acceptor, err := realm.Acceptor("HTTP/www.example.com")
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range []string{"alice", "alice@OTHER.EXAMPLE", "alice/admin"} {
		client, err := realm.User(name).Initiate("HTTP/www.example.com", sspitest.Options{})
		if err != nil {
			log.Fatal(err)
		}
		peer, err := sspitest.Handshake(client, acceptor.NewContext(sspi.ContextConfig{}))
		if err != nil {
			log.Fatal(err)
		}
		if user, err := peer.User("EXAMPLE.COM"); err != nil {
			fmt.Println(peer.Client, "is no user here")
		} else {
			fmt.Println(peer.Client, "is our", user)
		}
	}
	// Output:
	// alice@EXAMPLE.COM is our alice
	// alice@OTHER.EXAMPLE is no user here
	// alice/admin@EXAMPLE.COM is no user here
}

// The Logger receives one record for each attempt, accepted or refused. The record names
// the Reason and contains no secrets.
func ExampleConfig_logger() {
	realm := sspitest.NewDeterministicRealm("EXAMPLE.COM")
	cfg, err := realm.Config("HTTP/www.example.com")
	if err != nil {
		log.Fatal(err)
	}
	cfg.Logger = slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{} // so that this example always prints the same
			}
			return a
		},
	}))
	acceptor, err := sspi.NewAcceptor(cfg)
	if err != nil {
		log.Fatal(err)
	}
	client, err := realm.User("alice").Initiate("HTTP/www.example.com", sspitest.Options{})
	if err != nil {
		log.Fatal(err)
	}
	token, _, err := client.Next(nil)
	if err != nil {
		log.Fatal(err)
	}
	remote := netip.MustParseAddrPort("192.0.2.7:50123") // the address that the listener reports
	for range 2 {                                        // the second attempt is a replay
		_, _, _ = acceptor.NewContext(sspi.ContextConfig{Remote: remote}).Accept(context.Background(), token)
	}
	// Output:
	// level=INFO msg="kerberos: accepted" kerberos.client.name=alice@EXAMPLE.COM kerberos.service.name=HTTP/www.example.com@EXAMPLE.COM kerberos.context.flags=ASC_RET_MUTUAL_AUTH|ASC_RET_REPLAY_DETECT|ASC_RET_SEQUENCE_DETECT|ASC_RET_CONFIDENTIALITY|ASC_RET_INTEGRITY kerberos.ticket.end=2031-05-17T18:30:15.000Z kerberos.mechanism=kerberos kerberos.ticket.etype="aes256-cts-hmac-sha1-96 (18)" kerberos.ticket.kvno=1 kerberos.session.etype="aes256-cts-hmac-sha1-96 (18)" kerberos.context.etype="aes256-cts-hmac-sha1-96 (18)" kerberos.clock.difference=0 client.address=192.0.2.7 client.port=50123
	// level=WARN msg="kerberos: refused" error.type=replay kerberos.error.status=SEC_E_LOGON_DENIED kerberos.error.detail="the authenticator of 2031-05-17T08:30:15.250000Z was presented before, the clock here says 2031-05-17T08:30:15.250000Z; a client that repeats a request must make a new authenticator. If the client did not repeat it, the request was captured and sent again" kerberos.error.help="this authenticator was used before; a client that repeats a request must make a new authenticator" kerberos.retry=false kerberos.client.unproven_name=alice@EXAMPLE.COM kerberos.service.name=HTTP/www.example.com@EXAMPLE.COM kerberos.service.requested_name=HTTP/www.example.com@EXAMPLE.COM kerberos.mechanism=kerberos kerberos.ticket.etype="aes256-cts-hmac-sha1-96 (18)" kerberos.ticket.kvno=1 kerberos.session.etype="aes256-cts-hmac-sha1-96 (18)" kerberos.clock.difference=0 client.address=192.0.2.7 client.port=50123
}
