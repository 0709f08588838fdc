package main

import (
	"slices"
	"strconv"
	"strings"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
)

const (
	scopeBase    = 0
	scopeSubtree = 2
	maxScope     = 3 // subordinateSubtree, which an extension defines
	maxDeref     = 3
)

// sessionDN names the only entry besides the root. Its attributes describe the client that
// searches, and its login.
const sessionDN = "cn=session"

// query is a SearchRequest (RFC 4511, Section 4.5.1).
type query struct {
	base       string
	scope      int64
	typesOnly  bool
	filter     *ber.Packet
	attributes []string
}

func parseSearch(p *ber.Packet) (query, error) {
	var q query
	c := p.Children
	if len(c) != 8 || !isString(c[0]) {
		return q, malformed("malformed SearchRequest")
	}
	q.base = text(c[0])
	var deref int64
	var scoped, derefed, limited, timed, typed bool
	q.scope, scoped = integer(c[1], ber.TagEnumerated)
	deref, derefed = integer(c[2], ber.TagEnumerated)
	_, limited = integer(c[3], ber.TagInteger) // sizeLimit: a search finds at most one entry
	_, timed = integer(c[4], ber.TagInteger)   // timeLimit: a search takes less than a second
	q.typesOnly, typed = boolean(c[5])
	if !scoped || q.scope > maxScope || !derefed || deref > maxDeref || !limited || !timed || !typed {
		return q, malformed("malformed SearchRequest")
	}
	q.filter = c[6]
	if !is(c[7], ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence) {
		return q, malformed("malformed SearchRequest")
	}
	for _, a := range c[7].Children {
		if !isString(a) {
			return q, malformed("malformed SearchRequest")
		}
		q.attributes = append(q.attributes, text(a))
	}
	return q, nil
}

// search answers a SearchRequest. It sends the entry, if the search finds one, and then
// SearchResultDone.
func (s *session) search(m message) error {
	q, err := parseSearch(m.op)
	if err != nil {
		return err
	}
	e, res := s.lookUp(q)
	found, err := match(q.filter, e)
	if err != nil {
		return err
	}
	if res.code == success && found == isTrue {
		if err := s.send(m.id, q.result(e)); err != nil {
			return err
		}
	}
	return s.answer(m, res)
}

// lookUp returns the entry that q searches. Every client may read the root, but only a
// search with the scope baseObject finds it (RFC 4512, Section 5.1).
func (s *session) lookUp(q query) (entry, result) {
	switch {
	case q.base == "" && q.scope == scopeBase:
		return s.rootDSE(), result{}
	case strings.EqualFold(q.base, sessionDN) && s.who == nil:
		return entry{}, result{insufficientAccessRights, "log in first"}
	case strings.EqualFold(q.base, sessionDN) && (q.scope == scopeBase || q.scope == scopeSubtree):
		return s.entry(), result{}
	case strings.EqualFold(q.base, sessionDN):
		return entry{}, result{} // the entry has no subordinates
	}
	return entry{}, result{noSuchObject, ""}
}

func (s *session) rootDSE() entry {
	extensions := []string{oidWhoAmI}
	if s.canStartTLS() {
		extensions = append(extensions, oidStartTLS)
	}
	return entry{attributes: []attribute{
		{name: "objectClass", values: []string{"top"}},
		{name: "namingContexts", operational: true, values: []string{sessionDN}},
		{name: "supportedLDAPVersion", operational: true, values: []string{strconv.Itoa(ldapVersion)}},
		{name: "supportedSASLMechanisms", operational: true, values: s.mechanisms()},
		{name: "supportedExtension", operational: true, values: extensions},
	}}
}

// entry returns the entry cn=session.
func (s *session) entry() entry {
	peer := s.who.peer
	return entry{dn: sessionDN, attributes: []attribute{
		{name: "objectClass", values: []string{"top", "extensibleObject"}},
		{name: "cn", values: []string{"session"}},
		{name: "client", values: []string{peer.Client.String()}},
		{name: "identity", values: []string{s.authzID()}},
		{name: "service", values: []string{peer.Service.String()}},
		{name: "mechanism", values: []string{s.who.mechanism}},
		{name: "layer", values: []string{s.who.layer}},
		{name: "flags", values: []string{peer.Flags.String()}},
		{name: "expires", values: []string{peer.EndTime.UTC().Format(time.RFC3339)}},
	}}
}

// result returns a SearchResultEntry with the attributes of e that q requests.
func (q query) result(e entry) *ber.Packet {
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, opSearchResultEntry, nil, "")
	p.AppendChild(octets(e.dn))
	list := ber.NewSequence("")
	for _, a := range e.attributes {
		if !q.wants(a) {
			continue
		}
		one := ber.NewSequence("")
		one.AppendChild(octets(a.name))
		set := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
		if !q.typesOnly {
			for _, v := range a.values {
				set.AppendChild(octets(v))
			}
		}
		one.AppendChild(set)
		list.AppendChild(one)
	}
	p.AppendChild(list)
	return p
}

// wants reports whether q requests a. An empty list and "*" request all user attributes,
// and "+" requests all operational attributes (RFC 3673). "1.1" requests no attribute,
// because no attribute has this name (RFC 4511, Section 4.5.1.8).
func (q query) wants(a attribute) bool {
	all := "*"
	if a.operational {
		all = "+"
	}
	if len(q.attributes) == 0 {
		return !a.operational
	}
	return slices.ContainsFunc(q.attributes, func(asked string) bool {
		return asked == all || strings.EqualFold(asked, a.name)
	})
}
