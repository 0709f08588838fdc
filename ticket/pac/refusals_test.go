package pac_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket/pac"
)

// change replaces the only occurrence of old in a buffer.
func change(t *testing.T, old, now []byte) func([]byte) []byte {
	return func(b []byte) []byte {
		t.Helper()
		if n := bytes.Count(b, old); n != 1 {
			t.Errorf("%x is in the buffer %d times", old, n)
		}
		return bytes.Replace(b, old, now, 1)
	}
}

// misspelled returns a function that makes the first character of text an unpaired surrogate.
func misspelled(t *testing.T, text string) func([]byte) []byte {
	var units []byte
	for _, u := range utf16.Encode([]rune(text)) {
		units = binary.LittleEndian.AppendUint16(units, u)
	}
	return change(t, units, slices.Concat([]byte{0, 0xd8}, units[2:]))
}

// revised returns a function that changes the revision of a SID to 2.
func revised(t *testing.T, s pac.SID) func([]byte) []byte {
	packet := func(revision byte) []byte {
		b := []byte{revision, 0, 0, 0, 0, 0, 0, 5}
		for part := range strings.SplitSeq(strings.TrimPrefix(s.String(), "S-1-5-"), "-") {
			var n uint32
			for _, c := range part {
				n = 10*n + uint32(c-'0')
			}
			b = binary.LittleEndian.AppendUint32(b, n)
			b[1]++
		}
		return b
	}
	return change(t, packet(1), packet(2))
}

// other makes a buffer one of another version of NDR.
func other(b []byte) []byte {
	b[0] = 2
	return b
}

// longer appends bytes to a buffer of NDR, and to the length in its header.
func longer(b []byte) []byte {
	binary.LittleEndian.PutUint32(b[8:], binary.LittleEndian.Uint32(b[8:])+8)
	return append(b, make([]byte, 8)...)
}

const (
	malformedSID = "a SID is malformed"
	malformedUTF = "a name is not UTF-16"
	noDomain     = "relative identifiers without the SID of their domain"
	otherHeader  = "the type serialization header is not that of version 1"
	trailing     = "data follows the structure"
)

// wantPACBad checks the error for a buffer that does not decode.
func wantPACBad(t *testing.T, what string, err error, detail string) {
	t.Helper()
	if status.ReasonOf(err) != status.ReasonPACBad || !strings.Contains(err.Error(), detail) {
		t.Errorf("%s: %v, want %q", what, err, detail)
	}
}

// rich returns a PAC with every buffer that krbtest writes.
func rich() *krbtest.PAC {
	l := account(sid(corp, "1000"))
	l.LogonDomain, l.FullName = "CORP", "Mallory"
	l.Groups = []pac.Group{grants(sid(corp, "513"))}
	l.ExtraSIDs = []pac.Group{grants(sid(partner, "1100"))}
	l.UserFlags |= pac.LOGON_RESOURCE_GROUPS
	l.ResourceDomainSID = third
	l.ResourceGroups = []pac.Group{grants(sid(third, "1200"))}
	return &krbtest.PAC{
		Logon: l,
		UPN:   &pac.UPNDNSInfo{UPN: "upn@corp.example", DNSDomain: "CORP.EXAMPLE", SAMName: "mallory", SID: sid(corp, "1000")},
		Device: &pac.DeviceInfo{
			SID: sid(corp, "1300"), PrimaryGroup: sid(corp, "515"), Groups: []pac.Group{grants(sid(corp, "1301"))},
			ExtraSIDs: []pac.Group{grants(sid(partner, "1302"))}, DomainGroups: []pac.Group{grants(sid(third, "1303"))},
		},
		ClientClaims: []pac.Claim{
			{ID: "department", Source: pac.CLAIMS_SOURCE_TYPE_AD, Type: pac.CLAIM_TYPE_STRING, Strings: []string{"laboratory", "library"}},
			{ID: "level", Source: pac.CLAIMS_SOURCE_TYPE_AD, Type: pac.CLAIM_TYPE_INT64, Int64s: []int64{7}},
		},
		DeviceClaims: []pac.Claim{{ID: "room", Source: pac.CLAIMS_SOURCE_TYPE_AD, Type: pac.CLAIM_TYPE_UINT64, Uint64s: []uint64{42}}},
		Delegation:   &pac.DelegationInfo{ProxyTarget: "HTTP/front", TransitedServices: []string{"host/middle"}},
		Attributes:   uint32(pac.PAC_WAS_REQUESTED),
		Requestor:    sid(corp, "1000"),
	}
}

