package sspi

import (
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket/pac"
)

// Account is a client's account in Active Directory, by the word of the client's domain: the
// PAC of the ticket, whose signature was verified. It does not depend on the name that the
// client typed. SID identifies the account: names can be given to another account.
type Account struct {
	// SID is the security identifier of the account.
	SID pac.SID
	// Name is the name of the account (sAMAccountName), such as "alice", or "WS1$" for a
	// computer.
	Name string
	// Domain is the NetBIOS name of the account's domain, such as "CORP". The domain
	// controllers of a trusted realm choose it for their clients. They cannot choose the name
	// of the service's own domain after a client of the service's realm has logged in. A
	// program that decides by names uses [Peer.Principal], whose realm the service's KDC has
	// checked.
	Domain string
	// DNSDomain is the DNS name of the account's domain, in upper case as a rule. "" if the
	// PAC does not have it.
	DNSDomain string
	// UPN is the user principal name, such as "alice@corp.example". It is an alias for
	// display and no identity: administrators choose it freely. UPNConstructed reports that
	// the account has none, so that the domain controller made UPN of the account's name.
	UPN            string
	UPNConstructed bool
	// DisplayName is the full name of the user. "" if the account has none.
	DisplayName string
}

// String returns DOMAIN\name.
func (a *Account) String() string {
	if a == nil {
		return ""
	}
	return a.Domain + `\` + a.Name
}

// AccessToken contains the SIDs, the groups and the claims of a client, from the verified PAC
// of its ticket. It is immutable and safe for concurrent use.
//
// The PAC has the word of the client's domain controller, as the KDC of the service passed it
// on. Any other holder of the service's key can make a PAC too. SIDs over which the realm of the
// client has no authority are listed by Filtered and never grant ([MS-PAC], Section 4.1.2.2).
//
// The methods accept a nil AccessToken, which a client without a PAC has, and the zero
// AccessToken: they grant nothing, and deny everything.
type AccessToken struct {
	pac     *pac.PAC
	access  *pac.Access // nil if the PAC has no LOGON_INFO that decodes
	account Account
	primary pac.SID
	err     error // the reason why there is no account
	origin  pac.Origin
	domain  pac.SID // of the service
}

// known returns the account, or nil if no account counts.
func (t *AccessToken) known() *Account {
	if t == nil || t.err != nil {
		return nil
	}
	return &t.account
}

// errNoToken is the error of a nil or zero AccessToken.
func errNoToken() error {
	return &status.Error{Reason: status.ReasonPACRequired, Detail: "the client's ticket has no PAC, or Config.PAC ignores it"}
}

// Err returns the reason why the PAC has no account that counts, and nil if it has one: the
// PAC has no LOGON_INFO, as those of MIT's KDC, or LOGON_INFO does not decode, or the account
// is of another domain and the acceptor does not know its own domain yet.
func (t *AccessToken) Err() error {
	if t == nil || t.pac == nil {
		return errNoToken()
	}
	return t.err
}

// User returns the SID of the account, and the zero SID if Err is not nil.
func (t *AccessToken) User() pac.SID {
	if t.Err() != nil {
		return pac.SID{}
	}
	return t.access.User()
}

// PrimaryGroup returns the SID of the account's primary group, and the zero SID if Err is not
// nil or the group does not grant.
func (t *AccessToken) PrimaryGroup() pac.SID {
	if t == nil {
		return pac.SID{}
	}
	return t.primary
}

// Groups returns the groups that may grant access, with their SE_GROUP attributes: groups of
// the account's domain and of the service's, and well-known SIDs such as
// pac.AuthenticationAuthorityAsserted. The error is that of Err. Each call makes
// a new list.
func (t *AccessToken) Groups() ([]pac.Group, error) {
	if t.Err() != nil {
		return nil, t.Err()
	}
	return t.access.Groups(), nil
}

// DenyOnly returns the groups that never grant access because they are for deny-only or are
// not enabled, like Groups.
func (t *AccessToken) DenyOnly() ([]pac.Group, error) {
	if t.Err() != nil {
		return nil, t.Err()
	}
	return t.access.DenyOnly(), nil
}

// Filtered returns the SIDs of the PAC that never grant access because the realm of the client
// has no authority over them. They are for the operator. It returns them also if Err is not
// nil.
func (t *AccessToken) Filtered() []pac.Group {
	if t == nil {
		return nil
	}
	return t.access.Filtered()
}

// Grants reports whether a rule that grants access to sid applies to the client: sid is its
// account, or a group that Groups has and DenyOnly has not.
func (t *AccessToken) Grants(sid pac.SID) bool {
	return t.Err() == nil && t.access.Grants(sid)
}

// Denies reports whether a rule that denies access to sid applies to the client: sid is its
// account or one of its groups, DenyOnly and Filtered included. If Err is not nil, Denies is
// true for every sid, because the groups of the client are unknown.
func (t *AccessToken) Denies(sid pac.SID) bool {
	return t.Err() != nil || t.access.Denies(sid)
}

// Match returns the results of Grants and Denies for all SIDs of s, in one pass: bit i of grants
// and of denies is that of the SID i. Package sspiallow decides with it.
func (t *AccessToken) Match(s *pac.SIDSet) (grants, denies uint64) {
	if t.Err() != nil {
		return (*pac.Access)(nil).Match(s)
	}
	return t.access.Match(s)
}

// Device returns the SIDs of the client's computer (compound identity), which are filtered as
// those of the client are. The PAC does not name the realm of the computer: one of another
// domain than the client's counts as one of another forest, and is an error for a client of
// another forest, which has no authority over it. Device returns nil without an error if the PAC
// has none. Each call decodes it anew.
func (t *AccessToken) Device() (*pac.Access, error) {
	if t.Err() != nil {
		return nil, t.Err()
	}
	info, err := t.pac.DeviceInfo()
	if err != nil || info == nil || !t.access.Grants(pac.CompoundedAuthentication) {
		return nil, err
	}
	if t.origin == pac.OtherForest && info.SID.Domain() != t.access.User().Domain() {
		return nil, badPart("DEVICE_INFO has the computer " + info.SID.String() + " of another domain than that of its client, who is of another forest")
	}
	return info.Filter(t.deviceOrigin(info), t.domain)
}

// deviceOrigin returns the place of the computer's realm.
func (t *AccessToken) deviceOrigin(info *pac.DeviceInfo) pac.Origin {
	if info.SID.Domain() != t.access.User().Domain() {
		return pac.OtherForest
	}
	return t.origin
}

// UserClaims returns the claims of the user. It returns none without an error if the PAC has
// no claims, or lacks pac.ClaimsValid, without which claims do not count. It returns an error for
// a client of another forest, whatever claims the PAC has: that forest chose them, and a member
// cannot know whether its own domain controller has transformed them ([MS-KILE], Section
// 3.3.5.6.4.6). Each call decodes the claims anew.
func (t *AccessToken) UserClaims() ([]pac.Claim, error) {
	if t.Err() != nil || !t.access.Grants(pac.ClaimsValid) {
		return nil, t.Err()
	}
	claims, err := t.pac.ClientClaims()
	if err == nil && t.origin == pac.OtherForest {
		return nil, badPart("the claims of a client of another forest do not count: that forest chose them")
	}
	return claims, err
}

// DeviceClaims returns the claims of the client's computer, like UserClaims. It returns none
// without pac.CompoundedAuthentication. It returns an error for a computer of another forest, or
// of another domain than the client's, and for claims without a computer.
func (t *AccessToken) DeviceClaims() ([]pac.Claim, error) {
	if t.Err() != nil || !t.access.Grants(pac.ClaimsValid) || !t.access.Grants(pac.CompoundedAuthentication) {
		return nil, t.Err()
	}
	info, err := t.pac.DeviceInfo()
	if err != nil {
		return nil, err
	}
	claims, err := t.pac.DeviceClaims()
	if err == nil && (info == nil && len(claims) > 0 || info != nil && t.deviceOrigin(info) == pac.OtherForest) {
		return nil, badPart("the claims of a computer that the PAC does not name, of another forest, or of another domain than the client's, do not count: that domain chose them")
	}
	return claims, err
}

func badPart(detail string) error {
	return &status.Error{Reason: status.ReasonPACBad, Detail: detail}
}

// PAC returns all facts of the verified PAC, such as the times of the logon, the user flags
// and the path of a delegation. Its lists of SIDs are not filtered: do not grant access by
// them.
func (t *AccessToken) PAC() *pac.PAC {
	if t == nil {
		return nil
	}
	return t.pac
}
