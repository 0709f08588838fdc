package etype

import (
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"

	"github.com/gosspi/kerberos/status"
)

// maxIterations limits the work of [StringToKey] to some seconds. RFC 3962, Section 3
// lets an implementation choose a limit.
const maxIterations = 10_000_000

// StringToKey derives the bytes of a key from a password (RFC 3962, Section 4; RFC
// 8009, Section 4). If iterations is 0, StringToKey uses the default of the type: 4096 for
// 17 and 18, 32768 for 19 and 20. It refuses more than 10,000,000 iterations. RC4 has
// neither salt nor iterations; StringToKey ignores both for RC4 (RFC 4757, Section 2).
func StringToKey(id ID, password, salt string, iterations uint32) ([]byte, error) {
	p, ok := Lookup(id)
	if !ok {
		return nil, &status.Error{Reason: status.ReasonETypeRefused, Detail: id.String() + " is not implemented"}
	}
	if p.construction == rc4HMAC {
		return ntHash(password)
	}
	if iterations == 0 {
		iterations = p.iterations
	}
	if iterations > maxIterations {
		return nil, &status.Error{Reason: status.ReasonArgument, Detail: fmt.Sprintf("%d iterations for a password exceed the limit of %d", iterations, maxIterations)}
	}
	var temporary []byte
	var err error
	switch p.hash {
	case sha1Hashing:
		temporary, err = pbkdf2.Key(sha1.New, password, []byte(salt), int(iterations), p.KeyLen)
	case sha256Hashing:
		temporary, err = pbkdf2.Key(sha256.New, password, []byte(p.name+"\x00"+salt), int(iterations), p.KeyLen)
	default:
		temporary, err = pbkdf2.Key(sha512.New384, password, []byte(p.name+"\x00"+salt), int(iterations), p.KeyLen)
	}
	if err != nil {
		return nil, &status.Error{Reason: status.ReasonInternal, Detail: "deriving a key from a password failed", Err: err}
	}
	k, err := New(id, temporary)
	clear(temporary)
	if err != nil {
		return nil, err // unreachable: temporary has the length of a key
	}
	defer k.Wipe()
	s := p.hash.get()
	defer s.put()
	label := s.label[:copy(s.label[:], labelStringToKey)]
	return append([]byte(nil), k.derive(s, label, p.KeyLen)...), nil
}
