package sspi_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// negotiate exchanges tokens between a client and a new context. It returns the acceptor's
// replies, and the acceptor's error.
func negotiate(n *krbtest.Negotiation, c *sspi.Context) (legs [][]byte, err error) {
	var reply []byte
	for {
		token, done, clientErr := n.Next(reply)
		if clientErr != nil {
			return legs, errors.Join(err, clientErr)
		}
		if token == nil {
			if !done {
				return legs, errors.New("the client has nothing to say")
			}
			return legs, err
		}
		reply, _, err = c.Accept(context.Background(), token)
		legs = append(legs, reply)
		if len(reply) == 0 {
			return legs, err
		}
	}
}

// client returns a negotiation with a request.
func (s *site) client(mechanisms [][]byte, changes ...func(*krbtest.APReq)) *krbtest.Negotiation {
	n := s.request(changes...).Start().Negotiate()
	if mechanisms != nil {
		n.Mechanisms = mechanisms
	}
	return n
}

var (
	onlyKerberos  = [][]byte{krbtest.OIDKerberos}
	ntlmFirst     = [][]byte{krbtest.OIDNTLM, krbtest.OIDKerberos}
	windowsOffers = [][]byte{krbtest.OIDMSKerberos, krbtest.OIDKerberos, krbtest.OIDIAKERB, krbtest.OIDNegoEx, krbtest.OIDUser2User, krbtest.OIDNTLM}
)

// TestNegotiate checks that each kind of client establishes a context with each list of
// mechanisms, and that both sides can exchange messages. legs is the number of tokens that
// the client sends.
func TestNegotiate(t *testing.T) {
	for name, row := range map[string]struct {
		mechanisms [][]byte
		changes    []func(*krbtest.APReq)
		legs       int
		mic        bool
	}{
		"mutual":                   {onlyKerberos, nil, 1, false},
		"one-way":                  {onlyKerberos, []func(*krbtest.APReq){oneWay}, 1, false},
		"DCE style":                {onlyKerberos, []func(*krbtest.APReq){dce}, 2, false},
		"Windows' list":            {windowsOffers, nil, 1, false},
		"NTLM behind":              {[][]byte{krbtest.OIDKerberos, krbtest.OIDNTLM}, nil, 1, false},
		"NTLM first":               {ntlmFirst, nil, 3, true},
		"NTLM first, one-way":      {ntlmFirst, []func(*krbtest.APReq){oneWay}, 2, true},
		"NTLM first, DCE style":    {ntlmFirst, []func(*krbtest.APReq){dce}, 3, true},
		"NegoEx first":             {[][]byte{krbtest.OIDNegoEx, krbtest.OIDNTLM, krbtest.OIDMSKerberos}, nil, 3, true},
		"unknown first, named 2x":  {[][]byte{krbtest.OIDOther, krbtest.OIDOther, krbtest.OIDKerberos}, nil, 3, true},
		"Windows' own frame's OID": {windowsOffers, []func(*krbtest.APReq){func(q *krbtest.APReq) { q.OID = krbtest.OIDMSKerberos }}, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			n := s.client(row.mechanisms, row.changes...)
			c := s.acceptor.NewContext(sspi.ContextConfig{})
			legs, err := negotiate(n, c)
			if err != nil || c.Peer() == nil {
				t.Fatalf("%v, peer %v", err, c.Peer())
			}
			if len(legs) != row.legs {
				t.Errorf("%d legs, want %d", len(legs), row.legs)
			}
			first, err := krbtest.ParseNegTokenResp(legs[0])
			if err != nil {
				t.Fatal(err)
			}
			if asked := first.State == krbtest.NegRequestMIC; asked != row.mic {
				t.Errorf("the first answer's state is %d", first.State)
			}
			talk(t, c, n.Kerberos)
		})
	}
}

// talk sends a message of each kind in each direction.
func talk(t *testing.T, c *sspi.Context, client *krbtest.Initiator) {
	t.Helper()
	for _, text := range []string{"", "one", "another"} {
		token, err := client.Wrap([]byte(text), true)
		if err != nil {
			t.Fatal(err)
		}
		got, sealed, err := c.Unwrap(nil, token)
		if err != nil || string(got) != text || !sealed {
			t.Fatalf("unwrapped %q, %v, %v", got, sealed, err)
		}
		mic, err := c.GetMIC(nil, got)
		if err != nil {
			t.Fatal(err)
		}
		if err := client.VerifyMIC(got, mic); err != nil {
			t.Fatalf("the client refused the acceptor's MIC: %v", err)
		}
	}
}

