package sspideleg_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspideleg"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// TestClient_HoldsTheTicket checks that the gokrb5 client has the user's name, the ticket
// and its key, for each encryption type, without a request to the KDC.
func TestClient_HoldsTheTicket(t *testing.T) {
	for _, user := range []string{"alice", "alice/admin", `a\/b\@c`} {
		for e := keytab.AES128_CTS_HMAC_SHA1_96; e <= keytab.AES256_CTS_HMAC_SHA384_192; e++ {
			d := with(delegate(t, user), func(k *authenticator.DelegatedTicket) { k.SessionKey = key(t, e) })
			cl, err := sspideleg.Client(d, silent(t))
			if err != nil {
				t.Fatalf("%s, %v: %v", user, e, err)
			}
			if got := cl.Credentials.CName().NameString; !slices.Equal(got, slices.Collect(d.Client.Components())) || cl.Credentials.Domain() != "EXAMPLE.COM" {
				t.Errorf("%s: it is %q of %q", user, got, cl.Credentials.Domain())
			}
			ticket, session, ok := cl.GetCachedTicket("krbtgt/EXAMPLE.COM")
			if !ok || session.KeyType != int32(e) || !d.Tickets[0].SessionKey.Equal(newKey(t, session.KeyType, session.KeyValue)) {
				t.Fatalf("%s, %v: %v, a key of type %d", user, e, ok, session.KeyType)
			}
			if b, err := ticket.Marshal(); err != nil || !bytes.Equal(b, d.Tickets[0].Ticket.Bytes()) {
				t.Errorf("%s, %v: another ticket, %v", user, e, err)
			}
			cl.Destroy()
			if _, _, ok := cl.GetCachedTicket("krbtgt/EXAMPLE.COM"); ok {
				t.Error("Destroy forgets nothing")
			}
		}
	}
}

