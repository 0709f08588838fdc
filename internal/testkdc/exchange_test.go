package testkdc_test

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/internal/testkdc"
	"github.com/gosspi/kerberos/keytab"
)

const (
	initial   flags.Ticket = 1 << (31 - 9)
	proxiable flags.Ticket = 1 << (31 - 3)
	proxy     flags.Ticket = 1 << (31 - 4)
)

func (w *world) tgsKeys() []krbtest.ServiceKey { return []krbtest.ServiceKey{w.realm.TGSKey()} }

// TestAS_Ticket checks the flags, times and names of an initial ticket.
func TestAS_Ticket(t *testing.T) {
	w := newWorld(t, testkdc.Config{})
	q := w.asReq()
	q.RenewTill = at(w.realm.Now().Add(48 * time.Hour))
	p := part(t, w.login(t, q).ticket, w.tgsKeys())
	if want := initial | flags.TicketPreAuthent | flags.TicketForwardable | proxiable | flags.TicketRenewable; p.Flags != want {
		t.Errorf("flags %v, want %v", p.Flags, want)
	}
	now := w.realm.Now().Unix()
	if p.EndTime.Unix != now+36000 || p.RenewTill.Unix != now+2*86400 || p.AuthTime.Unix != now || p.StartTime.Unix != now {
		t.Errorf("times %+v", p)
	}
	if string(p.ClientRealm) != realmName || !p.Client.Equal(name(1, "alice")) {
		t.Errorf("client %s %s", p.Client.Components, p.ClientRealm)
	}
	short := w.asReq()
	short.Options, short.Till = 0, at(w.realm.Now().Add(time.Minute))
	if p := part(t, w.login(t, short).ticket, w.tgsKeys()); p.EndTime.Unix != now+60 || p.Flags != initial|flags.TicketPreAuthent || p.RenewTill.Set {
		t.Errorf("a ticket of a minute: %+v", p)
	}
	forever := w.asReq()
	forever.Options, forever.Till = krb5.KDCRenewableOK, at(time.Unix(0, 0))
	if p := part(t, w.login(t, forever).ticket, w.tgsKeys()); p.EndTime.Unix != now+36000 || p.RenewTill.Unix != now+7*86400 {
		t.Errorf("renewable-ok: %+v", p)
	}
}

