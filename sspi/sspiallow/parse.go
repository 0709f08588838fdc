package sspiallow

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket/pac"
)

// Limits of the text of a rule.
const (
	maxText  = 64 << 10 // bytes
	maxDepth = 32       // of nested rules
)

// special are the characters that end a word without quotes.
const special = `(),"`

// Parse returns the rule of a text, such as CORP\staff or all(CORP\staff, not(CORP\interns)). The
// documentation of the package has the syntax. names has the SIDs of names; if it is nil, the
// text may contain SIDs and the names of well-known SIDs only. The rule has the SIDs that names
// has now.
//
// Parse returns an error for a name without a SID, for the name of a domain, and for a SID that
// no ticket grants, such as S-1-5-32-544 (BUILTIN\Administrators), whose members only the machine
// of the service knows.
func Parse(text string, names *Names) (Rule, error) {
	switch {
	case len(text) > maxText:
		return Rule{}, argument(fmt.Sprintf("a rule has at most %d bytes", maxText))
	case !utf8.ValidString(text):
		return Rule{}, argument("the rule " + quote.Text(text) + " is not UTF-8")
	}
	p := parser{text: text, names: names}
	n, err := p.rule(0)
	if err == nil {
		if p.skip(); p.at < len(text) {
			err = p.bad("expected the end of the rule; several rules need any(...) or all(...)")
		}
	}
	if err != nil {
		return Rule{}, err
	}
	return newRule(n), nil
}

// parser reads the text of a rule.
type parser struct {
	text  string
	at    int
	names *Names
}

func (p *parser) bad(why string) error {
	return argument(fmt.Sprintf("the rule %s, at byte %d: %s", quote.Text(p.text), p.at+1, why))
}

func (p *parser) skip() {
	for p.at < len(p.text) && (p.text[p.at] == ' ' || p.text[p.at] == '\t') {
		p.at++
	}
}

