package etype

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding"
	"hash"
	"sync"
)

// hashing is the hash function of a type and the scratch to use it with.
type hashing struct {
	approved bool // by FIPS 140-3, as package crypto/fips140 sees it
	blockLen int  // what HMAC pads its key to
	stateLen int  // of the chaining value, which is what an HMAC key boils down to
	pool     sync.Pool
}

var (
	md5Hashing    = newHashing(md5.New, false, md5.BlockSize, md5.Size)
	sha1Hashing   = newHashing(sha1.New, false, sha1.BlockSize, sha1.Size)
	sha256Hashing = newHashing(sha256.New, true, sha256.BlockSize, sha256.Size)
	sha384Hashing = newHashing(sha512.New384, true, sha512.BlockSize, sha512.Size)
)

const (
	maxBlockLen = sha512.BlockSize
	maxStateLen = sha512.Size
)

func newHashing(newHash func() hash.Hash, approved bool, blockLen, stateLen int) *hashing {
	h := &hashing{approved: approved, blockLen: blockLen, stateLen: stateLen}
	h.pool.New = func() any { return newScratch(h, newHash()) }
	return h
}

// hmacKey is an HMAC key (RFC 2104) as the chaining values of the hash after the
// one block of each pad. With it, a checksum costs two hash blocks less, and it
// can be shared where a hash cannot.
type hmacKey struct {
	inner, outer [maxStateLen]byte
}

// digest is what every hash of the standard library is.
type digest interface {
	hash.Hash
	encoding.BinaryAppender
	encoding.BinaryUnmarshaler
}

// scratch is what one operation needs beside its arguments. It lives on the heap
// because what is passed through an interface escapes, and in a pool so that
// this costs nothing. Nothing in it outlives the operation.
type scratch struct {
	h      *hashing
	digest digest
	state  []byte // a marshaled digest after one block; see load
	saved  []byte // room for another

	pad   [maxBlockLen]byte // key of a single use, padded, inner form
	sum   [maxStateLen]byte
	key   [maxStateLen]byte // the last derived key, maybe with more behind it
	label [24]byte

	confounder [MaxConfounderLen]byte
	tail       [2 * blockLen]byte
	vector     [blockLen]byte

	once hmacKey // RC4's, for a usage that is not prepared
}

func newScratch(h *hashing, d hash.Hash) *scratch {
	s := &scratch{h: h, digest: d.(digest)}
	_, _ = s.digest.Write(s.pad[:h.blockLen])
	s.state = s.save(nil)
	s.saved = make([]byte, 0, len(s.state))
	return s
}

func (h *hashing) get() *scratch { return h.pool.Get().(*scratch) }

// put wipes s and gives it back.
func (s *scratch) put() {
	clear(s.pad[:])
	clear(s.sum[:])
	clear(s.key[:])
	clear(s.confounder[:])
	clear(s.tail[:])
	clear(s.vector[:])
	s.once = hmacKey{}
	// state and digest still hold a chaining value, and the digest behind it the
	// end of a text. By now sum is zero.
	s.load(&s.sum)
	s.h.pool.Put(s)
}

// stateOffset is where the chaining value stands in a marshaled hash of the
// standard library: behind four bytes that name the hash. Package hash promises
// that states once written can be read by later versions.
const stateOffset = 4

// load puts the digest into the state after one block, given by its chaining
// value.
func (s *scratch) load(state *[maxStateLen]byte) {
	copy(s.state[stateOffset:], state[:s.h.stateLen])
	if err := s.digest.UnmarshalBinary(s.state); err != nil {
		panic("etype: unreachable: a hash refuses its own state")
	}
}

func (s *scratch) save(dst []byte) []byte {
	b, err := s.digest.AppendBinary(dst)
	if err != nil {
		panic("etype: unreachable: a hash of the standard library has no state")
	}
	return b
}

// setKey makes key, of at most a block, the HMAC key of begin(nil).
func (s *scratch) setKey(key []byte) {
	n := copy(s.pad[:], key)
	clear(s.pad[n:])
	s.flip(innerPad)
}

const innerPad, outerPad = 0x36, 0x5c // RFC 2104

func (s *scratch) flip(b byte) {
	for i := range s.pad[:s.h.blockLen] {
		s.pad[i] ^= b
	}
}

// keep computes what begin can take in place of setKey, again and again.
func (s *scratch) keep(k *hmacKey, key []byte) {
	s.setKey(key)
	s.digest.Reset()
	_, _ = s.digest.Write(s.pad[:s.h.blockLen])
	s.saved = s.save(s.saved[:0])
	copy(k.inner[:], s.saved[stateOffset:][:s.h.stateLen])
	s.flip(innerPad ^ outerPad)
	s.digest.Reset()
	_, _ = s.digest.Write(s.pad[:s.h.blockLen])
	s.saved = s.save(s.saved[:0])
	copy(k.outer[:], s.saved[stateOffset:][:s.h.stateLen])
	clear(s.saved)
}

// begin starts an HMAC under k or, if that is nil, under the key of setKey.
func (s *scratch) begin(k *hmacKey) {
	if k != nil {
		s.load(&k.inner)
		return
	}
	s.digest.Reset()
	_, _ = s.digest.Write(s.pad[:s.h.blockLen])
}

func (s *scratch) write(b []byte) { _, _ = s.digest.Write(b) }

// end returns the HMAC that begin(k) started, valid until s is used again. It
// uses the key of setKey up.
func (s *scratch) end(k *hmacKey) []byte {
	inner := s.digest.Sum(s.sum[:0])
	if k != nil {
		s.load(&k.outer)
	} else {
		s.flip(innerPad ^ outerPad)
		s.digest.Reset()
		_, _ = s.digest.Write(s.pad[:s.h.blockLen])
	}
	_, _ = s.digest.Write(inner)
	return s.digest.Sum(s.sum[:0])
}
