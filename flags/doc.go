// Package flags has the five sets of flags that meet in an accept, each as a
// type of its own, so that one is never taken for another: [ASC_REQ] and
// [ASC_RET] of SSPI, [GSS] of the GSS-API checksum, [AP] and [Ticket] of Kerberos.
// Some of them share names and not values. [GSS.ASC] is the only translation.
package flags

import (
	"strconv"
	"strings"
)

// join lists the names of the bits of v that are set, lowest first, and what
// has no name as one hexadecimal number.
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
