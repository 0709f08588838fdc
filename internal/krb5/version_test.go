package krb5_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/status"
)

// versions lists, for each kind, the paths of the protocol version 5 and of msg-type.
var versions = map[string]struct{ version, msgType []string }{
	"AP-REQ":           {[]string{"6e 30 a0 02", "6e 30 a3 61 30 a0 02"}, []string{"6e 30 a1 02"}},
	"Ticket":           {[]string{"61 30 a0 02"}, nil},
	"EncTicketPart":    {nil, nil},
	"Authenticator":    {[]string{"62 30 a0 02"}, nil},
	"AP-REP":           {[]string{"6f 30 a0 02"}, []string{"6f 30 a1 02"}},
	"EncAPRepPart":     {nil, nil},
	"KRB-ERROR":        {[]string{"7e 30 a0 02"}, []string{"7e 30 a1 02"}},
	"KRB-CRED":         {[]string{"76 30 a0 02", "76 30 a2 30 61 30 a0 02"}, []string{"76 30 a1 02"}},
	"EncKrbCredPart":   {nil, nil},
	"AS-REQ":           {[]string{"6a 30 a1 02"}, []string{"6a 30 a2 02"}},
	"TGS-REQ":          {[]string{"6c 30 a1 02"}, []string{"6c 30 a2 02"}},
	"KERB-TGT-REQUEST": {[]string{"30 a0 02"}, []string{"30 a1 02"}},
	"KERB-TGT-REPLY":   {[]string{"30 a0 02", "30 a2 61 30 a0 02"}, []string{"30 a1 02"}},
}

// TestPARSE_9_VersionAndType writes other versions and message types into every
// field that has one.
func TestPARSE_9_VersionAndType(t *testing.T) {
	for _, k := range kinds(t) {
		where := versions[k.name]
		for _, c := range []struct {
			paths  []string
			values []int64
			want   status.Reason
		}{
			{where.version, []int64{0, 1, 4, 6, -5, 0x105, 1<<31 - 1, -1 << 31}, status.ReasonWrongVersion},
			{where.msgType, []int64{0, 1, 12, 13, 18, 20, -14, 0x10e, 0x10f, 1<<31 - 1}, status.ReasonWrongMessageType},
			{where.version, []int64{1<<32 + 5}, status.ReasonMalformedToken},
			{where.msgType, []int64{1<<32 + 14, 1<<32 + 15, 1<<32 + 16, 1<<32 + 17, 1<<32 + 22, 1<<32 + 30}, status.ReasonMalformedToken},
		} {
			for _, p := range c.paths {
				for _, v := range c.values {
					if k.name == "TGS-REQ" && v == 12 {
						continue // its own msg-type
					}
					b, n := replaced(t, k.samples[0], p, derInt(v))
					if n == 0 {
						t.Fatalf("%s has no %s", k.name, p)
					}
					wantReason(t, fmt.Sprintf("%s, %s = %d", k.name, p, v), k.new().Parse(b), c.want)
				}
			}
		}
	}
}

// TestPARSE_9_Outline checks that ParseOutline accepts an AP-REQ with other version numbers
// or another msg-type and finds its names, and refuses everything else that Parse refuses.
func TestPARSE_9_Outline(t *testing.T) {
	for _, k := range kinds(t) {
		if k.name != "AP-REQ" {
			continue
		}
		var whole, outline krb5.APReq
		if err := whole.Parse(k.samples[0]); err != nil {
			t.Fatal(err)
		}
		for _, p := range append(versions[k.name].version, versions[k.name].msgType...) {
			b, _ := replaced(t, k.samples[0], p, derInt(4))
			if err := outline.ParseOutline(b); err != nil || !bytes.Equal(outline.Ticket.Realm, whole.Ticket.Realm) ||
				!outline.Ticket.Service.Equal(whole.Ticket.Service) || outline.Options != whole.Options {
				t.Errorf("%s: %v", p, err)
			}
			b, _ = replaced(t, k.samples[0], p, derInt(1<<32+5))
			wantReason(t, p+" of 33 bits", outline.ParseOutline(b), status.ReasonMalformedToken)
		}
		for n := range k.samples[0] {
			if err := outline.ParseOutline(bytes.Clone(k.samples[0][:n])); err == nil {
				t.Errorf("cut to %d bytes: parsed", n)
			}
		}
		if err := outline.ParseOutline(append(bytes.Clone(k.samples[0]), 0)); err == nil || outline.Ticket.Realm != nil {
			t.Error("a byte after the message: parsed, or partly filled in")
		}
	}
}

// replaced replaces each element at p by other bytes, and counts them.
func replaced(t *testing.T, sample []byte, p string, with []byte) (b []byte, n int) {
	t.Helper()
	root := tree(t, sample)
	root.all(func(e *node, way []*node) {
		if path(e, way) == p {
			e.raw = with
			n++
		}
	})
	return root.bytes(), n
}

// TestPARSE_9_AnotherMessage passes the samples of all other kinds to each parser of a
// whole message. The user-to-user messages have no application tag; their msg-type
// distinguishes them.
func TestPARSE_9_AnotherMessage(t *testing.T) {
	tagged := map[string]bool{"AP-REQ": true, "AP-REP": true, "KRB-ERROR": true, "KRB-CRED": true, "AS-REQ": true, "TGS-REQ": true}
	requests := map[string]bool{"AS-REQ": true, "TGS-REQ": true} // KDCReq reads both
	untagged := map[string]bool{"KERB-TGT-REQUEST": true, "KERB-TGT-REPLY": true}
	all := kinds(t)
	for _, k := range all {
		for _, other := range all {
			if k.name == other.name || requests[k.name] && requests[other.name] {
				continue
			}
			want := status.ReasonMalformedToken
			if tagged[k.name] && tagged[other.name] || untagged[k.name] && untagged[other.name] {
				want = status.ReasonWrongMessageType
			}
			for _, sample := range other.samples {
				wantReason(t, "a "+other.name+" for a "+k.name, k.new().Parse(sample), want)
			}
		}
	}
}

// TestPARSE_9_EveryTag puts every tag around an AP-REQ. The numbers of RFC 4120, Section
// 7.5.7, that are messages which an acceptor could receive by mistake have
// ReasonWrongMessageType. Parts of messages, unassigned numbers, other classes and
// truncated messages are malformed.
func TestPARSE_9_EveryTag(t *testing.T) {
	root := tree(t, alice(t).apReq)
	messages := map[byte]bool{
		10: true, 11: true, 12: true, 13: true, 15: true, // AS and TGS exchange, AP-REP
		20: true, 21: true, 22: true, 30: true, // SAFE, PRIV, CRED, ERROR
	}
	for tag := range 256 {
		root.tag = byte(tag)
		b := root.bytes()
		if !root.isConstructed() {
			b = der(byte(tag), bytes.Repeat([]byte{1}, 8))
		}
		want := status.ReasonMalformedToken
		if tag&0xe0 == 0x60 && messages[byte(tag&0x1f)] {
			want = status.ReasonWrongMessageType
		}
		if tag == 0x6e {
			continue
		}
		var m krb5.APReq
		what := fmt.Sprintf("tag %#x", tag)
		wantReason(t, what, m.Parse(b), want)
		wantReason(t, what+", a byte behind", m.Parse(append(b, 0)), status.ReasonMalformedToken)
		wantReason(t, what+", a byte less", m.Parse(b[:len(b)-1]), status.ReasonMalformedToken)
	}
}
