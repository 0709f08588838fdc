package keytab

import (
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/status"
)

// Entry is one key of one principal.
type Entry struct {
	Principal Principal
	Kvno      uint32 // key version number; files before 2003 and some tools store only 8 bits
	Key       Key
	Time      time.Time // when the entry was written, in seconds; zero if unknown
}

// Unusable describes an entry of a keytab file that cannot be used. It does not contain
// the key.
type Unusable struct {
	Principal Principal // zero if the entry's name is not valid
	Kvno      uint32
	EType     EType
	Time      time.Time
	Err       error // a *status.Error: the type is not implemented, the key's length or the name is wrong
}

// malformed reports whether the entry cannot be used although this module implements its
// encryption type.
func (u *Unusable) malformed() bool {
	_, implemented := etype.Lookup(etype.ID(u.EType))
	return implemented
}

// Table is a set of service keys. It is immutable and indexed by name, and the derived
// keys for tickets are computed in advance. A nil Table is empty.
//
// Entries keep the order in which they were given. A Table drops no entry, not even a
// duplicate.
type Table struct {
	name       string // of the file, "" if there is none
	entries    []Entry
	unusable   []Unusable
	outOfUse   string             // what countUnusable says of unusable
	byName     map[string]int32   // to groups
	byShort    map[string][]int32 // to groups, by the name without its realm
	groups     []group
	records    []record  // by group; within one by encryption type, newest first
	everything *Services // all principals but the guarded
}

// group contains the keys of one principal.
type group struct {
	principal Principal
	guarded   bool  // krbtgt and kadmin: served only when named
	first     int32 // of records in those of the table
	records   []record
}

// record is an entry in the index.
type record struct {
	etype EType
	kvno  uint32
	entry int32 // in entries
	group int32
	key   int32 // equal for equal keys, even of different principals
}

// usages are the key usages of a service's key in every exchange.
var usages = [...]uint32{etype.UsageTicket, etype.UsagePACServerChecksum}

// NewTable makes a Table of entries. Each entry needs a Principal and a Key. NewTable
// copies the keys, because it derives further keys from them before they are shared.
func NewTable(entries ...Entry) (*Table, error) {
	owned := slices.Clone(entries)
	for i := range owned {
		e := &owned[i]
		if e.Principal.IsZero() || e.Key.IsZero() {
			return nil, &status.Error{Reason: status.ReasonArgument, Detail: fmt.Sprintf("entry %d has no principal or no key", i)}
		}
		key, err := newServiceKey(e.Key.EType(), e.Key.Bytes())
		if err != nil {
			return nil, err // unreachable: these are type and bytes of a Key
		}
		e.Key = key
	}
	return index(owned, nil), nil
}

// newServiceKey returns a Key for which the keys of a service's key usages are already
// derived, which must happen before the Key is shared. It wipes b.
func newServiceKey(e EType, b []byte) (Key, error) {
	k, err := etype.New(etype.ID(e), b)
	clear(b)
	if err != nil {
		return Key{}, err
	}
	k.Prepare(usages[:]...)
	return Key{k}, nil
}

// index makes a Table of entries and unusable, which belong to the Table afterwards.
func index(entries []Entry, unusable []Unusable) *Table {
	t := &Table{
		entries: entries, unusable: unusable, outOfUse: countUnusable(unusable),
		byName: make(map[string]int32), byShort: make(map[string][]int32),
	}
	t.records = make([]record, len(entries))
	identity := numberKeys(entries)
	for i := range entries {
		e := &entries[i]
		g, known := t.byName[e.Principal.s]
		if !known {
			g = int32(len(t.groups))
			t.byName[e.Principal.s] = g
			short := e.Principal.Name()
			t.byShort[short] = append(t.byShort[short], g)
			first := e.Principal.first()
			t.groups = append(t.groups, group{principal: e.Principal, guarded: first == "krbtgt" || first == "kadmin"})
		}
		t.records[i] = record{etype: e.Key.EType(), kvno: e.Kvno, entry: int32(i), group: g, key: identity[i]}
	}
	slices.SortFunc(t.records, t.order)
	for from := 0; from < len(t.records); {
		to := from
		for to < len(t.records) && t.records[to].group == t.records[from].group {
			to++
		}
		g := &t.groups[t.records[from].group]
		g.first, g.records = int32(from), t.records[from:to:to]
		from = to
	}
	t.everything = t.services(t.unguarded())
	return t
}

func (t *Table) order(a, b record) int {
	switch {
	case a.group != b.group:
		return int(a.group) - int(b.group)
	case a.etype != b.etype:
		return int(a.etype) - int(b.etype)
	case a.kvno != b.kvno:
		if a.kvno > b.kvno {
			return -1
		}
		return 1
	}
	if c := t.entries[b.entry].Time.Compare(t.entries[a.entry].Time); c != 0 {
		return c
	}
	return int(b.entry) - int(a.entry) // the later entry first
}

// numberKeys assigns equal numbers to equal keys. Active Directory uses one key for all
// service names of an account, and a search tries that key only once.
func numberKeys(entries []Entry) []int32 {
	type secret struct {
		etype EType
		key   [64]byte
	}
	numbers := make([]int32, len(entries))
	seen := make(map[secret]int32, len(entries))
	for i := range entries {
		s := secret{etype: entries[i].Key.EType()}
		b := entries[i].Key.Bytes()
		copy(s.key[:], b)
		clear(b)
		n, known := seen[s]
		if !known {
			n = int32(len(seen))
			seen[s] = n
		}
		numbers[i] = n
	}
	clear(seen)
	return numbers
}

// Len returns the number of entries in use.
func (t *Table) Len() int {
	if t == nil {
		return 0
	}
	return len(t.entries)
}

// count returns the number of entries, in use or not.
func (t *Table) count() int {
	if t == nil {
		return 0
	}
	return len(t.entries) + len(t.unusable)
}

// All yields the entries in use, in the order in which they were given.
func (t *Table) All() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		if t == nil {
			return
		}
		for i := range t.entries {
			if !yield(t.entries[i]) {
				return
			}
		}
	}
}

// Unusable yields the entries of keytab files that cannot be used, such as those of
// encryption types that this module does not implement. A message that explains a missing
// key should mention them.
func (t *Table) Unusable() iter.Seq[Unusable] {
	return func(yield func(Unusable) bool) {
		if t == nil {
			return
		}
		for i := range t.unusable {
			if !yield(t.unusable[i]) {
				return
			}
		}
	}
}

// Table returns t. It implements [Source].
func (t *Table) Table(context.Context) (*Table, error) { return t, nil }

// Format writes the number of entries, and nothing of their content, whatever the verb.
func (t *Table) Format(f fmt.State, _ rune) {
	if t == nil {
		_, _ = io.WriteString(f, "keytab.Table(none)")
		return
	}
	_, _ = fmt.Fprintf(f, "keytab.Table(%d entries, %d unusable)", len(t.entries), len(t.unusable))
}
