package etype

import (
	"bytes"
	"slices"
	"testing"

	"github.com/gosspi/kerberos/status"
)

// FuzzDecrypt decrypts any bytes with keys of every type. Bytes that were not encrypted
// under the key are refused with one Reason, because the fuzzer cannot guess a checksum.
// The corpus has ciphertexts under the keys of the published vectors. A decrypted text must
// encrypt to the same bytes.
func FuzzDecrypt(f *testing.F) {
	f.Fuzz(func(t *testing.T, id uint8, raw, ciphertext []byte, usage uint16, room uint8) {
		raw, ciphertext = exact(raw), exact(ciphertext)
		k, err := New(ID(id), raw)
		p, ok := Lookup(ID(id))
		if err != nil {
			wantReason(t, "New", err, status.ReasonETypeRefused)
			if ok && len(raw) == p.KeyLen {
				t.Errorf("a key of %d bytes is refused", len(raw))
			}
			return
		}
		prepared, err := New(ID(id), raw)
		if err != nil {
			t.Fatal(err)
		}
		prepared.Prepare(uint32(usage))
		before := bytes.Clone(ciphertext)
		dst := bytes.Repeat([]byte{0xcc}, int(room))[:room/2]
		out, err := k.Decrypt(dst, ciphertext, uint32(usage))
		other, otherErr := prepared.Decrypt(nil, ciphertext, uint32(usage))
		wantBytes(t, "the ciphertext, not to be modified", ciphertext, before)
		if (err == nil) != (otherErr == nil) || !bytes.Equal(out[len(dst):], other) {
			t.Fatalf("not prepared %x %v, prepared %x %v", out[len(dst):], err, other, otherErr)
		}
		wantBytes(t, "dst", out[:len(dst)], bytes.Repeat([]byte{0xcc}, len(dst)))
		switch {
		case usage > maxUsage:
			wantReason(t, "a usage there is not", err, status.ReasonArgument)
			return
		case err != nil:
			wantReason(t, "Decrypt", err, status.ReasonWrongKey)
			if len(out) != len(dst) {
				t.Errorf("plaintext beside an error: %x", out[len(dst):])
			}
			if behind := dst[len(dst):cap(dst)]; len(ciphertext) >= p.MinCiphertext && len(ciphertext)-p.MinCiphertext <= len(behind) {
				n := len(ciphertext) - p.MinCiphertext
				wantBytes(t, "room behind dst", behind[:n], make([]byte, n))
			}
			return
		}
		// A Usage returns the confounder too.
		sealed, mac := p.split(bytes.Clone(ciphertext))
		segs := []Segment{{B: sealed}}
		if err := newUsage(t, k, uint32(usage)).Open(segs, mac); err != nil {
			t.Fatal(err)
		}
		again, err := k.Encrypt(nil, segs[0].B[:p.ConfounderLen], out[len(dst):], uint32(usage))
		if err != nil {
			t.Fatal(err)
		}
		wantBytes(t, "encrypted again", again, ciphertext)
	})
}

// exact returns a copy without spare capacity, so that a read past the end panics.
func exact(b []byte) []byte { return slices.Clip(bytes.Clone(b)) }

// FuzzSealOpen splits a text into segments, some of them only signed. Seal must give the
// same result as for one segment, Open must return the text, and must refuse every changed
// bit.
func FuzzSealOpen(f *testing.F) {
	f.Fuzz(func(t *testing.T, id uint8, text, cuts []byte, flip uint16) {
		id = uint8(allIDs[int(id)%len(allIDs)])
		if len(cuts) > 64 || len(text) > 4096 {
			return
		}
		k := newKey(t, ID(id), 1)
		u := newUsage(t, k, 24)
		segs := segments(exact(text), cuts)
		plain, mac := clone(segs), make([]byte, k.Profile().ChecksumLen)
		whole := confidential(plain)
		err := u.Seal(segs, mac)
		if len(whole) < k.profile.ConfounderLen {
			wantReason(t, "Seal", err, status.ReasonInternal)
			wantAltered(t, u, segs, mac)
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		one := encryptWith(t, k, whole, 24)
		sealed, sum := k.profile.split(one)
		all := len(whole) == len(text)
		if all || ID(id) != RC4 { // the keystream of RC4 depends on the signed segments
			wantBytes(t, "ciphertext", confidential(segs), sealed)
		}
		if all {
			wantBytes(t, "checksum", mac, sum)
		}

		bad, badMAC := clone(segs), bytes.Clone(mac)
		flipBit(bad, badMAC, int(flip)%(8*(len(text)+len(mac))))
		wantAltered(t, u, bad, badMAC)

		if err := u.Open(segs, mac); err != nil {
			t.Fatal(err)
		}
		for i := range segs {
			wantBytes(t, "opened", segs[i].B, plain[i].B)
		}
	})
}

// segments splits text. Each byte of cuts is the length of a segment, and its highest bit
// means that the segment is only signed. The rest of the text is a segment too.
func segments(text, cuts []byte) []Segment {
	var segs []Segment
	for _, c := range cuts {
		n := min(int(c&0x7f), len(text))
		segs = append(segs, Segment{B: exact(text[:n]), SignOnly: c&0x80 != 0})
		text = text[n:]
	}
	return append(segs, Segment{B: exact(text)})
}

// encryptWith encrypts a text that begins with its confounder.
func encryptWith(t *testing.T, k *Key, text []byte, usage uint32) []byte {
	t.Helper()
	b, err := k.Encrypt(nil, text[:k.profile.ConfounderLen], text[k.profile.ConfounderLen:], usage)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func flipBit(segs []Segment, mac []byte, bit int) {
	at, mask := bit/8, byte(1)<<(bit%8)
	for _, s := range segs {
		if at < len(s.B) {
			s.B[at] ^= mask
			return
		}
		at -= len(s.B)
	}
	mac[at] ^= mask
}
