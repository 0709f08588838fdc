package testkdc_test

import (
	"strings"
	"testing"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/internal/testkdc"
	"github.com/gosspi/kerberos/keytab"
)

// granting returns a ticket-granting ticket of alice that a test may change before it is sealed.
func (w *world) granting() *krbtest.Ticket {
	t := w.realm.TicketWith(keytab.MustParsePrincipal("alice@"+realmName), keytab.MustParsePrincipal("krbtgt/"+realmName+"@"+realmName), w.realm.TGSKey())
	t.SName = krbtest.TGSName(realmName)
	t.Part.Key = w.realm.NewKey(keytab.AES256_CTS_HMAC_SHA1_96)
	return t
}

// held returns a ticket-granting ticket as its client has it.
func held(t *krbtest.Ticket) tgt {
	return tgt{ticket: t.Bytes(), key: t.Part.Key, client: name(1, t.Part.CName.NameString...), realm: t.Part.CRealm}
}

// refusalOf returns the code and the text of a KRB-ERROR.
func refusalOf(t *testing.T, answer []byte) (code int32, text string) {
	t.Helper()
	var e krb5.KRBError
	if err := e.Parse(answer); err != nil {
		t.Fatalf("no refusal: %x, %v", answer, err)
	}
	return e.Code, string(e.EText)
}

// TestAS_Databases checks refusals that depend on the entries of the database.
func TestAS_Databases(t *testing.T) {
	w := newWorld(t, testkdc.Config{})
	only17 := w.alice[1:2]
	if only17[0].KeyType != 17 {
		t.Fatal("the second key is not of type 17")
	}
	w.client("old", testkdc.Client{Keys: only17, Salt: "salt"})
	w.realm.Service("HTTP/limited")
	w.db.SetService(keytab.MustParsePrincipal("HTTP/limited@"+realmName), testkdc.Service{SessionETypes: []keytab.EType{17}})
	for _, c := range []struct {
		name   string
		want   int32
		text   string
		change func(q *krb5.KDCReq)
	}{
		{"a user as a service", 27, "user-to-user", func(q *krb5.KDCReq) { q.Service = name(1, "alice") }},
		{"no type in common with the service", 14, "the service and the client", func(q *krb5.KDCReq) { q.Service, q.ETypes = name(2, "HTTP", "limited"), etypes(18) }},
		{"no key of the client", 14, "the client has no key", func(q *krb5.KDCReq) { q.Client, q.ETypes = name(1, "old"), etypes(18) }},
		{"a timestamp of another type", 24, "the encrypted timestamp is wrong", func(q *krb5.KDCReq) { q.Client = name(1, "old") }},
	} {
		q := w.stamped(w.asReq(), w.alice[0], w.realm.Now())
		c.change(q)
		if got, text := refusalOf(t, w.kdc.Answer(q.Append(nil), loopback)); got != c.want || !strings.Contains(text, c.text) {
			t.Errorf("%s: %d %q, want %d %q", c.name, got, text, c.want, c.text)
		}
	}
	q := w.tgsReq("HTTP", "limited")
	if got := w.fetch(t, q, w.login(t, w.asReq())); got.key.KeyType != 17 {
		t.Errorf("the session key has the type %d, which the service does not support", got.key.KeyType)
	}
}