// TestNegotiate_Windows checks the same with AcceptSecurityContext.
func TestNegotiate_Windows(t *testing.T) {
	for name, mechanisms := range map[string][][]byte{"Kerberos first": onlyKerberos, "NTLM first": ntlmFirst} {
		for style, change := range map[string]func(*krbtest.APReq){"mutual": nothing, "one-way": oneWay, "DCE style": dce} {
			t.Run(name+", "+style, func(t *testing.T) {
				s := newSite(t)
				s.cred = s.acceptor.CredHandle(sspi.Negotiate)
				n := s.client(mechanisms, change)
				token, _, _ := n.Next(nil)
				l := s.first(token)
				code := l.call()
				for code == status.SEC_I_CONTINUE_NEEDED {
					next, _, err := n.Next(l.reply())
					if err != nil {
						t.Fatal(err)
					}
					h := l.handle
					l = s.second(&h, next)
					code = l.call()
				}
				wantCode(t, "the last leg", code, status.SEC_E_OK)
				if len(l.reply()) > 0 {
					if _, done, err := n.Next(l.reply()); err != nil || !done {
						t.Fatalf("the client: %v", err)
					}
				}
				if l.stamp == untouchedStamp || l.attr&flags.ASC_RET_INTEGRITY == 0 {
					t.Errorf("outputs %v, %v", l.attr, l.stamp)
				}
				talk(t, l.handle.Context(), n.Kerberos)
				var info sspi.SecPkgContext_NegotiationInfo
				wantCode(t, "query", sspi.QueryContextAttributes(&l.handle, sspi.SECPKG_ATTR_NEGOTIATION_INFO, &info), status.SEC_E_OK)
				if info.PackageInfo.Name != sspi.Kerberos || info.NegotiationState != sspi.SECPKG_NEGOTIATION_COMPLETE {
					t.Errorf("%+v", info)
				}
			})
		}
	}
}

// TestPARSE_6_NoCommonMechanism checks that the acceptor rejects a client whose list lacks
// Kerberos, and that the record names the client's mechanisms.
func TestPARSE_6_NoCommonMechanism(t *testing.T) {
	for name, row := range map[string]struct {
		mechanisms [][]byte
		want       status.Reason
	}{
		"NTLM":             {[][]byte{krbtest.OIDNTLM}, status.ReasonNTLM},
		"NegoEx":           {[][]byte{krbtest.OIDNegoEx}, status.ReasonNegoEx},
		"IAKERB":           {[][]byte{krbtest.OIDIAKERB}, status.ReasonIAKERB},
		"NegoEx and NTLM":  {[][]byte{krbtest.OIDNegoEx, krbtest.OIDNTLM}, status.ReasonNTLM},
		"unknown, IAKERB":  {[][]byte{krbtest.OIDOther, krbtest.OIDIAKERB}, status.ReasonIAKERB},
		"user-to-user":     {[][]byte{krbtest.OIDUser2User}, status.ReasonUnsupportedMechanism},
		"SPNEGO in SPNEGO": {[][]byte{krbtest.OIDSPNEGO}, status.ReasonUnsupportedMechanism},
		"unknown":          {[][]byte{krbtest.OIDOther}, status.ReasonUnsupportedMechanism},
	} {
		s := newSite(t)
		n := s.client(row.mechanisms)
		c := s.acceptor.NewContext(sspi.ContextConfig{})
		_, err := negotiate(n, c)
		if status.ReasonOf(err) != row.want || !errors.Is(err, krbtest.ErrRejected) || status.ReasonOf(c.Err()) != row.want {
			t.Errorf("%s: %v, want %v and a rejection", name, err, row.want)
		}
	}
}

