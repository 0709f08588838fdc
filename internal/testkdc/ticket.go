package testkdc

import (
	"slices"
	"time"

	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
)

// Flags of tickets (RFC 4120, Section 5.3) that acceptors do not look at.
const (
	ticketProxiable flags.Ticket = 1 << (31 - 3)
	ticketProxy     flags.Ticket = 1 << (31 - 4)
	ticketInitial   flags.Ticket = 1 << (31 - 9)

	ticketOKAsDelegate flags.Ticket = 1 << (31 - 13)
)

// target is the service for which a ticket is requested.
type target struct {
	principal keytab.Principal
	name      types.PrincipalName // with the name-type of the request
	keys      []krbtest.ServiceKey
	anyEType  bool   // a ticket-granting service, whose keys do not limit the session key
	issuesFor string // the realm of a ticket-granting service, "" for other services
	isUser    bool   // a client without keys of a service, for user-to-user only
	service   Service
}

// target finds the service of a request, and reports false if the database lacks it.
func (k *KDC) target(req *krb5.KDCReq) (target, bool) {
	p, ok := principal(req.Service, req.Realm)
	if !ok || p.Realm() != k.db.Realm.Name {
		return target{}, false
	}
	name := types.PrincipalName{NameType: req.Service.Type, NameString: components(req.Service)}
	if len(name.NameString) == 2 && name.NameString[0] == "krbtgt" {
		return k.ticketGranting(name.NameString[1])
	}
	if keys := k.db.Realm.KeysOf(p); len(keys) > 0 {
		return target{principal: p, name: name, keys: keys, service: k.db.Service(p)}, true
	}
	c, ok := k.db.client(p)
	return target{principal: p, name: name, keys: c.Keys, isUser: true}, ok
}

// ticketGranting returns the ticket-granting service of this realm or of a trusted realm.
func (k *KDC) ticketGranting(realm string) (target, bool) {
	p, err := keytab.NewPrincipal(k.db.Realm.Name, "krbtgt", realm)
	if err != nil { // unreachable: target has made a principal of the same name
		return target{}, false
	}
	t := target{principal: p, name: krbtest.TGSName(realm), anyEType: true, issuesFor: realm}
	if realm == k.db.Realm.Name {
		t.keys = []krbtest.ServiceKey{k.db.Realm.TGSKey()}
		return t, true
	}
	trust, ok := k.db.trust(realm)
	t.keys = []krbtest.ServiceKey{trust.outgoing}
	return t, ok
}

// supports reports whether the service can use a session key of this type.
func (t target) supports(e int32) bool {
	if t.service.SessionETypes != nil && !t.anyEType {
		return slices.Contains(t.service.SessionETypes, keytab.EType(e))
	}
	_, ok := keyOf(t.keys, e)
	return ok || t.anyEType
}

// flag returns the flag that the service's attributes add to its tickets.
func (t target) flag() flags.Ticket {
	if t.service.OKAsDelegate {
		return ticketOKAsDelegate
	}
	return 0
}

// keyFor returns the service's key of the type of the session key, or its first key.
func (t target) keyFor(session keytab.EType) krbtest.ServiceKey {
	if key, ok := keyOf(t.keys, int32(session)); ok {
		return key
	}
	return t.keys[0]
}

func (k *KDC) setSessionKey(t *krbtest.Ticket, e keytab.EType) {
	if t.Part.Key.KeyType != int32(e) {
		t.Part.Key = k.db.Realm.NewKey(e)
	}
}

// addresses returns the addresses that limit the requested ticket.
func addresses(req *krb5.KDCReq) types.HostAddresses { return hostAddresses(req.Addresses) }

func hostAddresses(seq []byte) types.HostAddresses {
	if seq == nil {
		return nil
	}
	r, err := krb5.ReadAddresses(seq)
	var all types.HostAddresses
	for a, ok := r.Next(); ok && err == nil; a, ok = r.Next() {
		all = append(all, types.HostAddress{AddrType: a.Type, Address: slices.Clone(a.Address)})
	}
	return all
}

// forever is the end time of a client that requests the longest ticket.
var forever = time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)

// until returns a requested time; a time that is absent, or is 1970, means the longest.
func until(t krb5.Time) time.Time {
	if t.Unix == 0 {
		return forever
	}
	return earliest(time.Unix(t.Unix, 0).UTC(), forever)
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// nameType returns the name-type of a client in its ticket. A canonicalized name is no longer
// an enterprise name.
func nameType(n krb5.Name) int32 {
	if n.Type == nametype.KRB_NT_ENTERPRISE {
		return nametype.KRB_NT_PRINCIPAL
	}
	return n.Type
}
