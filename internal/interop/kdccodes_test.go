package interop

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
)

// asker sends requests to a KDC that are wrong in one way.
type asker struct {
	port    int
	user    string
	service string
	key     types.EncryptionKey // of the user
	random  *krbtest.Realm

	ticket  []byte // the ticket-granting ticket of the user
	session types.EncryptionKey
}

// newAsker logs the user in. The ticket-granting ticket ends after life, and is requested by a
// client whose clock is late by an offset.
func newAsker(t *testing.T, port int, user, service string, life, late time.Duration) *asker {
	t.Helper()
	a := &asker{port: port, user: user, service: service, random: krbtest.NewRealm("R")}
	a.key = krbtest.PasswordKey(keytab.MustParsePrincipal(user+"@"+realmName), password, keytab.AES256_CTS_HMAC_SHA1_96)
	var m messages.ASRep
	if err := m.Unmarshal(a.send(t, a.asReq(func(q *krb5.KDCReq) { q.Till = in(life) }, a.key, late))); err != nil {
		t.Fatal(err)
	}
	b, err := krbtest.Decrypt(a.key, keyusage.AS_REP_ENCPART, m.EncPart.Cipher)
	if err != nil {
		t.Fatal(err)
	}
	var part messages.EncKDCRepPart
	if err := part.Unmarshal(b); err != nil {
		t.Fatal(err)
	}
	a.session = part.Key
	if a.ticket, err = m.Ticket.Marshal(); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *asker) send(t *testing.T, request []byte) []byte {
	t.Helper()
	c, err := net.Dial("tcp", address(a.port))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(request))), request...)); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(c)
	if err != nil || len(b) < 4 {
		return nil
	}
	return b[4:]
}

// code returns the code of the KRB-ERROR that answers a request, 0 for silence, -1 for a ticket.
func (a *asker) code(t *testing.T, request []byte) int32 {
	t.Helper()
	answer := a.send(t, request)
	var e krb5.KRBError
	switch {
	case answer == nil:
		return 0
	case e.Parse(answer) != nil:
		return -1
	}
	return e.Code
}

func krb5Name(nameType int32, parts ...string) krb5.Name {
	n := krb5.Name{Type: nameType}
	for _, p := range parts {
		n.Components = krb5.AppendComponent(n.Components, p)
	}
	return n
}

func in(d time.Duration) krb5.Time { return krb5.Time{Unix: time.Now().Add(d).Unix(), Set: true} }

// asReq returns an AS-REQ with a timestamp that is late by an offset and sealed in key, unless
// key is zero.
func (a *asker) asReq(change func(*krb5.KDCReq), key types.EncryptionKey, late time.Duration) []byte {
	q := &krb5.KDCReq{
		MsgType: krb5.MsgASReq, Client: krb5Name(1, a.user), Realm: []byte(realmName), Service: krb5Name(2, "krbtgt", realmName),
		Till: in(time.Hour), Nonce: 7, ETypes: krb5.AppendInteger(nil, 18),
	}
	if key.KeyValue != nil {
		ts := krb5.EncTimestamp{Unix: time.Now().Add(-late).Unix()}
		sealed := krb5.EncryptedData{EType: 18, Cipher: krbtest.Encrypt(a.random, key, keyusage.AS_REQ_PA_ENC_TIMESTAMP, ts.Append(nil))}
		q.PAData = krb5.AppendPAData(nil, krb5.PAEncTimestamp, sealed.Append(nil))
	}
	change(q)
	return q.Append(nil)
}

// tgsReq returns a TGS-REQ. before changes the parts that the authenticator protects, and after
// changes the sealed request.
func (a *asker) tgsReq(t *testing.T, before func(*krb5.KDCReq, *types.Authenticator), after func(*krb5.KDCReq, *krb5.APReq)) []byte {
	t.Helper()
	q := &krb5.KDCReq{
		MsgType: krb5.MsgTGSReq, Realm: []byte(realmName), Service: krb5Name(2, a.service, "localhost"),
		Till: in(time.Hour), Nonce: 8, ETypes: krb5.AppendInteger(nil, 18),
	}
	auth := types.Authenticator{
		AVNO: 5, CRealm: realmName, CName: types.PrincipalName{NameType: 1, NameString: []string{a.user}},
		CTime: time.Now().UTC().Truncate(time.Second), Cusec: int(time.Now().UnixMicro() % 1e6),
	}
	before(q, &auth)
	auth.Cksum = krbtest.Checksum(a.session, keyusage.TGS_REQ_PA_TGS_REQ_AP_REQ_AUTHENTICATOR_CHKSUM, q.AppendBody(nil))
	b, err := auth.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var ap krb5.APReq
	if err := ap.Ticket.Parse(a.ticket); err != nil {
		t.Fatal(err)
	}
	ap.Authenticator = krb5.EncryptedData{EType: 18, Cipher: krbtest.Encrypt(a.random, a.session, keyusage.TGS_REQ_PA_TGS_REQ_AP_REQ_AUTHENTICATOR, b)}
	after(q, &ap)
	q.PAData = append(krb5.AppendPAData(nil, krb5.PATGSReq, ap.Append(nil)), q.PAData...)
	return q.Append(nil)
}

