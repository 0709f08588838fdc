//go:build !race

package etype

import "testing"

// TestAllocations checks the allocations that the comments of the package promise. (With
// the race detector, sync.Pool drops values at random.)
func TestAllocations(t *testing.T) {
	for _, id := range allIDs {
		plain, prepared := newKey(t, id, 1), newKey(t, id, 1)
		prepared.Prepare(2)
		u := newUsage(t, prepared, 2)
		text, confounder := randomBytes(1, 300), randomBytes(2, plain.profile.ConfounderLen)
		c := encrypt(t, plain, text, 2)
		bad := append([]byte{c[0] ^ 1}, c[1:]...)
		sum, err := plain.Checksum(nil, text, 2)
		if err != nil {
			t.Fatal(err)
		}
		sealed, mac := plain.profile.split(append([]byte(nil), c...))
		rc4 := 0.0 // each RC4 message has its own key schedule
		if id == RC4 {
			rc4 = 1
		}
		segs := []Segment{{B: sealed[:40]}, {B: text, SignOnly: true}, {B: sealed[40:]}}
		room := make([]byte, 0, 400)

		for _, c := range []struct {
			what string
			want float64
			f    func()
		}{
			{"Decrypt, prepared", rc4, func() { _, _ = prepared.Decrypt(room, c, 2) }},
			{"Decrypt", 1, func() { _, _ = plain.Decrypt(room, c, 2) }},
			{"Decrypt without room, prepared", 1 + rc4, func() { _, _ = prepared.Decrypt(nil, c, 2) }},
			{"Decrypt of what is bad, prepared: the error and its text", 2 + rc4, func() { _, _ = prepared.Decrypt(room, bad, 2) }},
			{"Encrypt, prepared", rc4, func() { _, _ = prepared.Encrypt(room, confounder, text, 2) }},
			{"Encrypt", 1, func() { _, _ = plain.Encrypt(room, confounder, text, 2) }},
			{"Checksum, prepared", 0, func() { _, _ = prepared.Checksum(room, text, 2) }},
			{"Checksum", 0, func() { _, _ = plain.Checksum(room, text, 2) }},
			{"VerifyChecksum, prepared", 0, func() { prepared.VerifyChecksum(sum, text, 2) }},
			{"VerifyChecksum", 0, func() { plain.VerifyChecksum(sum, text, 2) }},
			{"Usage, prepared", 0, func() { _, _ = prepared.Usage(2) }},
			{"Usage: itself and a key schedule", 2 - rc4, func() { _, _ = plain.Usage(2) }},
			{"Seal and Open", 2 * rc4, func() { _ = u.Seal(segs, mac); _ = u.Open(segs, mac) }},
			{"Sum", 0, func() { u.Sum(room, text, sum) }},
			{"Verify", 0, func() { u.Verify(sum, text) }},
			{"Equal", 0, func() { plain.Equal(prepared) }},
			{"Bytes", 1, func() { sink = plain.Bytes() }},
		} {
			if got := testing.AllocsPerRun(200, c.f); got != c.want {
				t.Errorf("%v: %s allocates %v times, want %v", id, c.what, got, c.want)
			}
		}
		want := map[ID]float64{AES128SHA1: 2, AES256SHA1: 2, AES128SHA2: 1, AES256SHA2: 1, RC4: 1}[id] // types 17 and 18 have a key schedule
		b := plain.Bytes()
		if got := testing.AllocsPerRun(200, func() { _, _ = New(id, b) }); got != want {
			t.Errorf("%v: New allocates %v times, want %v", id, got, want)
		}
	}
}

var sink []byte
