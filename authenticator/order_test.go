package authenticator_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/status"
)

// fault makes an exchange wrong in one place; want is the Reason of the refusal.
type fault struct {
	name  string
	spoil func(d *desk, q *krbtest.APReq)
	want  status.Reason
}

// faults are in the order in which Check must find them.
var faults = []fault{
	{"another key", func(d *desk, q *krbtest.APReq) {
		q.Key = d.realm.NewKey(18)
	}, status.ReasonWrongKey},
	{"microseconds", func(_ *desk, q *krbtest.APReq) {
		q.Authenticator.Cusec = 1_000_000
	}, status.ReasonMalformedToken},
	{"another name", func(_ *desk, q *krbtest.APReq) {
		q.Authenticator.CName.NameString = []string{"mallory"}
	}, status.ReasonNameMismatch},
	{"another address", func(d *desk, q *krbtest.APReq) {
		q.Ticket.Part.CAddr = types.HostAddresses{{AddrType: 2, Address: []byte{192, 0, 2, 8}}}
		d.params.PeerAddr = netip.MustParseAddr("192.0.2.7")
	}, status.ReasonAddressMismatch},
	{"transited", func(_ *desk, q *krbtest.APReq) {
		q.Ticket.Part.Flags = krbtest.TicketFlags(0)
		q.Ticket.Part.Transited.Contents = []byte("EVIL.ORG")
	}, status.ReasonTransited},
	{"authorization data", func(_ *desk, q *krbtest.APReq) {
		q.Authenticator.AuthorizationData = types.AuthorizationData{{ADType: 4711, ADData: []byte("x")}}
	}, status.ReasonAuthorizationData},
	{"clock", func(_ *desk, q *krbtest.APReq) {
		q.Authenticator.CTime = q.Authenticator.CTime.Add(-time.Hour)
	}, status.ReasonClockSkew},
	{"checksum", func(_ *desk, q *krbtest.APReq) {
		q.Authenticator.Cksum = types.Checksum{CksumType: 0x8003, Checksum: make([]byte, 23)}
	}, status.ReasonBadGSSChecksum},
	{"bindings", func(d *desk, _ *krbtest.APReq) {
		d.params.Bindings = []authenticator.ChannelBindings{{ApplicationData: []byte("x")}}
	}, status.ReasonBindingMissing},
	{"subkey", func(_ *desk, q *krbtest.APReq) {
		q.Authenticator.SubKey = types.EncryptionKey{KeyType: 23, KeyValue: make([]byte, 16)}
	}, status.ReasonETypeRefused},
	{"forwarded credentials", func(d *desk, q *krbtest.APReq) {
		d.params.Delegate = true
		q.Flags |= flags.GSS_C_DELEG_FLAG
		q.Cred = []byte("no KRB-CRED")
	}, status.ReasonBadDelegation},
}

// TestAPREQ_13_Order makes two errors in one exchange. The Reason must be that of the first
// check, and the cache must not get a record of a refused exchange (REPLAY-6).
func TestAPREQ_13_Order(t *testing.T) {
	for i, first := range faults {
		for _, second := range faults[i:] {
			d := newDesk(t)
			q := d.request()
			first.spoil(d, q)
			second.spoil(d, q)
			if _, err := d.claim(q.Bytes()); status.ReasonOf(err) != first.want {
				t.Errorf("%s and %s: %v, want %v", first.name, second.name, err, first.want)
			}
			if n := len(d.cache.records); n != 0 {
				t.Errorf("%s and %s: %d records in the replay cache", first.name, second.name, n)
			}
		}
	}
}

// TestAPREQ_13_TicketBeforeAuthenticator checks the order: authorization data of the
// ticket, then that of the authenticator, then the clock.
func TestAPREQ_13_TicketBeforeAuthenticator(t *testing.T) {
	d := newDesk(t)
	q := d.request()
	q.Ticket.Part.AuthorizationData = types.AuthorizationData{{ADType: 4711, ADData: []byte("x")}}
	q.SetTime(q.Time().Add(-time.Hour))
	d.refuses("in the ticket", q, status.ReasonAuthorizationData)
}

// TestAPREQ_13_ReplayIsLast checks that the second use of an authenticator that also has
// another error is refused for the other error.
func TestAPREQ_13_ReplayIsLast(t *testing.T) {
	for name, x := range map[string]struct {
		spoil func(*authenticator.Params)
		want  status.Reason
	}{
		"nothing else": {func(*authenticator.Params) {}, status.ReasonReplay},
		"clock":        {func(p *authenticator.Params) { p.Now = p.Now.Add(skew + time.Second) }, status.ReasonClockSkew},
		"bindings": {func(p *authenticator.Params) {
			p.Bindings = []authenticator.ChannelBindings{{ApplicationData: []byte("x")}}
		}, status.ReasonBindingMissing},
	} {
		d := newDesk(t)
		token := d.request().Bytes()
		if _, err := d.claim(token); err != nil {
			t.Fatal(err)
		}
		x.spoil(&d.params)
		if _, err := d.claim(token); status.ReasonOf(err) != x.want {
			t.Errorf("%s: %v, want %v", name, err, x.want)
		}
	}
}

// TestAPREQ_14_RefusedTellsFlags checks that an error after the checksum was read contains
// the client's flags, which say whether the client waits for an answer.
func TestAPREQ_14_RefusedTellsFlags(t *testing.T) {
	for _, f := range faults {
		d := newDesk(t)
		q := d.request()
		f.spoil(d, q)
		_, err := d.check(q)
		refused, ok := err.(*authenticator.Refused)
		late := f.name == "bindings" || f.name == "subkey" || f.name == "forwarded credentials"
		if shown := ok && refused.Flags != 0; shown != late || shown && (refused.Flags != q.Flags || refused.Error() == "") {
			t.Errorf("%s: %#v", f.name, err)
		}
	}
}
