package keytab

import (
	"slices"
	"strings"

	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/status"
)

// FromPassword makes the keys that p has under a password, all with version
// kvno. etypes nil stands for 17 to 20.
//
// salt "" stands for the default salt, realm and components joined (RFC 4120,
// Section 4). Active Directory uses another for computers and for accounts that
// were renamed; a KDC tells it in ETYPE-INFO2, which KRB5_TRACE makes kinit print.
// RC4_HMAC has no salt. The work is that of the default iteration counts of RFC 3962 and RFC 8009: up
// to tens of milliseconds for each key.
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
			return nil, err
		}
		entries = append(entries, Entry{Principal: p, Kvno: kvno, Key: key})
	}
	return index(entries, nil), nil
}
