package sspi

import (
	"github.com/gosspi/kerberos/internal/etype"
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

// SecPkgContext_SessionKey is the context's key, whole. In place of Windows' length and
// pointer there is a Secret, which prints redacted and whose method Bytes returns a copy.
type SecPkgContext_SessionKey struct{ SessionKey Secret }

func (b *SecPkgContext_SessionKey) query(c *Context) status.Code {
	key, err := c.SessionKey()
	if err != nil {
		return status.CodeOf(err)
	}
	b.SessionKey = NewSecret(key)
	clear(key)
	return status.SEC_E_OK
}

func (b *SecPkgContext_Sizes) query(c *Context) status.Code {
	*b = SecPkgContext_Sizes{MaxToken: cbMaxToken, BlockSize: 1}
	if c.peer.Flags&protected != 0 {
		b.MaxSignature = uint32(c.protector.MICLen())
		b.SecurityTrailer = uint32(c.protector.MaxTrailerLen())
	}
	return status.SEC_E_OK
}

func (b *SecPkgContext_KeyInfo) query(c *Context) status.Code {
	profile, ok := etype.Lookup(etype.ID(c.peer.ContextEType))
	if !ok {
		return status.SEC_E_INTERNAL_ERROR // unreachable: a context has a key
	}
	*b = SecPkgContext_KeyInfo{
		SignatureAlgorithmName: checksumName(profile.ChecksumType), EncryptAlgorithmName: c.peer.ContextEType.String(),
		KeySize:            uint32(profile.KeyLen) * 8,
		SignatureAlgorithm: uint32(profile.ChecksumType), EncryptAlgorithm: uint32(profile.ID),
	}
	return status.SEC_E_OK
}

// checksumName is the name in the registry of RFC 3961, Section 8.
func checksumName(t int32) string {
	switch t {
	case 15:
		return "hmac-sha1-96-aes128"
	case 16:
		return "hmac-sha1-96-aes256"
	case 19:
		return "hmac-sha256-128-aes128"
	case 20:
		return "hmac-sha384-192-aes256"
	case -138:
		return "hmac-md5"
	}
	return ""
}
