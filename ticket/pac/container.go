package pac

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"sync"

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// Types of buffers ([MS-PAC], Section 2.4).
const (
	typeLogonInfo       = 1
	typeCredentials     = 2
	typeServerSignature = 6
	typeKDCSignature    = 7
	typeClientInfo      = 10
	typeDelegationInfo  = 11
	typeUPNDNSInfo      = 12
	typeClientClaims    = 13
	typeDeviceInfo      = 14
	typeDeviceClaims    = 15
	typeTicketSignature = 16
	typeAttributes      = 17
	typeRequestor       = 18
	typeFullSignature   = 19
	typeRequestorGUID   = 20

	knownTypes = 21 // types below may be known
)

// known is the set of the types above, one bit for each.
const known = 1<<typeLogonInfo | 1<<typeCredentials | 1<<typeServerSignature | 1<<typeKDCSignature |
	1<<typeClientInfo | 1<<typeDelegationInfo | 1<<typeUPNDNSInfo | 1<<typeClientClaims |
	1<<typeDeviceInfo | 1<<typeDeviceClaims | 1<<typeTicketSignature | 1<<typeAttributes |
	1<<typeRequestor | 1<<typeFullSignature | 1<<typeRequestorGUID

// Limits of the container ([MS-PAC], Section 2.3).
const (
	maxLen     = 16 << 20
	maxBuffers = 64
	headerLen  = 8
	entryLen   = 16
	alignment  = 8
)

// container is the directory of a PAC: the contents of each known buffer.
type container struct {
	raw     []byte
	extents [knownTypes][2]uint32 // start and end in raw
	present uint32                // set of types that the PAC has
}

// buffer returns the content of the buffer of a known type, a view of raw. It is nil if the
// PAC has no such buffer.
func (c *container) buffer(bufferType int) []byte {
	if !c.has(bufferType) {
		return nil
	}
	e := c.extents[bufferType]
	return c.raw[e[0]:e[1]:e[1]]
}

// start returns where the buffer of a known type begins.
func (c *container) start(bufferType int) int { return int(c.extents[bufferType][0]) }

// has reports whether the PAC has a buffer of a known type, which may be empty.
func (c *container) has(bufferType int) bool { return c.present&(1<<bufferType) != 0 }

// parse reads the header and the directory of buffers. It refuses a directory that does not
// fit, buffers that overlap or are not aligned, and two buffers of one known type. It ignores
// unknown types, and does not look into any buffer.
func (c *container) parse(raw []byte) error {
	if len(raw) < headerLen {
		return bad("the PAC is shorter than its header")
	}
	count, version := binary.LittleEndian.Uint32(raw), binary.LittleEndian.Uint32(raw[4:])
	switch {
	case len(raw) > maxLen:
		return bad("the PAC is longer than 16 MiB")
	case version != 0:
		return bad("the version of the PAC is not 0")
	case count > maxBuffers:
		return bad("the PAC has more than 64 buffers")
	case int(count)*entryLen > len(raw)-headerLen:
		return bad("the PAC is shorter than its list of buffers")
	}
	c.raw = raw
	table := raw[headerLen:][:int(count)*entryLen]
	for i := 0; i < len(table); i += entryLen {
		start, end, err := extent(table[i:], headerLen+len(table), len(raw))
		if err != nil {
			return err
		}
		for j := 0; j < i; j += entryLen {
			// This entry was checked in an earlier round.
			if s, e, _ := extent(table[j:], headerLen+len(table), len(raw)); start < e && s < end {
				return bad("two buffers of the PAC overlap")
			}
		}
		if err := c.add(binary.LittleEndian.Uint32(table[i:]), start, end); err != nil {
			return err
		}
	}
	return nil
}

