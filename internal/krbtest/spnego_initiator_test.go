package krbtest_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/spnego"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
)

// server is a minimal SPNEGO acceptor. It parses the client's tokens with gokrb5, and uses
// a real acceptor of Kerberos.
type server struct {
	t       *testing.T
	c       *sspi.Context
	list    []byte
	mic     bool // a MIC is required
	over    bool // Kerberos is complete
	heard   bool // the client's MIC has arrived
	offered bool // the server has sent its MIC
	legs    int
}

// newServer returns a server, and the request of a client of its realm.
func newServer(t *testing.T) (*server, *krbtest.APReq) {
	realm := krbtest.NewRealm("EXAMPLE.COM")
	acceptor, err := sspi.NewAcceptor(sspi.Config{
		Keys: realm.Service(service), Time: realm.Now, Rand: realm,
		Replay: authenticator.NewMemoryCacheAt(0, authenticator.AcceptOlder, realm.Now()),
	})
	if err != nil {
		t.Fatal(err)
	}
	c := acceptor.NewContext(sspi.ContextConfig{Package: sspi.Kerberos})
	return &server{t: t, c: c}, realm.Ticket("alice", service).APReq()
}

// answer returns the server's answer to token.
func (s *server) answer(token []byte) *krbtest.NegTokenResp {
	s.t.Helper()
	var in spnego.SPNEGOToken
	if err := in.Unmarshal(token); err != nil {
		s.t.Fatalf("token %d: %v", s.legs, err)
	}
	if in.Init != (s.legs == 0) {
		s.t.Fatalf("token %d: %+v", s.legs, in)
	}
	s.legs++
	if in.Resp {
		return s.more(in.NegTokenResp.ResponseToken, in.NegTokenResp.MechListMIC, in.NegTokenResp.SupportedMech != nil)
	}
	first := in.NegTokenInit
	s.list, _ = asn1.Marshal(first.MechTypes)
	r := &krbtest.NegTokenResp{State: krbtest.NegRequestMIC, Mechanism: krbtest.OIDKerberos}
	if name := first.MechTypes[0].String(); name == "1.2.840.48018.1.2.2" {
		r.Mechanism = krbtest.OIDMSKerberos
	} else if name != "1.2.840.113554.1.2.2" {
		s.mic = true
		return r
	}
	if first.MechTokenBytes == nil {
		r.State = krbtest.NegIncomplete
		return r
	}
	reply := s.more(first.MechTokenBytes, first.MechListMIC, false)
	reply.Mechanism = r.Mechanism
	return reply
}

// more returns the answer to a token of the selected mechanism.
func (s *server) more(token, mic []byte, again bool) *krbtest.NegTokenResp {
	s.t.Helper()
	if again {
		s.t.Fatal("the client repeats supportedMech")
	}
	r := &krbtest.NegTokenResp{State: krbtest.NegIncomplete}
	if !s.over {
		reply, peer, err := s.c.Accept(context.Background(), token)
		if err != nil && err != sspi.ErrContinue {
			s.t.Fatalf("leg %d: %v", s.legs, err)
		}
		s.over = peer != nil
		if len(reply) > 0 {
			r.Token = reply
		}
		if !s.over {
			return r
		}
	} else if token != nil {
		s.t.Fatal("a token too many")
	}
	if mic != nil {
		if err := s.c.VerifyMIC(s.list, mic); err != nil {
			s.t.Fatalf("leg %d: the client's mechListMIC: %v", s.legs, err)
		}
		s.heard = true
	}
	if (s.mic || s.heard) && !s.offered {
		s.offered = true
		r.MIC = s.sign(s.list)
	}
	if s.heard || !s.offered {
		r.State = krbtest.NegCompleted
	}
	return r
}

func (s *server) sign(list []byte) []byte {
	s.t.Helper()
	mic, err := s.c.GetMIC(nil, list)
	if err != nil {
		s.t.Fatal(err)
	}
	return mic
}

// negotiate exchanges tokens between client and server. edit changes answer i, counted from
// 0.
func negotiate(n *krbtest.Negotiation, s *server, edit func(i int, r *krbtest.NegTokenResp)) error {
	s.t.Helper()
	token, done, err := n.Next(nil)
	for i := 0; err == nil; i++ {
		if token == nil {
			if !done {
				s.t.Fatal("the client is neither done nor has it anything to say")
			}
			return nil
		}
		r := s.answer(token)
		if edit != nil {
			edit(i, r)
		}
		token, done, err = n.Next(r.Bytes())
	}
	if token != nil || done {
		s.t.Errorf("with the error, a token of %d bytes, done %v", len(token), done)
	}
	if token, done, again := n.Next([]byte("x")); again != krbtest.ErrState || token != nil || done {
		s.t.Errorf("after the error: %v", again)
	}
	return err
}

