package keytab

import (
	"slices"
	"strings"

	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/status"
)

// FromPassword returns a Table with the keys of p for a password, all of version kvno. If
// no etypes are given, it makes keys of the types 17 to 20.
//
// If salt is empty, FromPassword uses the default salt, which consists of the realm and
// the components (RFC 4120, Section 4). Active Directory uses another salt for computers
// and for renamed accounts. A KDC sends the salt in ETYPE-INFO2, which kinit prints if
// KRB5_TRACE is set. RC4_HMAC has no salt. FromPassword uses the default iteration counts
// of RFC 3962 and RFC 8009, which take up to tens of milliseconds for each key.
func FromPassword(p Principal, kvno uint32, password, salt string, etypes ...EType) (*Table, error) {
	switch {
	case p.IsZero():
		return nil, &status.Error{Reason: status.ReasonArgument, Detail: "FromPassword with the zero Principal"}
	case password == "":
		return nil, &status.Error{Reason: status.ReasonArgument, Detail: "FromPassword with an empty password"}
	}
	if salt == "" {
		salt = p.Realm() + strings.Join(slices.Collect(p.Components()), "")
	}
	if len(etypes) == 0 {
		etypes = []EType{AES128_CTS_HMAC_SHA1_96, AES256_CTS_HMAC_SHA1_96, AES128_CTS_HMAC_SHA256_128, AES256_CTS_HMAC_SHA384_192}
	}
	var entries []Entry
	for _, e := range etypes {
		secret, err := etype.StringToKey(etype.ID(e), password, salt, 0)
		if err != nil {
			return nil, err
		}
		key, err := newServiceKey(e, secret)
		if err != nil {
			return nil, err // unreachable: StringToKey made a key of this type
		}
		entries = append(entries, Entry{Principal: p, Kvno: kvno, Key: key})
	}
	return index(entries, nil), nil
}
