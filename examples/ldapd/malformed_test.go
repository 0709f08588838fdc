package main

import (
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
)

func TestMalformed(t *testing.T) {
	w := start(t, allLayers)
	for name, wire := range map[string]string{
		"HTTP":               "GET / HTTP/1.1\r\n\r\n",
		"a token of 70 kB":   string(envelope(1, saslOp("GSSAPI", make([]byte, 70_000)))),
		"a token of 1 MiB":   string(envelope(1, saslOp("GSSAPI", make([]byte, 1<<20)))),
		"a response":         wrap(sequenceTag, "\x02\x01\x02\x61\x07\x0a\x01\x00\x04\x00\x04\x00"),
		"bind without more":  wrap(sequenceTag, "\x02\x01\x01"+wrap(0x60, "")),
		"bind, bad version":  wrap(sequenceTag, "\x02\x01\x01"+wrap(0x60, "\x02\x00\x04\x00\x80\x00")),
		"bind, no choice":    wrap(sequenceTag, "\x02\x01\x01"+wrap(0x60, "\x02\x01\x03\x04\x00\x04\x00")),
		"simple, nested":     wrap(sequenceTag, "\x02\x01\x01"+wrap(0x60, "\x02\x01\x03\x04\x00\xa0\x00")),
		"SASL, empty":        wrap(sequenceTag, "\x02\x01\x01"+wrap(0x60, "\x02\x01\x03\x04\x00\xa3\x00")),
		"SASL, primitive":    wrap(sequenceTag, "\x02\x01\x01"+wrap(0x60, "\x02\x01\x03\x04\x00\x83\x02\x04\x00")),
		"SASL, bad token":    wrap(sequenceTag, "\x02\x01\x01"+wrap(0x60, "\x02\x01\x03\x04\x00\xa3\x05\x04\x00\x02\x01\x00")),
		"extended, empty":    wrap(sequenceTag, "\x02\x01\x01"+wrap(0x77, "")),
		"search, empty":      wrap(sequenceTag, "\x02\x01\x01"+wrap(0x63, "")),
		"search, bad scope":  wrap(sequenceTag, "\x02\x01\x01"+wrap(0x63, "\x04\x00\x0a\x01\x09\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\x87\x02cn\x30\x00")),
		"search, bad filter": wrap(sequenceTag, "\x02\x01\x01"+wrap(0x63, "\x04\x00\x0a\x01\x00\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\xa2\x00\x30\x00")),
		"search, no list":    wrap(sequenceTag, "\x02\x01\x01"+wrap(0x63, "\x04\x00\x0a\x01\x00\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\x87\x02cn\x04\x00")),
		"search, bad name":   wrap(sequenceTag, "\x02\x01\x01"+wrap(0x63, "\x04\x00\x0a\x01\x00\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\x87\x02cn\x30\x02\x05\x00")),
	} {
		t.Run(name, func(t *testing.T) {
			c := w.dial(t)
			c.write([]byte(wire))
			c.disconnected(protocolError)
		})
	}
	w.getsIn(t)
}

// TestOther checks the answers to well-formed requests that the server does not support,
// and to critical controls.
func TestOther(t *testing.T) {
	w := start(t, allLayers)
	c := w.dial(t)
	for _, op := range []ber.Tag{opModifyRequest, opAddRequest, opDelRequest, opModifyDNRequest, opCompareRequest} {
		form := ber.TypeConstructed
		if op == opDelRequest {
			form = ber.TypePrimitive
		}
		c.write(c.next(ber.Encode(ber.ClassApplication, form, op, nil, "")))
		if r := c.must(responses[op]); r.code != unwillingToPerform {
			t.Errorf("operation %d: %+v", op, r)
		}
	}
	for _, oid := range []string{"1.2.3", oidStartTLS, oidDisconnection} {
		c.write(c.next(extendedOp(oid)))
		if r := c.must(opExtendedResponse); r.code != protocolError {
			t.Errorf("extended operation %s: %+v", oid, r)
		}
	}
	withValue := extendedOp(oidWhoAmI)
	withValue.AppendChild(tagged(1, ""))
	c.write(c.next(withValue))
	if r := c.must(opExtendedResponse); r.code != protocolError {
		t.Errorf("whoami with a value: %+v", r)
	}
	for _, critical := range []string{"\x01\x01\xff", "\x01\x01\x00", ""} {
		c.id++
		c.write([]byte(wrap(sequenceTag, "\x02\x01"+string(rune(c.id))+wrap(0x77, wrap(0x80, oidWhoAmI))+wrap(0xa0, wrap(0x30, wrap(0x04, "1.2.3")+critical)))))
		want := int64(success)
		if critical == "\x01\x01\xff" {
			want = unavailableCriticalExtension
		}
		if r := c.must(opExtendedResponse); r.code != want {
			t.Errorf("a control, criticality %q: %+v", critical, r)
		}
	}
	c.write(c.next(ber.Encode(ber.ClassApplication, ber.TypePrimitive, opUnbindRequest, nil, "")))
	c.ended()
}
