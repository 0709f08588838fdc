package pac

import (
	"encoding/binary"
	"errors"
	"strconv"
	"strings"

	"github.com/gosspi/kerberos/internal/ndr"
	"github.com/gosspi/kerberos/internal/quote"
)

// maxSubAuthorities is the limit of [MS-DTYP], Section 2.4.2.
const maxSubAuthorities = 15

// A SID is a security identifier ([MS-DTYP], Section 2.4.2). SIDs are comparable: two SIDs
// are equal exactly if they identify the same principal, so that a SID can be the key of a
// map. The zero SID is no SID; its String is empty.
type SID struct {
	// packed has the six bytes of the identifier authority, and four bytes for each
	// sub-authority, least significant first, as in the packet form.
	packed string
}

const (
	authorityLen    = 6
	subAuthorityLen = 4
)

var errSID = errors.New("pac: not a SID: want S-1- and an authority, then up to 15 numbers below 2^32, joined by -")

// ParseSID parses the string form of a SID, such as "S-1-5-21-1-2-3-513". The authority
// may be decimal or, from 2^32 up, hexadecimal with the prefix 0x ([MS-DTYP], Section
// 2.4.2.1). Numbers must not have leading zeros.
func ParseSID(s string) (SID, error) {
	rest, ok := strings.CutPrefix(s, "S-1-")
	if !ok {
		return SID{}, errSID
	}
	first, rest, more := strings.Cut(rest, "-")
	authority, err := parseAuthority(first)
	if err != nil {
		return SID{}, err
	}
	var wide [8]byte
	binary.BigEndian.PutUint64(wide[:], authority)
	packed := append(make([]byte, 0, authorityLen+maxSubAuthorities*subAuthorityLen), wide[8-authorityLen:]...)
	for more {
		var part string
		part, rest, more = strings.Cut(rest, "-")
		n, err := parseNumber(part, 10, 32)
		if err != nil || len(packed) == cap(packed) {
			return SID{}, errSID
		}
		packed = binary.LittleEndian.AppendUint32(packed, uint32(n))
	}
	return SID{string(packed)}, nil
}

// parseAuthority parses an identifier authority of 48 bits.
func parseAuthority(s string) (uint64, error) {
	if digits, ok := strings.CutPrefix(s, "0x"); ok {
		n, err := strconv.ParseUint(digits, 16, 48)
		if err != nil || n < 1<<32 {
			return 0, errSID
		}
		return n, nil
	}
	return parseNumber(s, 10, 32)
}

// parseNumber parses a number without a sign and without leading zeros.
func parseNumber(s string, base, bits int) (uint64, error) {
	n, err := strconv.ParseUint(s, base, bits)
	if err != nil || len(s) > 1 && s[0] == '0' {
		return 0, errSID
	}
	return n, nil
}

// MustParseSID parses a SID that is a constant of the program, and panics if it is invalid.
func MustParseSID(s string) SID {
	sid, err := ParseSID(s)
	if err != nil {
		panic(err.Error() + ": " + quote.Text(s))
	}
	return sid
}

// IsZero reports whether s is the zero SID.
func (s SID) IsZero() bool { return s.packed == "" }

// count returns the number of sub-authorities.
func (s SID) count() int { return max(0, len(s.packed)-authorityLen) / subAuthorityLen }

// sub returns the sub-authority i.
func (s SID) sub(i int) uint32 {
	at := authorityLen + i*subAuthorityLen
	p := s.packed[at : at+subAuthorityLen]
	return uint32(p[0]) | uint32(p[1])<<8 | uint32(p[2])<<16 | uint32(p[3])<<24
}

// authority returns the identifier authority.
func (s SID) authority() (n uint64) {
	for i := range min(len(s.packed), authorityLen) {
		n = n<<8 | uint64(s.packed[i])
	}
	return n
}

// String returns the form that ParseSID parses.
func (s SID) String() string {
	if s.IsZero() {
		return ""
	}
	b := append(make([]byte, 0, 64), "S-1-"...)
	if n := s.authority(); n < 1<<32 {
		b = strconv.AppendUint(b, n, 10)
	} else {
		b = append(b, "0x"...)
		b = strconv.AppendUint(b, n, 16)
	}
	for i := range s.count() {
		b = append(b, '-')
		b = strconv.AppendUint(b, uint64(s.sub(i)), 10)
	}
	return string(b)
}

// MarshalText returns String.
func (s SID) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText parses a SID with ParseSID. It parses an empty text as the zero SID.
func (s *SID) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*s = SID{}
		return nil
	}
	sid, err := ParseSID(string(b))
	if err != nil {
		return err
	}
	*s = sid
	return nil
}

// Domain returns s without its last sub-authority: the SID of the domain of an account, or
// the zero SID if s has no sub-authority.
func (s SID) Domain() SID {
	if s.count() == 0 {
		return SID{}
	}
	return SID{s.packed[:len(s.packed)-subAuthorityLen]}
}

// RID returns the last sub-authority, which is the relative identifier of an account in
// its domain, or 0 if s has no sub-authority.
func (s SID) RID() uint32 {
	if s.count() == 0 {
		return 0
	}
	return s.sub(s.count() - 1)
}

// IsDomain reports whether s has the form of the SID of a domain or of a machine: S-1-5-21
// and three numbers.
func (s SID) IsDomain() bool {
	return s.count() == 4 && s.authority() == 5 && s.sub(0) == 21
}

// isParent reports whether accounts can be in s: it is a SID of fewer than 15
// sub-authorities.
func (s SID) isParent() bool { return !s.IsZero() && s.count() < maxSubAuthorities }

// decodeSID decodes the packet form of a SID ([MS-DTYP], Section 2.4.2.2), which must be
// all of b.
func decodeSID(b []byte) (SID, bool) { return new(arena).decodeSID(b) }

// decodeSID decodes the packet form of a SID into a.
func (a *arena) decodeSID(b []byte) (SID, bool) {
	const header = 2
	if len(b) < header+authorityLen || b[0] != 1 || b[1] > maxSubAuthorities || len(b) != header+authorityLen+subAuthorityLen*int(b[1]) {
		return SID{}, false
	}
	return a.sid(b[header:], nil), true
}

// An arena holds the SIDs and texts of one buffer, as a rule in one allocation.
type arena struct{ b strings.Builder }

// sid stores a SID of an authority and sub-authorities.
func (a *arena) sid(authority, subs []byte) SID {
	start := a.b.Len()
	a.b.Write(authority)
	a.b.Write(subs)
	return SID{a.b.String()[start:]}
}

// text stores b.
func (a *arena) text(b []byte) string {
	start := a.b.Len()
	a.b.Write(b)
	return a.b.String()[start:]
}

// account stores the SID of the account rid in a domain. It returns the zero SID if domain is
// zero or already has 15 sub-authorities.
func (a *arena) account(domain SID, rid uint32) SID {
	if !domain.isParent() {
		return SID{}
	}
	start := a.b.Len()
	a.b.WriteString(domain.packed)
	a.b.Write([]byte{byte(rid), byte(rid >> 8), byte(rid >> 16), byte(rid >> 24)})
	return SID{a.b.String()[start:]}
}

// setText sets a text to its UTF-16LE code units.
func (a *arena) setText(text *string, units []byte) error {
	var few [256]byte
	b, ok := ndr.AppendUTF8(few[:0], units)
	if !ok {
		return errText
	}
	*text = a.text(b)
	return nil
}
