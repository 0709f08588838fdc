package krb5_test

import (
	"slices"
	"testing"
)

// optional lists the fields in the samples that RFC 4120 marks OPTIONAL, by their path. All
// other fields must be present. An element of a SEQUENCE OF is not a field, and may be
// absent unless RFC 4120 or [krb5.Name] requires it.
var optional = map[string][]string{
	"AP-REQ":           {"6e 30 a3 61 30 a3 30 a1", "6e 30 a4 30 a1"},
	"Ticket":           {"61 30 a3 30 a1"},
	"EncTicketPart":    {"63 30 a6", "63 30 a8", "63 30 a9", "63 30 aa"},
	"Authenticator":    {"62 30 a3", "62 30 a6", "62 30 a7", "62 30 a8"},
	"AP-REP":           {"6f 30 a2 30 a1"},
	"EncAPRepPart":     {"7b 30 a2", "7b 30 a3"},
	"KRB-ERROR":        {"7e 30 a2", "7e 30 a3", "7e 30 a7", "7e 30 a8", "7e 30 ab", "7e 30 ac"},
	"KRB-CRED":         {"76 30 a2 30 61 30 a3 30 a1", "76 30 a3 30 a1"},
	"EncKrbCredPart":   {"7d 30 a1", "7d 30 a2", "7d 30 a3", "7d 30 a4", "7d 30 a5", "7d 30 a0 30 30 a1", "7d 30 a0 30 30 a2", "7d 30 a0 30 30 a3", "7d 30 a0 30 30 a4", "7d 30 a0 30 30 a5", "7d 30 a0 30 30 a6", "7d 30 a0 30 30 a7", "7d 30 a0 30 30 a8", "7d 30 a0 30 30 a9", "7d 30 a0 30 30 aa"},
	"AS-REQ":           {"6a 30 a3", "6a 30 a4 30 a1", "6a 30 a4 30 a3", "6a 30 a4 30 a4", "6a 30 a4 30 a6", "6a 30 a4 30 a9", "6a 30 a4 30 ab", "6a 30 a4 30 ab 30 61 30 a3 30 a1"},
	"TGS-REQ":          {"6c 30 a3", "6c 30 a4 30 a3", "6c 30 a4 30 aa", "6c 30 a4 30 aa 30 a1", "6c 30 a4 30 ab", "6c 30 a4 30 ab 30 61 30 a3 30 a1"},
	"KERB-TGT-REQUEST": {"30 a2", "30 a3"},
	"KERB-TGT-REPLY":   {"30 a2 61 30 a3 30 a1"},
}

// isField reports whether n is a tagged field, and not an element of a list.
func isField(n *node) bool { return n.tag&0xc0 == 0x80 }

// TestPARSE_4_MissingFields leaves out one field at a time.
func TestPARSE_4_MissingFields(t *testing.T) {
	for _, k := range kinds(t) {
		used := make(map[string]bool)
		for _, sample := range k.samples {
			root, m := tree(t, sample), k.new()
			root.all(func(n *node, way []*node) {
				if !isField(n) {
					return
				}
				parent, where := way[len(way)-1], path(n, way)
				before := parent.parts
				parent.parts = slices.DeleteFunc(slices.Clone(before), func(p *node) bool { return p == n })
				b := root.bytes()
				parent.parts = before
				if !slices.Contains(optional[k.name], where) {
					refused(t, k.name+" without "+where, m, b)
					return
				}
				used[where] = true
				if err := m.Parse(b); err != nil {
					t.Errorf("%s without %s, which is optional: %v", k.name, where, err)
				} else if got, want := meaning(t, m.Append(nil)), meaning(t, b); got != want {
					t.Errorf("%s without %s is written as\n%s, want\n%s", k.name, where, got, want)
				}
			})
		}
		if len(used) != len(optional[k.name]) {
			t.Errorf("%s: the samples have %d of the %d optional fields", k.name, len(used), len(optional[k.name]))
		}
	}
}

// TestPARSE_4_FieldsTwiceOrOutOfOrder doubles each field and swaps each with the
// next.
func TestPARSE_4_FieldsTwiceOrOutOfOrder(t *testing.T) {
	for _, k := range kinds(t) {
		tried := 0
		for _, sample := range k.samples {
			root, m := tree(t, sample), k.new()
			root.all(func(parent *node, way []*node) {
				before := parent.parts
				for i, n := range before {
					if !isField(n) {
						continue
					}
					parent.parts = slices.Insert(slices.Clone(before), i, n)
					refused(t, k.name+": twice "+path(n, append(way, parent)), m, root.bytes())
					tried++
					if i > 0 {
						parent.parts = slices.Clone(before)
						parent.parts[i-1], parent.parts[i] = n, before[i-1]
						refused(t, k.name+": too early "+path(n, append(way, parent)), m, root.bytes())
					}
				}
				parent.parts = before
			})
		}
		if tried == 0 {
			t.Errorf("%s: nothing tried", k.name)
		}
	}
}
