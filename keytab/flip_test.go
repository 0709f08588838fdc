package keytab

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gosspi/kerberos/internal/secret/secrettest"
)

// places describes each byte of a keytab. walk fills it and shares no code with Parse.
type places struct {
	at      []string // the field of each byte
	entry   []int    // the number of the entry of each byte, or -1
	cuts    map[int]int
	entries int

	outOfUse []bool // for each entry
}

// before returns how many entries end before n, and whether the file may end there.
func (p *places) before(n int) (entries int, between bool) {
	entries, between = p.cuts[n]
	return entries, between
}

func walk(t testing.TB, b []byte) *places {
	t.Helper()
	p := &places{at: make([]string, len(b)), entry: make([]int, len(b)), cuts: map[int]int{2: 0}}
	for i := range p.entry {
		p.entry[i] = -1
	}
	v1 := b[1] == 1
	var order binary.ByteOrder = binary.BigEndian
	if v1 {
		order = binary.LittleEndian
	}
	pos := 0
	mark := func(n int, what string, entry int) {
		for ; n > 0 && pos < len(b); n-- {
			p.at[pos], p.entry[pos] = what, entry
			pos++
		}
	}
	mark(2, "header", -1)
	for pos < len(b) {
		size := int(int32(order.Uint32(b[pos:])))
		if size < 0 {
			mark(4, "hole size", -1)
			mark(-size, "hole", -1)
			p.cuts[pos] = p.entries
			continue
		}
		n := p.entries
		mark(4, "size", n)
		end := pos + size
		count := int(order.Uint16(b[pos:]))
		if v1 {
			count--
		}
		mark(2, "count", n)
		for i := range count + 1 {
			length := int(order.Uint16(b[pos:]))
			mark(2, "name length", n)
			mark(length, map[bool]string{true: "realm", false: "component"}[i == 0], n)
		}
		if !v1 {
			mark(4, "name-type", n)
		}
		mark(4, "time", n)
		mark(1, "version 8", n)
		p.outOfUse = append(p.outOfUse, b[pos]^b[pos+1] >= 24)
		mark(2, "etype", n)
		length := int(order.Uint16(b[pos:]))
		mark(2, "key length", n)
		mark(length, "key", n)
		mark(min(4, end-pos), "version 32", n)
		mark(min(4, end-pos), "flags", n)
		mark(end-pos, "padding", n)
		p.entries++
		p.cuts[pos] = p.entries
		if v1 {
			p.cuts[end-4] = p.entries // MIT's size counts a name type that MIT does not write
		}
	}
	return p
}

// outcomes lists, for each field, the permitted effects of a changed bit on an entry with a
// usable key: Parse refuses the file, the entry becomes unusable, the named part of the
// entry changes, or nothing changes. A keytab has no integrity protection, so Parse cannot
// detect most changes.
var outcomes = map[string]string{
	"header":      "refused",
	"size":        "refused nothing", // a size in version 1 may exceed the entry, because of MIT's error
	"hole size":   "refused nothing", // the last hole may end early, because zeros end the file
	"hole":        "nothing",
	"count":       "refused",
	"name length": "refused unusable", // the other fields of the entry shift
	"realm":       "principal unusable",
	"component":   "principal unusable",
	"name-type":   "nothing",
	"time":        "time",
	"version 8":   "nothing", // the 32-bit version has priority
	"etype":       "etype unusable",
	"key length":  "refused unusable", // the other fields of the entry shift
	"key":         "key",
	"version 32":  "kvno nothing", // nothing changes if the 32-bit version becomes zero and the 8-bit version is the same
	"flags":       "nothing",
	"padding":     "refused",
}

