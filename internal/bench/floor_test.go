package bench

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding"
	"encoding/binary"
	"errors"
	"hash"
)

// The floor implements one encryption type, aes256-cts-hmac-sha1-96 (RFC 3962), and the key
// usages of one exchange (RFC 4120, Section 7.5.1).
const (
	confounderLen = aes.BlockSize
	macLen        = 12
	keyLen        = 32

	usageTicket        = 2
	usageAuthenticator = 11
	usageAPRep         = 12

	// An EncAPRepPart with subkey and sequence number has about this length.
	apRepLen = 90
	// Confounder, subkey and sequence number, which are read at once.
	randomLen = confounderLen + keyLen + 4
)

var errFloor = errors.New("bench: the floor's checksum does not match")

// pair holds the two ciphertexts of an AP-REQ.
type pair struct {
	ticket, authenticator []byte
}

// floor is the optimised loop. One goroutine uses it and its scratch memory.
type floor struct {
	serviceKe cipher.Block
	serviceKi midstates
	session   [keyLen]byte

	digest  hash.Hash
	restore encoding.BinaryUnmarshaler
	plain   []byte
	reply   []byte
	random  [randomLen]byte
	pad     [sha1.BlockSize]byte
	sum     [sha1.Size]byte
	derived [keyLen]byte
	block   [aes.BlockSize]byte
}

// midstates is an HMAC key as the states of the hash after the two pads.
type midstates struct {
	inner, outer []byte
}

// These are the folded constants of the four key derivations of an accept.
var (
	foldKe11 = foldUsage(usageAuthenticator, 0xAA)
	foldKi11 = foldUsage(usageAuthenticator, 0x55)
	foldKe12 = foldUsage(usageAPRep, 0xAA)
	foldKi12 = foldUsage(usageAPRep, 0x55)
)

func newFloor(service, session []byte) *floor {
	f := &floor{digest: sha1.New()}
	f.restore = f.digest.(encoding.BinaryUnmarshaler)
	copy(f.session[:], session)
	block := mustCipher(service)
	var ke, ki [keyLen]byte
	derive(&ke, block, foldUsage(usageTicket, 0xAA))
	derive(&ki, block, foldUsage(usageTicket, 0x55))
	f.serviceKe = mustCipher(ke[:])
	f.serviceKi = newMidstates(ki[:])
	return f
}

// accept does the cryptography of one mutual accept and returns the ciphertext
// of the AP-REP, which is valid until the next call.
func (f *floor) accept(p pair) ([]byte, error) {
	f.plain = f.decryptCTS(f.plain[:0], f.serviceKe, p.ticket[:len(p.ticket)-macLen])
	if !hmac.Equal(f.macKept(&f.serviceKi, f.plain), p.ticket[len(p.ticket)-macLen:]) {
		return nil, errFloor
	}
	session := mustCipher(f.session[:])
	derive(&f.derived, session, foldKe11)
	ke := mustCipher(f.derived[:])
	derive(&f.derived, session, foldKi11)
	f.plain = f.decryptCTS(f.plain[:0], ke, p.authenticator[:len(p.authenticator)-macLen])
	if !hmac.Equal(f.macOnce(f.plain), p.authenticator[len(p.authenticator)-macLen:]) {
		return nil, errFloor
	}
	if _, err := rand.Read(f.random[:]); err != nil {
		return nil, err
	}
	derive(&f.derived, session, foldKe12)
	ke = mustCipher(f.derived[:])
	derive(&f.derived, session, foldKi12)
	f.reply = append(f.reply[:0], f.random[:]...)
	f.reply = append(f.reply, zeros[:confounderLen+apRepLen-randomLen]...)
	mac := f.macOnce(f.reply)
	f.encryptCTS(f.reply, ke)
	f.reply = append(f.reply, mac...)
	return f.reply, nil
}

// macKept returns the checksum under a key whose states are stored. The result is valid
// until the next call.
func (f *floor) macKept(m *midstates, data []byte) []byte {
	_ = f.restore.UnmarshalBinary(m.inner)
	f.digest.Write(data)
	inner := f.digest.Sum(f.sum[:0])
	_ = f.restore.UnmarshalBinary(m.outer)
	f.digest.Write(inner)
	return f.digest.Sum(f.sum[:0])[:macLen]
}

// macOnce returns the checksum under f.derived, a key that is used for this message only.
func (f *floor) macOnce(data []byte) []byte {
	padWith(&f.pad, f.derived[:], 0x36)
	f.digest.Reset()
	f.digest.Write(f.pad[:])
	f.digest.Write(data)
	inner := f.digest.Sum(f.sum[:0])
	padWith(&f.pad, f.derived[:], 0x5c)
	f.digest.Reset()
	f.digest.Write(f.pad[:])
	f.digest.Write(inner)
	return f.digest.Sum(f.sum[:0])[:macLen]
}

func padWith(pad *[sha1.BlockSize]byte, key []byte, b byte) {
	for i := range pad {
		pad[i] = b
	}
	for i, k := range key {
		pad[i] ^= k
	}
}

