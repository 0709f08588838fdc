package authenticator_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket"
)

// The parsers of encrypted content see only bytes from a holder of the key: a client for
// the authenticator, a KDC for the ticket. These fuzz targets have the keys.

// fuzzed returns a copy of the fuzzer's bytes without spare capacity.
func fuzzed(b []byte) []byte { return slices.Clip(bytes.Clone(b)) }

// attempt runs Open, Check and Claim. An error must have a Reason that blames the client.
// Claim must succeed the first time and refuse the second time.
func (d *desk) attempt(apReq []byte) (authenticator.Verified, bool) {
	d.Helper()
	opened, err := ticket.Open(apReq, &ticket.Params{Keys: d.keys, Now: d.params.Now, Skew: d.params.Skew})
	if err != nil {
		d.blamesTheClient(err)
		return authenticator.Verified{}, false
	}
	c, err := authenticator.Check(opened, &d.params)
	if err != nil {
		d.blamesTheClient(err)
		return authenticator.Verified{}, false
	}
	v, err := c.Claim(d.Context(), d.cache)
	if err != nil {
		d.Fatalf("Claim: %v", err)
	}
	if again, err := c.Claim(d.Context(), d.cache); !again.IsZero() || status.ReasonOf(err) != status.ReasonReplay {
		d.Fatalf("Claim again: %v", err)
	}
	return v, true
}

func (d *desk) blamesTheClient(err error) {
	d.Helper()
	switch status.ReasonOf(err) {
	case status.ReasonNone, status.ReasonInternal, status.ReasonArgument, status.ReasonCanceled, status.ReasonReplayCacheFailed, status.ReasonNoKey:
		d.Fatalf("%v", err)
	}
}

// isAlice checks that the verified client is alice, whom the ticket and the authenticator
// name.
func (d *desk) isAlice(v authenticator.Verified) {
	d.Helper()
	if got := v.Ticket().Client.String(); got != "alice@EXAMPLE.COM" {
		d.Fatalf("accepted %q", got)
	}
}

// FuzzAuthenticatorPlaintext checks that the acceptor accepts a client only as the client
// of the ticket, whatever the authenticator contains, and that gokrb5 reads the same name
// in the authenticator.
func FuzzAuthenticatorPlaintext(f *testing.F) {
	for _, q := range fuzzRequests(newDesk(f)) {
		f.Add(q.AuthenticatorBytes())
	}
	f.Fuzz(func(t *testing.T, plaintext []byte) {
		d := newDelegating(t)
		plaintext = fuzzed(plaintext)
		q := d.request(func(q *krbtest.APReq) { q.Plaintext = plaintext })
		if plaintext == nil {
			return
		}
		v, ok := d.attempt(q.Bytes())
		if !ok {
			return
		}
		d.isAlice(v)
		var a types.Authenticator
		if err := a.Unmarshal(plaintext); err == nil && (a.CRealm != "EXAMPLE.COM" || !slices.Equal(a.CName.NameString, []string{"alice"})) {
			t.Fatalf("gokrb5 reads %v of %q", a.CName, a.CRealm)
		}
		if age := v.Time().Sub(d.params.Now); age.Abs() > skew {
			t.Fatalf("stamped %v", v.Time())
		}
	})
}

// FuzzTicketPlaintext checks that the acceptor accepts alice's authenticator under a known
// session key only if the ticket names alice and contains that key.
func FuzzTicketPlaintext(f *testing.F) {
	d := newDesk(f)
	for _, q := range fuzzRequests(d) {
		q.Ticket.Part.Key = sessionKey
		f.Add(q.Ticket.PartBytes())
	}
	f.Fuzz(func(t *testing.T, plaintext []byte) {
		d := newDesk(t)
		k := d.realm.Ticket("alice", service)
		k.Part.Key = sessionKey
		q := k.APReq()
		if k.Plaintext = fuzzed(plaintext); k.Plaintext == nil {
			return
		}
		v, ok := d.attempt(q.Bytes())
		if !ok {
			return
		}
		d.isAlice(v)
		if !bytes.Equal(v.Ticket().SessionKey.Bytes(), sessionKey.KeyValue) {
			t.Fatal("the session key differs")
		}
		if c := v.Ticket(); c.EndTime.Before(d.params.Now.Add(-skew)) || c.StartTime.After(d.params.Now.Add(skew)) || c.Flags&flags.TicketInvalid != 0 {
			t.Fatalf("accepted from %v to %v, %v", c.StartTime, c.EndTime, c.Flags)
		}
	})
}

// sessionKey has encryption type 18.
var sessionKey = types.EncryptionKey{KeyType: 18, KeyValue: bytes.Repeat([]byte{7}, 32)}

