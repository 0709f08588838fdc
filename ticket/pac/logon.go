package pac

import (
	"errors"
	"time"

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

	all []Group // Groups, ExtraSIDs and ResourceGroups, if they follow each other
}

// maxSIDs is the limit of the SIDs in one PAC buffer.
const maxSIDs = 4096

var (
	errSIDs        = errors.New("it has more than 4096 SIDs")
	errSIDForm     = errors.New("a SID is malformed")
	errText        = errors.New("a name is not UTF-16 without NUL and without unpaired surrogates")
	errNoDomainSID = errors.New("it has relative identifiers without the SID of their domain")
)

// decode decodes buffer 1 into the zero LogonInfo.
func (l *LogonInfo) decode(b []byte) error {
	d, err := ndr.NewDecoder(b)
	if err != nil {
		return err
	}
	var w logonWire
	w.read(&d)
	if err := w.referents(&d, l); err != nil {
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

// referents reads the referents of the embedded pointers, in the order of the pointers, and
// sets l.
func (w *logonWire) referents(d *ndr.Decoder, l *LogonInfo) error {
	var buffers [8][]byte
	for i, s := range w.names {
		buffers[i] = d.Buffer(s)
	}
	groups := readRIDs(d, w.groups)
	buffers[6], buffers[7] = d.Buffer(w.server), d.Buffer(w.domain)
	if n := uint64(w.groups.count) + uint64(w.extra.count) + uint64(w.resource.count); d.Err() == nil && n > maxSIDs {
		return errSIDs
	}
	n := groups.len() + int(min(w.extra.count, maxSIDs)) + int(min(w.resource.count, maxSIDs))
	var a arena
	a.b.Grow(w.textLen() + (n+4)*usualSIDLen)
	var err error
	if l.DomainSID, err = a.readSID(d, w.sid); err != nil {
		return err
	}
	extra := readArray(d, w.extra, 8)
	all := make([]Group, 0, n)
	if all, err = a.appendRIDs(all, groups, l.DomainSID); err != nil {
		return err
	}
	l.Groups = all[:len(all):len(all)]
	if all, err = a.appendSIDs(all, d, extra); err != nil {
		return err
	}
	l.ExtraSIDs = all[len(l.Groups):len(all):len(all)]
	if l.ResourceDomainSID, err = a.readSID(d, w.resourceSID); err != nil {
		return err
	}
	first := len(all)
	if all, err = a.appendRIDs(all, readRIDs(d, w.resource), l.ResourceDomainSID); err != nil {
		return err
	}
	l.ResourceGroups, l.all = all[first:], all
	if err := d.Err(); err != nil {
		return err
	}
	return w.set(l, &a, &buffers)
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

// set sets the members of l that have no referents, and the names.
func (w *logonWire) set(l *LogonInfo, a *arena, buffers *[8][]byte) error {
	err := a.texts(buffers[:], &l.AccountName, &l.FullName, &l.LogonScript, &l.ProfilePath,
		&l.HomeDirectory, &l.HomeDirectoryDrive, &l.LogonServer, &l.LogonDomain)
	if err != nil {
		return err
	}
	for i, t := range [...]*time.Time{
		&l.LogonTime, &l.LogoffTime, &l.KickOffTime, &l.PasswordLastSet, &l.PasswordCanChange, &l.PasswordMustChange,
	} {
		*t = fileTime(w.times[i])
	}
	l.LastSuccessfulLogon, l.LastFailedLogon = fileTime(w.lastLogon), fileTime(w.lastFailure)
	l.LogonCount, l.BadPasswordCount, l.FailedLogonCount = w.counts[0], w.counts[1], w.failures
	l.UserFlags, l.AccountControl = w.flags, w.control
	l.PrimaryGroup = a.account(l.DomainSID, w.primary)
	if w.userID != 0 {
		l.UserSID = a.account(l.DomainSID, w.userID)
	} else if len(l.ExtraSIDs) > 0 {
		// A user id of 0 puts the SID of the account first into ExtraSids ([MS-PAC],
		// Section 2.5, UserId).
		l.UserSID, l.ExtraSIDs, l.all = l.ExtraSIDs[0].SID, l.ExtraSIDs[1:], nil
	}
	if l.UserSID.IsZero() || l.AccountName == "" {
		return errors.New("it has no account name or no SID of the account")
	}
	return nil
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
	if err := d.Err(); err != nil {
		return SID{}, err
	}
	return a.sid(head[header:], subs), nil
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

// appendRIDs appends the groups of an array of GROUP_MEMBERSHIP in the given domain.
func (a *arena) appendRIDs(groups []Group, rids array, domain SID) ([]Group, error) {
	b := rids.elements
	if len(b) >= 8 && (domain.IsZero() || domain.count() == maxSubAuthorities) {
		return nil, errNoDomainSID
	}
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
	return groups, nil
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
