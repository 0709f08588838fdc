package krbtest

import (
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/iana"
	"github.com/jcmturner/gokrb5/v8/iana/asnAppTag"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/iana/msgtype"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/flags"
)

// Cred is a KRB-CRED before it is sealed (RFC 4120, Section 5.8).
type Cred struct {
	PVNO, MsgType int
	Tickets       [][]byte
	Part          CredPart
	Plaintext     []byte              // if not nil, sealed in place of Part
	Key           types.EncryptionKey // type 0: unencrypted, as Heimdal sends it (RFC 6448)
	Usage         uint32

	kdc *Realm
}

// CredPart replaces gokrb5's EncKrbCredPart, and CredInfo its KrbCredInfo, which gives
// srealm the wrong string type.
type CredPart struct {
	Info      []CredInfo        `asn1:"explicit,tag:0"`
	Nonce     int64             `asn1:"optional,explicit,tag:1"`
	Timestamp time.Time         `asn1:"generalized,optional,explicit,tag:2"`
	Usec      int               `asn1:"optional,explicit,tag:3"`
	SAddress  types.HostAddress `asn1:"optional,explicit,tag:4"`
	RAddress  types.HostAddress `asn1:"optional,explicit,tag:5"`
}

// CredInfo describes one ticket. Zero fields are not sent, except Key.
type CredInfo struct {
	Key       types.EncryptionKey `asn1:"explicit,tag:0"`
	PRealm    string              `asn1:"generalstring,optional,explicit,tag:1"`
	PName     types.PrincipalName `asn1:"optional,explicit,tag:2"`
	Flags     asn1.BitString      `asn1:"optional,explicit,tag:3"`
	AuthTime  time.Time           `asn1:"generalized,optional,explicit,tag:4"`
	StartTime time.Time           `asn1:"generalized,optional,explicit,tag:5"`
	EndTime   time.Time           `asn1:"generalized,optional,explicit,tag:6"`
	RenewTill time.Time           `asn1:"generalized,optional,explicit,tag:7"`
	SRealm    string              `asn1:"generalstring,optional,explicit,tag:8"`
	SName     types.PrincipalName `asn1:"optional,explicit,tag:9"`
	CAddr     types.HostAddresses `asn1:"optional,explicit,tag:10"`
}

// Forward makes a forwarded ticket-granting ticket of the client, and a KRB-CRED that
// contains it and that Bytes seals in the session key. The ticket is opaque: no party of
// the test has its key. The ticket's key and its session key have the KDC's preferred
// encryption type. To send the KRB-CRED:
//
//	request.Flags |= flags.GSS_C_DELEG_FLAG
//	request.Cred = request.Forward().Bytes()
func (q *APReq) Forward() *Cred {
	r, a, of := q.kdc, q.Authenticator, q.Ticket.Part
	tgs := types.PrincipalName{NameType: nametype.KRB_NT_SRV_INST, NameString: []string{"krbtgt", a.CRealm}}
	tgt := *q.Ticket
	tgt.Realm, tgt.SName, tgt.Kvno = a.CRealm, tgs, 1
	tgt.Key = r.NewKey(r.ETypes[0])
	tgt.Part.Key = r.NewKey(r.ETypes[0])
	tgt.Part.Flags = TicketFlags(flags.TicketForwardable | flags.TicketForwarded | flags.TicketPreAuthent)
	return &Cred{
		PVNO: iana.PVNO, MsgType: msgtype.KRB_CRED,
		Tickets: [][]byte{tgt.Bytes()},
		Part: CredPart{
			Info: []CredInfo{{
				Key: tgt.Part.Key, PRealm: a.CRealm, PName: a.CName, Flags: tgt.Part.Flags,
				AuthTime: of.AuthTime, StartTime: of.StartTime, EndTime: of.EndTime, RenewTill: of.RenewTill,
				SRealm: a.CRealm, SName: tgs,
			}},
			Timestamp: a.CTime, Usec: a.Cusec,
		},
		Key: q.Key, Usage: keyusage.KRB_CRED_ENCPART,
		kdc: r,
	}
}

// Bytes seals and encodes the KRB-CRED.
func (c *Cred) Bytes() []byte {
	plaintext := c.Plaintext
	if plaintext == nil {
		plaintext = application(asnAppTag.EncKrbCredPart, c.Part)
	}
	part := encryptedData{Cipher: octets(2, plaintext)}
	if c.Key.KeyType != 0 {
		part = c.kdc.seal(c.Key, c.Usage, plaintext, 0, 0)
	}
	tickets := make([]asn1.RawValue, 0, len(c.Tickets))
	for _, t := range c.Tickets {
		tickets = append(tickets, asn1.RawValue{FullBytes: t})
	}
	return application(asnAppTag.KRBCred, credSeq{
		PVNO: c.PVNO, MsgType: c.MsgType, Tickets: tickets, Part: part,
	})
}

type credSeq struct {
	PVNO    int             `asn1:"explicit,tag:0"`
	MsgType int             `asn1:"explicit,tag:1"`
	Tickets []asn1.RawValue `asn1:"explicit,tag:2"`
	Part    encryptedData   `asn1:"explicit,tag:3"`
}
