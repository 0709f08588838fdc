package krbtest

import (
	"fmt"
	"io"

	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/crypto/common"
	"github.com/jcmturner/gokrb5/v8/crypto/etype"
	"github.com/jcmturner/gokrb5/v8/crypto/rfc4757"
	"github.com/jcmturner/gokrb5/v8/crypto/rfc8009"
	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/keytab"
)

// KeyLen returns the length in bytes of a key of encryption type e, and 0 if gokrb5 does
// not support e. gokrb5's own GetKeyByteSize returns a wrong 24 for type 20.
func KeyLen(e keytab.EType) int {
	switch int32(e) {
	case etypeID.AES128_CTS_HMAC_SHA1_96, etypeID.AES128_CTS_HMAC_SHA256_128, etypeID.RC4_HMAC:
		return 16
	case etypeID.AES256_CTS_HMAC_SHA1_96, etypeID.AES256_CTS_HMAC_SHA384_192:
		return 32
	case etypeID.DES3_CBC_SHA1_KD:
		return 24
	}
	return 0
}

// Encrypt encrypts plaintext as RFC 3961 specifies, with a confounder from random.
// gokrb5's EncryptMessage takes no confounder, so Encrypt combines gokrb5's primitives.
// For types other than 17 to 20 and 23, Encrypt calls EncryptMessage and ignores random.
func Encrypt(random io.Reader, key types.EncryptionKey, usage uint32, plaintext []byte) []byte {
	et := implementation(key.KeyType)
	confounded := func() []byte { return append(read(random, et.GetConfounderByteSize()), plaintext...) }
	switch key.KeyType {
	case etypeID.AES128_CTS_HMAC_SHA256_128, etypeID.AES256_CTS_HMAC_SHA384_192:
		ke, err := et.DeriveKey(key.KeyValue, common.GetUsageKe(usage))
		must(err)
		_, out, err := et.EncryptData(ke, confounded())
		must(err)
		sum, err := rfc8009.GetIntegityHash(make([]byte, 16), out, key.KeyValue, usage, et)
		must(err)
		return append(out, sum...)
	case etypeID.AES128_CTS_HMAC_SHA1_96, etypeID.AES256_CTS_HMAC_SHA1_96:
		in := confounded()
		_, out, err := et.EncryptData(derive(key.KeyValue, usage, forEncryption), in)
		must(err)
		return append(out, mac(derive(key.KeyValue, usage, forIntegrity), in)...)
	case etypeID.RC4_HMAC:
		return encryptRC4(random, et, key, usage, plaintext)
	default:
		_, out, err := et.EncryptMessage(key.KeyValue, plaintext, usage)
		must(err)
		return out
	}
}

// encryptRC4 encrypts plaintext under an RC4 key (RFC 4757, Section 5).
func encryptRC4(random io.Reader, et etype.EType, key types.EncryptionKey, usage uint32, plaintext []byte) []byte {
	confounded := append(read(random, et.GetConfounderByteSize()), plaintext...)
	ofUsage := rfc4757.HMAC(key.KeyValue, rfc4757.UsageToMSMsgType(usage))
	mac := rfc4757.HMAC(ofUsage, confounded)
	out, err := rfc4757.EncryptData(rfc4757.HMAC(ofUsage, mac), confounded, et)
	must(err)
	return append(mac, out...)
}

// Decrypt reverses [Encrypt].
func Decrypt(key types.EncryptionKey, usage uint32, ciphertext []byte) ([]byte, error) {
	et := implementation(key.KeyType)
	// gokrb5 slices without checking the length.
	if shortest := et.GetConfounderByteSize() + checksumLen(key); len(ciphertext) < shortest {
		return nil, fmt.Errorf("krbtest: the ciphertext has %d bytes, and needs at least %d", len(ciphertext), shortest)
	}
	return et.DecryptMessage(key.KeyValue, ciphertext, usage)
}

// Checksum returns the keyed checksum of data, of the checksum type of the key's
// encryption type.
func Checksum(key types.EncryptionKey, usage uint32, data []byte) types.Checksum {
	et := implementation(key.KeyType)
	switch key.KeyType {
	case etypeID.AES128_CTS_HMAC_SHA1_96, etypeID.AES256_CTS_HMAC_SHA1_96:
		return types.Checksum{CksumType: et.GetHashID(), Checksum: mac(derive(key.KeyValue, usage, forChecksum), data)}
	}
	sum, err := et.GetChecksumHash(key.KeyValue, data, usage)
	must(err)
	return types.Checksum{CksumType: et.GetHashID(), Checksum: sum}
}

func checksumLen(key types.EncryptionKey) int {
	return implementation(key.KeyType).GetHMACBitLength() / 8
}

func implementation(e int32) etype.EType {
	et, err := crypto.GetEtype(e)
	must(err)
	return et
}

func read(random io.Reader, n int) []byte {
	b := make([]byte, n)
	_, err := io.ReadFull(random, b)
	must(err)
	return b
}

func must(err error) {
	if err != nil {
		panic("krbtest: " + err.Error())
	}
}
