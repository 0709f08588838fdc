package testkdc

import (
	"net/netip"
	"time"

	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
)

// tgs answers a TGS-REQ (RFC 4120, Section 3.3).
func (k *KDC) tgs(req *krb5.KDCReq, from netip.Addr) ([]byte, *refusal) {
	h, r := k.readHeader(req, from)
	if r != nil {
		return nil, r
	}
	if r := checkTGSOptions(req, h.ticket.Flags); r != nil {
		return nil, r
	}
	to, r := k.destination(req)
	if r != nil {
		return nil, r
	}
	session, ok := k.choose(req, to.supports)
	if !ok {
		return nil, refuse(errorcode.KDC_ERR_ETYPE_NOSUPP, "the service and the client have no encryption type in common")
	}
	extra, r := h.authorizationData(req)
	if r != nil {
		return nil, r
	}
	t := k.db.Realm.TicketWith(h.client, to.principal, to.keyFor(session))
	if req.Options&krb5.KDCEncTktInSkey != 0 {
		t.Kvno = 0 // a session key has no version
	}
	k.setSessionKey(t, session)
	t.SName, t.Realm = to.name, k.db.Realm.Name
	t.Part.CName.NameType = h.ticket.Client.Type
	t.Part.AuthorizationData = extra
	if r := k.setTGSTimes(req, t, &h.ticket, to.flag()); r != nil {
		return nil, r
	}
	t.Part.CAddr = hostAddresses(h.ticket.Addresses)
	if req.Options&(krb5.KDCForwarded|krb5.KDCProxy) != 0 {
		t.Part.CAddr = addresses(req)
	}
	if h.hasPAC() && !to.service.NoPAC {
		t.PAC = k.db.pacOf(h.client)
	}
	m := t.TGSRep()
	m.Nonce, m.Key, m.Usage = req.NonceAsSent(), h.reply, h.usage
	k.issued(req, t, h.client)
	return m.Bytes(), nil
}

// checkTGSOptions refuses options that the ticket-granting ticket does not permit.
func checkTGSOptions(req *krb5.KDCReq, have flags.Ticket) *refusal {
	for _, needs := range []struct {
		options krb5.KDCOptions
		flag    flags.Ticket
	}{
		{krb5.KDCForwardable | krb5.KDCForwarded, flags.TicketForwardable},
		{krb5.KDCProxiable | krb5.KDCProxy, ticketProxiable},
		{krb5.KDCRenewable | krb5.KDCRenew, flags.TicketRenewable},
		{krb5.KDCAllowPostdate | krb5.KDCPostdated, 0}, // no ticket has MAY-POSTDATE
		{krb5.KDCValidate, 0},          // no ticket is invalid
		{krb5.KDCCNAMEInAddlTicket, 0}, // no service may delegate by S4U2Proxy
		{krb5.KDCAnonymous, 0},
	} {
		if req.Options&needs.options != 0 && have&needs.flag == 0 {
			return badOption("the ticket-granting ticket does not permit an option of the request")
		}
	}
	for paType := range req.Each() {
		if paType == krb5.PAForUser || paType == krb5.PAForX509User {
			return refuse(errorcode.KDC_ERR_PADATA_TYPE_NOSUPP, "this KDC has no S4U2Self")
		}
	}
	return nil
}

// destination finds the service of a TGS-REQ: in the database, or, if the client accepts a
// referral, in a trusted realm (RFC 6806, Section 8).
func (k *KDC) destination(req *krb5.KDCReq) (target, *refusal) {
	to, ok := k.target(req)
	if ok && req.Options&krb5.KDCEncTktInSkey != 0 {
		return k.userToUser(req, to)
	}
	if !ok && req.Service.Components != nil && req.Options&krb5.KDCCanonicalize != 0 {
		for _, other := range k.db.Trusted() {
			p, valid := principal(req.Service, []byte(other.Realm.Name))
			if valid && len(other.Realm.KeysOf(p)) > 0 {
				to, ok = k.ticketGranting(other.Realm.Name)
				break
			}
		}
	}
	switch {
	case !ok:
		return target{}, refuse(errorcode.KDC_ERR_S_PRINCIPAL_UNKNOWN, "the service is not in the database")
	case to.isUser:
		return target{}, mustUseUserToUser()
	}
	if req.Options&krb5.KDCRenew != 0 && to.issuesFor != k.db.Realm.Name {
		return target{}, badOption("only ticket-granting tickets can be renewed")
	}
	return to, nil
}