var (
	kerberosOnly  = [][]byte{krbtest.OIDKerberos}
	kerberosFirst = [][]byte{krbtest.OIDKerberos, krbtest.OIDNTLM}
	ntlmFirst     = [][]byte{krbtest.OIDNTLM, krbtest.OIDOther, krbtest.OIDKerberos}
	windows       = [][]byte{krbtest.OIDMSKerberos, krbtest.OIDKerberos, krbtest.OIDIAKERB, krbtest.OIDNegoEx, krbtest.OIDUser2User, krbtest.OIDNTLM}
)

const (
	oneWay = krbtest.DefaultFlags &^ flags.GSS_C_MUTUAL_FLAG
	dce    = krbtest.DefaultFlags | flags.GSS_C_DCE_STYLE
)

// TestNegotiation checks each form of a negotiation, and messages after it.
func TestNegotiation(t *testing.T) {
	offerMIC := func(i int, r *krbtest.NegTokenResp, s *server) {
		if i == 0 {
			s.offered, r.MIC, r.State = true, s.sign(s.list), krbtest.NegIncomplete
		}
	}
	for name, row := range map[string]struct {
		flags   flags.GSS
		offer   [][]byte
		prepare func(*krbtest.Negotiation)
		edit    func(int, *krbtest.NegTokenResp, *server)
		tokens  int // of the client
	}{
		"mutual":                       {krbtest.DefaultFlags, kerberosOnly, nil, nil, 1},
		"one-way":                      {oneWay, kerberosOnly, nil, nil, 1},
		"DCE style":                    {dce, kerberosOnly, nil, nil, 2},
		"mutual, NTLM second":          {krbtest.DefaultFlags, kerberosFirst, nil, nil, 1},
		"mutual, as Windows":           {krbtest.DefaultFlags, windows, nil, nil, 1},
		"DCE style, as Windows":        {dce, windows, nil, nil, 2},
		"mutual, NTLM first":           {krbtest.DefaultFlags, ntlmFirst, nil, nil, 3},
		"one-way, NTLM first":          {oneWay, ntlmFirst, nil, nil, 2},
		"DCE style, NTLM first":        {dce, ntlmFirst, nil, nil, 3},
		"mutual, a MIC of the server":  {krbtest.DefaultFlags, kerberosOnly, nil, offerMIC, 2},
		"one-way, a MIC of the server": {oneWay, kerberosOnly, nil, offerMIC, 2},
		"one-way, a MIC of the client": {oneWay, kerberosFirst, func(n *krbtest.Negotiation) { n.SendMIC = true }, nil, 1},
		"DCE style, one of the client": {dce, kerberosFirst, func(n *krbtest.Negotiation) { n.SendMIC = true }, nil, 2},
		"mutual, a MIC that cannot be": {krbtest.DefaultFlags, kerberosFirst, func(n *krbtest.Negotiation) { n.SendMIC = true }, nil, 1},
		"mutual, no optimistic token":  {krbtest.DefaultFlags, kerberosFirst, func(n *krbtest.Negotiation) { n.NoToken = true }, nil, 2},
		"mutual, no state later": {krbtest.DefaultFlags, ntlmFirst, nil, func(i int, r *krbtest.NegTokenResp, _ *server) {
			if i == 1 {
				r.State = krbtest.NegAbsent
			}
		}, 3},
		"mutual, NTLM first, no request for a MIC": {krbtest.DefaultFlags, ntlmFirst, nil, func(i int, r *krbtest.NegTokenResp, _ *server) {
			if i == 0 {
				r.State = krbtest.NegIncomplete // the client must send its MIC all the same
			}
		}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			s, q := newServer(t)
			q.Flags = row.flags
			n := q.Start().Negotiate()
			n.Mechanisms = row.offer
			if row.prepare != nil {
				row.prepare(n)
			}
			edit := func(i int, r *krbtest.NegTokenResp) {
				if row.edit != nil {
					row.edit(i, r, s)
				}
			}
			if err := negotiate(n, s, edit); err != nil {
				t.Fatal(err)
			}
			if s.legs != row.tokens {
				t.Errorf("%d tokens, want %d", s.legs, row.tokens)
			}
			talk(t, n.Kerberos, s.c)
		})
	}
}