func newMidstates(key []byte) midstates {
	state := func(b byte) []byte {
		var pad [sha1.BlockSize]byte
		padWith(&pad, key, b)
		h := sha1.New()
		h.Write(pad[:])
		s, err := h.(encoding.BinaryMarshaler).MarshalBinary()
		if err != nil {
			panic(err) // a hash of the standard library can always be marshaled
		}
		return s
	}
	return midstates{inner: state(0x36), outer: state(0x5c)}
}

// derive computes DR of RFC 3961, Section 5.1, for a key of two blocks.
func derive(dst *[keyLen]byte, block cipher.Block, constant *[aes.BlockSize]byte) {
	block.Encrypt(dst[:aes.BlockSize], constant[:])
	block.Encrypt(dst[aes.BlockSize:], dst[:aes.BlockSize])
}

// decryptCTS appends the decryption of c, which is longer than one block, under
// a zero vector: CBC, the last two blocks exchanged and the short one stolen
// from its neighbour (RFC 3962, Section 5).
func (f *floor) decryptCTS(dst []byte, block cipher.Block, c []byte) []byte {
	const n = aes.BlockSize
	start := len(dst)
	dst = append(dst, c...)
	out := dst[start:]
	short := (len(c)-1)%n + 1
	body := len(c) - short - n // bytes before the last two blocks
	prev := zeros[:n]
	for i := 0; i < body; i += n {
		block.Decrypt(out[i:i+n], c[i:i+n])
		xorBlock(out[i:i+n], prev)
		prev = c[i : i+n]
	}
	stolen := f.block[:]
	block.Decrypt(out[body:body+n], c[body:body+n])
	copy(stolen, out[body:body+n])
	copy(stolen[:short], c[body+n:])
	for i := range short {
		out[body+n+i] = out[body+i] ^ c[body+n+i]
	}
	block.Decrypt(out[body:body+n], stolen)
	xorBlock(out[body:body+n], prev)
	return dst
}

// encryptCTS is the inverse, in place.
func (f *floor) encryptCTS(b []byte, block cipher.Block) {
	const n = aes.BlockSize
	short := (len(b)-1)%n + 1
	body := len(b) - short // bytes in whole blocks before the last
	prev := zeros[:n]
	for i := 0; i < body; i += n {
		xorBlock(b[i:i+n], prev)
		block.Encrypt(b[i:i+n], b[i:i+n])
		prev = b[i : i+n]
	}
	last := f.block[:]
	clear(last[copy(last, b[body:]):])
	xorBlock(last, prev)
	block.Encrypt(last, last)
	copy(b[body:], prev[:short])
	copy(b[body-n:body], last)
}

func xorBlock(dst, src []byte) {
	a, b := (*[aes.BlockSize]byte)(dst), (*[aes.BlockSize]byte)(src)
	x := binary.NativeEndian.Uint64(a[:8]) ^ binary.NativeEndian.Uint64(b[:8])
	y := binary.NativeEndian.Uint64(a[8:]) ^ binary.NativeEndian.Uint64(b[8:])
	binary.NativeEndian.PutUint64(a[:8], x)
	binary.NativeEndian.PutUint64(a[8:], y)
}

var zeros [confounderLen + apRepLen]byte

func mustCipher(key []byte) cipher.Block {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the lengths in this file are valid
	}
	return block
}

// foldUsage returns the n-fold to one block of a usage's constant: the number and a byte
// for the purpose of the key (RFC 3961, Section 5.3).
func foldUsage(usage uint32, purpose byte) *[aes.BlockSize]byte {
	var constant [5]byte
	binary.BigEndian.PutUint32(constant[:], usage)
	constant[4] = purpose
	return (*[aes.BlockSize]byte)(fold(constant[:], aes.BlockSize))
}

// fold computes the n-fold of RFC 3961, Section 5.1: it adds copies of in, each rotated
// right by 13 bits more than the one before, as ones' complement numbers of size bytes. It
// runs only at the start.
func fold(in []byte, size int) []byte {
	total := lcm(len(in), size)
	long := make([]byte, 0, total)
	for i := 0; len(long) < total; i++ {
		long = append(long, rotateRight(in, 13*i)...)
	}
	out := make([]byte, size)
	for ; len(long) > 0; long = long[size:] {
		carry := 0
		for i := size - 1; i >= 0; i-- {
			carry += int(out[i]) + int(long[i])
			out[i], carry = byte(carry), carry>>8
		}
		for i := size - 1; carry > 0; i = (i - 1 + size) % size {
			carry += int(out[i])
			out[i], carry = byte(carry), carry>>8
		}
	}
	return out
}

func rotateRight(b []byte, bits int) []byte {
	n := 8 * len(b)
	out := make([]byte, len(b))
	for i := range n {
		from := ((i-bits)%n + n) % n
		out[i/8] |= b[from/8] >> (7 - from%8) & 1 << (7 - i%8)
	}
	return out
}

func lcm(a, b int) int {
	g, h := a, b
	for h != 0 {
		g, h = h, g%h
	}
	return a / g * b
}