// FuzzGSSChecksum checks that the granted flags are those of the checksum, that DELEG is
// granted only with credentials, and that bindings match only with the hash of the
// acceptor's bindings.
func FuzzGSSChecksum(f *testing.F) {
	for _, q := range fuzzRequests(newDesk(f)) {
		var a types.Authenticator
		if err := a.Unmarshal(q.AuthenticatorBytes()); err == nil {
			f.Add(a.Cksum.CksumType, a.Cksum.Checksum)
		}
	}
	f.Fuzz(func(t *testing.T, sumType int32, sum []byte) {
		d := newDelegating(t)
		d.params.Bindings = []authenticator.ChannelBindings{channel("data")}
		d.params.Policy = authenticator.BindingAllowMissing
		q := d.request(func(q *krbtest.APReq) {
			q.NoChecksum = true
			q.Authenticator.Cksum = types.Checksum{CksumType: sumType, Checksum: fuzzed(sum)}
		})
		v, ok := d.attempt(q.Bytes())
		if !ok {
			return
		}
		d.isAlice(v)
		if (v.Delegated() != nil) != (v.Flags()&flags.GSS_C_DELEG_FLAG != 0) {
			t.Fatalf("flags %v with %v", v.Flags(), v.Delegated())
		}
		if sumType != 0x8003 {
			return
		}
		bnd := [16]byte(sum[4:])
		bound := bnd == krbtest.Bindings(0, []byte("data")) || bnd == krbtest.Bindings(255, []byte("data"))
		if bound != (v.Binding() == authenticator.BindingMatched) || !bound && bnd != [16]byte{} {
			t.Fatalf("Bnd %x: %v", bnd, v.Binding())
		}
		asked := flags.GSS(binary.LittleEndian.Uint32(sum[20:]))
		if more := v.Flags() &^ asked; more&^flags.GSS_C_MUTUAL_FLAG != 0 || more != 0 && asked&flags.GSS_C_DCE_STYLE == 0 {
			t.Fatalf("requested %v, granted %v", asked, v.Flags())
		}
	})
}

// FuzzKRBCred changes a KRB-CRED, or replaces its encrypted part. Credentials that Check
// returns must be alice's.
func FuzzKRBCred(f *testing.F) {
	d := newDesk(f)
	cred := d.request().Forward()
	f.Add(cred.Bytes(), []byte(nil))
	cred.Key = types.EncryptionKey{} // unencrypted, so that the seed shows its content
	open := cred.Bytes()
	f.Add(open, []byte(nil))
	if i := bytes.LastIndex(open, []byte{0x7d, 0x81}); i >= 0 { // EncKrbCredPart
		f.Add([]byte(nil), open[i:])
	}
	f.Fuzz(func(t *testing.T, whole, part []byte) {
		d := newDelegating(t)
		q := d.request()
		q.Flags |= flags.GSS_C_DELEG_FLAG
		q.Cred = fuzzed(whole)
		if len(part) > 0 {
			c := q.Forward()
			c.Plaintext = fuzzed(part)
			q.Cred = c.Bytes()
		}
		if len(q.Cred) > 0xffff {
			return
		}
		v, ok := d.attempt(q.Bytes())
		if !ok {
			return
		}
		got := v.Delegated()
		if got == nil {
			return
		}
		if got.Client != v.Ticket().Client || len(got.Tickets) == 0 || len(got.Tickets) > 8 {
			t.Fatalf("%v with %d tickets", got, len(got.Tickets))
		}
		for _, k := range got.Tickets {
			if k.Client != got.Client || k.SessionKey.IsZero() || k.EndTime.IsZero() {
				t.Fatalf("a ticket of %v for %v", k.Client, k.Service)
			}
		}
	})
}

// fuzzRequests returns requests with every field that a client can send.
func fuzzRequests(d *desk) []*krbtest.APReq {
	return []*krbtest.APReq{
		d.request(),
		d.request(func(q *krbtest.APReq) { q.Bnd, q.BindingAware = krbtest.Bindings(0, []byte("data")), true }),
		d.request(func(q *krbtest.APReq) { q.Flags |= flags.GSS_C_DCE_STYLE; q.Target = "HTTP/h" }),
		d.request(func(q *krbtest.APReq) { q.Flags |= flags.GSS_C_DELEG_FLAG; q.Cred = q.Forward().Bytes() }),
		d.request(func(q *krbtest.APReq) { q.Extensions = []byte("\x00\x00\x00\x09\x00\x00\x00\x01x") }),
		d.request(keyed(0, nil)),
		d.request(func(q *krbtest.APReq) {
			q.NoChecksum, q.NoSequence, q.Authenticator.SubKey = true, true, types.EncryptionKey{}
		}),
		d.request(func(q *krbtest.APReq) {
			q.Ticket.Part.CAddr = types.HostAddresses{{AddrType: 2, Address: []byte{192, 0, 2, 7}}}
			q.Ticket.Part.Flags = krbtest.TicketFlags(0)
			q.Ticket.Part.Transited.Contents = []byte("EDU,MIT.,,/X")
			q.Ticket.Part.AuthorizationData = types.AuthorizationData{krbtest.IfRelevant(entry(128, "pac"))}
		}),
	}
}
