package ticket_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket"
)

// TestZero_Ticket checks that the zero Ticket contains no identity and no key.
func TestZero_Ticket(t *testing.T) {
	var zero ticket.Ticket
	e, cipher := zero.Authenticator()
	if zero.Unproven() != nil || !zero.Service().IsZero() || zero.Options() != 0 || e != 0 || cipher != nil {
		t.Error("the zero Ticket has content")
	}
	got, err := authenticator.Check(&zero, &authenticator.Params{})
	var e2 *status.Error
	if got != nil || !errors.As(err, &e2) || e2.Reason != status.ReasonArgument {
		t.Errorf("Check of the zero Ticket: %v, want %v", err, status.ReasonArgument)
	}
}

// TestZero_Params checks Open with Params that lack fields.
func TestZero_Params(t *testing.T) {
	r := krbtest.NewRealm("EXAMPLE.COM")
	k := r.Ticket("alice", service)
	b := k.APReq().Bytes()
	refused(t, "zero Params", b, &ticket.Params{}, status.ReasonNoKey)
	refused(t, "an empty Table", b, &ticket.Params{Keys: new(keytab.Table), Now: r.Now(), Skew: skew}, status.ReasonNoKey)
	refused(t, "no clock", b, &ticket.Params{Keys: r.Table(), Skew: skew}, status.ReasonTicketNotYetValid)
	refused(t, "no encryption types", b, &ticket.Params{Keys: r.Table(), Now: r.Now(), Skew: skew, ETypes: []keytab.EType{}}, status.ReasonETypeRefused)
	mustOpen(t, "no skew", b, &ticket.Params{Keys: r.Table(), Now: r.Now()})
}

// TestOpen_NotAnAPReq checks that Open refuses bytes that are not an AP-REQ with the Reason
// of the parser, before it looks for keys.
func TestOpen_NotAnAPReq(t *testing.T) {
	r := krbtest.NewRealm("EXAMPLE.COM")
	k := r.Ticket("alice", service)
	q := k.APReq()
	b := q.Bytes()
	for name, c := range map[string]struct {
		b    []byte
		want status.Reason
	}{
		"nil":             {nil, status.ReasonMalformedToken},
		"with its frame":  {q.Token(), status.ReasonMalformedToken},
		"only the ticket": {k.Bytes(), status.ReasonMalformedToken},
		"a KRB-CRED":      {q.Forward().Bytes(), status.ReasonWrongMessageType},
		"a byte behind":   {append(slices.Clone(b), 0), status.ReasonMalformedToken},
		"a byte less":     {b[:len(b)-1], status.ReasonMalformedToken},
	} {
		refused(t, name, c.b, params(r), c.want)
	}
	k.VNO = 4
	refused(t, "tkt-vno 4", q.Bytes(), params(r), status.ReasonWrongVersion)
	k.VNO, q.PVNO = 5, 4
	refused(t, "pvno 4", q.Bytes(), params(r), status.ReasonWrongVersion)
	q.PVNO, q.MsgType = 5, 15
	refused(t, "msg-type 15", q.Bytes(), params(r), status.ReasonWrongMessageType)
}

// TestOpen_SealedGarbage encrypts bytes that are not an EncTicketPart, and tickets with
// names that are not valid principals.
func TestOpen_SealedGarbage(t *testing.T) {
	r := krbtest.NewRealm("EXAMPLE.COM")
	k := r.Ticket("alice", service)
	part := k.PartBytes()
	for name, plain := range map[string][]byte{
		"nothing":            {},
		"zeros":              make([]byte, 100),
		"a byte behind":      append(bytes.Clone(part), 0),
		"a block of padding": append(bytes.Clone(part), make([]byte, 16)...),
		"a byte less":        part[:len(part)-1],
		"an authenticator":   k.APReq().AuthenticatorBytes(),
	} {
		k.Plaintext = plain
		refused(t, name, k.APReq().Bytes(), params(r), status.ReasonMalformedToken)
	}
	k.Plaintext = nil
	for _, name := range []string{"\xff", "ali\xc3", "\xed\xa0\x80"} { // not UTF-8
		k.Part.CName.NameString = []string{name}
		q := k.APReq()
		refused(t, "a name that is not text", q.Bytes(), params(r), status.ReasonNameEncoding)
	}
	k.Part.CName.NameString = []string{"a/b", "c@d", "e\\f", "g\x00h"}
	k.Part.CRealm = "R@S"
	got := mustOpen(t, "a name that needs escaping", k.APReq().Bytes(), params(r))
	if want := `a\/b/c\@d/e\\f/g\0h@R\@S`; got.Client.String() != want {
		t.Errorf("the client is %q, want %q", got.Client, want)
	}
}

// TestOpen_BitFlips changes each bit of an AP-REQ. Open refuses each change of the ticket's
// ciphertext, and returns the same client if it accepts another change.
func TestOpen_BitFlips(t *testing.T) {
	r := krbtest.NewRealm("EXAMPLE.COM")
	k := r.Ticket("alice", service)
	b := slices.Clip(k.APReq().Bytes())
	p := params(r)
	want := mustOpen(t, "the ticket", b, p).Client
	sealed := bytes.Index(b, []byte{0x04, 0x81}) + 3 // the first long OCTET STRING is the ciphertext of the ticket
	length := int(b[sealed-1])
	opened := 0
	for bit := range 8 * len(b) {
		b[bit/8] ^= 1 << (bit % 8)
		got, err := ticket.Open(b, p)
		inCipher := bit/8 >= sealed && bit/8 < sealed+length
		switch {
		case err == nil && inCipher:
			t.Errorf("Open accepted a ticket whose ciphertext has bit %d changed", bit-8*sealed)
		case err == nil && got.Unproven().Client != want:
			t.Errorf("with bit %d changed, the client is %v", bit, got.Unproven().Client)
		case err == nil:
			opened++
		case inCipher:
			var e *status.Error
			if !errors.As(err, &e) || e.Reason != status.ReasonWrongKey {
				t.Errorf("bit %d of the cipher: %v, want %v", bit-8*sealed, err, status.ReasonWrongKey)
			}
		}
		b[bit/8] ^= 1 << (bit % 8)
	}
	if opened == 0 {
		t.Error("Open refused every changed bit, also in the authenticator and the names")
	}
}

// TestNAME_9_Service checks that Open refuses a ticket with an invalid service name for
// that reason if no key decrypts it. If a key decrypts it, Open ignores the name.
func TestNAME_9_Service(t *testing.T) {
	r := krbtest.NewRealm("EXAMPLE.COM")
	good := r.Ticket("alice", service).APReq()
	good.Ticket.SName.NameString = []string{"HTTP", "w\xfc"}
	mustOpen(t, "the key opens it", good.Bytes(), params(r))
	other := r.Ticket("alice", service)
	other.Key.KeyValue = bytes.Repeat([]byte{7}, 32)
	q := other.APReq()
	q.Ticket.SName.NameString = []string{"HTTP", "w\xfc"}
	refused(t, "no key opens it", q.Bytes(), params(r), status.ReasonNameEncoding)
}