// TestPARSE_7_AnothersToken checks that the acceptor reads an optimistic token only if it
// belongs to the selected mechanism.
func TestPARSE_7_AnothersToken(t *testing.T) {
	s := newSite(t)
	n := s.client(ntlmFirst)
	n.OptimisticToken = s.request().Token() // a valid token, but not labelled as a token of Kerberos
	c := s.acceptor.NewContext(sspi.ContextConfig{})
	token, _, _ := n.Next(nil)
	reply, peer, err := c.Accept(context.Background(), token)
	if err != sspi.ErrContinue || peer != nil || s.replay.stores.Load() != 0 {
		t.Fatalf("%v, %v, %d authenticators claimed", peer, err, s.replay.stores.Load())
	}
	r, err := krbtest.ParseNegTokenResp(reply)
	if err != nil || r.State != krbtest.NegRequestMIC || r.Token != nil || !bytes.Equal(r.Mechanism, krbtest.OIDKerberos) {
		t.Errorf("%+v, %v", r, err)
	}
	// A token that is labelled as a token of Kerberos, and is one of NTLM.
	n = s.client(onlyKerberos)
	n.OptimisticToken = []byte("NTLMSSP\x00\x01\x00\x00\x00")
	if _, err := negotiate(n, s.acceptor.NewContext(sspi.ContextConfig{})); status.ReasonOf(err) != status.ReasonNTLM {
		t.Errorf("NTLM as Kerberos: %v", err)
	}
}

// TestNegotiate_NoToken checks that the acceptor requests the token of a client that sends
// only a list, and needs no MIC if the list is Kerberos.
func TestNegotiate_NoToken(t *testing.T) {
	s := newSite(t)
	n := s.client(onlyKerberos)
	n.NoToken = true
	c := s.acceptor.NewContext(sspi.ContextConfig{})
	legs, err := negotiate(n, c)
	if err != nil || c.Peer() == nil || len(legs) != 2 {
		t.Fatalf("%v, %d legs", err, len(legs))
	}
	r, _ := krbtest.ParseNegTokenResp(legs[0])
	if r.State != krbtest.NegIncomplete || r.Token != nil {
		t.Errorf("%+v", r)
	}
}

// TestPARSE_16_InnerFrame checks that the AP-REP has the frame of the client's AP-REQ,
// whatever OID the SPNEGO list contains.
func TestPARSE_16_InnerFrame(t *testing.T) {
	for _, offered := range [][]byte{krbtest.OIDKerberos, krbtest.OIDMSKerberos} {
		for _, framed := range [][]byte{krbtest.OIDKerberos, krbtest.OIDMSKerberos} {
			s := newSite(t)
			n := s.client([][]byte{offered}, func(q *krbtest.APReq) { q.OID = framed })
			legs, err := negotiate(n, s.acceptor.NewContext(sspi.ContextConfig{}))
			if err != nil {
				t.Fatal(err)
			}
			r, _ := krbtest.ParseNegTokenResp(legs[0])
			if !bytes.Equal(r.Mechanism, offered) {
				t.Errorf("supportedMech %x, offered %x", r.Mechanism, offered)
			}
			if _, _, err := krbtest.Unframe(r.Token, framed); err != nil {
				t.Errorf("framed %x: %v", framed, err)
			}
		}
	}
}

// TestPARSE_15_RawKerberos checks that package Negotiate accepts raw Kerberos tokens and
// answers without SPNEGO, unless the policy forbids it.
func TestPARSE_15_RawKerberos(t *testing.T) {
	s := newSite(t)
	client := s.request().Start()
	token, _, _ := client.Next(nil)
	c := s.acceptor.NewContext(sspi.ContextConfig{RequireSPNEGO: true})
	if reply, _, err := c.Accept(context.Background(), token); status.ReasonOf(err) != status.ReasonUnsupportedMechanism || len(reply) != 0 {
		t.Errorf("RequireSPNEGO: %v", err)
	}
	c = s.acceptor.NewContext(sspi.ContextConfig{RequireSPNEGO: true})
	if _, _, err := c.Accept(context.Background(), []byte("NTLMSSP\x00")); status.ReasonOf(err) != status.ReasonNTLM {
		t.Errorf("RequireSPNEGO and NTLM: %v", err)
	}
	c = s.acceptor.NewContext(sspi.ContextConfig{})
	reply, _, err := c.Accept(context.Background(), token)
	if err != nil {
		t.Fatal(err)
	}
	if _, done, err := client.Next(reply); err != nil || !done {
		t.Errorf("the client: %v", err)
	}
}

