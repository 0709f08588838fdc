package krbtest

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/gosspi/kerberos/ticket/pac"
)

// never is the FILETIME of an event that does not happen.
const never = 1<<63 - 1

// fileTime returns t as a FILETIME, in 100 nanoseconds since 1601.
func fileTime(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	const secondsTo1970 = 11644473600
	return uint64(t.Unix()+secondsTo1970)*1e7 + uint64(t.Nanosecond()/100)
}

// fileTimeOrNever returns never for the zero Time.
func fileTimeOrNever(t time.Time) uint64 {
	if t.IsZero() {
		return never
	}
	return fileTime(t)
}

// logonInfo encodes KERB_VALIDATION_INFO ([MS-PAC], Section 2.5).
func logonInfo(l *pac.LogonInfo) []byte {
	return marshalNDR(func(w *ndrWriter) {
		user, extra := l.UserSID.RID(), l.ExtraSIDs
		if l.UserSID.Domain() != l.DomainSID {
			// A user id of 0 puts the SID of the account first into ExtraSids.
			user, extra = 0, append([]pac.Group{{SID: l.UserSID}}, extra...)
		}
		w.fileTime(fileTime(l.LogonTime))
		w.fileTime(fileTimeOrNever(l.LogoffTime))
		w.fileTime(fileTimeOrNever(l.KickOffTime))
		w.fileTime(fileTime(l.PasswordLastSet))
		w.fileTime(fileTime(l.PasswordCanChange))
		w.fileTime(fileTimeOrNever(l.PasswordMustChange))
		for _, s := range []string{l.AccountName, l.FullName, l.LogonScript, l.ProfilePath, l.HomeDirectory, l.HomeDirectoryDrive} {
			w.text(s, false)
		}
		w.u16(l.LogonCount)
		w.u16(l.BadPasswordCount)
		w.u32(user)
		w.u32(l.PrimaryGroup.RID())
		w.rids(l.Groups)
		w.u32(l.UserFlags)
		w.b = append(w.b, make([]byte, 16)...) // UserSessionKey
		w.text(l.LogonServer, true)
		w.text(l.LogonDomain, true)
		w.sid(l.DomainSID)
		w.b = append(w.b, make([]byte, 8)...) // Reserved1
		w.u32(l.AccountControl)
		w.u32(0) // SubAuthStatus
		w.fileTime(fileTime(l.LastSuccessfulLogon))
		w.fileTime(fileTime(l.LastFailedLogon))
		w.u32(l.FailedLogonCount)
		w.u32(0) // Reserved3
		w.sids(extra)
		w.sid(l.ResourceDomainSID)
		w.rids(l.ResourceGroups)
	})
}

// rids writes an array of GROUP_MEMBERSHIP.
func (w *ndrWriter) rids(groups []pac.Group) {
	w.array(len(groups), func(i int) {
		w.u32(groups[i].SID.RID())
		w.u32(groups[i].Attributes)
	})
}

// sids writes an array of KERB_SID_AND_ATTRIBUTES.
func (w *ndrWriter) sids(groups []pac.Group) {
	w.array(len(groups), func(i int) {
		w.sid(groups[i].SID)
		w.u32(groups[i].Attributes)
	})
}

// deviceInfo encodes PAC_DEVICE_INFO ([MS-PAC], Section 2.12). Groups of one domain that follow
// one another in DomainGroups share an entry.
func deviceInfo(d *pac.DeviceInfo) []byte {
	var domains [][]pac.Group
	for _, g := range d.DomainGroups {
		if n := len(domains); n == 0 || domains[n-1][0].SID.Domain() != g.SID.Domain() {
			domains = append(domains, nil)
		}
		domains[len(domains)-1] = append(domains[len(domains)-1], g)
	}
	return marshalNDR(func(w *ndrWriter) {
		w.u32(d.SID.RID())
		w.u32(d.PrimaryGroup.RID())
		w.sid(d.SID.Domain())
		w.rids(d.Groups)
		w.sids(d.ExtraSIDs)
		w.array(len(domains), func(i int) {
			w.sid(domains[i][0].SID.Domain())
			w.rids(domains[i])
		})
	})
}

// delegationInfo encodes S4U_DELEGATION_INFO ([MS-PAC], Section 2.9).
func delegationInfo(d *pac.DelegationInfo) []byte {
	return marshalNDR(func(w *ndrWriter) {
		w.text(d.ProxyTarget, false)
		w.array(len(d.TransitedServices), func(i int) { w.text(d.TransitedServices[i], false) })
	})
}

