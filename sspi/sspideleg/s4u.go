package sspideleg

import (
	"encoding/binary"
	"strings"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/ccache"
	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/internal/secret"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket"
	"github.com/gosspi/kerberos/ticket/pac"
)

// skew is the permitted difference between the clocks of the KDC and the service.
const skew = 5 * time.Minute

// life is the requested lifetime of a ticket. The KDC shortens it.
const life = 10 * time.Hour

// request is a TGS-REQ on behalf of a client, and the facts that the answer must match.
type request struct {
	own    keytab.Principal // the service
	kdcs   []string         // of its realm
	tgt    krb5.Ticket
	key    keytab.Key // of tgt
	now    time.Time
	nonce  uint32
	etypes []keytab.EType

	client, target keytab.Principal
	limit          time.Time // the ticket must end by then; zero: unlimited

	message krb5.KDCReq
}

// forUser makes a request with PA-FOR-USER (MS-SFU, Section 3.1.5.1.1).
func (r *request) forUser() error {
	name := wireName(r.client)
	const pkg = "Kerberos"
	data := binary.LittleEndian.AppendUint32(nil, uint32(name.Type))
	for c := range name.All() {
		data = append(data, c...)
	}
	data = append(append(data, r.client.Realm()...), pkg...)
	key, err := r.sessionKey()
	if err != nil {
		return err // unreachable: these are type and bytes of a Key
	}
	defer key.Wipe()
	sum, err := key.HMACMD5(data, etype.UsageForUser)
	if err != nil {
		return err
	}
	user := krb5.ForUser{
		User: name, Realm: []byte(r.client.Realm()), Package: []byte(pkg),
		Checksum: krb5.Checksum{Type: etype.HMACMD5, Sum: sum},
	}
	r.message.PAData = krb5.AppendPAData(nil, krb5.PAForUser, user.Append(nil))
	return r.seal(key)
}

// onBehalf makes a request with the evidence as an additional ticket (MS-SFU, Section
// 3.1.5.2.1).
func (r *request) onBehalf(evidence []byte) error {
	var t krb5.Ticket
	if err := t.Parse(evidence); err != nil {
		return &status.Error{Reason: status.ReasonArgument, Detail: "sspideleg: the evidence is no ticket", Err: err}
	}
	key, err := r.sessionKey()
	if err != nil {
		return err // unreachable: these are type and bytes of a Key
	}
	defer key.Wipe()
	r.message.Options = krb5.KDCCNAMEInAddlTicket
	r.message.Tickets = evidence
	r.message.PAData = krb5.AppendPAData(nil, krb5.PAPACOptions, krb5.AppendPACOptions(nil, krb5.PACOptionRBCD))
	return r.seal(key)
}

// seal writes the body and PA-TGS-REQ, which proves that the service has the session key of
// its ticket-granting ticket and protects the body.
func (r *request) seal(key *etype.Key) error {
	m := &r.message
	m.MsgType = krb5.MsgTGSReq
	m.Options |= krb5.KDCForwardable
	m.Realm, m.Service = []byte(r.target.Realm()), wireName(r.target)
	till := r.now.Add(life)
	if !r.limit.IsZero() && r.limit.Before(till) {
		till = r.limit // some KDCs, Samba's among them, do not shorten the life to that of the evidence
	}
	m.Till = krb5.Time{Unix: till.Unix(), Set: true}
	m.Nonce = r.nonce
	for _, e := range r.etypes {
		m.ETypes = krb5.AppendInteger(m.ETypes, int32(e))
	}
	sum, err := key.Checksum(nil, m.AppendBody(nil), etype.UsageTGSReqChecksum)
	if err != nil {
		return err // unreachable: the key and the usage are valid
	}
	a := krb5.Authenticator{
		ClientRealm: []byte(r.own.Realm()), Client: wireName(r.own),
		HasChecksum: true, Checksum: krb5.Checksum{Type: key.Profile().ChecksumType, Sum: sum},
		Ctime: r.now.Unix(), Cusec: int32(r.now.Nanosecond() / 1000),
	}
	cipher, err := r.key.Encrypt(nil, nil, a.Append(nil), etype.UsageTGSReqAuthenticator)
	if err != nil {
		return err // unreachable: the key and the usage are valid, and crypto/rand never fails
	}
	proof := krb5.APReq{Ticket: r.tgt, Authenticator: krb5.EncryptedData{EType: int32(r.key.EType()), Cipher: cipher}}
	m.PAData = append(krb5.AppendPAData(nil, krb5.PATGSReq, proof.Append(nil)), m.PAData...)
	return nil
}

