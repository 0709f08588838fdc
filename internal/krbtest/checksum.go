package krbtest

import (
	"crypto/md5"
	"encoding/binary"
	"unicode/utf16"

	"github.com/jcmturner/gokrb5/v8/iana/adtype"
	"github.com/jcmturner/gokrb5/v8/iana/chksumtype"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/flags"
)

// gssChecksum returns the checksum of RFC 4121, Section 4.1.1: flags, channel bindings
// and delegated credentials in little-endian byte order.
func (q *APReq) gssChecksum() types.Checksum {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(q.Bnd)))
	b = append(b, q.Bnd[:]...)
	b = binary.LittleEndian.AppendUint32(b, uint32(q.Flags))
	if q.Flags&flags.GSS_C_DELEG_FLAG != 0 && q.Cred != nil {
		b = binary.LittleEndian.AppendUint16(b, 1)
		b = binary.LittleEndian.AppendUint16(b, uint16(len(q.Cred)))
		b = append(b, q.Cred...)
	}
	b = append(b, q.Extensions...)
	return types.Checksum{CksumType: chksumtype.GSSAPI, Checksum: b}
}

// Bindings returns the Bnd field of RFC 4121, Section 4.1.1.2 for channel bindings
// without addresses. addrType is 0, or 255 as in Java's clients.
func Bindings(addrType uint32, applicationData []byte) [16]byte {
	var b []byte
	for range 2 { // initiator, acceptor
		b = binary.LittleEndian.AppendUint32(b, addrType)
		b = binary.LittleEndian.AppendUint32(b, 0)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(applicationData)))
	return md5.Sum(append(b, applicationData...))
}

// Types of authorization data of MS-KILE for which gokrb5 has no names.
const (
	adAPOptions    int32 = 143
	adClientTarget int32 = 144
)

// aboutItself returns the authorization data in which a client describes itself.
func (q *APReq) aboutItself() types.AuthorizationData {
	var in types.AuthorizationData
	if len(q.ETypes) > 0 {
		list := make([]int32, 0, len(q.ETypes))
		for _, e := range q.ETypes {
			list = append(list, int32(e))
		}
		in = append(in, types.AuthorizationDataEntry{ADType: adtype.ADEtypeNegotiation, ADData: encode(list)})
	}
	var options uint32
	if q.BindingAware {
		options |= 0x4000
	}
	if q.TargetUntrusted {
		options |= 0x8000
	}
	if options != 0 {
		in = append(in, APOptions(options))
	}
	if q.Target != "" {
		in = append(in, types.AuthorizationDataEntry{ADType: adClientTarget, ADData: utf16le(q.Target)})
	}
	if in == nil {
		return nil
	}
	return types.AuthorizationData{IfRelevant(in...)}
}

// APOptions returns KERB-AP-OPTIONS authorization data (MS-KILE, Section 3.2.5.8).
func APOptions(options uint32) types.AuthorizationDataEntry {
	return types.AuthorizationDataEntry{ADType: adAPOptions, ADData: binary.LittleEndian.AppendUint32(nil, options)}
}

// IfRelevant puts entries into an AD-IF-RELEVANT (RFC 4120, Section 5.2.6.1).
func IfRelevant(entries ...types.AuthorizationDataEntry) types.AuthorizationDataEntry {
	return types.AuthorizationDataEntry{ADType: adtype.ADIfRelevant, ADData: encodeAuthorizationData(entries)}
}

func utf16le(s string) []byte {
	var b []byte
	for _, unit := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, unit)
	}
	return b
}
