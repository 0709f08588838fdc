package etype

import (
	"bytes"
	"fmt"
	"reflect"
	"sync"
	"testing"
)

// TestKey_Prepare checks that a prepared usage changes no result.
func TestKey_Prepare(t *testing.T) {
	for _, id := range allIDs {
		plain, prepared := newKey(t, id, 1), newKey(t, id, 1)
		prepared.Prepare(2, 11, 2)
		prepared.Prepare(11)
		if n := len(prepared.material().prepared); n != 2 {
			t.Errorf("%v: %d usages are prepared, want 2", id, n)
		}
		for _, usage := range []uint32{2, 11, 3} {
			for n := range 60 {
				text := randomBytes(uint64(n), n)
				c := encrypt(t, plain, text, usage)
				wantBytes(t, "ciphertext", encrypt(t, prepared, text, usage), c)
				got, err := prepared.Decrypt(nil, c, usage)
				if err != nil {
					t.Fatal(err)
				}
				wantBytes(t, "plaintext", got, text)
				a, _ := plain.Checksum(nil, text, usage)
				b, _ := prepared.Checksum(nil, text, usage)
				wantBytes(t, "checksum", b, a)
			}
		}
		if u := newUsage(t, prepared, 11); u != newUsage(t, prepared, 11) {
			t.Errorf("%v: a prepared usage is derived again", id)
		}
	}
}

func TestKey_Equal(t *testing.T) {
	var zero Key
	b := randomBytes(1, 32)
	for _, id := range allIDs {
		p, _ := Lookup(id)
		k := newKey(t, id, 1)
		k.Prepare(2)
		if o := newKey(t, id, 1); !k.Equal(o) || !o.Equal(k) || !k.Equal(k) {
			t.Errorf("%v: a key does not equal itself", id)
		}
		for i := range 8 * p.KeyLen {
			other := bytes.Clone(b[:p.KeyLen])
			other[i/8] ^= 1 << (i % 8)
			o, err := New(id, other)
			if err != nil {
				t.Fatal(err)
			}
			if k.Equal(o) {
				t.Errorf("%v: bit %d counts for nothing", id, i)
			}
		}
		for _, other := range allIDs {
			if o := newKey(t, other, 1); other != id && k.Equal(o) {
				t.Errorf("a key of %v equals one of %v", id, other)
			}
		}
		if k.Equal(nil) || k.Equal(&zero) || zero.Equal(k) || zero.Equal(&zero) || (*Key)(nil).Equal(k) {
			t.Errorf("%v: no key equals one", id)
		}
	}
}

// TestKey_Copies checks that a Key shares no memory with the caller.
func TestKey_Copies(t *testing.T) {
	for _, id := range allIDs {
		p, _ := Lookup(id)
		in := randomBytes(1, p.KeyLen)
		k, err := New(id, in)
		if err != nil {
			t.Fatal(err)
		}
		clear(in)
		clear(k.Bytes())
		wantBytes(t, "key", k.Bytes(), randomBytes(1, p.KeyLen))
		if !k.Equal(newKey(t, id, 1)) {
			t.Errorf("%v: the caller's slice is the key", id)
		}
		if k.Profile() != p || k.Profile().ID != id {
			t.Errorf("%v: profile of %v", id, k.Profile().ID)
		}
	}
	var zero Key
	if zero.Bytes() != nil || zero.Profile() != nil {
		t.Error("the zero Key has bytes or a profile")
	}
}

// TestKey_Wipe checks that Wipe overwrites all keys that can be overwritten.
func TestKey_Wipe(t *testing.T) {
	for _, id := range allIDs {
		k := newKey(t, id, 1)
		k.Prepare(2, 11)
		m, own := k.material(), newUsage(t, k, 7)
		prepared := []*derived{newUsage(t, k, 2).derived(), newUsage(t, k, 11).derived()}
		c := encrypt(t, k, []byte("text"), 7)
		k.Wipe()
		if !reflect.ValueOf(*m).IsZero() || !reflect.ValueOf(*k).IsZero() {
			t.Errorf("%v: something of the key remains", id)
		}
		for _, d := range prepared {
			if *d != (derived{}) {
				t.Errorf("%v: something of a prepared usage remains", id)
			}
		}
		k.Wipe() // of a zero Key

		// A usage that was not prepared has its own keys.
		text, mac := own.profile.split(c)
		if err := own.Open([]Segment{{B: text}}, mac); err != nil {
			t.Errorf("%v: %v", id, err)
		}
		d := own.derived()
		own.Wipe()
		if *d != (derived{}) {
			t.Errorf("%v: something of a usage remains", id)
		}
	}
}

