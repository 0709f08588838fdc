package etype

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gosspi/kerberos/status"
)

// randomBytes returns the same bytes in every run.
func randomBytes(seed uint64, n int) []byte {
	b := make([]byte, n)
	var s [32]byte
	for i := range 8 {
		s[i] = byte(seed >> (8 * i))
	}
	_, _ = rand.NewChaCha8(s).Read(b)
	return b
}

func newKey(t testing.TB, id ID, seed uint64) *Key {
	t.Helper()
	p, _ := Lookup(id)
	k, err := New(id, randomBytes(seed, p.KeyLen))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// eachType runs f with a key of every type, with usage 2 prepared and without.
func eachType(t *testing.T, f func(t *testing.T, k *Key)) {
	for _, id := range allIDs {
		t.Run(id.String(), func(t *testing.T) { f(t, newKey(t, id, 1)) })
		t.Run(id.String()+" prepared", func(t *testing.T) {
			k := newKey(t, id, 1)
			k.Prepare(2)
			f(t, k)
		})
	}
}

func encrypt(t testing.TB, k *Key, plaintext []byte, usage uint32) []byte {
	t.Helper()
	b, err := k.Encrypt(nil, randomBytes(99, k.profile.ConfounderLen), plaintext, usage)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Clip(b)
}

func TestKEY_1_Permitted(t *testing.T) {
	for _, c := range []struct {
		list []int32
		want []int32
	}{
		{nil, []int32{17, 18, 19, 20}},
		{[]int32{}, nil},
		{[]int32{18}, []int32{18}},
		{[]int32{20, 17, 20}, []int32{17, 20}},
		{[]int32{23, 16, 1, 3, 24, 25, 26, 0, -1, math.MaxInt32, math.MinInt32}, []int32{23}},
		{[]int32{23, 19}, []int32{19, 23}},
	} {
		for _, e := range []int32{math.MinInt32, math.MinInt32 + 17, -133, -1, 0, 1, 3, 16, 17, 18, 19, 20, 21, 23, 24, 25, 26, 273, math.MaxInt32} {
			if got, want := Permitted(c.list, e), slices.Contains(c.want, e); got != want {
				t.Errorf("Permitted(%v, %d) = %v", c.list, e, got)
			}
		}
	}
}

// TestKEY_3_Length checks that New accepts only keys of the length of the type (RFC 3962,
// Section 6; RFC 8009, Section 5; RFC 4757, Section 2), and none of a type without
// implementation.
func TestKEY_3_Length(t *testing.T) {
	lengths := map[ID]int{AES128SHA1: 16, AES256SHA1: 32, AES128SHA2: 16, AES256SHA2: 32, RC4: 16}
	for _, id := range []ID{-1, 0, 1, 3, 16, 17, 18, 19, 20, 21, 23, 24, 25, 26, math.MaxInt32, math.MinInt32} {
		for n := range 65 {
			k, err := New(id, make([]byte, n))
			if want, ok := lengths[id]; ok && want == n {
				if err != nil {
					t.Errorf("%v of %d bytes: %v", id, n, err)
				}
				continue
			}
			wantReason(t, fmt.Sprintf("%v of %d bytes", id, n), err, status.ReasonETypeRefused)
			if k != nil {
				t.Errorf("%v of %d bytes: a key beside an error", id, n)
			}
		}
	}
}

// TestKEY_4_EveryLength checks that a ciphertext of any length under another key is refused
// with one Reason and one text, and that a valid one is accepted from the minimum length
// on.
func TestKEY_4_EveryLength(t *testing.T) {
	minimum := map[ID]int{AES128SHA1: 28, AES256SHA1: 28, AES128SHA2: 32, AES256SHA2: 40, RC4: 24}
	eachType(t, func(t *testing.T, k *Key) {
		p := k.Profile()
		if p.MinCiphertext != minimum[p.ID] {
			t.Errorf("at least %d bytes, want %d", p.MinCiphertext, minimum[p.ID])
		}
		var text string
		for n := range 130 {
			out, err := k.Decrypt([]byte("dst"), randomBytes(uint64(n), n), 2)
			wantReason(t, fmt.Sprintf("%d bytes", n), err, status.ReasonWrongKey)
			if string(out) != "dst" {
				t.Errorf("%d bytes: dst is %q", n, out)
			}
			if text == "" {
				text = err.Error()
			} else if err.Error() != text {
				t.Errorf("%d bytes: %q, before %q", n, err, text)
			}
		}
		// A valid ciphertext with a byte more or less is refused.
		for n := range 50 {
			c := encrypt(t, k, randomBytes(1, n), 2)
			if len(c) != minimum[p.ID]+n {
				t.Errorf("%d bytes of ciphertext for %d", len(c), n)
			}
			for cut := range c {
				if _, err := k.Decrypt(nil, slices.Clip(c[:cut]), 2); status.ReasonOf(err) != status.ReasonWrongKey {
					t.Errorf("%d of %d bytes: %v", cut, len(c), err)
				}
			}
			_, err := k.Decrypt(nil, append(c, 0), 2)
			wantReason(t, "a byte too much", err, status.ReasonWrongKey)
		}
	})
}

func TestSEC_6_EveryBit(t *testing.T) {
	eachType(t, func(t *testing.T, k *Key) {
		for _, n := range []int{0, 1, 16, 37} {
			plaintext := randomBytes(7, n)
			c := encrypt(t, k, plaintext, 2)
			var text string
			for bit := range 8 * len(c) {
				bad := bytes.Clone(c)
				bad[bit/8] ^= 1 << (bit % 8)
				room := bytes.Repeat([]byte{0xcc}, 4+len(c))
				out, err := k.Decrypt(room[:4], bad, 2)
				wantReason(t, fmt.Sprintf("%d bytes, bit %d", n, bit), err, status.ReasonWrongKey)
				if text != "" && err.Error() != text {
					t.Errorf("bit %d tells itself: %q", bit, err)
				}
				text = err.Error()
				if !bytes.Equal(out, []byte{0xcc, 0xcc, 0xcc, 0xcc}) || &out[0] != &room[0] {
					t.Errorf("bit %d: dst is %x", bit, out)
				}
				wantBytes(t, "room behind dst", room[4:][:n], make([]byte, n))
				wantBytes(t, "room behind that", room[4+n:], bytes.Repeat([]byte{0xcc}, len(c)-n))
			}
			got, err := k.Decrypt(nil, c, 2)
			if err != nil {
				t.Fatal(err)
			}
			wantBytes(t, "plaintext", got, plaintext)
		}
	})
}

// TestSEC_6_AnotherUsage checks that a ciphertext or checksum for one usage, type or
// purpose is refused for every other.
func TestSEC_6_AnotherUsage(t *testing.T) {
	eachType(t, func(t *testing.T, k *Key) {
		c := encrypt(t, k, []byte("plaintext"), 2)
		for _, usage := range []uint32{0, 1, 3, 258, 1026, 2047} {
			_, err := k.Decrypt(nil, c, usage)
			wantReason(t, fmt.Sprintf("usage %d", usage), err, status.ReasonWrongKey)
		}
		for _, id := range allIDs {
			for _, seed := range []uint64{1, 2} {
				o := newKey(t, id, seed)
				if o.Equal(k) {
					continue
				}
				_, err := o.Decrypt(nil, c, 2)
				wantReason(t, fmt.Sprintf("another key of %v", id), err, status.ReasonWrongKey)
			}
		}
		sum, err := k.Checksum(nil, []byte("text"), 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			what  string
			sum   []byte
			text  string
			usage uint32
		}{
			{"another usage", sum, "text", 3},
			{"another text", sum, "texu", 2},
			{"longer text", sum, "text\x00", 2},
			{"shorter text", sum, "tex", 2},
			{"shorter sum", sum[:len(sum)-1], "text", 2},
			{"longer sum", append(bytes.Clone(sum), 0), "text", 2},
			{"no sum", nil, "text", 2},
			{"a usage there is not", sum, "text", 2048},
		} {
			if k.VerifyChecksum(c.sum, []byte(c.text), c.usage) {
				t.Errorf("%s is accepted", c.what)
			}
		}
		for bit := range 8 * len(sum) {
			bad := bytes.Clone(sum)
			bad[bit/8] ^= 1 << (bit % 8)
			if k.VerifyChecksum(bad, []byte("text"), 2) {
				t.Errorf("bit %d of the checksum counts for nothing", bit)
			}
		}
	})
}

// TestKey_Arguments checks that errors of the caller do not blame the peer.
func TestKey_Arguments(t *testing.T) {
	eachType(t, func(t *testing.T, k *Key) {
		long := make([]byte, 100)
		wiped := newKey(t, k.Profile().ID, 1)
		wiped.Prepare(2)
		wiped.Wipe()
		for name, c := range map[string]struct {
			k     *Key
			usage uint32
		}{
			"nil": {nil, 2}, "zero": {new(Key), 2}, "wiped": {wiped, 2}, "usage 2048": {k, 2048}, "usage 2^32-1": {k, math.MaxUint32},
		} {
			for _, f := range []func() ([]byte, error){
				func() ([]byte, error) { return c.k.Decrypt([]byte("dst"), long, c.usage) },
				func() ([]byte, error) {
					return c.k.Encrypt([]byte("dst"), long[:k.profile.ConfounderLen], long, c.usage)
				},
				func() ([]byte, error) { return c.k.Checksum([]byte("dst"), long, c.usage) },
			} {
				out, err := f()
				wantReason(t, name, err, status.ReasonArgument)
				if string(out) != "dst" {
					t.Errorf("%s: dst is %q", name, out)
				}
			}
			u, err := c.k.Usage(c.usage)
			wantReason(t, name, err, status.ReasonArgument)
			if u != nil {
				t.Errorf("%s: a Usage beside an error", name)
			}
			if c.k.VerifyChecksum(nil, nil, c.usage) || c.k.VerifyChecksum(long[:12], nil, c.usage) {
				t.Errorf("%s: a checksum is accepted", name)
			}
			if c.usage == 2 {
				_, err := c.k.PRF(nil, nil)
				wantReason(t, name, err, status.ReasonArgument)
			}
		}
		for _, n := range []int{0, k.profile.ConfounderLen - 1, k.profile.ConfounderLen + 1, 32} {
			_, err := k.Encrypt(nil, make([]byte, n), nil, 2)
			wantReason(t, fmt.Sprintf("a confounder of %d bytes", n), err, status.ReasonInternal)
		}
		k.Prepare(2048, math.MaxUint32) // ignored
		new(Key).Prepare(2)
	})
	_, err := StringToKey(AES128SHA1, "password", "salt", maxIterations+1)
	wantReason(t, "too many iterations", err, status.ReasonArgument)
}

// TestKey_Append checks that results are appended in place if there is room, and to a copy
// otherwise, with the same bytes.
func TestKey_Append(t *testing.T) {
	eachType(t, func(t *testing.T, k *Key) {
		for n := range 70 {
			plaintext := randomBytes(uint64(n), n)
			c := encrypt(t, k, plaintext, 2)
			for room := -1; room <= 1; room++ {
				check := func(what string, want []byte, f func(dst []byte) ([]byte, error)) {
					if len(want)+room < 0 {
						return
					}
					dst := append(make([]byte, 0, 3+len(want)+room), "dst"...)
					out, err := f(dst)
					if err != nil {
						t.Fatalf("%s: %v", what, err)
					}
					wantBytes(t, what, out, append([]byte("dst"), want...))
					if inPlace := &out[0] == &dst[0]; inPlace != (room >= 0) && len(want) > 0 {
						t.Errorf("%s of %d bytes with %d to spare: in place %v", what, n, room, inPlace)
					}
					wantBytes(t, what+" dst", dst, []byte("dst"))
				}
				check("plaintext", plaintext, func(dst []byte) ([]byte, error) { return k.Decrypt(dst, c, 2) })
				check("ciphertext", c, func(dst []byte) ([]byte, error) {
					return k.Encrypt(dst, randomBytes(99, k.profile.ConfounderLen), plaintext, 2)
				})
			}
		}
	})
}
