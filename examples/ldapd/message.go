package main

import (
	ber "github.com/go-asn1-ber/asn1-ber"
)

// Tags of protocolOp (RFC 4511, Sections 4.2 to 4.14). Their class is APPLICATION.
const (
	opBindRequest           ber.Tag = 0
	opBindResponse          ber.Tag = 1
	opUnbindRequest         ber.Tag = 2
	opSearchRequest         ber.Tag = 3
	opSearchResultEntry     ber.Tag = 4
	opSearchResultDone      ber.Tag = 5
	opModifyRequest         ber.Tag = 6
	opModifyResponse        ber.Tag = 7
	opAddRequest            ber.Tag = 8
	opAddResponse           ber.Tag = 9
	opDelRequest            ber.Tag = 10
	opDelResponse           ber.Tag = 11
	opModifyDNRequest       ber.Tag = 12
	opModifyDNResponse      ber.Tag = 13
	opCompareRequest        ber.Tag = 14
	opCompareResponse       ber.Tag = 15
	opAbandonRequest        ber.Tag = 16
	opExtendedRequest       ber.Tag = 23
	opExtendedResponse      ber.Tag = 24
	maxInt                          = 1<<31 - 1 // RFC 4511, Section 4.1.1
	maxIntOctets                    = 4
	responseSASLCredentials ber.Tag = 7  // [7] of a BindResponse
	responseName            ber.Tag = 10 // [10] of an ExtendedResponse
	responseValue           ber.Tag = 11 // [11] of an ExtendedResponse
)

// responses maps the tag of a request to the tag of its response. UnbindRequest and
// AbandonRequest have no response.
var responses = map[ber.Tag]ber.Tag{
	opBindRequest:     opBindResponse,
	opSearchRequest:   opSearchResultDone,
	opModifyRequest:   opModifyResponse,
	opAddRequest:      opAddResponse,
	opDelRequest:      opDelResponse,
	opModifyDNRequest: opModifyDNResponse,
	opCompareRequest:  opCompareResponse,
	opExtendedRequest: opExtendedResponse,
}

// message is an LDAPMessage from a client.
type message struct {
	id       int64
	op       *ber.Packet
	critical bool // the message has a critical control; this server supports no controls
}

// parseMessage parses a whole PDU, except for the contents of its protocolOp.
func parseMessage(pdu []byte) (message, error) {
	var m message
	if err := new(walk).check(pdu, 0); err != nil {
		return m, err
	}
	p, err := ber.DecodePacketErr(pdu)
	if err != nil {
		return m, malformed("%v", err)
	}
	if !is(p, ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence) || len(p.Children) < 2 || len(p.Children) > 3 {
		return m, malformed("the SEQUENCE is not an LDAPMessage")
	}
	var ok bool
	if m.id, ok = integer(p.Children[0], ber.TagInteger); !ok || m.id == 0 {
		return m, malformed("the message ID is not a number from 1 to %d", maxInt) // the server's unsolicited messages have 0
	}
	m.op = p.Children[1]
	if !isRequest(m.op) {
		return m, malformed("the operation is not a request")
	}
	if len(p.Children) == 3 {
		if m.critical, err = parseControls(p.Children[2]); err != nil {
			return m, err
		}
	}
	return m, nil
}

func isRequest(p *ber.Packet) bool {
	if p.ClassType != ber.ClassApplication {
		return false
	}
	switch p.Tag {
	case opUnbindRequest, opDelRequest, opAbandonRequest:
		return p.TagType == ber.TypePrimitive
	default:
		return responses[p.Tag] != 0 && p.TagType == ber.TypeConstructed
	}
}

// parseControls reports whether a control is critical (RFC 4511, Section 4.1.11).
func parseControls(p *ber.Packet) (critical bool, err error) {
	if !is(p, ber.ClassContext, ber.TypeConstructed, 0) {
		return false, malformed("the element after the operation is not a list of controls")
	}
	for _, c := range p.Children {
		if !is(c, ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence) || len(c.Children) < 1 || len(c.Children) > 3 ||
			!isString(c.Children[0]) {
			return false, malformed("malformed Control")
		}
		rest := c.Children[1:]
		if len(rest) > 0 && is(rest[0], ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean) {
			must, ok := boolean(rest[0])
			if !ok {
				return false, malformed("malformed Control")
			}
			critical = critical || must
			rest = rest[1:]
		}
		if len(rest) > 1 || len(rest) == 1 && !isString(rest[0]) {
			return false, malformed("malformed Control")
		}
	}
	return critical, nil
}

func is(p *ber.Packet, class ber.Class, form ber.Type, tag ber.Tag) bool {
	return p.ClassType == class && p.TagType == form && p.Tag == tag
}

func isString(p *ber.Packet) bool {
	return is(p, ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString)
}

// text returns the content of a primitive element.
func text(p *ber.Packet) string { return p.Data.String() }

// integer returns the value of an INTEGER or ENUMERATED. It returns false if the value is
// not between 0 and maxInt, because LDAP uses no other values.
func integer(p *ber.Packet, tag ber.Tag) (int64, bool) {
	if !is(p, ber.ClassUniversal, ber.TypePrimitive, tag) {
		return 0, false
	}
	b := p.Data.Bytes()
	if len(b) == 0 || len(b) > maxIntOctets {
		return 0, false
	}
	n, err := ber.ParseInt64(b)
	return n, err == nil && n >= 0 && n <= maxInt
}

func boolean(p *ber.Packet) (value, ok bool) {
	if !is(p, ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean) || p.Data.Len() != 1 {
		return false, false
	}
	return p.Data.Bytes()[0] != 0, true
}

// result is an LDAPResult (RFC 4511, Section 4.1.9).
type result struct {
	code       int
	diagnostic string
}

// Result codes (RFC 4511, Appendix A).
const (
	success                      = 0
	operationsError              = 1
	protocolError                = 2
	authMethodNotSupported       = 7
	unavailableCriticalExtension = 12
	saslBindInProgress           = 14
	noSuchObject                 = 32
	invalidCredentials           = 49
	insufficientAccessRights     = 50
	busy                         = 51
	unavailable                  = 52
	unwillingToPerform           = 53
)

// packet returns the response op with r and, after it, the fields of more.
func (r result) packet(op ber.Tag, more ...*ber.Packet) *ber.Packet {
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, op, nil, "")
	p.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, r.code, ""))
	p.AppendChild(octets("")) // matchedDN
	p.AppendChild(octets(r.diagnostic))
	for _, m := range more {
		p.AppendChild(m)
	}
	return p
}

func octets(s string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, s, "")
}

func tagged(tag ber.Tag, s string) *ber.Packet {
	return ber.NewString(ber.ClassContext, ber.TypePrimitive, tag, s, "")
}

// envelope returns the LDAPMessage with the operation op.
func envelope(id int64, op *ber.Packet) []byte {
	p := ber.NewSequence("")
	p.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
	p.AppendChild(op)
	return p.Bytes()
}