func (r *request) sessionKey() (*etype.Key, error) {
	b := r.key.Bytes()
	defer clear(b)
	return etype.New(etype.ID(r.key.EType()), b)
}

// open decrypts the answer of the KDC, and checks that it answers this request (RFC 4120,
// Section 3.3.4; MS-SFU, Sections 3.1.5.1.2 and 3.1.5.2.2).
func (r *request) open(answer []byte) (*authenticator.DelegatedTicket, error) {
	var refused krb5.KRBError
	if refused.Parse(answer) == nil {
		cause := &KDCError{Code: refused.Code, Text: quote.Value(string(refused.EText))}
		return nil, &status.Error{Reason: status.ReasonKDCRefused, Detail: "sspideleg: the KDC refuses a ticket of " + quote.Text(r.client.String()) + " to " + quote.Text(r.target.String()) + refusals[refused.Code], Err: cause}
	}
	var m krb5.TGSRep
	if err := m.Parse(answer); err != nil {
		return nil, lie("the answer is malformed", err)
	}
	plain, err := r.key.Decrypt(nil, m.EncPart.Cipher, etype.UsageTGSRep)
	if err != nil || keytab.EType(m.EncPart.EType) != r.key.EType() {
		return nil, lie("the session key of the ticket-granting ticket does not decrypt the answer", err)
	}
	defer clear(plain)
	var part krb5.EncTGSRepPart
	if err := part.Parse(plain); err != nil {
		return nil, lie("the encrypted part is malformed", err)
	}
	if err := r.check(&m, &part); err != nil {
		return nil, err
	}
	key, err := keytab.NewKey(keytab.EType(part.Key.EType), part.Key.Value)
	if err != nil {
		return nil, lie("the session key is unusable", err)
	}
	return &authenticator.DelegatedTicket{
		Client: r.client, Service: r.target, Ticket: secret.New(m.Ticket.Raw), SessionKey: key, Flags: part.Flags,
		AuthTime: at(part.AuthTime), StartTime: at(part.StartTime), EndTime: at(part.EndTime), RenewTill: at(part.RenewTill),
	}, nil
}

// refusals explains the error numbers with which KDCs refuse requests on behalf of a client (RFC
// 4120, Section 7.5.9; MS-SFU, Section 3.2.5).
var refusals = map[int32]string{
	6:  ": the KDC does not know this user",
	7:  ": the KDC does not know this service; check the SPN",
	12: ": a policy of the KDC forbids it, such as an authentication policy, or require_auth of the service",
	13: ": the service may not delegate to this target, or the user is sensitive or in Protected Users, or the client's ticket or the service's own ticket-granting ticket is not forwardable",
	14: ": the KDC has no key of an encryption type in Service.ETypes",
	18: ": the account of the user is disabled, locked or expired",
	23: ": the password of the user has expired",
	32: ": a ticket has expired",
	37: ": the clocks of the service and of the KDC differ too much",
	41: ": the KDC cannot verify the client's ticket or its PAC",
}