// TestKEY_9_BitFlips changes each bit of a keytab. Parse must not panic, must not change or
// omit another entry, and must have the expected result for each field. No error text may
// contain a key.
func TestKEY_9_BitFlips(t *testing.T) {
	for _, path := range []string{mitFile, mitFileV1, heimdalFile} {
		whole := fixture(t, path)
		base, err := Parse(whole)
		if err != nil {
			t.Fatal(err)
		}
		places := walk(t, whole)
		if places.entries != len(usable(base))+len(unusable(base)) {
			t.Fatalf("%s: %d entries", path, places.entries)
		}
		count := map[string]int{}
		for bit := range 8 * len(whole) {
			b := slices.Clip(bytes.Clone(whole))
			b[bit/8] ^= 1 << (bit % 8)
			table, err := Parse(b)
			field := places.at[bit/8]
			got := "refused"
			if err == nil {
				got = difference(base, table, places.entry[bit/8])
				for e := range table.Unusable() {
					checkNoKey(t, base, e.Err.Error())
				}
			} else if !cleanError.MatchString(err.Error()) {
				t.Errorf("%s, bit %d: %v", path, bit, err)
			}
			want := strings.Fields(outcomes[field])
			if i := places.entry[bit/8]; i >= 0 && places.outOfUse[i] {
				want = []string{"refused", "nothing", "principal", "kvno", "etype", "time"}
			}
			if !slices.Contains(want, got) {
				t.Errorf("%s, bit %d (%s of entry %d): %s, want %s", path, bit, field, places.entry[bit/8], got, want)
			}
			count[field+": "+got]++
		}
		t.Logf("%s: %v", path, count)
	}
}

// difference returns the change of the entry, and reports every change of another entry.
func difference(base, table *Table, entry int) string {
	type list struct{ base, got []string }
	lists := []list{{usable(base), usable(table)}, {unusable(base), unusable(table)}}
	if slices.Equal(lists[0].base, lists[0].got) && slices.Equal(lists[1].base, lists[1].got) {
		return "nothing"
	}
	if entry < 0 {
		return "entries changed"
	}
	// Find the index of the entry in its list. The entries of these files are in the order
	// of time and version, and both lists keep that order.
	var was, is string
	for _, l := range lists {
		i := 0
		for i < len(l.base) && i < len(l.got) && l.base[i] == l.got[i] {
			i++
		}
		j, k := len(l.base), len(l.got)
		for j > i && k > i && l.base[j-1] == l.got[k-1] {
			j, k = j-1, k-1
		}
		if j-i > 1 || k-i > 1 || j-i == 1 && was != "" || k-i == 1 && is != "" {
			return "several entries changed"
		}
		if j-i == 1 {
			was = l.base[i]
		}
		if k-i == 1 {
			is = l.got[i]
		}
	}
	return part(was, is)
}

// part returns the names of the parts in which two descriptions of an entry differ.
func part(was, is string) string {
	a, b := strings.Split(was, " "), strings.Split(is, " ")
	if len(a) != 5 || len(b) != 5 {
		return fmt.Sprintf("lost or added: %q, %q", was, is)
	}
	if b[4] == "-" && a[4] != "-" {
		return "unusable"
	}
	var parts []string
	for i, name := range []string{"principal", "kvno", "etype", "time", "key"} {
		if a[i] != b[i] && !(name == "key" && a[4] == "-") {
			parts = append(parts, name)
		}
	}
	return strings.Join(parts, " and ")
}

// checkNoKey checks that text contains no key of table, neither raw nor in a usual
// encoding.
func checkNoKey(t testing.TB, table *Table, text string) {
	t.Helper()
	if keyForms(table).Find(text) != "" {
		t.Errorf("the text contains a key: %q", text)
	}
}

// formsOfTables has the result of keyForms for each table.
var formsOfTables sync.Map

// keyForms returns an index of the keys of table, raw and in usual encodings.
func keyForms(table *Table) *secrettest.Index {
	if x, ok := formsOfTables.Load(table); ok {
		return x.(*secrettest.Index)
	}
	forms := make(map[string]string)
	for e := range table.All() {
		b := e.Key.Bytes()
		for _, s := range []string{
			string(b), hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)), base64.StdEncoding.EncodeToString(b)[:20],
			strings.Trim(fmt.Sprint(b), "[]"), strings.Trim(fmt.Sprintf("%#v", b), "[]byte{}"), fmt.Sprintf("%q", b)[1:12],
		} {
			forms[s] = "key"
		}
	}
	x := secrettest.NewIndex(forms)
	formsOfTables.Store(table, x)
	return x
}
