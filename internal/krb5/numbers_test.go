package krb5_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"testing"

	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/status"
)

// unhex decodes what stands in a tested element.
func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestPARSE_11_Flags reads AP-options of 0 to 64 bits. RFC 4120, Section 5.2.8:
// bit 0 is the first; senders should send 32, and may send fewer or more.
func TestPARSE_11_Flags(t *testing.T) {
	sample := alice(t).apReq
	for _, c := range []struct {
		content string
		want    uint32
		ok      bool
	}{
		{"00", 0, true},
		{"0520", 0x20000000, true},
		{"0780", 0x80000000, true},
		{"0020", 0x20000000, true},
		{"00ff", 0xff000000, true},
		{"07ff80", 0xff800000, true},
		{"002000", 0x20000000, true},
		{"00200000", 0x20000000, true},
		{"0000000001", 1, true},
		{"01fffffffe", 0xfffffffe, true},
		{"0020000000", 0x20000000, true},
		{"002000000000", 0x20000000, true},
		{"0020000000ff", 0x20000000, true},
		{"070000000080", 0, true},
		{"00fedcba9876543210", 0xfedcba98, true},
		{"06ffffffffffffffe0", 0, false}, // an unused bit is set
		{"03fffffffffffffff8", 0xffffffff, true},
		{"00fedcba987654321000", 0, false}, // 72 bits
		{"07fedcba987654321080", 0, false}, // 65 bits
		{"", 0, false},                     // not even a count of unused bits
		{"01", 0, false},                   // unused bits of nothing
		{"08", 0, false},
		{"0800", 0, false},
		{"ff00", 0, false},
		{"80fedcba98", 0, false},
		{"0721", 0, false},       // an unused bit is set
		{"0100000001", 0, false}, // likewise
	} {
		var m krb5.APReq
		b, _ := replaced(t, sample, "6e 30 a2 03", der(3, unhex(t, c.content)))
		err := m.Parse(b)
		if !c.ok {
			wantReason(t, c.content, err, status.ReasonMalformedToken)
		} else if err != nil || uint32(m.Options) != c.want {
			t.Errorf("%s: %#x, %v, want %#x", c.content, uint32(m.Options), err, c.want)
		}
	}
	for n := range 65 { // every length, all bits set
		bits := make([]byte, (n+7)/8)
		var want uint32
		for i := range n {
			bits[i/8] |= 0x80 >> (i % 8)
			if i < 32 {
				want |= 1 << (31 - i)
			}
		}
		var m krb5.APReq
		b, _ := replaced(t, sample, "6e 30 a2 03", der(3, []byte{byte(8*len(bits) - n)}, bits))
		if err := m.Parse(b); err != nil || uint32(m.Options) != want {
			t.Errorf("%d bits: %#x, %v, want %#x", n, uint32(m.Options), err, want)
		}
	}
}

// unsigned are the contents of an INTEGER that a UInt32 may be, RFC 4120, Section
// 5.2.4, as it says itself and as peers that have no unsigned numbers write it.
var unsigned = []struct {
	content string
	want    uint32
	ok      bool
}{
	{"00", 0, true},
	{"01", 1, true},
	{"7f", 127, true},
	{"0080", 128, true},
	{"7fffffff", 1<<31 - 1, true},
	{"0080000000", 1 << 31, true},
	{"00ffffffff", 1<<32 - 1, true},
	{"ff", 1<<32 - 1, true},
	{"80", 1<<32 - 128, true},
	{"ff7f", 1<<32 - 129, true},
	{"80000000", 1 << 31, true},
	{"ff000000", 0xff000000, true},

	{"0100000000", 0, false},             // 1<<32
	{"ff7fffffff", 0, false},             // -1<<31 - 1
	{"7fffffffffffffff", 0, false},       // 1<<63 - 1
	{"8000000000000000", 0, false},       // -1<<63
	{"00ffffffffffffffff", 0, false},     // 1<<64 - 1
	{"01000000000000000000", 0, false},   // nothing in the lower 64 bits
	{"ff0000000000000001", 0, false},     // one in the lower 32 bits
	{"", 0, false},                       // no number
	{"0001", 0, false},                   // one byte too long
	{"00007fffff", 0, false},             // likewise
	{"000000000000000001", 0, false},     // eight bytes too long
	{"ffff", 0, false},                   // -1, likewise
	{"ff80", 0, false},                   // -128
	{"ff80000000", 0, false},             // -1<<31
	{"ffffffffffffffffff", 0, false},     // -1
	{"0000000000000000000001", 0, false}, // eleven bytes of 1
}

// TestPARSE_13_UInt32 reads them as each of the fields that is one.
func TestPARSE_13_UInt32(t *testing.T) {
	mit := make(map[string][]byte)
	for _, k := range kinds(t) {
		mit[k.name] = k.samples[0]
	}
	for _, c := range unsigned {
		content := unhex(t, c.content)
		for _, f := range []struct {
			kind, path string
			m          message
			got        func(message) (uint32, bool)
		}{
			{"Authenticator", "62 30 a7 02", new(krb5.Authenticator), func(m message) (uint32, bool) {
				a := m.(*krb5.Authenticator)
				return a.SequenceNumber, a.HasSequenceNumber
			}},
			{"EncAPRepPart", "7b 30 a3 02", new(krb5.EncAPRepPart), func(m message) (uint32, bool) {
				p := m.(*krb5.EncAPRepPart)
				return p.SequenceNumber, p.HasSequenceNumber
			}},
			{"EncKrbCredPart", "7d 30 a1 02", new(krb5.EncKRBCredPart), func(m message) (uint32, bool) {
				p := m.(*krb5.EncKRBCredPart)
				return p.Nonce, p.HasNonce
			}},
			{"Ticket", "61 30 a3 30 a1 02", new(krb5.Ticket), func(m message) (uint32, bool) {
				e := m.(*krb5.Ticket).EncPart
				return e.Kvno, e.HasKvno
			}},
		} {
			b, n := replaced(t, mit[f.kind], f.path, der(2, content))
			if n != 1 {
				t.Fatalf("%s has %d of %s", f.kind, n, f.path)
			}
			err := f.m.Parse(b)
			what := fmt.Sprintf("%s, %s = %s", f.kind, f.path, c.content)
			if !c.ok {
				wantReason(t, what, err, status.ReasonMalformedToken)
				continue
			}
			if got, has := f.got(f.m); err != nil || !has || got != c.want {
				t.Errorf("%s: %d %v %v, want %d", what, got, has, err, c.want)
			}
		}
	}
}