// check compares the answer with the request.
func (r *request) check(m *krb5.TGSRep, part *krb5.EncTGSRepPart) error {
	start, end := part.StartTime, at(part.EndTime)
	if !start.Set {
		start = part.AuthTime
	}
	requested := false
	for _, e := range r.etypes {
		requested = requested || int32(e) == part.Key.EType
	}
	client := krb5.AppendPrincipal(nil, m.Client, m.ClientRealm)
	service := krb5.AppendPrincipal(nil, part.Service, part.Realm)
	switch {
	case part.Nonce != r.nonce:
		return lie("the answer is to another request", nil)
	case string(client) != r.client.String():
		return lie("the ticket is of "+quote.Text(client)+" and not of "+quote.Text(r.client.String()), nil)
	case string(service) != r.target.String() || string(krb5.AppendPrincipal(nil, m.Ticket.Service, m.Ticket.Realm)) != r.target.String():
		return lie("the ticket is for "+quote.Text(service)+" and not for "+quote.Text(r.target.String()), nil)
	case !requested:
		return lie("the session key is of "+etype.ID(part.Key.EType).NameAndNumber()+", which was not requested", nil)
	case part.Flags&flags.TicketInvalid != 0:
		return lie("the ticket has the INVALID flag", nil)
	case at(start).After(r.now.Add(skew)) || !end.After(r.now):
		return lie("the ticket is not valid now", nil)
	case !r.limit.IsZero() && end.After(r.limit):
		return lie("the ticket ends after the evidence", nil)
	}
	return nil
}

// checkOwn decrypts a ticket to the service itself, and compares it with the answer that
// announced it. The PAC must be that of the user.
func (r *request) checkOwn(t *authenticator.DelegatedTicket, keys *keytab.Table) error {
	var req krb5.APReq
	if err := req.Ticket.Parse(t.Ticket.Bytes()); err != nil {
		return err // unreachable: open has parsed it
	}
	req.Authenticator.EType = int32(t.SessionKey.EType())
	opened, err := ticket.Open(req.Append(nil), &ticket.Params{Keys: keys, Now: r.now, Skew: skew, ETypes: r.etypes})
	if err != nil {
		return lie("the service cannot use the ticket to itself", err)
	}
	c := opened.Unproven()
	switch {
	case c.Client != r.client:
		return lie("the ticket is of "+quote.Text(c.Client.String())+" and not of "+quote.Text(r.client.String()), nil)
	case !c.SessionKey.Equal(t.SessionKey) || !c.EndTime.Equal(t.EndTime) || c.Flags != t.Flags:
		return lie("the ticket has another key, life or flags than the KDC announced", nil)
	case c.PAC == nil:
		return lie("the ticket has no PAC, so that the user has no account", nil)
	}
	p, err := pac.Verify(c.PAC, pac.Ticket{Key: c.ServiceKey, Client: c.Client, AuthTime: c.AuthTime})
	if err != nil {
		return lie("the PAC of the ticket is bad", err)
	}
	// Domain controllers look for the computer "bob$" if there is no user "bob" (CVE-2021-42287).
	a, err := p.Account()
	if err != nil {
		return lie("the account in the PAC of the ticket is malformed", err)
	}
	if a != nil && strings.HasSuffix(a.Name, "$") && !strings.HasSuffix(r.client.Name(), "$") {
		return lie("the ticket is of the account "+quote.Text(a.Name)+" of a computer, because the directory has no user "+quote.Text(r.client.String()), nil)
	}
	return nil
}

// lie returns the error for an answer that does not fit the request.
func lie(detail string, err error) error {
	return &status.Error{Reason: status.ReasonBadDelegation, Detail: "sspideleg: the KDC's answer is refused: " + detail, Err: err}
}

func at(t krb5.Time) time.Time {
	if !t.Set {
		return time.Time{}
	}
	return time.Unix(t.Unix, 0).UTC()
}

// wireName converts p. Names of services have more than one component.
func wireName(p keytab.Principal) krb5.Name {
	const ntSrvInst = 2
	n := krb5.Name{Type: ccache.NameType(p)}
	parts := 0
	for c := range p.Components() {
		n.Components = krb5.AppendComponent(n.Components, c)
		parts++
	}
	if parts > 1 {
		n.Type = ntSrvInst
	}
	return n
}
