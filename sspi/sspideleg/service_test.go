package sspideleg_test

import (
	"context"
	"crypto/fips140"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspideleg"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket/pac"
)

// liar is a KDC that answers each request with what a test wants.
type liar struct {
	testing.TB
	realm   *krbtest.Realm
	tgt     *krbtest.Ticket
	service *sspideleg.Service

	mu     sync.Mutex
	answer func(*krb5.KDCReq) []byte // to a request
	last   krb5.KDCReq
}

// set makes the KDC answer with f.
func (l *liar) set(f func(*krb5.KDCReq) []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answer = f
}

// request returns the last request, and the answer to it.
func (l *liar) request() (*krb5.KDCReq, func(*krb5.KDCReq) []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &l.last, l.answer
}

const front = "HTTP/front.example.com"

func newLiar(t testing.TB) *liar {
	t.Helper()
	l := &liar{TB: t, realm: krbtest.NewRealm("EXAMPLE.COM")}
	begun := time.Now()
	l.realm.Clock = func() time.Time { return begun } // else tickets that are made a second later end a second later
	if fips140.Enforced() {
		l.realm.ETypes = []keytab.EType{keytab.AES256_CTS_HMAC_SHA384_192} // the mode forbids SHA-1
	}
	l.tgt = l.realm.Ticket(front, "krbtgt/EXAMPLE.COM")
	conf, err := config.NewFromString(fmt.Sprintf("[libdefaults]\n default_realm = EXAMPLE.COM\n forwardable = true\n[realms]\n EXAMPLE.COM = {\n  kdc = %s\n }\n", l.listen()))
	if err != nil {
		t.Fatal(err)
	}
	cl, err := sspideleg.Client(&authenticator.Delegated{Client: l.principal(front), Tickets: []authenticator.DelegatedTicket{l.held(l.tgt)}}, conf)
	if err != nil {
		t.Fatal(err)
	}
	keys := l.realm.Service(front)
	l.service = &sspideleg.Service{Client: cl, Keys: keytab.SourceFunc(func(context.Context) (*keytab.Table, error) { return keys, nil })}
	return l
}

func (l *liar) principal(name string) keytab.Principal {
	l.Helper()
	p, err := l.realm.Principal(name)
	if err != nil {
		l.Fatal(err)
	}
	return p
}

// held returns a ticket with its session key, as its client has it.
func (l *liar) held(k *krbtest.Ticket) authenticator.DelegatedTicket {
	l.Helper()
	client, err := keytab.NewPrincipal(k.Part.CRealm, k.Part.CName.NameString...)
	if err != nil {
		l.Fatal(err)
	}
	service, err := keytab.NewPrincipal(k.Realm, k.SName.NameString...)
	if err != nil {
		l.Fatal(err)
	}
	return authenticator.DelegatedTicket{
		Client: client, Service: service, Ticket: sspi.NewSecret(k.Bytes()),
		SessionKey: newKey(l, k.Part.Key.KeyType, k.Part.Key.KeyValue), Flags: flags.TicketForwardable,
		AuthTime: k.Part.AuthTime, StartTime: k.Part.StartTime, EndTime: k.Part.EndTime,
	}
}

// listen serves answers until the test ends, and returns the address.
func (l *liar) listen() string {
	l.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		l.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			l.serve(conn)
		}
	}()
	l.Cleanup(func() { listener.Close(); <-done })
	return listener.Addr().String()
}

func (l *liar) serve(conn net.Conn) {
	defer conn.Close()
	var n [4]byte
	if _, err := io.ReadFull(conn, n[:]); err != nil {
		return
	}
	b := make([]byte, binary.BigEndian.Uint32(n[:]))
	if _, err := io.ReadFull(conn, b); err != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.last.Parse(b); err != nil {
		l.Errorf("the request: %v", err)
		return
	}
	_, _ = conn.Write(l.answer(&l.last))
}

// framed writes the length before an answer.
func framed(b []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
}

