package testkdc_test

import (
	"bytes"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/internal/testkdc"
	"github.com/gosspi/kerberos/keytab"
)

const (
	realmName = "EXAMPLE.COM"
	www       = "HTTP/www.example.com"
)

var loopback = netip.MustParseAddr("127.0.0.1")

// world is a realm with the client alice and a service, and its KDC.
type world struct {
	realm *krbtest.Realm
	db    *testkdc.Database
	kdc   *testkdc.KDC
	ahead atomic.Int64 // of the realm's clock
	alice []krbtest.ServiceKey
}

func newWorld(t testing.TB, cfg testkdc.Config) *world {
	t.Helper()
	w := &world{realm: krbtest.NewRealm(realmName)}
	w.realm.Clock = func() time.Time { return krbtest.Epoch.Add(time.Duration(w.ahead.Load())) }
	w.realm.ETypes = append(w.realm.ETypes, keytab.RC4_HMAC)
	w.realm.Service(www)
	w.db = testkdc.NewDatabase(w.realm)
	w.alice = w.realm.NewKeys(1)
	w.client("alice", testkdc.Client{Keys: w.alice, Salt: "salt", PAC: new(krbtest.PAC)})
	if cfg.Life == 0 {
		cfg.Life, cfg.RenewableLife = testkdc.DefaultLife, testkdc.DefaultRenewableLife
	}
	w.kdc = testkdc.New(w.db, cfg)
	return w
}

func (w *world) client(name string, c testkdc.Client) {
	w.db.SetClient(keytab.MustParsePrincipal(name+"@"+realmName), c)
}

func name(nameType int32, parts ...string) krb5.Name {
	n := krb5.Name{Type: nameType}
	for _, p := range parts {
		n.Components = krb5.AppendComponent(n.Components, p)
	}
	return n
}

func etypes(list ...int32) (b []byte) {
	for _, e := range list {
		b = krb5.AppendInteger(b, e)
	}
	return b
}

func at(t time.Time) krb5.Time { return krb5.Time{Unix: t.Unix(), Set: true} }

// asReq returns the AS-REQ of a client without pre-authentication.
func (w *world) asReq() *krb5.KDCReq {
	return &krb5.KDCReq{
		MsgType: krb5.MsgASReq, Client: name(1, "alice"), Realm: []byte(realmName), Service: name(2, "krbtgt", realmName),
		Options: krb5.KDCForwardable | krb5.KDCRenewable | krb5.KDCProxiable,
		Till:    at(w.realm.Now().Add(24 * time.Hour)), Nonce: 0x7abcdef1, ETypes: etypes(18, 17, 20, 19),
	}
}

// stamped adds an encrypted timestamp.
func (w *world) stamped(q *krb5.KDCReq, key krbtest.ServiceKey, when time.Time) *krb5.KDCReq {
	ts := krb5.EncTimestamp{Unix: when.Unix(), Usec: 5, HasUsec: true}
	sealed := krb5.EncryptedData{EType: key.KeyType, Cipher: krbtest.Encrypt(w.realm, key.EncryptionKey, keyusage.AS_REQ_PA_ENC_TIMESTAMP, ts.Append(nil))}
	q.PAData = krb5.AppendPAData(q.PAData, krb5.PAEncTimestamp, sealed.Append(nil))
	return q
}

// tgt is a ticket-granting ticket as its client has it.
type tgt struct {
	ticket []byte
	key    types.EncryptionKey
	part   messages.EncKDCRepPart
	client krb5.Name
	realm  string
}

// login runs an AS exchange with gokrb5's parser of answers.
func (w *world) login(t testing.TB, q *krb5.KDCReq) tgt {
	t.Helper()
	answer := w.kdc.Answer(w.stamped(q, w.alice[0], w.realm.Now()).Append(nil), loopback)
	for e := range q.EachEType() { // the first type of which the client has a key
		i := slices.IndexFunc(w.alice, func(k krbtest.ServiceKey) bool { return k.KeyType == e })
		return opened(t, answer, q.Nonce, w.alice[i].EncryptionKey, keyusage.AS_REP_ENCPART)
	}
	panic("the request has no encryption types")
}

func opened(t testing.TB, answer []byte, nonce uint32, key types.EncryptionKey, usage uint32) tgt {
	t.Helper()
	var m messages.ASRep
	var n messages.TGSRep
	fields := &m.KDCRepFields
	err := m.Unmarshal(answer)
	if err != nil && n.Unmarshal(answer) == nil {
		fields, err = &n.KDCRepFields, nil
	}
	if err != nil {
		t.Fatalf("no reply but %v: %v", code(answer), err)
	}
	b, err := krbtest.Decrypt(key, usage, fields.EncPart.Cipher)
	if err != nil {
		t.Fatal(err)
	}
	var part messages.EncKDCRepPart
	if err := part.Unmarshal(b); err != nil {
		t.Fatal(err)
	}
	if uint32(part.Nonce) != nonce {
		t.Errorf("the nonce is %#x, want %#x", part.Nonce, nonce)
	}
	ticket, err := fields.Ticket.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return tgt{ticket, part.Key, part, name(1, fields.CName.NameString...), fields.CRealm}
}

