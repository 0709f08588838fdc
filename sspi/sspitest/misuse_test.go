package sspitest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket/pac"
)

// TestMisuse_Arguments checks that an invalid argument causes an error with ReasonArgument
// and no panic.
func TestMisuse_Arguments(t *testing.T) {
	realm := sspitest.NewDeterministicRealm("EXAMPLE.COM")
	if _, err := realm.Service(service); err != nil {
		t.Fatal(err)
	}
	alice := realm.User("alice")
	initiate := func(u *sspitest.User, service string, o sspitest.Options) func() error {
		return func() error { _, err := u.Initiate(service, o); return err }
	}
	serve := func(r *sspitest.Realm, names ...string) func() error {
		return func() error { _, err := r.Service(names...); return err }
	}
	accept := func(r *sspitest.Realm, names ...string) func() error {
		return func() error { _, err := r.Acceptor(names...); return err }
	}
	for name, call := range map[string]func() error{
		"realm without a name":             serve(sspitest.NewRealm("")),
		"realm without a name, acceptor":   accept(sspitest.NewRealm("")),
		"realm without a name, user":       initiate(sspitest.NewRealm("").User("alice"), service, sspitest.Options{}),
		"realm that is not UTF-8":          serve(sspitest.NewRealm("\xff"), service),
		"zero realm":                       serve(new(sspitest.Realm), service),
		"zero realm, acceptor":             accept(new(sspitest.Realm), service),
		"zero realm, rotation":             func() error { return new(sspitest.Realm).Rotate(service) },
		"nil realm":                        serve(nil, service),
		"service without a name":           serve(realm, ""),
		"service with an empty component":  serve(realm, "HTTP//"),
		"acceptor for no name":             accept(realm, service, ""),
		"rotation of no name":              func() error { return realm.Rotate("") },
		"rotation of an unknown service":   func() error { return realm.Rotate("HTTP/other") },
		"user without a name":              initiate(realm.User(""), service, sspitest.Options{}),
		"zero user":                        initiate(new(sspitest.User), service, sspitest.Options{}),
		"nil user":                         initiate(nil, service, sspitest.Options{}),
		"unknown service":                  initiate(alice, "HTTP/ww.example.com", sspitest.Options{}),
		"service of no name":               initiate(alice, "", sspitest.Options{}),
		"unknown encryption type":          initiate(alice, service, sspitest.Options{TicketEType: 99}),
		"unknown encryption type, session": initiate(alice, service, sspitest.Options{SessionEType: -1}),
		"DES3":                             initiate(alice, service, sspitest.Options{SessionEType: 16}),
		"unknown encryption type, subkey":  initiate(alice, service, sspitest.Options{SubkeyEType: keytab.EType(1)}),
		"end before 1970":                  initiate(alice, service, sspitest.Options{EndTime: time.Unix(-1, 0)}),
		"start after 9999":                 initiate(alice, service, sspitest.Options{StartTime: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}),
		"clock before 1970":                initiate(alice, service, sspitest.Options{ClockOffset: -100 * 365 * 24 * time.Hour}),
		"account and no PAC":               initiate(alice, service, sspitest.Options{Account: account(), NoPAC: true}),
		"account without a SID":            initiate(alice, service, sspitest.Options{Account: new(sspitest.Account)}),
		"account with the SID of a domain": initiate(alice, service, sspitest.Options{Account: &sspitest.Account{SID: account().SID.Domain()}}),
		"group without a SID":              initiate(alice, service, with(pac.Group{})),
		"local groups of two domains": initiate(alice, service, with(
			pac.Group{SID: pac.MustParseSID("S-1-5-21-1-2-3-1200"), Attributes: pac.SE_GROUP_RESOURCE},
			pac.Group{SID: pac.MustParseSID("S-1-5-21-1-2-4-1200"), Attributes: pac.SE_GROUP_RESOURCE})),
		"claim without a type": initiate(alice, service, sspitest.Options{Account: &sspitest.Account{SID: account().SID, Claims: []pac.Claim{{ID: "x"}}}}),
		"device of a device": initiate(alice, service, sspitest.Options{Account: &sspitest.Account{
			SID: account().SID, Device: &sspitest.Account{SID: account().SID, Device: account()},
		}}),
		"device without a SID": initiate(alice, service, sspitest.Options{Account: &sspitest.Account{SID: account().SID, Device: new(sspitest.Account)}}),
		"one-way DCE style":    initiate(alice, service, sspitest.Options{OneWay: true, DCEStyle: true}),
	} {
		if err := call(); status.ReasonOf(err) != status.ReasonArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
	if p := new(sspitest.User).Principal(); !p.IsZero() {
		t.Errorf("the zero User is %v", p)
	}
	if r := new(sspitest.Realm); r.Name() != "" || !r.Now().IsZero() {
		t.Errorf("the zero Realm is %q, at %v", r.Name(), r.Now())
	}
	new(sspitest.Realm).Advance(time.Hour)
}

// TestMisuse_OddNames checks that unusual names are valid.
func TestMisuse_OddNames(t *testing.T) {
	realm := sspitest.NewDeterministicRealm("a realm/with @ \\ and ü")
	acceptor, err := realm.Acceptor(`odd\/service`)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"älice", `al\@ice`, "a/b/c", "bob@OTHER.EXAMPLE"} {
		user := realm.User(name)
		client, err := user.Initiate(`odd\/service`, sspitest.Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		peer, err := sspitest.Handshake(client, acceptor.NewContext(sspi.ContextConfig{}))
		if err != nil || peer.Client != user.Principal() || !strings.HasPrefix(peer.Client.String(), name) {
			t.Errorf("%s: %v, %v", name, peer, err)
		}
	}
}

// TestMisuse_State checks calls that are too early, repeated or too late.
func TestMisuse_State(t *testing.T) {
	realm := sspitest.NewDeterministicRealm("EXAMPLE.COM")
	acceptor, err := realm.Acceptor(service)
	if err != nil {
		t.Fatal(err)
	}
	client, err := realm.User("alice").Initiate(service, sspitest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	refused := func(when string, want status.Reason, i *sspitest.Initiator) {
		t.Helper()
		_, err1 := i.Wrap(nil, true)
		_, _, err2 := i.Unwrap(nil)
		_, err3 := i.GetMIC(nil)
		err4 := i.VerifyMIC(nil, nil)
		_, err5 := i.SessionKey()
		_, err6 := i.Facts()
		for n, err := range []error{err1, err2, err3, err4, err5, err6} {
			if status.ReasonOf(err) != want {
				t.Errorf("%s, call %d: %v", when, n+1, err)
			}
		}
	}
	next := func(when string, want status.Reason, i *sspitest.Initiator, reply []byte) {
		t.Helper()
		if token, done, err := i.Next(reply); status.ReasonOf(err) != want || token != nil || done {
			t.Errorf("%s: %d bytes, done %v, %v", when, len(token), done, err)
		}
	}
	refused("zero", status.ReasonArgument, new(sspitest.Initiator))
	refused("nil", status.ReasonArgument, nil)
	next("zero", status.ReasonArgument, new(sspitest.Initiator), nil)
	next("nil", status.ReasonArgument, nil, nil)
	if _, err := sspitest.Handshake(nil, nil); status.ReasonOf(err) != status.ReasonArgument {
		t.Errorf("Handshake of nothing: %v", err)
	}

	refused("at first", status.ReasonContextState, client)
	next("an answer at first", status.ReasonContextState, client, []byte("x"))
	c := acceptor.NewContext(sspi.ContextConfig{})
	token, done, err := client.Next(nil)
	if err != nil || done {
		t.Fatal(done, err)
	}
	refused("half-way", status.ReasonContextState, client)
	next("no answer", status.ReasonArgument, client, nil)
	reply, _, err := c.Accept(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if _, done, err := client.Next(reply); err != nil || !done {
		t.Fatal(done, err)
	}
	next("after the end", status.ReasonContextState, client, reply)
	next("after the end, without an answer", status.ReasonContextState, client, nil)
	exchange(t, c, client) // the refused calls have changed nothing

	if _, err := sspitest.Handshake(client, acceptor.NewContext(sspi.ContextConfig{})); status.ReasonOf(err) != status.ReasonContextState {
		t.Errorf("Handshake with a client that is done: %v", err)
	}
	fresh, err := realm.User("alice").Initiate(service, sspitest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sspitest.Handshake(fresh, nil); status.ReasonOf(err) != status.ReasonInvalidHandle {
		t.Errorf("Handshake with no context: %v", err)
	}
}
