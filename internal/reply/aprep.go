// Package reply builds the messages of an acceptor: AP-REP and KRB-ERROR (RFC 4120,
// Sections 5.5.2 and 5.9.1; RFC 4121, Section 4.1), and the KERB-TGT-REPLY of
// user-to-user authentication. No other package builds Kerberos messages for the acceptor,
// and only an authenticator.Verified yields an AP-REP. Package reply also checks the AP-REP
// with which a client answers in DCE style.
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
	confounderLen = 16
	maxKeyLen     = 32
)

// APRep is an AP-REP in preparation. Draw reads all its random values and determines its
// length, before the replay cache stores the client's authenticator. An APRep holds a key:
// call Wipe after use.
//
// The acceptor's subkey is a fresh key. An RC4 subkey is a copy of the client's subkey, as
// in other implementations (MS-KILE, Section 3.1.1.2), and absent if the client sent none.
type APRep struct {
	keyEType       keytab.EType // type of the context's key
	subkey         [maxKeyLen]byte
	subkeyLen      int  // 0 if the AP-REP has no subkey
	copied         bool // the subkey is a copy of the client's subkey
	sequenceNumber uint32

	confounder [confounderLen]byte
	sealedLen  int // length of the encrypted part with confounder and MAC; 0 before Draw
	sealEType  keytab.EType
	end        [16]byte // last bytes of the encrypted part; set by Append
}

// Draw reads the random values of one AP-REP in a single read: confounder, subkey and
// sequence number. permitted are the encryption types that the acceptor permits.
func (r *APRep) Draw(c *authenticator.Checked, permitted []keytab.EType, rand io.Reader) error {
	sub := subkeyEType(c, permitted)
	profile, ok := etype.Lookup(etype.ID(sub))
	seal, ok2 := etype.Lookup(etype.ID(c.SessionEType()))
	if !ok || !ok2 || profile.KeyLen > maxKeyLen || seal.ConfounderLen > confounderLen {
		return &status.Error{Reason: status.ReasonInternal, Detail: "the encryption type of the subkey or of the session key is not implemented"}
	}
	s := scratches.Get().(*scratch)
	defer s.release()
	fresh := profile.KeyLen
	if sub == keytab.RC4_HMAC {
		fresh = 0 // the subkey is a copy; see APRep
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
	part := r.part(c.Time(), s.random[:r.subkeyLen]) // only the length of the subkey matters here
	r.sealedLen = seal.ConfounderLen + part.Len() + seal.ChecksumLen
	return nil
}

// part returns the part of the AP-REP that Append encrypts.
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

// subkeyEType chooses the type of the subkey (RFC 4537): the type that the client uses, or
// the 256-bit type of the same family if the client offers it. Every AES type that the
// client offers is stronger than RC4.
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

// insteadOfRC4 returns type 18 if the client offers it, else the first AES type that the
// client offers, else RC4.
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

// sequenceNumber returns a random number of 30 bits, because old peers read bit 31 as a
// sign. All numbers have four bytes in DER, so that two replies to the same token have the
// same length: a caller that provided room for one reply has room for the next.
func sequenceNumber(b []byte) uint32 {
	const fourBytes, top = 1 << 23, 1 << 29
	n := binary.BigEndian.Uint32(b) & (1<<30 - 1)
	if n < fourBytes {
		n |= top
	}
	return n
}

// Len returns the length of the finished token. mechanism is the OID of its GSS frame
// (RFC 2743, Section 3.1); nil omits the frame, as in DCE style.
func (r *APRep) Len(mechanism []byte) int {
	n := krb5.APRepLen(int32(r.sealEType), r.sealedLen)
	if mechanism != nil {
		n += krb5.FrameOverhead(mechanism, n)
	}
	return n
}

// Append builds the AP-REP: it encrypts ctime and cusec of the authenticator, a subkey and
// a sequence number with the ticket's session key (RFC 4120, Section 3.2.4). It appends
// exactly Len bytes.
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
	s.sealed, err = v.Ticket().SessionKey.Encrypt(s, s.sealed[:0], s.plain, etype.UsageAPRep)
	if err != nil {
		return nil, err // unreachable: Draw has checked the session key
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

// KeyEType returns the type of the context's key, which is the acceptor's subkey if the
// AP-REP has one.
func (r *APRep) KeyEType() keytab.EType { return r.keyEType }

// Subkey returns the acceptor's subkey, or an empty slice if the AP-REP has none. A subkey
// that is a copy is available after Append. The slice belongs to the APRep.
func (r *APRep) Subkey() []byte { return r.subkey[:r.subkeyLen] }

// SequenceNumber returns the acceptor's initial sequence number.
func (r *APRep) SequenceNumber() uint32 { return r.sequenceNumber }

// Wipe overwrites the APRep, including the subkey.
func (r *APRep) Wipe() { *r = APRep{} }

// scratch is the working memory for one reply.
type scratch struct {
	random  [confounderLen + maxKeyLen + 4]byte
	plain   []byte
	sealed  []byte
	message []byte
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// Read returns the confounder that Draw has read, so that one accept reads its source of
// randomness once.
func (s *scratch) Read(b []byte) (int, error) { return copy(b, s.random[:confounderLen]), nil }

func (s *scratch) release() {
	clear(s.random[:])
	clear(s.plain[:cap(s.plain)])
	scratches.Put(s)
}
