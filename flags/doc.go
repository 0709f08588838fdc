// Package flags defines the five sets of flags of an accepted context, each as a type of
// its own, so that the compiler keeps them apart: [ASC_REQ] and [ASC_RET] of SSPI, [GSS]
// of the GSS-API checksum, [AP] and [Ticket] of Kerberos. Flags of two sets may have
// the same name and different values. [GSS.ASC] is the only translation.
package flags

import (
	"strconv"
	"strings"
)

// join lists the names of the bits of v that are set, lowest bit first, and the bits
// without a name as one hexadecimal number.
func join(v uint32, names *[32]string) string {
	if v == 0 {
		return "0"
	}
	var known []string
	for bit, name := range names {
		if name != "" && v&(1<<bit) != 0 {
			known = append(known, name)
			v &^= 1 << bit
		}
	}
	if v != 0 {
		known = append(known, "0x"+strconv.FormatUint(uint64(v), 16))
	}
	return strings.Join(known, "|")
}
