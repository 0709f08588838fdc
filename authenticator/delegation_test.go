package authenticator_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket"
)

// outcome is a result for forwarded credentials that the acceptor requests.
type outcome string

const (
	delivers      outcome = "delivered"
	withholds     outcome = "withheld" // Check accepts the client without the credentials
	refusesClient outcome = "refused"
)

// delegates checks that the credentials in q have the outcome want. If Check does not
// return them, it must not grant the flag, and its error must name the cause.
func (d *desk) delegates(what string, q *krbtest.APReq, want outcome) {
	d.Helper()
	if want == refusesClient {
		d.refuses(what, q, status.ReasonBadDelegation)
		return
	}
	v, err := d.claim(q.Bytes())
	if err != nil {
		d.Errorf("%s: %v, want them %s", what, err, want)
		return
	}
	delivered := v.Delegated() != nil
	if delivered != (want == delivers) || (v.Flags()&flags.GSS_C_DELEG_FLAG != 0) != delivered {
		d.Errorf("%s: credentials %v, flags %v; want the credentials %s", what, v.Delegated(), v.Flags(), want)
	}
	why := v.DelegationError()
	if delivered && why != nil || !delivered && status.ReasonOf(why) != status.ReasonBadDelegation {
		d.Errorf("%s: DelegationError is %v", what, why)
	}
}

// unencrypted sends the credentials as Heimdal does, with encryption type 0.
func unencrypted(_ *krbtest.APReq, c *krbtest.Cred) { c.Key = types.EncryptionKey{} }

// forwards returns a request with credentials that change has changed.
func forwards(d *desk, change func(q *krbtest.APReq, c *krbtest.Cred)) *krbtest.APReq {
	q := d.request()
	c := q.Forward()
	change(q, c)
	q.Flags |= flags.GSS_C_DELEG_FLAG
	q.Cred = c.Bytes()
	return q
}

func unchanged(*krbtest.APReq, *krbtest.Cred) {}

func newDelegating(t testing.TB) *desk {
	d := newDesk(t)
	d.params.Delegate = true
	return d
}

// TestDELEG_1_OnlyOnDemand checks that Check ignores credentials that the acceptor does not
// request, and does not grant the flag.
func TestDELEG_1_OnlyOnDemand(t *testing.T) {
	junk := func(d *desk) *krbtest.APReq {
		return d.request(func(q *krbtest.APReq) {
			q.Flags |= flags.GSS_C_DELEG_FLAG
			q.Cred = []byte("no KRB-CRED")
		})
	}
	d := newDesk(t)
	for name, q := range map[string]*krbtest.APReq{"good": forwards(d, unchanged), "junk": junk(d)} {
		v := d.verified(name, q)
		if v.Delegated() != nil || v.Flags() != krbtest.DefaultFlags {
			t.Errorf("%s: %v, flags %v", name, v.Delegated(), v.Flags())
		}
	}
	d = newDelegating(t)
	if v := d.verified("none sent", d.request()); v.Delegated() != nil || v.Flags() != krbtest.DefaultFlags {
		t.Errorf("none sent: %v, flags %v", v.Delegated(), v.Flags())
	}
	v := d.verified("no checksum", d.request(func(q *krbtest.APReq) { q.NoChecksum = true }))
	if v.Delegated() != nil || v.Flags()&flags.GSS_C_DELEG_FLAG != 0 {
		t.Errorf("no checksum: %v, flags %v", v.Delegated(), v.Flags())
	}
}