// TestPARSE_13_Nonce checks that a request keeps the form of its nonce, which its answer repeats.
func TestPARSE_13_Nonce(t *testing.T) {
	for _, c := range unsigned {
		b, _ := replaced(t, asReq(), "6a 30 a4 30 a7 02", der(2, unhex(t, c.content)))
		var m krb5.KDCReq
		err := m.Parse(b)
		if !c.ok {
			wantReason(t, c.content, err, status.ReasonMalformedToken)
			continue
		}
		negative := len(c.content) > 1 && c.content[0] >= '8'
		if err != nil || m.Nonce != c.want || uint32(m.NonceAsSent()) != c.want || m.NonceAsSent() < 0 != negative || !bytes.Equal(m.Append(nil), b) {
			t.Errorf("%s: %d, sent as %d, %v", c.content, m.Nonce, m.NonceAsSent(), err)
		}
	}
}

// TestPARSE_13_Int32 keeps signed fields signed, and to 32 bits: an encryption
// type is negative or refused, never another one.
func TestPARSE_13_Int32(t *testing.T) {
	sample := kinds(t)[1].samples[0]
	for _, c := range unsigned {
		var wide [8]byte
		content := unhex(t, c.content)
		signed := c.ok && len(content) <= 4
		if signed {
			fill := byte(0)
			if content[0] >= 0x80 {
				fill = 0xff
			}
			copy(wide[:], bytes.Repeat([]byte{fill}, 8-len(content)))
			copy(wide[8-len(content):], content)
		}
		want := int64(binary.BigEndian.Uint64(wide[:]))
		var m krb5.Ticket
		b, _ := replaced(t, sample, "61 30 a3 30 a0 02", der(2, content))
		err := m.Parse(b)
		if !signed {
			wantReason(t, c.content, err, status.ReasonMalformedToken)
		} else if err != nil || int64(m.EncPart.EType) != want {
			t.Errorf("%s: %d, %v, want %d", c.content, m.EncPart.EType, err, want)
		}
	}
}

// TestParse_Microseconds bounds cusec, susec and usec as RFC 4120, Section 5.2.4,
// does.
func TestParse_Microseconds(t *testing.T) {
	paths := map[string][]string{
		"Authenticator": {"62 30 a4 02"}, "EncAPRepPart": {"7b 30 a1 02"},
		"KRB-ERROR": {"7e 30 a3 02", "7e 30 a5 02"}, "EncKrbCredPart": {"7d 30 a3 02"},
	}
	for _, k := range kinds(t) {
		for _, p := range paths[k.name] {
			for _, v := range []int64{0, 1, 999999} {
				if b, n := replaced(t, k.samples[0], p, derInt(v)); n != 1 || k.new().Parse(b) != nil {
					t.Errorf("%s, %s = %d is refused", k.name, p, v)
				}
			}
			for _, v := range []int64{-1, 1000000, math.MaxInt32, math.MinInt32, math.MaxUint32, 1 << 32} {
				b, _ := replaced(t, k.samples[0], p, derInt(v))
				wantReason(t, fmt.Sprintf("%s, %s = %d", k.name, p, v), k.new().Parse(b), status.ReasonMalformedToken)
			}
		}
	}
}

// TestAppend_Numbers writes numbers at the bounds in the form that the package
// comment promises: those of encoding/asn1, a kvno as a signed one.
func TestAppend_Numbers(t *testing.T) {
	for _, v := range []uint32{0, 1, 127, 128, 255, 256, 32767, 32768, 1<<23 - 1, 1 << 23, 1<<31 - 1, 1 << 31, 1<<32 - 129, 1<<32 - 1} {
		part := krb5.EncAPRepPart{SequenceNumber: v, HasSequenceNumber: true}
		if got, want := part.Append(nil), der(0xa3, derInt(int64(v))); !bytes.HasSuffix(got, want) {
			t.Errorf("sequence number %d: %x does not end in %x", v, got, want)
		} else if len(got) != part.Len() {
			t.Errorf("sequence number %d: Len is %d, want %d", v, part.Len(), len(got))
		}
		rep := krb5.APRep{EncPart: krb5.EncryptedData{EType: int32(v), Kvno: v, HasKvno: true, Cipher: []byte{0xcc}}}
		want := der(0x30, der(0xa0, derInt(int64(int32(v)))), der(0xa1, derInt(int64(int32(v)))), der(0xa2, der(4, []byte{0xcc})))
		if got := rep.Append(nil); !bytes.HasSuffix(got, want) {
			t.Errorf("kvno and etype %d: %x does not end in %x", v, got, want)
		}
		rep.EncPart.HasKvno = false
		if got := rep.Append(nil); krb5.APRepLen(int32(v), 1) != len(got) {
			t.Errorf("APRepLen(%d, 1) = %d, want %d", int32(v), krb5.APRepLen(int32(v), 1), len(got))
		}
	}
}
