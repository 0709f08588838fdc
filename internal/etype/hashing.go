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

// hashing is the hash function of an encryption type, with a pool of scratch memory.
type hashing struct {
	approved bool // by FIPS 140-3, according to package crypto/fips140
	blockLen int  // block length of the hash, to which HMAC pads its key
	stateLen int  // length of the chaining value
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

// hmacKey is an HMAC key (RFC 2104) in the form of two chaining values: those of the hash
// after the block of each pad. It saves two hash blocks for each checksum, and goroutines
// can share it, unlike a hash.
type hmacKey struct {
	inner, outer [maxStateLen]byte
}

// digest is the interface that all hashes of the standard library implement.
type digest interface {
	hash.Hash
	encoding.BinaryAppender
	encoding.BinaryUnmarshaler
}

// scratch is the working memory of one operation. It is on the heap because arguments of
// interface methods escape, and in a pool so that it costs no allocation. Its contents are
// wiped after the operation.
type scratch struct {
	h      *hashing
	digest digest
	state  []byte // a marshaled digest after one block; see load
	saved  []byte // a second marshaled digest

	pad   [maxBlockLen]byte // padded key of one checksum, in the inner form
	sum   [maxStateLen]byte
	key   [maxStateLen]byte // the last derived key, possibly followed by other bytes
	label [24]byte

	confounder [MaxConfounderLen]byte
	tail       [2 * blockLen]byte
	vector     [blockLen]byte

	once hmacKey // key of RC4 for a usage that is not prepared
}

func newScratch(h *hashing, d hash.Hash) *scratch {
	s := &scratch{h: h, digest: d.(digest)}
	_, _ = s.digest.Write(s.pad[:h.blockLen])
	s.state = s.save(nil)
	s.saved = make([]byte, 0, len(s.state))
	return s
}

func (h *hashing) get() *scratch { return h.pool.Get().(*scratch) }

// put wipes s and returns it to the pool.
func (s *scratch) put() {
	clear(s.pad[:])
	clear(s.sum[:])
	clear(s.key[:])
	clear(s.confounder[:])
	clear(s.tail[:])
	clear(s.vector[:])
	s.once = hmacKey{}
	// state and digest still contain a chaining value, and the digest also the end of a
	// text. sum is zero at this point.
	s.load(&s.sum)
	s.h.pool.Put(s)
}

// stateOffset is the offset of the chaining value in a marshaled hash of the standard
// library, after four bytes that identify the hash. Package hash does not promise this
// layout; TestHashState_Offset checks it for the Go version that runs the test.
const stateOffset = 4

// load sets the digest to the state after one block, given its chaining value.
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

// setKey sets the HMAC key of begin(nil) to key, which is at most one block long.
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

// keep computes k from key, so that begin can use k repeatedly without setKey.
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

// end returns the HMAC that begin(k) started. The result is valid until the next use of
// s. end consumes the key of setKey.
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
