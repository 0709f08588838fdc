// Package reply builds what an acceptor sends: AP-REP and KRB-ERROR (RFC 4120,
// Sections 5.5.2 and 5.9.1; RFC 4121, Section 4.1). Nothing else in the library
// makes an answer, and an AP-REP is made only of an authenticator.Verified.
package reply

import (
	"encoding/binary"
	"io"
	"slices"
	"sync"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

const (
	// usageAPRep is the key usage of an AP-REP's encrypted part (RFC 4120,
	// Section 7.5.1).
	usageAPRep = 12

	confounderLen = 16
	maxKeyLen     = 32
)

// APRep is an AP-REP of which everything random is drawn and the length known,
// before the client's authenticator is spent on it. It holds a key: Wipe it.
type APRep struct {
	subkeyEType    keytab.EType
	subkey         [maxKeyLen]byte
	subkeyLen      int
	sequenceNumber uint32

	confounder [confounderLen]byte
	sealedLen  int // of the encrypted part, with confounder and MAC
	sealEType  keytab.EType
}

// Draw takes the randomness of one AP-REP in a single read: confounder, subkey
// and sequence number. permitted are the acceptor's encryption types.
func (r *APRep) Draw(c *authenticator.Checked, permitted []keytab.EType, rand io.Reader) error {
	sub := subkeyEType(c, permitted)
	profile, ok := etype.Lookup(etype.ID(sub))
	seal, ok2 := etype.Lookup(etype.ID(c.SessionEType()))
	if !ok || !ok2 || profile.KeyLen > maxKeyLen {
		return &status.Error{Reason: status.ReasonInternal, Detail: "no such encryption type"}
	}
	s := scratches.Get().(*scratch)
	defer s.release()
	random := s.random[:confounderLen+profile.KeyLen+4]
	if _, err := io.ReadFull(rand, random); err != nil {
		return &status.Error{Reason: status.ReasonInternal, Detail: "the source of randomness failed", Err: err}
	}
	*r = APRep{subkeyEType: sub, subkeyLen: profile.KeyLen, sealEType: c.SessionEType()}
	copy(r.confounder[:], random)
	copy(r.subkey[:], random[confounderLen:][:profile.KeyLen])
	r.sequenceNumber = sequenceNumber(random[confounderLen+profile.KeyLen:])
	part := krb5.EncAPRepPart{
		Ctime: c.Time().Unix(), Cusec: int32(c.Time().Nanosecond() / 1000),
		Subkey:         krb5.EncryptionKey{EType: int32(sub), Value: random[confounderLen:][:profile.KeyLen]},
		SequenceNumber: r.sequenceNumber, HasSequenceNumber: true,
	}
	r.sealedLen = confounderLen + part.Len() + seal.ChecksumLen
	return nil
}

// subkeyEType is the choice of RFC 4537: never weaker than what the client
// would use by itself, and the 256-bit type of that family if the client offers
// it.
func subkeyEType(c *authenticator.Checked, permitted []keytab.EType) keytab.EType {
	current := c.KeyEType()
	var stronger keytab.EType
	switch current {
	case keytab.AES128_CTS_HMAC_SHA1_96:
		stronger = keytab.AES256_CTS_HMAC_SHA1_96
	case keytab.AES128_CTS_HMAC_SHA256_128:
		stronger = keytab.AES256_CTS_HMAC_SHA384_192
	default:
		return current
	}
	if !etype.Permitted(permitted, int32(stronger)) {
		return current
	}
	for _, e := range c.ETypes() {
		if e == stronger {
			return stronger
		}
	}
	return current
}

// sequenceNumber makes 30 random bits that are not all zero: old peers take bit
// 31 for a sign.
func sequenceNumber(b []byte) uint32 {
	n := binary.BigEndian.Uint32(b) & (1<<30 - 1)
	if n == 0 {
		return 1
	}
	return n
}

// Len is the length of the finished token. mechanism frames it (RFC 2743,
// Section 3.1); nil leaves it bare, as DCE style has it.
func (r *APRep) Len(mechanism []byte) int {
	n := krb5.APRepLen(int32(r.sealEType), r.sealedLen)
	if mechanism != nil {
		n += krb5.FrameOverhead(mechanism, n)
	}
	return n
}

// Append makes the AP-REP: ctime and cusec of the authenticator, a fresh subkey
// and a sequence number, sealed in the ticket's session key (RFC 4120, Section
// 3.2.4). It appends exactly Len bytes.
func (r *APRep) Append(dst []byte, v authenticator.Verified, mechanism []byte) ([]byte, error) {
	if v.IsZero() || r.subkeyLen == 0 {
		return nil, &status.Error{Reason: status.ReasonInternal, Detail: "an AP-REP needs a Verified and a Draw"}
	}
	s := scratches.Get().(*scratch)
	defer s.release()
	copy(s.random[:], r.confounder[:])
	copy(s.random[confounderLen:], r.subkey[:])
	part := krb5.EncAPRepPart{
		Ctime: v.Time().Unix(), Cusec: int32(v.Time().Nanosecond() / 1000),
		Subkey:         krb5.EncryptionKey{EType: int32(r.subkeyEType), Value: s.random[confounderLen:][:r.subkeyLen]},
		SequenceNumber: r.sequenceNumber, HasSequenceNumber: true,
	}
	s.plain = part.Append(s.plain[:0])
	var err error
	s.sealed, err = v.Ticket().SessionKey.Encrypt(s, s.sealed[:0], s.plain, usageAPRep)
	if err != nil {
		return nil, err // unreachable: all it could lack is there
	}
	dst = slices.Grow(dst, r.Len(mechanism))
	message := krb5.APRep{EncPart: krb5.EncryptedData{EType: int32(r.sealEType), Cipher: s.sealed}}
	if mechanism == nil {
		return message.Append(dst), nil
	}
	s.message = message.Append(s.message[:0])
	return krb5.AppendFrame(dst, mechanism, krb5.TokAPRep, s.message), nil
}

// SubkeyEType is the type of the acceptor's subkey.
func (r *APRep) SubkeyEType() keytab.EType { return r.subkeyEType }

// Subkey is the acceptor's subkey. The slice is the APRep's own.
func (r *APRep) Subkey() []byte { return r.subkey[:r.subkeyLen] }

// SequenceNumber is the acceptor's first.
func (r *APRep) SequenceNumber() uint32 { return r.sequenceNumber }

// Wipe forgets the subkey.
func (r *APRep) Wipe() { *r = APRep{} }

// scratch holds what is needed while one reply is made.
type scratch struct {
	random  [confounderLen + maxKeyLen + 4]byte
	plain   []byte
	sealed  []byte
	message []byte
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// Read gives out the confounder that was drawn before, so that one accept makes
// one read of its source of randomness.
func (s *scratch) Read(b []byte) (int, error) { return copy(b, s.random[:confounderLen]), nil }

func (s *scratch) release() {
	clear(s.random[:])
	clear(s.plain[:cap(s.plain)])
	scratches.Put(s)
}
