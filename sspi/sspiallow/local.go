package sspiallow

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// maxLocal is the limit of the length of a local name, and of the texts on the way to it.
const maxLocal = 4096

// LocalNames maps clients to names of local users by the rules auth_to_local of MIT's krb5.conf,
// for programs whose operators already have such rules. Other programs use [sspi.Peer.User]. It
// is immutable and safe for concurrent use.
type LocalNames struct {
	realm string
	rules []localRule
}

// localRule is one value of auth_to_local.
type localRule struct {
	text       string
	byDefault  bool
	components int      // of the principal; -1: any
	format     []string // literals, and "$0" to "$32"
	match      *regexp.Regexp
	edits      []localEdit
}

// localEdit is s/pattern/replacement/ or s/pattern/replacement/g.
type localEdit struct {
	pattern     *regexp.Regexp
	replacement string
	global      bool
}

// ParseLocalNames returns the mapping of values of auth_to_local, in their order: DEFAULT, or
// RULE:[n:string](regexp)s/pattern/replacement/g, whose parts may be absent as in MIT's
// documentation. realm is the default realm, which DEFAULT needs.
//
// The regular expressions are those of POSIX (extended), without back references. Values that
// MIT's library finds malformed when it applies them are errors here, as are other types of
// values (DB, modules) and a global pattern that matches the empty string. A rule without
// [n:string] matches clients of every realm by their bare names: write [1:$1@$0] and name the
// realm in the regular expression.
func ParseLocalNames(realm string, values ...string) (*LocalNames, error) {
	switch {
	case realm == "":
		return nil, argument("auth_to_local needs a default realm")
	case len(values) == 0:
		return nil, argument("auth_to_local has no value; the value that MIT's library uses then is DEFAULT")
	}
	l := &LocalNames{realm: realm}
	for i, text := range values {
		r, err := parseLocalRule(strings.TrimSpace(text))
		if err != nil {
			return nil, argument(fmt.Sprintf("value %d of auth_to_local, %s: %v", i+1, quote.Text(text), err))
		}
		l.rules = append(l.rules, *r)
	}
	return l, nil
}

// User returns the name of the local user for the client. The rules apply to the principal that
// identifies the client ([sspi.Peer.Principal]): in Active Directory that of its account,
// whatever name it typed. User refuses a client without such a principal, a client to which no
// rule applies, the account of a computer that is named like a user, a result that is not a
// POSIX user name, and the result root: a program that lets clients log in as root lists their
// principals itself. The error has ReasonNotAuthorized.
func (l *LocalNames) User(p *sspi.Peer) (string, error) {
	if l == nil {
		return "", refused("there are no rules")
	}
	principal, err := p.Principal()
	if err != nil {
		return "", err
	}
	client := "the principal " + quote.Text(principal.String())
	if p.Account != nil {
		// This refuses the account of a computer without '$' (CVE-2021-42278), and names that
		// look like principals.
		if _, err := p.UserNamed(func(string) bool { return true }, principal.Realm()); err != nil {
			return "", err
		}
	}
	user, rule := l.translate(principal)
	switch {
	case rule == "":
		return "", refused("no rule of auth_to_local applies to " + client)
	case !posixName.MatchString(user):
		return "", refused(rule + " maps " + client + " to " + quote.Text(user) + ", which is not a POSIX user name")
	case user == "root":
		return "", refused(rule + " maps " + client + " to root; a program that lets clients log in as root lists their principals")
	}
	return user, nil
}

var posixName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

func refused(detail string) error {
	return &status.Error{Reason: status.ReasonNotAuthorized, Detail: detail}
}

// translate returns the result of the first rule that applies, and the rule, "" if none does.
func (l *LocalNames) translate(p keytab.Principal) (user, rule string) {
	parts := append([]string{p.Realm()}, slices.Collect(p.Components())...)
	for _, part := range parts {
		// A line break in a name would satisfy ^ and $ of a rule.
		if strings.ContainsFunc(part, unicode.IsControl) {
			return "", ""
		}
	}
	for i := range l.rules {
		r := &l.rules[i]
		if user, ok := r.apply(parts, p.Name(), l.realm); ok {
			return user, r.text
		}
	}
	return "", ""
}

