package pac

import (
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/gosspi/kerberos/internal/ndr"
)

// Attributes of a group ([MS-PAC], Section 2.2.1; [MS-ADTS]).
const (
	SE_GROUP_MANDATORY          = 0x00000001
	SE_GROUP_ENABLED_BY_DEFAULT = 0x00000002
	SE_GROUP_ENABLED            = 0x00000004
	SE_GROUP_USE_FOR_DENY_ONLY  = 0x00000010
	SE_GROUP_RESOURCE           = 0x20000000
)

// Flags of LogonInfo.UserFlags ([MS-PAC], Section 2.5).
const (
	LOGON_GUEST           = 0x00000001
	LOGON_EXTRA_SIDS      = 0x00000020
	LOGON_RESOURCE_GROUPS = 0x00000200
)

// A Group is a SID with its SE_GROUP attributes.
type Group struct {
	SID        SID
	Attributes uint32
}

// Grants reports whether the attributes of g let it grant access: it must be enabled and
// must not be for deny-only.
func (g Group) Grants() bool {
	return g.Attributes&SE_GROUP_ENABLED != 0 && g.Attributes&SE_GROUP_USE_FOR_DENY_ONLY == 0
}

// LogonInfo is the KERB_VALIDATION_INFO of a PAC ([MS-PAC], Section 2.5): the account of
// the client and its groups, by the word of the client's domain controller. A time that is
// not set, or that means "never", is the zero Time.
//
// LogonInfo lists the SIDs as the PAC has them. Do not grant access by these lists: they
// contain SIDs that are for deny-only and, for a client of a trusted forest, SIDs that its
// forest has no authority over.
type LogonInfo struct {
	AccountName, FullName             string
	LogonScript, ProfilePath          string
	HomeDirectory, HomeDirectoryDrive string
	LogonServer, LogonDomain          string // NetBIOS names

	LogonTime, LogoffTime, KickOffTime                     time.Time
	PasswordLastSet, PasswordCanChange, PasswordMustChange time.Time
	LastSuccessfulLogon, LastFailedLogon                   time.Time
	LogonCount, BadPasswordCount                           uint16
	FailedLogonCount                                       uint32

	// UserSID is the SID of the account, and DomainSID the SID of its domain.
	UserSID, DomainSID SID
	// PrimaryGroup is the SID of the primary group.
	PrimaryGroup SID
	// Groups are the global and universal groups of the account's domain.
	Groups []Group
	// UserFlags are LOGON_ flags.
	UserFlags uint32
	// AccountControl are the USER_ flags of [MS-SAMR], Section 2.2.1.12.
	AccountControl uint32
	// ExtraSIDs are groups of other domains, SID history and well-known SIDs.
	ExtraSIDs []Group
	// ResourceGroups are domain-local groups of the service's domain, ResourceDomainSID.
	ResourceDomainSID SID
	ResourceGroups    []Group
}

// maxSIDs is the limit of the SIDs in one PAC buffer.
const maxSIDs = 4096

var (
	errSIDs        = errors.New("it has more than 4096 SIDs")
	errSIDForm     = errors.New("a SID is malformed")
	errText        = errors.New("a name is not UTF-16 without NUL and without unpaired surrogates")
	errNoDomainSID = errors.New("it has relative identifiers without the SID of their domain")
)

// logon is a KERB_VALIDATION_INFO whose groups are not expanded to SIDs: a domain controller
// sends hundreds of them, and a service asks for a few.
type logon struct {
	wire logonWire

	account Account
	names   [8]string // EffectiveName to HomeDirectoryDrive, LogonServer, LogonDomainName

	resourceDomainSID      SID
	groups, resourceGroups array // of GROUP_MEMBERSHIP, views of the PAC
	extraSIDs              []Group
}

// An Account is the account that LOGON_INFO names.
type Account struct {
	SID, DomainSID, PrimaryGroup SID
	Name, FullName, Domain       string // Domain is the NetBIOS name
	Control                      uint32 // USER_ flags of [MS-SAMR], Section 2.2.1.12
}

// Indices of logon.names.
const (
	nameAccount = 0
	nameFull    = 1
	nameDomain  = 7
)

// decode decodes buffer 1 into the zero logon.
func (l *logon) decode(b []byte) error {
	d, err := ndr.NewDecoder(b)
	if err != nil {
		return err
	}
	l.wire.read(&d)
	if err := l.referents(&d); err != nil {
		return err
	}
	return d.Close()
}

// logonWire is the fixed part of a KERB_VALIDATION_INFO.
type logonWire struct {
	times   [6]uint64
	names   [6]ndr.UnicodeString // EffectiveName to HomeDirectoryDrive
	counts  [2]uint16
	userID  uint32
	primary uint32
	flags   uint32
	groups  list
	server  ndr.UnicodeString
	domain  ndr.UnicodeString
	sid     bool
	control uint32

	lastLogon, lastFailure uint64
	failures               uint32

	extra       list
	resourceSID bool
	resource    list
}

