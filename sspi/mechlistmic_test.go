package sspi_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// TestPARSE_14_MIC checks that the acceptor accepts a client whose first mechanism is not
// Kerberos only after a valid MIC of the list, in whatever order the tokens arrive.
func TestPARSE_14_MIC(t *testing.T) {
	wrong := func(n *krbtest.Negotiation) {
		n.MIC = func(list []byte) ([]byte, error) {
			mic, err := n.Kerberos.GetMIC(list)
			mic[len(mic)-1] ^= 1
			return mic, err
		}
	}
	other := func(n *krbtest.Negotiation) { // the MIC of a list from which an attacker removed NTLM
		n.MIC = func([]byte) ([]byte, error) {
			return n.Kerberos.GetMIC((&krbtest.NegTokenInit{Mechanisms: onlyKerberos}).ListBytes())
		}
	}
	none := func(n *krbtest.Negotiation) { n.MIC = func([]byte) ([]byte, error) { return nil, nil } }
	empty := func(n *krbtest.Negotiation) { n.MIC = func([]byte) ([]byte, error) { return []byte{}, nil } }
	for name, row := range map[string]struct {
		change func(n *krbtest.Negotiation)
		style  func(*krbtest.APReq)
		want   status.Reason
	}{
		"wrong, mutual":          {wrong, nothing, status.ReasonMechListMIC},
		"wrong, one-way":         {wrong, oneWay, status.ReasonMechListMIC},
		"wrong, DCE style":       {wrong, dce, status.ReasonMechListMIC},
		"another list, mutual":   {other, nothing, status.ReasonMechListMIC},
		"another list, one-way":  {other, oneWay, status.ReasonMechListMIC},
		"none, mutual":           {none, nothing, status.ReasonMechListMICMissing},
		"empty, mutual":          {empty, nothing, status.ReasonMechListMIC},
		"empty, one-way":         {empty, oneWay, status.ReasonMechListMIC},
		"of the wrong direction": {reflected, nothing, status.ReasonMechListMIC},
	} {
		t.Run(name, func(t *testing.T) {
			var events []sspi.Event
			s := newSite(t, recordEvents(&events))
			n := s.client(ntlmFirst, row.style)
			row.change(n)
			c := s.acceptor.NewContext(sspi.ContextConfig{})
			_, err := negotiate(n, c)
			if status.ReasonOf(c.Err()) != row.want || c.Peer() != nil {
				t.Fatalf("%v (%v), peer %v; want %v", c.Err(), err, c.Peer(), row.want)
			}
			if _, err := c.Wrap(nil, nil, false); err == nil {
				t.Error("the context still protects messages")
			}
			if len(events) != 1 || events[0].Peer != nil {
				t.Errorf("events %+v", events)
			}
		})
	}
}

// reflected makes the client send the acceptor's own MIC.
func reflected(n *krbtest.Negotiation) {
	n.EditResp = func(r *krbtest.NegTokenResp) {
		if len(r.MIC) > 2 {
			r.MIC = slices.Clone(r.MIC)
			r.MIC[2] |= 1 // the flag SentByAcceptor
		}
	}
}

// TestPARSE_14_OneWayWithoutMIC checks that a one-way client, which has completed Kerberos,
// is not accepted before its MIC.
func TestPARSE_14_OneWayWithoutMIC(t *testing.T) {
	s := newSite(t)
	n := s.client(ntlmFirst, oneWay)
	c := s.acceptor.NewContext(sspi.ContextConfig{})
	token, _, _ := n.Next(nil)
	if _, _, err := c.Accept(context.Background(), token); err != sspi.ErrContinue {
		t.Fatal(err)
	}
	q := s.request(oneWay)
	client := q.Start()
	request, _, _ := client.Next(nil)
	reply, peer, err := c.Accept(context.Background(), (&krbtest.NegTokenResp{State: krbtest.NegIncomplete, Token: request}).Bytes())
	if err != sspi.ErrContinue || peer != nil || c.Peer() != nil {
		t.Fatalf("%v, %v", peer, err)
	}
	list := (&krbtest.NegTokenInit{Mechanisms: ntlmFirst}).ListBytes()
	r, err := krbtest.ParseNegTokenResp(reply)
	if err != nil || r.State != krbtest.NegIncomplete || client.VerifyMIC(list, r.MIC) != nil {
		t.Fatalf("%+v, %v", r, err)
	}
	for name, f := range map[string]func() error{
		"Wrap":       func() error { _, err := c.Wrap(nil, nil, false); return err },
		"SessionKey": func() error { _, err := c.SessionKey(); return err },
	} {
		if f() == nil {
			t.Errorf("%s works before the MIC", name)
		}
	}
	mic, err := client.GetMIC(list)
	if err != nil {
		t.Fatal(err)
	}
	// The client's state is accept-completed, so it expects no answer. With the state
	// accept-incomplete it does.
	reply, peer, err = c.Accept(context.Background(), (&krbtest.NegTokenResp{State: krbtest.NegIncomplete, MIC: mic}).Bytes())
	if err != nil || peer == nil || !bytes.Equal(reply, (&krbtest.NegTokenResp{State: krbtest.NegCompleted}).Bytes()) {
		t.Fatalf("%x, %v, %v", reply, peer, err)
	}
	talk(t, c, client)
}

