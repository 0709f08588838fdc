package authenticator

import (
	"encoding/binary"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// gssChecksum is the checksum type of the GSS-API mechanism. It is not a checksum: it
// contains the context's flags, the channel bindings and forwarded credentials (RFC 4121,
// Section 4.1.1).
const gssChecksum = 0x8003

// checksum is the content of the authenticator's checksum field.
type checksum struct {
	flags    flags.GSS
	bindings [16]byte // all zero if the client sent no bindings
	cred     []byte   // KRB-CRED as sent, or nil; a view of the plaintext
}

// readChecksum reads the checksum field. A client without the field requests only mutual
// authentication, by its AP-options (MS-KILE, Section 3.4.5).
func readChecksum(a *krb5.Authenticator, options flags.AP, session keytab.Key) (c checksum, err error) {
	switch {
	case !a.HasChecksum:
		c.flags = mutual(options)
		return c, nil
	case a.Checksum.Type == gssChecksum:
		return c, c.parse(a.Checksum.Sum)
	}
	// Old SMB clients send a keyed checksum of no data. It proves only that they have the
	// session key.
	if err := session.VerifyChecksum(a.Checksum.Type, a.Checksum.Sum, nil, etype.UsageAuthenticatorChecksum); err != nil {
		return c, &status.Error{Reason: status.ReasonBadChecksum, Detail: "the authenticator's checksum is neither the GSS checksum nor a checksum keyed with the session key"}
	}
	c.flags = flags.GSS_C_REPLAY_FLAG | flags.GSS_C_SEQUENCE_FLAG | mutual(options)
	return c, nil
}

func mutual(options flags.AP) flags.GSS {
	if options&flags.APMutualRequired != 0 {
		return flags.GSS_C_MUTUAL_FLAG
	}
	return 0
}

// parse reads the structure of RFC 4121, Section 4.1.1. It is little-endian, except the
// extensions of RFC 6542 at its end.
func (c *checksum) parse(b []byte) error {
	const fixed = 24
	if len(b) < fixed || binary.LittleEndian.Uint32(b) != uint32(len(c.bindings)) {
		return malformed("the checksum is shorter than its fixed part")
	}
	copy(c.bindings[:], b[4:20])
	c.flags = flags.GSS(binary.LittleEndian.Uint32(b[20:]))
	rest := b[fixed:]
	if c.flags&flags.GSS_C_DELEG_FLAG != 0 {
		if len(rest) < 4 || binary.LittleEndian.Uint16(rest) != 1 {
			return malformed("the delegation field is missing or has an unknown option")
		}
		n := int(binary.LittleEndian.Uint16(rest[2:]))
		rest = rest[4:]
		if n > len(rest) {
			return malformed("the delegation field is longer than the checksum")
		}
		c.cred, rest = rest[:n], rest[n:]
	}
	if c.flags&flags.GSS_C_DCE_STYLE != 0 {
		c.flags |= flags.GSS_C_MUTUAL_FLAG // the DCE style requires the second leg, an AP-REP
	}
	return skipExtensions(rest)
}

// skipExtensions checks that each extension is complete (RFC 6542, Section 3). This
// library knows no extension.
func skipExtensions(b []byte) error {
	for len(b) > 0 {
		if len(b) < 8 {
			return malformed("a checksum extension is cut off")
		}
		n := binary.BigEndian.Uint32(b[4:])
		b = b[8:]
		if uint64(n) > uint64(len(b)) {
			return malformed("a checksum extension is longer than the checksum")
		}
		b = b[n:]
	}
	return nil
}

func malformed(detail string) error {
	return &status.Error{Reason: status.ReasonBadGSSChecksum, Detail: detail}
}
