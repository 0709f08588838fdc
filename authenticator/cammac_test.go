package authenticator_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/status"
)

// indicators returns the indicators of a client that was accepted, and the reason why none
// count.
func (d *desk) indicators(name string, q *krbtest.APReq) ([]string, error) {
	d.Helper()
	v := d.verified(name, q)
	return v.Indicators(), v.IndicatorsError()
}

// signed returns a request whose ticket has the authorization data that make returns.
func signed(d *desk, data func(*krbtest.Ticket) []types.AuthorizationDataEntry) *krbtest.APReq {
	return d.request(func(q *krbtest.APReq) { q.Ticket.Part.AuthorizationData = data(q.Ticket) })
}

// TestAD_3_Indicators checks that the indicators of a CAMMAC count if the service's key
// verifies it, with each encryption type.
func TestAD_3_Indicators(t *testing.T) {
	want := []string{"pkinit", "otp"}
	for _, relevant := range []bool{true, false} {
		d := newDesk(t)
		got, err := d.indicators("verified", signed(d, func(k *krbtest.Ticket) []types.AuthorizationDataEntry {
			c := k.CAMMAC("pkinit")
			c.Elements = append(c.Elements, krbtest.Indicators("otp"))
			if relevant {
				return []types.AuthorizationDataEntry{krbtest.IfRelevant(c.Entry())}
			}
			return []types.AuthorizationDataEntry{c.Entry()}
		}))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("relevant %v: %q, %v", relevant, got, err)
		}
	}
	d := newDesk(t)
	if got, err := d.indicators("none", d.request()); got != nil || err != nil {
		t.Errorf("a ticket without CAMMAC: %q, %v", got, err)
	}
}