func newKey(t testing.TB, e int32, b []byte) keytab.Key {
	t.Helper()
	k, err := keytab.NewKey(keytab.EType(e), b)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestClient_SharesNothing checks that a change of the client does not change the
// Delegated, and the reverse.
func TestClient_SharesNothing(t *testing.T) {
	d := delegate(t, "alice")
	whole, secret := d.Tickets[0].Ticket.Bytes(), d.Tickets[0].SessionKey.Bytes()
	cl, err := sspideleg.Client(d, silent(t))
	if err != nil {
		t.Fatal(err)
	}
	d.Tickets[0].Ticket.Wipe()
	ticket, session, _ := cl.GetCachedTicket("krbtgt/EXAMPLE.COM")
	if b, err := ticket.Marshal(); err != nil || !bytes.Equal(b, whole) {
		t.Errorf("the ticket changed with Delegated: %v", err)
	}
	clear(session.KeyValue)
	if !bytes.Equal(d.Tickets[0].SessionKey.Bytes(), secret) {
		t.Error("the key changed with the client")
	}
}

// TestClient_PicksTheTicket checks that Client uses the ticket-granting ticket of the
// user's own realm, at any position.
func TestClient_PicksTheTicket(t *testing.T) {
	d := delegate(t, "alice")
	own := d.Tickets[0]
	service, other := own, own
	service.Service = keytab.MustParsePrincipal("HTTP/x@EXAMPLE.COM")
	other.Service = keytab.MustParsePrincipal("krbtgt/EXAMPLE.ORG@EXAMPLE.COM")
	service.SessionKey, other.SessionKey = key(t, keytab.AES128_CTS_HMAC_SHA1_96), key(t, keytab.AES128_CTS_HMAC_SHA1_96)
	for i := range 3 {
		d.Tickets = slices.Insert([]authenticator.DelegatedTicket{service, other}, i, own)
		cl, err := sspideleg.Client(d, silent(t))
		if err != nil {
			t.Fatal(err)
		}
		if _, session, ok := cl.GetCachedTicket("krbtgt/EXAMPLE.COM"); !ok || session.KeyType != int32(own.SessionKey.EType()) {
			t.Errorf("at %d: %v, a key of type %d", i, ok, session.KeyType)
		}
	}
}

// TestClient_Times checks that a ticket without some of its times works, and that Client
// does not try to renew a ticket that is not renewable.
func TestClient_Times(t *testing.T) {
	d := delegate(t, "alice")
	for _, row := range []struct {
		name   string
		change func(*authenticator.DelegatedTicket)
	}{
		{"only its end", func(k *authenticator.DelegatedTicket) { k.AuthTime, k.StartTime = time.Time{}, time.Time{} }},
		{"no AuthTime", func(k *authenticator.DelegatedTicket) { k.AuthTime = time.Time{} }},
		{"no StartTime", func(k *authenticator.DelegatedTicket) { k.StartTime = time.Time{} }},
		{"renewable", func(k *authenticator.DelegatedTicket) {
			k.Flags |= flags.TicketRenewable
			k.RenewTill = k.EndTime.Add(time.Hour)
		}},
	} {
		cl, err := sspideleg.Client(with(d, row.change), silent(t))
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		if _, _, ok := cl.GetCachedTicket("krbtgt/EXAMPLE.COM"); !ok {
			t.Errorf("%s: no ticket", row.name)
		}
	}
	// gokrb5 would send a ticket with RenewTill whose start is in the future to the KDC.
	early := with(d, func(k *authenticator.DelegatedTicket) {
		k.StartTime = k.EndTime.Add(-time.Minute)
		k.RenewTill = k.EndTime.Add(time.Hour)
	})
	cl, err := sspideleg.Client(early, silent(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, ok := cl.GetCachedTicket("krbtgt/EXAMPLE.COM"); ok {
		t.Error("a ticket that has not begun is given out")
	}
}

// TestClient_Refusals checks the Reason of each refusal, and that no refusal sends a
// request to the KDC.
func TestClient_Refusals(t *testing.T) {
	d := delegate(t, "alice")
	for _, row := range append(incomplete, []refusal{
		{"as it came", func(*authenticator.DelegatedTicket) {}, status.ReasonNone},
		{"a service's ticket", func(k *authenticator.DelegatedTicket) {
			k.Service = keytab.MustParsePrincipal("krbtgt@EXAMPLE.COM")
		}, status.ReasonNoCredentials},
		{"of another realm", func(k *authenticator.DelegatedTicket) {
			k.Service = keytab.MustParsePrincipal("krbtgt/EXAMPLE.COM@EXAMPLE.ORG")
		}, status.ReasonNoCredentials},
		{"for another realm", func(k *authenticator.DelegatedTicket) {
			k.Service = keytab.MustParsePrincipal("krbtgt/EXAMPLE.ORG@EXAMPLE.COM")
		}, status.ReasonNoCredentials},
		{"another ticket", func(k *authenticator.DelegatedTicket) {
			k.Ticket = sspi.NewSecret(bytes.Replace(k.Ticket.Bytes(), []byte("krbtgt"), []byte("krbtgs"), 1))
		}, status.ReasonBadDelegation},
		{"another realm's ticket", func(k *authenticator.DelegatedTicket) {
			k.Ticket = sspi.NewSecret(bytes.Replace(k.Ticket.Bytes(), []byte("EXAMPLE.COM"), []byte("EXAMPLE.ORG"), 1))
		}, status.ReasonBadDelegation},
		{"cut", func(k *authenticator.DelegatedTicket) {
			k.Ticket = sspi.NewSecret(k.Ticket.Bytes()[:k.Ticket.Len()-1])
		}, status.ReasonBadDelegation},
		{"bytes behind", func(k *authenticator.DelegatedTicket) {
			k.Ticket = sspi.NewSecret(append(k.Ticket.Bytes(), 0))
		}, status.ReasonBadDelegation},
		{"expired", func(k *authenticator.DelegatedTicket) { k.EndTime = time.Unix(1_700_000_000, 0) }, status.ReasonTicketExpired},
		{"expired and renewable", func(k *authenticator.DelegatedTicket) {
			k.Flags |= flags.TicketRenewable
			k.EndTime, k.RenewTill = time.Unix(1_700_000_000, 0), k.EndTime
		}, status.ReasonTicketExpired},
	}...) {
		cl, err := sspideleg.Client(with(d, row.change), silent(t))
		if status.ReasonOf(err) != row.want || (cl == nil) != (err != nil) {
			t.Errorf("%s: %v, want %v", row.name, err, row.want)
		}
		if malformed := row.name == "cut" || row.name == "bytes behind"; malformed && !strings.Contains(err.Error(), "the ticket-granting ticket is malformed") {
			t.Errorf("%s: %v", row.name, err)
		}
	}
}

// TestClient_Arguments checks errors of the caller, and calls that look wrong and are
// valid.
func TestClient_Arguments(t *testing.T) {
	d := delegate(t, "alice")
	if _, err := sspideleg.Client(nil, silent(t)); status.ReasonOf(err) != status.ReasonNoCredentials {
		t.Errorf("nil: %v", err)
	}
	for _, empty := range []*authenticator.Delegated{{}, {Client: d.Client}, {Tickets: d.Tickets}} {
		if _, err := sspideleg.Client(empty, silent(t)); status.ReasonOf(err) != status.ReasonArgument {
			t.Errorf("half a Delegated: %v", err)
		}
	}
	if _, err := sspideleg.Client(d, nil); status.ReasonOf(err) != status.ReasonArgument {
		t.Errorf("no configuration: %v", err)
	}
	if _, err := sspideleg.Client(d, configured(t, "")); status.ReasonOf(err) != status.ReasonArgument {
		t.Errorf("no KDC: %v", err)
	}
}

// TestClient_Captured checks that gokrb5 accepts the ticket that MIT's client forwarded in
// an AD domain, except that it has expired.
func TestClient_Captured(t *testing.T) {
	d := captured(t)
	if _, err := sspideleg.Client(d, silent(t)); status.ReasonOf(err) != status.ReasonTicketExpired {
		t.Errorf("as it was: %v", err)
	}
	later := time.Now().Add(time.Hour)
	cl, err := sspideleg.Client(with(d, func(k *authenticator.DelegatedTicket) { k.EndTime = later }), silent(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, ok := cl.GetCachedTicket("krbtgt/AD.EXAMPLE.TEST"); !ok || cl.Credentials.UserName() != "alice" {
		t.Errorf("%v, %s", ok, cl.Credentials.UserName())
	}
}

// TestClient_ExpiredInARealm checks that Client refuses an expired ticket although the
// clock of the acceptor is behind.
func TestClient_ExpiredInARealm(t *testing.T) {
	realm := sspitest.NewRealm("EXAMPLE.COM")
	realm.Advance(-24 * time.Hour)
	if _, err := sspideleg.Client(delegateIn(t, realm, "alice"), silent(t)); status.ReasonOf(err) != status.ReasonTicketExpired {
		t.Errorf("%v, want %v", err, status.ReasonTicketExpired)
	}
}