// lie is a change of an honest answer.
type lie struct {
	ticket func(*liar, *krbtest.Ticket)
	reply  func(*liar, *krbtest.KDCRep)
}

// says makes the KDC answer with a ticket of client for service, which the lie changes.
func (l *liar) says(client, service string, x lie) {
	l.set(func(q *krb5.KDCReq) []byte {
		k := l.realm.Ticket(client, service)
		k.PAC = new(krbtest.PAC)
		if x.ticket != nil {
			x.ticket(l, k)
		}
		m := k.TGSRep()
		m.Nonce, m.Key, m.Usage = q.NonceAsSent(), l.tgt.Part.Key, 8
		if x.reply != nil {
			x.reply(l, m)
		}
		return framed(m.Bytes())
	})
}

// lies are answers that neither ForUser nor OnBehalf may use.
var lies = map[string]struct {
	lie
	want string
}{
	"another nonce":              {lie{reply: func(_ *liar, m *krbtest.KDCRep) { m.Nonce++ }}, "another request"},
	"another key":                {lie{reply: func(l *liar, m *krbtest.KDCRep) { m.Key = l.realm.NewKey(18) }}, "does not decrypt"},
	"another usage":              {lie{reply: func(_ *liar, m *krbtest.KDCRep) { m.Usage = 9 }}, "does not decrypt"},
	"an AS-REP":                  {lie{reply: func(_ *liar, m *krbtest.KDCRep) { m.MsgType = 11 }}, "the answer is malformed"},
	"another user":               {lie{ticket: func(_ *liar, k *krbtest.Ticket) { k.Part.CName.NameString = []string{"mallory"} }}, `of "mallory@EXAMPLE.COM"`},
	"a user of another realm":    {lie{ticket: func(_ *liar, k *krbtest.Ticket) { k.Part.CRealm = "OTHER.EXAMPLE" }}, `of "alice@OTHER.EXAMPLE"`},
	"another service":            {lie{ticket: func(_ *liar, k *krbtest.Ticket) { k.SName.NameString = []string{"HTTP", "other"} }}, `for "HTTP/other@EXAMPLE.COM"`},
	"a service of another realm": {lie{ticket: func(_ *liar, k *krbtest.Ticket) { k.Realm = "OTHER.EXAMPLE" }}, "OTHER.EXAMPLE"},
	"expired":                    {lie{ticket: func(_ *liar, k *krbtest.Ticket) { k.Part.EndTime = k.Part.StartTime.Add(-time.Second) }}, "not valid now"},
	"from tomorrow on": {lie{ticket: func(_ *liar, k *krbtest.Ticket) {
		k.Part.StartTime = k.Part.StartTime.Add(24 * time.Hour)
		k.Part.EndTime = k.Part.EndTime.Add(48 * time.Hour)
	}}, ""},
	"a malformed part": {lie{ticket: func(_ *liar, k *krbtest.Ticket) {
		k.Part.CAddr = slices.Repeat(types.HostAddresses{{AddrType: 2, Address: []byte{127, 0, 0, 1}}}, 257) // one too many
	}}, "the encrypted part is malformed"},
	"an unusable session key": {lie{ticket: func(_ *liar, k *krbtest.Ticket) { k.Part.Key.KeyValue = []byte("short") }}, "the session key is unusable"},
	"invalid":                 {lie{ticket: func(_ *liar, k *krbtest.Ticket) { k.Part.Flags = krbtest.TicketFlags(flags.TicketInvalid) }}, "INVALID"},
	"an RC4 session key":      {lie{ticket: func(l *liar, k *krbtest.Ticket) { k.Part.Key = l.realm.NewKey(23) }}, "not requested"},
}

