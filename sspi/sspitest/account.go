package sspitest

import (
	"fmt"
	"strings"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/ticket/pac"
)

// Account is a user's account in Active Directory, or that of a computer. A domain controller
// puts it into the tickets of the user, whatever name the user typed at the login, which is the
// name that [Realm.User] has.
type Account struct {
	// SID is the SID of the account: that of its domain, and a number. It is required.
	SID pac.SID
	// Name is the name of the account, such as "alice", or "WS1$" for a computer. "" means
	// the name of the user.
	Name string
	// Domain is the NetBIOS name of the domain. "" means the first label of the name of the
	// user's realm, such as EXAMPLE.
	Domain string
	// UPN is the user principal name. "" means that the account has none.
	UPN string
	// DisplayName is the full name of the user.
	DisplayName string

	// Groups are the groups of the account, and other SIDs. Attributes of 0 mean that the
	// group is enabled, as an ordinary group is. A group with pac.SE_GROUP_RESOURCE is one of
	// the domain-local groups of the service's domain, which must have one domain. The ticket
	// also has the SIDs that domain controllers add: Domain Users or Domain Computers,
	// pac.AuthenticationAuthorityAsserted, and those that claims and devices need to count.
	Groups []pac.Group
	// Claims are the claims of the user.
	Claims []pac.Claim
	// Device is the computer from which the user logged in (compound identity). Its Domain,
	// UPN and DisplayName are not used.
	Device *Account
}

// Numbers of the groups of a domain in which all its users, and all its computers, are.
const (
	ridDomainUsers     = "-513"
	ridDomainComputers = "-515"
)

// ordinary are the attributes of an ordinary group.
const ordinary = pac.SE_GROUP_MANDATORY | pac.SE_GROUP_ENABLED_BY_DEFAULT | pac.SE_GROUP_ENABLED

// pac returns the PAC that the domain controller of the user's realm puts into tickets.
func (a *Account) pac(user keytab.Principal) (*krbtest.PAC, error) {
	name := a.name(user)
	sids, err := a.sids(name)
	if err != nil {
		return nil, err
	}
	p := &krbtest.PAC{
		Logon: &pac.LogonInfo{
			AccountName: name, FullName: a.DisplayName, LogonDomain: a.netBIOS(user.Realm()),
			UserSID: a.SID, DomainSID: a.SID.Domain(), PrimaryGroup: sids.primary,
			UserFlags: pac.LOGON_EXTRA_SIDS, AccountControl: sids.control,
			Groups: sids.domain, ExtraSIDs: sids.extra,
		},
		ClientClaims: a.Claims,
		UPN: &pac.UPNDNSInfo{
			UPN: a.UPN, DNSDomain: strings.ToUpper(user.Realm()), SAMName: name, SID: a.SID,
		},
	}
	if a.UPN == "" {
		p.UPN.UPN, p.UPN.Constructed = name+"@"+strings.ToLower(user.Realm()), true
	}
	valid := len(a.Claims) > 0
	if a.Device != nil {
		valid = valid || len(a.Device.Claims) > 0
		if err := a.Device.compound(p); err != nil {
			return nil, err
		}
	}
	if valid {
		p.Logon.ExtraSIDs = append(p.Logon.ExtraSIDs, pac.Group{SID: pac.ClaimsValid, Attributes: ordinary})
	}
	if len(sids.resource) > 0 {
		p.Logon.UserFlags |= pac.LOGON_RESOURCE_GROUPS
		p.Logon.ResourceGroups, p.Logon.ResourceDomainSID = sids.resource, sids.resource[0].SID.Domain()
	}
	return p, nil
}

// name returns the name of the account of user.
func (a *Account) name(user keytab.Principal) string {
	if a.Name != "" {
		return a.Name
	}
	name := ""
	for component := range user.Components() {
		name = component
	}
	return name
}

// netBIOS returns the NetBIOS name of the domain of a realm.
func (a *Account) netBIOS(realm string) string {
	if a.Domain != "" {
		return a.Domain
	}
	label, _, _ := strings.Cut(strings.ToUpper(realm), ".")
	return label
}

// compound adds the computer a to p.
func (a *Account) compound(p *krbtest.PAC) error {
	if a.Device != nil {
		return badAccount(a.Name, "it is a Device, and has a Device")
	}
	sids, err := a.sids("$")
	if err != nil {
		return err
	}
	p.Device = &pac.DeviceInfo{
		SID: a.SID, PrimaryGroup: sids.primary,
		Groups: sids.domain, ExtraSIDs: sids.extra, DomainGroups: sids.resource,
	}
	if len(a.Claims) > 0 { // as a SID of a domain (MS-PAC, Section 2.12)
		p.Device.DomainGroups = append(p.Device.DomainGroups, pac.Group{SID: pac.ClaimsValid, Attributes: ordinary})
	}
	p.DeviceClaims = a.Claims
	p.Logon.ExtraSIDs = append(p.Logon.ExtraSIDs, pac.Group{SID: pac.CompoundedAuthentication, Attributes: ordinary})
	return nil
}

// accountSIDs has the SIDs of an account by their place in the PAC.
type accountSIDs struct {
	primary                 pac.SID
	control                 uint32
	domain, extra, resource []pac.Group
}

// sids returns the SIDs of an account, or an error if a domain controller could not issue them.
func (a *Account) sids(name string) (*accountSIDs, error) {
	const normalAccount, workstationAccount = 0x10, 0x80 // [MS-SAMR], Section 2.2.1.12
	domain := a.SID.Domain()
	if !domain.IsDomain() {
		return nil, badAccount(name, "its SID is not that of an account, S-1-5-21-X-Y-Z-RID")
	}
	for _, c := range a.Claims {
		switch c.Type {
		case pac.CLAIM_TYPE_INT64, pac.CLAIM_TYPE_UINT64, pac.CLAIM_TYPE_STRING, pac.CLAIM_TYPE_BOOLEAN:
		default:
			return nil, badAccount(name, fmt.Sprintf("its claim %.100q has the unknown type %d", c.ID, c.Type))
		}
	}
	s := &accountSIDs{control: normalAccount}
	all := ridDomainUsers
	if strings.HasSuffix(name, "$") {
		s.control, all = workstationAccount, ridDomainComputers
	}
	s.primary = pac.MustParseSID(domain.String() + all)
	s.domain = []pac.Group{{SID: s.primary, Attributes: ordinary}}
	s.extra = []pac.Group{{SID: pac.AuthenticationAuthorityAsserted, Attributes: ordinary}}
	for _, g := range a.Groups {
		if g.Attributes&^pac.SE_GROUP_RESOURCE == 0 {
			g.Attributes |= ordinary
		}
		switch {
		case g.SID.IsZero():
			return nil, badAccount(name, "it has a group without a SID")
		case g.Attributes&pac.SE_GROUP_RESOURCE != 0:
			if len(s.resource) > 0 && s.resource[0].SID.Domain() != g.SID.Domain() {
				return nil, badAccount(name, "it has domain-local groups of two domains")
			}
			s.resource = append(s.resource, g)
		case g.SID == s.primary:
			s.domain[0] = g
		case g.SID.Domain() == domain:
			s.domain = append(s.domain, g)
		default:
			s.extra = append(s.extra, g)
		}
	}
	return s, nil
}

func badAccount(name, why string) error {
	return argument(fmt.Sprintf("the Account %.100q: %s", name, why))
}
