package etype

import (
	"crypto/fips140"
	"crypto/hmac"
	"crypto/md5"

	"github.com/gosspi/kerberos/status"
)

// HMACMD5 is the checksum type of a PA-FOR-USER, whatever the type of the key (MS-SFU,
// Section 2.2.1; RFC 4757, Section 4).
const HMACMD5 = -138

// HMACMD5 returns the HMACMD5 checksum of data. In Go's FIPS 140-3 mode it returns an error,
// because the mode excludes MD5.
func (k *Key) HMACMD5(data []byte, usage uint32) ([]byte, error) {
	if fips140.Enforced() {
		return nil, &status.Error{Reason: status.ReasonETypeRefused, Detail: "PA-FOR-USER needs MD5, which FIPS 140-3 excludes"}
	}
	b := k.Bytes()
	defer clear(b)
	signing := hmac.New(md5.New, b)
	_, _ = signing.Write([]byte(labelSignature))
	digest := md5.New()
	_, _ = digest.Write(messageType(nil, usage))
	_, _ = digest.Write(data)
	sum := hmac.New(md5.New, signing.Sum(nil))
	_, _ = sum.Write(digest.Sum(nil))
	return sum.Sum(nil), nil
}
