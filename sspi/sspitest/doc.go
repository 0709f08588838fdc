// Package sspitest is for tests of servers that accept Kerberos. It implements a realm in
// memory that creates keys and tickets, and clients that log in with them. It needs no KDC,
// no network, no file and no configuration. For programs such as kinit and curl, it serves the
// realm as a KDC.
//
//	realm := sspitest.NewRealm("EXAMPLE.COM")
//	acceptor, err := realm.Acceptor("HTTP/www.example.com")
//	client, err := realm.User("alice").Initiate("HTTP/www.example.com", sspitest.Options{})
//	peer, err := sspitest.Handshake(client, acceptor.NewContext(sspi.ContextConfig{}))
//
// If the server creates its own acceptor, pass it the keys of [Realm.Service] or the
// configuration of [Realm.Config]. To talk to a server over a connection, call
// [Initiator.Next] for each token. [Options] contain the client's requests and the errors
// that it makes on purpose.
//
// # SPNEGO
//
// With Options.SPNEGO, the client sends SPNEGO tokens (RFC 4178) that contain Kerberos
// tokens, as browsers, curl and most other programs do. Send its token to a web server in
// base64 as "Authorization: Negotiate", and pass the token of the response's
// "WWW-Authenticate: Negotiate" to Next. A client must process that response even if it does
// not request proof of the server's identity (Options.OneWay). The client offers Kerberos
// and no other mechanism, so the exchange has no mechListMIC unless the server sends one.
//
// # Users and passwords
//
// A [User] is a name. A user needs no password and no key for [User.Initiate]: the realm
// creates tickets without a request to a KDC, and without the checks of a KDC, such as the
// verification of a password.
//
// # Other programs
//
// [Realm.Listen] starts a [KDC] for the realm on the loopback interface, so that a test can use
// kinit, curl, ssh and every other program with Kerberos. [Realm.SetUser] gives a user a
// password and the PAC of its tickets. [KDC.Files] writes krb5.conf, keytabs and a credential
// cache, and returns the environment of such programs. A test of an HTTP server with curl:
//
//	realm := sspitest.NewRealm("EXAMPLE.COM")
//	acceptor, err := realm.Acceptor("HTTP/localhost")
//	m, err := sspihttp.New(sspihttp.Config{Acceptor: acceptor})
//	server := httptest.NewServer(m.Wrap(handler))
//	defer server.Close()
//	err = realm.SetUser("alice", sspitest.UserSettings{})
//	kdc, err := realm.Listen(sspitest.KDCConfig{})
//	defer kdc.Close()
//	env, err := kdc.Files(t.TempDir(), realm.User("alice")) // alice is logged in without kinit
//	url := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
//	curl := exec.Command("curl", "--noproxy", "*", "--fail", "--negotiate", "-u", ":", url)
//	curl.Env = append(os.Environ(), env...)
//	page, err := curl.Output()
//
// A client takes the name of the service from the URL, so the URL needs the host name of the
// service, and the realm needs the service before Files, which writes the names of its hosts.
// A curl without GSSAPI, such as that of Windows, does not use these files: skip the test if
// "curl --version" does not show GSS-API. examples/devrealm in the repository is such a realm
// for a terminal.
//
// The KDC answers AS and TGS requests over TCP and UDP, with pre-authentication by encrypted
// timestamp, encryption types 17 to 20 and RC4 on request. It renews and forwards tickets,
// issues proxies and user-to-user tickets, and refers clients to trusted realms
// ([Realm.Trust]). It has no FAST, PKINIT, SPAKE, S4U and password changes, and refuses
// postdated and anonymous tickets. It is a tool for tests: it listens on loopback addresses
// only, has no access control, and does not limit attempts to guess a password.
//
// # Active Directory
//
// By default a ticket has the PAC of a current MIT KDC, which says nothing about the user, so
// that sspi.Peer.User returns the name of the principal. With Options.Account the ticket is one
// of Active Directory: its PAC has an [Account] with groups and claims, whatever the name of
// the [User] is. With Options.NoPAC it has no PAC. Test a server that maps clients to users
// with all three kinds of tickets.
//
// # Time and randomness
//
// A realm from [NewRealm] uses the system's clock and randomness. A realm from
// [NewDeterministicRealm] uses neither: its clock does not run and its keys are always the
// same, so that the same calls produce the same bytes. [Realm.Advance] moves the clock of
// both kinds of realm, for tests of expiry. The keys of a deterministic realm are public
// knowledge: use them only for a server under test.
//
// # The other side
//
// The client is built on gokrb5, and shares no code with the acceptor that could hide an
// error in both. The client is strict: it refuses an incorrect AP-REP, an altered or
// reordered message, and a negotiation that violates RFC 4178.
//
// # Errors
//
// If the acceptor refuses the client with an answer, the client's error is an [*Error] with
// the error code of RFC 4120, if the answer contains one. An incorrect call of this package
// returns a *status.Error with ReasonArgument, or with ReasonContextState if the call is out
// of order. [NewRealm] and [Realm.User] do not return errors: the next call that can return
// an error reports an invalid name. Use errors.As or status.ReasonOf.
//
// # Concurrency
//
// All functions and methods are safe for concurrent use.
package sspitest