// apply returns the result of the rule for a principal: its realm and its components. whole is
// its name without the realm.
func (r *localRule) apply(parts []string, whole, realm string) (string, bool) {
	n := len(parts) - 1
	if r.byDefault {
		return parts[1], parts[0] == realm && (n == 1 || n == 2 && parts[2] == realm)
	}
	text := whole
	if r.components >= 0 {
		if n != r.components {
			return "", false
		}
		var b strings.Builder
		for _, f := range r.format {
			if index, ok := strings.CutPrefix(f, "$"); ok {
				i, _ := strconv.Atoi(index) // parseFormat checked it
				f = parts[i]
			}
			b.WriteString(f)
		}
		text = b.String()
	}
	if r.match != nil {
		if at := r.match.FindStringIndex(text); at == nil || at[0] != 0 || at[1] != len(text) {
			return "", false
		}
	}
	for i := range r.edits {
		if text = r.edits[i].apply(text); len(text) > maxLocal {
			return "", false
		}
	}
	return text, len(text) <= maxLocal
}

// apply replaces the first match or all of them. Each search begins behind the match before, as
// at the begin of a text, which is the way of MIT's library. The result of a long replacement is
// cut behind maxLocal.
func (e *localEdit) apply(text string) string {
	var b strings.Builder
	for b.Len() <= maxLocal {
		at := e.pattern.FindStringIndex(text)
		if at == nil || e.global && at[1] == 0 {
			break
		}
		b.WriteString(text[:at[0]] + e.replacement)
		text = text[at[1]:]
		if !e.global {
			break
		}
	}
	return b.String() + text
}

// parseLocalRule parses one value.
func parseLocalRule(text string) (*localRule, error) {
	if text == "DEFAULT" {
		return &localRule{text: text, byDefault: true}, nil
	}
	rest, ok := strings.CutPrefix(text, "RULE:")
	if !ok {
		return nil, errors.New("it is neither DEFAULT nor a RULE: with its parts")
	}
	r := &localRule{text: text, components: -1}
	var err error
	if strings.HasPrefix(rest, "[") {
		if rest, err = r.parseFormat(rest[1:]); err != nil {
			return nil, err
		}
	}
	if strings.HasPrefix(rest, "(") {
		pattern, behind, closed := strings.Cut(rest[1:], ")")
		if !closed {
			return nil, errors.New("the regular expression has no closing parenthesis")
		}
		if r.match, err = regexp.CompilePOSIX(pattern); err != nil {
			return nil, fmt.Errorf("%w (it ends at the first closing parenthesis)", err)
		}
		rest = behind
	}
	for rest != "" {
		var e localEdit
		if rest, err = e.parse(strings.TrimLeft(rest, " \t")); err != nil {
			return nil, err
		}
		r.edits = append(r.edits, e)
	}
	return r, nil
}

// parseFormat parses n:string] and returns the text behind it.
func (r *localRule) parseFormat(text string) (rest string, err error) {
	const maxComponents = 32
	format, rest, closed := strings.Cut(text, "]")
	count, format, found := strings.Cut(format, ":")
	n, err := strconv.ParseUint(count, 10, 8)
	if !closed || !found || err != nil || n == 0 || n > maxComponents {
		return "", errors.New("it does not begin with [n:string], in which n is a number of components")
	}
	r.components = int(n)
	for {
		literal, behind, found := strings.Cut(format, "$")
		if literal != "" {
			r.format = append(r.format, literal)
		}
		if !found {
			return rest, nil
		}
		digits := len(behind) - len(strings.TrimLeft(behind, "0123456789"))
		i, err := strconv.ParseUint(behind[:digits], 10, 8)
		if err != nil || i > n {
			return "", fmt.Errorf("$ is not followed by a number from 0 to %d", n)
		}
		r.format = append(r.format, "$"+strconv.FormatUint(i, 10))
		format = behind[digits:]
	}
}

// parse parses s/pattern/replacement/g and returns the text behind it.
func (e *localEdit) parse(text string) (rest string, err error) {
	parts := strings.SplitN(text, "/", 4)
	if len(parts) < 4 || parts[0] != "s" {
		return "", fmt.Errorf("%s is not s/pattern/replacement/ or s/pattern/replacement/g", quote.Text(text))
	}
	if e.pattern, err = regexp.CompilePOSIX(parts[1]); err != nil {
		return "", err
	}
	e.replacement, rest = parts[2], parts[3]
	rest, e.global = strings.CutPrefix(rest, "g")
	if e.global && e.pattern.MatchString("") {
		return "", fmt.Errorf("the global pattern %s matches the empty string", quote.Text(parts[1]))
	}
	return rest, nil
}