// talk checks that both sides use the same sequence numbers.
func talk(t *testing.T, i *krbtest.Initiator, c *sspi.Context) {
	t.Helper()
	token, err := i.Wrap([]byte("hello"), true)
	if err != nil {
		t.Fatal(err)
	}
	if m, _, err := c.Unwrap(nil, token); err != nil || string(m) != "hello" {
		t.Errorf("the server: %q, %v", m, err)
	}
	if token, err = c.Wrap(nil, []byte("hello"), true); err != nil {
		t.Fatal(err)
	}
	if m, _, err := i.Unwrap(token); err != nil || string(m) != "hello" {
		t.Errorf("the client: %q, %v", m, err)
	}
}

// TestNegotiation_Strict checks answers that a client must refuse.
func TestNegotiation_Strict(t *testing.T) {
	at := func(leg int, f func(*krbtest.NegTokenResp)) func(int, *krbtest.NegTokenResp, *server) {
		return func(i int, r *krbtest.NegTokenResp, _ *server) {
			if i == leg {
				f(r)
			}
		}
	}
	state := func(leg int, s krbtest.NegState) func(int, *krbtest.NegTokenResp, *server) {
		return at(leg, func(r *krbtest.NegTokenResp) { r.State = s })
	}
	mechanism := func(leg int, oid []byte) func(int, *krbtest.NegTokenResp, *server) {
		return at(leg, func(r *krbtest.NegTokenResp) { r.Mechanism = oid })
	}
	noMIC := func(leg int) func(int, *krbtest.NegTokenResp, *server) {
		return at(leg, func(r *krbtest.NegTokenResp) { r.MIC = nil })
	}
	wrongMIC := func(leg int) func(int, *krbtest.NegTokenResp, *server) {
		return at(leg, func(r *krbtest.NegTokenResp) { r.MIC[len(r.MIC)-1] ^= 1 })
	}
	signed := func(leg int, list []byte) func(int, *krbtest.NegTokenResp, *server) {
		return func(i int, r *krbtest.NegTokenResp, s *server) {
			if i == leg {
				r.MIC = s.sign(list)
			}
		}
	}
	mutual := krbtest.DefaultFlags
	otherList := (&krbtest.NegTokenInit{Mechanisms: kerberosOnly}).ListBytes()
	for name, row := range map[string]struct {
		why   string
		flags flags.GSS
		offer [][]byte
		edit  func(int, *krbtest.NegTokenResp, *server)
	}{
		"no state at first":                    {"lacks negState", mutual, kerberosOnly, state(0, krbtest.NegAbsent)},
		"no mechanism at first":                {"lacks negState or supportedMech", mutual, kerberosOnly, mechanism(0, nil)},
		"a mechanism that was not offered":     {"did not offer", mutual, kerberosOnly, mechanism(0, krbtest.OIDMSKerberos)},
		"a mechanism that the client has not":  {"does not support", mutual, kerberosFirst, mechanism(0, krbtest.OIDNTLM)},
		"another name of Kerberos, with token": {"did not send", mutual, windows, mechanism(0, krbtest.OIDKerberos)},
		"a mechanism later":                    {"after the first answer", dce, kerberosOnly, mechanism(1, krbtest.OIDKerberos)},
		"request-mic later":                    {"after the first answer", mutual, ntlmFirst, state(1, krbtest.NegRequestMIC)},
		"completed before the third leg":       {"before the client's last", dce, kerberosOnly, state(0, krbtest.NegCompleted)},
		"completed before the AP-REQ":          {"before the client's last", mutual, ntlmFirst, state(0, krbtest.NegCompleted)},
		"completed before the client's MIC":    {"before the client's last", mutual, ntlmFirst, state(1, krbtest.NegCompleted)},
		"incomplete at the end":                {"has sent its last token", mutual, kerberosOnly, state(0, krbtest.NegIncomplete)},
		"incomplete at the end, one-way":       {"has sent its last token", oneWay, kerberosOnly, state(0, krbtest.NegIncomplete)},
		"incomplete at the end, DCE style":     {"has sent its last token", dce, kerberosOnly, state(1, krbtest.NegIncomplete)},
		"incomplete after both MICs":           {"more than accept-completed", mutual, ntlmFirst, state(2, krbtest.NegIncomplete)},
		"request-mic without one":              {"omitted the required mechListMIC", mutual, kerberosOnly, state(0, krbtest.NegRequestMIC)},
		"request-mic without one, one-way":     {"omitted the required mechListMIC", oneWay, kerberosOnly, state(0, krbtest.NegRequestMIC)},
		"no AP-REP":                            {"lacks the AP-REP", mutual, kerberosOnly, at(0, func(r *krbtest.NegTokenResp) { r.Token = nil })},
		"an empty AP-REP":                      {"frame of the AP-REP differs", mutual, kerberosOnly, at(0, func(r *krbtest.NegTokenResp) { r.Token = []byte{} })},
		"an altered AP-REP":                    {"integrity", mutual, kerberosOnly, at(0, func(r *krbtest.NegTokenResp) { r.Token[len(r.Token)-1] ^= 1 })},
		"an unexpected token":                  {"no GSS frame", oneWay, kerberosOnly, at(0, func(r *krbtest.NegTokenResp) { r.Token = []byte("x") })},
		"an answer to NTLM":                    {"did not send", mutual, ntlmFirst, at(0, func(r *krbtest.NegTokenResp) { r.Token = []byte("x") })},
		"no MIC":                               {"omitted the required mechListMIC", mutual, ntlmFirst, noMIC(1)},
		"no MIC, one-way":                      {"omitted the required mechListMIC", oneWay, ntlmFirst, noMIC(1)},
		"no MIC, DCE style":                    {"omitted the required mechListMIC", dce, ntlmFirst, noMIC(2)},
		"no MIC, and the end":                  {"omitted the required mechListMIC", mutual, ntlmFirst, at(1, func(r *krbtest.NegTokenResp) { r.MIC, r.State = nil, krbtest.NegCompleted })},
		"no MIC, though nobody asked for one": {"omitted the required mechListMIC", mutual, ntlmFirst, func(i int, r *krbtest.NegTokenResp, _ *server) {
			if i == 0 {
				r.State = krbtest.NegIncomplete
			}
			r.MIC = nil
		}},
		"a wrong MIC":                    {"altered", mutual, ntlmFirst, wrongMIC(1)},
		"a wrong MIC, one-way":           {"altered", oneWay, ntlmFirst, wrongMIC(1)},
		"an empty MIC":                   {"right kind", mutual, ntlmFirst, at(1, func(r *krbtest.NegTokenResp) { r.MIC = []byte{} })},
		"a MIC over another list":        {"altered", mutual, ntlmFirst, signed(1, otherList)},
		"a wrong MIC that nobody needs":  {"right kind", mutual, kerberosOnly, at(0, func(r *krbtest.NegTokenResp) { r.MIC = []byte("x") })},
		"a MIC before Kerberos":          {"unexpected mechListMIC", mutual, ntlmFirst, at(0, func(r *krbtest.NegTokenResp) { r.MIC = []byte("x") })},
		"a MIC before the third leg":     {"unexpected mechListMIC", dce, kerberosOnly, at(0, func(r *krbtest.NegTokenResp) { r.MIC = []byte("x") })},
		"a second MIC":                   {"more than accept-completed", mutual, ntlmFirst, signed(2, nil)},
		"a MIC, and no wait for ours":    {"before the client's last", oneWay, kerberosOnly, signed(0, otherList)},
		"an unknown field in the answer": {"unknown fields", mutual, kerberosOnly, at(0, func(r *krbtest.NegTokenResp) { r.More = []byte{0xa4, 0x02, 0x05, 0x00} })},
	} {
		t.Run(name, func(t *testing.T) {
			s, q := newServer(t)
			q.Flags = row.flags
			n := q.Start().Negotiate()
			n.Mechanisms = row.offer
			err := negotiate(n, s, func(i int, r *krbtest.NegTokenResp) { row.edit(i, r, s) })
			if err == nil || !strings.Contains(err.Error(), row.why) {
				t.Errorf("%v, want %q", err, row.why)
			}
		})
	}
}