// userToUser makes the session key of the additional ticket, which is the ticket-granting
// ticket of the service, seal the new ticket (RFC 4120, Section 3.3.3).
func (k *KDC) userToUser(req *krb5.KDCReq, to target) (target, *refusal) {
	for second := range req.EachTicket() {
		if second.Service.Len() != 2 || !isLocalTGT(second, k.db.Realm.Name) {
			return target{}, refuse(errorcode.KDC_ERR_POLICY, "the additional ticket is not a ticket-granting ticket of this realm")
		}
		var part krb5.EncTicketPart
		plaintext, ok := decrypt(k.db.Realm.TGSKey(), &second.EncPart, keyusage.KDC_REP_TICKET)
		if !ok || part.Parse(plaintext) != nil {
			return target{}, badIntegrity("the additional ticket cannot be decrypted")
		}
		owner, ok := principal(part.Client, part.ClientRealm)
		if !ok || owner != to.principal {
			return target{}, refuse(errorcode.KDC_ERR_SERVER_NOMATCH, "the additional ticket belongs to another principal")
		}
		if r := k.checkTimes(&part); r != nil {
			return target{}, r
		}
		if !k.permits(part.Key.EType) || len(part.Key.Value) != krbtest.KeyLen(keytab.EType(part.Key.EType)) {
			return target{}, refuse(errorcode.KDC_ERR_ETYPE_NOSUPP, "the additional ticket has a key of another encryption type")
		}
		to.anyEType, to.isUser, to.service = false, false, Service{}
		to.keys = []krbtest.ServiceKey{{EncryptionKey: types.EncryptionKey{KeyType: part.Key.EType, KeyValue: part.Key.Value}}}
		return to, nil
	}
	return target{}, badOption("user-to-user needs an additional ticket")
}

// setTGSTimes sets the flags and times of a ticket from those of the ticket-granting ticket.
// more are flags of the service.
func (k *KDC) setTGSTimes(req *krb5.KDCReq, t *krbtest.Ticket, tgt *krb5.EncTicketPart, more flags.Ticket) *refusal {
	now := k.db.Realm.Now().Truncate(time.Second)
	bits := tgt.Flags&(flags.TicketPreAuthent|flags.TicketForwarded|ticketProxy) | flags.TicketTransitedPolicyChecked | more
	for _, f := range []struct {
		option krb5.KDCOptions
		flag   flags.Ticket
	}{
		{krb5.KDCForwardable, flags.TicketForwardable},
		{krb5.KDCForwarded, flags.TicketForwarded},
		{krb5.KDCProxiable, ticketProxiable},
		{krb5.KDCProxy, ticketProxy},
	} {
		if req.Options&f.option != 0 {
			bits |= f.flag
		}
	}
	end := unixTime(tgt.EndTime)
	t.Part.AuthTime, t.Part.StartTime = unixTime(tgt.AuthTime), now
	switch {
	case req.Options&krb5.KDCRenew != 0:
		till := unixTime(tgt.RenewTill)
		if !till.After(now) {
			return refuse(errorcode.KRB_AP_ERR_TKT_EXPIRED, "the ticket can no longer be renewed")
		}
		life := end.Sub(unixTime(startOf(tgt)))
		t.Part.EndTime, t.Part.RenewTill = earliest(now.Add(life), till), till
		bits |= tgt.Flags&(flags.TicketForwardable|ticketProxiable|flags.TicketRenewable) | flags.TicketRenewable
	default:
		t.Part.EndTime = earliest(earliest(until(req.Till), end), now.Add(k.cfg.Life))
		if req.Options&krb5.KDCRenewable != 0 {
			t.Part.RenewTill = earliest(until(req.RenewTill), unixTime(tgt.RenewTill))
			bits |= flags.TicketRenewable
		}
	}
	if !t.Part.EndTime.After(now) {
		return refuse(errorcode.KDC_ERR_NEVER_VALID, "the requested end time has passed")
	}
	t.Part.Flags = krbtest.TicketFlags(bits)
	return nil
}

func unixTime(t krb5.Time) time.Time { return time.Unix(t.Unix, 0).UTC() }

// startOf returns the time from which a ticket is valid.
func startOf(part *krb5.EncTicketPart) krb5.Time {
	if part.StartTime.Set {
		return part.StartTime
	}
	return part.AuthTime
}