// TestDELEG_6_ForUser checks a ticket of the KDC, and the request for it.
func TestDELEG_6_ForUser(t *testing.T) {
	l := newLiar(t)
	l.says("alice", front, lie{})
	got, err := l.service.ForUser(t.Context(), l.principal("alice"))
	if err != nil {
		t.Fatal(err)
	}
	if got.Client != l.principal("alice") || got.Service != l.principal(front) || got.Flags&flags.TicketForwardable == 0 || got.EndTime.IsZero() || !got.RenewTill.IsZero() {
		t.Errorf("%v, flags %v, end %v, renewable until %v", got, got.Flags, got.EndTime, got.RenewTill)
	}
	var types []int32
	last, _ := l.request()
	for kind := range last.Each() {
		types = append(types, kind)
	}
	if fmt.Sprint(types) != "[1 129]" || last.Options != krb5.KDCForwardable || last.Tickets != nil {
		t.Errorf("the request has the data %v, the options %#x, tickets %x", types, last.Options, last.Tickets)
	}
}

// TestDELEG_6_OnBehalf checks a ticket of the KDC, and the request for it.
func TestDELEG_6_OnBehalf(t *testing.T) {
	l := newLiar(t)
	evidence := l.held(l.realm.Ticket("alice", front))
	evidence.EndTime = evidence.EndTime.Add(-time.Minute)
	l.says("alice", "HTTP/back.example.com", lie{ticket: func(_ *liar, k *krbtest.Ticket) { k.Part.EndTime = evidence.EndTime }})
	d, err := l.service.OnBehalf(t.Context(), &evidence, l.principal("HTTP/back.example.com"))
	if err != nil {
		t.Fatal(err)
	}
	if last, _ := l.request(); last.Till.Unix != evidence.EndTime.Unix() {
		t.Errorf("the request is until %d, and the evidence ends at %d", last.Till.Unix, evidence.EndTime.Unix())
	}
	if d.Client != l.principal("alice") || len(d.Tickets) != 1 || d.Tickets[0].Service != l.principal("HTTP/back.example.com") {
		t.Errorf("%v, %v", d, d.Tickets)
	}
	if _, err := sspideleg.MarshalCCache(d); err != nil {
		t.Error(err)
	}
	if _, err := sspideleg.Client(d, l.service.Client.Config); status.ReasonOf(err) != status.ReasonNoCredentials {
		t.Errorf("a client of it: %v", err)
	}
	var types []int32
	last, _ := l.request()
	for kind := range last.Each() {
		types = append(types, kind)
	}
	if fmt.Sprint(types) != "[1 167]" || last.Options != krb5.KDCForwardable|krb5.KDCCNAMEInAddlTicket || string(last.Tickets) != string(evidence.Ticket.Bytes()) {
		t.Errorf("the request has the data %v, the options %#x", types, last.Options)
	}
}

