package sspi

import (
	"slices"
	"strings"
	"unicode"

	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// naming says which name User returns for a client.
type naming uint8

// The zero naming maps nothing, so that a Peer that no exchange made has no user name unless
// it has an Account.
const (
	namesNothing   naming = iota // the ticket has no PAC, and its realm is not declared to have none
	namesPrincipal               // the realm has no accounts: the principal is the identity
	namesAccount                 // the PAC has LOGON_INFO: its account is the identity, or nothing is
)

// Principal returns the principal that identifies the client. It is the one rule by which
// this library maps clients to names:
//
//   - If the client has an Account, Principal returns the name of the account in the client's
//     realm, whatever name the client typed. In Active Directory clients may type other names
//     than that of their account, so that Client proves no name.
//   - If the verified PAC has no account, as in realms of MIT's KDC and of FreeIPA, Principal
//     returns Client.
//   - If the ticket has no PAC that the acceptor uses, Principal returns Client if
//     PACPolicy.RealmsWithoutPAC contains the client's realm, and an error otherwise: a client
//     of Active Directory can request tickets without PAC.
//
// Anonymous clients, and accounts that do not count (AccessToken.Err), have no such principal.
// The error has ReasonNotAuthorized and names the client, quoted, and the reason.
func (p *Peer) Principal() (keytab.Principal, error) {
	switch {
	case p == nil || p.Client.IsZero():
		return keytab.Principal{}, noName("the zero Peer", "it has no principal")
	case p.Anonymous:
		return keytab.Principal{}, noName(p.subject(), "it is anonymous")
	case p.Account != nil:
		account, err := keytab.NewPrincipal(p.Client.Realm(), p.Account.Name)
		if err != nil {
			return keytab.Principal{}, noName(p.subject(), "the name of its account is no principal: "+err.Error())
		}
		return account, nil
	case p.naming == namesAccount:
		why := "its PAC has no account that counts"
		if err := p.AccessToken.Err(); err != nil { // nil if the caller removed Account
			why += ": " + err.Error()
		}
		return keytab.Principal{}, noName(p.subject(), why)
	case p.naming == namesNothing:
		return keytab.Principal{}, noName(p.subject(), "its ticket has no PAC that this acceptor uses, and in Active Directory a principal alone proves no name; if the realm "+quote.Text(p.Client.Realm())+" issues no PACs, add it to Config.PAC.RealmsWithoutPAC")
	}
	return p.Client, nil
}

// User returns the bare name of an ordinary user of one of realms, for programs that know
// users by a plain name: the name of [Peer.Principal] without its realm. It refuses every
// client that such a name could be mistaken for: a client without such a principal, a client
// of another realm, a principal of several components, an empty list of realms, the account of
// a computer, and a name that POSIX does not have for users. A POSIX name begins with a letter
// or '_'; letters, digits, '_', '.' and '-' follow; the letters are those of ASCII. So "1000",
// which a shell takes for a number, "-oProxyCommand=id", which a program takes for an option,
// "root ", "WS1$" and "jürgen" are refused. [Peer.UserNamed] admits other names.
//
// Nothing is stripped and no case is changed. The error has ReasonNotAuthorized and names
// the client, quoted, and the reason: its realm and those given, or the character.
func (p *Peer) User(realms ...string) (string, error) {
	return p.user(realms, checkPOSIXName)
}

// UserNamed is [Peer.User], except that admits decides about the name in place of POSIX's
// rule, for instance where users have names like "jürgen" or "1000". Whatever admits
// reports, UserNamed refuses clients of other realms, principals of several components, the
// account of a computer whose name does not end in '$', the names "." and "..", and names with
// '/', '@', '\\' or a character that is not printable. If admits is nil, UserNamed refuses every
// client. UserNamed calls admits at most once, with the name that it would return.
func (p *Peer) UserNamed(admits func(name string) bool, realms ...string) (string, error) {
	return p.user(realms, func(name string) string {
		switch {
		case admits == nil:
			return "UserNamed was given no function that admits names"
		case !admits(name):
			return "the program does not admit its name"
		}
		return ""
	})
}

// user returns the name of p if p is a user of one of realms and check returns "".
// check returns why a name is refused.
func (p *Peer) user(realms []string, check func(name string) string) (string, error) {
	principal, err := p.Principal()
	if err != nil {
		return "", err
	}
	if realm := principal.Realm(); !slices.Contains(realms, realm) {
		return "", notUser(p.subject(), "its realm is "+quote.Text(realm)+", and "+listRealms(realms))
	}
	name, n := "", 0
	for component := range principal.Components() {
		name = component
		n++
	}
	why := "its name has several components"
	switch {
	case n != 1:
	case p.AccessToken.ofMachine() && !strings.HasSuffix(name, "$"):
		why = "its account is that of a computer, and has a name without '$'"
	default:
		why = neverUser(name)
	}
	if why == "" {
		why = check(name)
	}
	if why != "" {
		return "", notUser(p.subject(), why)
	}
	return name, nil
}

// ofMachine reports whether the account is that of a computer or of a trust, which ordinary
// users may make. Domain controllers without the correction of CVE-2021-42278 let them choose
// names without "$", such as "root".
func (t *AccessToken) ofMachine() bool {
	const interdomain, workstation, server = 0x40, 0x80, 0x100 // [MS-SAMR], Section 2.2.1.12
	account, err := t.PAC().Account()
	return err == nil && account != nil && account.Control&(interdomain|workstation|server) != 0
}

// subject names p for an error.
func (p *Peer) subject() string {
	s := "the principal " + quote.Text(p.Client.String())
	if p.Account != nil {
		s += " with the account " + quote.Text(p.Account.String())
	}
	return s
}

// neverUser returns why name can be mistaken for something else than a user's name.
func neverUser(name string) string {
	if name == "." || name == ".." {
		return "its name is " + quote.Text(name) + ", which is a folder"
	}
	if i := strings.IndexFunc(name, neverInUser); i >= 0 {
		return "its name contains " + quote.Rune([]rune(name[i:])[0])
	}
	return ""
}

// neverInUser reports whether r separates parts of a name or is not printable.
func neverInUser(r rune) bool {
	return r == '/' || r == '@' || r == '\\' || !unicode.IsPrint(r)
}

// checkPOSIXName returns why name is not a name of a POSIX user (IEEE Std 1003.1,
// "User Name" and "Portable Filename Character Set"), "" if it is. It also refuses a
// name that begins with '.' or a digit.
func checkPOSIXName(name string) string {
	for i, r := range name {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r == '_':
		case r >= '0' && r <= '9' || r == '.' || r == '-':
			if i == 0 {
				return "its name begins with " + quote.Rune(r) + ", and a POSIX user name with a letter or '_'; see UserNamed"
			}
		default:
			return "its name contains " + quote.Rune(r) + ", which is not in a POSIX user name; see UserNamed"
		}
	}
	return ""
}

// listRealms lists the realms that the program gave.
func listRealms(realms []string) string {
	const few = 4
	if len(realms) == 0 {
		return "no realm was given"
	}
	var quoted []string
	for i, r := range realms {
		if i == few {
			quoted = append(quoted, "...")
			break
		}
		quoted = append(quoted, quote.Text(r))
	}
	return "the realms given are " + strings.Join(quoted, ", ")
}

func noName(subject, why string) error {
	return &status.Error{Reason: status.ReasonNotAuthorized, Detail: subject + " proves no name: " + why}
}

func notUser(subject, why string) error {
	return &status.Error{Reason: status.ReasonNotAuthorized, Detail: subject + " is not a plain user: " + why}
}
