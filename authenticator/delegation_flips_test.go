package authenticator_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// TestDELEG_4_EveryBit checks that a changed bit in a KRB-CRED refuses the client. The
// exception is a bit of a forwarded ticket, which only the ticket's service can decrypt:
// Check returns the changed ticket.
func TestDELEG_4_EveryBit(t *testing.T) {
	d := newDelegating(t)
	var sent *krbtest.Cred
	q := forwards(d, func(_ *krbtest.APReq, c *krbtest.Cred) { sent = c })
	q.TicketBytes = q.Ticket.Bytes() // sealed once for all bits
	whole, ticket := q.Cred, sent.Tickets[0]
	begin := bytes.Index(whole, ticket)
	passed := 0
	for bit := range 8 * len(whole) {
		q.Cred = slices.Clone(whole)
		q.Cred[bit/8] ^= 0x80 >> (bit % 8)
		c, err := d.check(q)
		switch {
		case status.ReasonOf(err) == status.ReasonBadDelegation:
		case err != nil:
			t.Errorf("bit %d: %v", bit, err)
		case bit/8 < begin || bit/8 >= begin+len(ticket):
			t.Errorf("bit %d, outside the ticket: accepted", bit)
		default:
			passed++
			if got := claimed(t, d, c).Tickets[0].Ticket.Bytes(); !bytes.Equal(got, q.Cred[begin:begin+len(ticket)]) {
				t.Errorf("bit %d: the ticket is %x", bit, got)
			}
		}
	}
	if passed < 4*len(ticket) {
		t.Errorf("%d of %d bits of the ticket may change; want most", passed, 8*len(ticket))
	}
}

// TestDELEG_4_EveryBeginning checks that a truncated KRB-CRED refuses the client.
func TestDELEG_4_EveryBeginning(t *testing.T) {
	d := newDelegating(t)
	q := forwards(d, unchanged)
	whole := q.Cred
	for n := range whole {
		q.Cred = whole[:n]
		if _, err := d.check(q); status.ReasonOf(err) != status.ReasonBadDelegation {
			t.Errorf("%d of %d bytes: %v", n, len(whole), err)
		}
	}
}

// TestDELEG_2_EveryBit changes each bit of the descriptions of the tickets, which the
// client encrypts and can choose freely. Credentials that Check returns must be complete
// and must be those of the client.
func TestDELEG_2_EveryBit(t *testing.T) {
	t.Run("sealed", func(t *testing.T) { everyBit(t, unchanged) })
	t.Run("unencrypted", func(t *testing.T) { everyBit(t, unencrypted) })
}

func everyBit(t *testing.T, seal func(*krbtest.APReq, *krbtest.Cred)) {
	d := newDelegating(t)
	q := d.request()
	q.TicketBytes = q.Ticket.Bytes() // sealed once for all bits
	sent := q.Forward()
	whole := opened(t, q, sent)
	seal(q, sent)
	accepted, withheld := 0, 0
	for bit := range 8 * len(whole) {
		sent.Plaintext = slices.Clone(whole)
		sent.Plaintext[bit/8] ^= 0x80 >> (bit % 8)
		c, err := checkCred(d, q, sent)
		if err != nil {
			if status.ReasonOf(err) != status.ReasonBadDelegation {
				t.Errorf("bit %d: %v", bit, err)
			}
			continue
		}
		got := claimed(t, d, c)
		if got == nil {
			withheld++
			continue
		}
		accepted++
		k := got.Tickets[0]
		if got.Client.String() != "alice@EXAMPLE.COM" || len(got.Tickets) != 1 || k.Client != got.Client ||
			k.Service.IsZero() || k.SessionKey.IsZero() || k.EndTime.IsZero() || !bytes.Equal(k.Ticket.Bytes(), sent.Tickets[0]) {
			t.Errorf("bit %d: %v, %v", bit, got, k)
		}
	}
	if accepted == 0 || withheld == 0 { // accepted: bits of the key; withheld: bits of the client's name
		t.Errorf("%d accepted, %d withheld", accepted, withheld)
	}
	for n := range whole {
		sent.Plaintext = whole[:n]
		if _, err := checkCred(d, q, sent); status.ReasonOf(err) != status.ReasonBadDelegation {
			t.Errorf("%d of %d bytes: %v", n, len(whole), err)
		}
	}
}

// checkCred runs Check with a request that contains the credentials.
func checkCred(d *desk, q *krbtest.APReq, c *krbtest.Cred) (*authenticator.Checked, error) {
	q.Flags |= flags.GSS_C_DELEG_FLAG
	q.Cred = c.Bytes()
	return d.check(q)
}

// claimed returns the credentials of a client after Claim.
func claimed(t *testing.T, d *desk, c *authenticator.Checked) *authenticator.Delegated {
	t.Helper()
	v, err := c.Claim(t.Context(), authenticator.NewMemoryCache(0, authenticator.AcceptOlder))
	if err != nil {
		t.Fatal(err)
	}
	return v.Delegated()
}

// opened returns the decrypted part of the credentials.
func opened(t *testing.T, q *krbtest.APReq, c *krbtest.Cred) []byte {
	t.Helper()
	var m krb5.KRBCred
	if err := m.Parse(c.Bytes()); err != nil {
		t.Fatal(err)
	}
	k, err := keytab.NewKey(keytab.EType(q.Key.KeyType), q.Key.KeyValue)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := k.Decrypt(nil, m.EncPart.Cipher, 14)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}
