package main

import (
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
)

// Tags of the choices of a Filter (RFC 4511, Section 4.5.1.7). Their class is
// context-specific.
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

// truth is the result of a filter for an entry. The order of the values makes "and" the
// minimum of the results of its filters, and "or" the maximum.
type truth int8

const (
	isFalse truth = iota - 1
	isUndefined
	isTrue
)

// match evaluates the filter p for e. Comparisons other than equality are undefined. A
// search finds e if the result is isTrue. parseMessage has limited the nesting of filters.
func match(p *ber.Packet, e entry) (truth, error) {
	if p.ClassType != ber.ClassContext {
		return isFalse, malformed("malformed Filter")
	}
	switch p.Tag {
	case filterAnd, filterOr, filterNot:
		return matchAll(p, e)
	case filterPresent:
		if p.TagType != ber.TypePrimitive {
			return isFalse, malformed("malformed Filter")
		}
		if e.find(text(p)) == nil {
			return isFalse, nil
		}
		return isTrue, nil
	case filterEquality, filterGreater, filterLess, filterApprox:
		if p.TagType != ber.TypeConstructed || len(p.Children) != 2 || !isString(p.Children[0]) || !isString(p.Children[1]) {
			return isFalse, malformed("malformed Filter")
		}
		if p.Tag != filterEquality {
			return isUndefined, nil
		}
		return e.has(text(p.Children[0]), text(p.Children[1])), nil
	case filterSubstrings, filterExtensible:
		if p.TagType != ber.TypeConstructed || len(p.Children) == 0 {
			return isFalse, malformed("malformed Filter")
		}
		return isUndefined, nil
	}
	return isFalse, malformed("unknown kind of Filter")
}

// matchAll evaluates the filters "and", "or" and "not". An empty "and" is true, and an empty
// "or" is false (RFC 4526).
func matchAll(p *ber.Packet, e entry) (truth, error) {
	if p.TagType != ber.TypeConstructed || p.Tag == filterNot && len(p.Children) != 1 {
		return isFalse, malformed("malformed Filter")
	}
	least, greatest := isTrue, isFalse
	for _, child := range p.Children {
		is, err := match(child, e) // also if the result is certain, because child may be malformed
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

// attribute is an attribute of an entry. A search finds an operational attribute only if
// it requests it (RFC 4512, Section 3.4).
type attribute struct {
	name        string
	operational bool
	values      []string
}

// find returns the attribute with the name, or nil.
func (e entry) find(name string) *attribute {
	for i, a := range e.attributes {
		if strings.EqualFold(a.name, name) {
			return &e.attributes[i]
		}
	}
	return nil
}

// has reports whether the attribute with the name has the value.
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