var third = pac.MustParseSID("S-1-5-21-3001-3002-3003")

// facts are the functions that decode a buffer, by its type.
var facts = map[uint32]func(*pac.PAC) error{
	krbtest.PACLogonInfo:      func(p *pac.PAC) error { _, err := p.LogonInfo(); return err },
	krbtest.PACUPNDNSInfo:     func(p *pac.PAC) error { _, err := p.UPNDNSInfo(); return err },
	krbtest.PACClientClaims:   func(p *pac.PAC) error { _, err := p.ClientClaims(); return err },
	krbtest.PACDeviceClaims:   func(p *pac.PAC) error { _, err := p.DeviceClaims(); return err },
	krbtest.PACDeviceInfo:     func(p *pac.PAC) error { _, err := p.DeviceInfo(); return err },
	krbtest.PACDelegationInfo: func(p *pac.PAC) error { _, err := p.DelegationInfo(); return err },
	krbtest.PACAttributes:     func(p *pac.PAC) error { _, _, err := p.Attributes(); return err },
	krbtest.PACRequestor:      func(p *pac.PAC) error { _, err := p.RequestorSID(); return err },
	requestorGUID:             func(p *pac.PAC) error { _, _, err := p.RequestorGUID(); return err },
}

const requestorGUID = 20

