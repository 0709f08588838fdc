package pac

import (
	"encoding/binary"
	"errors"

	"github.com/gosspi/kerberos/internal/ndr"
)

var errLayout = errors.New("its lengths and offsets do not fit")

// clientInfo is the PAC_CLIENT_INFO ([MS-PAC], Section 2.7).
type clientInfo struct {
	authTime uint64 // FILETIME
	name     []byte // UTF-16LE code units
}

func decodeClientInfo(b []byte) (clientInfo, error) {
	const header = 10
	if len(b) < header {
		return clientInfo{}, errLayout
	}
	n := int(binary.LittleEndian.Uint16(b[8:]))
	if n > len(b)-header {
		return clientInfo{}, errLayout
	}
	return clientInfo{binary.LittleEndian.Uint64(b), b[header:][:n]}, nil
}

// UPNDNSInfo is the UPN_DNS_INFO of a PAC ([MS-PAC], Section 2.10).
type UPNDNSInfo struct {
	// UPN is the user principal name. Administrators choose it freely, also with the
	// suffix of another realm: it is an alias for display, not an identity.
	UPN string
	// Constructed reports whether the account has no userPrincipalName, so that the KDC
	// made UPN of the account name and the domain.
	Constructed bool
	// DNSDomain is the DNS name of the account's domain, in upper case as a rule.
	DNSDomain string
	// SAMName and SID are those of the account. They are empty in PACs of domain
	// controllers before Windows Server 2016, which lack them.
	SAMName string
	SID     SID
}

// Flags of UPN_DNS_INFO.
const (
	upnConstructed = 1
	upnHasSAMName  = 2
)

// decode decodes buffer 12.
func (u *UPNDNSInfo) decode(b []byte) error {
	const header, extendedHeader = 12, 20
	if len(b) < header {
		return errLayout
	}
	flags := le32(b[8:])
	least := header
	if flags&upnHasSAMName != 0 {
		least = extendedHeader
	}
	u.Constructed = flags&upnConstructed != 0
	var fields [4][]byte
	for i, at := range [...]int{0, 4, 12, 16} {
		if at >= least {
			break
		}
		var ok bool
		if fields[i], ok = field(b, at, least); !ok {
			return errLayout
		}
	}
	var a arena
	a.b.Grow(len(b)) // every character takes at least as many bytes in b, except those of three bytes in UTF-8
	for i, text := range [...]*string{&u.UPN, &u.DNSDomain, &u.SAMName} {
		if err := a.setText(text, fields[i]); err != nil {
			return err
		}
	}
	if flags&upnHasSAMName != 0 {
		var ok bool
		if u.SID, ok = a.decodeSID(fields[3]); !ok {
			return errSIDForm
		}
	}
	return nil
}

// field returns the bytes that the length and the offset at a place describe. The bytes
// must lie after the header, which is least bytes long.
func field(b []byte, at, least int) ([]byte, bool) {
	if len(b) < least {
		return nil, false
	}
	n, offset := int(binary.LittleEndian.Uint16(b[at:])), int(binary.LittleEndian.Uint16(b[at+2:]))
	if n == 0 {
		return nil, true
	}
	if offset < least || offset > len(b) || n > len(b)-offset {
		return nil, false
	}
	return b[offset:][:n], true
}

// DelegationInfo is the S4U_DELEGATION_INFO of a PAC ([MS-PAC], Section 2.9): the client
// did not request the ticket itself, services did by constrained delegation.
type DelegationInfo struct {
	// ProxyTarget is the service that the last ticket is for.
	ProxyTarget string
	// TransitedServices are the services that delegated, in their order.
	TransitedServices []string
}

// maxTransitedServices is an arbitrary limit.
const maxTransitedServices = 256

