package sspi_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// dueMIC returns a negotiation in which only the client's MIC is missing.
func (s *site) dueMIC(t *testing.T, cred sspi.CredHandle, changes ...func(*krbtest.APReq)) (h sspi.CtxtHandle, mic []byte, client *krbtest.Initiator) {
	t.Helper()
	n := s.client(ntlmFirst, changes...)
	var last []byte
	n.EditResp = func(r *krbtest.NegTokenResp) { last = r.MIC }
	token, _, _ := n.Next(nil)
	l := s.first(token)
	l.cred = &cred
	for last == nil {
		wantCode(t, "a leg", l.call(), status.SEC_I_CONTINUE_NEEDED)
		h = l.handle
		next, _, err := n.Next(l.reply())
		if err != nil {
			t.Fatal(err)
		}
		l = s.second(&h, next)
	}
	return h, last, n.Kerberos
}

// TestNegotiate_MICInPlace checks that the reply to the client's MIC may be written to the
// memory of the token.
func TestNegotiate_MICInPlace(t *testing.T) {
	for name, row := range map[string]struct {
		state krbtest.NegState
		at    int // the offset of the output buffer from the start of the token
	}{
		"no state":                 {krbtest.NegAbsent, 0},
		"a state":                  {krbtest.NegIncomplete, 0},
		"a state, over the middle": {krbtest.NegIncomplete, 10},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			h, mic, client := s.dueMIC(t, s.acceptor.CredHandle(sspi.Negotiate))
			token := (&krbtest.NegTokenResp{State: row.state, MIC: mic}).Bytes()
			shared := make([]byte, 4096)
			copy(shared, token)
			l := s.second(&h, shared[:len(token)])
			l.out.Buffers[0].Buffer = shared[row.at:]
			wantCode(t, "the MIC", l.call(), status.SEC_E_OK)
			if want := (&krbtest.NegTokenResp{State: krbtest.NegCompleted}).Bytes(); !bytes.Equal(l.reply(), want) {
				t.Errorf("%x, want %x", l.reply(), want)
			}
			if h.Context() != nil && h.Err() == nil {
				talk(t, h.Context(), client)
			}
		})
	}
}

// TestBIND_2_GivenWithTheMIC checks that bindings that a call passes with the client's MIC
// are too late.
func TestBIND_2_GivenWithTheMIC(t *testing.T) {
	s := newSite(t)
	h, mic, _ := s.dueMIC(t, s.acceptor.CredHandle(sspi.Negotiate))
	token := (&krbtest.NegTokenResp{State: krbtest.NegCompleted, MIC: mic}).Bytes()
	l := s.second(&h, token)
	l.in.Buffers = append(l.in.Buffers, channel(t, "a"))
	wantCode(t, "bindings with the MIC", l.call(), status.SEC_E_INVALID_PARAMETER)
	if l.handle != h || l.attr != 0 || h.Context().Peer() != nil {
		t.Errorf("outputs %v %v", l.handle, l.attr)
	}
	wantCode(t, "the MIC", s.second(&h, token).call(), status.SEC_E_OK)
}

// TestPARSE_14_WrongUnderTag4 checks that a MIC in a NegTokenInit2 without hints is
// verified as a MIC.
func TestPARSE_14_WrongUnderTag4(t *testing.T) {
	s := newSite(t)
	n := s.client(onlyKerberos, oneWay)
	n.EditInit = func(i *krbtest.NegTokenInit) { i.More = append([]byte("\xa4\x1e\x04\x1c"), make([]byte, 28)...) }
	c := s.acceptor.NewContext(sspi.ContextConfig{})
	if _, err := negotiate(n, c); status.ReasonOf(c.Err()) != status.ReasonMechListMIC || c.Peer() != nil {
		t.Errorf("%v, %v, peer %v", err, c.Err(), c.Peer())
	}
}

// TestPARSE_4_InSPNEGO checks that a malformed token has ReasonMalformedToken, whatever
// token the acceptor expects.
func TestPARSE_4_InSPNEGO(t *testing.T) {
	s := newSite(t)
	first := (&krbtest.NegTokenInit{Mechanisms: onlyKerberos}).Bytes()
	c := s.acceptor.NewContext(sspi.ContextConfig{})
	if _, _, err := c.Accept(context.Background(), append(first, 0)); status.ReasonOf(err) != status.ReasonMalformedToken {
		t.Errorf("a first token: %v", err)
	}
	h, mic, _ := s.dueMIC(t, s.acceptor.CredHandle(sspi.Negotiate))
	c = h.Context()
	last := (&krbtest.NegTokenResp{State: krbtest.NegCompleted, MIC: mic}).Bytes()
	if _, _, err := c.Accept(context.Background(), append(last, 0)); status.ReasonOf(err) != status.ReasonMalformedToken || c.Peer() != nil {
		t.Errorf("a last token: %v", err)
	}
}

// TestPARSE_14_BeforeAnyToken checks that the acceptor refuses a MIC in a first token
// without a Kerberos token, because no key exists yet.
func TestPARSE_14_BeforeAnyToken(t *testing.T) {
	s := newSite(t)
	n := s.client(onlyKerberos)
	n.NoToken = true
	n.EditInit = func(i *krbtest.NegTokenInit) { i.MIC = make([]byte, 28) }
	c := s.acceptor.NewContext(sspi.ContextConfig{})
	if _, _ = negotiate(n, c); status.ReasonOf(c.Err()) != status.ReasonMechListMIC {
		t.Errorf("%v", c.Err())
	}
}

