package sspiallow

import (
	"slices"
	"strconv"
	"strings"

	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket/pac"
)

// Rule decides which clients a program admits. It is immutable and safe for concurrent use. The
// zero Rule admits no client, and a Rule that contains it has an unknown part.
type Rule struct {
	root *node
	sids []pac.SID // of the nodes, each once
	sets []*pac.SIDSet
}

// node is a part of a rule. The nodes of different Rules are not shared.
type node struct {
	op    op
	kids  []*node // of any, all and not
	sid   pac.SID
	index int    // of sid in Rule.sids
	name  string // of the SID, as the rule was written; "" if it was written as a SID
	realm string // of realm and of the claims
	id    string // of the claim
	value claimValue
	text  string // of the indicator
}

type op uint8

const (
	opNothing op = iota // is always unknown
	opSID
	opRealm
	opClaim
	opIndicator
	opDevice
	opDeviceClaim
	opAny
	opAll
	opNot
)

// perSet is the number of SIDs in a pac.SIDSet.
const perSet = 64

// SID returns a rule that admits the account sid and the members of the group sid.
func SID(sid pac.SID) Rule { return named(sid, "") }

// named returns a rule about a SID that was written as a name. For the zero SID it returns the
// empty rule.
func named(sid pac.SID, name string) Rule {
	return newRule(&node{op: opSID, sid: sid, name: name})
}

// Realm returns a rule that admits the clients of a realm, which is compared byte for byte. The
// KDC of the service has checked the realm of each client.
func Realm(realm string) Rule {
	if realm == "" {
		return Rule{}
	}
	return newRule(&node{op: opRealm, realm: realm})
}

// Claim returns a rule that admits the clients of a realm that have a value of the claim id. The
// domain controllers of a realm choose the claims of its clients: therefore the rule names the
// realm. If the realm is of another forest, it is unknown whether its clients have a claim. Numbers are in
// decimal, the values of booleans are "true" and "false", and upper and lower case of texts are
// the same, as for Windows. A rule with an empty argument admits no client.
func Claim(realm, id, value string) Rule { return claim(opClaim, realm, id, value) }

// claim returns a rule about a claim of the client or of its computer.
func claim(o op, realm, id, value string) Rule {
	if realm == "" || id == "" || value == "" {
		return Rule{}
	}
	return newRule(&node{op: o, realm: realm, id: id, value: newClaimValue(value)})
}

// Indicator returns a rule that admits the clients whose ticket has an authentication indicator,
// such as "otp" (sspi.Peer.Indicators). Indicators are compared byte for byte. It is unknown
// whether the rule applies to a client whose ticket has no indicators, or none that count.
func Indicator(indicator string) Rule {
	if indicator == "" {
		return Rule{}
	}
	return newRule(&node{op: opIndicator, text: indicator})
}

// Device returns a rule that admits the clients whose computer is the account sid, or a member
// of the group sid (compound identity, sspi.AccessToken.Device). It is unknown whether the rule
// applies to a client whose ticket does not name its computer.
func Device(sid pac.SID) Rule {
	if sid.IsZero() {
		return Rule{}
	}
	return newRule(&node{op: opDevice, sid: sid})
}

// DeviceClaim returns a rule that admits the clients of a realm whose computer has a value of the
// claim id, as [Claim] does for the claims of the client. It is unknown whether the rule applies
// to a client whose ticket does not name its computer, or names a computer of another domain.
func DeviceClaim(realm, id, value string) Rule { return claim(opDeviceClaim, realm, id, value) }

// Any returns a rule that admits a client that one of rules admits.
func Any(rules ...Rule) Rule { return combined(opAny, rules) }

// All returns a rule that admits a client that all of rules admit.
func All(rules ...Rule) Rule { return combined(opAll, rules) }

// Not returns a rule that admits a client to which rule certainly does not apply: see the section
// on unknown facts in the documentation of the package.
func Not(rule Rule) Rule { return combined(opNot, []Rule{rule}) }

// combined returns a rule of others. Without rules it admits no client, as the zero Rule.
func combined(o op, rules []Rule) Rule {
	if len(rules) == 0 {
		return Rule{}
	}
	n := &node{op: o}
	for _, r := range rules {
		kid := r.root
		if kid == nil {
			kid = new(node)
		}
		n.kids = append(n.kids, kid)
	}
	return newRule(n)
}

// newRule returns a Rule of a copy of root.
func newRule(root *node) Rule {
	var r Rule
	known := make(map[pac.SID]int)
	r.root = r.adopt(root, known)
	for part := range slices.Chunk(r.sids, perSet) {
		set, err := pac.NewSIDSet(part...)
		if err != nil {
			return Rule{} // the zero SID: there are at most 64
		}
		r.sets = append(r.sets, set)
	}
	return r
}

