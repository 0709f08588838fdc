package keytab

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/status"
)

// pattern is an acceptor name: it selects the principals of a keytab that may accept. Its
// semantics are those of MIT's krb5_sname_match.
type pattern struct {
	components []string
	realm      string
	anyRealm   bool
	anyHost    bool // the second of two components may be anything
	fold       bool // ASCII case is ignored
}

// newPattern returns the pattern of a name. In a host-based service name (name-type
// NT-SRV-HST), which has two components, an empty host or realm matches any.
func newPattern(components []string, realm string, service bool) pattern {
	service = service && len(components) == 2
	return pattern{
		components: components, realm: realm,
		anyRealm: service && realm == "",
		anyHost:  service && components[1] == "",
	}
}

// admits reports whether the principal with these parts may accept.
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

// Match returns the principals of the table that match patterns, each once, in the order
// of the patterns and then of the table. The forms of a pattern are
//
//	HTTP/www.example.com         that service, in any realm
//	HTTP/www.example.com@REALM   exactly that principal
//	HTTP/                        that service on any host, in any realm; also HTTP/@REALM
//	HTTP@www.example.com         the same as HTTP/www.example.com, GSS-API's host-based form
//	name@REALM, a/b/c@REALM      exactly that principal
//
// escaped as for [ParsePrincipal]. Match compares names byte for byte. A text that can be
// read both as name@REALM and as service@host matches either. Match also returns krbtgt/*
// and kadmin/* if a pattern names them.
//
// Match returns an error with ReasonArgument if a pattern is malformed, even for a nil
// Table, and no error if no principal matches. [Table.Admit] returns the principals that may
// accept.
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

// possible returns the groups that p may admit. These are all groups only if p matches
// any host or ignores case.
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

// checkPattern returns the reason why a pattern is not valid, or "" if it is valid.
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
		return "only names of the form service/host may omit the realm"
	case hasRealm:
		if why := checkPart(realm); why != "" {
			return "the realm " + why
		}
	}
	return ""
}

// split splits a name as ParsePrincipal does, but accepts empty parts and a missing
// realm. It returns the reason in why if it cannot split the name.
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
