package testkdc

import (
	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
)

// login is an AS exchange (RFC 4120, Section 3.1).
type login struct {
	name   keytab.Principal
	client Client
	target target
	reply  krbtest.ServiceKey // seals the answer
}

// as answers an AS-REQ. The order of the checks is that of MIT's KDC.
func (k *KDC) as(req *krb5.KDCReq) ([]byte, *refusal) {
	l, r := k.lookUp(req)
	if r != nil {
		return nil, r
	}
	session, r := k.checkASOptions(req, l)
	if r != nil {
		return nil, r
	}
	if r := k.preAuthenticate(req, l); r != nil {
		return nil, r
	}
	t := k.db.Realm.TicketWith(l.name, l.target.principal, l.target.keyFor(session))
	k.setSessionKey(t, session)
	t.SName, t.Realm = l.target.name, k.db.Realm.Name
	t.Part.CName.NameType = nameType(req.Client)
	if r := k.setASTimes(req, t, l.target.flag()); r != nil {
		return nil, r
	}
	t.Part.CAddr = addresses(req)
	if wantsPAC(req) && !l.target.service.NoPAC {
		t.PAC = l.client.PAC
	}
	m := t.ASRep()
	m.Nonce, m.Key, m.Kvno, m.Usage = req.NonceAsSent(), l.reply.EncryptionKey, int64(l.reply.Kvno), keyusage.AS_REP_ENCPART
	m.PAData = types.PADataSequence{krbtest.ETypeInfo2(l.client.info(l.reply.KeyType))}
	k.issued(req, t, l.name)
	return m.Bytes(), nil
}

// lookUp finds the client and the service of an AS-REQ.
func (k *KDC) lookUp(req *krb5.KDCReq) (*login, *refusal) {
	l := new(login)
	unknown := refuse(errorcode.KDC_ERR_C_PRINCIPAL_UNKNOWN, "the client is not in the database")
	if req.Client.Type == nametype.KRB_NT_ENTERPRISE && req.Client.Len() == 1 && string(req.Realm) == k.db.Realm.Name {
		p, c, elsewhere := k.db.enterprise(components(req.Client)[0])
		switch {
		case elsewhere != "":
			return nil, &refusal{code: errorcode.KDC_ERR_WRONG_REALM, text: "the client belongs to another realm", clientRealm: elsewhere}
		case p.IsZero():
			return nil, unknown
		case req.Options&krb5.KDCCanonicalize == 0:
			return nil, refuse(errorcode.KDC_ERR_C_PRINCIPAL_UNKNOWN, "an enterprise name needs the option canonicalize")
		}
		l.name, l.client = p, c
	} else {
		p, ok := principal(req.Client, req.Realm)
		if ok {
			l.client, ok = k.db.client(p)
		}
		if !ok || p.Realm() != k.db.Realm.Name {
			return nil, unknown
		}
		l.name = p
	}
	t, ok := k.target(req)
	if !ok || t.issuesFor != "" && t.issuesFor != k.db.Realm.Name {
		return nil, refuse(errorcode.KDC_ERR_S_PRINCIPAL_UNKNOWN, "the service is not in the database")
	}
	if t.isUser {
		return nil, mustUseUserToUser()
	}
	l.target = t
	return l, nil
}

// checkASOptions refuses options that an AS-REQ cannot have, and a client that may not log in,
// and returns the type of the session key.
func (k *KDC) checkASOptions(req *krb5.KDCReq, l *login) (keytab.EType, *refusal) {
	const never = krb5.KDCForwarded | krb5.KDCProxy | krb5.KDCValidate | krb5.KDCRenew | krb5.KDCEncTktInSkey | krb5.KDCCNAMEInAddlTicket
	switch {
	case req.Options&never != 0:
		return 0, badOption("an AS-REQ cannot have this option")
	case req.Options&(krb5.KDCAllowPostdate|krb5.KDCPostdated) != 0:
		return 0, refuse(errorcode.KDC_ERR_CANNOT_POSTDATE, "this KDC issues no postdated tickets")
	case req.Options&krb5.KDCAnonymous != 0:
		return 0, badOption("this KDC issues no anonymous tickets")
	case l.client.Disabled:
		return 0, refuse(errorcode.KDC_ERR_CLIENT_REVOKED, "the client is disabled")
	}
	session, ok := k.choose(req, l.target.supports)
	if !ok {
		return 0, refuse(errorcode.KDC_ERR_ETYPE_NOSUPP, "the service and the client have no encryption type in common")
	}
	reply, ok := k.choose(req, func(e int32) bool { _, ok := keyOf(l.client.Keys, e); return ok })
	if !ok {
		return 0, refuse(errorcode.KDC_ERR_ETYPE_NOSUPP, "the client has no key of an encryption type that it requests")
	}
	l.reply, _ = keyOf(l.client.Keys, int32(reply))
	return session, nil
}

