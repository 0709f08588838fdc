package krbtest

import (
	"errors"

	"github.com/jcmturner/gokrb5/v8/iana"
	"github.com/jcmturner/gokrb5/v8/iana/asnAppTag"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/keytab"

	"github.com/jcmturner/gofork/encoding/asn1"
)

// Token identifiers of draft-swift-win2k-krb-user2user-03, Section 3.
const (
	TokTGTReq uint16 = 0x0400
	TokTGTRep uint16 = 0x0401
)

// TGT returns a ticket-granting ticket of client, which is a user, or a service that has
// no keytab.
func (r *Realm) TGT(client string) *Ticket { return r.Ticket(client, "krbtgt/"+r.Name) }

// TGTRequest returns the token with which a client asks a service for its TGT
// (KERB-TGT-REQUEST). An empty service or realm is not sent.
func TGTRequest(service, realm string) []byte {
	request := struct {
		PVNO    int           `asn1:"explicit,tag:0"`
		MsgType int           `asn1:"explicit,tag:1"`
		Service asn1.RawValue `asn1:"optional"`
		Realm   asn1.RawValue `asn1:"optional"`
	}{PVNO: iana.PVNO, MsgType: 16}
	if service != "" {
		p, err := keytab.ParsePrincipal(service + "@X")
		must(err)
		request.Service = contextTag(2, encode(principalName(p, 1)))
	}
	if realm != "" {
		request.Realm = contextTag(3, encode(asn1.RawValue{Tag: asn1.TagGeneralString, Bytes: []byte(realm)}))
	}
	return Frame(OIDUser2User, TokTGTReq, encode(request))
}

// UserToUser plays the KDC for a client that presents a service's TGT. It opens the TGT in
// answer, which is the service's answer to a TGTRequest, and makes a ticket for client
// that is sealed in the session key of the TGT. It returns the client's next message.
func (r *Realm) UserToUser(client string, answer []byte) (*APReq, error) {
	tokID, inner, err := Unframe(answer, OIDUser2User)
	if err != nil {
		return nil, err
	}
	if tokID != TokTGTRep {
		return nil, errors.New("krbtest: the answer is not a KERB-TGT-REPLY")
	}
	var reply struct {
		PVNO    int           `asn1:"explicit,tag:0"`
		MsgType int           `asn1:"explicit,tag:1"`
		Ticket  asn1.RawValue `asn1:"tag:2"`
	}
	if rest, err := asn1.Unmarshal(inner, &reply); err != nil || len(rest) > 0 || reply.PVNO != iana.PVNO || reply.MsgType != 17 {
		return nil, errors.New("krbtest: the KERB-TGT-REPLY is malformed")
	}
	var tgt messages.Ticket
	if err := tgt.Unmarshal(reply.Ticket.Bytes); err != nil {
		return nil, err
	}
	krbtgt := r.Key("krbtgt/"+r.Name, keytab.EType(tgt.EncPart.EType), uint32(tgt.EncPart.KVNO))
	plaintext, err := Decrypt(krbtgt.EncryptionKey, keyusage.KDC_REP_TICKET, tgt.EncPart.Cipher)
	if err != nil {
		return nil, err
	}
	var part messages.EncTicketPart
	if err := decode(plaintext, &part, asnAppTag.EncTicketPart); err != nil {
		return nil, err
	}
	return r.sealedUnder(client, part.CName, part.Key).APReq().userToUser(), nil
}

// sealedUnder returns a ticket for a service, sealed in key, the session key of the
// service's TGT.
func (r *Realm) sealedUnder(client string, service types.PrincipalName, key types.EncryptionKey) *Ticket {
	t := r.TGT(client)
	t.SName, t.Key, t.Kvno = service, key, 0
	return t
}

func (q *APReq) userToUser() *APReq {
	o := flags.APUseSessionKey
	if q.Mutual() {
		o |= flags.APMutualRequired
	}
	q.Options, q.OID = &o, OIDUser2User
	return q
}