// TestPARSE_9_NegTokenRespFirst checks that a negotiation must begin with a NegTokenInit.
func TestPARSE_9_NegTokenRespFirst(t *testing.T) {
	s := newSite(t)
	token := (&krbtest.NegTokenResp{State: krbtest.NegIncomplete, Token: s.request().Token()}).Bytes()
	if _, _, err := s.acceptor.NewContext(sspi.ContextConfig{}).Accept(context.Background(), token); status.ReasonOf(err) != status.ReasonMalformedToken {
		t.Error(err)
	}
	// A negotiation cannot begin a second time, and cannot continue without SPNEGO.
	for name, second := range map[string]func(n *krbtest.Negotiation) []byte{
		"a second NegTokenInit": func(n *krbtest.Negotiation) []byte { b, _, _ := s.client(onlyKerberos).Next(nil); return b },
		"raw Kerberos":          func(n *krbtest.Negotiation) []byte { return s.request().Token() },
		"a bare AP-REQ":         func(n *krbtest.Negotiation) []byte { return s.request(dce).Token() },
		"nothing":               func(n *krbtest.Negotiation) []byte { return nil },
		"an empty response": func(n *krbtest.Negotiation) []byte {
			return (&krbtest.NegTokenResp{State: krbtest.NegIncomplete}).Bytes()
		},
		"a rejection": func(n *krbtest.Negotiation) []byte {
			return (&krbtest.NegTokenResp{State: krbtest.NegReject, Token: s.request().Token()}).Bytes()
		},
	} {
		n := s.client(ntlmFirst)
		c := s.acceptor.NewContext(sspi.ContextConfig{})
		token, _, _ := n.Next(nil)
		if _, _, err := c.Accept(context.Background(), token); err != sspi.ErrContinue {
			t.Fatal(err)
		}
		if _, peer, err := c.Accept(context.Background(), second(n)); status.ReasonOf(err) != status.ReasonMalformedToken || peer != nil {
			t.Errorf("%s: %v, %v", name, peer, err)
		}
	}
}

// TestNegotiate_Refusals checks that a refused client gets a reject in SPNEGO, also if it
// is one-way.
func TestNegotiate_Refusals(t *testing.T) {
	for name, changes := range map[string][]func(*krbtest.APReq){"mutual": {wrongKey}, "one-way": {wrongKey, oneWay}} {
		s := newSite(t)
		_, err := negotiate(s.client(onlyKerberos, changes...), s.acceptor.NewContext(sspi.ContextConfig{}))
		var krbError *krbtest.Error
		if status.ReasonOf(err) != status.ReasonWrongKey || !errors.As(err, &krbError) || krbError.ErrorCode != 31 {
			t.Errorf("%s: %v", name, err)
		}
		c := s.acceptor.NewContext(sspi.ContextConfig{NoErrorTokens: true})
		token, _, _ := s.client(onlyKerberos, changes...).Next(nil)
		if reply, _, err := c.Accept(context.Background(), token); len(reply) > 0 || status.ReasonOf(err) != status.ReasonWrongKey {
			t.Errorf("%s, NoErrorTokens: %d bytes, %v", name, len(reply), err)
		}
	}
}

// TestNegotiate_Replay checks that an authenticator in another SPNEGO token is a replay
// (REPLAY-1).
func TestNegotiate_Replay(t *testing.T) {
	s := newSite(t)
	request := s.request().Token()
	accept := func(token []byte) error {
		_, _, err := s.acceptor.NewContext(sspi.ContextConfig{}).Accept(context.Background(), token)
		return err
	}
	if err := accept(request); err != nil {
		t.Fatal(err)
	}
	for _, mechanisms := range [][][]byte{onlyKerberos, windowsOffers} {
		token := (&krbtest.NegTokenInit{Mechanisms: mechanisms, Token: request}).Bytes()
		if err := accept(token); status.ReasonOf(err) != status.ReasonReplay {
			t.Error(err)
		}
	}
}

