package keytab

import "iter"

const (
	// maxWork bounds what the trials of one token cost together, in bytes.
	maxWork = 64 << 10
	// trialWork is charged for each trial besides the length of its ciphertext. It
	// stands for the work that does not depend on the length.
	trialWork = 512
	// rc4Work is how many times as much a trial of RC4 is charged: MD5 and RC4 have no
	// instructions of the processor's own, and the checksum comes after the decryption.
	rc4Work = 3
	// maxBeyond is how many keys of the ticket's own service, in whatever case its name
	// is written, are tried where maxWork is spent.
	maxBeyond = 4
	// maxTrials is how many keys are tried for the shortest ciphertext.
	maxTrials = maxWork/trialWork + maxBeyond
	// maxLooks bounds the look-ups of a stage of a search that could take many: there may
	// be any number of principals of one host, and of keys of one principal.
	maxLooks = 3 * maxTrials
)

// Sealed is what a ticket says of its encrypted part in clear. Nothing protects it, so
// it decides nothing; it puts the keys in order.
type Sealed struct {
	Service []byte // name and realm, in the form of Principal.String; read, not kept
	EType   EType  // of the key: only keys of this type are tried
	Kvno    uint32 // 0 if the ticket has none
	Len     int    // of the ciphertext, in bytes
}

// work returns what one trial is charged.
func (t *Sealed) work() int {
	n := min(max(t.Len, 0), maxWork) + trialWork
	if t.EType == RC4_HMAC {
		n *= rc4Work
	}
	return n
}

// Candidates yields the keys to try on a ticket, best first: first the keys of the
// principal that t.Service names, then those of principals whose names differ from it in
// ASCII case alone, then those of principals of the same host, then all others that s
// admits. In each of these stages keys of version t.Kvno come first, and then newer ones
// before older ones. A key that several principals share is tried once, for the first of
// them in this order. Nothing but the order depends on Service and Kvno.
//
// The work is bounded: each trial is charged t.Len and 512 bytes, under RC4 three times
// that, of 64 KiB. Beyond it, four more keys of the first two stages are tried.
//
// Ranging over it does not allocate.
func (s *Services) Candidates(t Sealed) iter.Seq[Entry] {
	// Kept this thin so that it is inlined, and the closure with the loop's body
	// stays on the caller's stack.
	return func(yield func(Entry) bool) { s.candidates(&t, yield) }
}

// Keys returns how many different keys of encryption type e s admits.
func (s *Services) Keys(e EType) int {
	if s == nil {
		return 0
	}
	return len(s.keys[version{etype: e, all: true}])
}

// candidates is Candidates; it returns the number of look-ups, for the tests.
func (s *Services) candidates(t *Sealed, yield func(Entry) bool) (looks int) {
	if s == nil || s.table == nil {
		return 0
	}
	r := search{Services: s, sealed: t, cost: t.work()}
	_ = r.exact(yield) && r.fold(yield) && r.sameHost(yield) && r.others(yield)
	return r.looks
}

// search is one run of Candidates. Its methods report whether to go on.
type search struct {
	*Services
	sealed *Sealed
	cost   int // of one trial
	spent  int // of maxWork
	beyond int // trials beyond maxWork
	looks  int
	left   int        // of maxLooks
	tried  [512]int32 // open hash set of keys, each plus one; at most maxTrials are in it
}

// exact goes through the keys of the principal that the ticket names.
func (r *search) exact(yield func(Entry) bool) bool {
	r.left = maxLooks
	g := r.table.group(r.sealed.Service)
	return g < 0 || !r.admits[g] || r.group(g, true, true, yield) && r.group(g, false, true, yield)
}

// fold goes through the keys of principals whose names differ in case alone.
func (r *search) fold(yield func(Entry) bool) bool {
	return r.groups(r.foldedTo(r.sealed.Service), true, yield)
}

