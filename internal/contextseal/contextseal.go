// Package contextseal encrypts and authenticates exported contexts, so that one process can
// pass a context to another over an untrusted channel. It uses AES-256-GCM with a version
// prefix, and does not interpret the plaintext.
package contextseal

import (
	"crypto/aes"
	"crypto/cipher"

	"github.com/gosspi/kerberos/status"
)

// KeyLen is the length of a key.
const KeyLen = 32

// IDLen is the length of the identifier of a sealed message.
const IDLen = 24

// version is the first byte of a sealed message. The authentication covers it.
const version = "GSSPI\x00\x00\x04"

const (
	nonceLen = 12
	tagLen   = 16
)

// Seal encrypts and authenticates plaintext with a random nonce. A key must not seal more
// than 2^32 messages (NIST SP 800-38D, Section 8.3).
func Seal(key, plaintext []byte) ([]byte, error) {
	aead, err := open(key)
	if err != nil {
		return nil, err
	}
	out := make([]byte, len(version), len(version)+nonceLen+len(plaintext)+tagLen)
	copy(out, version)
	return aead.Seal(out, nil, plaintext, []byte(version)), nil
}

// Open verifies and decrypts a message of Seal. id is different for any two messages. The
// error does not tell which check failed.
func Open(key, sealed []byte) (plaintext []byte, id [IDLen]byte, err error) {
	aead, err := open(key)
	if err != nil {
		return nil, id, err
	}
	refused := &status.Error{Reason: status.ReasonMalformedToken, Detail: "the exported context was not sealed with this key by this version of the library"}
	if len(sealed) < len(version)+nonceLen+tagLen || string(sealed[:len(version)]) != version {
		return nil, id, refused
	}
	rest := sealed[len(version):]
	if plaintext, err = aead.Open(nil, nil, rest, []byte(version)); err != nil {
		return nil, id, refused
	}
	n := copy(id[:], rest[:nonceLen])
	copy(id[n:], rest[len(rest)-tagLen:])
	return plaintext, id, nil
}

func open(key []byte) (cipher.AEAD, error) {
	if len(key) != KeyLen {
		return nil, &status.Error{Reason: status.ReasonArgument, Detail: "the key for sealing contexts must be 32 bytes"}
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, &status.Error{Reason: status.ReasonInternal, Err: err} // unreachable: the length is right
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, &status.Error{Reason: status.ReasonInternal, Err: err} // unreachable: block is AES
	}
	return aead, nil
}