// TestTGS_Inside checks refusals of tickets and authenticators that only a KDC or the client
// itself can make.
func TestTGS_Inside(t *testing.T) {
	w := newWorld(t, testkdc.Config{})
	now := w.realm.Now()
	with := func(change func(*krbtest.Ticket)) tgt {
		g := w.granting()
		change(g)
		return held(g)
	}
	good := with(func(*krbtest.Ticket) {})
	extra := func(n int) []byte {
		list := make(types.AuthorizationData, n)
		for i := range list {
			list[i] = types.AuthorizationDataEntry{ADType: 999, ADData: []byte{1}}
		}
		b, err := asn1.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	renewal := func(q *krb5.KDCReq) { q.Options, q.Service = krb5.KDCRenew, name(2, "krbtgt", realmName) }
	for _, c := range []struct {
		name   string
		want   int32
		text   string
		with   tgt
		change func(q *krb5.KDCReq)
		extra  []byte
		o      tgsOptions
	}{
		{name: "ticket that is no EncTicketPart", want: 31, text: "cannot be decrypted", with: with(func(g *krbtest.Ticket) { g.Plaintext = []byte{1} })},
		{name: "ticket of no principal", want: 31, text: "names no principal", with: with(func(g *krbtest.Ticket) { g.Part.CName.NameString = []string{"a\xff"} })},
		{name: "service of another realm", want: 7, with: good, change: func(q *krb5.KDCReq) { q.Realm, q.Service = []byte("OTHER.ORG"), name(2, "krbtgt", realmName) }},
		{name: "false type of the authenticator", want: 31, with: good, o: tgsOptions{ap: func(ap *krb5.APReq) { ap.Authenticator.EType = 17 }}},
		{name: "start in ten minutes", want: 33, with: with(func(g *krbtest.Ticket) {
			g.Part.StartTime = now.AddDate(0, 0, 1)
			g.Part.EndTime = now.AddDate(0, 0, 2)
		})},
		{name: "renewal after its time", want: 32, text: "no longer be renewed", change: renewal, with: with(func(g *krbtest.Ticket) {
			g.Part.Flags = krbtest.TicketFlags(flags.TicketRenewable)
			g.Part.RenewTill = now.AddDate(0, 0, -1)
		})},
		{name: "malformed authorization data", want: 60, text: "is malformed", with: good, extra: []byte{0x30, 1}},
		{name: "33 elements of authorization data", want: 60, text: "more than 32", with: good, extra: extra(33)},
	} {
		q := w.tgsReq("HTTP", "www.example.com")
		if c.change != nil {
			c.change(q)
		}
		w.addExtra(q, &inside{extra: c.extra}, c.with.key, types.EncryptionKey{})
		if got, text := refusalOf(t, w.kdc.Answer(w.sealed(t, q, c.with, c.o), loopback)); got != c.want || !strings.Contains(text, c.text) {
			t.Errorf("%s: %d %q, want %d %q", c.name, got, text, c.want, c.text)
		}
	}
	q := w.tgsReq("HTTP", "www.example.com")
	w.addExtra(q, &inside{extra: extra(32)}, good.key, types.EncryptionKey{})
	w.fetch(t, q, good)
}

// TestUserToUser_Second checks refusals of the additional ticket.
func TestUserToUser_Second(t *testing.T) {
	w := newWorld(t, testkdc.Config{})
	with := func(change func(*krbtest.Ticket)) []byte {
		g := w.granting()
		change(g)
		return g.Bytes()
	}
	for _, c := range []struct {
		name   string
		want   int32
		second []byte
	}{
		{"damaged", 31, with(func(g *krbtest.Ticket) { g.Usage++ })},
		{"malformed", 31, with(func(g *krbtest.Ticket) { g.Plaintext = []byte{1} })},
		{"expired", 32, with(func(g *krbtest.Ticket) { g.Part.EndTime = w.realm.Now().AddDate(0, 0, -1) })},
		{"a key of RC4, which the KDC does not permit", 14, with(func(g *krbtest.Ticket) { g.Part.Key = w.realm.NewKey(keytab.RC4_HMAC) })},
		{"a short key", 14, with(func(g *krbtest.Ticket) { g.Part.Key.KeyValue = g.Part.Key.KeyValue[:16] })},
	} {
		q := w.tgsReq("alice")
		q.Options, q.Tickets = krb5.KDCEncTktInSkey, c.second
		if got, text := refusalOf(t, w.kdc.Answer(w.sealed(t, q, held(w.granting()), tgsOptions{}), loopback)); got != c.want {
			t.Errorf("%s: %d %q, want %d", c.name, got, text, c.want)
		}
	}
}

// TestService_Attributes checks the flag OK-AS-DELEGATE, and the name-type of a client that typed
// an enterprise name.
func TestService_Attributes(t *testing.T) {
	w := newWorld(t, testkdc.Config{})
	q := w.asReq()
	q.Client, q.Options = name(10, "alice@example.com"), krb5.KDCCanonicalize
	have := w.login(t, q)
	if p := part(t, have.ticket, w.tgsKeys()); p.Client.Type != 1 {
		t.Errorf("the ticket has the name-type %d", p.Client.Type)
	}
	const okAsDelegate = flags.Ticket(1 << (31 - 13))
	for _, trusted := range []bool{false, true} {
		w.db.SetService(keytab.MustParsePrincipal(www+"@"+realmName), testkdc.Service{OKAsDelegate: trusted})
		if p := part(t, w.fetch(t, w.tgsReq("HTTP", "www.example.com"), have).ticket, w.realm.Keys(www)); p.Flags&okAsDelegate != 0 != trusted {
			t.Errorf("%v: flags %v", trusted, p.Flags)
		}
	}
}