// TestDELEG_1_Read checks that Check returns all credentials that the client forwarded.
func TestDELEG_1_Read(t *testing.T) {
	d := newDelegating(t)
	var sent *krbtest.Cred
	v := d.verified("good", forwards(d, func(_ *krbtest.APReq, c *krbtest.Cred) { sent = c }))
	got := v.Delegated()
	if got == nil || len(got.Tickets) != 1 || v.Flags()&flags.GSS_C_DELEG_FLAG == 0 {
		t.Fatalf("%v, flags %v", got, v.Flags())
	}
	info, k := sent.Part.Info[0], got.Tickets[0]
	if got.Client.String() != "alice@EXAMPLE.COM" || k.Client != got.Client || k.Service.String() != "krbtgt/EXAMPLE.COM@EXAMPLE.COM" {
		t.Errorf("%v: %v for %v", got.Client, k.Client, k.Service)
	}
	if !bytes.Equal(k.Ticket.Bytes(), sent.Tickets[0]) || !bytes.Equal(k.SessionKey.Bytes(), info.Key.KeyValue) ||
		k.Flags != flags.TicketForwardable|flags.TicketForwarded|flags.TicketPreAuthent {
		t.Errorf("flags %v, ticket %x", k.Flags, k.Ticket.Bytes())
	}
	if !k.AuthTime.Equal(info.AuthTime) || !k.StartTime.Equal(info.StartTime) || !k.EndTime.Equal(info.EndTime) || !k.RenewTill.IsZero() {
		t.Errorf("times %v %v %v %v", k.AuthTime, k.StartTime, k.EndTime, k.RenewTill)
	}
	secret := fmt.Sprintf("%x", info.Key.KeyValue)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		text := fmt.Sprintf(verb, got) + fmt.Sprintf(verb, k.SessionKey)
		if strings.Contains(text, secret) || strings.Contains(text, string(info.Key.KeyValue)) || strings.Contains(text, fmt.Sprint(info.Key.KeyValue)) ||
			strings.Contains(text, fmt.Sprintf("%x", k.Ticket.Bytes()[:16])) {
			t.Errorf("%s prints %s", verb, text)
		}
	}
}

// TestDELEG_2_Descriptions checks that Check refuses a KRB-CRED whose numbers of
// descriptions and tickets differ. It withholds credentials of another client, without a
// name or an end, or with a key that policy does not permit, and accepts the client without
// them.
func TestDELEG_2_Descriptions(t *testing.T) {
	type change = func(q *krbtest.APReq, c *krbtest.Cred)
	info := func(change func(*krbtest.CredInfo)) change {
		return func(_ *krbtest.APReq, c *krbtest.Cred) { change(&c.Part.Info[0]) }
	}
	const good, withheld, bad = delivers, withholds, refusesClient
	copies := func(tickets, infos int) change {
		return func(_ *krbtest.APReq, c *krbtest.Cred) {
			k, i := c.Tickets[0], c.Part.Info[0]
			c.Tickets, c.Part.Info = nil, nil
			for range tickets {
				c.Tickets = append(c.Tickets, k)
			}
			for range infos {
				c.Part.Info = append(c.Part.Info, i)
			}
		}
	}
	for _, row := range []struct {
		name   string
		change change
		want   outcome
	}{
		{"one", copies(1, 1), good},
		{"two", copies(2, 2), good},
		{"eight", copies(8, 8), good},
		{"nine", copies(9, 9), bad},
		{"none", copies(0, 0), bad},
		{"a ticket without description", copies(2, 1), bad},
		{"a description without ticket", copies(1, 2), bad},
		{"no ticket", copies(0, 1), bad},
		{"no description", copies(1, 0), bad},
		{"no client", info(func(i *krbtest.CredInfo) { i.PName = types.PrincipalName{} }), withheld},
		{"no client's realm", info(func(i *krbtest.CredInfo) { i.PRealm = "" }), withheld},
		{"no service", info(func(i *krbtest.CredInfo) { i.SName = types.PrincipalName{} }), withheld},
		{"no service's realm", info(func(i *krbtest.CredInfo) { i.SRealm = "" }), withheld},
		{"no end", info(func(i *krbtest.CredInfo) { i.EndTime = time.Time{} }), withheld},
		{"no start", info(func(i *krbtest.CredInfo) { i.StartTime = time.Time{} }), good},
		{"another client", info(func(i *krbtest.CredInfo) { i.PName.NameString = []string{"bob"} }), withheld},
		{"another case", info(func(i *krbtest.CredInfo) { i.PName.NameString = []string{"Alice"} }), withheld},
		{"a client of another realm", info(func(i *krbtest.CredInfo) { i.PRealm = "EXAMPLE.ORG" }), withheld},
		{"a client of another name-type", info(func(i *krbtest.CredInfo) { i.PName.NameType = 10 }), good},
		{"a client that is no UTF-8", info(func(i *krbtest.CredInfo) { i.PName.NameString = []string{"alice\xff"} }), withheld},
		{"a service that is no UTF-8", info(func(i *krbtest.CredInfo) { i.SName.NameString = []string{"\xff"} }), withheld},
		{"a service of another realm", info(func(i *krbtest.CredInfo) { i.SRealm = "EXAMPLE.ORG" }), good},
		{"a key of RC4", info(func(i *krbtest.CredInfo) { i.Key = types.EncryptionKey{KeyType: 23, KeyValue: make([]byte, 16)} }), withheld},
		{"a short key", info(func(i *krbtest.CredInfo) { i.Key.KeyValue = i.Key.KeyValue[1:] }), bad},
		{"the second is another's", func(q *krbtest.APReq, c *krbtest.Cred) {
			copies(2, 2)(q, c)
			c.Part.Info[1].PName = types.PrincipalName{NameType: 1, NameString: []string{"bob"}}
		}, withheld},
		{"the first is another's", func(q *krbtest.APReq, c *krbtest.Cred) {
			copies(2, 2)(q, c)
			c.Part.Info[0].PName = types.PrincipalName{NameType: 1, NameString: []string{"bob"}}
		}, withheld},
		{"the second has a key of RC4", func(q *krbtest.APReq, c *krbtest.Cred) {
			copies(2, 2)(q, c)
			c.Part.Info[1].Key = types.EncryptionKey{KeyType: 23, KeyValue: make([]byte, 16)}
		}, withheld},
		{"the first is another's, the second has a short key", func(q *krbtest.APReq, c *krbtest.Cred) {
			copies(2, 2)(q, c)
			c.Part.Info[0].PName = types.PrincipalName{NameType: 1, NameString: []string{"bob"}}
			c.Part.Info[1].Key.KeyValue = c.Part.Info[1].Key.KeyValue[1:]
		}, bad},
		{"a client with a slash in its component", info(func(i *krbtest.CredInfo) { i.PName.NameString = []string{"alice/EXAMPLE.COM"} }), withheld},
		{"a client in two components", info(func(i *krbtest.CredInfo) { i.PName.NameString = []string{"alice", "x"} }), withheld},
		{"a realm of another case", info(func(i *krbtest.CredInfo) { i.PRealm = "example.com" }), withheld},
		{"a key of an unknown type", info(func(i *krbtest.CredInfo) { i.Key.KeyType = 26 }), withheld},
		{"an end in 1970", info(func(i *krbtest.CredInfo) { i.EndTime = time.Unix(0, 0).UTC() }), withheld},
	} {
		for name, seal := range map[string]change{"sealed": unchanged, "unencrypted": unencrypted} {
			d := newDelegating(t)
			d.delegates(row.name+", "+name, forwards(d, func(q *krbtest.APReq, c *krbtest.Cred) {
				row.change(q, c)
				seal(q, c)
			}), row.want)
		}
	}
	d := newDelegating(t)
	d.params.ETypes = []keytab.EType{18, 23}
	d.delegates("a key of RC4, which is permitted", forwards(d, info(func(i *krbtest.CredInfo) { i.Key = types.EncryptionKey{KeyType: 23, KeyValue: make([]byte, 16)} })), good)
}