// TestAD_3_Refused checks that a CAMMAC that is malformed, unverified or one of two gives no
// indicators and a reason; outside AD-IF-RELEVANT it refuses the client.
func TestAD_3_Refused(t *testing.T) {
	edit := func(f func(*krbtest.CAMMACFields)) func(*desk, *krbtest.Ticket) []types.AuthorizationDataEntry {
		return func(_ *desk, k *krbtest.Ticket) []types.AuthorizationDataEntry {
			c := k.CAMMAC("pkinit")
			c.Edit = f
			return []types.AuthorizationDataEntry{c.Entry()}
		}
	}
	key := func(change func(*desk, *krbtest.Ticket, *krbtest.CAMMAC)) func(*desk, *krbtest.Ticket) []types.AuthorizationDataEntry {
		return func(d *desk, k *krbtest.Ticket) []types.AuthorizationDataEntry {
			c := k.CAMMAC("pkinit")
			change(d, k, &c)
			return []types.AuthorizationDataEntry{c.Entry()}
		}
	}
	for name, row := range map[string]struct {
		data func(*desk, *krbtest.Ticket) []types.AuthorizationDataEntry
		want string
	}{
		"a flipped checksum":  {edit(func(f *krbtest.CAMMACFields) { f.Service.MAC.Checksum[0] ^= 1 }), "does not verify"},
		"a short checksum":    {edit(func(f *krbtest.CAMMACFields) { f.Service.MAC.Checksum = f.Service.MAC.Checksum[:4] }), "does not verify"},
		"an empty checksum":   {edit(func(f *krbtest.CAMMACFields) { f.Service.MAC.Checksum = nil }), "does not verify"},
		"an unkeyed checksum": {edit(func(f *krbtest.CAMMACFields) { f.Service.MAC.CksumType = 7 }), "does not verify"},
		"other elements": {edit(func(f *krbtest.CAMMACFields) {
			f.Elements = types.AuthorizationData{krbtest.Indicators("hardware")}
		}), "does not verify"},
		"the KDC's verifier in its place": {edit(func(f *krbtest.CAMMACFields) { f.Service = f.KDC; f.Service.EType = 0 }), "does not verify"},
		"the KDC's verifier alone":        {key(func(_ *desk, _ *krbtest.Ticket, c *krbtest.CAMMAC) { c.Service = types.EncryptionKey{} }), "no verifier for the service"},
		"no verifier": {key(func(_ *desk, _ *krbtest.Ticket, c *krbtest.CAMMAC) {
			c.Service, c.KDC = types.EncryptionKey{}, types.EncryptionKey{}
		}), "no verifier for the service"},
		"the session key": {key(func(_ *desk, k *krbtest.Ticket, c *krbtest.CAMMAC) { c.Service = k.Part.Key }), "does not verify"},
		"another service's key": {key(func(_ *desk, k *krbtest.Ticket, c *krbtest.CAMMAC) {
			other := k.Key
			other.KeyValue = append([]byte(nil), other.KeyValue...)
			other.KeyValue[0] ^= 1
			c.Service = other
		}), "does not verify"},
		"a key of another type": {edit(func(f *krbtest.CAMMACFields) { f.Service.EType = 17 }), "aes128"},
		"two": {func(_ *desk, k *krbtest.Ticket) []types.AuthorizationDataEntry {
			return []types.AuthorizationDataEntry{k.CAMMAC("pkinit").Entry(), k.CAMMAC("pkinit").Entry()}
		}, "more than one CAMMAC"},
		"junk": {func(*desk, *krbtest.Ticket) []types.AuthorizationDataEntry {
			return []types.AuthorizationDataEntry{entry(96, "junk")}
		}, "malformed"},
		"indicators that are no strings": {key(func(_ *desk, _ *krbtest.Ticket, c *krbtest.CAMMAC) {
			c.Elements = types.AuthorizationData{entry(97, "\x30\x03\x02\x01\x01")}
		}), "indicators"},
		"one of two indicators malformed": {key(func(_ *desk, _ *krbtest.Ticket, c *krbtest.CAMMAC) {
			c.Elements = append(c.Elements, entry(97, "\x30\x02\x0c\x00"))
		}), "indicators"},
		"too many indicators": {key(func(_ *desk, _ *krbtest.Ticket, c *krbtest.CAMMAC) {
			c.Elements = types.AuthorizationData{krbtest.Indicators(slices.Repeat([]string{"x"}, 65)...)}
		}), "indicators"},
		"another verifier with junk": {edit(func(f *krbtest.CAMMACFields) {
			f.Others = asn1.RawValue{Class: asn1.ClassContextSpecific, IsCompound: true, Tag: 3, Bytes: []byte{0x30, 0x02, 0x30, 0x00}}
		}), "malformed"},
	} {
		d := newDesk(t)
		got, err := d.indicators(name, signed(d, func(k *krbtest.Ticket) []types.AuthorizationDataEntry {
			var out []types.AuthorizationDataEntry
			for _, e := range row.data(d, k) {
				out = append(out, krbtest.IfRelevant(e))
			}
			return out
		}))
		var cause *status.Error
		if got != nil || !errors.As(err, &cause) || !strings.Contains(cause.Detail, row.want) {
			t.Errorf("%s: %q, %v; want %q", name, got, err, row.want)
		}
		d = newDesk(t)
		d.refuses(name+", critical", signed(d, func(k *krbtest.Ticket) []types.AuthorizationDataEntry { return row.data(d, k) }), status.ReasonAuthorizationData)
	}
}

