package keytab

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/status"
)

// ManagedAccount describes a group managed service account (gMSA) of Active Directory for
// [FromManagedPassword].
type ManagedAccount struct {
	// Account is the name of the account (sAMAccountName) in its realm, such as
	// gweb$@CORP.EXAMPLE. It ends in '$'. Required: the salt of the keys is made of it.
	Account Principal
	// Services are the names that clients request (servicePrincipalName), such as
	// HTTP/web.corp.example@CORP.EXAMPLE. The table has the keys under each of them and under
	// Account.
	Services []Principal
	// Kvno is the version of the current password (msDS-KeyVersionNumber). 0 means that it is
	// unknown: an acceptor then tries the keys of both passwords, the current ones first.
	Kvno uint32
	// ETypes are the types of the keys: AES256_CTS_HMAC_SHA1_96, AES128_CTS_HMAC_SHA1_96 and
	// RC4_HMAC, which are those that domain controllers use. Empty means the two of AES.
	ETypes []EType
}

// FromManagedPassword returns a Table with the keys of a group managed service account. blob is
// the value of the attribute msDS-ManagedPassword of the account, a
// MSDS-MANAGEDPASSWORD_BLOB ([MS-ADTS], Section 2.2.19), in bytes and not in base64; the program
// fetches it, over LDAP with encryption. The table has the keys of the current password and, with
// the version before, of the previous password, for the tickets that clients still have.
//
// The domain controllers change the password by themselves. After requery the program should
// fetch the blob again; before unchanged the blob has the same password. The program makes the
// Table once for each blob, and not in a [Source]: the keys take tens of milliseconds.
//
// FromManagedPassword keeps nothing of blob, which the program should clear. Its errors have
// ReasonNoCredentials for a malformed blob, and ReasonArgument for a ManagedAccount that cannot
// be meant.
func FromManagedPassword(blob []byte, m ManagedAccount) (t *Table, requery, unchanged time.Duration, err error) {
	salt, err := m.salt()
	if err != nil {
		return nil, 0, 0, err
	}
	p, err := parseManagedPassword(blob)
	var entries []Entry
	if err == nil && p.previous != nil {
		entries, err = m.appendKeys(entries, p.previous, salt, max(m.Kvno, 1)-1)
	}
	if err == nil {
		entries, err = m.appendKeys(entries, p.current, salt, m.Kvno)
	}
	if err != nil {
		return nil, 0, 0, err
	}
	return index(entries, nil), p.requery, p.unchanged, nil
}

// managedETypes are the types of keys that domain controllers make of a managed password.
var managedETypes = [...]EType{AES256_CTS_HMAC_SHA1_96, AES128_CTS_HMAC_SHA1_96, RC4_HMAC}

// salt checks m and returns the salt of its keys, which is that of a computer ([MS-KILE],
// Section 3.1.1.2).
func (m *ManagedAccount) salt() (string, error) {
	bad := func(why string) (string, error) {
		return "", &status.Error{Reason: status.ReasonArgument, Detail: "ManagedAccount " + why}
	}
	components := slices.Collect(m.Account.Components())
	if len(components) != 1 || !strings.HasSuffix(components[0], "$") || len(components[0]) == 1 {
		return bad("has the Account " + quote.Text(m.Account.String()) + ", which is not the name of a managed account in its realm, such as gweb$@CORP.EXAMPLE")
	}
	for _, s := range m.Services {
		if s.Realm() != m.Account.Realm() {
			return bad("has the service " + quote.Text(s.String()) + ", which is not of the realm of " + quote.Text(m.Account.String()))
		}
	}
	for _, e := range m.ETypes {
		if !slices.Contains(managedETypes[:], e) {
			return bad("has the type " + etype.ID(e).NameAndNumber() + "; domain controllers make keys of the types 17, 18 and 23 of a managed password")
		}
	}
	realm := m.Account.Realm()
	return realm + "host" + strings.ToLower(strings.TrimSuffix(components[0], "$")) + "." + strings.ToLower(realm), nil
}