// TestDELEG_2_Timestamp checks that Check withholds credentials whose time stamp is not
// recent.
func TestDELEG_2_Timestamp(t *testing.T) {
	for _, row := range []struct {
		ahead time.Duration
		want  outcome
	}{
		{0, delivers},
		{skew - time.Second, delivers},
		{-skew + time.Second, delivers},
		{skew + time.Second, withholds},
		{-skew - 2*time.Second, withholds},
		{24 * time.Hour, withholds},
		{-24 * time.Hour, withholds},
	} {
		d := newDelegating(t)
		d.delegates(row.ahead.String(), forwards(d, func(_ *krbtest.APReq, c *krbtest.Cred) {
			c.Part.Timestamp = c.Part.Timestamp.Add(row.ahead)
		}), row.want)
	}
	d := newDelegating(t)
	d.delegates("none", forwards(d, func(_ *krbtest.APReq, c *krbtest.Cred) { c.Part.Timestamp, c.Part.Usec = time.Time{}, 0 }), delivers)
}

// TestDELEG_3_Keys checks that the subkey or the session key decrypts the credentials, with
// key usage 14, and that they may be unencrypted inside the authenticator (RFC 6448).
func TestDELEG_3_Keys(t *testing.T) {
	other := func(e keytab.EType) func(*desk, *krbtest.APReq) types.EncryptionKey {
		return func(d *desk, _ *krbtest.APReq) types.EncryptionKey { return d.realm.NewKey(e) }
	}
	session := func(_ *desk, q *krbtest.APReq) types.EncryptionKey { return q.Key }
	subkey := func(_ *desk, q *krbtest.APReq) types.EncryptionKey { return q.Authenticator.SubKey }
	good, bad := status.ReasonNone, status.ReasonBadDelegation
	for _, row := range []struct {
		name  string
		key   func(*desk, *krbtest.APReq) types.EncryptionKey
		usage uint32
		want  status.Reason
	}{
		{"session key", session, 14, good},
		{"subkey", subkey, 14, good},
		{"session key, usage 11", session, 11, bad},
		{"subkey, usage 0", subkey, 0, bad},
		{"another key", other(18), 14, bad},
		{"another type", other(20), 14, bad},
		{"RC4", other(23), 14, bad},
		{"the service's key", func(_ *desk, q *krbtest.APReq) types.EncryptionKey { return q.Ticket.Key }, 14, bad},
		{"encryption type 0", func(*desk, *krbtest.APReq) types.EncryptionKey { return types.EncryptionKey{} }, 14, good},
	} {
		d := newDelegating(t)
		d.wants(row.name, forwards(d, func(q *krbtest.APReq, c *krbtest.Cred) {
			c.Key, c.Usage = row.key(d, q), row.usage
		}), row.want)
		if row.name == "subkey" {
			continue
		}
		d.wants(row.name+", and no subkey", forwards(d, func(q *krbtest.APReq, c *krbtest.Cred) {
			c.Key, c.Usage = row.key(d, q), row.usage
			q.Authenticator.SubKey = types.EncryptionKey{}
		}), row.want)
	}
	d := newDelegating(t)
	d.accepts("a subkey of another type", forwards(d, func(q *krbtest.APReq, c *krbtest.Cred) {
		q.Authenticator.SubKey = d.realm.NewKey(keytab.AES256_CTS_HMAC_SHA384_192)
		c.Key = q.Authenticator.SubKey
	}))
}

