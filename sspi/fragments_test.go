package sspi_test

import (
	"context"
	"testing"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// TestNegotiate_Fragments: each kind of client, each of its tokens in pieces: nothing
// is said until a token is there whole.
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
						t.Fatalf("%s: piece %d of %d: %x, %v", name, i+1, len(all), reply, err)
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

// TestNegotiate_BindingsWithEachFragment: a server gives its bindings with each call,
// and the client decides how many calls there are. What is held does not grow.
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
		t.Errorf("%d bindings are held", n)
	}
}