// TestAD_3_Places checks that only a CAMMAC of the ticket, one level deep at most, counts,
// and that indicators outside a CAMMAC do not.
func TestAD_3_Places(t *testing.T) {
	wrap := krbtest.IfRelevant
	for name, data := range map[string]func(*krbtest.Ticket) []types.AuthorizationDataEntry{
		"nested":    func(k *krbtest.Ticket) []types.AuthorizationDataEntry { return list(wrap(wrap(k.CAMMAC("x").Entry()))) },
		"no CAMMAC": func(*krbtest.Ticket) []types.AuthorizationDataEntry { return list(wrap(krbtest.Indicators("x"))) },
		"in AD-KDCIssued": func(k *krbtest.Ticket) []types.AuthorizationDataEntry {
			return list(wrap(entry(4, string(wrap(k.CAMMAC("x").Entry()).ADData))))
		},
		"a CAMMAC in a CAMMAC": func(k *krbtest.Ticket) []types.AuthorizationDataEntry {
			c := k.CAMMAC()
			c.Elements = list(k.CAMMAC("x").Entry())
			return list(wrap(c.Entry()))
		},
		"AD-IF-RELEVANT in a CAMMAC": func(k *krbtest.Ticket) []types.AuthorizationDataEntry {
			c := k.CAMMAC()
			c.Elements = list(wrap(krbtest.Indicators("x")))
			return list(wrap(c.Entry()))
		},
	} {
		d := newDesk(t)
		if got, err := d.indicators(name, signed(d, data)); got != nil || err != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	d := newDesk(t)
	q := d.request()
	q.ETypes = nil
	q.Authenticator.AuthorizationData = list(wrap(q.Ticket.CAMMAC("x").Entry()))
	if got, err := d.indicators("of the client", q); got != nil || err != nil {
		t.Errorf("of the client: %q, %v", got, err)
	}
	d = newDesk(t)
	d.refuses("an unknown element in a critical CAMMAC", signed(d, func(k *krbtest.Ticket) []types.AuthorizationDataEntry {
		c := k.CAMMAC("x")
		c.Elements = append(c.Elements, entry(4711, "x"))
		return list(c.Entry())
	}), status.ReasonAuthorizationData)
	d = newDesk(t)
	if got, err := d.indicators("an unknown element in a CAMMAC", signed(d, func(k *krbtest.Ticket) []types.AuthorizationDataEntry {
		c := k.CAMMAC("x")
		c.Elements = append(c.Elements, entry(4711, "x"))
		return list(wrap(c.Entry()))
	})); !slices.Equal(got, []string{"x"}) || err != nil {
		t.Errorf("an unknown element: %q, %v", got, err)
	}
}

func list(entries ...types.AuthorizationDataEntry) types.AuthorizationData { return entries }

// TestAD_3_CopyOfATicket states what binds a CAMMAC to a ticket: its verifier does not. A
// copy of another client's CAMMAC verifies in a ticket that the KDC makes with it, and a
// copy beside the client's own gives no indicators.
func TestAD_3_CopyOfATicket(t *testing.T) {
	d := newDesk(t)
	q := d.request()
	copied := q.Ticket.CAMMAC("pkinit").Entry()
	own := func(k *krbtest.Ticket) types.AuthorizationDataEntry { return k.CAMMAC("password").Entry() }
	for name, row := range map[string]struct {
		data func(k *krbtest.Ticket) []types.AuthorizationDataEntry
		want []string
	}{
		"alone": {func(*krbtest.Ticket) []types.AuthorizationDataEntry { return list(krbtest.IfRelevant(copied)) }, []string{"pkinit"}},
		"before the client's own": {func(k *krbtest.Ticket) []types.AuthorizationDataEntry {
			return list(krbtest.IfRelevant(copied), krbtest.IfRelevant(own(k)))
		}, nil},
		"behind it": {func(k *krbtest.Ticket) []types.AuthorizationDataEntry {
			return list(krbtest.IfRelevant(own(k)), krbtest.IfRelevant(copied))
		}, nil},
		"in its AD-IF-RELEVANT": {func(k *krbtest.Ticket) []types.AuthorizationDataEntry {
			return list(krbtest.IfRelevant(own(k), copied))
		}, nil},
	} {
		got, err := d.indicators(name, signed(d, row.data))
		if !slices.Equal(got, row.want) || (err == nil) != (row.want != nil) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// TestAD_3_EveryByte changes each bit of a CAMMAC and cuts it at each byte. No result has
// an indicator that the KDC did not write, and no cut CAMMAC has any.
func TestAD_3_EveryByte(t *testing.T) {
	d := newDesk(t)
	q := d.request()
	whole := q.Ticket.CAMMAC("pkinit").Entry().ADData
	try := func(name string, data []byte) []string {
		got, err := d.indicators(name, d.request(func(q *krbtest.APReq) {
			q.Ticket.Part.AuthorizationData = list(krbtest.IfRelevant(entry(96, string(data))))
		}))
		if (got == nil) != (err != nil) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		return got
	}
	for n := range whole {
		if got := try(fmt.Sprintf("%d bytes", n), whole[:n]); got != nil {
			t.Errorf("%d bytes: %q", n, got)
		}
	}
	for bit := range 8 * len(whole) {
		b := append([]byte(nil), whole...)
		b[bit/8] ^= 1 << (bit % 8)
		if got := try(fmt.Sprintf("bit %d", bit), b); got != nil && !slices.Equal(got, []string{"pkinit"}) {
			t.Errorf("bit %d: %q", bit, got)
		}
	}
	if got := try("unchanged", whole); !slices.Equal(got, []string{"pkinit"}) {
		t.Errorf("unchanged: %q", got)
	}
}
