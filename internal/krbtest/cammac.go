package krbtest

import (
	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/types"
)

// Types of authorization data (RFC 7751, RFC 8129) and the key usage of a CAMMAC.
const (
	ADCAMMAC    = 96
	ADIndicator = 97
	usageCAMMAC = 64
)

// CAMMAC is an AD-CAMMAC before it is encoded (RFC 7751, Section 4).
type CAMMAC struct {
	Elements types.AuthorizationData
	// Service and KDC are the keys of the svc-verifier and the kdc-verifier. A key without
	// a value: there is no such verifier.
	Service, KDC types.EncryptionKey
	// Edit may change the fields before they are encoded.
	Edit func(*CAMMACFields)
}

// CAMMACFields are the fields of an AD-CAMMAC in ASN.1.
type CAMMACFields struct {
	Elements types.AuthorizationData `asn1:"explicit,tag:0"`
	KDC      VerifierMAC             `asn1:"explicit,optional,tag:1"`
	Service  VerifierMAC             `asn1:"explicit,optional,tag:2"`
	Others   asn1.RawValue           `asn1:"optional,tag:3"`
}

// VerifierMAC is a Verifier-MAC.
type VerifierMAC struct {
	Identifier types.PrincipalName `asn1:"explicit,optional,tag:0"`
	Kvno       int64               `asn1:"explicit,optional,tag:1"`
	EType      int32               `asn1:"explicit,optional,tag:2"`
	MAC        types.Checksum      `asn1:"explicit,tag:3"`
}

// Indicators returns an AD-AUTHENTICATION-INDICATOR (RFC 8129).
func Indicators(names ...string) types.AuthorizationDataEntry {
	list := make([]asn1.RawValue, len(names))
	for i, n := range names {
		list[i] = asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte(n)}
	}
	return types.AuthorizationDataEntry{ADType: ADIndicator, ADData: encode(list)}
}

// CAMMAC returns the AD-CAMMAC that MIT's KDC issues with indicators for this ticket.
func (t *Ticket) CAMMAC(indicators ...string) CAMMAC {
	return CAMMAC{
		Elements: types.AuthorizationData{Indicators(indicators...)},
		Service:  t.Key, KDC: t.kdc.krbtgtKey(),
	}
}

// Entry signs and encodes the CAMMAC. Its kdc-verifier covers the elements alone: no
// acceptor has the key that verifies it.
func (c CAMMAC) Entry() types.AuthorizationDataEntry {
	elements := encode(c.Elements)
	f := CAMMACFields{Elements: c.Elements}
	if c.Service.KeyValue != nil {
		f.Service.MAC = Checksum(c.Service, usageCAMMAC, elements)
	}
	if c.KDC.KeyValue != nil {
		f.KDC = VerifierMAC{Kvno: 1, EType: c.KDC.KeyType, MAC: Checksum(c.KDC, usageCAMMAC, elements)}
	}
	if c.Edit != nil {
		c.Edit(&f)
	}
	return types.AuthorizationDataEntry{ADType: ADCAMMAC, ADData: encode(f)}
}