// TestPAC_7_Undecodable damages one part of each buffer. The error names the damage, and the
// other buffers still decode.
func TestPAC_7_Undecodable(t *testing.T) {
	for bufferType, decode := range facts {
		if bufferType == requestorGUID {
			continue
		}
		if err := decode(minted(t, "mallory", rich())); err != nil {
			t.Fatalf("type %d: %v", bufferType, err)
		}
	}
	claimType := func(n, arm byte) func([]byte) []byte { // of the second claim
		return change(t, []byte{byte(pac.CLAIM_TYPE_INT64), 0, byte(pac.CLAIM_TYPE_INT64), 0, 1, 0, 0, 0}, []byte{n, 0, arm, 0, 1, 0, 0, 0})
	}
	upn := func(at int, v uint16) func([]byte) []byte {
		return func(b []byte) []byte {
			binary.LittleEndian.PutUint16(b[at:], v)
			return b
		}
	}
	cutTo := func(n int) func([]byte) []byte { return func(b []byte) []byte { return b[:n] } }
	exactly := func(b ...byte) func([]byte) []byte { return func([]byte) []byte { return b } }
	for name, row := range map[string]struct {
		bufferType uint32
		change     func([]byte) []byte
		want       string
	}{
		"LOGON_INFO, version":             {krbtest.PACLogonInfo, other, otherHeader},
		"LOGON_INFO, bytes behind":        {krbtest.PACLogonInfo, longer, trailing},
		"LOGON_INFO, domain":              {krbtest.PACLogonInfo, revised(t, corp), malformedSID},
		"LOGON_INFO, extra SID":           {krbtest.PACLogonInfo, revised(t, sid(partner, "1100")), malformedSID},
		"LOGON_INFO, resource domain":     {krbtest.PACLogonInfo, revised(t, third), malformedSID},
		"LOGON_INFO, name":                {krbtest.PACLogonInfo, misspelled(t, "mallory"), malformedUTF},
		"UPN_DNS_INFO, UPN":               {krbtest.PACUPNDNSInfo, misspelled(t, "upn@"), malformedUTF},
		"UPN_DNS_INFO, SID":               {krbtest.PACUPNDNSInfo, revised(t, sid(corp, "1000")), malformedSID},
		"UPN_DNS_INFO, UPN outside":       {krbtest.PACUPNDNSInfo, upn(2, 1000), "lengths and offsets"},
		"UPN_DNS_INFO, UPN in the header": {krbtest.PACUPNDNSInfo, upn(2, 8), "lengths and offsets"},
		"UPN_DNS_INFO, UPN too long":      {krbtest.PACUPNDNSInfo, upn(0, 1000), "lengths and offsets"},
		"UPN_DNS_INFO, no header":         {krbtest.PACUPNDNSInfo, cutTo(11), "lengths and offsets"},
		"UPN_DNS_INFO, half a header":     {krbtest.PACUPNDNSInfo, exactly(0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0), "lengths and offsets"},
		"CLIENT_CLAIMS, version":          {krbtest.PACClientClaims, other, otherHeader},
		"CLIENT_CLAIMS, bytes behind":     {krbtest.PACClientClaims, longer, trailing},
		"CLIENT_CLAIMS, id":               {krbtest.PACClientClaims, misspelled(t, "level"), malformedUTF},
		"CLIENT_CLAIMS, first value":      {krbtest.PACClientClaims, misspelled(t, "laboratory"), malformedUTF},
		"CLIENT_CLAIMS, last value":       {krbtest.PACClientClaims, misspelled(t, "library"), malformedUTF},
		"CLIENT_CLAIMS, two types":        {krbtest.PACClientClaims, claimType(1, 2), "the type of a claim differs from the type of its values"},
		"CLIENT_CLAIMS, unknown type":     {krbtest.PACClientClaims, claimType(9, 9), "the type 9 of a claim is not supported"},
		"CLIENT_CLAIMS, inner version":    {krbtest.PACClientClaims, func(b []byte) []byte { other(b[bytes.LastIndex(b, b[:8]):]); return b }, otherHeader},
		"CLIENT_CLAIMS, another size":     {krbtest.PACClientClaims, func(b []byte) []byte { b[32]++; return b }, "the sizes of its uncompressed claims differ"},
		"CLIENT_CLAIMS, not compressed":   {krbtest.PACClientClaims, func(b []byte) []byte { b[28] = 4; return b }, "the compressed data ends too early"},
		"CLIENT_CLAIMS, compressed 1 MiB": {krbtest.PACClientClaims, func(b []byte) []byte { b[28], b[34] = 4, 0x11; return b }, "above the limit"},
		"CLIENT_CLAIMS, another format":   {krbtest.PACClientClaims, func(b []byte) []byte { b[28] = 3; return b }, "its compression format 3 is not supported"},
		"DEVICE_CLAIMS, id":               {krbtest.PACDeviceClaims, misspelled(t, "room"), malformedUTF},
		"DEVICE_INFO, version":            {krbtest.PACDeviceInfo, other, otherHeader},
		"DEVICE_INFO, bytes behind":       {krbtest.PACDeviceInfo, longer, trailing},
		"DEVICE_INFO, domain":             {krbtest.PACDeviceInfo, revised(t, corp), malformedSID},
		"DEVICE_INFO, extra SID":          {krbtest.PACDeviceInfo, revised(t, sid(partner, "1302")), malformedSID},
		"DEVICE_INFO, domain of groups":   {krbtest.PACDeviceInfo, revised(t, third), malformedSID},
		"DELEGATION_INFO, version":        {krbtest.PACDelegationInfo, other, otherHeader},
		"DELEGATION_INFO, bytes behind":   {krbtest.PACDelegationInfo, longer, trailing},
		"DELEGATION_INFO, target":         {krbtest.PACDelegationInfo, misspelled(t, "HTTP/front"), malformedUTF},
		"DELEGATION_INFO, service":        {krbtest.PACDelegationInfo, misspelled(t, "host/middle"), malformedUTF},
		"ATTRIBUTES_INFO, empty":          {krbtest.PACAttributes, exactly(), "lengths and offsets"},
		"ATTRIBUTES_INFO, no bits":        {krbtest.PACAttributes, exactly(0, 0, 0, 0, 1, 0, 0, 0), "lengths and offsets"},
		"ATTRIBUTES_INFO, 33 bits":        {krbtest.PACAttributes, exactly(33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0), "lengths and offsets"},
		"ATTRIBUTES_INFO, cut":            {krbtest.PACAttributes, exactly(2, 0, 0, 0, 1, 0, 0), "lengths and offsets"},
		"REQUESTOR":                       {krbtest.PACRequestor, cutTo(11), malformedSID},
	} {
		p := rich()
		p.Edit = edited(row.bufferType, row.change)
		v := minted(t, "mallory", p)
		for bufferType, decode := range facts {
			switch err := decode(v); {
			case bufferType == row.bufferType:
				wantPACBad(t, name, err, row.want)
			case err != nil:
				t.Errorf("%s: type %d: %v", name, bufferType, err)
			}
		}
	}
}

