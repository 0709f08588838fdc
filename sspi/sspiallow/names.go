package sspiallow

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket/pac"
)

// maxName is the limit of the length of a name in bytes.
const maxName = 512

// directory is the content of a file of names. It is immutable.
type directory struct {
	byName map[string]line  // by the folded name
	bySID  map[pac.SID]line // the same

	everywhere map[string]pac.SID // SIDs that are the same in all domains, by folded name
	inDomains  map[string]uint32  // RIDs that are the same in all domains, by folded name
}

// newDirectory returns a directory without lines, with room for n of them.
func newDirectory(n int) *directory {
	d := &directory{
		byName: make(map[string]line, n), bySID: make(map[pac.SID]line, n),
		everywhere: make(map[string]pac.SID), inDomains: make(map[string]uint32),
	}
	for _, sid := range everywhere {
		d.everywhere[fold(sid.WellKnownName())] = sid
	}
	for rid := uint32(firstRID); rid <= lastRID; rid++ {
		if name := accountIn(anyDomain, rid).WellKnownName(); name != "" {
			d.inDomains[fold(name)] = rid
		}
	}
	return d
}

// accountIn returns the SID of the account rid of a domain.
func accountIn(domain pac.SID, rid uint32) pac.SID {
	return pac.MustParseSID(fmt.Sprint(domain, "-", rid))
}

// anyDomain is a SID of the form of a domain.
var anyDomain = pac.MustParseSID("S-1-5-21-1-1-1")

// line is a line of a file of names.
type line struct {
	number int
	sid    pac.SID
	name   string
}

// parseNames parses a file of names. The error names the line.
func parseNames(b []byte) (*directory, error) {
	switch {
	case bytes.HasPrefix(b, []byte{0xff, 0xfe}), bytes.HasPrefix(b, []byte{0xfe, 0xff}):
		return nil, badNames(1, "the file is in UTF-16, as PowerShell's > writes; write it in UTF-8")
	}
	b = bytes.TrimPrefix(b, []byte("\ufeff"))
	// A line with the SID of a domain's account is about that long. Empty lines need no room.
	const usualLine = 32
	d := newDirectory(min(bytes.Count(b, []byte{'\n'}), len(b)/usualLine) + 1)
	number := 0
	for text := range bytes.Lines(b) {
		number++
		l, err := parseLine(number, text)
		if err != nil {
			return nil, err
		}
		if l.name == "" {
			continue
		}
		if err := d.add(l); err != nil {
			return nil, err
		}
	}
	if err := d.checkBuiltIn(); err != nil {
		return nil, err
	}
	return d, nil
}

// parseLine parses one line. It returns a line without a name for a comment.
func parseLine(number int, text []byte) (line, error) {
	text = bytes.TrimSpace(text)
	if len(text) == 0 || text[0] == '#' {
		return line{}, nil
	}
	first, rest := text, []byte(nil)
	if i := bytes.IndexAny(text, " \t"); i >= 0 {
		first, rest = text[:i], bytes.TrimSpace(text[i:])
	}
	sid, err := pac.ParseSID(string(first))
	if err != nil {
		return line{}, badNames(number, quote.Text(first)+" is no SID; a line has a SID, a space and a name, or begins with #")
	}
	name := string(rest)
	switch i := strings.IndexFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }); {
	case name == "":
		return line{}, badNames(number, sid.String()+" has no name")
	case len(name) > maxName:
		return line{}, badNames(number, fmt.Sprintf("the name has more than %d bytes", maxName))
	case !utf8.ValidString(name):
		return line{}, badNames(number, "the name is not UTF-8")
	case i >= 0:
		return line{}, badNames(number, "the name "+quote.Text(name)+" has a character that is not printable")
	case strings.HasPrefix(name, sidPrefix):
		return line{}, badNames(number, "the name "+quote.Text(name)+" begins like a SID")
	}
	return line{number, sid, name}, nil
}

// sidPrefix begins the text of every SID.
const sidPrefix = "S-1-"

