// Package handover seals what one process hands to another by way of somebody who
// must neither read nor change it. It is AES-256-GCM behind a version, and knows
// nothing of what it seals.
package handover

import (
	"crypto/aes"
	"crypto/cipher"

	"github.com/gosspi/kerberos/status"
)

// KeyLen is the length of a key.
const KeyLen = 32

// IDLen is the length of what tells one sealed message from every other.
const IDLen = 24

// version is what a sealed message begins with, and is part of what is authenticated.
const version = "GSSPI\x00\x00\x01"

const (
	nonceLen = 12
	tagLen   = 16
)

// Seal seals plaintext under a random nonce. A key is good for 2^32 messages
// (NIST SP 800-38D, Section 8.3).
func Seal(key, plaintext []byte) ([]byte, error) {
	aead, err := open(key)
	if err != nil {
		return nil, err
	}
	out := make([]byte, len(version), len(version)+nonceLen+len(plaintext)+tagLen)
	copy(out, version)
	return aead.Seal(out, nil, plaintext, []byte(version)), nil
}

// Open is the inverse of Seal. id differs between any two messages that Seal made.
// The error says no more than that it did not open.
func Open(key, sealed []byte) (plaintext []byte, id [IDLen]byte, err error) {
	aead, err := open(key)
	if err != nil {
		return nil, id, err
	}
	refused := &status.Error{Reason: status.ReasonMalformedToken, Detail: "this was not sealed under this key, by this version"}
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
		return nil, &status.Error{Reason: status.ReasonArgument, Detail: "a key of another length than 32 bytes"}
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, &status.Error{Reason: status.ReasonInternal, Err: err}
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, &status.Error{Reason: status.ReasonInternal, Err: err}
	}
	return aead, nil
}
