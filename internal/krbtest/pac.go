package krbtest

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/jcmturner/gokrb5/v8/iana/adtype"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/ticket/pac"
)

// Types of PAC buffers ([MS-PAC], Section 2.4).
const (
	PACLogonInfo       = 1
	PACServerSignature = 6
	PACKDCSignature    = 7
	PACClientInfo      = 10
	PACDelegationInfo  = 11
	PACUPNDNSInfo      = 12
	PACClientClaims    = 13
	PACDeviceInfo      = 14
	PACDeviceClaims    = 15
	PACTicketSignature = 16
	PACAttributes      = 17
	PACRequestor       = 18
	PACFullSignature   = 19
)

// PAC is a PAC before it is signed ([MS-PAC]). Ticket.Bytes makes its CLIENT_INFO of the
// ticket, signs it, and puts it into the ticket.
//
// The zero PAC is that of a service ticket of MIT's KDC since version 1.20: CLIENT_INFO and
// the signatures. A PAC with Logon is that of a domain controller, whose principals are
// accounts. The order of the buffers is that of Samba's domain controller.
type PAC struct {
	Logon        *pac.LogonInfo
	ClientClaims []pac.Claim // a PAC with Logon has an empty buffer if there are none
	UPN          *pac.UPNDNSInfo
	Device       *pac.DeviceInfo
	DeviceClaims []pac.Claim
	Delegation   *pac.DelegationInfo
	Attributes   uint32 // 0: not sent
	Requestor    pac.SID

	// RODC is the number of a read-only domain controller, which follows the server's and
	// the KDC's signature. 0: not sent.
	RODC uint16
	// Key makes the server signature. The zero Key is that of the ticket, which seals it.
	Key types.EncryptionKey

	// Edit may change the buffers before they are signed. The signatures among them have
	// their length and are zero. No signature is written to a buffer that is too short.
	Edit func([]PACBuffer) []PACBuffer
	// Tamper may change the signed PAC.
	Tamper func([]byte) []byte
}

// PACBuffer is a buffer of a PAC.
type PACBuffer struct {
	Type uint32
	Data []byte
}

// PACBytes returns the signed PAC of the ticket.
func (t *Ticket) PACBytes() []byte {
	p := t.PAC
	server := p.Key
	if server.KeyValue == nil {
		server = t.Key
	}
	kdc := t.kdc.krbtgtKey()
	buffers := p.buffers(t, server, kdc)
	if p.Edit != nil {
		buffers = p.Edit(buffers)
	}
	signPAC(buffers, PACTicketSignature, kdc, t.partBytes([]byte{0}))
	signPAC(buffers, PACFullSignature, kdc, packPAC(buffers))
	serverSignature := signPAC(buffers, PACServerSignature, server, packPAC(buffers))
	signPAC(buffers, PACKDCSignature, kdc, serverSignature)
	if p.RODC != 0 {
		for _, b := range buffers {
			if (b.Type == PACServerSignature || b.Type == PACKDCSignature) && len(b.Data) >= rodcLen {
				binary.LittleEndian.PutUint16(b.Data[len(b.Data)-rodcLen:], p.RODC)
			}
		}
	}
	raw := packPAC(buffers)
	if p.Tamper != nil {
		raw = p.Tamper(raw)
	}
	return raw
}

// buffers returns the buffers with signatures of zeros.
func (p *PAC) buffers(t *Ticket, server, kdc types.EncryptionKey) []PACBuffer {
	rodc := 0
	if p.RODC != 0 {
		rodc = rodcLen
	}
	var all []PACBuffer
	add := func(wanted bool, bufferType uint32, data func() []byte) {
		if wanted {
			all = append(all, PACBuffer{bufferType, data()})
		}
	}
	add(p.Logon != nil, PACLogonInfo, func() []byte { return logonInfo(p.Logon) })
	add(p.Logon != nil || p.ClientClaims != nil, PACClientClaims, func() []byte { return claimsBuffer(p.ClientClaims) })
	add(true, PACClientInfo, func() []byte { return p.clientInfo(t) })
	add(p.UPN != nil, PACUPNDNSInfo, func() []byte { return upnDNSInfo(p.UPN) })
	add(true, PACServerSignature, func() []byte { return noSignature(server, rodc) })
	add(true, PACKDCSignature, func() []byte { return noSignature(kdc, rodc) })
	add(p.Device != nil, PACDeviceInfo, func() []byte { return deviceInfo(p.Device) })
	add(p.DeviceClaims != nil, PACDeviceClaims, func() []byte { return claimsBuffer(p.DeviceClaims) })
	add(true, PACTicketSignature, func() []byte { return noSignature(kdc, 0) })
	add(p.Attributes != 0, PACAttributes, func() []byte { return attributesInfo(p.Attributes) })
	add(!p.Requestor.IsZero(), PACRequestor, func() []byte { return packetSID(p.Requestor) })
	add(true, PACFullSignature, func() []byte { return noSignature(kdc, 0) })
	add(p.Delegation != nil, PACDelegationInfo, func() []byte { return delegationInfo(p.Delegation) })
	return all
}