// TestDELEG_4_Bad checks that malformed credentials that the acceptor requests refuse the
// client.
func TestDELEG_4_Bad(t *testing.T) {
	d := newDelegating(t)
	send := func(cred []byte) *krbtest.APReq {
		return d.request(func(q *krbtest.APReq) {
			q.Flags |= flags.GSS_C_DELEG_FLAG
			q.Cred = cred
		})
	}
	whole := forwards(d, unchanged).Cred
	d.refuses("of another exchange", send(whole), status.ReasonBadDelegation)
	d.refuses("empty", send([]byte{}), status.ReasonBadDelegation)
	d.refuses("another message", send(d.request().Bytes()), status.ReasonBadDelegation)
	d.refuses("bytes behind", forwardsBytes(d, func(b []byte) []byte { return append(b, 0) }), status.ReasonBadDelegation)
	d.refuses("cut", forwardsBytes(d, func(b []byte) []byte { return b[:len(b)-1] }), status.ReasonBadDelegation)
	// The bits are not those of the forwarded ticket, which Check cannot decrypt.
	for _, i := range []int{0, 1, 5, 10, len(whole) - 100, len(whole) - 1} {
		d.refuses("a flipped bit", forwardsBytes(d, func(b []byte) []byte {
			b[i] ^= 1
			return b
		}), status.ReasonBadDelegation)
	}
	for name, change := range map[string]func(*krbtest.APReq, *krbtest.Cred){
		"version 4":    func(_ *krbtest.APReq, c *krbtest.Cred) { c.PVNO = 4 },
		"message type": func(_ *krbtest.APReq, c *krbtest.Cred) { c.MsgType = 21 },
	} {
		d.refuses(name, forwards(d, change), status.ReasonBadDelegation)
	}
	d.refuses("the flag and nothing behind", d.request(func(q *krbtest.APReq) {
		q.Flags |= flags.GSS_C_DELEG_FLAG
	}), status.ReasonBadGSSChecksum)
	d.refuses("option 2", d.request(func(q *krbtest.APReq) {
		q.Flags |= flags.GSS_C_DELEG_FLAG
		q.Extensions = append([]byte{2, 0, byte(len(whole)), byte(len(whole) >> 8)}, whole...)
	}), status.ReasonBadGSSChecksum)
	d.refuses("longer than the checksum", d.request(func(q *krbtest.APReq) {
		q.Flags |= flags.GSS_C_DELEG_FLAG
		q.Extensions = []byte{1, 0, 2, 0, 'x'}
	}), status.ReasonBadGSSChecksum)
}

