package etype

import (
	"fmt"
	"testing"
)

// benchKeys runs f with a key of every type: one that is used once, like the session key of
// a ticket, and one with prepared usages, like a service's key.
func benchKeys(b *testing.B, n int, f func(b *testing.B, k *Key)) {
	for _, id := range allIDs {
		for _, prepared := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d/prepared=%v", int32(id), prepared), func(b *testing.B) {
				k := newKey(b, id, 1)
				if prepared {
					k.Prepare(2)
				}
				b.SetBytes(int64(n))
				b.ReportAllocs()
				f(b, k)
			})
		}
	}
}

const ticketLen = 300

func BenchmarkDecrypt300(b *testing.B) {
	benchKeys(b, ticketLen, func(b *testing.B, k *Key) {
		c := encrypt(b, k, make([]byte, ticketLen), 2)
		room := make([]byte, 0, len(c))
		for b.Loop() {
			if _, err := k.Decrypt(room, c, 2); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkDecryptWrong300 measures the work that a client without a valid ticket can
// cause.
func BenchmarkDecryptWrong300(b *testing.B) {
	benchKeys(b, ticketLen, func(b *testing.B, k *Key) {
		c := encrypt(b, k, make([]byte, ticketLen), 2)
		c[0] ^= 1
		room := make([]byte, 0, len(c))
		for b.Loop() {
			if _, err := k.Decrypt(room, c, 2); err == nil {
				b.Fatal("accepted")
			}
		}
	})
}

func BenchmarkEncrypt300(b *testing.B) {
	benchKeys(b, ticketLen, func(b *testing.B, k *Key) {
		confounder, text := make([]byte, MaxConfounderLen), make([]byte, ticketLen)
		room := make([]byte, 0, 400)
		for b.Loop() {
			if _, err := k.Encrypt(room, confounder, text, 2); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkSeal64K(b *testing.B) {
	benchUsages(b, func(b *testing.B, u *Usage, segs []Segment, mac []byte) {
		for b.Loop() {
			if err := u.Seal(segs, mac); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkSealOpen64K minus [BenchmarkSeal64K] is the cost of opening, because a text can
// be opened in place only once.
func BenchmarkSealOpen64K(b *testing.B) {
	benchUsages(b, func(b *testing.B, u *Usage, segs []Segment, mac []byte) {
		for b.Loop() {
			if err := u.Seal(segs, mac); err != nil {
				b.Fatal(err)
			}
			if err := u.Open(segs, mac); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// benchUsages runs f with a message of RFC 4121: confounder, text, header.
func benchUsages(b *testing.B, f func(b *testing.B, u *Usage, segs []Segment, mac []byte)) {
	for _, id := range allIDs {
		b.Run(fmt.Sprint(int32(id)), func(b *testing.B) {
			u := newUsage(b, newKey(b, id, 1), 24)
			segs := []Segment{{B: make([]byte, MaxConfounderLen)}, {B: make([]byte, 64<<10)}, {B: make([]byte, 16)}}
			mac := make([]byte, u.Profile().ChecksumLen)
			b.SetBytes(64 << 10)
			b.ReportAllocs()
			f(b, u, segs, mac)
		})
	}
}

func BenchmarkNew(b *testing.B) {
	benchKeys(b, 0, func(b *testing.B, k *Key) {
		raw := k.Bytes()
		for b.Loop() {
			if _, err := New(k.Profile().ID, raw); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkUsage(b *testing.B) {
	for _, id := range allIDs {
		b.Run(fmt.Sprint(int32(id)), func(b *testing.B) {
			k := newKey(b, id, 1)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := k.Usage(24); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