// code returns the error code of a KRB-ERROR, 0 for silence, and -1 for another answer.
func code(answer []byte) int32 {
	var e krb5.KRBError
	switch {
	case answer == nil:
		return 0
	case e.Parse(answer) != nil:
		return -1
	}
	return e.Code
}

// tgsOptions change a TGS-REQ before it is sealed.
type tgsOptions struct {
	authenticator func(*krb5.Authenticator)
	ap            func(*krb5.APReq)
	subkey        types.EncryptionKey
	noSum         bool
	after         func(*krb5.KDCReq) // after the checksum
}

func (w *world) tgsReq(parts ...string) *krb5.KDCReq {
	return &krb5.KDCReq{
		MsgType: krb5.MsgTGSReq, Realm: []byte(realmName), Service: name(2, parts...),
		Till: at(w.realm.Now().Add(24 * time.Hour)), Nonce: 0x11223344, ETypes: etypes(18, 17, 20, 19),
	}
}

// sealed adds the AP-REQ with a ticket-granting ticket.
func (w *world) sealed(t testing.TB, q *krb5.KDCReq, with tgt, o tgsOptions) []byte {
	t.Helper()
	sum := krbtest.Checksum(with.key, keyusage.TGS_REQ_PA_TGS_REQ_AP_REQ_AUTHENTICATOR_CHKSUM, q.AppendBody(nil))
	now := w.realm.Now()
	a := krb5.Authenticator{
		ClientRealm: []byte(with.realm), Client: with.client, HasChecksum: !o.noSum,
		Checksum: krb5.Checksum{Type: sum.CksumType, Sum: sum.Checksum},
		Ctime:    now.Unix(), Cusec: int32(now.Nanosecond() / 1000),
		Subkey: krb5.EncryptionKey{EType: o.subkey.KeyType, Value: o.subkey.KeyValue},
	}
	if o.authenticator != nil {
		o.authenticator(&a)
	}
	var ap krb5.APReq
	if err := ap.Ticket.Parse(with.ticket); err != nil {
		t.Fatal(err)
	}
	ap.Authenticator = krb5.EncryptedData{
		EType:  with.key.KeyType,
		Cipher: krbtest.Encrypt(w.realm, with.key, keyusage.TGS_REQ_PA_TGS_REQ_AP_REQ_AUTHENTICATOR, authenticatorBytes(&a)),
	}
	if o.ap != nil {
		o.ap(&ap)
	}
	q.PAData = krb5.AppendPAData(nil, krb5.PATGSReq, ap.Append(nil))
	if o.after != nil {
		o.after(q)
	}
	return q.Append(nil)
}

// authenticatorBytes encodes an Authenticator with gokrb5, since package krb5 only parses it.
func authenticatorBytes(a *krb5.Authenticator) []byte {
	m := types.Authenticator{
		AVNO: 5, CRealm: string(a.ClientRealm), CTime: time.Unix(a.Ctime, 0).UTC(), Cusec: int(a.Cusec),
		CName:  types.PrincipalName{NameType: a.Client.Type, NameString: parts(a.Client)},
		Cksum:  types.Checksum{CksumType: a.Checksum.Type, Checksum: a.Checksum.Sum},
		SubKey: types.EncryptionKey{KeyType: a.Subkey.EType, KeyValue: a.Subkey.Value},
	}
	if !a.HasChecksum {
		m.Cksum = types.Checksum{}
	}
	b, err := m.Marshal()
	if err != nil {
		panic(err)
	}
	return b
}

func parts(n krb5.Name) (all []string) {
	for c := range n.All() {
		all = append(all, string(c))
	}
	return all
}

// fetch runs a TGS exchange.
func (w *world) fetch(t testing.TB, q *krb5.KDCReq, with tgt) tgt {
	t.Helper()
	return opened(t, w.kdc.Answer(w.sealed(t, q, with, tgsOptions{}), loopback), q.Nonce, with.key, keyusage.TGS_REP_ENCPART_SESSION_KEY)
}

// part decrypts a ticket with a key of its service.
func part(t testing.TB, ticket []byte, keys []krbtest.ServiceKey) krb5.EncTicketPart {
	t.Helper()
	var m krb5.Ticket
	if err := m.Parse(ticket); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(keys, func(k krbtest.ServiceKey) bool { return k.KeyType == m.EncPart.EType })
	if i < 0 {
		t.Fatalf("the ticket has the encryption type %d", m.EncPart.EType)
	}
	b, err := krbtest.Decrypt(keys[i].EncryptionKey, keyusage.KDC_REP_TICKET, m.EncPart.Cipher)
	if err != nil {
		t.Fatal(err)
	}
	var p krb5.EncTicketPart
	if err := p.Parse(bytes.Clone(b)); err != nil {
		t.Fatal(err)
	}
	return p
}