// add adds a line, whose SID and whose name must be new.
func (d *directory) add(l line) error {
	if old, ok := d.bySID[l.sid]; ok {
		return badNames(l.number, fmt.Sprintf("line %d already has a name for %v", old.number, l.sid))
	}
	key := fold(l.name)
	if old, ok := d.byName[key]; ok {
		return badNames(l.number, fmt.Sprintf("line %d already has the name %s, for %v; upper and lower case are the same", old.number, quote.Text(l.name), old.sid))
	}
	d.bySID[l.sid], d.byName[key] = l, l
	return nil
}

// checkBuiltIn returns an error if a line gives the name of a well-known group, such as
// CORP\Domain Admins, to another SID.
func (d *directory) checkBuiltIn() error {
	var first *line
	why := ""
	for key, l := range d.byName {
		if sid, ok := d.builtIn(key); ok && sid != l.sid && (first == nil || l.number < first.number) {
			first, why = &l, "the name "+quote.Text(l.name)+" is that of the well-known group "+sid.String()
		}
	}
	if first != nil {
		return badNames(first.number, why)
	}
	return nil
}

// lookup returns the SID of a name: that of its line, or that of a well-known group.
func (d *directory) lookup(name string) (pac.SID, bool) {
	key := fold(name)
	if l, ok := d.byName[key]; ok {
		return l.sid, true
	}
	return d.builtIn(key)
}

// builtIn returns the SID of a folded name that needs no line: that of a SID that is the same in
// all domains, or DOMAIN\NAME of a group that every domain has, if a line names the domain.
func (d *directory) builtIn(key string) (pac.SID, bool) {
	if sid, ok := d.everywhere[key]; ok {
		return sid, true
	}
	domain, name, _ := strings.Cut(key, `\`) // inDomains has no empty name
	rid, known := d.inDomains[name]
	l, named := d.byName[domain]
	if !known || !named || !l.sid.IsDomain() {
		return pac.SID{}, false
	}
	return accountIn(l.sid, rid), true
}

// everywhere are the SIDs outside of domains that a domain controller puts into tickets.
var everywhere = [...]pac.SID{
	pac.AuthenticationAuthorityAsserted, pac.ServiceAsserted, pac.CompoundedAuthentication, pac.ClaimsValid,
	pac.MustParseSID("S-1-5-9"), pac.MustParseSID("S-1-5-15"), pac.MustParseSID("S-1-5-1000"), pac.MustParseSID("S-1-5-65-1"),
}

// The relative identifiers of the groups that every domain has.
const (
	firstRID = 498
	lastRID  = 572
)

// name returns the name of sid for display, "" if no line and no well-known SID has one.
func (d *directory) name(sid pac.SID) string {
	if l, ok := d.bySID[sid]; ok {
		return l.name
	}
	known, domain := sid.WellKnownName(), sid.Domain()
	if known == "" || !domain.IsDomain() || domain == pac.ClaimsValid.Domain() {
		return known
	}
	if l, ok := d.bySID[domain]; ok {
		return l.name + `\` + known
	}
	return domain.String() + `\` + known
}

// similar returns a hint at the line of another domain or of no domain with the same name, or at
// the line of the domain if name is that of a group that every domain has.
func (d *directory) similar(name string) string {
	domain, group, _ := strings.Cut(name, `\`)
	_, known := d.inDomains[fold(group)]
	if _, named := d.byName[fold(domain)]; known && !named {
		return "; a line with the SID of the domain and the name " + quote.Text(domain) + " names the groups that every domain has"
	}
	best := line{}
	want := lastPart(fold(name))
	for key, l := range d.byName {
		if lastPart(key) == want && (best.name == "" || l.number < best.number) {
			best = l
		}
	}
	if best.name == "" {
		return ""
	}
	return fmt.Sprintf("; line %d has %s", best.number, quote.Text(best.name))
}

// lastPart returns the part of a name behind the domain.
func lastPart(name string) string { return name[strings.LastIndexByte(name, '\\')+1:] }

// fold returns the same text for names that differ in case only, as Windows compares them.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		low := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			low = min(low, f)
		}
		return low
	}, s)
}

func badNames(number int, why string) error {
	return argument(fmt.Sprintf("line %d: %s", number, why))
}

func argument(detail string) error {
	return &status.Error{Reason: status.ReasonArgument, Detail: detail}
}