// A list is the fixed part of a counted array: its count, and whether its pointer is not
// null.
type list struct {
	count   uint32
	present bool
}

func readList(d *ndr.Decoder) list {
	l := list{count: d.Uint32()}
	l.present = d.Pointer()
	d.Match(l.count, l.present)
	return l
}

// read reads the fixed part in the order of [MS-PAC], Section 2.5.
func (w *logonWire) read(d *ndr.Decoder) {
	for i := range w.times {
		w.times[i] = d.FileTime()
	}
	for i := range w.names {
		w.names[i] = d.UnicodeString()
	}
	w.counts = [2]uint16{d.Uint16(), d.Uint16()}
	w.userID, w.primary = d.Uint32(), d.Uint32()
	w.groups = readList(d)
	w.flags = d.Uint32()
	d.Bytes(16) // UserSessionKey: zero, or secret
	w.server, w.domain = d.UnicodeString(), d.UnicodeString()
	w.sid = d.Pointer()
	d.Bytes(8) // Reserved1
	w.control = d.Uint32()
	d.Uint32() // SubAuthStatus
	w.lastLogon, w.lastFailure, w.failures = d.FileTime(), d.FileTime(), d.Uint32()
	d.Uint32() // Reserved3
	w.extra = readList(d)
	w.resourceSID = d.Pointer()
	w.resource = readList(d)
}

// referents reads the referents of the embedded pointers, in the order of the pointers.
func (l *logon) referents(d *ndr.Decoder) error {
	w := &l.wire
	var buffers [8][]byte
	for i, s := range w.names {
		buffers[i] = d.Buffer(s)
	}
	l.groups = readRIDs(d, w.groups)
	buffers[6], buffers[7] = d.Buffer(w.server), d.Buffer(w.domain)
	if n := uint64(w.groups.count) + uint64(w.extra.count) + uint64(w.resource.count); d.Err() == nil && n > maxSIDs {
		return errSIDs
	}
	var a arena
	a.b.Grow(w.textLen() + (int(min(w.extra.count, maxSIDs))+4)*usualSIDLen)
	var err error
	if l.account.DomainSID, err = a.readSID(d, w.sid); err != nil {
		return err
	}
	extra := readArray(d, w.extra, 8)
	l.extraSIDs = make([]Group, 0, extra.len())
	if l.extraSIDs, err = a.appendSIDs(l.extraSIDs, d, extra); err != nil {
		return err
	}
	if l.resourceDomainSID, err = a.readSID(d, w.resourceSID); err != nil {
		return err
	}
	l.resourceGroups = readRIDs(d, w.resource) // decode returns its error
	if l.groups.len() > 0 && !l.account.DomainSID.isParent() || l.resourceGroups.len() > 0 && !l.resourceDomainSID.isParent() {
		return errNoDomainSID
	}
	return l.set(&a, &buffers)
}

// usualSIDLen is the packed length of the SID of an account in a domain.
const usualSIDLen = authorityLen + 5*subAuthorityLen

// textLen returns the length of all names, if they are ASCII.
func (w *logonWire) textLen() int {
	n := w.server.Units() + w.domain.Units()
	for _, s := range w.names {
		n += s.Units()
	}
	return n
}

// set sets the names, and the SIDs that have no referents.
func (l *logon) set(a *arena, buffers *[8][]byte) error {
	w := &l.wire
	for i := range buffers {
		if err := a.setText(&l.names[i], buffers[i]); err != nil {
			return err
		}
	}
	l.account.PrimaryGroup = a.account(l.account.DomainSID, w.primary)
	if w.userID != 0 {
		l.account.SID = a.account(l.account.DomainSID, w.userID)
	} else if len(l.extraSIDs) > 0 {
		// A user id of 0 puts the SID of the account first into ExtraSids ([MS-PAC],
		// Section 2.5, UserId).
		l.account.SID, l.extraSIDs = l.extraSIDs[0].SID, l.extraSIDs[1:]
	}
	l.account.Name, l.account.FullName, l.account.Domain = l.names[nameAccount], l.names[nameFull], l.names[nameDomain]
	l.account.Control = w.control
	switch a := &l.account; {
	case a.SID.IsZero() || a.Name == "" || a.Domain == "":
		return errors.New("it has no name or no SID of the account, or no name of its domain")
	case strings.ContainsFunc(a.Name, neverInName) || strings.ContainsFunc(a.Domain, neverInName):
		return errors.New("the name of the account or of its domain has a backslash or a control character")
	}
	return nil
}

// neverInName reports whether r cannot be in the names of accounts and domains. A name with a
// backslash would move the boundary between domain and account in DOMAIN\name.
func neverInName(r rune) bool { return r == '\\' || unicode.IsControl(r) }

