package keytab

import (
	"slices"
	"strings"
	"unicode"

	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/status"
)

// User returns the name of an ordinary user of one of realms: the one component of p.
// It is for programs that know users by a plain name, and it refuses every principal
// that such a name could be mistaken for: a principal of another realm or of several
// components, an empty list of realms, and a name that POSIX does not have for users.
// A POSIX name begins with a letter or '_'; letters, digits, '_', '.' and '-' follow;
// the letters are those of ASCII. So "1000", which a shell takes for a number,
// "-oProxyCommand=id", which a program takes for an option, "root ", "WS1$" and
// "jürgen" are refused. [Principal.UserNamed] admits other names.
//
// Nothing is stripped and no case is changed. The error has ReasonNotAuthorized and
// names the principal, quoted, and the reason: its realm and those given, or the
// character.
func (p Principal) User(realms ...string) (string, error) {
	return p.user(realms, checkPOSIXName)
}

// UserNamed is [Principal.User], except that admits decides about the name in place of
// POSIX's rule, for instance where users have names like "jürgen" or "1000". Whatever
// admits reports, UserNamed refuses principals of other realms and of several
// components, the names "." and "..", and names with '/', '@', '\\' or a character
// that is not printable. If admits is nil, UserNamed refuses every principal. UserNamed calls admits at most
// once, with the name that it would return.
func (p Principal) UserNamed(admits func(name string) bool, realms ...string) (string, error) {
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
func (p Principal) user(realms []string, check func(name string) string) (string, error) {
	if p.IsZero() {
		return "", notUser(p, "it is the zero Principal")
	}
	if realm := p.Realm(); !slices.Contains(realms, realm) {
		return "", notUser(p, "its realm is "+quote.Text(realm)+", and "+listRealms(realms))
	}
	if separator(p.Name()) < len(p.Name()) {
		return "", notUser(p, "its name has several components")
	}
	name := unescaped(p.Name())
	if name == "." || name == ".." {
		return "", notUser(p, "its name is "+quote.Text(name)+", which is a folder")
	}
	if i := strings.IndexFunc(name, neverInUser); i >= 0 {
		return "", notUser(p, "its name contains "+quote.Rune([]rune(name[i:])[0]))
	}
	if why := check(name); why != "" {
		return "", notUser(p, why)
	}
	return name, nil
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

func notUser(p Principal, why string) error {
	return &status.Error{
		Reason: status.ReasonNotAuthorized,
		Detail: "the principal " + quote.Text(p.s) + " is not a plain user: " + why,
	}
}