// sameHost goes through the keys of principals with the host of the ticket's service,
// and then with the same first label: Active Directory issues tickets for HTTP/www under
// the key of host/www.example.com.
func (r *search) sameHost(yield func(Entry) bool) bool {
	var room [256]byte
	host, label := hostOf(appendLower(room[:0], r.sealed.Service))
	return r.groups(r.hosts[string(host)], false, yield) && (len(label) == len(host) || r.groups(r.hosts[string(label)], false, yield))
}

// others goes through all keys that s admits.
func (r *search) others(yield func(Entry) bool) bool {
	e := r.sealed.EType
	versions, n := storedVersions(r.sealed.Kvno)
	for _, kvno := range versions[:n] {
		if !r.list(version{etype: e, kvno: kvno}, yield) {
			return false
		}
	}
	return r.list(version{etype: e, all: true}, yield)
}

// list goes through a list that has each key once, so that no more of its records are
// looked at than keys are tried altogether.
func (r *search) list(v version, yield func(Entry) bool) bool {
	for _, i := range r.keys[v] {
		r.looks++
		if !r.try(&r.table.records[i], false, yield) {
			return false
		}
	}
	return true
}

// groups goes through the keys of some principals: those of the wanted version first.
func (r *search) groups(list []int32, named bool, yield func(Entry) bool) bool {
	return r.groupsOf(list, true, named, yield) && r.groupsOf(list, false, named, yield)
}

func (r *search) groupsOf(list []int32, wanted, named bool, yield func(Entry) bool) bool {
	r.left = maxLooks
	for _, g := range list {
		if !r.mayLook() {
			return true
		}
		if !r.group(g, wanted, named, yield) {
			return false
		}
	}
	return true
}

// mayLook counts a look-up. Where a stage has had its share, the keys that remain are
// among those of the last stage.
func (r *search) mayLook() bool {
	r.looks++
	r.left--
	return r.left >= 0
}

// group goes through the keys of one principal: newest first, or, if wanted, only those
// of the ticket's version. Where the table has no more than the low eight bits of a
// version, they are compared.
func (r *search) group(g int32, wanted, named bool, yield func(Entry) bool) bool {
	records := r.table.groups[g].records
	if !wanted {
		return r.run(records, ^uint32(0), false, named, yield)
	}
	versions, n := storedVersions(r.sealed.Kvno)
	for _, kvno := range versions[:n] {
		if !r.run(records, kvno, true, named, yield) {
			return false
		}
	}
	return true
}

// run goes through records of the ticket's encryption type from version kvno downwards,
// or those of that version only.
func (r *search) run(records []record, kvno uint32, only, named bool, yield func(Entry) bool) bool {
	e := r.sealed.EType
	for i := firstRecord(records, e, kvno); i < len(records) && records[i].etype == e && (!only || records[i].kvno == kvno); i++ {
		if !r.mayLook() {
			return true
		}
		if !r.try(&records[i], named, yield) {
			return false
		}
	}
	return true
}

// firstRecord returns the index of the first of records, which are in the order of
// Table.order, that has type e and a version of at most kvno, or is behind those.
func firstRecord(records []record, e EType, kvno uint32) int {
	from, to := 0, len(records)
	for from < to {
		m := int(uint(from+to) >> 1)
		if r := &records[m]; r.etype < e || r.etype == e && r.kvno > kvno {
			from = m + 1
		} else {
			to = m
		}
	}
	return from
}

// try yields an entry whose key was not tried yet, unless the work is spent.
func (r *search) try(rec *record, named bool, yield func(Entry) bool) bool {
	slot := uint32(rec.key) * 0x9e3779b1 >> 23 // nine bits
	for ; r.tried[slot] != 0; slot = (slot + 1) % uint32(len(r.tried)) {
		if r.tried[slot] == rec.key+1 {
			return true
		}
	}
	switch {
	case r.spent+r.cost <= maxWork:
		r.spent += r.cost
	case named && r.beyond < maxBeyond:
		r.beyond++
	default:
		return false
	}
	r.tried[slot] = rec.key + 1
	return yield(r.table.entries[rec.entry])
}
