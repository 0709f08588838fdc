package krbtest

import (
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/asn1tools"
	"github.com/jcmturner/gokrb5/v8/iana"
	"github.com/jcmturner/gokrb5/v8/iana/asnAppTag"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/iana/trtype"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/keytab"
)

// Ticket is a service ticket before it is sealed (RFC 4120, Section 5.3).
type Ticket struct {
	// The unencrypted fields.
	VNO   int
	Realm string
	SName types.PrincipalName
	EType int32 // 0: the type of Key
	Kvno  int64 // 0: not sent. MIT and Windows send the upper half of a UInt32 as negative numbers

	// Plaintext is the plaintext to seal. If nil, Part is sealed.
	Part      messages.EncTicketPart
	Plaintext []byte

	// PAC is put into an AD-IF-RELEVANT before Part.AuthorizationData when the ticket is
	// sealed, so that it fits changes of Part and Key. If nil, the ticket has no PAC.
	PAC *PAC

	// Key and Usage seal the ticket.
	Key   types.EncryptionKey
	Usage uint32

	kdc *Realm
}

// Ticket makes the ticket that a KDC would issue to client for service: sealed in the
// service's newest key of the preferred type, with a session key of the same type, and
// valid from now for ten hours. A name without a realm gets this realm.
func (r *Realm) Ticket(client, service string) *Ticket {
	s := r.principal(service)
	return r.TicketWith(r.principal(client), s, r.serviceKeys(s)[0])
}

// TicketWith makes a ticket as [Realm.Ticket] does, sealed in key.
func (r *Realm) TicketWith(c, s keytab.Principal, key ServiceKey) *Ticket {
	now := r.Now().Truncate(time.Second)
	return &Ticket{
		VNO:   iana.PVNO,
		Realm: s.Realm(),
		SName: principalName(s, nametype.KRB_NT_SRV_HST),
		Kvno:  int64(key.Kvno),
		Part: messages.EncTicketPart{
			Flags:     TicketFlags(flags.TicketForwardable | flags.TicketPreAuthent | flags.TicketTransitedPolicyChecked),
			Key:       r.NewKey(keytab.EType(key.KeyType)),
			CRealm:    c.Realm(),
			CName:     principalName(c, nametype.KRB_NT_PRINCIPAL),
			Transited: messages.TransitedEncoding{TRType: trtype.DOMAIN_X500_COMPRESS},
			AuthTime:  now,
			StartTime: now,
			EndTime:   now.Add(10 * time.Hour),
		},
		Key:   key.EncryptionKey,
		Usage: keyusage.KDC_REP_TICKET,
		kdc:   r,
	}
}

// SealWith makes Bytes seal the ticket in k.
func (t *Ticket) SealWith(k ServiceKey) {
	t.Key, t.Kvno = k.EncryptionKey, int64(k.Kvno)
}

// Bytes seals and encodes the ticket. Each call draws a new confounder.
func (t *Ticket) Bytes() []byte {
	plaintext := t.Plaintext
	if plaintext == nil {
		plaintext = t.PartBytes()
	}
	return application(asnAppTag.Ticket, ticketSeq{
		VNO: t.VNO, Realm: t.Realm, SName: t.SName,
		EncPart: t.kdc.seal(t.Key, t.Usage, plaintext, t.EType, t.Kvno),
	})
}

// PartBytes returns the encoded Part with the PAC.
func (t *Ticket) PartBytes() []byte {
	part := t.Part
	part.AuthorizationData = t.AuthorizationData()
	return encodePart(part)
}

func encodePart(part messages.EncTicketPart) []byte {
	return application(asnAppTag.EncTicketPart, encTicketPart{
		Flags: part.Flags, Key: part.Key, CRealm: part.CRealm, CName: part.CName, Transited: part.Transited,
		AuthTime: part.AuthTime, StartTime: part.StartTime, EndTime: part.EndTime, RenewTill: part.RenewTill,
		CAddr: part.CAddr, AuthorizationData: authorizationData(10, part.AuthorizationData),
	})
}

