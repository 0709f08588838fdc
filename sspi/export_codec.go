package sspi

import (
	"math"
	"time"

	"golang.org/x/crypto/cryptobyte"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/internal/message"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket/pac"
)

// exported holds the fields of a context that Export encodes, in this order: numbers of
// fixed size, big-endian, and bytes after their length of three bytes. A change of the
// encoding requires a new version in package contextseal.
type exported struct {
	at         time.Time
	pkg        Package
	attributes uint32
	peer       Peer
	delegated  *authenticator.Delegated
	evidence   *authenticator.DelegatedTicket
	state      message.State
}

// maxTickets bounds the number of delegated tickets.
const maxTickets = 64

// maxIndicators bounds the number of indicators, as package krb5 does.
const maxIndicators = 64

func (x *exported) marshal() ([]byte, error) {
	w := exportWriter{cryptobyte.NewBuilder(nil)}
	w.AddUint64(uint64(x.at.UnixMicro()))
	w.text(string(x.pkg))
	w.AddUint32(x.attributes)
	w.peer(&x.peer)
	w.state(&x.state)
	w.delegated(x.delegated)
	w.flag(x.evidence != nil)
	if x.evidence != nil {
		w.ticket(x.evidence)
	}
	b, err := w.Bytes()
	if err != nil {
		return nil, &status.Error{Reason: status.ReasonInternal, Detail: "the context is too large to be exported", Err: err}
	}
	return b, nil
}

func (x *exported) unmarshal(b []byte) error {
	r := exportReader{b: cryptobyte.String(b)}
	x.at = time.UnixMicro(int64(r.number64()))
	x.pkg = Package(r.text())
	x.attributes = r.number32()
	r.peer(&x.peer)
	r.state(&x.state)
	x.delegated = r.delegated()
	if r.flag() {
		t := r.ticket()
		x.evidence = &t
	}
	x.peer.ContextEType = keytab.EType(x.state.EType)
	if r.failed || !r.b.Empty() || packageOf(x.pkg) != x.pkg {
		return &status.Error{Reason: status.ReasonMalformedToken, Detail: "this is no exported context"}
	}
	return nil
}

// exportWriter writes the parts of an exported context.
type exportWriter struct{ *cryptobyte.Builder }

func (w exportWriter) bytes(b []byte) {
	w.AddUint24LengthPrefixed(func(c *cryptobyte.Builder) { c.AddBytes(b) })
}

func (w exportWriter) text(s string)                  { w.bytes([]byte(s)) }
func (w exportWriter) principal(p keytab.Principal)   { w.text(p.String()) }
func (w exportWriter) etype(e keytab.EType)           { w.AddUint32(uint32(e)) }
func (w exportWriter) key(e keytab.EType, key []byte) { w.etype(e); w.bytes(key) }

// noTime encodes the zero Time.
const noTime = math.MinInt64

func (w exportWriter) time(t time.Time) {
	n := int64(noTime)
	if !t.IsZero() {
		n = t.Unix()
	}
	w.AddUint64(uint64(n))
}

func (w exportWriter) flag(b bool) {
	var n uint8
	if b {
		n = 1
	}
	w.AddUint8(n)
}

func (w exportWriter) peer(p *Peer) {
	w.principal(p.Client)
	w.principal(p.Service)
	w.AddUint32(uint32(p.ClientNameType))
	w.flag(p.Anonymous)
	w.text(p.Target)
	w.flag(p.TargetUntrusted)
	w.AddUint32(uint32(p.Flags))
	w.AddUint32(uint32(p.GSSFlags))
	w.AddUint8(uint8(p.Binding))
	w.AddUint32(uint32(p.TicketFlags))
	w.time(p.AuthTime)
	w.time(p.StartTime)
	w.time(p.EndTime)
	w.etype(p.TicketEType)
	w.etype(p.SessionEType)
	w.AddUint8(uint8(p.naming))
	w.token(p.AccessToken)
	w.indicators(p.Indicators)
}

func (w exportWriter) indicators(list []string) {
	w.AddUint8(uint8(len(list))) // at most maxIndicators: package krb5 parsed them
	for _, s := range list {
		w.text(s)
	}
}

// token writes the PAC, and the facts by which its SIDs are filtered.
func (w exportWriter) token(t *AccessToken) {
	w.flag(t != nil)
	if t == nil {
		return
	}
	b, err := t.pac.MarshalBinary()
	if err != nil {
		w.SetError(err)
	}
	w.bytes(b)
	w.AddUint8(uint8(t.origin))
	w.text(t.domain.String())
}

func (w exportWriter) state(s *message.State) {
	w.key(keytab.EType(s.EType), s.Key)
	w.flag(s.AcceptorSubkey)
	w.AddUint64(s.SendSeq)
	w.flag(s.Exhausted)
	w.AddUint64(s.RecvSeq)
	w.AddUint64(s.Count)
	w.AddUint64(s.Seen)
	w.flag(s.DetectReplay)
	w.flag(s.DetectSequence)
	w.flag(s.DCE)
}

func (w exportWriter) delegated(d *authenticator.Delegated) {
	w.flag(d != nil)
	if d == nil {
		return
	}
	w.principal(d.Client)
	w.AddUint8(uint8(min(len(d.Tickets), math.MaxUint8)))
	if len(d.Tickets) > maxTickets {
		w.SetError(&status.Error{Reason: status.ReasonInternal, Detail: "more delegated tickets than can be exported"})
	}
	for i := range d.Tickets {
		w.ticket(&d.Tickets[i])
	}
}

