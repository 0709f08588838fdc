package sspi_test

import (
	"context"
	"testing"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// TestNegotiate_Fragments sends each token of each kind of client in fragments. The
// acceptor sends no reply before a token is complete.
func TestNegotiate_Fragments(t *testing.T) {
	for name, row := range map[string]struct {
		mechanisms [][]byte
		style      func(*krbtest.APReq)
	}{
		"mutual": {onlyKerberos, nothing}, "NTLM first": {ntlmFirst, nothing},
		"one-way": {ntlmFirst, oneWay}, "DCE style": {ntlmFirst, dce},
	} {
		for _, pieces := range []int{2, 3, 1 << 20} {
			s := newSite(t)
			n := s.client(row.mechanisms, row.style)
			c := s.acceptor.NewContext(sspi.ContextConfig{})
			var reply []byte
			for c.Peer() == nil {
				token, _, err := n.Next(reply)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				all := krbtest.Fragments(token, pieces)
				for i, piece := range all {
					reply, _, err = c.Accept(context.Background(), piece)
					if i < len(all)-1 && (err != sspi.ErrContinue || len(reply) > 0) {
						t.Fatalf("%s: fragment %d of %d: %x, %v", name, i+1, len(all), reply, err)
					}
				}
				if err != nil && err != sspi.ErrContinue {
					t.Fatalf("%s: %v", name, err)
				}
			}
			if len(reply) > 0 {
				if _, done, err := n.Next(reply); err != nil || !done {
					t.Fatalf("%s: %v", name, err)
				}
			}
			talk(t, c, n.Kerberos)
		}
	}
}

// TestNegotiate_BindingsWithEachFragment passes the server's bindings with each call, whose
// number the client decides. The memory of the context must not grow.
func TestNegotiate_BindingsWithEachFragment(t *testing.T) {
	s := newSite(t)
	cred := s.acceptor.CredHandle(sspi.Negotiate)
	token := append([]byte("\xa1\x82\xf0\x00"), make([]byte, 1000)...)
	bindings := channel(t, "a")
	var h *sspi.CtxtHandle
	step := func(b []byte) {
		l := s.first(b)
		if h != nil {
			l = s.second(h, b)
		}
		l.cred, l.in.Buffers = &cred, append(l.in.Buffers, bindings)
		wantCode(t, "a fragment", l.call(), status.SEC_I_CONTINUE_NEEDED)
		handle := l.handle
		h = &handle
	}
	for i := range token {
		step(token[i : i+1])
	}
	if n := sspi.HeldBindings(h.Context()); n != 1 {
		t.Errorf("the context holds %d bindings", n)
	}
}

// TestCTX_11_RoomForFragments checks that the caller passes the last fragment again after
// an output buffer that was too small.
func TestCTX_11_RoomForFragments(t *testing.T) {
	s := newSite(t)
	s.cred = s.acceptor.CredHandle(sspi.Negotiate)
	n := s.client(onlyKerberos)
	token, _, _ := n.Next(nil)
	all := krbtest.Fragments(token, 2)
	l := s.first(all[0])
	wantCode(t, "a piece", l.call(), status.SEC_I_CONTINUE_NEEDED)
	h := l.handle
	l = s.second(&h, all[1])
	l.out = room(1)
	wantCode(t, "little room", l.call(), status.SEC_E_BUFFER_TOO_SMALL)
	l = s.second(&h, all[1])
	wantCode(t, "room", l.call(), status.SEC_E_OK)
	if _, done, err := n.Next(l.reply()); err != nil || !done {
		t.Fatal(err)
	}
}

// TestPARSE_3_NothingBehindAFragment checks that an empty token after a fragment does not
// begin a new negotiation.
func TestPARSE_3_NothingBehindAFragment(t *testing.T) {
	c := newSite(t).acceptor.NewContext(sspi.ContextConfig{})
	if _, _, err := c.Accept(context.Background(), []byte("\x60\x82\x01")); err != sspi.ErrContinue {
		t.Fatal(err)
	}
	if reply, _, err := c.Accept(context.Background(), nil); status.ReasonOf(err) != status.ReasonMalformedToken || len(reply) > 0 {
		t.Errorf("%x, %v", reply, err)
	}
}
