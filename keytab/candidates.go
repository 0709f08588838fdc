package keytab

import "iter"

// maxCandidates bounds the decryptions that one ticket can cause.
const maxCandidates = 16

// Candidates yields the keys to try on a ticket, best first, and at most 16.
//
// Only keys of encryption type e and of the principals admitted are tried;
// admitted empty stands for every principal of the table but krbtgt/* and
// kadmin/*, which must be named. service and kvno are what the ticket says of
// itself in clear, so they decide nothing and only put the keys in order: first
// service's own key of that version, then its others, newest first, then those
// of the other principals. The zero service and kvno 0 are no hint. A key that
// several principals share is tried once, for the first of them in this order.
//
// Ranging over it does not allocate.
func (t *Table) Candidates(admitted []Principal, service Principal, e EType, kvno uint32) iter.Seq[Entry] {
	// Kept this thin so that it is inlined, and the closure with the loop's body
	// stays on the caller's stack.
	return func(yield func(Entry) bool) { t.candidates(admitted, service, e, kvno, yield) }
}

func (t *Table) candidates(admitted []Principal, service Principal, e EType, kvno uint32, yield func(Entry) bool) {
	if t == nil {
		return
	}
	s := search{table: t, etype: e, kvno: kvno, skip: t.admitted(admitted, service)}
	if s.skip >= 0 && !(s.keys(s.skip, true, yield) && s.keys(s.skip, false, yield)) {
		return
	}
	_ = s.others(admitted, true, yield) && s.others(admitted, false, yield)
}

// admitted returns the group of service, -1 if there is none or it may not accept.
func (t *Table) admitted(admitted []Principal, service Principal) int32 {
	g, ok := t.byName[service.s]
	if !ok {
		return -1
	}
	if len(admitted) == 0 {
		if t.groups[g].guarded {
			return -1
		}
		return g
	}
	for _, p := range admitted {
		if p == service {
			return g
		}
	}
	return -1
}

// search is one run of Candidates. Its methods report whether to go on.
type search struct {
	table *Table
	etype EType
	kvno  uint32
	skip  int32 // the group of the ticket's own service, -1: none
	n     int
	tried [maxCandidates]int32
}

// others goes through every admitted group but the service's own.
func (s *search) others(admitted []Principal, version bool, yield func(Entry) bool) bool {
	t := s.table
	for _, p := range admitted {
		if g, ok := t.byName[p.s]; ok && g != s.skip && !s.keys(g, version, yield) {
			return false
		}
	}
	if len(admitted) > 0 {
		return true
	}
	for g := range t.groups {
		if !t.groups[g].guarded && int32(g) != s.skip && !s.keys(int32(g), version, yield) {
			return false
		}
	}
	return true
}

// keys tries a group's keys, newest first; if version, only those of the wanted
// one. Where the table has no more than the low eight bits of a version, they
// are what is compared.
func (s *search) keys(g int32, version bool, yield func(Entry) bool) bool {
	if version && s.kvno == 0 {
		return true
	}
	for i := range s.table.groups[g].records {
		r := &s.table.groups[g].records[i]
		if r.etype != s.etype || version && r.kvno != s.kvno && r.kvno != s.kvno&0xff {
			continue
		}
		if !s.try(r, yield) {
			return false
		}
	}
	return true
}

func (s *search) try(r *record, yield func(Entry) bool) bool {
	for _, key := range s.tried[:s.n] {
		if key == r.key {
			return true
		}
	}
	s.tried[s.n] = r.key
	s.n++
	return yield(s.table.entries[r.entry]) && s.n < maxCandidates
}