// TestAS_Salts checks the salts and the types that an unauthenticated client gets.
func TestAS_Salts(t *testing.T) {
	w := newWorld(t, testkdc.Config{RC4: true, Life: time.Hour, RenewableLife: time.Hour})
	q := w.asReq()
	q.ETypes = etypes(19, 23, 16, 18)
	var e krb5.KRBError
	if err := e.Parse(w.kdc.Answer(q.Append(nil), loopback)); err != nil || e.Code != 25 {
		t.Fatal(e.Code, err)
	}
	var methods types.MethodData
	if _, err := asn1.Unmarshal(e.EData, &methods); err != nil {
		t.Fatal(err)
	}
	var info types.ETypeInfo2
	for _, m := range methods {
		if m.PADataType == krb5.PAETypeInfo2 {
			if err := info.Unmarshal(m.PADataValue); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := types.ETypeInfo2{{EType: 19, Salt: "salt"}, {EType: 23}, {EType: 18, Salt: "salt"}}
	if len(info) != len(want) {
		t.Fatalf("%v, want %v", info, want)
	}
	for i := range want {
		if info[i].EType != want[i].EType || info[i].Salt != want[i].Salt {
			t.Errorf("%v, want %v", info[i], want[i])
		}
	}
}

// TestTGS_Ticket checks the tickets of a TGS exchange: for a service, forwarded, a proxy, and
// renewed.
func TestTGS_Ticket(t *testing.T) {
	w := newWorld(t, testkdc.Config{})
	q := w.asReq()
	q.RenewTill = at(w.realm.Now().Add(48 * time.Hour))
	have := w.login(t, q)
	const preAuth = flags.TicketPreAuthent | flags.TicketTransitedPolicyChecked
	now := w.realm.Now().Unix()
	address := krb5Address(127, 0, 0, 1)

	p := part(t, w.fetch(t, w.tgsReq("HTTP", "www.example.com"), have).ticket, w.realm.Keys(www))
	if p.Flags != preAuth || p.EndTime.Unix != now+36000 || p.RenewTill.Set || p.Addresses != nil {
		t.Errorf("for a service: %+v", p)
	}
	forward := w.tgsReq("krbtgt", realmName)
	forward.Options, forward.Addresses = krb5.KDCForwarded|krb5.KDCForwardable, address
	forwarded := w.fetch(t, forward, have)
	if p := part(t, forwarded.ticket, w.tgsKeys()); p.Flags != preAuth|flags.TicketForwarded|flags.TicketForwardable || !bytes.Equal(p.Addresses, address) {
		t.Errorf("forwarded: %+v", p)
	}
	withProxy := w.tgsReq("HTTP", "www.example.com")
	withProxy.Options = krb5.KDCProxy
	if p := part(t, w.fetch(t, withProxy, have).ticket, w.realm.Keys(www)); p.Flags != preAuth|proxy {
		t.Errorf("proxy: %+v", p)
	}
	elsewhere := w.sealed(t, w.tgsReq("HTTP", "www.example.com"), forwarded, tgsOptions{})
	if got := code(w.kdc.Answer(elsewhere, netip.MustParseAddr("127.0.0.2"))); got != 38 {
		t.Errorf("from another address: %d, want 38", got)
	}
	if got := code(w.kdc.Answer(elsewhere, netip.MustParseAddr("::ffff:127.0.0.1"))); got != -1 {
		t.Errorf("from the address: %d", got)
	}

	w.ahead.Store(int64(9 * time.Hour))
	renew := w.tgsReq("krbtgt", realmName)
	renew.Options = krb5.KDCRenew
	if p := part(t, w.fetch(t, renew, have).ticket, w.tgsKeys()); p.EndTime.Unix != now+(9+10)*3600 || p.RenewTill.Unix != now+2*86400 || p.AuthTime.Unix != now ||
		p.Flags&(flags.TicketRenewable|flags.TicketForwardable) != flags.TicketRenewable|flags.TicketForwardable {
		t.Errorf("renewed: %+v", p)
	}
}

func krb5Address(ip ...byte) []byte {
	b, err := asn1.Marshal(types.HostAddresses{{AddrType: 2, Address: ip}})
	if err != nil {
		panic(err)
	}
	return b
}

// TestTGS_Subkey checks that the client's subkey seals the answer, of each encryption type.
func TestTGS_Subkey(t *testing.T) {
	w := newWorld(t, testkdc.Config{})
	have := w.login(t, w.asReq())
	for _, e := range []keytab.EType{17, 18, 19, 20} {
		key := w.realm.NewKey(e)
		q := w.tgsReq("HTTP", "www.example.com")
		q.ETypes = etypes(int32(e))
		answer := w.kdc.Answer(w.sealed(t, q, have, tgsOptions{subkey: key}), loopback)
		got := opened(t, answer, q.Nonce, key, keyusage.TGS_REP_ENCPART_AUTHENTICATOR_SUB_KEY)
		if p := part(t, got.ticket, w.realm.Keys(www)); p.Key.EType != int32(e) {
			t.Errorf("etype %d: session key %d", e, p.Key.EType)
		}
	}
}

// TestTGS_AuthorizationData checks that the KDC adds the client's authorization data, without
// elements that only KDCs issue, at any depth.
func TestTGS_AuthorizationData(t *testing.T) {
	w := newWorld(t, testkdc.Config{})
	plain := w.asReq()
	plain.PAData = krb5.AppendPAData(nil, krb5.PAPACRequest, (&krb5.PACRequest{}).Append(nil))
	have := w.login(t, plain) // without a PAC
	entry := func(e int32) types.AuthorizationDataEntry {
		return types.AuthorizationDataEntry{ADType: e, ADData: []byte("data")}
	}
	restrictions := krbtest.IfRelevant(entry(141))
	list := types.AuthorizationData{
		entry(999), entry(128), entry(4), entry(512), krbtest.IfRelevant(entry(128)), krbtest.IfRelevant(entry(141), entry(128)),
		krbtest.IfRelevant(krbtest.IfRelevant(entry(128))), restrictions,
		{ADType: 1, ADData: []byte("garbage")},
	}
	b, err := asn1.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	q := w.tgsReq("HTTP", "www.example.com")
	q.HasAuthorizationData, q.AuthorizationData = true, krb5.EncryptedData{
		EType: have.key.KeyType, Cipher: krbtest.Encrypt(w.realm, have.key, keyusage.TGS_REQ_KDC_REQ_BODY_AUTHDATA_SESSION_KEY, b),
	}
	got := part(t, w.fetch(t, q, have).ticket, w.realm.Keys(www))
	want, err := asn1.Marshal(types.AuthorizationData{entry(999), restrictions})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.AuthorizationData, want) {
		t.Errorf("%x, want %x", got.AuthorizationData, want)
	}
	if b, err = asn1.Marshal(types.AuthorizationData{entry(krb5.ADMandatoryForKDC)}); err != nil {
		t.Fatal(err)
	}
	q.AuthorizationData.Cipher = krbtest.Encrypt(w.realm, have.key, keyusage.TGS_REQ_KDC_REQ_BODY_AUTHDATA_SESSION_KEY, b)
	if got := code(w.kdc.Answer(w.sealed(t, q, have, tgsOptions{}), loopback)); got != 12 {
		t.Errorf("mandatory for the KDC: %d, want 12", got)
	}
}

// TestNonce_AsSent checks that an answer repeats the nonce in the form of the request: a client
// with signed numbers, such as that of Samba, cannot read its nonce as an unsigned number.
func TestNonce_AsSent(t *testing.T) {
	w := newWorld(t, testkdc.Config{})
	have := w.login(t, w.asReq())
	for _, c := range []struct {
		signed bool
		nonce  uint32
		want   []byte
	}{
		{false, 0xfedcba98, []byte{0xa2, 7, 2, 5, 0, 0xfe, 0xdc, 0xba, 0x98}},
		{true, 0xfedcba98, []byte{0xa2, 6, 2, 4, 0xfe, 0xdc, 0xba, 0x98}},
		{true, 0x7edcba98, []byte{0xa2, 6, 2, 4, 0x7e, 0xdc, 0xba, 0x98}},
	} {
		as, tgs := w.asReq(), w.tgsReq("HTTP", "www.example.com")
		for i, q := range []*krb5.KDCReq{as, tgs} {
			q.Nonce, q.SignedNonce = c.nonce, c.signed
			request, key, usage := w.stamped(as, w.alice[0], w.realm.Now()).Append(nil), w.alice[0].EncryptionKey, uint32(keyusage.AS_REP_ENCPART)
			if i == 1 {
				request, key, usage = w.sealed(t, tgs, have, tgsOptions{}), have.key, keyusage.TGS_REP_ENCPART_SESSION_KEY
			}
			sealed := replyCipher(t, w.kdc.Answer(request, loopback))
			content, err := krbtest.Decrypt(key, usage, sealed)
			if err != nil || !bytes.Contains(content, c.want) {
				t.Errorf("%+v: %x, %v", c, content, err)
			}
		}
	}
}

// replyCipher returns the ciphertext for the client in a reply.
func replyCipher(t *testing.T, answer []byte) []byte {
	t.Helper()
	var m messages.ASRep
	var n messages.TGSRep
	if m.Unmarshal(answer) == nil {
		return m.EncPart.Cipher
	}
	if err := n.Unmarshal(answer); err != nil {
		t.Fatalf("%d: %v", code(answer), err)
	}
	return n.EncPart.Cipher
}

// TestPAC_AsConfigured checks which tickets have a PAC.
func TestPAC_AsConfigured(t *testing.T) {
	w := newWorld(t, testkdc.Config{})
	w.client("nopac", testkdc.Client{Keys: w.alice, Salt: "salt"})
	for _, c := range []struct {
		client  string
		decline bool
		want    bool
	}{{"alice", false, true}, {"alice", true, false}, {"nopac", false, false}} {
		q := w.asReq()
		q.Client = name(1, c.client)
		if c.decline {
			q.PAData = krb5.AppendPAData(nil, krb5.PAPACRequest, (&krb5.PACRequest{}).Append(nil))
		}
		have := w.login(t, q)
		got := w.fetch(t, w.tgsReq("HTTP", "www.example.com"), have)
		for what, p := range map[string]krb5.EncTicketPart{"TGT": part(t, have.ticket, w.tgsKeys()), "ticket": part(t, got.ticket, w.realm.Keys(www))} {
			if has := p.AuthorizationData != nil; has != c.want {
				t.Errorf("%+v: the %s has a PAC: %v", c, what, has)
			}
		}
	}
}

// TestUserToUser gets a ticket that is sealed in the session key of another user.
func TestUserToUser(t *testing.T) {
	w := newWorld(t, testkdc.Config{})
	have := w.login(t, w.asReq())
	server := w.asReq()
	server.Client = name(2, "HTTP", "www.example.com")
	key := w.realm.Keys(www)[0]
	other := opened(t, w.kdc.Answer(w.stamped(server, key, w.realm.Now()).Append(nil), loopback), server.Nonce, key.EncryptionKey, keyusage.AS_REP_ENCPART)
	q := w.tgsReq("HTTP", "www.example.com")
	q.Options, q.Tickets = krb5.KDCEncTktInSkey, other.ticket
	got := w.fetch(t, q, have)
	p := part(t, got.ticket, []krbtest.ServiceKey{{EncryptionKey: other.key}})
	if !p.Client.Equal(name(1, "alice")) {
		t.Errorf("the ticket is for %s", p.Client.Components)
	}
	// A user is a service for user-to-user only.
	if got := code(w.kdc.Answer(w.sealed(t, w.tgsReq("alice"), have, tgsOptions{}), loopback)); got != 27 {
		t.Errorf("an ordinary ticket for a user: %d, want 27", got)
	}
	q = w.tgsReq("alice")
	q.Options, q.Tickets = krb5.KDCEncTktInSkey, have.ticket
	part(t, w.fetch(t, q, have).ticket, []krbtest.ServiceKey{{EncryptionKey: have.key}})
}

// TestEnterprise logs in with names that the KDC canonicalizes, and with that of a user of a
// trusted realm.
func TestEnterprise(t *testing.T) {
	w, other := newWorld(t, testkdc.Config{}), krbtest.NewRealm("OTHER.ORG")
	w.db.Trust(testkdc.NewDatabase(other))
	w.client("bob", testkdc.Client{Keys: w.alice, UPN: "robert@mail.example"})
	for _, c := range []struct {
		name    string
		options krb5.KDCOptions
		want    int32
		client  string
	}{
		{"alice", krb5.KDCCanonicalize, -1, "alice"},
		{"alice@example.com", krb5.KDCCanonicalize, -1, "alice"},
		{"ROBERT@mail.example", krb5.KDCCanonicalize, -1, "bob"},
		{"alice@EXAMPLE.COM", 0, 6, ""},
		{"carol@EXAMPLE.COM", krb5.KDCCanonicalize, 6, ""},
		{"dave@other.org", krb5.KDCCanonicalize, 68, "OTHER.ORG"},
		{"@", krb5.KDCCanonicalize, 6, ""},
		{"alice@nowhere", krb5.KDCCanonicalize, 6, ""},
	} {
		q := w.asReq()
		q.Client, q.Options = name(10, c.name), c.options
		answer := w.kdc.Answer(w.stamped(q, w.alice[0], w.realm.Now()).Append(nil), loopback)
		var e krb5.KRBError
		switch got := code(answer); {
		case got != c.want:
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		case got == 68:
			if err := e.Parse(answer); err != nil || string(e.ClientRealm) != c.client {
				t.Errorf("%s: referred to %q, want %q", c.name, e.ClientRealm, c.client)
			}
		case got == -1:
			have := opened(t, answer, q.Nonce, w.alice[0].EncryptionKey, keyusage.AS_REP_ENCPART)
			if !have.client.Equal(name(1, c.client)) {
				t.Errorf("%s logged in as %s", c.name, have.client.Components)
			}
		}
	}
}

// TestTrust follows a referral to another realm and gets a ticket there.
func TestTrust(t *testing.T) {
	w := newWorld(t, testkdc.Config{})
	other := krbtest.NewRealm("OTHER.ORG")
	other.Service("HTTP/www.other.org")
	db := testkdc.NewDatabase(other)
	w.db.Trust(db)
	db.Trust(w.db) // nothing new
	have := w.login(t, w.asReq())
	q := w.tgsReq("HTTP", "www.other.org")
	if got := code(w.kdc.Answer(w.sealed(t, q, have, tgsOptions{}), loopback)); got != 7 {
		t.Errorf("without canonicalize: %d, want 7", got)
	}
	q = w.tgsReq("HTTP", "www.other.org")
	q.Options = krb5.KDCCanonicalize
	referral := w.fetch(t, q, have)
	if got := referral.part.SName.NameString; len(got) != 2 || got[0] != "krbtgt" || got[1] != "OTHER.ORG" {
		t.Fatalf("the referral is a ticket for %v", got)
	}
	there := &world{realm: other, db: db, kdc: testkdc.New(db, testkdc.Config{Life: time.Hour, RenewableLife: time.Hour})}
	q = there.tgsReq("HTTP", "www.other.org")
	q.Realm = []byte("OTHER.ORG")
	p := part(t, there.fetch(t, q, referral).ticket, other.Keys("HTTP/www.other.org"))
	if string(p.ClientRealm) != realmName || !p.Client.Equal(name(1, "alice")) || p.AuthorizationData == nil {
		t.Errorf("the ticket of the other realm: %+v", p)
	}
	q = w.tgsReq("HTTP", "www.example.com")
	if got := code(w.kdc.Answer(w.sealed(t, q, referral, tgsOptions{}), loopback)); got != 35 {
		t.Errorf("a ticket for the other realm at home: %d, want 35", got)
	}

	// A realm vouches for its own clients only: a client of the other realm goes home, where its
	// ticket of this realm is refused.
	login, err := there.kdc.Login(keytab.MustParsePrincipal("dave@OTHER.ORG"))
	if err != nil {
		t.Fatal(err)
	}
	dave := tgt{
		ticket: login.Ticket.Bytes(), client: name(1, "dave"), realm: "OTHER.ORG",
		key: types.EncryptionKey{KeyType: int32(login.SessionKey.EType()), KeyValue: login.SessionKey.Bytes()},
	}
	q = there.tgsReq("krbtgt", realmName)
	q.Realm = []byte("OTHER.ORG")
	here := there.fetch(t, q, dave)
	if got := code(w.kdc.Answer(w.sealed(t, w.tgsReq("HTTP", "www.example.com"), here, tgsOptions{}), loopback)); got != -1 {
		t.Errorf("a client of the other realm: %d", got)
	}
	back := w.fetch(t, w.tgsReq("krbtgt", "OTHER.ORG"), here)
	q = there.tgsReq("HTTP", "www.other.org")
	q.Realm = []byte("OTHER.ORG")
	if got := code(there.kdc.Answer(there.sealed(t, q, back, tgsOptions{}), loopback)); got != 12 {
		t.Errorf("its client with a ticket of this realm: %d, want 12", got)
	}
}
