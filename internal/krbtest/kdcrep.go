package krbtest

import (
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/iana"
	"github.com/jcmturner/gokrb5/v8/iana/asnAppTag"
	"github.com/jcmturner/gokrb5/v8/iana/msgtype"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/iana/patype"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/keytab"
)

// KDCRep is an AS-REP or a TGS-REP before it is sealed (RFC 4120, Section 5.4.2).
type KDCRep struct {
	MsgType int // msgtype.KRB_AS_REP or msgtype.KRB_TGS_REP
	PAData  types.PADataSequence
	Ticket  *Ticket

	Nonce int64 // a UInt32, or the negative number of a client with signed numbers
	// Plaintext, if not nil, is sealed in place of the encoded part for the client.
	Plaintext []byte

	// Key and Usage seal the part for the client. A Kvno of 0 is not sent.
	Key   types.EncryptionKey
	Usage uint32
	Kvno  int64
}

// ASRep makes the AS-REP that contains t.
func (t *Ticket) ASRep() *KDCRep { return &KDCRep{MsgType: msgtype.KRB_AS_REP, Ticket: t} }

// TGSRep makes the TGS-REP that contains t.
func (t *Ticket) TGSRep() *KDCRep { return &KDCRep{MsgType: msgtype.KRB_TGS_REP, Ticket: t} }

// Bytes seals the ticket and the part for the client, and encodes the message.
func (m *KDCRep) Bytes() []byte {
	t := m.Ticket
	part := encKDCRepPart{
		Key:      t.Part.Key,
		LastReqs: []lastReq{{Value: t.kdc.Now().Truncate(time.Second)}},
		Nonce:    m.Nonce,
		Flags:    t.Part.Flags,
		AuthTime: t.Part.AuthTime, StartTime: t.Part.StartTime, EndTime: t.Part.EndTime, RenewTill: t.Part.RenewTill,
		SRealm: t.Realm, SName: t.SName, CAddr: t.Part.CAddr,
	}
	tag, inner := asnAppTag.ASREP, asnAppTag.EncASRepPart
	if m.MsgType == msgtype.KRB_TGS_REP {
		tag, inner = asnAppTag.TGSREP, asnAppTag.EncTGSRepPart
	}
	plaintext := m.Plaintext
	if plaintext == nil {
		plaintext = application(inner, part)
	}
	return application(tag, kdcRepSeq{
		PVNO: iana.PVNO, MsgType: m.MsgType, PAData: m.PAData,
		CRealm: t.Part.CRealm, CName: t.Part.CName,
		Ticket:  contextTag(5, t.Bytes()),
		EncPart: t.kdc.seal(m.Key, m.Usage, plaintext, 0, m.Kvno),
	})
}

// kdcRepSeq and encKDCRepPart replace types of gokrb5, which encode a ticket anew, and whose
// numbers are ints.
type kdcRepSeq struct {
	PVNO    int                  `asn1:"explicit,tag:0"`
	MsgType int                  `asn1:"explicit,tag:1"`
	PAData  types.PADataSequence `asn1:"explicit,optional,tag:2"`
	CRealm  string               `asn1:"generalstring,explicit,tag:3"`
	CName   types.PrincipalName  `asn1:"explicit,tag:4"`
	Ticket  asn1.RawValue        `asn1:"explicit,tag:5"`
	EncPart encryptedData        `asn1:"explicit,tag:6"`
}

type encKDCRepPart struct {
	Key       types.EncryptionKey `asn1:"explicit,tag:0"`
	LastReqs  []lastReq           `asn1:"explicit,tag:1"`
	Nonce     int64               `asn1:"explicit,tag:2"`
	Flags     asn1.BitString      `asn1:"explicit,tag:4"`
	AuthTime  time.Time           `asn1:"generalized,explicit,tag:5"`
	StartTime time.Time           `asn1:"generalized,explicit,optional,tag:6"`
	EndTime   time.Time           `asn1:"generalized,explicit,tag:7"`
	RenewTill time.Time           `asn1:"generalized,explicit,optional,tag:8"`
	SRealm    string              `asn1:"generalstring,explicit,tag:9"`
	SName     types.PrincipalName `asn1:"explicit,tag:10"`
	CAddr     types.HostAddresses `asn1:"explicit,optional,tag:11"`
}

type lastReq struct {
	Type  int32     `asn1:"explicit,tag:0"`
	Value time.Time `asn1:"generalized,explicit,tag:1"`
}

// EType2 is an element of ETYPE-INFO2 (RFC 4120, Section 5.2.7.5). An empty Salt is not sent.
type EType2 struct {
	EType keytab.EType
	Salt  string
}

// ETypeInfo2 returns the pre-authentication data that tells a client how to derive its keys
// from its password.
func ETypeInfo2(entries ...EType2) types.PAData {
	list := make(types.ETypeInfo2, 0, len(entries))
	for _, e := range entries {
		list = append(list, types.ETypeInfo2Entry{EType: int32(e.EType), Salt: e.Salt})
	}
	return types.PAData{PADataType: patype.PA_ETYPE_INFO2, PADataValue: encode(list)}
}

// MethodData returns the e-data of an error that requires pre-authentication.
func MethodData(methods ...types.PAData) []byte { return encode(types.MethodData(methods)) }

// TGSName returns the name of the ticket-granting service for a realm.
func TGSName(realm string) types.PrincipalName {
	return types.PrincipalName{NameType: nametype.KRB_NT_SRV_INST, NameString: []string{"krbtgt", realm}}
}