func decodeDelegationInfo(b []byte) (*DelegationInfo, error) {
	d, err := ndr.NewDecoder(b)
	if err != nil {
		return nil, err
	}
	target := d.UnicodeString()
	services := readList(&d)
	info := new(DelegationInfo)
	if info.ProxyTarget, err = decodeText(d.Buffer(target)); err != nil {
		return nil, err
	}
	if services.count > maxTransitedServices {
		return nil, errors.New("it has more than 256 services")
	}
	if services.present {
		n := d.Array(services.count, 8)
		names := make([]ndr.UnicodeString, n)
		for i := range names {
			names[i] = d.UnicodeString()
		}
		for _, s := range names {
			name, err := decodeText(d.Buffer(s))
			if err != nil {
				return nil, err
			}
			info.TransitedServices = append(info.TransitedServices, name)
		}
	}
	return info, d.Close()
}

// DeviceInfo is the PAC_DEVICE_INFO of a PAC ([MS-PAC], Section 2.12): the account of the
// computer from which the client authenticated (compound identity).
type DeviceInfo struct {
	// SID is the SID of the computer's account.
	SID SID
	// PrimaryGroup and Groups are of the computer's domain.
	PrimaryGroup SID
	Groups       []Group
	// ExtraSIDs are further SIDs of the computer.
	ExtraSIDs []Group
	// DomainGroups are groups of other domains, such as domain-local groups.
	DomainGroups []Group
}

func decodeDeviceInfo(b []byte) (*DeviceInfo, error) {
	d, err := ndr.NewDecoder(b)
	if err != nil {
		return nil, err
	}
	user, primary, hasDomain := d.Uint32(), d.Uint32(), d.Pointer()
	groups, extra, domains := readList(&d), readList(&d), readList(&d)
	var a arena
	domain, err := a.readSID(&d, hasDomain)
	if err != nil {
		return nil, err
	}
	info := &DeviceInfo{SID: a.account(domain, user), PrimaryGroup: a.account(domain, primary)}
	if info.SID.IsZero() {
		return nil, errNoDomainSID
	}
	rids := readRIDs(&d, groups)
	if uint64(groups.count)+uint64(extra.count) > maxSIDs {
		return nil, errSIDs
	}
	info.Groups = a.appendRIDs(nil, rids, domain)
	if info.ExtraSIDs, err = a.appendSIDs(nil, &d, readArray(&d, extra, 8)); err != nil {
		return nil, err
	}
	most := maxSIDs - len(info.Groups) - len(info.ExtraSIDs)
	if info.DomainGroups, err = a.domainGroups(&d, domains, most); err != nil {
		return nil, err
	}
	return info, d.Close()
}

// domainGroups reads an array of DOMAIN_GROUP_MEMBERSHIP ([MS-PAC], Section 2.2.3), with at most
// so many groups.
func (a *arena) domainGroups(d *ndr.Decoder, l list, most int) ([]Group, error) {
	const size = 12
	var out []Group
	for b := readArray(d, l, size).elements; len(b) >= size; b = b[size:] {
		domain, err := a.readSID(d, le32(b) != 0)
		if err != nil {
			return nil, err
		}
		groups := list{le32(b[4:]), le32(b[8:]) != 0}
		d.Match(groups.count, groups.present)
		rids := readRIDs(d, groups)
		if len(out)+rids.len() > most {
			return nil, errSIDs
		}
		if rids.len() > 0 && !domain.isParent() {
			return nil, errNoDomainSID
		}
		out = a.appendRIDs(out, rids, domain)
	}
	return out, d.Err()
}

// Attributes are the flags of PAC_ATTRIBUTES_INFO ([MS-PAC], Section 2.14), which
// ticket-granting tickets have.
type Attributes uint32

// Flags of Attributes.
const (
	PAC_WAS_REQUESTED        Attributes = 1
	PAC_WAS_GIVEN_IMPLICITLY Attributes = 2
)

func decodeAttributes(b []byte) (Attributes, error) {
	const header, bitsOfWord = 4, 32
	if len(b) < header+4 || le32(b) == 0 || uint64(le32(b)) > uint64(len(b)-header)*8 || le32(b) > bitsOfWord {
		return 0, errLayout
	}
	return Attributes(le32(b[header:])), nil
}