// TestPAC_7_LastSID damages the last SID of a LOGON_INFO without resource groups.
func TestPAC_7_LastSID(t *testing.T) {
	p := rich()
	p.Logon.ResourceDomainSID, p.Logon.ResourceGroups = pac.SID{}, nil
	p.Edit = edited(krbtest.PACLogonInfo, revised(t, sid(partner, "1100")))
	wantPACBad(t, "extra SID", facts[krbtest.PACLogonInfo](minted(t, "mallory", p)), malformedSID)
}

// TestPAC_7_Requestor checks the GUID of the account that requested the ticket-granting ticket.
func TestPAC_7_Requestor(t *testing.T) {
	with := func(guid []byte) *pac.PAC {
		p := rich()
		p.Edit = func(all []krbtest.PACBuffer) []krbtest.PACBuffer {
			return append(all, krbtest.PACBuffer{Type: requestorGUID, Data: guid})
		}
		return minted(t, "mallory", p)
	}
	whole := []byte("0123456789abcdef")
	if guid, ok, err := with(whole).RequestorGUID(); string(guid[:]) != string(whole) || !ok || err != nil {
		t.Errorf("%x, %v, %v", guid, ok, err)
	}
	for _, n := range []int{0, 15} {
		_, ok, err := with(whole[:n]).RequestorGUID()
		wantPACBad(t, "a short GUID", err, "REQUESTOR_GUID")
		if ok {
			t.Errorf("%d bytes are a GUID", n)
		}
	}
	if _, ok, err := minted(t, "mallory", rich()).RequestorGUID(); ok || err != nil {
		t.Errorf("no GUID: %v, %v", ok, err)
	}
}

// TestPAC_7_EveryTruncation ends LOGON_INFO and DEVICE_INFO early. The error is about the
// structure, not about facts that would be missing in it.
func TestPAC_7_EveryTruncation(t *testing.T) {
	for _, bufferType := range []uint32{krbtest.PACLogonInfo, krbtest.PACDeviceInfo} {
		const headers = 16
		var length int
		for n := 0; n == 0 || n < length; n += 4 {
			p := rich()
			p.Edit = edited(bufferType, func(b []byte) []byte {
				length = len(b) - headers - 7 // up to 7 bytes are padding
				binary.LittleEndian.PutUint32(b[8:], uint32(n))
				return b[:headers+n]
			})
			err := facts[bufferType](minted(t, "mallory", p))
			wantPACBad(t, "truncated", err, "of the PAC does not decode")
			for _, missing := range []string{noDomain, "it has no name"} {
				if strings.Contains(err.Error(), missing) {
					t.Errorf("type %d, %d bytes: %v", bufferType, n, err)
				}
			}
		}
	}
}

// TestPAC_7_NoDomain checks buffers with groups and without the SID of the domain to which the
// groups belong.
func TestPAC_7_NoDomain(t *testing.T) {
	p := rich()
	p.Logon.DomainSID = pac.SID{}
	wantPACBad(t, "groups", facts[krbtest.PACLogonInfo](minted(t, "mallory", p)), noDomain)
	p = rich()
	p.Logon.ResourceDomainSID = pac.SID{}
	wantPACBad(t, "resource groups", facts[krbtest.PACLogonInfo](minted(t, "mallory", p)), noDomain)
	p = rich()
	p.Device.SID, p.Device.Groups = pac.MustParseSID("S-1-5"), nil
	wantPACBad(t, "a computer", facts[krbtest.PACDeviceInfo](minted(t, "mallory", p)), noDomain)
	p = rich()
	p.Device.DomainGroups = []pac.Group{grants(pac.MustParseSID("S-1-5"))}
	wantPACBad(t, "groups of a computer", facts[krbtest.PACDeviceInfo](minted(t, "mallory", p)), noDomain)
}

