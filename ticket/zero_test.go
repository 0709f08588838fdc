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

// TestZero_Ticket proves nothing to anybody.
func TestZero_Ticket(t *testing.T) {
	var zero ticket.Ticket
	e, cipher := zero.Authenticator()
	if zero.Unproven() != nil || !zero.Service().IsZero() || zero.Options() != 0 || e != 0 || cipher != nil {
		t.Error("the zero Ticket says something")
	}
	got, err := authenticator.Check(&zero, &authenticator.Params{})
	var e2 *status.Error
	if got != nil || !errors.As(err, &e2) || e2.Reason != status.ReasonArgument {
		t.Errorf("Check says %v of a ticket that was never opened, want %v", err, status.ReasonArgument)
	}
}

// TestZero_Params open nothing.
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

// TestOpen_NotAnAPReq refuses what is none with the parser's Reason, before
// anything is done with the keys.
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

// TestOpen_SealedGarbage seals what is no EncTicketPart, or says what no principal
// can be named.
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

// TestOpen_BitFlips turns every bit of the ticket in an AP-REQ. Its clear part
// only orders the keys; in the sealed part nothing can be changed.
func TestOpen_BitFlips(t *testing.T) {
	r := krbtest.NewRealm("EXAMPLE.COM")
	k := r.Ticket("alice", service)
	b := slices.Clip(k.APReq().Bytes())
	p := params(r)
	want := mustOpen(t, "the ticket", b, p).Client
	sealed := bytes.Index(b, []byte{0x04, 0x81}) + 3 // the first OCTET STRING of some length is the ticket's cipher
	length := int(b[sealed-1])
	opened := 0
	for bit := range 8 * len(b) {
		b[bit/8] ^= 1 << (bit % 8)
		got, err := ticket.Open(b, p)
		inCipher := bit/8 >= sealed && bit/8 < sealed+length
		switch {
		case err == nil && inCipher:
			t.Errorf("bit %d of the cipher was turned, and the ticket opened", bit-8*sealed)
		case err == nil && got.Unproven().Client != want:
			t.Errorf("bit %d makes %v of the client", bit, got.Unproven().Client)
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
		t.Error("every flip was refused, also in the authenticator and the names")
	}
}

// TestNAME_9_Service: a service name in clear that has no text form is refused as such
// where no key opens the ticket. Where a key does, the name in clear decides nothing.
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