// TestPARSE_14_TokenBesideTheMIC checks that the acceptor accepts only the MIC after
// Kerberos is complete.
func TestPARSE_14_TokenBesideTheMIC(t *testing.T) {
	s := newSite(t)
	n := s.client(ntlmFirst)
	n.EditResp = func(r *krbtest.NegTokenResp) {
		if r.MIC != nil {
			r.Token = s.request().Token()
		}
	}
	c := s.acceptor.NewContext(sspi.ContextConfig{})
	_, _ = negotiate(n, c)
	if status.ReasonOf(c.Err()) != status.ReasonMalformedToken || c.Peer() != nil {
		t.Errorf("%v, %v", c.Err(), c.Peer())
	}
}

// TestPARSE_14_Unasked checks that a MIC that the acceptor did not request must be valid,
// and is answered with the acceptor's MIC.
func TestPARSE_14_Unasked(t *testing.T) {
	for _, style := range []func(*krbtest.APReq){oneWay, dce} {
		s := newSite(t)
		n := s.client(onlyKerberos, style)
		n.SendMIC = true
		c := s.acceptor.NewContext(sspi.ContextConfig{})
		legs, err := negotiate(n, c)
		if err != nil || c.Peer() == nil {
			t.Fatal(err)
		}
		if r, _ := krbtest.ParseNegTokenResp(legs[len(legs)-1]); r.MIC == nil || r.State != krbtest.NegCompleted {
			t.Errorf("%+v", r)
		}
		talk(t, c, n.Kerberos)

		n = s.client(onlyKerberos, style)
		n.SendMIC = true
		n.MIC = func([]byte) ([]byte, error) { return make([]byte, 28), nil }
		c = s.acceptor.NewContext(sspi.ContextConfig{})
		if _, _ = negotiate(n, c); status.ReasonOf(c.Err()) != status.ReasonMechListMIC || c.Peer() != nil {
			t.Errorf("%v, %v", c.Err(), c.Peer())
		}
	}
}

// TestPARSE_14_TooEarly checks that the acceptor refuses a MIC beside an AP-REQ that
// requests an AP-REP, because the client cannot have the key of the MIC yet. The replay
// cache does not store the authenticator.
func TestPARSE_14_TooEarly(t *testing.T) {
	for _, style := range []func(*krbtest.APReq){nothing, dce} {
		s := newSite(t)
		n := s.client(onlyKerberos, style)
		n.EditInit = func(i *krbtest.NegTokenInit) { i.MIC = make([]byte, 28) }
		c := s.acceptor.NewContext(sspi.ContextConfig{})
		_, err := negotiate(n, c)
		if status.ReasonOf(err) != status.ReasonMechListMIC || !errors.Is(err, krbtest.ErrRejected) || s.replay.stores.Load() != 0 {
			t.Errorf("%v, %d authenticators claimed", err, s.replay.stores.Load())
		}
	}
}

