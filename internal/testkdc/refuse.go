package testkdc

import (
	"github.com/jcmturner/gokrb5/v8/iana/errorcode"

	"github.com/gosspi/kerberos/internal/krb5"
)

// refusal is a request's end without a ticket.
type refusal struct {
	code  int32  // RFC 4120, Section 7.5.9
	text  string // for the log and for e-text
	edata []byte

	clientRealm string // of a client that belongs to a trusted realm
}

func refuse(code int32, text string) *refusal { return &refusal{code: code, text: text} }

// Refusals with the same text at several places.
func badIntegrity(text string) *refusal {
	return refuse(errorcode.KRB_AP_ERR_BAD_INTEGRITY, text)
}

func badOption(text string) *refusal { return refuse(errorcode.KDC_ERR_BADOPTION, text) }

func mustUseUserToUser() *refusal {
	return refuse(errorcode.KDC_ERR_MUST_USE_USER2USER, "the service is a user, whose tickets must be user-to-user tickets")
}

func internalError(text string) *refusal { return refuse(errorcode.KRB_ERR_GENERIC, text) }

// reply returns the KRB-ERROR that answers req, which may be the zero KDCReq.
func (k *KDC) reply(req *krb5.KDCReq, r *refusal) []byte {
	now := k.db.Realm.Now()
	m := krb5.KRBError{
		Stime: now.Unix(), Susec: int32(now.Nanosecond() / 1000), Code: r.code,
		Realm:   []byte(k.db.Realm.Name),
		Service: req.Service,
		EText:   []byte(r.text), EData: r.edata,
	}
	if req.Client.Components != nil {
		m.Client, m.ClientRealm = req.Client, req.Realm
	}
	if r.clientRealm != "" {
		m.ClientRealm = []byte(r.clientRealm)
	}
	if m.Service.Components == nil {
		const srvInst = 2
		list := krb5.AppendComponent(nil, "krbtgt")
		m.Service = krb5.Name{Type: srvInst, Components: krb5.AppendComponent(list, k.db.Realm.Name)}
	}
	return m.Append(nil)
}
