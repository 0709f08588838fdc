// Package reply builds what an acceptor sends: AP-REP and KRB-ERROR (RFC 4120,
// Sections 5.5.2 and 5.9.1; RFC 4121, Section 4.1), and the KERB-TGT-REPLY of
// user-to-user authentication. Nothing else on the acceptor's side makes a Kerberos
// message, and an AP-REP is made only of an authenticator.Verified. What a client answers to an
// AP-REP is checked here too.
package reply

import (
	"encoding/binary"
	"io"
	"slices"
	"sync"
	"time"

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
//
// The acceptor's subkey is a fresh one, unless it were of RC4: then it is a copy of
// the client's, as other implementations have it (MS-KILE, Section 3.1.1.2), or none
// if the client sent none.
type APRep struct {
	keyEType       keytab.EType // of the context's key
	subkey         [maxKeyLen]byte
	subkeyLen      int  // 0: none is sent, or
	copied         bool // it is the client's own
	sequenceNumber uint32

	confounder [confounderLen]byte
	sealedLen  int // of the encrypted part, with confounder and MAC; 0: nothing is drawn
	sealEType  keytab.EType
	end        [16]byte // of the encrypted part, once it is made
}

// Draw takes the randomness of one AP-REP in a single read: confounder, subkey
// and sequence number. permitted are the acceptor's encryption types.
func (r *APRep) Draw(c *authenticator.Checked, permitted []keytab.EType, rand io.Reader) error {
	sub := subkeyEType(c, permitted)
	profile, ok := etype.Lookup(etype.ID(sub))
	seal, ok2 := etype.Lookup(etype.ID(c.SessionEType()))
	if !ok || !ok2 || profile.KeyLen > maxKeyLen || seal.ConfounderLen > confounderLen {
		return &status.Error{Reason: status.ReasonInternal, Detail: "no such encryption type"}
	}
	s := scratches.Get().(*scratch)
	defer s.release()
	fresh := profile.KeyLen
	if sub == keytab.RC4_HMAC {
		fresh = 0 // see APRep
	}
	random := s.random[:seal.ConfounderLen+fresh+4]
	if _, err := io.ReadFull(rand, random); err != nil {
		return &status.Error{Reason: status.ReasonInternal, Detail: "the source of randomness failed", Err: err}
	}
	*r = APRep{keyEType: sub, subkeyLen: fresh, sealEType: c.SessionEType()}
	if sub == keytab.RC4_HMAC && c.HasSubkey() {
		r.subkeyLen, r.copied = profile.KeyLen, true
	}
	copy(r.confounder[:], random[:seal.ConfounderLen])
	copy(r.subkey[:], random[seal.ConfounderLen:][:fresh])
	r.sequenceNumber = sequenceNumber(random[seal.ConfounderLen+fresh:])
	part := r.part(c.Time(), s.random[:r.subkeyLen]) // whose bytes do not matter here
	r.sealedLen = seal.ConfounderLen + part.Len() + seal.ChecksumLen
	return nil
}

// part is what is sealed.
func (r *APRep) part(t time.Time, subkey []byte) krb5.EncAPRepPart {
	part := krb5.EncAPRepPart{
		Ctime: t.Unix(), Cusec: int32(t.Nanosecond() / 1000),
		SequenceNumber: r.sequenceNumber, HasSequenceNumber: true,
	}
	if r.subkeyLen != 0 {
		part.Subkey = krb5.EncryptionKey{EType: int32(r.keyEType), Value: subkey}
	}
	return part
}

// subkeyEType is the choice of RFC 4537: never weaker than what the client
// would use by itself, and the 256-bit type of that family if the client offers
// it. For RC4 any AES type is better.
func subkeyEType(c *authenticator.Checked, permitted []keytab.EType) keytab.EType {
	current := c.KeyEType()
	var stronger keytab.EType
	switch current {
	case keytab.AES128_CTS_HMAC_SHA1_96:
		stronger = keytab.AES256_CTS_HMAC_SHA1_96
	case keytab.AES128_CTS_HMAC_SHA256_128:
		stronger = keytab.AES256_CTS_HMAC_SHA384_192
	case keytab.RC4_HMAC:
		return insteadOfRC4(c, permitted)
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

// insteadOfRC4 is 18, else the client's favourite of the other AES types.
func insteadOfRC4(c *authenticator.Checked, permitted []keytab.EType) keytab.EType {
	best := keytab.RC4_HMAC
	for _, e := range c.ETypes() {
		switch {
		case e == keytab.RC4_HMAC || !etype.Permitted(permitted, int32(e)):
		case e == keytab.AES256_CTS_HMAC_SHA1_96:
			return e
		case best == keytab.RC4_HMAC:
			best = e
		}
	}
	return best
}

// sequenceNumber makes 30 random bits: old peers take bit 31 for a sign. All numbers
// are of four bytes in DER, so that an answer is as long as the next one to the same
// token: who made room for one has room for the other.
func sequenceNumber(b []byte) uint32 {
	const fourBytes, top = 1 << 23, 1 << 29
	n := binary.BigEndian.Uint32(b) & (1<<30 - 1)
	if n < fourBytes {
		n |= top
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

// Append makes the AP-REP: ctime and cusec of the authenticator, a subkey and a
// sequence number, sealed in the ticket's session key (RFC 4120, Section
// 3.2.4). It appends exactly Len bytes.
func (r *APRep) Append(dst []byte, v authenticator.Verified, mechanism []byte) ([]byte, error) {
	if v.IsZero() || r.sealedLen == 0 {
		return nil, &status.Error{Reason: status.ReasonInternal, Detail: "an AP-REP needs a Verified and a Draw"}
	}
	s := scratches.Get().(*scratch)
	defer s.release()
	if r.copied {
		secret := v.Subkey().Bytes()
		copy(r.subkey[:], secret)
		clear(secret)
	}
	copy(s.random[:], r.confounder[:])
	copy(s.random[confounderLen:], r.subkey[:])
	part := r.part(v.Time(), s.random[confounderLen:][:r.subkeyLen])
	s.plain = part.Append(s.plain[:0])
	var err error
	s.sealed, err = v.Ticket().SessionKey.Encrypt(s, s.sealed[:0], s.plain, usageAPRep)
	if err != nil {
		return nil, err // unreachable: all it could lack is there
	}
	copy(r.end[:], s.sealed[len(s.sealed)-len(r.end):])
	dst = slices.Grow(dst, r.Len(mechanism))
	message := krb5.APRep{EncPart: krb5.EncryptedData{EType: int32(r.sealEType), Cipher: s.sealed}}
	if mechanism == nil {
		return message.Append(dst), nil
	}
	s.message = message.Append(s.message[:0])
	return krb5.AppendFrame(dst, mechanism, krb5.TokAPRep, s.message), nil
}

// KeyEType is the type of the context's key: of the acceptor's subkey, if there is
// one.
func (r *APRep) KeyEType() keytab.EType { return r.keyEType }

// Subkey is the acceptor's subkey, empty if it sends none; one that is a copy is
// there after Append. The slice is the APRep's own.
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