// TestPAC_5_ClientInfoMalformed checks CLIENT_INFO that does not decode.
func TestPAC_5_ClientInfoMalformed(t *testing.T) {
	for name, row := range map[string]struct {
		change func([]byte) []byte
		want   string
	}{
		"short":     {func(b []byte) []byte { return b[:9] }, "lengths and offsets"},
		"cut":       {func(b []byte) []byte { return b[:len(b)-2] }, "lengths and offsets"},
		"no UTF-16": {misspelled(t, "alice"), malformedUTF},
	} {
		ticket, fits := mintedTicket(t, &krbtest.PAC{Edit: edited(krbtest.PACClientInfo, row.change)})
		_, err := pac.Verify(ticket.PACBytes(), fits)
		wantPACBad(t, name, err, "CLIENT_INFO of the PAC is malformed")
		wantPACBad(t, name, err, row.want)
	}
}

// TestPAC_3_TooLong checks the limit of a PAC's length.
func TestPAC_3_TooLong(t *testing.T) {
	_, fits := mintedTicket(t, new(krbtest.PAC))
	_, err := pac.Verify(make([]byte, 16<<20+1), fits)
	wantPACBad(t, "16 MiB and a byte", err, "longer than 16 MiB")
}

// TestPAC_7_ManyServices checks the limit of the services in a delegation.
func TestPAC_7_ManyServices(t *testing.T) {
	for n, ok := range map[int]bool{256: true, 257: false} {
		p := rich()
		p.Delegation.TransitedServices = slices.Repeat([]string{"host/middle"}, n)
		info, err := minted(t, "mallory", p).DelegationInfo()
		if ok != (err == nil) || ok && len(info.TransitedServices) != n {
			t.Errorf("%d services: %v", n, err)
		}
		if !ok {
			wantPACBad(t, "257 services", err, "more than 256 services")
		}
	}
}

// TestPAC_7_Absent checks a PAC without the facts, and the nil PAC and Access.
func TestPAC_7_Absent(t *testing.T) {
	var none *pac.PAC
	for name, p := range map[string]*pac.PAC{"nil": none, "of MIT's KDC": minted(t, "mallory", new(krbtest.PAC))} {
		for bufferType, decode := range facts {
			if err := decode(p); err != nil {
				t.Errorf("%s, type %d: %v", name, bufferType, err)
			}
		}
		if access, err := p.Access(pac.OwnRealm, corp); access != nil || err != nil {
			t.Errorf("%s: %v, %v", name, access, err)
		}
	}
	var access *pac.Access
	if access.User() != (pac.SID{}) || access.Groups() != nil || access.DenyOnly() != nil || access.Filtered() != nil {
		t.Error("the nil Access has SIDs")
	}
	if access.Grants(corp) || access.Grants(pac.SID{}) || !access.Denies(corp) {
		t.Error("the nil Access does not deny everything")
	}
	p := rich()
	p.Edit = edited(krbtest.PACLogonInfo, other)
	got, err := minted(t, "mallory", p).Access(pac.OwnRealm, corp)
	wantPACBad(t, "Access", err, otherHeader)
	if got != nil {
		t.Errorf("%+v", got)
	}
}

// TestPAC_8_Marshal checks that only the bytes of MarshalBinary restore a PAC.
func TestPAC_8_Marshal(t *testing.T) {
	p := minted(t, "mallory", rich())
	b, err := p.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var back pac.PAC
	if err := back.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	if account, err := back.Account(); err != nil || account.SID != sid(corp, "1000") {
		t.Errorf("%+v, %v", account, err)
	}
	ticket, _ := mintedTicket(t, rich())
	for name, b := range map[string][]byte{"of a ticket": ticket.PACBytes(), "cut": b[:20], "empty": nil} {
		if err := new(pac.PAC).UnmarshalBinary(b); status.ReasonOf(err) != status.ReasonArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, p := range map[string]*pac.PAC{"nil": nil, "zero": {}} {
		if b, err := p.MarshalBinary(); b != nil || status.ReasonOf(err) != status.ReasonArgument {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
	}
}