// expand returns l with a SID for each group.
func (l *logon) expand() *LogonInfo {
	w, n := &l.wire, &l.names
	out := &LogonInfo{
		AccountName: n[nameAccount], FullName: n[nameFull], LogonScript: n[2], ProfilePath: n[3],
		HomeDirectory: n[4], HomeDirectoryDrive: n[5], LogonServer: n[6], LogonDomain: n[nameDomain],
		LastSuccessfulLogon: fileTime(w.lastLogon), LastFailedLogon: fileTime(w.lastFailure),
		LogonCount: w.counts[0], BadPasswordCount: w.counts[1], FailedLogonCount: w.failures,
		UserFlags: w.flags, AccountControl: w.control,
		UserSID: l.account.SID, DomainSID: l.account.DomainSID, PrimaryGroup: l.account.PrimaryGroup,
		ExtraSIDs: slices.Clone(l.extraSIDs), ResourceDomainSID: l.resourceDomainSID,
	}
	for i, t := range [...]*time.Time{
		&out.LogonTime, &out.LogoffTime, &out.KickOffTime, &out.PasswordLastSet, &out.PasswordCanChange, &out.PasswordMustChange,
	} {
		*t = fileTime(w.times[i])
	}
	var a arena
	a.b.Grow((l.groups.len() + l.resourceGroups.len()) * usualSIDLen)
	out.Groups = a.appendRIDs(nil, l.groups, l.account.DomainSID)
	out.ResourceGroups = a.appendRIDs(nil, l.resourceGroups, l.resourceDomainSID)
	return out
}

// grants reports whether every group of an array of GROUP_MEMBERSHIP grants.
func (a array) grants() bool {
	for b := a.elements; len(b) >= 8; b = b[8:] {
		if !(Group{Attributes: le32(b[4:])}).Grants() {
			return false
		}
	}
	return true
}

// contains reports whether an array of GROUP_MEMBERSHIP of a domain contains sid.
func (a array) contains(domain, sid SID) bool {
	if sid.Domain() != domain {
		return false
	}
	rid := sid.RID()
	for b := a.elements; len(b) >= 8; b = b[8:] {
		if le32(b) == rid {
			return true
		}
	}
	return false
}

// readSID reads the referent of a pointer to an RPC_SID: the maximum count of the conformant
// array and the SID.
func (a *arena) readSID(d *ndr.Decoder, present bool) (SID, error) {
	if !present {
		return SID{}, d.Err()
	}
	count := d.Uint32()
	const header = 2
	head := d.Bytes(header + authorityLen)
	if err := d.Err(); err != nil {
		return SID{}, err
	}
	if head[0] != 1 || head[1] > maxSubAuthorities || uint32(head[1]) != count {
		return SID{}, errSIDForm
	}
	subs := d.Bytes(int(count) * subAuthorityLen)
	return a.sid(head[header:], subs), d.Err()
}

// An array is a view of the fixed-size elements of a conformant array.
type array struct {
	elements []byte
	size     int
}

func (a array) len() int { return len(a.elements) / max(a.size, 1) }

// readArray reads the referent of a list of elements of size bytes.
func readArray(d *ndr.Decoder, l list, size int) array {
	if !l.present {
		return array{}
	}
	n := d.Array(l.count, size)
	return array{d.Bytes(n * size), size}
}

// readRIDs reads an array of GROUP_MEMBERSHIP: a relative identifier and attributes.
func readRIDs(d *ndr.Decoder, l list) array { return readArray(d, l, 8) }

// appendRIDs appends the groups of an array of GROUP_MEMBERSHIP in the given domain,
// which must be a parent.
func (a *arena) appendRIDs(groups []Group, rids array, domain SID) []Group {
	b := rids.elements
	groups = slices.Grow(groups, rids.len())
	var room [32 * usualSIDLen]byte
	n := len(domain.packed) + subAuthorityLen
	for len(b) >= 8 {
		batch := b[:min(len(b)/8, 32)*8] // so many that room is enough, as a rule
		b = b[len(batch):]
		packed := room[:0]
		for g := batch; len(g) >= 8; g = g[8:] {
			packed = append(append(packed, domain.packed...), g[:4]...)
		}
		text := a.text(packed)
		for g := batch; len(g) >= 8; g = g[8:] {
			groups = append(groups, Group{SID{text[:n]}, le32(g[4:])})
			text = text[n:]
		}
	}
	return groups
}

// appendSIDs reads the SIDs of an array of KERB_SID_AND_ATTRIBUTES and appends them.
func (a *arena) appendSIDs(groups []Group, d *ndr.Decoder, sids array) ([]Group, error) {
	for b := sids.elements; len(b) >= 8; b = b[8:] {
		d.Require(le32(b) != 0)
		sid, err := a.readSID(d, true)
		if err != nil {
			return nil, err
		}
		groups = append(groups, Group{sid, le32(b[4:])})
	}
	return groups, nil
}
