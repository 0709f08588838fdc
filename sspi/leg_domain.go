package sspi

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket"
	"github.com/gosspi/kerberos/ticket/pac"
)

// A domain is a domain of Active Directory, as its own domain controller describes it.
type domain struct {
	sid     pac.SID
	netBIOS string
}

// domains has the domains of the service's realms, by realm: as a rule one domain. An acceptor
// learns a domain from the PAC of an accepted client of that realm, never from a client of
// another realm.
type domains struct {
	mu      sync.Mutex
	learned atomic.Pointer[map[string]domain]
}

// checkDomain compares the domain of a client's account with the domains that are configured
// or learned, and returns the SID of the service's domain, or the zero SID if it is unknown.
func (l *leg) checkDomain(account *pac.Account, t *ticket.Content) (pac.SID, error) {
	sids, realm, own := l.c.acceptor.cfg.PAC.DomainSIDs, t.Client.Realm(), t.Service.Realm()
	learned := l.c.acceptor.domains.all()
	if why := otherSID(account.DomainSID, realm, own, sids, learned); why != "" {
		return pac.SID{}, errDomain(realm, account, why)
	}
	if realm == own {
		return account.DomainSID, nil
	}
	service, configured := sids[own]
	if !configured {
		service = learned[own].sid
	}
	if service == account.DomainSID {
		return service, nil // PAC.Access refuses the client
	}
	// The domain controller of another realm chooses the names freely.
	names := [...]string{account.Domain, ""}
	if upn, err := l.token.pac.UPNDNSInfo(); err == nil && upn != nil {
		names[1] = upn.DNSDomain
	}
	for _, name := range names {
		if why := otherName(name, realm, own, sids, learned); why != "" {
			return pac.SID{}, errDomain(realm, account, why)
		}
	}
	return service, nil
}

// otherSID returns why sid is not that of the domain of realm, or "", except for the domain of
// the service's realm, own: PAC.Access knows it.
func otherSID(sid pac.SID, realm, own string, configured map[string]pac.SID, learned map[string]domain) string {
	if want, ok := configured[realm]; ok && want != sid {
		return "Config.PAC.DomainSIDs has " + want.String() + " for this realm"
	}
	if first, ok := learned[realm]; ok && first.sid != sid {
		return "the first client of this realm had an account of " + first.sid.String() + "; if the domain was made anew, restart the service"
	}
	for other, s := range configured {
		if s == sid && other != realm && other != own {
			return "Config.PAC.DomainSIDs has this domain for the realm " + quote.Text(other)
		}
	}
	for other, d := range learned {
		if d.sid == sid && other != realm && other != own {
			return "this is the domain of the realm " + quote.Text(other)
		}
	}
	return ""
}

// otherName returns why name is not that of the domain of realm, or "". own is the service's
// realm.
func otherName(name, realm, own string, configured map[string]pac.SID, learned map[string]domain) string {
	const why = "this is a name of the domain of the realm "
	switch {
	case name == "":
		return ""
	case strings.EqualFold(name, own):
		return why + quote.Text(own)
	}
	for other := range configured {
		if other != realm && strings.EqualFold(name, other) {
			return why + quote.Text(other)
		}
	}
	for other, d := range learned {
		if other != realm && (strings.EqualFold(name, d.netBIOS) || strings.EqualFold(name, other)) {
			return why + quote.Text(other)
		}
	}
	if _, known := learned[own]; known {
		return ""
	}
	if label, _, _ := strings.Cut(own, "."); strings.EqualFold(name, label) {
		return "the service's own domain may have this name, which is unknown until a client of its realm has logged in"
	}
	return ""
}

// all returns the learned domains, which the caller must not modify.
func (d *domains) all() map[string]domain {
	if learned := d.learned.Load(); learned != nil {
		return *learned
	}
	return nil
}

// learn stores the domain of a client that was accepted, if the client is of the service's
// realm and no domain of that realm is stored.
func (d *domains) learn(p *Peer) {
	realm := p.Service.Realm()
	if p.Account == nil || p.Client.Realm() != realm {
		return
	}
	if _, ok := d.all()[realm]; ok {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	old := d.all()
	if _, ok := old[realm]; ok {
		return
	}
	next := map[string]domain{realm: {p.Account.SID.Domain(), p.Account.Domain}}
	maps.Copy(next, old)
	d.learned.Store(&next)
}

// errDomain refuses an account of a domain that is not that of the client's realm.
func errDomain(realm string, a *pac.Account, why string) error {
	return &status.Error{Reason: status.ReasonPACBad, Detail: "the PAC of a client of the realm " + quote.Text(realm) +
		" has an account of the domain " + quote.Text(a.Domain) + " (" + a.DomainSID.String() + "), but " + why}
}