func (w exportWriter) ticket(t *authenticator.DelegatedTicket) {
	w.principal(t.Client)
	w.principal(t.Service)
	w.bytes(t.Ticket.Bytes())
	w.key(t.SessionKey.EType(), t.SessionKey.Bytes())
	w.AddUint32(uint32(t.Flags))
	w.time(t.AuthTime)
	w.time(t.StartTime)
	w.time(t.EndTime)
	w.time(t.RenewTill)
}

// exportReader reads the fields. After a failure every method returns zero.
type exportReader struct {
	b      cryptobyte.String
	failed bool
}

func (r *exportReader) must(ok bool) {
	if !ok {
		r.failed, r.b = true, nil
	}
}

func (r *exportReader) number64() (n uint64) { r.must(r.b.ReadUint64(&n)); return n }
func (r *exportReader) number32() (n uint32) { r.must(r.b.ReadUint32(&n)); return n }
func (r *exportReader) number8() (n uint8)   { r.must(r.b.ReadUint8(&n)); return n }

func (r *exportReader) flag() bool {
	n := r.number8()
	r.must(n <= 1)
	return n == 1
}

func (r *exportReader) bytes() []byte {
	var b cryptobyte.String
	r.must(r.b.ReadUint24LengthPrefixed(&b))
	return b
}

func (r *exportReader) text() string        { return string(r.bytes()) }
func (r *exportReader) etype() keytab.EType { return keytab.EType(r.number32()) }

func (r *exportReader) principal() keytab.Principal {
	p, err := keytab.ParsePrincipal(r.text())
	r.must(err == nil)
	return p
}

func (r *exportReader) time() time.Time {
	n := int64(r.number64())
	if n == noTime {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}

func (r *exportReader) peer(p *Peer) {
	*p = Peer{
		Client: r.principal(), Service: r.principal(), ClientNameType: int32(r.number32()),
		Anonymous: r.flag(), Target: r.text(), TargetUntrusted: r.flag(),
		Flags: flags.ASC_RET(r.number32()), GSSFlags: flags.GSS(r.number32()), Binding: authenticator.Binding(r.number8()), TicketFlags: flags.Ticket(r.number32()),
		AuthTime: r.time(), StartTime: r.time(), EndTime: r.time(),
		TicketEType: r.etype(), SessionEType: r.etype(),
		naming: naming(r.number8()), AccessToken: r.token(), Indicators: r.indicators(),
	}
	p.Account = p.AccessToken.known()
	r.must(p.naming <= namesAccount)
	r.must(!p.Client.IsZero() && p.Binding <= authenticator.BindingOfProxy)
}

// indicators restores Peer.Indicators.
func (r *exportReader) indicators() []string {
	n := int(r.number8())
	r.must(n <= maxIndicators)
	if r.failed || n == 0 {
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = r.text()
	}
	return list
}

// token restores an access token by the steps of readAccount. The exporter has verified the
// PAC, compared its domain with those that it knows, and applied its policy.
func (r *exportReader) token() *AccessToken {
	if !r.flag() {
		return nil
	}
	t := &AccessToken{pac: new(pac.PAC)}
	r.must(t.pac.UnmarshalBinary(r.bytes()) == nil)
	t.origin = pac.Origin(r.number8())
	domain, err := parseSID(r.text())
	r.must(err == nil && t.origin <= pac.OwnRealm)
	if r.failed {
		return nil
	}
	r.must(t.read(domain) == nil)
	return t
}

// parseSID parses the text of a SID, which is empty for the zero SID.
func parseSID(text string) (sid pac.SID, err error) {
	err = sid.UnmarshalText([]byte(text))
	return sid, err
}

func (r *exportReader) state(s *message.State) {
	e := r.etype()
	s.EType, s.Key = etype.ID(e), append([]byte(nil), r.bytes()...)
	s.AcceptorSubkey = r.flag()
	s.SendSeq, s.Exhausted = r.number64(), r.flag()
	s.RecvSeq, s.Count, s.Seen = r.number64(), r.number64(), r.number64()
	s.DetectReplay, s.DetectSequence, s.DCE = r.flag(), r.flag(), r.flag()
	profile, ok := etype.Lookup(s.EType)
	r.must(ok && len(s.Key) == profile.KeyLen)
}

func (r *exportReader) delegated() *authenticator.Delegated {
	if !r.flag() {
		return nil
	}
	d := &authenticator.Delegated{Client: r.principal()}
	n := int(r.number8())
	r.must(n <= maxTickets)
	for range n {
		if r.failed {
			return nil
		}
		d.Tickets = append(d.Tickets, r.ticket())
	}
	return d
}

func (r *exportReader) ticket() authenticator.DelegatedTicket {
	t := authenticator.DelegatedTicket{Client: r.principal(), Service: r.principal(), Ticket: NewSecret(r.bytes())}
	key, err := keytab.NewKey(r.etype(), r.bytes())
	r.must(err == nil)
	t.SessionKey, t.Flags = key, flags.Ticket(r.number32())
	t.AuthTime, t.StartTime, t.EndTime, t.RenewTill = r.time(), r.time(), r.time(), r.time()
	return t
}
