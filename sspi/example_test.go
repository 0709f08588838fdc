package sspi_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// A server calls Accept with each token of the client, until it returns a peer or refuses.
// Then the program decides whether the peer may use it.
func Example() {
	realm := sspitest.NewDeterministicRealm("EXAMPLE.COM")
	acceptor, err := realm.Acceptor("HTTP/www.example.com") // a server calls sspi.NewAcceptor
	if err != nil {
		log.Fatal(err)
	}
	client, err := realm.User("alice").Initiate("HTTP/www.example.com", sspitest.Options{SPNEGO: true})
	if err != nil {
		log.Fatal(err)
	}
	c := acceptor.NewContext(sspi.ContextConfig{})
	defer c.Close()
	var reply []byte
	for {
		token, _, err := client.Next(reply) // the client sends this
		if err != nil {
			log.Fatal(err)
		}
		var peer *sspi.Peer
		reply, peer, err = c.Accept(context.Background(), token)
		if err == sspi.ErrContinue {
			continue // a server sends the reply here
		}
		if err != nil {
			fmt.Println("refused:", status.ReasonOf(err))
			return
		}
		user, err := peer.User("EXAMPLE.COM")
		fmt.Println(user, err)
		return
	}
	// Output: alice <nil>
}

// exchange runs alice's login.
func exchange(cfg func(*sspi.Config), cc sspi.ContextConfig, o sspitest.Options) (*sspi.Context, *sspitest.Initiator, error) {
	realm := sspitest.NewDeterministicRealm("EXAMPLE.COM")
	c, err := realm.Config("HTTP/www.example.com")
	if err != nil {
		log.Fatal(err)
	}
	cfg(&c)
	acceptor, err := sspi.NewAcceptor(c)
	if err != nil {
		log.Fatal(err)
	}
	client, err := realm.User("alice").Initiate("HTTP/www.example.com", o)
	if err != nil {
		log.Fatal(err)
	}
	s := acceptor.NewContext(cc)
	_, err = sspitest.Handshake(client, s)
	return s, client, err
}

func asItIs(*sspi.Config) {}

// A server can require context flags, and that the client is bound to the server's channel.
func ExampleContextConfig() {
	channel := sspi.ChannelBindings{ApplicationData: []byte("tls-server-end-point:...")} // sspitls computes the bindings
	_, _, err := exchange(asItIs, sspi.ContextConfig{
		Require:         flags.ASC_RET_MUTUAL_AUTH | flags.ASC_RET_CONFIDENTIALITY,
		ChannelBindings: []sspi.ChannelBindings{channel},
		BindingPolicy:   sspi.BindingRequired,
	}, sspitest.Options{ChannelBindings: &channel})
	fmt.Println(err)
	_, _, err = exchange(asItIs, sspi.ContextConfig{ChannelBindings: []sspi.ChannelBindings{channel}}, sspitest.Options{})
	fmt.Println(status.ReasonOf(err), status.CodeOf(err))
	// Output:
	// <nil>
	// binding-missing SEC_E_BAD_BINDINGS
}

func ExampleContext_Wrap() {
	c, client, err := exchange(asItIs, sspi.ContextConfig{}, sspitest.Options{})
	if err != nil {
		log.Fatal(err)
	}
	token, err := c.Wrap(nil, []byte("hello, alice"), true)
	if err != nil {
		log.Fatal(err)
	}
	text, sealed, err := client.Unwrap(token)
	fmt.Printf("%s, sealed %v, %v\n", text, sealed, err)

	if token, err = client.Wrap([]byte("hello, server"), true); err != nil {
		log.Fatal(err)
	}
	text, sealed, err = c.Unwrap(token[:0], token) // in place
	fmt.Printf("%s, sealed %v, %v\n", text, sealed, err)
	// Output:
	// hello, alice, sealed true, <nil>
	// hello, server, sealed true, <nil>
}

func ExampleContext_VerifyMIC() {
	c, client, err := exchange(asItIs, sspi.ContextConfig{}, sspitest.Options{})
	if err != nil {
		log.Fatal(err)
	}
	mic, err := client.GetMIC([]byte("pay 10"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(status.ReasonOf(c.VerifyMIC([]byte("pay 99"), mic)), c.VerifyMIC([]byte("pay 10"), mic))
	// Output: message-altered <nil>
}

// Accept returns forwarded tickets only with AcceptDelegation. Package sspideleg makes a
// Kerberos client of them.
func ExampleContext_Delegated() {
	c, _, err := exchange(asItIs, sspi.ContextConfig{AcceptDelegation: true}, sspitest.Options{Delegate: true})
	if err != nil {
		log.Fatal(err)
	}
	for _, t := range c.Delegated().Tickets {
		fmt.Println(t.Client, "to", t.Service)
	}
	// Output: alice@EXAMPLE.COM to krbtgt/EXAMPLE.COM@EXAMPLE.COM
}

// A context that one process exports continues in the process that imports it, once.
func ExampleContext_Export() {
	key := make([]byte, 32) // from a secret store
	c, client, err := exchange(func(cfg *sspi.Config) { cfg.ExportKey = sspi.NewSecret(key) }, sspi.ContextConfig{}, sspitest.Options{})
	if err != nil {
		log.Fatal(err)
	}
	sealed, err := c.Export()
	if err != nil {
		log.Fatal(err)
	}
	worker := exampleWorker() // in another process, with the same ExportKey
	moved, err := worker.Import(context.Background(), sealed)
	if err != nil {
		log.Fatal(err)
	}
	token, err := moved.Wrap(nil, []byte("from the worker"), true)
	if err != nil {
		log.Fatal(err)
	}
	text, _, err := client.Unwrap(token)
	fmt.Printf("%v: %s %v\n", moved.Peer().Client, text, err)
	_, err = worker.Import(context.Background(), sealed)
	fmt.Println(status.ReasonOf(err))
	// Output:
	// alice@EXAMPLE.COM: from the worker <nil>
	// replay
}

// Reasons are stable, so programs can count them. The client never receives them.
func ExampleConfig_onEvent() {
	count := make(map[status.Reason]int)
	_, _, err := exchange(func(cfg *sspi.Config) {
		cfg.OnEvent = func(_ context.Context, e sspi.Event) {
			if e.Err != nil {
				count[e.Err.Reason]++
			}
		}
		cfg.Services = []string{"HTTP/other.example.com"}
	}, sspi.ContextConfig{}, sspitest.Options{})
	var refusal *status.Error
	fmt.Println(errors.As(err, &refusal), refusal.Code(), count)
	// Output: true SEC_E_NO_CREDENTIALS map[no-key:1]
}
