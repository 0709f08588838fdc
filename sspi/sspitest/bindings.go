package sspitest

import (
	"crypto/md5"
	"encoding/binary"

	"github.com/gosspi/kerberos/sspi"
)

// bindingHash returns the field Bnd of RFC 4121, Section 4.1.1.2: the MD5 hash of all fields
// of c in order, with numbers and lengths in little-endian. The RFC prescribes MD5.
func bindingHash(c *sspi.ChannelBindings) [16]byte {
	var b []byte
	number := func(n uint32) { b = binary.LittleEndian.AppendUint32(b, n) }
	counted := func(part []byte) { number(uint32(len(part))); b = append(b, part...) }
	number(c.InitiatorAddrType)
	counted(c.InitiatorAddress)
	number(c.AcceptorAddrType)
	counted(c.AcceptorAddress)
	counted(c.ApplicationData)
	return md5.Sum(b)
}
