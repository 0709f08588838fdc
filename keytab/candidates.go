package keytab

import "iter"

const (
	// maxWork bounds the cost of all trials for one token, in bytes.
	maxWork = 64 << 10
	// trialWork is the cost of a trial that does not depend on the length of its
	// ciphertext.
	trialWork = 512
	// rc4Work multiplies the cost of a trial with RC4: processors have no instructions for
	// MD5 and RC4, and the checksum is computed after the decryption.
	rc4Work = 3
	// maxBeyond is the number of keys of the ticket's own service, in whatever case its
	// name is written, that are tried after maxWork is spent.
	maxBeyond = 4
	// maxTrials is the number of keys that are tried for the shortest ciphertext.
	maxTrials = maxWork/trialWork + maxBeyond
	// maxLooks bounds the look-ups of one stage of a search, because a host may have any
	// number of principals and a principal any number of keys.
	maxLooks = 3 * maxTrials
)

// Sealed contains the unencrypted fields of a ticket that describe its encrypted part.
// These fields are not authenticated, so they decide nothing and only determine the order
// in which the keys are tried.
type Sealed struct {
	Service []byte // name and realm, in the form of Principal.String; read, not kept
	EType   EType  // of the key: only keys of this type are tried
	Kvno    uint32 // 0 if the ticket has none
	Len     int    // of the ciphertext, in bytes
}

// work returns the cost of one trial.
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

// count returns how many different keys of encryption type e s admits.
func (s *Services) count(e EType) int {
	if s == nil {
		return 0
	}
	return len(s.keys[version{etype: e, all: true}])
}

// candidates implements Candidates. It returns the number of look-ups, for the tests.
func (s *Services) candidates(t *Sealed, yield func(Entry) bool) (looks int) {
	if s == nil || s.table == nil {
		return 0
	}
	r := search{Services: s, sealed: t, cost: t.work()}
	_ = r.exact(yield) && r.fold(yield) && r.sameHost(yield) && r.others(yield)
	return r.looks
}

// search is the state of one call of Candidates. Its methods report whether to continue.
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

// exact tries the keys of the principal that the ticket names.
func (r *search) exact(yield func(Entry) bool) bool {
	r.left = maxLooks
	g := r.table.group(r.sealed.Service)
	return g < 0 || !r.admits[g] || r.group(g, true, true, yield) && r.group(g, false, true, yield)
}

// fold tries the keys of principals whose names differ from that name in case only.
func (r *search) fold(yield func(Entry) bool) bool {
	return r.groups(r.foldedTo(r.sealed.Service), true, yield)
}

// sameHost tries the keys of principals with the host of the ticket's service, and then
// with the same first label: Active Directory encrypts tickets for HTTP/www with the key
// of host/www.example.com.
func (r *search) sameHost(yield func(Entry) bool) bool {
	var room [256]byte
	host, label := hostOf(appendLower(room[:0], r.sealed.Service))
	return r.groups(r.hosts[string(host)], false, yield) && (len(label) == len(host) || r.groups(r.hosts[string(label)], false, yield))
}

// others tries all keys that s admits.
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

// list tries the keys of a list. The list has each key once, so the number of look-ups
// never exceeds the number of trials.
func (r *search) list(v version, yield func(Entry) bool) bool {
	for _, i := range r.keys[v] {
		r.looks++
		if !r.try(&r.table.records[i], false, yield) {
			return false
		}
	}
	return true
}

// groups tries the keys of some principals, beginning with the keys of the ticket's
// version.
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

// mayLook counts a look-up and reports whether the stage may continue. The last stage
// tries the keys that a stage leaves out.
func (r *search) mayLook() bool {
	r.looks++
	r.left--
	return r.left >= 0
}

// group tries the keys of one principal: newest first or, if wanted is set, only those
// that may have the ticket's version.
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

// run tries the records of the ticket's encryption type from version kvno downwards or,
// if only is set, those of version kvno.
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

// firstRecord returns the index of the first record that has type e and a version of at
// most kvno, or the index behind all such records. The records are in the order of
// Table.order.
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

// try yields an entry unless its key was tried before or the work is spent.
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