// TestNegotiation_OwnMICUnanswered checks that a client that sends a MIC without need
// requires a MIC from the server.
func TestNegotiation_OwnMICUnanswered(t *testing.T) {
	for _, f := range []flags.GSS{oneWay, dce} {
		s, q := newServer(t)
		q.Flags = f
		n := q.Start().Negotiate()
		n.SendMIC = true
		err := negotiate(n, s, func(_ int, r *krbtest.NegTokenResp) { r.MIC = nil })
		if err == nil || !strings.Contains(err.Error(), "omitted the required mechListMIC") {
			t.Errorf("flags %v: %v", f, err)
		}
	}
}

// refusal returns a KRB-ERROR for a clock that is wrong by an hour, which permits another
// try.
func refusal(t *testing.T) []byte {
	t.Helper()
	s, q := newServer(t)
	q.SetTime(krbtest.Epoch.Add(time.Hour))
	reply, _, err := s.c.Accept(context.Background(), q.Token())
	if err != sspi.ErrContinue || len(reply) == 0 {
		t.Fatal(err)
	}
	return reply
}

// TestNegotiation_Rejected checks a reject with and without a KRB-ERROR.
func TestNegotiation_Rejected(t *testing.T) {
	for _, f := range []flags.GSS{krbtest.DefaultFlags, oneWay, dce} {
		for _, first := range []krbtest.NegTokenResp{
			{State: krbtest.NegReject, Token: refusal(t)},
			{State: krbtest.NegReject, Mechanism: krbtest.OIDKerberos, Token: refusal(t)},
			{State: krbtest.NegIncomplete, Mechanism: krbtest.OIDKerberos, Token: refusal(t)}, // this client makes no second try
		} {
			_, q := newServer(t)
			q.Flags = f
			n := q.Start().Negotiate()
			if _, _, err := n.Next(nil); err != nil {
				t.Fatal(err)
			}
			_, done, err := n.Next(first.Bytes())
			if e, ok := errors.AsType[*krbtest.Error](err); !ok || e.ErrorCode != 37 || done {
				t.Errorf("flags %v, state %d: %v", f, first.State, err)
			}
		}
	}
	for name, row := range map[string]struct {
		token []byte
		want  bool
	}{
		"nothing": {nil, true}, "empty": {[]byte{}, false}, "junk": {[]byte("junk"), false},
		"an AP-REQ": {krbtest.Frame(krbtest.OIDKerberos, krbtest.TokAPReq, []byte("x")), false},
		"no error":  {krbtest.Frame(krbtest.OIDKerberos, krbtest.TokError, []byte("x")), false},
	} {
		n := request().Start().Negotiate()
		if _, _, err := n.Next(nil); err != nil {
			t.Fatal(err)
		}
		_, _, err := n.Next((&krbtest.NegTokenResp{State: krbtest.NegReject, Token: row.token}).Bytes())
		if err == nil || (err == krbtest.ErrRejected) != row.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNegotiation_Retry checks that a client that receives the time tries once more within
// the negotiation.
func TestNegotiation_Retry(t *testing.T) {
	for _, f := range []flags.GSS{krbtest.DefaultFlags, oneWay, dce} {
		s, q := newServer(t)
		q.Flags = f
		q.SetTime(krbtest.Epoch.Add(time.Hour))
		i := q.Start()
		i.RetrySkew = true
		n := i.Negotiate()
		if _, _, err := n.Next(nil); err != nil {
			t.Fatal(err)
		}
		token, done, err := n.Next((&krbtest.NegTokenResp{
			State: krbtest.NegIncomplete, Mechanism: krbtest.OIDKerberos, Token: refusal(t),
		}).Bytes())
		if err != nil || done {
			t.Fatal(done, err)
		}
		s.legs++
		for token != nil {
			if token, done, err = n.Next(s.answer(token).Bytes()); err != nil {
				t.Fatal(err)
			}
		}
		if !done {
			t.Error("it is not done")
		}
		talk(t, i, s.c)
	}
}

// TestNegotiation_RetryOnce checks that the second refusal is final.
func TestNegotiation_RetryOnce(t *testing.T) {
	for _, f := range []flags.GSS{krbtest.DefaultFlags, oneWay, dce} {
		_, q := newServer(t)
		q.Flags = f
		i := q.Start()
		i.RetrySkew = true
		n := i.Negotiate()
		_, _, err := n.Next(nil)
		r := &krbtest.NegTokenResp{State: krbtest.NegIncomplete, Mechanism: krbtest.OIDKerberos, Token: refusal(t)}
		if err == nil {
			_, _, err = n.Next(r.Bytes())
		}
		if err != nil {
			t.Fatal(err)
		}
		r.Mechanism = nil
		token, done, err := n.Next(r.Bytes())
		if e, ok := errors.AsType[*krbtest.Error](err); !ok || e.ErrorCode != 37 || done || token != nil {
			t.Errorf("flags %v: done %v, %v", f, done, err)
		}
	}
}

// TestNegotiation_AfterTheEnd checks that a client whose last token is a MIC has finished,
// and accepts one more answer, with the state accept-completed.
func TestNegotiation_AfterTheEnd(t *testing.T) {
	for name, row := range map[string]struct {
		last krbtest.NegTokenResp
		ok   bool
	}{
		"completed":          {krbtest.NegTokenResp{State: krbtest.NegCompleted}, true},
		"incomplete":         {krbtest.NegTokenResp{State: krbtest.NegIncomplete}, false},
		"rejected":           {krbtest.NegTokenResp{State: krbtest.NegReject}, false},
		"completed, a token": {krbtest.NegTokenResp{State: krbtest.NegCompleted, Token: []byte("x")}, false},
		"completed, a MIC":   {krbtest.NegTokenResp{State: krbtest.NegCompleted, MIC: []byte("x")}, false},
		"nothing at all":     {krbtest.NegTokenResp{State: krbtest.NegAbsent}, false},
	} {
		s, q := newServer(t)
		n := q.Start().Negotiate()
		n.Mechanisms = ntlmFirst
		token, done, err := n.Next(nil)
		for range 2 {
			if err != nil || done {
				t.Fatal(done, err)
			}
			token, done, err = n.Next(s.answer(token).Bytes())
		}
		if err != nil || !done || token == nil {
			t.Fatal(done, err)
		}
		s.answer(token) // the server accepts the MIC
		if _, done, err = n.Next(row.last.Bytes()); (err == nil) != row.ok || done != row.ok {
			t.Errorf("%s: done %v, %v", name, done, err)
		}
		if _, _, err = n.Next(row.last.Bytes()); err != krbtest.ErrState {
			t.Errorf("%s, again: %v", name, err)
		}
	}
}

// TestNegotiation_Faults checks the effect of each option that makes an error.
func TestNegotiation_Faults(t *testing.T) {
	first := func(set func(*krbtest.Negotiation)) spnego.NegTokenInit {
		t.Helper()
		n := request().Start().Negotiate()
		set(n)
		token, _, err := n.Next(nil)
		var s spnego.SPNEGOToken
		if err == nil {
			err = s.Unmarshal(token)
		}
		if err != nil {
			t.Fatal(err)
		}
		return s.NegTokenInit
	}
	if i := first(func(n *krbtest.Negotiation) { n.OptimisticToken = []byte("mine") }); string(i.MechTokenBytes) != "mine" {
		t.Errorf("token %q", i.MechTokenBytes)
	}
	if i := first(func(n *krbtest.Negotiation) { n.NoToken = true }); i.MechTokenBytes != nil {
		t.Errorf("token %q", i.MechTokenBytes)
	}
	if i := first(func(n *krbtest.Negotiation) { n.Mechanisms = nil }); len(i.MechTypes) != 0 {
		t.Errorf("mechanisms %v", i.MechTypes)
	}
	if i := first(func(n *krbtest.Negotiation) { n.Mechanisms = ntlmFirst }); !bytes.HasPrefix(i.MechTokenBytes, []byte("NTLMSSP\x00\x01\x00\x00\x00")) {
		t.Errorf("token %q", i.MechTokenBytes)
	}
}

// TestNegotiation_OddList checks that the client signs a list that is not DER as it was
// sent, or not at all.
func TestNegotiation_OddList(t *testing.T) {
	short := (&krbtest.NegTokenInit{Mechanisms: ntlmFirst}).ListBytes()
	long := append([]byte{0x30, 0x81, short[1]}, short[2:]...)
	for _, sign := range []bool{true, false} {
		s, q := newServer(t)
		s.list, s.mic, s.legs = long, true, 1 // gokrb5 does not parse such a token
		n := q.Start().Negotiate()
		n.Mechanisms = ntlmFirst
		n.EditInit = func(i *krbtest.NegTokenInit) { i.List = long }
		if !sign {
			n.MIC = func([]byte) ([]byte, error) { return nil, nil }
		}
		var last *krbtest.NegTokenResp
		n.EditResp = func(r *krbtest.NegTokenResp) { last = r }
		token, done, err := n.Next(nil)
		if err != nil || !bytes.Contains(token, long) {
			t.Fatalf("%x, %v", token, err)
		}
		reply := &krbtest.NegTokenResp{State: krbtest.NegRequestMIC, Mechanism: krbtest.OIDKerberos}
		for range 2 {
			if token, done, err = n.Next(reply.Bytes()); err != nil {
				t.Fatal(err)
			}
			if !done {
				reply = s.answer(token)
			}
		}
		if !done || (last.MIC != nil) != sign {
			t.Errorf("%+v, done %v", last, done)
		}
		if sign {
			s.answer(token)
		}
	}
}
