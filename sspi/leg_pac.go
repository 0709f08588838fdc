package sspi

import (
	"bytes"
	"slices"

	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket"
	"github.com/gosspi/kerberos/ticket/pac"
)

// identify applies Config.PAC to the PAC of the ticket. It runs after the client has proven
// that it owns the ticket, and before the replay cache stores its authenticator. The table of
// PACPolicy tells the outcomes.
func (l *leg) identify(t *ticket.Content) error {
	policy, realm := &l.c.acceptor.cfg.PAC, t.Client.Realm()
	mode := policy.mode(realm)
	if t.PAC == nil || mode == PACIgnore {
		if mode == PACRequire {
			return &status.Error{Reason: status.ReasonPACRequired, Detail: "the ticket of " + quote.Text(t.Client.String()) + " has no PAC, and Config.PAC requires one for the realm " + quote.Text(realm)}
		}
		if slices.Contains(policy.RealmsWithoutPAC, realm) {
			l.naming = namesPrincipal
		}
		return nil
	}
	p, err := pac.Verify(ownPAC(t), pac.Ticket{Key: t.ServiceKey, Client: t.Client, AuthTime: t.AuthTime})
	if err == nil && !policy.Lax {
		err = p.Conflict()
	}
	if err != nil {
		return err
	}
	return l.readAccount(p, t, mode)
}

// ownPAC returns the PAC of t for the access token, which the context keeps. It copies a PAC
// that would keep much other authorization data in memory.
func ownPAC(t *ticket.Content) []byte {
	const little = 256
	if len(t.AuthorizationData)+len(t.Addresses)+len(t.Transited)-len(t.PAC) <= little {
		return t.PAC
	}
	return bytes.Clone(t.PAC)
}

// readAccount makes the access token of a verified PAC.
func (l *leg) readAccount(p *pac.PAC, t *ticket.Content, mode PACMode) error {
	l.token = &AccessToken{pac: p, origin: l.c.acceptor.cfg.PAC.origin(t.Client.Realm(), t.Service.Realm())}
	l.naming = namesAccount
	var service pac.SID
	switch account, err := p.Account(); {
	case err != nil:
	case account == nil:
		l.naming = namesPrincipal
	default:
		if service, err = l.checkDomain(account, t); err != nil {
			return err
		}
	}
	if err := l.token.read(service); err != nil {
		return err
	}
	if mode == PACRequire {
		return l.token.err
	}
	return nil
}

// read sets the account and the SIDs of t from its PAC, or the reason why no account counts.
// domain is the SID of the service's domain, or zero. The error refuses the client.
func (t *AccessToken) read(domain pac.SID) error {
	t.domain = domain
	account, err := t.pac.Account()
	switch {
	case err != nil:
		t.err = err
		return nil
	case account == nil:
		t.err = &status.Error{Reason: status.ReasonPACRequired, Detail: "the PAC has no account (LOGON_INFO)"}
		return nil
	}
	if t.access, err = t.pac.Access(t.origin, domain); err != nil {
		return err
	}
	if t.access.User().IsZero() {
		t.err = &status.Error{Reason: status.ReasonPACRequired, Detail: "the account " + quote.Text(account.Domain+`\`+account.Name) + " is of another domain, and the SID of the service's domain is unknown until a client of the service's own realm has logged in; set Config.PAC.DomainSIDs"}
		return nil
	}
	if t.access.Grants(account.PrimaryGroup) {
		t.primary = account.PrimaryGroup
	}
	t.account = Account{SID: account.SID, Name: account.Name, Domain: account.Domain, DisplayName: account.FullName}
	if upn, err := t.pac.UPNDNSInfo(); err == nil && upn != nil {
		t.account.UPN, t.account.UPNConstructed, t.account.DNSDomain = upn.UPN, upn.Constructed, upn.DNSDomain
	}
	return nil
}
