package keytab

import (
	"strconv"
	"strings"

	"github.com/gosspi/kerberos/internal/quote"
)

// Services is a set of principals of one [Table] whose keys may decrypt tickets, with an
// index of those keys. It is immutable and safe for concurrent use. The cost of finding
// the keys for a ticket does not grow with the number of principals and keys. A nil
// *Services contains no principal.
type Services struct {
	table    *Table
	admitted []int32             // groups, in the order in which they were admitted
	admits   []bool              // by group
	keys     map[version][]int32 // records in the order of admission, each key once
	folded   map[string][]int32  // groups by their names in lower case
	hosts    map[string][]int32  // groups by host and by the host's first label, in lower case
}

// version selects keys of one encryption type: those of one key version, or all.
type version struct {
	etype EType
	kvno  uint32
	all   bool
}

// Admit returns the principals of t that match patterns, in the forms of [Table.Match].
// Without patterns it returns all principals except krbtgt/* and kadmin/*, which must be
// named.
//
// The error is a *status.Error: ReasonArgument if a pattern is malformed, ReasonNoKey if
// no principal of t matches; its text lists principals of t. A nil Table has no
// principals.
func (t *Table) Admit(patterns ...string) (*Services, error) {
	if len(patterns) == 0 {
		if t == nil {
			return nil, nil
		}
		return t.everything, nil
	}
	found, err := t.match(patterns, false)
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, t.errNoneAdmitted(patterns)
	}
	return t.services(found), nil
}

// Only returns those of principals that are in t, in their order. If t contains none of
// them, the result admits no principal.
func (t *Table) Only(principals ...Principal) *Services {
	if t == nil {
		return nil
	}
	var groups []int32
	for _, p := range principals {
		if g, ok := t.byName[p.s]; ok {
			groups = append(groups, g)
		}
	}
	return t.services(groups)
}

// Table returns the Table to which the principals belong, or nil for a nil s.
func (s *Services) Table() *Table {
	if s == nil {
		return nil
	}
	return s.table
}

// unguarded returns the groups whose principals accept without being named by a pattern.
func (t *Table) unguarded() []int32 {
	groups := make([]int32, 0, len(t.groups))
	for g := range t.groups {
		if !t.groups[g].guarded {
			groups = append(groups, int32(g))
		}
	}
	return groups
}

// services returns a Services with an index of groups, in their order. It skips
// duplicates.
func (t *Table) services(groups []int32) *Services {
	s := &Services{
		table: t, admits: make([]bool, len(t.groups)),
		keys: make(map[version][]int32), folded: make(map[string][]int32, len(groups)), hosts: make(map[string][]int32, len(groups)),
	}
	type once struct {
		version
		key int32
	}
	seen := make(map[once]bool)
	add := func(v version, r int32) {
		if o := (once{v, t.records[r].key}); !seen[o] {
			seen[o] = true
			s.keys[v] = append(s.keys[v], r)
		}
	}
	for _, g := range groups {
		if s.admits[g] {
			continue
		}
		s.admits[g] = true
		s.admitted = append(s.admitted, g)
		s.addName(g)
		for i := range t.groups[g].records {
			r := t.groups[g].first + int32(i)
			add(version{etype: t.records[r].etype, kvno: t.records[r].kvno}, r)
			add(version{etype: t.records[r].etype, all: true}, r)
		}
	}
	return s
}

func (s *Services) addName(g int32) {
	name := foldASCII(s.table.groups[g].principal.s)
	s.folded[name] = append(s.folded[name], g)
	if host, label := hostOf(name); host != "" {
		s.hosts[host] = append(s.hosts[host], g)
		if label != host {
			s.hosts[label] = append(s.hosts[label], g)
		}
	}
}

// hostOf returns the second of two or more components of a name in the form of
// [Principal.String], and the part of that component before the first dot. It returns ""
// if the name has one component.
func hostOf[T string | []byte](name T) (host, label T) {
	i := separator(name)
	if i == len(name) || name[i] != '/' {
		return host, label
	}
	host = name[i+1:]
	host = host[:separator(host)]
	for i := range len(host) {
		if host[i] == '.' {
			return host, host[:i]
		}
	}
	return host, host
}

// some lists at most four principals of groups for a message.
func (t *Table) some(groups []int32) string {
	return few(len(groups), func(i int) string { return quote.Text(t.groups[groups[i]].principal.s) })
}

// few lists the first four of n texts and the number of the remaining texts.
func few(n int, text func(i int) string) string {
	const shown = 4
	var texts []string
	for i := range min(n, shown) {
		texts = append(texts, text(i))
	}
	list := strings.Join(texts, ", ")
	if n > shown {
		list += " and " + strconv.Itoa(n-shown) + " more"
	}
	return list
}

// all returns every group of the table.
func (t *Table) all() []int32 {
	groups := make([]int32, len(t.groups))
	for g := range groups {
		groups[g] = int32(g)
	}
	return groups
}

// group returns the group of the principal called name, or -1 if t does not contain it.
func (t *Table) group(name []byte) int32 {
	if g, ok := t.byName[string(name)]; ok {
		return g
	}
	return -1
}

// foldedTo returns the admitted groups whose names are equal to name or differ from it in
// case only.
func (s *Services) foldedTo(name []byte) []int32 {
	var room [256]byte
	return s.folded[string(appendLower(room[:0], name))]
}

func appendLower(dst, b []byte) []byte {
	start := len(dst)
	dst = append(dst, b...)
	for i, c := range dst[start:] {
		if 'A' <= c && c <= 'Z' {
			dst[start+i] = c + 'a' - 'A'
		}
	}
	return dst
}
