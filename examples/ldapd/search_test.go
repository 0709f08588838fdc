package main

import (
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
)

func choice(tag ber.Tag, children ...*ber.Packet) *ber.Packet {
	p := ber.Encode(ber.ClassContext, ber.TypeConstructed, tag, nil, "")
	for _, c := range children {
		p.AppendChild(c)
	}
	return p
}

func present(name string) *ber.Packet { return tagged(filterPresent, name) }

func assertion(kind ber.Tag, name, value string) *ber.Packet {
	return choice(kind, octets(name), octets(value))
}

func TestMatch(t *testing.T) {
	e := entry{attributes: []attribute{{name: "objectClass", values: []string{"top", "person"}}, {name: "cn", values: []string{"Alice"}}}}
	yes, no := present("CN"), present("sn")
	unknown := assertion(filterGreater, "cn", "x")
	for name, c := range map[string]struct {
		filter *ber.Packet
		want   truth
	}{
		"present":               {yes, isTrue},
		"absent":                {no, isFalse},
		"equal":                 {assertion(filterEquality, "objectclass", "PERSON"), isTrue},
		"not equal":             {assertion(filterEquality, "cn", "bob"), isFalse},
		"equal, absent":         {assertion(filterEquality, "sn", "x"), isFalse},
		"not":                   {choice(filterNot, yes), isFalse},
		"not absent":            {choice(filterNot, no), isTrue},
		"not unknown":           {choice(filterNot, unknown), isUndefined},
		"and":                   {choice(filterAnd, yes, yes), isTrue},
		"and, one not":          {choice(filterAnd, yes, unknown, no), isFalse},
		"and, one unknown":      {choice(filterAnd, yes, unknown), isUndefined},
		"and of nothing":        {choice(filterAnd), isTrue},
		"or":                    {choice(filterOr, no, unknown, yes), isTrue},
		"or, one unknown":       {choice(filterOr, no, unknown), isUndefined},
		"or of nothing":         {choice(filterOr), isFalse},
		"greater":               {assertion(filterGreater, "cn", "a"), isUndefined},
		"less":                  {assertion(filterLess, "cn", "a"), isUndefined},
		"approximate":           {assertion(filterApprox, "cn", "a"), isUndefined},
		"substrings":            {choice(filterSubstrings, octets("cn"), ber.NewSequence("")), isUndefined},
		"extensible":            {choice(filterExtensible, tagged(2, "cn"), tagged(3, "x")), isUndefined},
		"filters within others": {choice(filterAnd, choice(filterOr, no, choice(filterNot, no)), yes), isTrue},
	} {
		if got, err := match(c.filter, e); err != nil || got != c.want {
			t.Errorf("%s: %d, %v; want %d", name, got, err, c.want)
		}
	}
}

func TestMatch_Malformed(t *testing.T) {
	e := entry{attributes: []attribute{{name: "cn", values: []string{"x"}}}}
	for name, filter := range map[string]*ber.Packet{
		"a string":                    octets("cn"),
		"an unknown kind":             choice(10),
		"present, constructed":        choice(filterPresent),
		"and, primitive":              tagged(filterAnd, ""),
		"not, of nothing":             choice(filterNot),
		"not, of two":                 choice(filterNot, present("cn"), present("cn")),
		"equality, primitive":         tagged(filterEquality, "cn"),
		"equality, no value":          choice(filterEquality, octets("cn")),
		"equality, value of a kind":   choice(filterEquality, octets("cn"), present("x")),
		"substrings, empty":           choice(filterSubstrings),
		"decided, but malformed then": choice(filterOr, present("cn"), choice(filterNot)),
	} {
		if got, err := match(filter, e); err == nil || got != isFalse {
			t.Errorf("%s: %d, %v; want an error", name, got, err)
		}
	}
}

func TestQuery_Wants(t *testing.T) {
	user, operational := attribute{name: "objectClass"}, attribute{name: "namingContexts", operational: true}
	for _, c := range []struct {
		asked             []string
		user, operational bool
	}{
		{nil, true, false},
		{[]string{"*"}, true, false},
		{[]string{"+"}, false, true},
		{[]string{"*", "+"}, true, true},
		{[]string{"1.1"}, false, false},
		{[]string{"NAMINGCONTEXTS"}, false, true},
		{[]string{"objectclass"}, true, false},
		{[]string{"cn"}, false, false},
	} {
		q := query{attributes: c.asked}
		if q.wants(user) != c.user || q.wants(operational) != c.operational {
			t.Errorf("%q: %t and %t, want %t and %t", c.asked, q.wants(user), q.wants(operational), c.user, c.operational)
		}
	}
}
