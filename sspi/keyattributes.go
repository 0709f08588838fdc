package sspi

import (
	"fmt"
	"io"

	"github.com/gosspi/kerberos/status"
)

// SecPkgContext_Sizes are the sizes of a context's buffers, in bytes.
type SecPkgContext_Sizes struct {
	MaxToken        uint32 // of a token of the exchange
	MaxSignature    uint32 // of MakeSignature's TOKEN; 0 if messages cannot be protected
	BlockSize       uint32 // of PADDING; 1: there is none
	SecurityTrailer uint32 // of EncryptMessage's TOKEN, at most
}

// SecPkgContext_KeyInfo describes the context's key. The algorithms are the
// checksum and encryption types of RFC 3961, KeySize is in bits.
type SecPkgContext_KeyInfo struct {
	SignatureAlgorithmName, EncryptAlgorithmName string
	KeySize                                      uint32
	SignatureAlgorithm, EncryptAlgorithm         uint32
}

// SecPkgContext_SessionKey is the context's key, whole. It prints redacted.
type SecPkgContext_SessionKey struct{ SessionKey []byte }

func (b *SecPkgContext_SessionKey) query(c *Context) status.Code {
	key, err := c.SessionKey()
	if err != nil {
		return status.CodeOf(err)
	}
	b.SessionKey = key
	return status.SEC_E_OK
}

const redactedKey = "sspi.SecPkgContext_SessionKey(redacted)"

// Format redacts the key, whatever the verb.
func (SecPkgContext_SessionKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redactedKey) }

// MarshalText redacts the key, in JSON, XML and logs.
func (SecPkgContext_SessionKey) MarshalText() ([]byte, error) { return []byte(redactedKey), nil }