// upnDNSInfo encodes UPN_DNS_INFO with its extension ([MS-PAC], Section 2.10), if u has a SID.
// Samba aligns the names, and not the SID.
func upnDNSInfo(u *pac.UPNDNSInfo) []byte {
	const constructed, extended = 1, 2
	var flags uint32
	if u.Constructed {
		flags |= constructed
	}
	parts := [][]byte{utf16le(u.UPN), utf16le(u.DNSDomain)}
	header := 12
	if !u.SID.IsZero() {
		flags |= extended
		parts = append(parts, utf16le(u.SAMName), packetSID(u.SID))
		header = 20
	}
	header += -header & 7
	var head, body []byte
	for i, part := range parts {
		if i == 2 {
			head = binary.LittleEndian.AppendUint32(head, flags)
		}
		head = binary.LittleEndian.AppendUint16(head, uint16(len(part)))
		head = binary.LittleEndian.AppendUint16(head, uint16(header+len(body)))
		body = append(body, part...)
		if i < 2 {
			body = append(body, make([]byte, -len(body)&7)...)
		}
	}
	if len(parts) == 2 {
		head = binary.LittleEndian.AppendUint32(head, flags)
	}
	body = append(body, make([]byte, -len(body)&7)...)
	return append(append(head, make([]byte, header-len(head))...), body...)
}

// attributesInfo encodes PAC_ATTRIBUTES_INFO ([MS-PAC], Section 2.14) with two flags.
func attributesInfo(flags uint32) []byte {
	return binary.LittleEndian.AppendUint32([]byte{2, 0, 0, 0}, flags)
}

// claimsBuffer encodes CLAIMS_SET_METADATA without compression ([MS-ADTS], Section 2.2.18.6).
// Without claims the buffer is empty, as in the PACs of domain controllers.
func claimsBuffer(claims []pac.Claim) []byte {
	if len(claims) == 0 {
		return nil
	}
	set := claimsSet(claims)
	return marshalNDR(func(w *ndrWriter) {
		w.u32(uint32(len(set)))
		w.pointer(true, func() {
			w.u32(uint32(len(set)))
			w.b = append(w.b, set...)
		})
		w.u16(0) // CLAIMS_COMPRESSION_FORMAT_NONE
		w.u32(uint32(len(set)))
		w.u16(0) // usReservedType
		w.u32(0) // ulReservedFieldSize
		w.pointer(false, nil)
	})
}

// claimsSet encodes CLAIMS_SET ([MS-ADTS], Section 2.2.18.5). Claims of one source that follow
// one another share a CLAIMS_ARRAY.
func claimsSet(claims []pac.Claim) []byte {
	var arrays [][]pac.Claim
	for _, c := range claims {
		if n := len(arrays); n == 0 || arrays[n-1][0].Source != c.Source {
			arrays = append(arrays, nil)
		}
		arrays[len(arrays)-1] = append(arrays[len(arrays)-1], c)
	}
	return marshalNDR(func(w *ndrWriter) {
		w.array(len(arrays), func(i int) {
			w.u16(uint16(arrays[i][0].Source))
			w.array(len(arrays[i]), func(j int) { w.claim(&arrays[i][j]) })
		})
		w.u16(0) // usReservedType
		w.u32(0) // ulReservedFieldSize
		w.pointer(false, nil)
	})
}

// claim writes a CLAIM_ENTRY ([MS-ADTS], Section 2.2.18.8).
func (w *ndrWriter) claim(c *pac.Claim) {
	w.pointer(true, func() { w.wide(c.ID) })
	w.u16(uint16(c.Type))
	w.u16(uint16(c.Type))
	switch c.Type {
	case pac.CLAIM_TYPE_INT64:
		w.array(len(c.Int64s), func(i int) { w.u64(uint64(c.Int64s[i])) })
	case pac.CLAIM_TYPE_UINT64:
		w.array(len(c.Uint64s), func(i int) { w.u64(c.Uint64s[i]) })
	case pac.CLAIM_TYPE_STRING:
		w.array(len(c.Strings), func(i int) { w.pointer(true, func() { w.wide(c.Strings[i]) }) })
	case pac.CLAIM_TYPE_BOOLEAN:
		w.array(len(c.Bools), func(i int) {
			var v uint64
			if c.Bools[i] {
				v = 1
			}
			w.u64(v)
		})
	default:
		panic(fmt.Sprintf("krbtest: the claim %q has the unknown type %d", c.ID, c.Type))
	}
}