// TestDELEG_4_Text checks that the error says which part of the credentials is wrong.
func TestDELEG_4_Text(t *testing.T) {
	zeros := func(q *krbtest.APReq, c *krbtest.Cred) { c.Key, c.Plaintext = q.Key, make([]byte, 40) }
	client := func(change func(*krbtest.CredInfo)) func(*krbtest.APReq, *krbtest.Cred) {
		return func(_ *krbtest.APReq, c *krbtest.Cred) { change(&c.Part.Info[0]) }
	}
	const missing = "the name of the tickets' client is missing"
	for _, row := range []struct {
		name, want string
		change     func(*krbtest.APReq, *krbtest.Cred)
	}{
		{"version 4", "the KRB-CRED is malformed", func(_ *krbtest.APReq, c *krbtest.Cred) { c.PVNO = 4 }},
		{"another key", "the KRB-CRED opens neither with the client's subkey nor with the session key", func(q *krbtest.APReq, c *krbtest.Cred) { c.Key = q.Ticket.Key }},
		{"zeros", "the encrypted part is malformed", zeros},
		{"two tickets, one description", "the KRB-CRED does not describe each of its tickets", func(_ *krbtest.APReq, c *krbtest.Cred) { c.Tickets = append(c.Tickets, c.Tickets[0]) }},
		{"no client", missing, client(func(i *krbtest.CredInfo) { i.PName = types.PrincipalName{} })},
		{"no client's realm", missing, client(func(i *krbtest.CredInfo) { i.PRealm = "" })},
	} {
		d := newDelegating(t)
		v, err := d.claim(forwards(d, row.change).Bytes())
		if err == nil {
			err = v.DelegationError() // the credentials are withheld
		}
		if e := new(status.Error); !errors.As(err, &e) || e.Detail != "the forwarded credentials: "+row.want {
			t.Errorf("%s: %v, want %q", row.name, err, row.want)
		}
	}
}

// forwardsBytes returns a request with valid credentials whose bytes change has changed.
// They are encrypted in the session key of the exchange.
func forwardsBytes(d *desk, change func([]byte) []byte) *krbtest.APReq {
	q := forwards(d, unchanged)
	q.Cred = change(q.Cred)
	return q
}

// TestDELEG_3_Label checks that Check refuses a KRB-CRED that is labelled with another type
// than its key, and a ciphertext that is labelled as unencrypted.
func TestDELEG_3_Label(t *testing.T) {
	for _, label := range []int32{0, 17, 19, 20, 23, -1} {
		d := newDelegating(t)
		d.refuses("another label", forwardsBytes(d, func(b []byte) []byte {
			var m krb5.KRBCred
			if err := m.Parse(b); err != nil {
				t.Fatal(err)
			}
			m.EncPart.EType = label
			return m.Append(nil)
		}), status.ReasonBadDelegation)
	}
}

// TestDELEG_3_NowhereElse checks that no other part of an AP-REQ may have encryption type
// 0.
func TestDELEG_3_NowhereElse(t *testing.T) {
	d := newDelegating(t)
	q := d.request()
	var m krb5.APReq
	if err := m.Parse(q.Bytes()); err != nil {
		t.Fatal(err)
	}
	sealed := m.Authenticator
	m.Authenticator = krb5.EncryptedData{Cipher: q.AuthenticatorBytes()}
	if _, err := d.claim(m.Append(nil)); status.ReasonOf(err) != status.ReasonWrongKey {
		t.Errorf("an unencrypted authenticator: %v, want %v", err, status.ReasonWrongKey)
	}
	m.Authenticator = sealed
	m.Ticket.EncPart.EType = 0
	for name, cipher := range map[string][]byte{"a ticket of type 0": m.Ticket.EncPart.Cipher, "an unencrypted ticket": q.Ticket.PartBytes()} {
		m.Ticket.EncPart.Cipher = cipher
		if _, err := ticket.Open(m.Append(nil), &ticket.Params{Keys: d.keys, Now: d.params.Now, Skew: skew}); status.ReasonOf(err) != status.ReasonETypeRefused {
			t.Errorf("%s: %v, want %v", name, err, status.ReasonETypeRefused)
		}
	}
	d.refuses("a subkey of type 0", d.request(func(q *krbtest.APReq) { q.Authenticator.SubKey.KeyType = 0 }), status.ReasonETypeRefused)
}