// Lengths of the fields of a signature ([MS-PAC], Section 2.8).
const (
	sumTypeLen = 4
	rodcLen    = 2
)

// noSignature returns the buffer of a signature by key, with zeros in place of the checksum.
func noSignature(key types.EncryptionKey, rodc int) []byte {
	sum := Checksum(key, usagePAC, nil)
	b := binary.LittleEndian.AppendUint32(nil, uint32(sum.CksumType))
	return append(b, make([]byte, len(sum.Checksum)+rodc)...)
}

// usagePAC is the key usage of the signatures (KERB_NON_KERB_CKSUM_SALT).
const usagePAC = 17

// signPAC writes the checksum of data into the buffers of a type and returns it.
func signPAC(buffers []PACBuffer, bufferType uint32, key types.EncryptionKey, data []byte) []byte {
	sum := Checksum(key, usagePAC, data).Checksum
	for _, b := range buffers {
		if b.Type == bufferType && len(b.Data) >= sumTypeLen+len(sum) {
			copy(b.Data[sumTypeLen:], sum)
		}
	}
	return sum
}

// packPAC puts buffers behind their directory, each aligned to 8 bytes ([MS-PAC], Section
// 2.3).
func packPAC(buffers []PACBuffer) []byte {
	const headerLen, entryLen = 8, 16
	head := binary.LittleEndian.AppendUint32(nil, uint32(len(buffers)))
	head = binary.LittleEndian.AppendUint32(head, 0) // version
	offset := headerLen + entryLen*len(buffers)
	var body []byte
	for _, b := range buffers {
		head = binary.LittleEndian.AppendUint32(head, b.Type)
		head = binary.LittleEndian.AppendUint32(head, uint32(len(b.Data)))
		head = binary.LittleEndian.AppendUint64(head, uint64(offset+len(body)))
		body = append(body, b.Data...)
		body = append(body, make([]byte, -len(body)&7)...)
	}
	return append(head, body...)
}

// TGSKey returns the key of the realm's ticket-granting tickets, of kvno 1.
func (r *Realm) TGSKey() ServiceKey { return ServiceKey{r.krbtgtKey(), 1} }

// krbtgtKey returns the key of the KDC's signatures. The first call makes it, so that a realm
// without PACs draws the same bytes as before.
func (r *Realm) krbtgtKey() types.EncryptionKey {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.krbtgt.KeyValue == nil {
		e := r.ETypes[0]
		r.krbtgt = types.EncryptionKey{KeyType: int32(e), KeyValue: read(r.Rand, KeyLen(e))}
	}
	return r.krbtgt
}

// escape escapes a component as MIT's krb5_unparse_name does.
var escape = strings.NewReplacer(`\`, `\\`, `/`, `\/`, `@`, `\@`, "\n", `\n`, "\t", `\t`, "\b", `\b`, "\x00", `\0`)

// clientInfo encodes PAC_CLIENT_INFO ([MS-PAC], Section 2.7): the time and the name of t.
// Domain controllers do not escape the components of the name, MIT's KDC does.
func (p *PAC) clientInfo(t *Ticket) []byte {
	components := slices.Clone(t.Part.CName.NameString)
	if p.Logon == nil {
		for i, c := range components {
			components[i] = escape.Replace(c)
		}
	}
	name := utf16le(strings.Join(components, "/"))
	b := binary.LittleEndian.AppendUint64(nil, fileTime(t.Part.AuthTime))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(name)))
	return append(b, name...)
}

// AuthorizationData returns the authorization data of the sealed ticket: the PAC in
// AD-IF-RELEVANT, then Part.AuthorizationData.
func (t *Ticket) AuthorizationData() types.AuthorizationData {
	if t.PAC == nil {
		return t.Part.AuthorizationData
	}
	return t.withPAC(t.PACBytes())
}

func (t *Ticket) withPAC(raw []byte) types.AuthorizationData {
	entry := types.AuthorizationDataEntry{ADType: adtype.ADWin2KPAC, ADData: raw}
	return append(types.AuthorizationData{IfRelevant(entry)}, t.Part.AuthorizationData...)
}

// partBytes returns the encoded Part with raw in place of the PAC.
func (t *Ticket) partBytes(raw []byte) []byte {
	part := t.Part
	part.AuthorizationData = t.withPAC(raw)
	return encodePart(part)
}