// TestDELEG_6_Lies checks that the answers of a lying KDC, or of an attacker in its place,
// are refused.
func TestDELEG_6_Lies(t *testing.T) {
	l := newLiar(t)
	alice, back := l.principal("alice"), l.principal("HTTP/back.example.com")
	evidence := l.held(l.realm.Ticket("alice", front))
	refused := func(name, want string, err error) {
		t.Helper()
		if status.ReasonOf(err) != status.ReasonBadDelegation || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	for name, x := range lies {
		l.says("alice", front, x.lie)
		got, err := l.service.ForUser(t.Context(), alice)
		refused(name+", ForUser", x.want, err)
		l.says("alice", "HTTP/back.example.com", x.lie)
		d, err := l.service.OnBehalf(t.Context(), &evidence, back)
		refused(name+", OnBehalf", x.want, err)
		if got != nil || d != nil {
			t.Errorf("%s: a ticket beside the error", name)
		}
	}
	inside := func(change func(*liar, *krbtest.Ticket)) lie {
		return lie{ticket: func(l *liar, k *krbtest.Ticket) {
			honest := *k
			change(l, &honest)
			k.Plaintext = honest.PartBytes()
			k.Key = honest.Key
		}}
	}
	for name, x := range map[string]struct {
		lie
		want string
	}{
		"another user in the ticket": {inside(func(_ *liar, k *krbtest.Ticket) { k.Part.CName.NameString = []string{"mallory"} }), `of "mallory@EXAMPLE.COM"`},
		"a shorter life":             {inside(func(_ *liar, k *krbtest.Ticket) { k.Part.EndTime = k.Part.EndTime.Add(-time.Hour) }), "another key, life"},
		"a longer life":              {inside(func(_ *liar, k *krbtest.Ticket) { k.Part.EndTime = k.Part.EndTime.Add(time.Hour) }), "another key, life"},
		"another session key":        {inside(func(l *liar, k *krbtest.Ticket) { k.Part.Key = l.realm.NewKey(18) }), "another key, life"},
		"other flags":                {inside(func(_ *liar, k *krbtest.Ticket) { k.Part.Flags = krbtest.TicketFlags(0) }), "another key, life"},
		"no PAC":                     {lie{ticket: func(_ *liar, k *krbtest.Ticket) { k.PAC = nil }}, "no PAC"},
		"a PAC with another key":     {lie{ticket: func(l *liar, k *krbtest.Ticket) { k.PAC.Key = l.realm.NewKey(18) }}, "PAC"},
		"a computer's PAC":           {lie{ticket: func(_ *liar, k *krbtest.Ticket) { k.PAC = accountNamed("alice$") }}, `of the account "alice$" of a computer`},
		"a malformed account":        {lie{ticket: func(_ *liar, k *krbtest.Ticket) { k.PAC = malformedAccount() }}, "malformed"},
		"another service's key":      {lie{ticket: func(l *liar, k *krbtest.Ticket) { k.Key = l.realm.NewKey(18) }}, "cannot use the ticket"},
	} {
		l.says("alice", front, x.lie)
		_, err := l.service.ForUser(t.Context(), alice)
		refused(name, x.want, err)
	}
	l.says("alice", "HTTP/back.example.com", lie{ticket: func(_ *liar, k *krbtest.Ticket) { k.Part.EndTime = k.Part.EndTime.Add(time.Hour) }})
	_, err := l.service.OnBehalf(t.Context(), &evidence, back)
	refused("a ticket that outlives the evidence", "after the evidence", err)
}

// accountNamed returns a PAC of an account.
func accountNamed(name string) *krbtest.PAC {
	domain := pac.MustParseSID("S-1-5-21-1-2-3")
	return &krbtest.PAC{Logon: &pac.LogonInfo{AccountName: name, LogonDomain: "EXAMPLE", DomainSID: domain, UserSID: pac.MustParseSID("S-1-5-21-1-2-3-1104"), PrimaryGroup: pac.MustParseSID("S-1-5-21-1-2-3-515")}}
}

// TestDELEG_6_Malformed checks cut answers, and answers that are no message.
func TestDELEG_6_Malformed(t *testing.T) {
	l := newLiar(t)
	alice := l.principal("alice")
	l.says("alice", front, lie{})
	if _, err := l.service.ForUser(t.Context(), alice); err != nil {
		t.Fatal(err)
	}
	last, answer := l.request()
	honest := answer(last)[4:]
	for n := 1; n < len(honest); n += 7 {
		l.set(func(*krb5.KDCReq) []byte { return framed(honest[:n]) })
		if got, err := l.service.ForUser(t.Context(), alice); status.ReasonOf(err) != status.ReasonBadDelegation || got != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
	for want, list := range map[string][][]byte{
		"EOF":               {nil, {0, 0}, {0, 0, 1, 0, 0x6d}},
		"empty or too long": {{0, 0, 0, 0}, {0xff, 0xff, 0xff, 0xff}},
	} {
		for _, b := range list {
			l.set(func(*krb5.KDCReq) []byte { return b })
			if got, err := l.service.ForUser(t.Context(), alice); status.ReasonOf(err) != status.ReasonNoCredentials || got != nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%x: %v, want %s", b, err, want)
			}
		}
	}
}

// TestDELEG_6_KDCError checks that the error of the KDC has its number and text.
func TestDELEG_6_KDCError(t *testing.T) {
	l := newLiar(t)
	l.set(func(q *krb5.KDCReq) []byte {
		e := krb5.KRBError{Stime: time.Now().Unix(), Code: 13, Realm: q.Realm, Service: q.Service, EText: []byte("no\x1b[2J")}
		return framed(e.Append(nil))
	})
	_, err := l.service.ForUser(t.Context(), l.principal("alice"))
	e, ok := errors.AsType[*sspideleg.KDCError](err)
	if !ok || e.Code != 13 || status.ReasonOf(err) != status.ReasonKDCRefused || strings.Contains(err.Error(), "\x1b") || !strings.Contains(err.Error(), "KRB-ERROR 13: ") ||
		!strings.Contains(err.Error(), "the user is sensitive or in Protected Users") {
		t.Errorf("%v", err)
	}
}

// TestDELEG_6_Arguments checks that calls with wrong arguments send nothing.
func TestDELEG_6_Arguments(t *testing.T) {
	l := newLiar(t)
	l.set(func(*krb5.KDCReq) []byte { l.Error("a request was sent"); return nil })
	evidence := l.held(l.realm.Ticket("alice", front))
	expired := evidence
	expired.EndTime = time.Now().Add(-time.Second)
	noTicket := evidence
	noTicket.Ticket = sspi.NewSecret([]byte("x"))
	alice, back := l.principal("alice"), l.principal("HTTP/back.example.com")
	foreign := keytab.MustParsePrincipal("alice@OTHER.EXAMPLE")
	ctx := t.Context()
	var none *sspideleg.Service
	keyless := &sspideleg.Service{Client: l.service.Client}
	for name, x := range map[string]struct {
		call func() error
		want status.Reason
	}{
		"a nil Service":     {func() error { _, err := none.ForUser(ctx, alice); return err }, status.ReasonArgument},
		"the zero Service":  {func() error { _, err := new(sspideleg.Service).OnBehalf(ctx, &evidence, back); return err }, status.ReasonArgument},
		"no keys":           {func() error { _, err := keyless.ForUser(ctx, alice); return err }, status.ReasonArgument},
		"no user":           {func() error { _, err := l.service.ForUser(ctx, keytab.Principal{}); return err }, status.ReasonArgument},
		"a foreign user":    {func() error { _, err := l.service.ForUser(ctx, foreign); return err }, status.ReasonUnsupported},
		"no evidence":       {func() error { _, err := l.service.OnBehalf(ctx, nil, back); return err }, status.ReasonNoCredentials},
		"the zero evidence": {func() error { _, err := l.service.OnBehalf(ctx, new(authenticator.DelegatedTicket), back); return err }, status.ReasonNoCredentials},
		"expired evidence":  {func() error { _, err := l.service.OnBehalf(ctx, &expired, back); return err }, status.ReasonTicketExpired},
		"junk as evidence":  {func() error { _, err := l.service.OnBehalf(ctx, &noTicket, back); return err }, status.ReasonArgument},
		"no target":         {func() error { _, err := l.service.OnBehalf(ctx, &evidence, keytab.Principal{}); return err }, status.ReasonArgument},
		"a foreign target":  {func() error { _, err := l.service.OnBehalf(ctx, &evidence, foreign); return err }, status.ReasonUnsupported},
	} {
		if err := x.call(); status.ReasonOf(err) != x.want {
			t.Errorf("%s: %v, want %v", name, err, x.want)
		}
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := l.service.ForUser(canceled, alice); status.ReasonOf(err) != status.ReasonCanceled {
		t.Errorf("canceled: %v", err)
	}
}

// malformedAccount returns a PAC whose signed LOGON_INFO is cut short.
func malformedAccount() *krbtest.PAC {
	p := accountNamed("alice")
	p.Edit = func(buffers []krbtest.PACBuffer) []krbtest.PACBuffer {
		for i := range buffers {
			if buffers[i].Type == 1 { // LOGON_INFO
				buffers[i].Data = buffers[i].Data[:20]
			}
		}
		return buffers
	}
	return p
}
