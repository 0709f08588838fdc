package keytab

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/status"
)

// pattern is an acceptor's name: which principals of a keytab may accept. Its
// meaning is that of MIT's krb5_sname_match.
type pattern struct {
	components []string
	realm      string
	anyRealm   bool
	anyHost    bool // the second of two components may be anything
	fold       bool // ASCII case is ignored
}

// newPattern makes the pattern of a name. As a host's service (name-type
// NT-SRV-HST), two components leave open what they leave empty.
func newPattern(components []string, realm string, service bool) pattern {
	service = service && len(components) == 2
	return pattern{
		components: components, realm: realm,
		anyRealm: service && realm == "",
		anyHost:  service && components[1] == "",
	}
}

// admits reports whether the principal of these parts may accept.
func (p *pattern) admits(components []string, realm string) bool {
	if len(components) != len(p.components) || !p.anyRealm && !p.same(p.realm, realm) {
		return false
	}
	for i, c := range components {
		if !p.same(p.components[i], c) && !(p.anyHost && i == 1) {
			return false
		}
	}
	return true
}

func (p *pattern) same(a, b string) bool { return a == b || p.fold && foldASCII(a) == foldASCII(b) }

func foldASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s)
}

// CheckPatterns returns an error, with ReasonArgument, if one of patterns is not
// of a form that [Table.Match] knows. What a keytab holds plays no part.
func CheckPatterns(patterns ...string) error {
	_, err := parsePatterns(patterns)
	return err
}

// Match returns the principals of the table that patterns admit, each once, in
// the order of the patterns and then of the table. A pattern is one of
//
//	HTTP/www.example.com         that service, in any realm
//	HTTP/www.example.com@REALM   exactly that principal
//	HTTP/                        that service on any host, in any realm; also HTTP/@REALM
//	HTTP@www.example.com         the same as HTTP/www.example.com, GSS-API's host-based form
//	name@REALM, a/b/c@REALM      exactly that principal
//
// escaped as for [ParsePrincipal], and compared byte for byte. Where a text can
// be read as both name@REALM and service@host, it admits either. krbtgt/* and
// kadmin/* are admitted like any other if they are named here.
//
// An error means that a pattern is malformed, as [CheckPatterns] finds it; that
// nothing matches is not an error. [Table.Admit] has the principals that may accept.
func (t *Table) Match(patterns ...string) ([]Principal, error) {
	groups, err := t.match(patterns, false)
	var found []Principal
	for _, g := range groups {
		found = append(found, t.groups[g].principal)
	}
	return found, err
}

// match returns the groups of the principals that patterns admit.
func (t *Table) match(patterns []string, fold bool) ([]int32, error) {
	list, err := parsePatterns(patterns)
	if err != nil || t == nil {
		return nil, err
	}
	var found []int32
	taken := make([]bool, len(t.groups))
	for i := range list {
		list[i].fold = fold
		for _, g := range t.possible(&list[i]) {
			p := t.groups[g].principal
			if !taken[g] && list[i].admits(slices.Collect(p.Components()), p.Realm()) {
				taken[g] = true
				found = append(found, g)
			}
		}
	}
	return found, nil
}

// possible returns the groups that p may admit: all of them only where p leaves the host
// or the case open.
func (t *Table) possible(p *pattern) []int32 {
	if p.fold || p.anyHost {
		return t.all()
	}
	var name []byte
	for i, c := range p.components {
		if i > 0 {
			name = append(name, '/')
		}
		name = appendEscaped(name, c)
	}
	return t.byShort[string(name)]
}

func parsePatterns(texts []string) ([]pattern, error) {
	var list []pattern
	for _, text := range texts {
		components, realm, hasRealm, why := split(text)
		if why == "" {
			why = checkPattern(components, realm, hasRealm)
		}
		if why != "" {
			return nil, &status.Error{Reason: status.ReasonArgument, Detail: "the service name " + quote.Text(text) + " cannot be used: " + why}
		}
		list = append(list, newPattern(components, realm, true))
		if len(components) == 1 {
			list = append(list, newPattern([]string{components[0], realm}, "", true))
		}
	}
	return list, nil
}

// checkPattern says what is wrong with a pattern, "" if nothing is.
func checkPattern(components []string, realm string, hasRealm bool) string {
	for i, c := range components {
		if c == "" && len(components) == 2 && i == 1 {
			continue // any host
		}
		if why := checkPart(c); why != "" {
			return "a component " + why
		}
	}
	switch {
	case len(components) > maxComponents:
		return whyCount
	case !hasRealm && len(components) != 2:
		return "only names of the form service/host go without a realm"
	case hasRealm:
		if why := checkPart(realm); why != "" {
			return "the realm " + why
		}
	}
	return ""
}

// split takes a name apart as ParsePrincipal does, but lets parts be empty and
// the realm be missing. why says why that is impossible, "" if it is not.
func split(s string) (components []string, realm string, hasRealm bool, why string) {
	switch backslashes := len(s) - len(strings.TrimRight(s, `\`)); {
	case backslashes%2 == 1:
		return nil, "", false, whyLone
	case !utf8.ValidString(s):
		return nil, "", false, whyUTF8
	}
	for {
		i := separator(s)
		components = append(components, unescaped(s[:i]))
		if i == len(s) {
			return components, "", false, ""
		}
		at := s[i] == '@'
		if s = s[i+1:]; at {
			break
		}
	}
	if separator(s) < len(s) {
		return nil, "", false, whyRealm
	}
	return components, unescaped(s), true, ""
}