// adopt copies n and collects its SIDs.
func (r *Rule) adopt(n *node, known map[pac.SID]int) *node {
	own := *n
	if n.op == opSID {
		i, ok := known[n.sid]
		if !ok {
			i = len(r.sids)
			known[n.sid] = i
			r.sids = append(r.sids, n.sid)
		}
		own.index = i
	}
	own.kids = make([]*node, 0, len(n.kids))
	for _, kid := range n.kids {
		own.kids = append(own.kids, r.adopt(kid, known))
	}
	return &own
}

// Check returns nil if the rule admits the client p. The error has ReasonNotAuthorized, and says
// in one line which client it is and why the rule does not admit it. Authorize of sspihttp and
// of sspisasl can return the error.
func (r Rule) Check(p *sspi.Peer) error {
	v, why := r.decide(p)
	if why == "" && r.root.eval(v) == yes {
		return nil
	}
	if why == "" {
		why = v.subject() + " is not admitted: " + r.root.reason(v)
	}
	return &status.Error{Reason: status.ReasonNotAuthorized, Detail: why}
}

// Explain reports whether the rule admits the client p, and says in one line why, for a log
// record. Names of the client are quoted in it.
func (r Rule) Explain(p *sspi.Peer) (admitted bool, why string) {
	v, why := r.decide(p)
	if why != "" {
		return false, why
	}
	if r.root.eval(v) == yes {
		return true, v.subject() + " is admitted: " + r.root.reason(v)
	}
	return false, v.subject() + " is not admitted: " + r.root.reason(v)
}

// decide returns the facts about p that the rule needs, or the reason why no rule admits p.
func (r Rule) decide(p *sspi.Peer) (*facts, string) {
	if r.root == nil {
		return nil, "the rule is empty and admits no client"
	}
	if p == nil {
		return nil, "there is no client"
	}
	// A client of Active Directory that proves no name may have left its account out.
	if _, err := p.Principal(); err != nil {
		if e, ok := err.(*status.Error); ok {
			return nil, e.Detail
		}
		return nil, err.Error()
	}
	v := &facts{peer: p}
	v.match(r.sets)
	return v, ""
}

// String returns the rule in the form that [Parse] reads, with the names as they were written.
func (r Rule) String() string {
	if r.root == nil {
		return ""
	}
	var b strings.Builder
	r.root.write(&b)
	return b.String()
}

var words = map[op]string{
	opRealm: "realm", opClaim: "claim", opIndicator: "indicator", opDevice: "device", opDeviceClaim: "deviceclaim",
	opAny: "any", opAll: "all", opNot: "not",
}

func (n *node) write(b *strings.Builder) {
	switch n.op {
	case opNothing:
		b.WriteString("any()")
		return
	case opSID:
		b.WriteString(n.written())
		return
	}
	b.WriteString(words[n.op] + "(")
	switch n.op {
	case opRealm:
		b.WriteString(quoted(n.realm))
	case opClaim, opDeviceClaim:
		b.WriteString(quoted(n.realm) + ", " + quoted(n.id) + ", " + quoted(n.value.text))
	case opIndicator:
		b.WriteString(quoted(n.text))
	case opDevice:
		b.WriteString(n.written())
	}
	for i, kid := range n.kids {
		if i > 0 {
			b.WriteString(", ")
		}
		kid.write(b)
	}
	b.WriteString(")")
}

// written returns the SID of a node as Parse reads it.
func (n *node) written() string {
	if n.name == "" {
		return n.sid.String()
	}
	return quoted(n.name)
}

// quoted returns s as Parse reads it: in double quotes if it has to be.
func quoted(s string) string {
	if s == "" || strings.ContainsAny(s, special) || strings.TrimSpace(s) != s || strings.HasPrefix(s, sidPrefix) {
		return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
	}
	return s
}

// claimValue is the value of a claim in a rule, as each type has it.
type claimValue struct {
	text     string
	signed   int64
	unsigned uint64
	isSigned, isUnsigned,
	isTrue, isFalse bool
}

func newClaimValue(text string) claimValue {
	v := claimValue{text: text, isTrue: text == "true", isFalse: text == "false"}
	var err error
	v.signed, err = strconv.ParseInt(text, 10, 64)
	v.isSigned = err == nil
	v.unsigned, err = strconv.ParseUint(text, 10, 64)
	v.isUnsigned = err == nil
	return v
}

// in reports whether c has the value.
func (v *claimValue) in(c *pac.Claim) bool {
	return v.isSigned && slices.Contains(c.Int64s, v.signed) ||
		v.isUnsigned && slices.Contains(c.Uint64s, v.unsigned) ||
		v.isTrue && slices.Contains(c.Bools, true) ||
		v.isFalse && slices.Contains(c.Bools, false) ||
		slices.ContainsFunc(c.Strings, func(s string) bool { return strings.EqualFold(s, v.text) })
}

// describe returns the SID and the name of a node for an explanation.
func (n *node) describe() string {
	if n.name == "" {
		return n.sid.String()
	}
	return quote.Value(n.name) + " (" + n.sid.String() + ")"
}
