package testkdc

import (
	"net/netip"
	"slices"

	"github.com/jcmturner/gokrb5/v8/iana/addrtype"
	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
)

// header is the AP-REQ of a TGS-REQ after all its checks.
type header struct {
	client  keytab.Principal
	ticket  krb5.EncTicketPart
	session krbtest.ServiceKey
	subkey  krbtest.ServiceKey // without a KeyValue if the client sent none

	reply types.EncryptionKey // seals the answer
	usage uint32
}

// readHeader verifies the AP-REQ of a TGS-REQ: the ticket-granting ticket, the authenticator,
// the clock, the checksum of the request, and that the authenticator is not replayed.
func (k *KDC) readHeader(req *krb5.KDCReq, from netip.Addr) (*header, *refusal) {
	var ap krb5.APReq
	if r := findAPReq(req, &ap); r != nil {
		return nil, r
	}
	h := new(header)
	if r := k.openTicket(&ap.Ticket, h); r != nil {
		return nil, r
	}
	var a krb5.Authenticator
	plaintext, ok := decrypt(h.session, &ap.Authenticator, keyusage.TGS_REQ_PA_TGS_REQ_AP_REQ_AUTHENTICATOR)
	if !ok || a.Parse(plaintext) != nil {
		return nil, badIntegrity("the authenticator cannot be decrypted with the session key")
	}
	client, ok := principal(a.Client, a.ClientRealm)
	switch {
	case !ok || client != h.client:
		return nil, refuse(errorcode.KRB_AP_ERR_BADMATCH, "the authenticator names another client than the ticket")
	case !isFrom(h.ticket.Addresses, from):
		return nil, refuse(errorcode.KRB_AP_ERR_BADADDR, "the request is not from an address of the ticket")
	}
	if r := k.checkTimes(&h.ticket); r != nil {
		return nil, r
	}
	if !k.near(a.Ctime) {
		return nil, refuse(errorcode.KRB_AP_ERR_SKEW, "the clock of the client differs by more than five minutes")
	}
	if r := checkBody(req, &a, h.session); r != nil {
		return nil, r
	}
	if r := k.setReplyKey(h, &a); r != nil {
		return nil, r
	}
	return h, k.seen.claim(ap.Authenticator.Cipher, a.Ctime, k.db.Realm.Now())
}

func findAPReq(req *krb5.KDCReq, ap *krb5.APReq) *refusal {
	for paType, value := range req.Each() {
		if paType != krb5.PATGSReq {
			continue
		}
		if ap.Parse(value) != nil {
			return internalError("the AP-REQ of the request is malformed")
		}
		if ap.Options&flags.APUseSessionKey != 0 {
			return badOption("a ticket-granting ticket is not a user-to-user ticket")
		}
		return nil
	}
	return refuse(errorcode.KDC_ERR_PADATA_TYPE_NOSUPP, "a TGS-REQ needs an AP-REQ")
}

// openTicket decrypts the ticket-granting ticket, which this realm issued to its client, or a
// trusted realm to a client of that realm.
func (k *KDC) openTicket(t *krb5.Ticket, h *header) *refusal {
	key, issuer := k.db.Realm.TGSKey(), k.db.Realm.Name
	if !isLocalTGT(t, issuer) {
		trust, ok := k.db.trust(string(t.Realm))
		if !ok || !slices.Equal(components(t.Service), []string{"krbtgt", k.db.Realm.Name}) {
			return refuse(errorcode.KRB_AP_ERR_NOT_US, "the ticket is not for this ticket-granting service")
		}
		key, issuer = trust.incoming, trust.other.Realm.Name
	}
	if t.EncPart.HasKvno && t.EncPart.Kvno != key.Kvno || t.EncPart.EType != key.KeyType {
		return refuse(errorcode.KRB_AP_ERR_BADKEYVER, "the ticket was encrypted with an unknown key")
	}
	plaintext, ok := decrypt(key, &t.EncPart, keyusage.KDC_REP_TICKET)
	if !ok || h.ticket.Parse(plaintext) != nil {
		return badIntegrity("the ticket-granting ticket cannot be decrypted")
	}
	client, ok := principal(h.ticket.Client, h.ticket.ClientRealm)
	switch {
	case !ok:
		return badIntegrity("the ticket-granting ticket names no principal")
	case issuer != k.db.Realm.Name && client.Realm() != issuer:
		return refuse(errorcode.KDC_ERR_POLICY, "the trusted realm issued the ticket to a client of another realm")
	}
	h.client = client
	h.session = krbtest.ServiceKey{EncryptionKey: types.EncryptionKey{KeyType: h.ticket.Key.EType, KeyValue: h.ticket.Key.Value}}
	return nil
}

func isLocalTGT(t *krb5.Ticket, realm string) bool {
	return string(t.Realm) == realm && slices.Equal(components(t.Service), []string{"krbtgt", realm})
}

func (k *KDC) checkTimes(part *krb5.EncTicketPart) *refusal {
	now := k.db.Realm.Now().Unix()
	switch {
	case part.Flags&flags.TicketInvalid != 0 || startOf(part).Unix-int64(skew.Seconds()) > now:
		return refuse(errorcode.KRB_AP_ERR_TKT_NYV, "the ticket-granting ticket is not yet valid")
	case part.EndTime.Unix < now:
		return refuse(errorcode.KRB_AP_ERR_TKT_EXPIRED, "the ticket-granting ticket has expired")
	}
	return nil
}