// TestNegotiate_AfterARetryWithoutSPNEGO checks that the second try of a client must use
// SPNEGO if the first did.
func TestNegotiate_AfterARetryWithoutSPNEGO(t *testing.T) {
	s := newSite(t)
	list, _, _ := s.client(onlyKerberos).Next(nil)
	for name, token := range map[string][]byte{"SPNEGO": list, "nothing": nil} {
		c := s.acceptor.NewContext(sspi.ContextConfig{})
		if _, _, err := c.Accept(context.Background(), s.request(late).Token()); err != sspi.ErrContinue {
			t.Fatal(err)
		}
		if reply, peer, err := c.Accept(context.Background(), token); err == nil || err == sspi.ErrContinue || peer != nil || len(reply) > 0 {
			t.Errorf("%s: %v, %v", name, peer, err)
		}
	}
}

// TestNegotiate_FirstKnown checks that the refusal of a list without Kerberos has the
// Reason of its first known mechanism.
func TestNegotiate_FirstKnown(t *testing.T) {
	s := newSite(t)
	list := (&krbtest.NegTokenInit{Mechanisms: [][]byte{krbtest.OIDOther, krbtest.OIDNegoEx, krbtest.OIDIAKERB}}).Bytes()
	if _, _, err := s.acceptor.NewContext(sspi.ContextConfig{}).Accept(context.Background(), list); status.ReasonOf(err) != status.ReasonNegoEx {
		t.Error(err)
	}
}

// TestCTX_11_RoomForAnUnaskedMIC checks that the acceptor checks the size of the output
// buffer before it verifies the client's MIC.
func TestCTX_11_RoomForAnUnaskedMIC(t *testing.T) {
	s := newSite(t)
	s.cred = s.acceptor.CredHandle(sspi.Negotiate)
	n := s.client(onlyKerberos, dce)
	n.SendMIC = true
	token, _, _ := n.Next(nil)
	l := s.first(token)
	wantCode(t, "the first leg", l.call(), status.SEC_I_CONTINUE_NEEDED)
	token, _, err := n.Next(l.reply())
	if err != nil {
		t.Fatal(err)
	}
	h := l.handle
	for range 2 {
		l = s.second(&h, token)
		l.out = room(20)
		wantCode(t, "little room", l.call(), status.SEC_E_BUFFER_TOO_SMALL)
	}
	l = s.second(&h, token)
	l.out = room(l.out.Buffers[0].Needed + 4096)
	wantCode(t, "room", l.call(), status.SEC_E_OK)
	if _, done, err := n.Next(l.reply()); err != nil || !done {
		t.Fatal(err)
	}
	talk(t, h.Context(), n.Kerberos)
}

// TestNegotiate_MICWithoutIntegrity checks that the acceptor also requires, makes and
// verifies the MIC of the list for clients that request no integrity of messages. RFC 4178,
// Section 5, exempts mechanisms without integrity. Kerberos has a key whatever the client
// requests, and without the MIC a change of the list would not be detected.
func TestNegotiate_MICWithoutIntegrity(t *testing.T) {
	const unprotected = krbtest.DefaultFlags &^ (flags.GSS_C_INTEG_FLAG | flags.GSS_C_CONF_FLAG | flags.GSS_C_REPLAY_FLAG | flags.GSS_C_SEQUENCE_FLAG)
	for style, change := range map[string]func(*krbtest.APReq){"mutual": nothing, "one-way": oneWay, "DCE style": dce} {
		for name, row := range map[string]struct {
			mic  func(n *krbtest.Negotiation) func([]byte) ([]byte, error)
			want status.Reason
		}{
			"a right one": {nil, status.ReasonNone},
			"a wrong one": {func(n *krbtest.Negotiation) func([]byte) ([]byte, error) {
				return func(list []byte) ([]byte, error) { return n.Kerberos.GetMIC(append(list[:len(list):len(list)], 0)) }
			}, status.ReasonMechListMIC},
			"none": {func(*krbtest.Negotiation) func([]byte) ([]byte, error) {
				return func([]byte) ([]byte, error) { return nil, nil }
			}, status.ReasonMechListMICMissing},
		} {
			if style != "mutual" && name == "none" {
				continue // this client would wait for the acceptor: see TestPARSE_14_OneWayWithoutMIC
			}
			s := newSite(t)
			n := s.client(ntlmFirst, asking(unprotected), change)
			if row.mic != nil {
				n.MIC = row.mic(n)
			}
			c := s.acceptor.NewContext(sspi.ContextConfig{})
			legs, _ := negotiate(n, c)
			if got := status.ReasonOf(c.Err()); got != row.want || (c.Peer() != nil) != (row.want == status.ReasonNone) {
				t.Errorf("%s, %s: %v, peer %v; want %v", style, name, c.Err(), c.Peer(), row.want)
			}
			if c.Peer() == nil {
				continue
			}
			if c.Peer().Flags&flags.ASC_RET_INTEGRITY != 0 {
				t.Errorf("%s: flags %v", style, c.Peer().Flags)
			}
			acceptorMIC := false
			for _, leg := range legs {
				if r, err := krbtest.ParseNegTokenResp(leg); err == nil && r.MIC != nil {
					acceptorMIC = true
				}
			}
			if !acceptorMIC {
				t.Errorf("%s: the reply has no MIC", style)
			}
		}
	}
}
