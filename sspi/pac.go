package sspi

import (
	"slices"

	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket/pac"
)

// PACMode decides what an acceptor does with the PAC of a client's ticket.
type PACMode uint8

// Modes. What each does with each kind of PAC is a table in the documentation of [PACPolicy].
const (
	PACUse     PACMode = iota // use the PAC if the ticket has one
	PACIgnore                 // do not look at the PAC
	PACRequire                // refuse clients without an account in a PAC
)

// PACPolicy decides about the privilege attribute certificate (PAC, [MS-PAC]) of a client's
// ticket. The zero PACPolicy suits most services.
//
//	the ticket's PAC                      PACUse              PACRequire          PACIgnore
//	absent                                no account          refused             no account
//	signature, container or CLIENT_INFO   refused             refused             no account
//	  is wrong
//	two PACs                              refused             refused             refused
//	buffers disagree about the account    refused, unless Lax refused, unless Lax no account
//	an account of no domain, or of        refused             refused             no account
//	  another realm's domain
//	LOGON_INFO absent                     principal's name    refused             no account
//	LOGON_INFO does not decode            no user name        refused             no account
//	another buffer does not decode        an error in place   an error in place   no account
//	                                      of its facts        of its facts
//	complete                              account             account             no account
//
// "No account" leaves the client's principal; [Peer.User] then returns no name unless
// RealmsWithoutPAC contains the realm. A policy for one realm is in Realms. While the acceptor
// does not know the service's domain (DomainSIDs), a complete PAC of a client of another realm
// counts as one whose LOGON_INFO does not decode.
type PACPolicy struct {
	// Mode applies to clients of the realms that Realms does not name.
	Mode PACMode
	// Realms has modes for clients of single realms.
	Realms map[string]PACMode

	// RealmsWithoutPAC are realms whose KDC issues tickets without PAC, such as Heimdal's,
	// or MIT's before version 1.20. Only there the principal of a ticket without PAC maps to
	// a user name. Never name a realm of Active Directory here: its users would choose their
	// names. A PAC of such a realm is used all the same.
	RealmsWithoutPAC []string

	// ForestRealms are the realms of the other domains of the service's own forest of Active
	// Directory. All realms that are neither named here nor the service's own count as
	// realms of other forests, of whose clients fewer SIDs grant. Never name a realm of
	// another forest here: its domain controllers could then grant their clients every SID
	// of every domain, also the service's Domain Admins.
	ForestRealms []string

	// DomainSIDs has the SIDs of domains by their realms. Without the SID of the service's
	// own domain, the acceptor learns it from the first client of the service's realm; until
	// then a client of another realm has no account and no groups. A client whose account is
	// not of the domain that is named here for its realm, or is of the domain that is named
	// for another realm, is refused. The acceptor cannot know other domains: name all domains
	// whose SIDs or accounts the program grants access to, because the domain controllers of
	// a trusted realm that is not named here can claim them.
	DomainSIDs map[string]pac.SID

	// Lax accepts PACs whose buffers disagree about the account, and believes LOGON_INFO as
	// Windows does. PAC.Conflict then tells the difference.
	Lax bool
}

// check returns an error for a policy that cannot be meant.
func (p *PACPolicy) check() error {
	bad := func(detail string) error { return &status.Error{Reason: status.ReasonArgument, Detail: detail} }
	if p.Mode > PACRequire {
		return bad("Config.PAC.Mode is unknown")
	}
	for realm, mode := range p.Realms {
		if mode > PACRequire {
			return bad("Config.PAC.Realms has an unknown mode for " + quote.Text(realm))
		}
	}
	for _, realm := range p.RealmsWithoutPAC {
		if p.mode(realm) == PACRequire {
			return bad("Config.PAC requires a PAC of the realm " + quote.Text(realm) + ", which RealmsWithoutPAC says has none")
		}
	}
	realms := make(map[pac.SID]string)
	for realm, sid := range p.DomainSIDs {
		if !sid.IsDomain() {
			return bad("Config.PAC.DomainSIDs has no SID of a domain (S-1-5-21-X-Y-Z) for " + quote.Text(realm))
		}
		if other, ok := realms[sid]; ok {
			return bad("Config.PAC.DomainSIDs has the same SID for " + quote.Text(min(realm, other)) + " and " + quote.Text(max(realm, other)))
		}
		realms[sid] = realm
	}
	return nil
}

// mode returns the mode for clients of realm.
func (p *PACPolicy) mode(realm string) PACMode {
	if mode, ok := p.Realms[realm]; ok {
		return mode
	}
	return p.Mode
}

// origin returns the place of a client's realm, as a service of the realm of service sees it.
func (p *PACPolicy) origin(client, service string) pac.Origin {
	switch {
	case client == service:
		return pac.OwnRealm
	case slices.Contains(p.ForestRealms, client):
		return pac.OwnForest
	}
	return pac.OtherForest
}