// preAuthenticate verifies the encrypted timestamp (RFC 4120, Section 5.2.7.2).
func (k *KDC) preAuthenticate(req *krb5.KDCReq, l *login) *refusal {
	for paType, value := range req.Each() {
		if paType != krb5.PAEncTimestamp {
			continue
		}
		failed := k.askForPreAuth(req, l, errorcode.KDC_ERR_PREAUTH_FAILED, "the encrypted timestamp is wrong, as with a wrong password")
		var sealed krb5.EncryptedData
		var at krb5.EncTimestamp
		if sealed.Parse(value) != nil || !k.permits(sealed.EType) {
			return failed
		}
		key, _ := keyOf(l.client.Keys, sealed.EType) // decrypt refuses the zero key
		plaintext, ok := decrypt(key, &sealed, keyusage.AS_REQ_PA_ENC_TIMESTAMP)
		if !ok || at.Parse(plaintext) != nil {
			return failed
		}
		if !k.near(at.Unix) {
			return refuse(errorcode.KRB_AP_ERR_SKEW, "the clock of the client differs by more than five minutes")
		}
		return nil
	}
	return k.askForPreAuth(req, l, errorcode.KDC_ERR_PREAUTH_REQUIRED, "the client must send an encrypted timestamp")
}

// askForPreAuth refuses a client with the methods of pre-authentication, and with the salt and
// the encryption types of its keys in its order of preference.
func (k *KDC) askForPreAuth(req *krb5.KDCReq, l *login, code int32, text string) *refusal {
	var info []krbtest.EType2
	for e := range req.EachEType() {
		if _, ok := keyOf(l.client.Keys, e); ok && k.permits(e) {
			info = append(info, l.client.info(e))
		}
	}
	r := refuse(code, text)
	r.edata = krbtest.MethodData(types.PAData{PADataType: krb5.PAEncTimestamp, PADataValue: []byte{}}, krbtest.ETypeInfo2(info...))
	return r
}

// info describes the client's key of a type. RC4 has no salt.
func (c *Client) info(e int32) krbtest.EType2 {
	if keytab.EType(e) == keytab.RC4_HMAC {
		return krbtest.EType2{EType: keytab.RC4_HMAC}
	}
	return krbtest.EType2{EType: keytab.EType(e), Salt: c.Salt}
}

// setASTimes sets the flags and times of an initial ticket. more are flags of the service.
func (k *KDC) setASTimes(req *krb5.KDCReq, t *krbtest.Ticket, more flags.Ticket) *refusal {
	bits := flags.TicketPreAuthent | ticketInitial | more
	if req.Options&krb5.KDCForwardable != 0 {
		bits |= flags.TicketForwardable
	}
	if req.Options&krb5.KDCProxiable != 0 {
		bits |= ticketProxiable
	}
	now := t.Part.AuthTime
	end := earliest(now.Add(k.cfg.Life), until(req.Till))
	if !end.After(now) {
		return refuse(errorcode.KDC_ERR_NEVER_VALID, "the requested end time has passed")
	}
	t.Part.StartTime, t.Part.EndTime = now, end
	renewTill := until(req.RenewTill)
	if req.Options&krb5.KDCRenewableOK != 0 && req.Options&krb5.KDCRenewable == 0 && until(req.Till).After(end) {
		req.Options |= krb5.KDCRenewable
		renewTill = until(req.Till)
	}
	if req.Options&krb5.KDCRenewable != 0 {
		if renewTill = earliest(renewTill, now.Add(k.cfg.RenewableLife)); renewTill.After(end) {
			t.Part.RenewTill = renewTill
			bits |= flags.TicketRenewable
		}
	}
	t.Part.Flags = krbtest.TicketFlags(bits)
	return nil
}

// wantsPAC reports whether the client does not decline a PAC (MS-KILE, Section 3.1.5.1).
func wantsPAC(req *krb5.KDCReq) bool {
	for paType, value := range req.Each() {
		var wish krb5.PACRequest
		if paType == krb5.PAPACRequest && wish.Parse(value) == nil {
			return wish.Include
		}
	}
	return true
}
