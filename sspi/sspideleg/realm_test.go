package sspideleg_test

import (
	"net"
	"slices"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/config"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/vectors"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

const (
	service = "HTTP/www.example.com"
	tgs     = "krbtgt/EXAMPLE.COM@EXAMPLE.COM"
)

// delegate returns the credentials that a user forwarded to the service.
func delegate(t testing.TB, user string) *authenticator.Delegated {
	t.Helper()
	return delegateIn(t, sspitest.NewRealm("EXAMPLE.COM"), user)
}

func delegateIn(t testing.TB, realm *sspitest.Realm, user string) *authenticator.Delegated {
	t.Helper()
	acceptor, err := realm.Acceptor(service)
	if err != nil {
		t.Fatal(err)
	}
	i, err := realm.User(user).Initiate(service, sspitest.Options{Delegate: true})
	if err != nil {
		t.Fatal(err)
	}
	c := acceptor.NewContext(sspi.ContextConfig{AcceptDelegation: true})
	if _, err := sspitest.Handshake(i, c); err != nil {
		t.Fatal(err)
	}
	d := c.Delegated()
	if d == nil || len(d.Tickets) != 1 {
		t.Fatalf("delegated: %v", d)
	}
	c.Close() // Delegated stays valid
	return d
}

// captured returns the credentials that MIT's client forwarded in an AD domain.
func captured(t testing.TB) *authenticator.Delegated {
	t.Helper()
	keys, err := keytab.Parse(vectors.ADKeytab(t))
	if err != nil {
		t.Fatal(err)
	}
	x := vectors.ADCaseNamed(t, "alice-deleg")
	acceptor, err := sspi.NewAcceptor(sspi.Config{Keys: keys, Time: func() time.Time { return x.Time }})
	if err != nil {
		t.Fatal(err)
	}
	c := acceptor.NewContext(sspi.ContextConfig{AcceptDelegation: true})
	if _, _, err := c.Accept(t.Context(), x.Token); err != nil {
		t.Fatal(err)
	}
	return c.Delegated()
}

// with returns d with a changed first ticket.
func with(d *authenticator.Delegated, change func(*authenticator.DelegatedTicket)) *authenticator.Delegated {
	d = &authenticator.Delegated{Client: d.Client, Tickets: slices.Clone(d.Tickets)}
	change(&d.Tickets[0])
	return d
}

// silent returns a configuration whose KDC fails the test if it gets a request.
func silent(t testing.TB) *config.Config {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if conn, err := l.Accept(); err == nil {
			conn.Close()
			t.Error("the KDC was asked")
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return configured(t, "  kdc = "+l.Addr().String())
}

func configured(t testing.TB, kdc string) *config.Config {
	t.Helper()
	conf, err := config.NewFromString("[libdefaults]\n default_realm = EXAMPLE.COM\n udp_preference_limit = 1\n dns_lookup_kdc = false\n" +
		"[realms]\n EXAMPLE.COM = {\n" + kdc + "\n }\n")
	if err != nil {
		t.Fatal(err)
	}
	return conf
}

type refusal struct {
	name   string
	change func(*authenticator.DelegatedTicket)
	want   status.Reason
}

// incomplete lists credentials that no exchange returns.
var incomplete = []refusal{
	{"another client's", func(t *authenticator.DelegatedTicket) { t.Client = keytab.MustParsePrincipal("bob@EXAMPLE.COM") }, status.ReasonArgument},
	{"nobody's", func(t *authenticator.DelegatedTicket) { t.Client = keytab.Principal{} }, status.ReasonArgument},
	{"no service", func(t *authenticator.DelegatedTicket) { t.Service = keytab.Principal{} }, status.ReasonArgument},
	{"no ticket", func(t *authenticator.DelegatedTicket) { t.Ticket = authenticator.Secret{} }, status.ReasonArgument},
	{"no key", func(t *authenticator.DelegatedTicket) { t.SessionKey = keytab.Key{} }, status.ReasonArgument},
	{"no end", func(t *authenticator.DelegatedTicket) { t.EndTime = time.Time{} }, status.ReasonArgument},
}

func key(t testing.TB, e keytab.EType) keytab.Key {
	t.Helper()
	b := make([]byte, 32)
	if e == keytab.AES128_CTS_HMAC_SHA1_96 || e == keytab.AES128_CTS_HMAC_SHA256_128 {
		b = b[:16]
	}
	for i := range b {
		b[i] = byte(0xc0 + i)
	}
	k, err := keytab.NewKey(e, b)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

const forwarded = flags.TicketForwardable | flags.TicketForwarded | flags.TicketPreAuthent
