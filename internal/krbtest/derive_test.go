package krbtest

import (
	"bytes"
	"testing"

	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/keytab"
)

// TestDerivedKeys compares the checksums and ciphertexts of types 17 and 18 with those of
// gokrb5's own functions.
func TestDerivedKeys(t *testing.T) {
	r := NewRealm("EXAMPLE.COM")
	for _, e := range []keytab.EType{keytab.AES128_CTS_HMAC_SHA1_96, keytab.AES256_CTS_HMAC_SHA1_96} {
		for _, usage := range []uint32{1, 2, 11, 17, 22, 0x01020304} {
			key := types.EncryptionKey(r.NewKey(e))
			et := implementation(key.KeyType)
			data := []byte("the data of the test")
			want, err := et.GetChecksumHash(key.KeyValue, data, usage)
			if got := Checksum(key, usage, data).Checksum; err != nil || !bytes.Equal(got, want) {
				t.Errorf("type %d, usage %d: checksum %x, gokrb5 has %x, %v", e, usage, got, want, err)
			}
			got, err := et.DecryptMessage(key.KeyValue, Encrypt(r, key, usage, data), usage)
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("type %d, usage %d: gokrb5 decrypts %x, %v", e, usage, got, err)
			}
		}
	}
}
