package krbtest

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/asn1tools"
	"github.com/jcmturner/gokrb5/v8/iana"
	"github.com/jcmturner/gokrb5/v8/iana/asnAppTag"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/iana/msgtype"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/keytab"
)

// DefaultFlags are the GSS flags that MIT's gss-client requests by default.
const DefaultFlags = flags.GSS_C_MUTUAL_FLAG | flags.GSS_C_REPLAY_FLAG | flags.GSS_C_SEQUENCE_FLAG |
	flags.GSS_C_CONF_FLAG | flags.GSS_C_INTEG_FLAG

// Token identifiers of RFC 4121, Section 4.1.
const (
	TokAPReq uint16 = 0x0100
	TokAPRep uint16 = 0x0200
	TokError uint16 = 0x0300
)

// Mechanisms, as the DER contents of their object identifiers.
var (
	OIDKerberos   = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02}       // 1.2.840.113554.1.2.2
	OIDMSKerberos = []byte{0x2a, 0x86, 0x48, 0x82, 0xf7, 0x12, 0x01, 0x02, 0x02}       // 1.2.840.48018.1.2.2
	OIDUser2User  = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02, 0x03} // 1.2.840.113554.1.2.2.3
)

// APReq is an AP-REQ before it is sealed, and the GSS token around it (RFC 4120,
// Section 5.5.1; RFC 4121, Section 4.1).
type APReq struct {
	PVNO, MsgType int

	// Options are the ap-options. If nil, the AP-REQ has MUTUAL-REQUIRED if Flags
	// request mutual authentication or DCE style, and no option otherwise.
	Options *flags.AP

	// TicketBytes is the encoded ticket to send. If nil, Ticket is sent.
	Ticket      *Ticket
	TicketBytes []byte

	// Plaintext is the plaintext to seal. If nil, Authenticator is sealed, with the
	// authorization data and, if it has no checksum, with the checksum that the fields
	// below describe.
	Authenticator types.Authenticator
	NoSequence    bool // omits seq-number; otherwise even 0 is sent
	Plaintext     []byte

	// Key and Usage seal the authenticator.
	Key   types.EncryptionKey
	Usage uint32
	EType int32 // 0: the type of Key
	Kvno  int64 // 0: not sent

	// The 0x8003 checksum of RFC 4121, Section 4.1.1.
	NoChecksum bool
	Flags      flags.GSS
	Bnd        [16]byte // see [Bindings]
	Cred       []byte   // a KRB-CRED, sent if Flags has GSS_C_DELEG_FLAG; see [Cred]
	Extensions []byte   // bytes appended to the checksum

	// The content of an AD-IF-RELEVANT. Without content, none is sent.
	ETypes          []keytab.EType // RFC 4537
	BindingAware    bool           // KERB_AP_OPTIONS_CBT
	Target          string         // AD-CLIENT-TARGET of MS-KILE; Windows sends it
	TargetUntrusted bool           // UNVERIFIED_TARGET_NAME

	// The GSS frame. In DCE style the token has a frame only if Framed is set.
	OID         []byte
	TokID       uint16
	Raw, Framed bool

	kdc *Realm
}

// APReq makes the AP-REQ that MIT's client would send with the ticket: with
// [DefaultFlags], a subkey of the session key's type, a 30-bit sequence number, the
// encryption types of [Offer], and the present time.
func (t *Ticket) APReq() *APReq {
	r := t.kdc
	session := keytab.EType(t.Part.Key.KeyType)
	q := &APReq{
		PVNO: iana.PVNO, MsgType: msgtype.KRB_AP_REQ,
		Ticket: t,
		Authenticator: types.Authenticator{
			AVNO:      iana.PVNO,
			CRealm:    t.Part.CRealm,
			CName:     t.Part.CName,
			SubKey:    r.NewKey(session),
			SeqNumber: int64(binary.BigEndian.Uint32(read(r, 4)) & 0x3fffffff),
		},
		Key:    t.Part.Key,
		Usage:  keyusage.AP_REQ_AUTHENTICATOR,
		Flags:  DefaultFlags,
		ETypes: Offer(session),
		OID:    OIDKerberos,
		TokID:  TokAPReq,
		kdc:    r,
	}
	q.SetTime(r.Now())
	return q
}

// Offer returns the RFC 4537 list of a client that prefers encryption types in the order
// of [Preference]. Its last element is the type of the session key.
func Offer(session keytab.EType) []keytab.EType {
	if i := slices.Index(Preference, session); i >= 0 {
		return slices.Clone(Preference[:i+1])
	}
	return slices.Clone(Preference)
}

// SetTime sets ctime and cusec.
func (q *APReq) SetTime(at time.Time) {
	q.Authenticator.CTime = at.UTC().Truncate(time.Second)
	q.Authenticator.Cusec = at.Nanosecond() / 1000
}