// encTicketPart is gokrb5's EncTicketPart with encoded authorization data.
type encTicketPart struct {
	Flags             asn1.BitString             `asn1:"explicit,tag:0"`
	Key               types.EncryptionKey        `asn1:"explicit,tag:1"`
	CRealm            string                     `asn1:"generalstring,explicit,tag:2"`
	CName             types.PrincipalName        `asn1:"explicit,tag:3"`
	Transited         messages.TransitedEncoding `asn1:"explicit,tag:4"`
	AuthTime          time.Time                  `asn1:"generalized,explicit,tag:5"`
	StartTime         time.Time                  `asn1:"generalized,explicit,optional,tag:6"`
	EndTime           time.Time                  `asn1:"generalized,explicit,tag:7"`
	RenewTill         time.Time                  `asn1:"generalized,explicit,optional,tag:8"`
	CAddr             types.HostAddresses        `asn1:"explicit,optional,tag:9"`
	AuthorizationData asn1.RawValue              `asn1:"optional"`
}

// authorizationData returns the element of an optional field with the explicit tag n.
func authorizationData(n int, entries types.AuthorizationData) asn1.RawValue {
	if entries == nil {
		return asn1.RawValue{}
	}
	return contextTag(n, encodeAuthorizationData(entries))
}

func encodeAuthorizationData(entries types.AuthorizationData) []byte {
	type element struct {
		ADType int32         `asn1:"explicit,tag:0"`
		ADData asn1.RawValue `asn1:"explicit,tag:1"`
	}
	list := make([]element, len(entries))
	for i, e := range entries {
		list[i] = element{e.ADType, octets(1, e.ADData)}
	}
	return encode(list)
}

// TicketFlags converts f to gokrb5's type.
func TicketFlags(f flags.Ticket) asn1.BitString { return bits(uint32(f)) }

// ticketSeq and encryptedData replace gokrb5's Ticket and EncryptedData, whose kvno is an
// int and truncates large numbers on 32-bit machines.
type ticketSeq struct {
	VNO     int                 `asn1:"explicit,tag:0"`
	Realm   string              `asn1:"generalstring,explicit,tag:1"`
	SName   types.PrincipalName `asn1:"explicit,tag:2"`
	EncPart encryptedData       `asn1:"explicit,tag:3"`
}

type encryptedData struct {
	EType  int32         `asn1:"explicit,tag:0"`
	Kvno   int64         `asn1:"explicit,optional,tag:1"`
	Cipher asn1.RawValue `asn1:"explicit,tag:2"`
}

// seal encrypts plaintext. label is the encryption type that the EncryptedData names; 0
// names the type of key.
func (r *Realm) seal(key types.EncryptionKey, usage uint32, plaintext []byte, label int32, kvno int64) encryptedData {
	if label == 0 {
		label = key.KeyType
	}
	return encryptedData{EType: label, Kvno: kvno, Cipher: octets(2, Encrypt(r, key, usage, plaintext))}
}

// application encodes v in an [APPLICATION tag] element.
func application(tag int, v any) []byte { return asn1tools.AddASNAppTag(encode(v), tag) }

func encode(v any) []byte {
	b, err := asn1.Marshal(v)
	must(err)
	return b
}

// bits returns KerberosFlags of 32 bits.
func bits(f uint32) asn1.BitString {
	return asn1.BitString{Bytes: []byte{byte(f >> 24), byte(f >> 16), byte(f >> 8), byte(f)}, BitLength: 32}
}

// octets returns an OCTET STRING with the explicit tag n. gofork encodes a []byte byte by byte,
// through package reflect, which takes most of the time of a test with the race detector.
func octets(n int, b []byte) asn1.RawValue {
	return contextTag(n, encode(asn1.RawValue{Tag: asn1.TagOctetString, Bytes: b}))
}

// contextTag returns an encoded value with the explicit tag n, for fields that gofork's
// struct tags cannot describe.
func contextTag(n int, encoded []byte) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, IsCompound: true, Tag: n, Bytes: encoded}
}
