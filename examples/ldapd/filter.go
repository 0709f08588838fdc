package main

import (
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
)

// Choices of a Filter (RFC 4511, Section 4.5.1.7): context-specific n.
const (
	filterAnd        ber.Tag = 0
	filterOr         ber.Tag = 1
	filterNot        ber.Tag = 2
	filterEquality   ber.Tag = 3
	filterSubstrings ber.Tag = 4
	filterGreater    ber.Tag = 5
	filterLess       ber.Tag = 6
	filterPresent    ber.Tag = 7
	filterApprox     ber.Tag = 8
	filterExtensible ber.Tag = 9
)

// truth is what a filter says about an entry. Their order makes "and" the least
// and "or" the greatest of several.
type truth int8

const (
	isFalse truth = iota - 1
	isUndefined
	isTrue
)

// match says what the filter p says about e. What it compares by other rules than
// equality is undefined; an entry is found if the whole is true. How deep filters
// nest is bounded by walk.
func match(p *ber.Packet, e entry) (truth, error) {
	if p.ClassType != ber.ClassContext {
		return isFalse, malformed("a bad filter")
	}
	switch p.Tag {
	case filterAnd, filterOr, filterNot:
		return matchAll(p, e)
	case filterPresent:
		if p.TagType != ber.TypePrimitive {
			return isFalse, malformed("a bad filter")
		}
		if e.find(text(p)) == nil {
			return isFalse, nil
		}
		return isTrue, nil
	case filterEquality, filterGreater, filterLess, filterApprox:
		if p.TagType != ber.TypeConstructed || len(p.Children) != 2 || !isString(p.Children[0]) || !isString(p.Children[1]) {
			return isFalse, malformed("a bad filter")
		}
		if p.Tag != filterEquality {
			return isUndefined, nil
		}
		return e.has(text(p.Children[0]), text(p.Children[1])), nil
	case filterSubstrings, filterExtensible:
		if p.TagType != ber.TypeConstructed || len(p.Children) == 0 {
			return isFalse, malformed("a bad filter")
		}
		return isUndefined, nil
	}
	return isFalse, malformed("a filter of an unknown kind")
}

// matchAll is match for filters of filters. An empty "and" is true and an empty
// "or" false (RFC 4526).
func matchAll(p *ber.Packet, e entry) (truth, error) {
	if p.TagType != ber.TypeConstructed || p.Tag == filterNot && len(p.Children) != 1 {
		return isFalse, malformed("a bad filter")
	}
	least, greatest := isTrue, isFalse
	for _, child := range p.Children {
		is, err := match(child, e) // all of them: one may be malformed
		if err != nil {
			return isFalse, err
		}
		least, greatest = min(least, is), max(greatest, is)
	}
	switch p.Tag {
	case filterAnd:
		return least, nil
	case filterOr:
		return greatest, nil
	}
	return -least, nil
}

// entry is an object of the directory.
type entry struct {
	dn         string
	attributes []attribute
}

// attribute is one of an entry. An operational one is returned only when asked
// for (RFC 4512, Section 3.4).
type attribute struct {
	name        string
	operational bool
	values      []string
}

// find is the attribute of that name, nil if there is none.
func (e entry) find(name string) *attribute {
	for i, a := range e.attributes {
		if strings.EqualFold(a.name, name) {
			return &e.attributes[i]
		}
	}
	return nil
}

func (e entry) has(name, value string) truth {
	a := e.find(name)
	if a == nil {
		return isFalse
	}
	for _, v := range a.values {
		if strings.EqualFold(v, value) {
			return isTrue
		}
	}
	return isFalse
}