// Time returns the time in ctime and cusec.
func (q *APReq) Time() time.Time {
	return q.Authenticator.CTime.Add(time.Duration(q.Authenticator.Cusec) * time.Microsecond)
}

// Mutual reports whether the client waits for an AP-REP.
func (q *APReq) Mutual() bool {
	if q.Authenticator.Cksum.CksumType != 0 || q.NoChecksum {
		return q.options()&flags.APMutualRequired != 0
	}
	return q.Flags&(flags.GSS_C_MUTUAL_FLAG|flags.GSS_C_DCE_STYLE) != 0
}

func (q *APReq) options() flags.AP {
	switch {
	case q.Options != nil:
		return *q.Options
	case q.Flags&(flags.GSS_C_MUTUAL_FLAG|flags.GSS_C_DCE_STYLE) != 0:
		return flags.APMutualRequired
	}
	return 0
}

// Token returns Bytes in its frame. Each call draws new confounders, so that its token
// differs from the last token.
func (q *APReq) Token() []byte {
	if q.Raw || q.Flags&flags.GSS_C_DCE_STYLE != 0 && !q.Framed {
		return q.Bytes()
	}
	return Frame(q.OID, q.TokID, q.Bytes())
}

// Bytes seals and encodes the AP-REQ.
func (q *APReq) Bytes() []byte {
	ticket := q.TicketBytes
	if ticket == nil {
		ticket = q.Ticket.Bytes()
	}
	plaintext := q.Plaintext
	if plaintext == nil {
		plaintext = q.AuthenticatorBytes()
	}
	return application(asnAppTag.APREQ, apReqSeq{
		PVNO: q.PVNO, MsgType: q.MsgType,
		Options:       bits(uint32(q.options())),
		Ticket:        contextTag(3, ticket),
		Authenticator: q.kdc.seal(q.Key, q.Usage, plaintext, q.EType, q.Kvno),
	})
}

// AuthenticatorBytes returns the encoded authenticator, including the parts that other
// fields of q describe.
func (q *APReq) AuthenticatorBytes() []byte {
	a := q.Authenticator
	if a.Cksum.CksumType == 0 && !q.NoChecksum {
		a.Cksum = q.gssChecksum()
	}
	a.AuthorizationData = append(slices.Clone(a.AuthorizationData), q.aboutItself()...)
	seq := a.SeqNumber
	if q.NoSequence {
		seq = absent
	}
	return application(asnAppTag.Authenticator, authenticatorSeq{
		AVNO: a.AVNO, CRealm: a.CRealm, CName: a.CName, Cksum: a.Cksum,
		Cusec: a.Cusec, CTime: a.CTime, SubKey: a.SubKey, SeqNumber: seq,
		AuthorizationData: authorizationData(8, a.AuthorizationData),
	})
}

// Frame returns inner in the token frame of RFC 2743, Section 3.1, with the token
// identifier of RFC 4121, Section 4.1.
func Frame(oid []byte, tokID uint16, inner []byte) []byte {
	b := encode(asn1.RawValue{Tag: asn1.TagOID, Bytes: oid})
	b = binary.BigEndian.AppendUint16(b, tokID)
	return asn1tools.AddASNAppTag(append(b, inner...), 0)
}

// apReqSeq is a copy of a type of gokrb5 that is not exported.
type apReqSeq struct {
	PVNO          int            `asn1:"explicit,tag:0"`
	MsgType       int            `asn1:"explicit,tag:1"`
	Options       asn1.BitString `asn1:"explicit,tag:2"`
	Ticket        asn1.RawValue  `asn1:"explicit,tag:3"`
	Authenticator encryptedData  `asn1:"explicit,tag:4"`
}

// absent is the default of SeqNumber, which encoding omits. It is no UInt32, so that
// every UInt32 can be sent.
const absent = -1 << 62

// authenticatorSeq is gokrb5's Authenticator, which cannot send 0 as a sequence
// number.
type authenticatorSeq struct {
	AVNO              int                 `asn1:"explicit,tag:0"`
	CRealm            string              `asn1:"generalstring,explicit,tag:1"`
	CName             types.PrincipalName `asn1:"explicit,tag:2"`
	Cksum             types.Checksum      `asn1:"explicit,optional,tag:3"`
	Cusec             int                 `asn1:"explicit,tag:4"`
	CTime             time.Time           `asn1:"generalized,explicit,tag:5"`
	SubKey            types.EncryptionKey `asn1:"explicit,optional,tag:6"`
	SeqNumber         int64               `asn1:"explicit,optional,default:-4611686018427387904,tag:7"`
	AuthorizationData asn1.RawValue       `asn1:"optional"`
}