// extent returns where the buffer of an entry begins and ends.
func extent(entry []byte, least, most int) (start, end int, err error) {
	size, offset := binary.LittleEndian.Uint32(entry[4:]), binary.LittleEndian.Uint64(entry[8:])
	switch {
	case offset%alignment != 0:
		return 0, 0, bad("a buffer of the PAC is not aligned to 8 bytes")
	case offset < uint64(least) || offset > uint64(most) || uint64(size) > uint64(most)-offset:
		return 0, 0, bad("a buffer of the PAC lies outside of it")
	}
	return int(offset), int(offset) + int(size), nil
}

func (c *container) add(bufferType uint32, start, end int) error {
	if bufferType >= knownTypes || known&(1<<bufferType) == 0 {
		return nil
	}
	if c.has(int(bufferType)) {
		return bad("the PAC has two buffers of one type")
	}
	c.present |= 1 << bufferType
	c.extents[bufferType] = [2]uint32{uint32(start), uint32(end)}
	return nil
}

// types returns the known types that the PAC has, in ascending order.
func (c *container) types() []int {
	out := make([]int, 0, bits.OnesCount32(c.present))
	for t := range knownTypes {
		if c.has(t) {
			out = append(out, t)
		}
	}
	return out
}

// usageSignature is the key usage of the signatures of a PAC: KERB_NON_KERB_CKSUM_SALT
// ([MS-PAC], Section 2.8).
const usageSignature = 17

// signatureLens are the lengths of signatures by checksum type.
var signatureLens = map[int32]int{
	15: 12, 16: 12, // hmac-sha1-96-aes128, -aes256
	19: 16, 20: 24, // hmac-sha256-128-aes128, hmac-sha384-192-aes256
	-138: 16, // hmac-md5
}

// signature parses a PAC_SIGNATURE_DATA ([MS-PAC], Section 2.8): a checksum type, the
// checksum and, from a read-only domain controller, its two-byte number. It returns where
// the checksum and where the buffer end.
func (c *container) signature(bufferType int) (sumType int32, start, end, bufferEnd int, err error) {
	const typeLen, rodcLen = 4, 2
	b := c.buffer(bufferType)
	if len(b) < typeLen {
		return 0, 0, 0, 0, bad("a signature of the PAC is missing or too short")
	}
	sumType = int32(binary.LittleEndian.Uint32(b))
	n, ok := signatureLens[sumType]
	if !ok {
		return 0, 0, 0, 0, bad("a signature of the PAC has an unknown or unkeyed checksum type")
	}
	if rest := len(b) - typeLen - n; rest != 0 && rest != rodcLen {
		return 0, 0, 0, 0, bad("the length of a signature of the PAC does not fit its checksum type")
	}
	start = c.start(bufferType) + typeLen
	return sumType, start, start + n, c.start(bufferType) + len(b), nil
}

// copies holds the memory of the copies that verify makes. A ticket, and so a PAC, is at most
// as long as a token.
var copies = sync.Pool{New: func() any { return new([]byte) }}

// verify verifies the server signature, which covers the PAC with the server and KDC
// signatures set to zero ([MS-PAC], Section 2.8.1). The number of a read-only domain
// controller behind a signature is zero too: it is written after the server has signed.
// key is the key that opened the ticket.
func (c *container) verify(key keytab.Key) error {
	sumType, start, end, bufferEnd, err := c.signature(typeServerSignature)
	if err != nil {
		return err
	}
	_, kdcStart, _, kdcEnd, err := c.signature(typeKDCSignature)
	if err != nil {
		return err
	}
	scratch := copies.Get().(*[]byte)
	defer copies.Put(scratch)
	signed := append((*scratch)[:0], c.raw...)
	*scratch = signed
	clear(signed[start:bufferEnd])
	clear(signed[kdcStart:kdcEnd])
	if err := key.VerifyChecksum(sumType, c.raw[start:end], signed, usageSignature); err != nil {
		detail := "the server signature of the PAC is wrong"
		if e, ok := errors.AsType[*status.Error](err); ok {
			detail += ": " + e.Detail // its Reason is about checksums of authenticators
		}
		return bad(detail)
	}
	return nil
}
