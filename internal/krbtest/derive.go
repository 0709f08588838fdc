package krbtest

import (
	"crypto/aes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/binary"
	"sync"

	"github.com/jcmturner/gokrb5/v8/crypto/rfc3961"
)

// The last bytes of usage constants (RFC 3961, Section 5.3).
const (
	forChecksum   = 0x99 // Kc
	forEncryption = 0xAA // Ke
	forIntegrity  = 0x55 // Ki
)

// macLen is the length of a checksum of encryption types 17 and 18 (RFC 3962, Section 6).
const macLen = 12

// constant is a usage constant: the usage number and one of the last bytes above.
type constant [5]byte

// folded maps each constant that derive has used to its n-fold.
var folded sync.Map

// derive returns the key of a usage for encryption types 17 and 18: DR of RFC 3961, Section
// 5.1. It folds each constant once, because gokrb5's Nfold takes a third of the time of a
// token with the race detector.
func derive(key []byte, usage uint32, purpose byte) []byte {
	c := constant{4: purpose}
	binary.BigEndian.PutUint32(c[:], usage)
	fold, ok := folded.Load(c)
	if !ok {
		fold, _ = folded.LoadOrStore(c, rfc3961.Nfold(c[:], 8*aes.BlockSize))
	}
	block, err := aes.NewCipher(key)
	must(err)
	out, from := make([]byte, len(key)), fold.([]byte)
	for i := 0; i < len(out); i += aes.BlockSize {
		block.Encrypt(out[i:], from)
		from = out[i:]
	}
	return out
}

// mac returns HMAC-SHA1-96 of data (RFC 3962, Section 6).
func mac(key, data []byte) []byte {
	h := hmac.New(sha1.New, key)
	h.Write(data)
	return h.Sum(nil)[:macLen]
}
