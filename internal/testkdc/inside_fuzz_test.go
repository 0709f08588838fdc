package testkdc_test

import (
	"bytes"
	"strings"
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

// inside are the decrypted parts of a TGS-REQ. Times are in seconds after the clock.
type inside struct {
	flags, options               uint32 // of the ticket-granting ticket, of the request
	start, end, renewTill        int64  // of the ticket-granting ticket; 0: absent
	till, ctime                  int64  // of the request, of the authenticator
	client, named, service       string // of the ticket-granting ticket, the authenticator, and the request
	etypes, extra, address       []byte // of the request; extra is authorization data
	session, subkeyType, sumType int32
	subkey                       []byte
	kind                         byte
}

// Bits of kind.
const (
	withSecond  = 1 << iota // an additional ticket, the ticket-granting ticket itself
	withPAC                 // in the ticket-granting ticket
	withAddress             // in the ticket-granting ticket
	extraInSubkey
)

// FuzzTGSInside changes the decrypted parts of a TGS-REQ and encrypts them again, with a good
// checksum: a change of the ciphertexts would end at the first decryption. If the KDC issues a
// ticket, the ticket grants no more than the ticket-granting ticket did.
func FuzzTGSInside(f *testing.F) {
	w := newWorld(f, testkdc.Config{})
	for _, in := range insides(f) {
		f.Add(in.flags, in.options, in.start, in.end, in.renewTill, in.till, in.ctime, in.client, in.named, in.service,
			in.etypes, in.extra, in.address, in.session, in.subkeyType, in.sumType, in.subkey, in.kind)
	}
	f.Fuzz(func(t *testing.T, ticketFlags, options uint32, start, end, renewTill, till, ctime int64, client, named, service string,
		etypes, extra, address []byte, session, subkeyType, sumType int32, subkey []byte, kind byte,
	) {
		w.tryInside(t, &inside{
			ticketFlags, options, start, end, renewTill, till, ctime, client, named, service,
			etypes, extra, address, session, subkeyType, sumType, subkey, kind,
		})
	})
}

// TestTGS_Insides checks that the KDC issues tickets for the parts with which FuzzTGSInside
// begins.
func TestTGS_Insides(t *testing.T) {
	w := newWorld(t, testkdc.Config{})
	for i, in := range insides(t) {
		if got := w.tryInside(t, &in); got != -1 {
			t.Errorf("request %d: %d", i, got)
		}
	}
}

// insides returns the parts of good requests of each kind.
func insides(t testing.TB) []inside {
	extra, err := asn1.Marshal(types.AuthorizationData{{ADType: 999, ADData: []byte("data")}, krbtest.IfRelevant(types.AuthorizationDataEntry{ADType: 141, ADData: []byte("data")})})
	if err != nil {
		t.Fatal(err)
	}
	const all = flags.TicketForwardable | proxiable | flags.TicketRenewable | initial | flags.TicketPreAuthent
	good := inside{
		flags: uint32(all), start: -60, end: 36000, renewTill: 200_000, till: 7200, client: "alice", named: "alice", service: www,
		etypes: etypes(18, 17, 23), session: 18, kind: withPAC,
	}
	with := func(change func(*inside)) inside {
		in := good
		change(&in)
		return in
	}
	return []inside{
		good,
		with(func(in *inside) { in.extra, in.kind = extra, 0 }),
		with(func(in *inside) {
			in.subkeyType, in.subkey, in.extra, in.kind = 17, make([]byte, 16), extra, extraInSubkey
		}),
		with(func(in *inside) { in.options, in.service = uint32(krb5.KDCRenew), "krbtgt/"+realmName }),
		with(func(in *inside) {
			in.options, in.service, in.address = uint32(krb5.KDCForwarded|krb5.KDCForwardable), "krbtgt/"+realmName, []byte{127, 0, 0, 1}
		}),
		with(func(in *inside) {
			in.options, in.address, in.kind = uint32(krb5.KDCProxy|krb5.KDCProxiable|krb5.KDCRenewable), []byte{127, 0, 0, 1}, withAddress
		}),
		with(func(in *inside) {
			in.options, in.service, in.kind = uint32(krb5.KDCEncTktInSkey), "alice", withSecond|withPAC
		}),
		with(func(in *inside) { in.session, in.start = 23, 0 }),
	}
}

// tryInside sends the request with these parts, checks the ticket that the KDC issues, and
// returns the code of the answer. It returns 0 for parts that the encoder of the test does not
// have.
func (w *world) tryInside(t *testing.T, in *inside) int32 {
	t.Helper()
	w.restart()
	now := w.realm.Now()
	after := func(seconds int64) (time.Time, bool) {
		at := time.Unix(now.Unix()+seconds, 0).UTC()
		return at, seconds > -now.Unix() && seconds < 1<<40 && at.Year() <= 9999
	}
	start, ok1 := after(in.start)
	end, ok2 := after(in.end)
	renewTill, ok3 := after(in.renewTill)
	till, ok4 := after(in.till)
	ctime, ok5 := after(in.ctime)
	n := krbtest.KeyLen(keytab.EType(in.session))
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || n == 0 || !printable(in.client+in.named+in.service) {
		return 0
	}
	tgt := w.granting()
	tgt.Part.Key = w.realm.NewKey(keytab.EType(in.session))
	tgt.Part.CName.NameString = strings.Split(in.client, "/")
	tgt.Part.Flags = krbtest.TicketFlags(flags.Ticket(in.flags))
	tgt.Part.StartTime, tgt.Part.RenewTill = time.Time{}, time.Time{}
	tgt.Part.AuthTime, tgt.Part.EndTime = start, end
	if in.start != 0 {
		tgt.Part.StartTime = start
	}
	if in.renewTill != 0 {
		tgt.Part.RenewTill = renewTill
	}
	if in.kind&withAddress != 0 {
		tgt.Part.CAddr = types.HostAddresses{{AddrType: 2, Address: in.address}}
	}
	if in.kind&withPAC != 0 {
		tgt.PAC = new(krbtest.PAC)
	}
	q := &krb5.KDCReq{
		MsgType: krb5.MsgTGSReq, Options: krb5.KDCOptions(in.options), Realm: []byte(realmName), Service: name(2, strings.Split(in.service, "/")...),
		Till: at(till), RenewTill: at(renewTill), Nonce: 5, ETypes: in.etypes,
	}
	if len(in.address) > 0 {
		q.Addresses = krb5Address(in.address...)
	}
	if in.kind&withSecond != 0 {
		q.Tickets = tgt.Bytes()
	}
	subkey := types.EncryptionKey{KeyType: in.subkeyType, KeyValue: in.subkey}
	w.addExtra(q, in, tgt.Part.Key, subkey)
	o := tgsOptions{subkey: subkey, authenticator: func(a *krb5.Authenticator) {
		a.Ctime, a.Client = ctime.Unix(), name(1, strings.Split(in.named, "/")...)
		a.Checksum.Type += in.sumType
	}}
	if len(in.subkey) == 0 {
		o.subkey = types.EncryptionKey{}
	}
	message := w.sealed(t, q, held(tgt), o)
	answer := w.kdc.Answer(message, loopback)
	got := code(answer)
	if got == -1 {
		have := part(t, tgt.Bytes(), w.tgsKeys())
		w.checkGranted(t, answer, message, &have)
		if in.client != in.named || in.ctime < -300 || in.ctime > 300 || in.sumType != 0 {
			t.Errorf("a ticket for a wrong authenticator: %+v", in)
		}
	}
	return got
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// addExtra adds the client's authorization data.
func (w *world) addExtra(q *krb5.KDCReq, in *inside, session, subkey types.EncryptionKey) {
	key, usage := session, uint32(keyusage.TGS_REQ_KDC_REQ_BODY_AUTHDATA_SESSION_KEY)
	if n := krbtest.KeyLen(keytab.EType(subkey.KeyType)); in.kind&extraInSubkey != 0 && n != 0 && n == len(subkey.KeyValue) {
		key, usage = subkey, keyusage.TGS_REQ_KDC_REQ_BODY_AUTHDATA_SUB_KEY
	}
	if len(in.extra) > 0 {
		q.HasAuthorizationData, q.AuthorizationData = true, krb5.EncryptedData{EType: key.KeyType, Cipher: krbtest.Encrypt(w.realm, key, usage, in.extra)}
	}
}

// checkGranted compares the ticket that the KDC issued with the ticket-granting ticket.
func (w *world) checkGranted(t *testing.T, answer, message []byte, have *krb5.EncTicketPart) {
	t.Helper()
	var q krb5.KDCReq
	var reply messages.TGSRep
	if err := q.Parse(message); err != nil {
		t.Fatal(err)
	}
	if err := reply.Unmarshal(answer); err != nil {
		t.Fatal(err)
	}
	raw, err := reply.Ticket.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	keys := w.realm.Keys(www)
	switch {
	case q.Options&krb5.KDCEncTktInSkey != 0:
		keys = w.ownerKeys(t, &q)
	case reply.Ticket.SName.NameString[0] == "krbtgt":
		keys = w.tgsKeys()
	}
	got := part(t, raw, keys)
	now := w.realm.Now().Unix()
	start, limit := have.StartTime, have.EndTime.Unix
	if !start.Set {
		start = have.AuthTime
	}
	if q.Options&krb5.KDCRenew != 0 {
		limit = have.RenewTill.Unix
	}
	more := got.Flags &^ have.Flags
	for what, wrong := range map[string]bool{
		"client":          !got.Client.Equal(have.Client) || !bytes.Equal(got.ClientRealm, have.ClientRealm),
		"expired":         have.EndTime.Unix < now || start.Unix > now+300 || have.Flags&flags.TicketInvalid != 0,
		"end":             got.EndTime.Unix > limit || got.EndTime.Unix <= now || got.EndTime.Unix > now+int64(testkdc.DefaultLife.Seconds()) && q.Options&krb5.KDCRenew == 0,
		"renewable":       got.RenewTill.Unix > have.RenewTill.Unix,
		"time of login":   got.AuthTime != have.AuthTime,
		"flags":           more&(flags.TicketForwardable|proxiable|flags.TicketRenewable|initial|flags.TicketPreAuthent|flags.TicketInvalid) != 0,
		"forwarded":       more&flags.TicketForwarded != 0 && have.Flags&flags.TicketForwardable == 0,
		"addresses":       have.Addresses != nil && got.Addresses == nil && q.Options&(krb5.KDCForwarded|krb5.KDCProxy) == 0 && len(have.Addresses) > 2,
		"data of the KDC": !w.fromKDC(got.AuthorizationData, have.AuthorizationData),
	} {
		if wrong {
			t.Errorf("%s: for %+v the KDC issued %+v", what, have, got)
		}
	}
}

// ownerKeys returns the session key of the additional ticket.
func (w *world) ownerKeys(t *testing.T, q *krb5.KDCReq) []krbtest.ServiceKey {
	for second := range q.EachTicket() {
		b, err := krbtest.Decrypt(w.realm.TGSKey().EncryptionKey, keyusage.KDC_REP_TICKET, second.EncPart.Cipher)
		var p krb5.EncTicketPart
		if err == nil {
			err = p.Parse(b)
		}
		if err != nil {
			t.Fatal(err)
		}
		return []krbtest.ServiceKey{{EncryptionKey: types.EncryptionKey{KeyType: p.Key.EType, KeyValue: p.Key.Value}}}
	}
	t.Fatal("a user-to-user ticket without an additional ticket")
	return nil
}

// fromKDC reports whether the elements that only KDCs issue are one PAC, or none if the
// ticket-granting ticket has none.
func (w *world) fromKDC(got, have []byte) bool {
	pacs := func(seq []byte) (n int) {
		list, err := krb5.WalkAuthorizationData(seq)
		if err != nil {
			return -1
		}
		for e, _, ok := list.Next(); ok; e, _, ok = list.Next() {
			switch e.Type {
			case krb5.ADWin2kPAC:
				n++
			case 4, 512:
				n += 100
			}
		}
		return n
	}
	n := pacs(got)
	return n == 0 || n == 1 && pacs(have) > 0
}
