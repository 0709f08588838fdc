package sspi_test

import (
	"context"
	"testing"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// TestCTX_1_GoFaceInEveryState checks the methods of Context in each state.
func TestCTX_1_GoFaceInEveryState(t *testing.T) {
	const none, handle, sequence = status.ReasonNone, status.ReasonInvalidHandle, status.ReasonContextState
	ctx := context.Background()
	for _, row := range []struct {
		name string
		call func(c *sspi.Context, x standing) error
		want [6]status.Reason
	}{
		{"Accept", func(c *sspi.Context, x standing) error {
			reply, peer, err := c.Accept(ctx, x.expected)
			if (peer != nil) != (err == nil) || err != nil && reply != nil {
				t.Errorf("Accept: %x, %v, %v", reply, peer, err)
			}
			return err
		}, [6]status.Reason{none, none, none, sequence, handle, handle}},
		{"SessionKey", func(c *sspi.Context, x standing) error {
			key, err := c.SessionKey()
			if (len(key) != 32) != (err != nil) {
				t.Errorf("SessionKey: %d bytes, %v", len(key), err)
			}
			return err
		}, afterwards},
		{"Wrap", func(c *sspi.Context, x standing) error {
			_, err := c.Wrap(nil, []byte("text"), true)
			return err
		}, afterwards},
		{"Unwrap", func(c *sspi.Context, x standing) error {
			_, _, err := c.Unwrap(nil, x.wrap("text"))
			return err
		}, afterwards},
		{"UnwrapAfterGap", func(c *sspi.Context, x standing) error {
			_, _, _, err := c.UnwrapAfterGap(nil, x.wrap("text"))
			return err
		}, afterwards},
		{"VerifyMICAfterGap", func(c *sspi.Context, x standing) error {
			_, err := c.VerifyMICAfterGap([]byte("text"), x.mic("text"))
			return err
		}, afterwards},
		{"GetMIC", func(c *sspi.Context, x standing) error {
			_, err := c.GetMIC(nil, []byte("text"))
			return err
		}, afterwards},
		{"VerifyMIC", func(c *sspi.Context, x standing) error {
			return c.VerifyMIC([]byte("text"), x.mic("text"))
		}, afterwards},
	} {
		for i, state := range []string{"new", "retry", "third leg", "established", "failed", "closed"} {
			t.Run(row.name+"/"+state, func(t *testing.T) {
				c, x := contextIn(t, state)
				if got := status.ReasonOf(row.call(c, x)); got != row.want[i] {
					t.Errorf("%v, want %v", got, row.want[i])
				}
			})
		}
	}
}

var afterwards = [6]status.Reason{
	status.ReasonInvalidHandle, status.ReasonInvalidHandle, status.ReasonInvalidHandle,
	status.ReasonNone, status.ReasonInvalidHandle, status.ReasonInvalidHandle,
}

// contextIn returns a Context in a state of inState. A failed Context stays accessible in
// the Go API.
func contextIn(t *testing.T, state string) (*sspi.Context, standing) {
	s := newSite(t)
	switch state {
	case "failed":
		c := s.acceptor.NewContext(sspi.ContextConfig{})
		if _, _, err := c.Accept(context.Background(), []byte("junk")); err == nil {
			t.Fatal("junk was accepted")
		}
		return c, standing{expected: s.request().Token()}
	case "closed":
		x := inState["established"](t, s)
		c := x.handle.Context()
		c.Close()
		c.Close()
		return c, x
	}
	x := inState[state](t, s)
	return x.handle.Context(), x
}

// TestCTX_1_PeerOutlivesClose checks that a closed Context has the Peer and no session key.
func TestCTX_1_PeerOutlivesClose(t *testing.T) {
	c, _ := contextIn(t, "closed")
	if p := c.Peer(); p == nil || p.Client.String() != "alice@EXAMPLE.COM" {
		t.Errorf("peer %v", p)
	}
	if c.Err() != nil {
		t.Errorf("Err %v", c.Err())
	}
}

// TestCTX_1_CloseBeforeSuccess checks that a Context that was closed before its success
// accepts no token.
func TestCTX_1_CloseBeforeSuccess(t *testing.T) {
	for _, state := range []string{"new", "retry", "third leg", "negotiating", "MIC", "failed"} {
		t.Run(state, func(t *testing.T) {
			c, x := contextIn(t, state)
			failed := c.Err()
			c.Close()
			if _, peer, err := c.Accept(context.Background(), x.expected); peer != nil || status.ReasonOf(err) != status.ReasonInvalidHandle {
				t.Errorf("peer %v, %v", peer, err)
			}
			if c.Peer() != nil || c.Err() != failed {
				t.Errorf("peer %v, Err %v, before %v", c.Peer(), c.Err(), failed)
			}
		})
	}
}

// TestCTX_1_Unmade checks that values which no constructor made accept no client.
func TestCTX_1_Unmade(t *testing.T) {
	s := newSite(t)
	token := s.request().Token()
	var noAcceptor *sspi.Acceptor
	for name, c := range map[string]*sspi.Context{
		"zero Context":            new(sspi.Context),
		"Context of a nil":        noAcceptor.NewContext(sspi.ContextConfig{}),
		"Context of a zero value": new(sspi.Acceptor).NewContext(sspi.ContextConfig{}),
	} {
		t.Run(name, func(t *testing.T) {
			if _, peer, err := c.Accept(context.Background(), token); peer != nil || status.ReasonOf(err) != status.ReasonInvalidHandle {
				t.Errorf("peer %v, %v", peer, err)
			}
			h := c.Handle()
			if h.Context() != nil {
				t.Error("the handle returned a Context")
			}
			wantCode(t, "accept", s.second(&h, token).call(), status.SEC_E_INVALID_HANDLE)
			wantCode(t, "complete", sspi.CompleteAuthToken(&h, nil), status.SEC_E_INVALID_HANDLE)
			if _, err := c.Wrap(nil, nil, true); status.ReasonOf(err) != status.ReasonInvalidHandle {
				t.Errorf("wrap: %v", err)
			}
			if c.MaxToken() != 1<<16 {
				t.Errorf("MaxToken %d", c.MaxToken())
			}
			if c.WrapSizeLimit(1000, true) != 0 || c.Peer() != nil || c.Err() != nil || c.Delegated() != nil {
				t.Error("the Context has content")
			}
			c.Close()
		})
	}
	var invalid sspi.CtxtHandle
	c := invalid.Context()
	if _, peer, err := c.Accept(context.Background(), token); peer != nil || status.ReasonOf(err) != status.ReasonInvalidHandle {
		t.Errorf("nil Context: peer %v, %v", peer, err)
	}
	if _, err := c.SessionKey(); status.ReasonOf(err) != status.ReasonInvalidHandle {
		t.Errorf("nil Context: key, %v", err)
	}
	if _, _, err := c.Unwrap(nil, nil); status.ReasonOf(err) != status.ReasonInvalidHandle {
		t.Errorf("nil Context: unwrap, %v", err)
	}
	if c.Peer() != nil || c.Err() != nil || c.Delegated() != nil || c.WrapSizeLimit(1000, true) != 0 || c.Handle() != invalid {
		t.Error("nil Context: it has content")
	}
	c.Close()
	for name, a := range map[string]*sspi.Acceptor{"nil": noAcceptor, "zero": new(sspi.Acceptor)} {
		h := a.CredHandle(sspi.Kerberos)
		if h != (sspi.CredHandle{}) || h.Acceptor() != nil {
			t.Errorf("%s Acceptor: a handle", name)
		}
	}
	if h := s.acceptor.CredHandle("no such package"); h != (sspi.CredHandle{}) {
		t.Error("CredHandle returned a handle for an unknown package")
	}
}

// TestCTX_1_NoContext checks that a nil context.Context is an error of the caller and not
// of the client.
func TestCTX_1_NoContext(t *testing.T) {
	s := newSite(t)
	c := s.acceptor.NewContext(sspi.ContextConfig{})
	var none context.Context
	token := s.request().Token()
	if _, peer, err := c.Accept(none, token); peer != nil || status.ReasonOf(err) != status.ReasonArgument {
		t.Errorf("peer %v, %v", peer, err)
	}
	if _, _, err := c.Accept(context.Background(), token); err != nil {
		t.Errorf("then: %v", err)
	}
}
