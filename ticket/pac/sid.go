package pac

import (
	"encoding/binary"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/gosspi/kerberos/internal/quote"
)

// maxSubAuthorities is the limit of [MS-DTYP], Section 2.4.2.
const maxSubAuthorities = 15

// A SID is a security identifier ([MS-DTYP], Section 2.4.2). SIDs are comparable: two SIDs
// are equal exactly if they identify the same principal, so that a SID can be the key of a
// map. The zero SID is no SID; its String is empty.
type SID struct {
	n         uint8 // number of sub-authorities
	valid     bool
	authority [6]byte
	sub       [maxSubAuthorities]uint32
}

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
	sid := SID{valid: true}
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], authority)
	copy(sid.authority[:], b[2:])
	for more {
		var part string
		part, rest, more = strings.Cut(rest, "-")
		n, err := parseNumber(part, 10, 32)
		if err != nil || sid.n == maxSubAuthorities {
			return SID{}, errSID
		}
		sid.sub[sid.n] = uint32(n)
		sid.n++
	}
	return sid, nil
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
func (s SID) IsZero() bool { return !s.valid }

// String returns the form that ParseSID parses.
func (s SID) String() string {
	if s.IsZero() {
		return ""
	}
	b := append(make([]byte, 0, 64), "S-1-"...)
	var wide [8]byte
	copy(wide[2:], s.authority[:])
	if n := binary.BigEndian.Uint64(wide[:]); n < 1<<32 {
		b = strconv.AppendUint(b, n, 10)
	} else {
		b = append(b, "0x"...)
		b = strconv.AppendUint(b, n, 16)
	}
	for _, n := range s.sub[:s.n] {
		b = append(b, '-')
		b = strconv.AppendUint(b, uint64(n), 10)
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
	if s.n == 0 {
		return SID{}
	}
	s.n--
	s.sub[s.n] = 0
	return s
}

// RID returns the last sub-authority, which is the relative identifier of an account in
// its domain, or 0 if s has no sub-authority.
func (s SID) RID() uint32 {
	if s.n == 0 {
		return 0
	}
	return s.sub[s.n-1]
}

// withRID returns the SID of the account rid in the domain s. It returns the zero SID if s
// is zero or already has 15 sub-authorities.
func (s SID) withRID(rid uint32) SID {
	if s.IsZero() || s.n == maxSubAuthorities {
		return SID{}
	}
	s.addRID(rid)
	return s
}

// addRID makes the SID of a domain, with fewer than 15 sub-authorities, that of the account
// rid in it.
func (s *SID) addRID(rid uint32) {
	s.sub[s.n] = rid
	s.n++
}

// in reports whether s is the SID of an account of domain, as s.Domain() == domain does for
// a SID with sub-authorities, without a copy.
func (s *SID) in(domain *SID) bool {
	if !s.valid || !domain.valid || s.n == 0 || s.n-1 != domain.n || s.authority != domain.authority {
		return false
	}
	return slices.Equal(s.sub[:domain.n], domain.sub[:domain.n])
}

// IsDomain reports whether s has the form of the SID of a domain or of a machine: S-1-5-21
// and three numbers.
func (s SID) IsDomain() bool {
	return s.valid && s.authority == [6]byte{5: 5} && s.n == 4 && s.sub[0] == 21
}

// decodeSID decodes the packet form of a SID ([MS-DTYP], Section 2.4.2.2), which must be
// all of b.
func decodeSID(b []byte) (SID, bool) {
	const header = 8
	if len(b) < header || b[0] != 1 || b[1] > maxSubAuthorities || len(b) != header+4*int(b[1]) {
		return SID{}, false
	}
	sid := SID{valid: true, n: b[1], authority: [6]byte(b[2:8])}
	for i := range sid.sub[:sid.n] {
		sid.sub[i] = binary.LittleEndian.Uint32(b[header+4*i:])
	}
	return sid, true
}