// appendKeys appends the keys of a password in UTF-16LE.
func (m *ManagedAccount) appendKeys(entries []Entry, password []byte, salt string, kvno uint32) ([]Entry, error) {
	types := m.ETypes
	if len(types) == 0 {
		types = managedETypes[:2]
	}
	names := make([]Principal, 0, 1+len(m.Services))
	for _, p := range append(append(names, m.Account), m.Services...) {
		if !slices.Contains(names, p) {
			names = append(names, p)
		}
	}
	text := managedText(password)
	for _, e := range types {
		secret, err := managedSecret(e, password, text, salt)
		if err != nil {
			return nil, err // unreachable except with GODEBUG=fips140=only, for a short salt
		}
		key, err := newServiceKey(e, secret) // wipes the secret
		if err != nil {
			return nil, err // unreachable: the secret has the length of the type
		}
		for _, p := range names {
			entries = append(entries, Entry{Principal: p, Kvno: kvno, Key: key})
		}
	}
	return entries, nil
}

// managedSecret returns the key of a type. Only RC4 is made of the NT hash.
func managedSecret(e EType, password []byte, text, salt string) ([]byte, error) {
	if e == RC4_HMAC {
		return etype.NTHash(password), nil
	}
	return etype.StringToKey(etype.ID(e), text, salt, 0)
}

// managedText returns the input of string-to-key for a password in UTF-16LE. A managed
// password is random, and has surrogates without their partners: domain controllers convert
// each of them to U+FFFD.
func managedText(password []byte) string {
	units := make([]uint16, len(password)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(password[2*i:])
	}
	defer clear(units)
	return string(utf16.Decode(units))
}

// managedPassword is a parsed MSDS-MANAGEDPASSWORD_BLOB. The passwords are views of it, in
// UTF-16LE without the NUL at the end.
type managedPassword struct {
	current, previous  []byte
	requery, unchanged time.Duration
}

// Sizes of a MSDS-MANAGEDPASSWORD_BLOB in bytes.
const (
	managedHeader   = 16
	managedInterval = 8
	managedMax      = 1 << 16 // an offset has 16 bits
)

// parseManagedPassword parses a MSDS-MANAGEDPASSWORD_BLOB, whose fields have the order of
// [MS-ADTS], Section 2.2.19.
func parseManagedPassword(b []byte) (p managedPassword, err error) {
	bad := func(why string) (managedPassword, error) {
		return managedPassword{}, &status.Error{Reason: status.ReasonNoCredentials, Detail: "not a sound MSDS-MANAGEDPASSWORD_BLOB: " + why}
	}
	if len(b) < managedHeader || len(b) > managedMax {
		return bad(fmt.Sprintf("it has %d bytes", len(b)))
	}
	at := func(field int) int { return int(binary.LittleEndian.Uint16(b[field:])) }
	if version := at(0); version != 1 {
		if strings.HasPrefix(string(b), "AQAA") {
			return bad("it is in base64, as ldapsearch prints it; decode it first")
		}
		return bad(fmt.Sprintf("its version is %d and not 1", version))
	}
	if n := binary.LittleEndian.Uint32(b[4:]); uint64(n) != uint64(len(b)) {
		return bad(fmt.Sprintf("it has %d bytes and says that it has %d", len(b), n))
	}
	current, previous, query, unchanged := at(8), at(10), at(12), at(14)
	behindCurrent := query
	if previous != 0 {
		behindCurrent = previous
	}
	if current < managedHeader || behindCurrent <= current || query < behindCurrent || unchanged < query+managedInterval || len(b)-unchanged < managedInterval {
		return bad("the offsets of its fields do not follow each other within it")
	}
	var ok bool
	if p.current, ok = managedString(b[current:behindCurrent]); !ok {
		return bad("the current password is empty or does not end in NUL")
	}
	if previous != 0 {
		if p.previous, ok = managedString(b[previous:query]); !ok {
			return bad("the previous password is empty or does not end in NUL")
		}
	}
	p.requery, p.unchanged = managedTime(b[query:]), managedTime(b[unchanged:])
	return p, nil
}

// managedString returns the UTF-16LE code units in front of the first NUL.
func managedString(b []byte) ([]byte, bool) {
	for i := 0; len(b)-i >= 2; i += 2 {
		if b[i] == 0 && b[i+1] == 0 {
			return b[:i], i > 0
		}
	}
	return nil, false
}

// managedTime returns an interval, which counts 100 nanoseconds.
func managedTime(b []byte) time.Duration {
	const unit = 100
	return time.Duration(min(binary.LittleEndian.Uint64(b), math.MaxInt64/unit)) * unit
}
