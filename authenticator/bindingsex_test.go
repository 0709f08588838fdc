package authenticator_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/status"
)

// extended returns b as a SEC_CHANNEL_BINDINGS_EX.
func extended(t testing.TB, b authenticator.ChannelBindings) []byte {
	t.Helper()
	plain, err := b.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	front := []byte("CBEX")
	front = binary.LittleEndian.AppendUint32(front, 0)
	front = binary.LittleEndian.AppendUint32(front, 48)
	front = binary.LittleEndian.AppendUint32(front, uint32(16+len(plain)))
	whole := append(front, plain...)
	for _, i := range []int{6, 9, 11} { // the offsets of the three fields
		if at := binary.LittleEndian.Uint32(whole[4*i:]); at != 0 {
			binary.LittleEndian.PutUint32(whole[4*i:], at+16)
		}
	}
	return whole
}

// TestChannelBindings_Extended checks that the newer form parses to the same bindings,
// whatever its audit flags are, and that bytes after it are ignored.
func TestChannelBindings_Extended(t *testing.T) {
	want := authenticator.ChannelBindings{
		InitiatorAddrType: 2, InitiatorAddress: []byte("IIII"), AcceptorAddrType: 2, AcceptorAddress: []byte("AAAA"), ApplicationData: []byte("DDDDD"),
	}
	same := func(a authenticator.ChannelBindings) bool {
		x, _ := a.MarshalBinary()
		y, _ := want.MarshalBinary()
		return bytes.Equal(x, y)
	}
	whole := extended(t, want)
	audit := bytes.Clone(whole)
	audit[4] = 1
	for name, b := range map[string][]byte{"plain": whole, "audit": audit, "bytes behind": append(bytes.Clone(whole), "more"...)} {
		if got, err := authenticator.ParseChannelBindings(b); err != nil || !same(got) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for n := range whole {
		if got, err := authenticator.ParseChannelBindings(whole[:n]); status.ReasonOf(err) != status.ReasonArgument {
			t.Errorf("%d bytes: %+v, %v", n, got, err)
		}
	}
	// A changed bit in the first fields refuses the buffer, with two exceptions: the audit
	// flag, and a magic number that selects the older form, whose offsets are then wrong.
	for bit := range 8 * 16 {
		b := bytes.Clone(whole)
		b[bit/8] ^= 1 << (bit % 8)
		got, err := authenticator.ParseChannelBindings(b)
		if bit == 32 {
			if err != nil || !same(got) {
				t.Errorf("the audit flag: %v", err)
			}
			continue
		}
		if err == nil && same(got) {
			t.Errorf("bit %d changed: the buffer parses to the same bindings", bit)
		}
		if bit >= 32 && status.ReasonOf(err) != status.ReasonArgument {
			t.Errorf("bit %d: %+v, %v", bit, got, err)
		}
	}
	if _, err := (authenticator.ChannelBindings{InitiatorAddrType: binary.LittleEndian.Uint32([]byte("CBEX"))}).MarshalBinary(); status.ReasonOf(err) != status.ReasonArgument {
		t.Errorf("an address type equal to the magic number: %v", err)
	}
}

// FuzzParseChannelBindings checks that parsed bindings marshal to bytes that parse to the
// same bindings, and that no field is outside the buffer.
func FuzzParseChannelBindings(f *testing.F) {
	b := channel("data")
	plain, err := b.MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(plain)
	f.Add(extended(f, b))
	f.Fuzz(func(t *testing.T, in []byte) {
		b, err := authenticator.ParseChannelBindings(in)
		if err != nil {
			return
		}
		out, err := b.MarshalBinary()
		if err != nil {
			if binary.LittleEndian.Uint32([]byte("CBEX")) != b.InitiatorAddrType {
				t.Fatal(err)
			}
			return
		}
		again, err := authenticator.ParseChannelBindings(out)
		if err != nil || !bytes.Equal(again.ApplicationData, b.ApplicationData) || again.AcceptorAddrType != b.AcceptorAddrType {
			t.Fatalf("%+v became %+v, %v", b, again, err)
		}
	})
}

// TestBIND_3_AwareAnywhere checks that a client may declare support for bindings in any
// AD-IF-RELEVANT of its authenticator.
func TestBIND_3_AwareAnywhere(t *testing.T) {
	d := newDesk(t)
	d.params.Bindings, d.params.Policy = []authenticator.ChannelBindings{channel("data")}, authenticator.BindingAllowMissing
	says := krbtest.APOptions(0x4000)
	d.refuses("in the second", d.request(func(q *krbtest.APReq) {
		q.Authenticator.AuthorizationData = append(q.Authenticator.AuthorizationData, krbtest.IfRelevant(), krbtest.IfRelevant(says))
	}), status.ReasonBindingMissing)
	d.refuses("by itself", d.request(func(q *krbtest.APReq) {
		q.Authenticator.AuthorizationData = append(q.Authenticator.AuthorizationData, says)
	}), status.ReasonBindingMissing)
	d.accepts("another bit", d.request(func(q *krbtest.APReq) {
		q.Authenticator.AuthorizationData = append(q.Authenticator.AuthorizationData, krbtest.IfRelevant(krbtest.APOptions(0x2000)))
	}))
}

// TestBinding_String checks the texts for the log.
func TestBinding_String(t *testing.T) {
	seen := make(map[string]bool)
	for b := authenticator.BindingUnchecked; b <= authenticator.BindingMissingAware+1; b++ {
		if s := b.String(); s == "" || seen[s] {
			t.Errorf("%d is %q", b, s)
		}
		seen[b.String()] = true
	}
	if s := (authenticator.BindingMissingAware + 1).String(); s != "Binding(7)" {
		t.Errorf("%q", s)
	}
}
