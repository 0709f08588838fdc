package keytab

import (
	"strconv"
	"strings"

	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/status"
)

// WhyNot explains why no key that s admits decrypted a ticket, after tried keys were
// tried. It returns a *status.Error with ReasonNoKey, ReasonWrongService,
// ReasonUnknownKeyVersion or ReasonWrongKey. It distinguishes them as MIT's acceptor does.
// The text lists keys of the keytab and names a remedy, and, if the bound on the work
// ended the trials, the number of keys that were tried. Its cost does not grow with the
// number of principals and keys.
func (s *Services) WhyNot(t Sealed, tried int) error {
	if s == nil || s.table == nil {
		return &status.Error{Reason: status.ReasonNoKey, Detail: "there is no keytab"}
	}
	if len(s.admitted) == 0 {
		return &status.Error{Reason: status.ReasonNoKey, Detail: s.table.whyNoneAdmitted()}
	}
	reason, why := s.explain(&t)
	detail := "the ticket is for " + quote.Text(t.Service) + ", kvno " + number(t.Kvno) + ", " + t.EType.nameAndNumber() + "; " + why
	if of := s.count(t.EType); tried < of {
		detail += "; " + strconv.Itoa(tried) + " of " + strconv.Itoa(of) + " keys tried, which is the work that one ticket may cause: give this service a keytab of its own, or name its principals in Config.Services"
	}
	return &status.Error{Reason: reason, Detail: detail}
}

// explain distinguishes the Reasons.
func (s *Services) explain(t *Sealed) (status.Reason, string) {
	g := s.table.group(t.Service)
	if g < 0 || !s.admits[g] {
		return status.ReasonWrongService, s.whyNotServed(g, t)
	}
	records := s.table.groups[g].records
	n, ofType := 0, 0
	for i := firstRecord(records, t.EType, ^uint32(0)); i < len(records) && records[i].etype == t.EType && ofType < maxLooks; i++ {
		ofType++
		if isVersion(records[i].kvno, t.Kvno) {
			n++
		}
	}
	if n > 0 {
		return status.ReasonWrongKey, whyWrongKey(s.table.title(), t.Kvno)
	}
	return status.ReasonUnknownKeyVersion, s.table.title() + " has for it " + held(records, t.EType) + whichVersion(records, t, ofType > 0)
}

// whyWrongKey returns the explanation for a key that has the right version and does not
// decrypt the ticket. A keytab that was made from a password has the version that its
// author typed and not the version in the KDC; a wrong salt gives another key and no
// error.
func whyWrongKey(keytab string, kvno uint32) string {
	if kvno == 0 {
		return keytab + " has keys of that type, and none opens it: the password or the salt was wrong when the keytab was made, or the key was changed since; make the keytab anew"
	}
	return keytab + " has a key of that version and type, and it does not open the ticket: since the version fits, the password or the salt was wrong when the keytab was made" +
		" (in Active Directory the salt is that of the account, not of the SPN), or the keytab is of another KDC; make the keytab anew"
}

// whichVersion explains the difference between the ticket's key version and those in the
// keytab.
func whichVersion(records []record, t *Sealed, hasType bool) string {
	if !hasType {
		return "; it has no key of the ticket's encryption type: export the keytab with keys of that type"
	}
	newest := records[firstRecord(records, t.EType, ^uint32(0))].kvno
	if t.Kvno > newest {
		return "; the ticket's version is newer: the service's key was changed after the keytab was made; export the keytab anew"
	}
	return "; the ticket's version is older: the client got it before the service's key was changed, or the keytab is not of this KDC; keep the older keys in the keytab, or let the client get a new ticket"
}