// TestNegotiate_Skew checks the second try of a client whose clock is wrong, which
// continues the same negotiation.
func TestNegotiate_Skew(t *testing.T) {
	for name, mechanisms := range map[string][][]byte{"Kerberos first": onlyKerberos, "NTLM first": ntlmFirst} {
		s := newSite(t)
		n := s.client(mechanisms, late)
		n.Kerberos.RetrySkew = true
		c := s.acceptor.NewContext(sspi.ContextConfig{})
		if _, err := negotiate(n, c); err != nil || c.Peer() == nil {
			t.Errorf("%s: %v", name, err)
		}
		// There is only one second try.
		c = s.acceptor.NewContext(sspi.ContextConfig{})
		token, _, _ := s.client(onlyKerberos, late).Next(nil)
		if _, _, err := c.Accept(context.Background(), token); err != sspi.ErrContinue {
			t.Fatal(err)
		}
		q := s.request(late)
		q.SetTime(q.Time().Add(time.Second))
		again := (&krbtest.NegTokenResp{State: krbtest.NegIncomplete, Token: q.Token()}).Bytes()
		reply, _, err := c.Accept(context.Background(), again)
		r, parseErr := krbtest.ParseNegTokenResp(reply)
		if status.ReasonOf(err) != status.ReasonClockSkew || parseErr != nil || r.State != krbtest.NegReject || r.Mechanism != nil {
			t.Errorf("the second: %v, %+v", err, r)
		}
	}
}

// TestNegotiate_SkewOneWay checks that a one-way client, which cannot continue, gets the
// time in the reject.
func TestNegotiate_SkewOneWay(t *testing.T) {
	s := newSite(t)
	c := s.acceptor.NewContext(sspi.ContextConfig{})
	_, err := negotiate(s.client(onlyKerberos, late, oneWay), c)
	var krbError *krbtest.Error
	if status.ReasonOf(err) != status.ReasonClockSkew || !errors.As(err, &krbError) || krbError.ErrorCode != 37 || len(krbError.EData) > 0 {
		t.Errorf("%v", err)
	}
}

// TestNegotiate_Hints checks that the acceptor answers an empty first token with the list
// of mechanisms, once.
func TestNegotiate_Hints(t *testing.T) {
	want := (&krbtest.NegTokenInit{
		Mechanisms: [][]byte{krbtest.OIDMSKerberos, krbtest.OIDKerberos}, Hints: []byte("not_defined_in_RFC4178@please_ignore"),
	}).Bytes()
	s := newSite(t)
	c := s.acceptor.NewContext(sspi.ContextConfig{})
	reply, peer, err := c.Accept(context.Background(), nil)
	if err != sspi.ErrContinue || peer != nil || !bytes.Equal(reply, want) {
		t.Fatalf("%v\n got %x\nwant %x", err, reply, want)
	}
	if _, err := negotiate(s.client(onlyKerberos), c); err != nil || c.Peer() == nil {
		t.Error(err)
	}
	c = s.acceptor.NewContext(sspi.ContextConfig{})
	_, _, _ = c.Accept(context.Background(), nil)
	if reply, _, err := c.Accept(context.Background(), nil); status.ReasonOf(err) != status.ReasonMalformedToken || len(reply) != 0 {
		t.Errorf("twice: %v", err)
	}
	// The same with AcceptSecurityContext.
	s.cred = s.acceptor.CredHandle(sspi.Negotiate)
	for name, in := range map[string]*sspi.SecBufferDesc{"nil": nil, "no buffers": {}, "an empty token": tokenIn(nil)} {
		l := s.first(nil)
		l.in = in
		wantCode(t, name, l.call(), status.SEC_I_CONTINUE_NEEDED)
		if !bytes.Equal(l.reply(), want) {
			t.Errorf("%s: %x", name, l.reply())
		}
		h := l.handle
		l = s.second(&h, nil)
		l.in = in
		if code := l.call(); code != status.SEC_E_INVALID_TOKEN {
			t.Errorf("%s, later: %v", name, code)
		}
	}
	l := s.first(nil)
	l.out = room(10)
	wantCode(t, "little room", l.call(), status.SEC_E_BUFFER_TOO_SMALL)
	if l.out.Buffers[0].Needed != len(want) || l.handle != (sspi.CtxtHandle{}) {
		t.Errorf("Needed %d, %v", l.out.Buffers[0].Needed, l.handle)
	}
}