// requests returns the requests by the name of their error.
func (a *asker) requests(t *testing.T) map[string][]byte {
	none, zero := func(*krb5.KDCReq) {}, types.EncryptionKey{}
	wrong := a.random.NewKey(18)
	as := func(change func(*krb5.KDCReq)) []byte { return a.asReq(change, a.key, 0) }
	tgs := func(change func(*krb5.KDCReq, *types.Authenticator)) []byte {
		return a.tgsReq(t, change, func(*krb5.KDCReq, *krb5.APReq) {})
	}
	sealed := func(change func(*krb5.KDCReq, *krb5.APReq)) []byte {
		return a.tgsReq(t, func(*krb5.KDCReq, *types.Authenticator) {}, change)
	}
	flip := func(b []byte) []byte { b = bytes.Clone(b); b[len(b)/2] ^= 1; return b }
	return map[string][]byte{
		"AS: good":             as(none),
		"AS: no timestamp":     a.asReq(none, zero, 0),
		"AS: wrong password":   a.asReq(none, wrong, 0),
		"AS: clock behind":     a.asReq(none, a.key, 10*time.Minute),
		"AS: clock ahead":      a.asReq(none, a.key, -10*time.Minute),
		"AS: unknown client":   as(func(q *krb5.KDCReq) { q.Client = krb5Name(1, "nobody") }),
		"AS: no client":        as(func(q *krb5.KDCReq) { q.Client = krb5.Name{} }),
		"AS: unknown service":  as(func(q *krb5.KDCReq) { q.Service = krb5Name(2, "HTTP", "nowhere") }),
		"AS: no service":       as(func(q *krb5.KDCReq) { q.Service = krb5.Name{} }),
		"AS: encryption types": as(func(q *krb5.KDCReq) { q.ETypes = krb5.AppendInteger(nil, 1) }),
		"AS: renewal":          as(func(q *krb5.KDCReq) { q.Options = krb5.KDCRenew }),
		"AS: forwarded":        as(func(q *krb5.KDCReq) { q.Options = krb5.KDCForwarded }),
		"AS: expired":          as(func(q *krb5.KDCReq) { q.Till = in(-time.Hour) }),
		"AS: garbage":          []byte("garbage"),

		"TGS: good":             tgs(func(*krb5.KDCReq, *types.Authenticator) {}),
		"TGS: unknown service":  tgs(func(q *krb5.KDCReq, _ *types.Authenticator) { q.Service = krb5Name(2, "HTTP", "nowhere") }),
		"TGS: encryption types": tgs(func(q *krb5.KDCReq, _ *types.Authenticator) { q.ETypes = krb5.AppendInteger(nil, 1) }),
		"TGS: not forwardable":  tgs(func(q *krb5.KDCReq, _ *types.Authenticator) { q.Options = krb5.KDCForwarded }),
		"TGS: not proxiable":    tgs(func(q *krb5.KDCReq, _ *types.Authenticator) { q.Options = krb5.KDCProxy }),
		"TGS: not renewable": tgs(func(q *krb5.KDCReq, _ *types.Authenticator) {
			q.Options, q.Service = krb5.KDCRenew, krb5Name(2, "krbtgt", realmName)
		}),
		"TGS: postdated":             tgs(func(q *krb5.KDCReq, _ *types.Authenticator) { q.Options, q.From = krb5.KDCPostdated, in(time.Minute) }),
		"TGS: validation":            tgs(func(q *krb5.KDCReq, _ *types.Authenticator) { q.Options = krb5.KDCValidate }),
		"TGS: expired":               tgs(func(q *krb5.KDCReq, _ *types.Authenticator) { q.Till = in(-time.Hour) }),
		"TGS: clock behind":          tgs(func(_ *krb5.KDCReq, a *types.Authenticator) { a.CTime = a.CTime.Add(-10 * time.Minute) }),
		"TGS: another client":        tgs(func(_ *krb5.KDCReq, a *types.Authenticator) { a.CName.NameString = []string{"bob"} }),
		"TGS: no AP-REQ":             a.asTGS(),
		"TGS: damaged ticket":        sealed(func(_ *krb5.KDCReq, ap *krb5.APReq) { ap.Ticket.EncPart.Cipher = flip(ap.Ticket.EncPart.Cipher) }),
		"TGS: damaged authenticator": sealed(func(_ *krb5.KDCReq, ap *krb5.APReq) { ap.Authenticator.Cipher = flip(ap.Authenticator.Cipher) }),
		"TGS: changed request":       sealed(func(q *krb5.KDCReq, _ *krb5.APReq) { q.Nonce++ }),
		"TGS: key version":           sealed(func(_ *krb5.KDCReq, ap *krb5.APReq) { ap.Ticket.EncPart.Kvno = 99 }),
		"TGS: ticket for a service":  sealed(func(_ *krb5.KDCReq, ap *krb5.APReq) { ap.Ticket.Service = krb5Name(2, a.service, "localhost") }),
	}
}