// whyNotServed explains a ticket for a principal that is not in the keytab (g < 0) or
// not admitted.
func (s *Services) whyNotServed(g int32, t *Sealed) string {
	served := "; served here: " + s.table.some(s.admitted)
	switch folded := s.foldedTo(t.Service); {
	case g >= 0 && s.table.groups[g].guarded:
		return s.table.title() + " has keys for it, but krbtgt/* and kadmin/* accept only if Config.Services names them" + served
	case g >= 0:
		return s.table.title() + " has keys for it, but Config.Services does not admit it" + served
	case len(folded) > 0:
		return "the keys of " + s.table.some(folded[:1]) + ", which differs in case alone, do not open it" + served
	}
	why := s.table.title() + " has no key for it, and no key that was tried opens it: check the SPN that the client asks for, and whether this is the keytab of this server" + served
	if s.table.outOfUse != "" {
		why += "; " + s.table.outOfUse
	}
	return why
}

// errNoneAdmitted returns the error for patterns that match no principal of the table.
func (t *Table) errNoneAdmitted(patterns []string) error {
	detail := t.title() + " has no key for " + few(len(patterns), func(i int) string { return quote.Text(patterns[i]) })
	if found, err := t.match(patterns, true); err == nil && len(found) > 0 {
		detail += "; it has keys for " + t.some(found[:1]) + ", which differs in case alone: write the name in Config.Services as the keytab has it"
	}
	return &status.Error{Reason: status.ReasonNoKey, Detail: detail + "; " + t.whatItHas()}
}

// whyNoneAdmitted explains why no key of the table may decrypt tickets.
func (t *Table) whyNoneAdmitted() string {
	if t.Len() == 0 {
		return t.title() + " has no key: " + t.whatItHas()
	}
	return t.title() + " has no key under the acceptor's name; " + t.whatItHas() + " (krbtgt/* and kadmin/* accept only if Config.Services names them)"
}

// whatItHas lists some principals of the table and the number of unusable entries.
func (t *Table) whatItHas() string {
	if t == nil {
		return "there is no keytab"
	}
	text := "it has keys for " + few(len(t.groups), func(i int) string { return quote.Text(t.groups[i].principal.s) })
	if len(t.groups) == 0 {
		text = "it has no entry that can be used"
	}
	if t.outOfUse != "" {
		text += "; " + t.outOfUse
	}
	return text
}

// held lists at most eight keys of one principal, beginning with those of type e.
func held(records []record, e EType) string {
	const most = 8
	var keys []string
	add := func(r *record) {
		if len(keys) < most {
			keys = append(keys, "kvno "+number(r.kvno)+" "+r.etype.nameAndNumber())
		}
	}
	for i := firstRecord(records, e, ^uint32(0)); i < len(records) && records[i].etype == e && len(keys) < most; i++ {
		add(&records[i])
	}
	for i := 0; i < len(records) && i < maxLooks; i++ {
		if records[i].etype != e {
			add(&records[i])
		}
	}
	text := strings.Join(keys, ", ")
	if more := len(records) - len(keys); more > 0 {
		text += " and " + strconv.Itoa(more) + " more"
	}
	return text
}

// title returns the name of the keytab in a message, with its file if it was read from a
// file.
func (t *Table) title() string {
	if t == nil || t.name == "" {
		return "the keytab"
	}
	return "the keytab " + quote.Value(t.name)
}

func number(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

// countUnusable returns a text with the number of unusable entries and at most four of
// their encryption types.
func countUnusable(entries []Unusable) string {
	if len(entries) == 0 {
		return ""
	}
	counts := make(map[string]int)
	var kinds []string
	for i := range entries {
		kind := entries[i].EType.nameAndNumber()
		if entries[i].malformed() {
			kind += " with a key or a name that is not valid"
		}
		if counts[kind]++; counts[kind] == 1 {
			kinds = append(kinds, kind)
		}
	}
	return plural(len(entries), "entry cannot be used", "entries cannot be used") + ": " +
		few(len(kinds), func(i int) string { return strconv.Itoa(counts[kinds[i]]) + " of " + kinds[i] })
}

func plural(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + more
}