// TestScratch_Put checks that scratch memory holds no key, text or checksum when it returns
// to the pool.
func TestScratch_Put(t *testing.T) {
	for _, id := range allIDs {
		k := newKey(t, id, 1)
		u := newUsage(t, k, 2)
		p := k.Profile()
		for name, use := range map[string]func(s *scratch){
			"seal prepared": func(s *scratch) {
				s.seal(p, u.derived().ke, &u.derived().ki, []Segment{{B: randomBytes(5, 77)}}, make([]byte, p.ChecksumLen))
			},
			"seal": func(s *scratch) {
				ke, ki := k.cipherKeys(s, 3)
				s.seal(p, ke, ki, []Segment{{B: randomBytes(5, 77)}}, make([]byte, p.ChecksumLen))
			},
			"open": func(s *scratch) {
				ke, ki := k.cipherKeys(s, 3)
				s.open(p, ke, ki, []Segment{{B: randomBytes(5, 77)}}, make([]byte, p.ChecksumLen))
			},
			"checksum": func(s *scratch) { k.checksum(s, randomBytes(5, 77), 3) },
			"derive":   func(s *scratch) { k.deriveUsage(s, 3, forIntegrity) },
			"anything": func(s *scratch) {
				for _, b := range [][]byte{s.pad[:], s.sum[:], s.key[:], s.confounder[:], s.tail[:], s.vector[:], s.once.inner[:]} {
					copy(b, randomBytes(5, len(b)))
				}
			},
			"keep": func(s *scratch) { s.keep(new(hmacKey), randomBytes(5, 16)) },
		} {
			s, fresh := p.hash.pool.New().(*scratch), p.hash.pool.New().(*scratch)
			use(s)
			s.put()
			fresh.put()
			// The text shows the digest's fields, including its buffer.
			if got, want := fmt.Sprint(s.digest), fmt.Sprint(fresh.digest); got != want {
				t.Errorf("%v, after %s: the digest is %s, a fresh one %s", id, name, got, want)
			}
			for what, b := range map[string][]byte{
				"pad": s.pad[:], "sum": s.sum[:], "key": s.key[:], "confounder": s.confounder[:], "tail": s.tail[:], "vector": s.vector[:],
				"once, inner": s.once.inner[:], "once, outer": s.once.outer[:],
				"state": s.state[stateOffset:][:p.hash.stateLen], "saved": s.saved[:cap(s.saved)],
			} {
				if !bytes.Equal(b, make([]byte, len(b))) {
					t.Errorf("%v, after %s: %s is %x", id, name, what, b)
				}
			}
		}
	}
}

// TestConcurrency makes concurrent calls for the race detector.
func TestConcurrency(t *testing.T) {
	eachType(t, func(t *testing.T, k *Key) {
		u := newUsage(t, k, 2)
		text := randomBytes(3, 100)
		c := encrypt(t, k, text, 2)
		sum, err := k.Checksum(nil, text, 2)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 50 {
					got, err := k.Decrypt(nil, c, 2)
					if err != nil || !bytes.Equal(got, text) {
						t.Errorf("Decrypt: %v", err)
					}
					if !bytes.Equal(encrypt(t, k, text, 2), c) {
						t.Error("Encrypt: another ciphertext")
					}
					if !k.VerifyChecksum(sum, text, 2) || !u.Verify(sum, text) || !k.Equal(k) {
						t.Error("a good checksum is refused")
					}
					sealed, mac := k.profile.split(bytes.Clone(c))
					if err := u.Open([]Segment{{B: sealed}}, mac); err != nil {
						t.Errorf("Open: %v", err)
					}
					if _, err := k.PRF(nil, text); err != nil && k.profile.ID != RC4 {
						t.Error(err)
					}
					_, _ = k.Decrypt(nil, c[:len(c)-1], 2)
				}
			})
		}
		wg.Wait()
	})
}
