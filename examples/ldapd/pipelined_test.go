package main

import (
	"slices"
	"strings"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"

	"github.com/gosspi/kerberos/sspi/sspisasl"
	"github.com/gosspi/kerberos/sspi/sspitest"
)

// TestPipelined_DuringTheHandshake checks that the server answers every request other than
// a bind with operationsError until the SASL exchange has ended.
func TestPipelined_DuringTheHandshake(t *testing.T) {
	w := start(t, allLayers)
	c := w.dial(t)
	i, token := w.initiate(t, sspitest.Options{})
	c.write(slices.Concat(c.next(saslOp("GSSAPI", token)), c.next(extendedOp(oidWhoAmI)),
		c.next(searchOp("", scopeBase, present("objectClass"))), c.next(ber.NewString(ber.ClassApplication, ber.TypePrimitive, opAbandonRequest, "\x01", ""))))
	reply, err := c.read()
	if err != nil || reply.code != saslBindInProgress {
		t.Fatalf("%+v, %v", reply, err)
	}
	for _, op := range []ber.Tag{opExtendedResponse, opSearchResultDone} {
		if r, err := c.read(); err != nil || r.op != op || r.code != operationsError {
			t.Errorf("%+v, %v; want operationsError", r, err)
		}
	}
	if _, _, err := i.Next([]byte(reply.more[responseSASLCredentials])); err != nil {
		t.Fatal(err)
	}
	if r := c.sasl("GSSAPI", nil); r.code != saslBindInProgress || len(r.more[responseSASLCredentials]) == 0 {
		t.Errorf("the exchange did not go on: %+v", r)
	}
}

// TestPipelined_ClearBehindTheLogin checks that the server does not answer a request that
// the client sends without the security layer after the last message of a bind.
func TestPipelined_ClearBehindTheLogin(t *testing.T) {
	w := start(t, allLayers)
	c := w.dial(t)
	i, token := w.initiate(t, sspitest.Options{})
	r := c.sasl("GSSAPI", token)
	if _, _, err := i.Next([]byte(r.more[responseSASLCredentials])); err != nil {
		t.Fatal(err)
	}
	if _, _, err := i.Unwrap([]byte(c.sasl("GSSAPI", nil).more[responseSASLCredentials])); err != nil {
		t.Fatal(err)
	}
	answer, err := i.Wrap([]byte{byte(sspisasl.Integrity), 0, 0xff, 0xff}, false)
	if err != nil {
		t.Fatal(err)
	}
	c.write(slices.Concat(c.next(saslOp("GSSAPI", answer)), envelope(c.id+1, extendedOp(oidWhoAmI))))
	if r := c.must(opBindResponse); r.code != success {
		t.Fatalf("%+v", r)
	}
	c.ended()
	w.end()
	if !strings.Contains(w.log.String(), "session ended") {
		t.Errorf("the server did not log the end of the session:\n%s", w.log)
	}
}

// TestLayer_Tampered checks that an altered message of the security layer ends the session.
func TestLayer_Tampered(t *testing.T) {
	w := start(t, allLayers)
	c := w.dial(t)
	if r := c.gssapi(w, sspisasl.Integrity, ""); r.code != success {
		t.Fatalf("%+v", r)
	}
	l := c.conn.(*layered)
	token, err := l.initiator.Wrap(c.next(extendedOp(oidWhoAmI)), false)
	if err != nil {
		t.Fatal(err)
	}
	token[20] ^= 1
	if _, err := l.Conn.Write(append([]byte{0, 0, byte(len(token) >> 8), byte(len(token))}, token...)); err != nil {
		t.Fatal(err)
	}
	c.conn = l.Conn
	c.ended()
	w.getsIn(t)
}