// asTGS returns a TGS-REQ without an AP-REQ.
func (a *asker) asTGS() []byte {
	return a.asReq(func(q *krb5.KDCReq) { q.MsgType, q.PAData, q.Client = krb5.MsgTGSReq, nil, krb5.Name{} }, a.key, 0)
}

// codesDiffer are the requests that MIT's KDC 1.20 answers differently, with the reason.
var codesDiffer = map[string]string{
	"AS: expired":               "MIT's KDC issues a ticket that has expired, and not KDC_ERR_NEVER_VALID",
	"TGS: expired":              "as above",
	"AS: no service":            "MIT's KDC does not answer",
	"TGS: key version":          "MIT's KDC answers with KRB_ERR_GENERIC, and not with KRB_AP_ERR_BADKEYVER",
	"TGS: ticket for a service": "MIT's KDC tries to decrypt the ticket with the service's key before it answers with KRB_AP_ERR_NOT_US",
}

// TestInteropKDC_Codes sends the same wrong requests to MIT's KDC and to that of package
// sspitest: the codes are the same.
func TestInteropKDC_Codes(t *testing.T) {
	onlyMIT(t, "compares both")
	r := theRealm(t)
	t.Parallel()
	svc := r.service(t, unique("codes"), 18, 18)
	var late atomic.Int64 // of the clock of the KDC of sspitest
	local, err := startOurKDC(false, func() time.Time { return time.Now().Add(-time.Duration(late.Load())) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { local.server.Close() })
	who := unique("asker")
	r.admins(t, "addprinc", "-pw", password, "+requires_preauth", who)
	for _, args := range [][]string{{"addprinc", "-pw", password, who}, {"addprinc", "-randkey", svc.principal()}} {
		if err := local.kadmin(args...); err != nil {
			t.Fatal(err)
		}
	}
	first, second := newAsker(t, r.port(t), who, svc.name, time.Hour, 0), newAsker(t, local.port(), who, svc.name, time.Hour, 0)
	theirs, mine := first.requests(t), second.requests(t)
	for name := range theirs {
		want, got := first.code(t, theirs[name]), second.code(t, mine[name])
		t.Logf("%-30s MIT %d, sspitest %d", name, want, got)
		if (want != got) != (codesDiffer[name] != "") {
			t.Errorf("%s: MIT's KDC answers with %d, that of sspitest with %d; known difference: %q", name, want, got, codesDiffer[name])
		}
	}
	checkRepeats(t, first, second, theirs, mine)
	// A ticket-granting ticket that ended an hour ago. MIT's KDC issues one on request.
	const expired = 32
	old := newAsker(t, r.port(t), who, svc.name, -time.Hour, 0)
	late.Store(int64(2 * time.Hour))
	behind := newAsker(t, local.port(), who, svc.name, -time.Hour, 2*time.Hour)
	late.Store(0)
	for _, a := range []*asker{old, behind} {
		request := a.tgsReq(t, func(*krb5.KDCReq, *types.Authenticator) {}, func(*krb5.KDCReq, *krb5.APReq) {})
		if got := a.code(t, request); got != expired {
			t.Errorf("an expired ticket-granting ticket at port %d: %d, want %d", a.port, got, expired)
		}
	}
}

// checkRepeats sends requests again. The same message gets the same answer, also a refusal.
// MIT's KDC has no cache of authenticators, and answers another message with the same
// authenticator; RFC 4120, Section 3.3.3 refuses it.
func checkRepeats(t *testing.T, first, second *asker, theirs, mine map[string][]byte) {
	t.Helper()
	const refused = "TGS: unknown service"
	if want, got := first.code(t, theirs[refused]), second.code(t, mine[refused]); want != 7 || got != 7 {
		t.Errorf("%s again: MIT's KDC answers with %d, that of sspitest with %d", refused, want, got)
	}
	for _, c := range []struct {
		asker   *asker
		request []byte
		want    int32
	}{{first, theirs["TGS: good"], -1}, {second, mine["TGS: good"], 34}} {
		var q krb5.KDCReq
		if err := q.Parse(c.request); err != nil {
			t.Fatal(err)
		}
		q.PAData = krb5.AppendPAData(bytes.Clone(q.PAData), 200, nil)
		if again, replay := c.asker.code(t, c.request), c.asker.code(t, q.Append(nil)); again != -1 || replay != c.want {
			t.Errorf("the message again: %d; the authenticator again: %d, want %d", again, replay, c.want)
		}
	}
}