// accept skips c if it is next.
func (p *parser) accept(c byte) bool {
	p.skip()
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

// word reads a word, in quotes or not.
func (p *parser) word() (word string, inQuotes bool, err error) {
	if p.accept('"') {
		var b strings.Builder
		for {
			part, _, closed := strings.Cut(p.text[p.at:], `"`)
			if !closed {
				return "", true, p.bad("a double quote is not closed")
			}
			b.WriteString(part)
			p.at += len(part) + 1
			if p.at == len(p.text) || p.text[p.at] != '"' {
				break
			}
			b.WriteByte('"')
			p.at++
		}
		if b.Len() == 0 {
			return "", true, p.bad("a name is empty")
		}
		return b.String(), true, nil
	}
	n := strings.IndexAny(p.text[p.at:], special)
	if n < 0 {
		n = len(p.text) - p.at
	}
	word = strings.TrimRight(p.text[p.at:p.at+n], " \t")
	if word == "" {
		return "", false, p.bad("expected a rule")
	}
	p.at += n
	return word, false, nil
}

// rule reads a rule.
func (p *parser) rule(depth int) (*node, error) {
	if depth > maxDepth {
		return nil, p.bad(fmt.Sprintf("rules are nested more than %d deep", maxDepth))
	}
	start := p.at
	word, inQuotes, err := p.word()
	if err != nil {
		return nil, err
	}
	if inQuotes || !p.accept('(') {
		return p.subject(start, word, inQuotes)
	}
	switch word {
	case "any", "all", "not":
		return p.combination(word, depth)
	case "realm":
		return p.realm()
	case "claim":
		return p.claim(opClaim, "claim(REALM, CLAIM, VALUE)")
	case "deviceclaim":
		return p.claim(opDeviceClaim, "deviceclaim(REALM, CLAIM, VALUE)")
	case "indicator":
		return p.indicator()
	case "device":
		return p.device()
	}
	p.at = start
	return nil, p.bad(quote.Text(word) + " is not any, all, not, realm, claim, indicator, device or deviceclaim; put a name that has parentheses in double quotes")
}

// combination reads the rules of any, all or not.
func (p *parser) combination(word string, depth int) (*node, error) {
	n := &node{op: opAny}
	for {
		kid, err := p.rule(depth + 1)
		if err != nil {
			return nil, err
		}
		n.kids = append(n.kids, kid)
		if p.accept(')') {
			break
		}
		if !p.accept(',') {
			return nil, p.bad("expected a comma or a closing parenthesis")
		}
	}
	switch word {
	case "all":
		n.op = opAll
	case "not":
		n.op = opNot
		if len(n.kids) > 1 {
			return nil, p.bad("not has one rule; write not(any(...)) or not(all(...))")
		}
	}
	return n, nil
}

// arguments reads n words and the closing parenthesis.
func (p *parser) arguments(n int, usage string) ([]string, error) {
	var words []string
	for i := range n {
		if i > 0 && !p.accept(',') {
			return nil, p.bad("expected " + usage)
		}
		word, _, err := p.word()
		if err != nil {
			return nil, err
		}
		words = append(words, word)
	}
	if !p.accept(')') {
		return nil, p.bad("expected " + usage)
	}
	return words, nil
}

func (p *parser) realm() (*node, error) {
	words, err := p.arguments(1, "realm(REALM)")
	if err != nil {
		return nil, err
	}
	return &node{op: opRealm, realm: words[0]}, nil
}

func (p *parser) claim(o op, usage string) (*node, error) {
	words, err := p.arguments(3, usage)
	if err != nil {
		return nil, err
	}
	return &node{op: o, realm: words[0], id: words[1], value: newClaimValue(words[2])}, nil
}

func (p *parser) indicator() (*node, error) {
	words, err := p.arguments(1, "indicator(INDICATOR)")
	if err != nil {
		return nil, err
	}
	return &node{op: opIndicator, text: words[0]}, nil
}

// device reads the account or the group of device.
func (p *parser) device() (*node, error) {
	p.skip()
	start := p.at
	word, inQuotes, err := p.word()
	if err != nil {
		return nil, err
	}
	const usage = "expected device(GROUP); several groups need any(device(...), device(...))"
	if !inQuotes && p.accept('(') {
		return nil, p.bad(usage)
	}
	n, err := p.subject(start, word, inQuotes)
	if err != nil {
		return nil, err
	}
	if !p.accept(')') {
		return nil, p.bad(usage)
	}
	n.op = opDevice
	return n, nil
}

// subject returns the rule of an account or a group, whose name begins at start.
func (p *parser) subject(start int, word string, inQuotes bool) (*node, error) {
	n, err := p.account(word, inQuotes)
	if err != nil {
		p.at = start
		return nil, &status.Error{Reason: status.ReasonArgument, Detail: detail(p.bad(detail(err))), Err: errors.Unwrap(err)}
	}
	return n, nil
}

func (p *parser) account(word string, inQuotes bool) (*node, error) {
	n := &node{op: opSID}
	var err error
	if !inQuotes && strings.HasPrefix(word, sidPrefix) {
		n.sid, err = pac.ParseSID(word)
	} else {
		n.name = word
		n.sid, err = p.names.Lookup(word)
	}
	switch {
	case err != nil:
		return nil, err
	case n.sid.IsDomain():
		return nil, argument(quote.Text(word) + " is a domain and neither an account nor a group; use realm(REALM)")
	case !grantable(n.sid):
		return nil, argument("no ticket grants " + n.describe() + ", which the machine of the service or nothing assigns: use a group of a domain")
	}
	return n, nil
}

// grantable reports whether a ticket can grant sid: whether the filter of package pac admits it
// for a client of the service's own realm.
func grantable(sid pac.SID) bool {
	l := pac.LogonInfo{
		UserSID: accountIn(anyDomain, firstRID), DomainSID: anyDomain, UserFlags: pac.LOGON_EXTRA_SIDS,
		ExtraSIDs: []pac.Group{{SID: sid, Attributes: pac.SE_GROUP_ENABLED}},
	}
	access, err := l.Filter(pac.OwnRealm, anyDomain)
	return err == nil && access.Grants(sid)
}
