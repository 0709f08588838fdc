package pac

import (
	"bytes"
	"errors"
	"strings"
	"time"

	"github.com/gosspi/kerberos/internal/ndr"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// Ticket is the part of a ticket that its PAC must fit.
type Ticket struct {
	// Key is the key that opened the ticket. In user-to-user authentication it is the
	// session key of the acceptor's ticket-granting ticket.
	Key keytab.Key
	// Client and AuthTime are those of the ticket.
	Client   keytab.Principal
	AuthTime time.Time
}

// A PAC is a privilege attribute certificate whose server signature has been verified. It
// is immutable and safe for concurrent use. The nil PAC is an absent one: it has no facts.
type PAC struct {
	container container
	logon     logon
	logonErr  error
	upn       *UPNDNSInfo // upnInfo, or nil
	upnInfo   UPNDNSInfo
	upnErr    error
	conflict  error
}

// Verify checks a PAC and returns it. It verifies, in this order, the directory of buffers,
// the server signature, and that the PAC belongs to the ticket: CLIENT_INFO must have the
// name and the authentication time of the ticket. Only then it decodes other buffers.
//
// An error is a *status.Error with ReasonPACBad: the PAC must not be used, and the client
// should be refused. A buffer that does not decode is no such error; the method that
// returns its facts returns an error then. Verify does not verify the signatures of the KDC
// (types 7, 16 and 19), for which only the KDC has the key.
//
// raw is neither modified nor copied, and must not be modified as long as the PAC is in
// use.
func Verify(raw []byte, t Ticket) (*PAC, error) {
	p := new(PAC)
	c := &p.container
	if err := c.parse(raw); err != nil {
		return nil, err
	}
	if err := c.verify(t.Key); err != nil {
		return nil, err
	}
	if err := c.fits(t); err != nil {
		return nil, err
	}
	p.decode()
	return p, nil
}

// decode decodes the buffers about the account.
func (p *PAC) decode() {
	c := &p.container
	if c.has(typeLogonInfo) {
		p.logonErr = p.logon.decode(c.buffer(typeLogonInfo))
	}
	if c.has(typeUPNDNSInfo) {
		if p.upnErr = p.upnInfo.decode(c.buffer(typeUPNDNSInfo)); p.upnErr == nil {
			p.upn = &p.upnInfo
		}
	}
	p.conflict = p.crossCheck()
}

// verifiedPAC begins the bytes of MarshalBinary, so that UnmarshalBinary takes no PAC from a
// ticket, which begins with its number of buffers.
const verifiedPAC = "verified PAC 1\n"

// MarshalBinary returns p for a store that nobody else can write, such as a sealed context.
func (p *PAC) MarshalBinary() ([]byte, error) {
	if p == nil || p.container.raw == nil {
		return nil, &status.Error{Reason: status.ReasonArgument, Detail: "there is no PAC to marshal"}
	}
	return append([]byte(verifiedPAC), p.container.raw...), nil
}

// UnmarshalBinary restores a PAC from the bytes that MarshalBinary returned. It verifies no
// signature: whoever can change the bytes can become any account. It returns an error with
// ReasonArgument for other bytes, such as those of a ticket's PAC. It copies b.
func (p *PAC) UnmarshalBinary(b []byte) error {
	raw, ok := bytes.CutPrefix(b, []byte(verifiedPAC))
	if !ok {
		return &status.Error{Reason: status.ReasonArgument, Detail: "the bytes were not made by PAC.MarshalBinary"}
	}
	*p = PAC{}
	if err := p.container.parse(bytes.Clone(raw)); err != nil {
		return &status.Error{Reason: status.ReasonArgument, Detail: "the bytes were not made by PAC.MarshalBinary", Err: err}
	}
	p.decode()
	return nil
}

// fits checks CLIENT_INFO, which binds the PAC to the ticket.
func (c *container) fits(t Ticket) error {
	if !c.has(typeClientInfo) {
		return bad("the PAC has no CLIENT_INFO")
	}
	info, err := decodeClientInfo(c.buffer(typeClientInfo))
	var few [64]byte
	name, ok := ndr.AppendUTF8(few[:0], info.name)
	switch {
	case err != nil:
		return badCause("CLIENT_INFO of the PAC is malformed", err)
	case !ok:
		return badCause("CLIENT_INFO of the PAC is malformed", errText)
	case info.authTime != toFileTime(t.AuthTime):
		return bad("the authentication time in CLIENT_INFO of the PAC is not that of the ticket")
	case string(name) != t.Client.Name() && string(name) != displayName(t.Client):
		return bad("the name in CLIENT_INFO of the PAC is not the client's name in the ticket")
	}
	return nil
}

// displayName returns the components of a name joined by "/", without the escapes of
// Principal.Name. Windows and Samba write CLIENT_INFO in this form, MIT's KDC with escapes.
func displayName(p keytab.Principal) string {
	var b strings.Builder
	for component := range p.Components() {
		if b.Len() > 0 {
			b.WriteByte('/')
		}
		b.WriteString(component)
	}
	return b.String()
}

// crossCheck compares the buffers that describe the same account.
func (p *PAC) crossCheck() error {
	l := p.account()
	if l == nil {
		return nil
	}
	if p.upn != nil && !p.upn.SID.IsZero() {
		if p.upn.SID != l.account.SID {
			return errors.New("LOGON_INFO and UPN_DNS_INFO of the PAC have different SIDs of the account")
		}
		if p.upn.SAMName != l.account.Name {
			return errors.New("LOGON_INFO and UPN_DNS_INFO of the PAC have different names of the account")
		}
	}
	if requestor, err := p.RequestorSID(); err == nil && !requestor.IsZero() && requestor != l.account.SID {
		return errors.New("LOGON_INFO and the requestor of the PAC have different SIDs of the account")
	}
	return nil
}

// Conflict returns an error if buffers that describe the same account disagree: LOGON_INFO,
// UPN_DNS_INFO and the requestor. A strict acceptor refuses such a PAC.
func (p *PAC) Conflict() error {
	if p == nil || p.conflict == nil {
		return nil
	}
	return bad(p.conflict.Error())
}

// account returns the decoded LOGON_INFO, or nil.
func (p *PAC) account() *logon {
	if p == nil || p.logonErr != nil || !p.container.has(typeLogonInfo) {
		return nil
	}
	return &p.logon
}

// LogonInfo returns the account and its groups. It returns nil without an error if the PAC
// has no LOGON_INFO, as those of MIT's KDC and of FreeIPA without a trust. It returns an
// error if LOGON_INFO does not decode. Each call makes a new LogonInfo.
func (p *PAC) LogonInfo() (*LogonInfo, error) {
	if l := p.account(); l != nil {
		return l.expand(), nil
	}
	return nil, p.logonError()
}

// logonError returns the reason why LOGON_INFO does not decode.
func (p *PAC) logonError() error {
	if p == nil {
		return nil
	}
	return undecodable("LOGON_INFO", p.logonErr)
}

// Account returns the account of LOGON_INFO without its groups. It returns nil and errors as
// LogonInfo does. The caller must not modify the result.
func (p *PAC) Account() (*Account, error) {
	l := p.account()
	if l == nil {
		return nil, p.logonError()
	}
	return &l.account, nil
}

// Access returns the SIDs of LOGON_INFO that may grant access, as [LogonInfo.Filter] does. It
// returns nil and errors as LogonInfo does, and the errors of Filter.
func (p *PAC) Access(origin Origin, domain SID) (*Access, error) {
	l := p.account()
	if l == nil {
		return nil, p.logonError()
	}
	if err := checkAccount(l.account.SID, l.account.DomainSID, origin, domain); err != nil {
		return nil, err
	}
	f := filter{origin: origin, local: domain, client: l.account.DomainSID}
	if f.allGrant(l) {
		return &Access{user: l.account.SID, all: l}, nil
	}
	return l.expand().Filter(origin, domain)
}

// UPNDNSInfo returns the UPN_DNS_INFO, or nil without an error if the PAC has none. The
// caller must not modify the result.
func (p *PAC) UPNDNSInfo() (*UPNDNSInfo, error) {
	if p == nil {
		return nil, nil
	}
	return p.upn, undecodable("UPN_DNS_INFO", p.upnErr)
}

// ClientClaims decodes the claims of the user. It returns nil without an error if the PAC
// has none. Claims count only if the PAC also has the SID ClaimsValid. Each call decodes
// the claims anew.
func (p *PAC) ClientClaims() ([]Claim, error) { return p.claims(typeClientClaims, "CLIENT_CLAIMS") }

// DeviceClaims decodes the claims of the device, like ClientClaims.
func (p *PAC) DeviceClaims() ([]Claim, error) { return p.claims(typeDeviceClaims, "DEVICE_CLAIMS") }

func (p *PAC) claims(bufferType int, name string) ([]Claim, error) {
	if p == nil {
		return nil, nil
	}
	claims, err := decodeClaims(p.container.buffer(bufferType))
	if err != nil {
		return nil, undecodable(name, err)
	}
	return claims, nil
}

// DeviceInfo decodes the account of the client's computer. It returns nil without an error
// if the PAC has none. Each call decodes it anew.
func (p *PAC) DeviceInfo() (*DeviceInfo, error) {
	if p == nil || !p.container.has(typeDeviceInfo) {
		return nil, nil
	}
	info, err := decodeDeviceInfo(p.container.buffer(typeDeviceInfo))
	if err != nil {
		return nil, undecodable("DEVICE_INFO", err)
	}
	return info, nil
}

// DelegationInfo decodes the path of a constrained delegation. It returns nil without an
// error if the PAC has none. Each call decodes it anew.
func (p *PAC) DelegationInfo() (*DelegationInfo, error) {
	if p == nil || !p.container.has(typeDelegationInfo) {
		return nil, nil
	}
	info, err := decodeDelegationInfo(p.container.buffer(typeDelegationInfo))
	if err != nil {
		return nil, undecodable("S4U_DELEGATION_INFO", err)
	}
	return info, nil
}

// Attributes returns the flags of PAC_ATTRIBUTES_INFO, and false if the PAC has none.
func (p *PAC) Attributes() (Attributes, bool, error) {
	if p == nil || !p.container.has(typeAttributes) {
		return 0, false, nil
	}
	a, err := decodeAttributes(p.container.buffer(typeAttributes))
	return a, err == nil, undecodable("ATTRIBUTES_INFO", err)
}

// RequestorSID returns the SID of the account that requested the ticket-granting ticket
// ([MS-PAC], Section 2.15), or the zero SID if the PAC has none.
func (p *PAC) RequestorSID() (SID, error) {
	if p == nil || !p.container.has(typeRequestor) {
		return SID{}, nil
	}
	sid, ok := decodeSID(p.container.buffer(typeRequestor))
	if !ok {
		return SID{}, undecodable("REQUESTOR", errSIDForm)
	}
	return sid, nil
}

// RequestorGUID returns the objectGUID of the account that requested the ticket-granting
// ticket, and false if the PAC has none.
func (p *PAC) RequestorGUID() (guid [16]byte, ok bool, err error) {
	if p == nil || !p.container.has(typeRequestorGUID) {
		return guid, false, nil
	}
	b := p.container.buffer(typeRequestorGUID)
	if len(b) != len(guid) {
		return guid, false, undecodable("REQUESTOR_GUID", errLayout)
	}
	return [16]byte(b), true, nil
}

// Buffers returns the types of the PAC's known buffers in ascending order. A type says only
// that the buffer is present. In particular it does not say that the signatures of the KDC
// (7, 16, 19) are right.
func (p *PAC) Buffers() []int {
	if p == nil {
		return nil
	}
	return p.container.types()
}

func bad(detail string) error {
	return &status.Error{Reason: status.ReasonPACBad, Detail: detail}
}

func badCause(detail string, err error) error {
	return &status.Error{Reason: status.ReasonPACBad, Detail: detail, Err: err}
}

// undecodable wraps the error of one buffer. It returns nil if err is nil.
func undecodable(buffer string, err error) error {
	if err == nil {
		return nil
	}
	return &status.Error{Reason: status.ReasonPACBad, Detail: buffer + " of the PAC does not decode", Err: err}
}