// TestPARSE_14_Requested checks that a client may request the MIC by its state.
func TestPARSE_14_Requested(t *testing.T) {
	s := newSite(t)
	n := s.client(onlyKerberos)
	n.NoToken = true
	n.EditResp = func(r *krbtest.NegTokenResp) { r.State = krbtest.NegRequestMIC }
	c := s.acceptor.NewContext(sspi.ContextConfig{})
	token, _, _ := n.Next(nil)
	reply, _, err := c.Accept(context.Background(), token)
	if err != sspi.ErrContinue {
		t.Fatal(err)
	}
	if token, _, err = n.Next(reply); err != nil {
		t.Fatal(err)
	}
	reply, peer, err := c.Accept(context.Background(), token)
	r, parseErr := krbtest.ParseNegTokenResp(reply)
	if err != sspi.ErrContinue || peer != nil || parseErr != nil || r.MIC == nil || r.State != krbtest.NegIncomplete {
		t.Errorf("%v, %v, %+v", peer, err, r)
	}
}

// TestCTX_11_RoomForSPNEGO checks that a call with an output buffer that is too small
// changes nothing, whatever the reply is. The same token is then no replay, and its MIC is
// in order.
func TestCTX_11_RoomForSPNEGO(t *testing.T) {
	for name, mechanisms := range map[string][][]byte{"Kerberos first": onlyKerberos, "NTLM first": ntlmFirst} {
		for style, change := range map[string]func(*krbtest.APReq){"mutual": nothing, "one-way": oneWay, "DCE style": dce} {
			t.Run(name+", "+style, func(t *testing.T) {
				s := newSite(t)
				s.cred = s.acceptor.CredHandle(sspi.Negotiate)
				n := s.client(mechanisms, func(q *krbtest.APReq) { q.Flags |= flags.GSS_C_SEQUENCE_FLAG | flags.GSS_C_REPLAY_FLAG }, change)
				var h *sspi.CtxtHandle
				token, _, _ := n.Next(nil)
				for i := 0; ; i++ {
					call := func(out *sspi.SecBufferDesc, want status.Code) *leg {
						l := s.first(bytes.Clone(token))
						if h != nil {
							l = s.second(h, bytes.Clone(token))
						}
						l.out = out
						if code := l.call(); want.IsError() && code != want {
							t.Fatalf("%v, want %v", code, want)
						}
						return l
					}
					short := call(room(1), status.SEC_E_BUFFER_TOO_SMALL)
					needed := short.out.Buffers[0].Needed
					call(room(needed-1), status.SEC_E_BUFFER_TOO_SMALL)
					call(nil, status.SEC_E_INVALID_TOKEN)
					l := call(room(needed), status.SEC_I_CONTINUE_NEEDED)
					if len(l.reply()) != needed {
						t.Fatalf("leg %d: %d bytes, Needed %d", i, len(l.reply()), needed)
					}
					next, done, err := n.Next(l.reply())
					if err != nil {
						t.Fatal(err)
					}
					if next == nil && done {
						talk(t, l.handle.Context(), n.Kerberos)
						return
					}
					if done { // the client's last token needs no answer
						h := l.handle
						l = s.second(&h, next)
						l.out = nil
						wantCode(t, "the MIC", l.call(), status.SEC_E_OK)
						talk(t, l.handle.Context(), n.Kerberos)
						return
					}
					handle := l.handle
					h, token = &handle, next
				}
			})
		}
	}
}

// TestNegotiate_InPlace checks that the reply may be written to the memory of the token,
// because the context copies the parts of the token that it needs later.
func TestNegotiate_InPlace(t *testing.T) {
	s := newSite(t)
	s.cred = s.acceptor.CredHandle(sspi.Negotiate)
	n := s.client(ntlmFirst)
	shared := make([]byte, 4096)
	var h *sspi.CtxtHandle
	token, _, _ := n.Next(nil)
	for {
		copy(shared, token)
		l := s.first(shared[:len(token)])
		if h != nil {
			l = s.second(h, shared[:len(token)])
		}
		l.out = &sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{{BufferType: sspi.SECBUFFER_TOKEN, Buffer: shared}}}
		code := l.call()
		if code == status.SEC_E_OK {
			talk(t, l.handle.Context(), n.Kerberos)
			return
		}
		wantCode(t, "a leg", code, status.SEC_I_CONTINUE_NEEDED)
		var err error
		if token, _, err = n.Next(bytes.Clone(l.reply())); err != nil {
			t.Fatal(err)
		}
		clear(shared)
		handle := l.handle
		h = &handle
	}
}