// checkBody verifies the checksum of the request, which must be the keyed checksum of the
// session key's encryption type. As MIT's KDC does, it does not refuse a wrong checksum with
// KRB_AP_ERR_MODIFIED.
func checkBody(req *krb5.KDCReq, a *krb5.Authenticator, session krbtest.ServiceKey) *refusal {
	if !a.HasChecksum || a.Checksum.Type != krbtest.Checksum(session.EncryptionKey, 0, nil).CksumType {
		return refuse(errorcode.KRB_AP_ERR_INAPP_CKSUM, "the authenticator has no checksum of the type of the session key")
	}
	key, err := keytab.NewKey(keytab.EType(session.KeyType), session.KeyValue)
	if err != nil || key.VerifyChecksum(a.Checksum.Type, a.Checksum.Sum, req.Body, keyusage.TGS_REQ_PA_TGS_REQ_AP_REQ_AUTHENTICATOR_CHKSUM) != nil {
		return badIntegrity("the checksum of the request is wrong")
	}
	return nil
}

// setReplyKey chooses the key of the answer: the client's subkey, or the session key.
func (k *KDC) setReplyKey(h *header, a *krb5.Authenticator) *refusal {
	h.reply, h.usage = h.session.EncryptionKey, keyusage.TGS_REP_ENCPART_SESSION_KEY
	if a.Subkey.Value == nil {
		return nil
	}
	// An encryption type without a length is not supported.
	if n := krbtest.KeyLen(keytab.EType(a.Subkey.EType)); n == 0 || n != len(a.Subkey.Value) || !k.permits(a.Subkey.EType) {
		return refuse(errorcode.KDC_ERR_ETYPE_NOSUPP, "the subkey has an encryption type that this KDC does not permit, or a wrong length")
	}
	h.subkey.EncryptionKey = types.EncryptionKey{KeyType: a.Subkey.EType, KeyValue: a.Subkey.Value}
	h.reply, h.usage = h.subkey.EncryptionKey, keyusage.TGS_REP_ENCPART_AUTHENTICATOR_SUB_KEY
	return nil
}

// hasPAC reports whether the ticket-granting ticket has a PAC. If it has none, the client
// declined it, and no ticket gets one.
func (h *header) hasPAC() bool {
	w, err := krb5.WalkAuthorizationData(h.ticket.AuthorizationData)
	for err == nil {
		e, _, ok := w.Next()
		if !ok {
			break
		}
		if e.Type == krb5.ADWin2kPAC {
			return true
		}
	}
	return false
}

// isFrom reports whether a ticket with addresses may be used from an address.
func isFrom(seq []byte, from netip.Addr) bool {
	all := hostAddresses(seq)
	if len(all) == 0 {
		return true
	}
	from = from.Unmap()
	want := types.HostAddress{AddrType: addrtype.IPv4, Address: from.AsSlice()}
	if from.Is6() {
		want.AddrType = addrtype.IPv6
	}
	return slices.ContainsFunc(all, func(a types.HostAddress) bool {
		return a.AddrType == want.AddrType && slices.Equal(a.Address, want.Address)
	})
}

// maxExtra limits the authorization data that a client adds.
const maxExtra = 32

// authorizationData returns the authorization data that the client adds to its ticket. As
// MIT's KDC does, it leaves out elements that only a KDC may issue.
func (h *header) authorizationData(req *krb5.KDCReq) (types.AuthorizationData, *refusal) {
	if !req.HasAuthorizationData {
		return nil, nil
	}
	plaintext, ok := []byte(nil), false
	if h.subkey.KeyValue != nil {
		plaintext, ok = decrypt(h.subkey, &req.AuthorizationData, keyusage.TGS_REQ_KDC_REQ_BODY_AUTHDATA_SUB_KEY)
	}
	if !ok {
		plaintext, ok = decrypt(h.session, &req.AuthorizationData, keyusage.TGS_REQ_KDC_REQ_BODY_AUTHDATA_SESSION_KEY)
	}
	if !ok {
		return nil, badIntegrity("the authorization data of the request cannot be decrypted")
	}
	list, err := krb5.ReadAuthorizationData(plaintext)
	if err != nil {
		return nil, internalError("the authorization data of the request is malformed")
	}
	var all types.AuthorizationData
	for e, ok := list.Next(); ok; e, ok = list.Next() {
		switch {
		case len(all) == maxExtra:
			return nil, internalError("the authorization data of the request has more than 32 elements")
		case e.Type == krb5.ADMandatoryForKDC:
			return nil, refuse(errorcode.KDC_ERR_POLICY, "the authorization data is mandatory for the KDC, which does not know it")
		case isOfKDC(e):
			continue
		}
		all = append(all, types.AuthorizationDataEntry{ADType: e.Type, ADData: slices.Clone(e.Data)})
	}
	return all, nil
}

// isOfKDC reports whether only a KDC may issue e, or an element in it.
func isOfKDC(e krb5.AuthDataEntry) bool {
	const kdcIssued, signedPath = 4, 512
	switch e.Type {
	case krb5.ADWin2kPAC, kdcIssued, signedPath:
		return true
	case krb5.ADIfRelevant:
		inner, err := krb5.ReadAuthorizationData(e.Data)
		if err != nil {
			return true
		}
		for e, ok := inner.Next(); ok; e, ok = inner.Next() {
			if e.Type == krb5.ADIfRelevant || isOfKDC(e) {
				return true
			}
		}
	}
	return false
}
