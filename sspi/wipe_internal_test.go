package sspi

import (
	"bytes"
	"context"
	"testing"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/status"
)

// TestCTX_9_KeysAreOverwritten checks that the memory of the context contains a key before
// Delete, Close or a failure, and none afterwards.
func TestCTX_9_KeysAreOverwritten(t *testing.T) {
	for _, row := range []struct {
		name string
		flag flags.GSS
		end  func(t *testing.T, c *Context)
	}{
		{"close", 0, func(t *testing.T, c *Context) { c.Close() }},
		{"delete", 0, func(t *testing.T, c *Context) {
			h := c.Handle()
			if code := DeleteSecurityContext(&h); code != status.SEC_E_OK {
				t.Error(code)
			}
		}},
		{"close half-way", flags.GSS_C_DCE_STYLE, func(t *testing.T, c *Context) { c.Close() }},
		{"a bad third leg", flags.GSS_C_DCE_STYLE, func(t *testing.T, c *Context) {
			if _, _, err := c.Accept(context.Background(), []byte("junk")); status.ReasonOf(err) != status.ReasonMalformedToken {
				t.Error(err)
			}
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, _ := begin(t, row.flag)
			if c.key.n != 32 || bytes.Equal(c.key.bytes[:], make([]byte, 32)) {
				t.Fatal("the context has no key")
			}
			if half := row.flag != 0; half == c.third.IsZero() {
				t.Fatal("the context has no session key for the third leg, or one too long")
			}
			if row.flag == 0 && c.delegated == nil {
				t.Fatal("the context has no credentials")
			}
			row.end(t, c)
			if c.key != (contextKey{}) || !c.third.IsZero() || c.delegated != nil {
				t.Errorf("after the end: %d bytes of key, third leg %v, credentials %v", c.key.n, c.third, c.delegated)
			}
		})
	}
}

// TestCTX_9_ThirdLegLeavesNothing checks that the values for the check of the third token
// are wiped with the context.
func TestCTX_9_ThirdLegLeavesNothing(t *testing.T) {
	c, client := begin(t, flags.GSS_C_DCE_STYLE)
	if _, _, err := c.Accept(context.Background(), client.ThirdLeg()); err != nil {
		t.Fatal(err)
	}
	if !c.third.IsZero() || c.key.n != 32 {
		t.Errorf("after the end: third leg %v, %d bytes of key", c.third, c.key.n)
	}
}

// TestCTX_4_NothingRevivesAClosedContext checks that a valid third token does not establish
// a context that was closed while Accept checked the token.
func TestCTX_4_NothingRevivesAClosedContext(t *testing.T) {
	c, _ := begin(t, flags.GSS_C_DCE_STYLE)
	c.Close()
	if _, err := (&leg{c: c, from: stateThirdLeg, next: stateEstablished}).complete(); status.ReasonOf(err) != status.ReasonInvalidHandle {
		t.Error(err)
	}
	if c.at() != stateClosed || c.Peer() != nil {
		t.Errorf("state %d, peer %v", c.at(), c.Peer())
	}
	// The context has no key any more, which is not an error of the client.
	if _, err := (&leg{c: c, from: stateThirdLeg}).acceptThirdLeg(nil); status.ReasonOf(err) != status.ReasonInvalidHandle {
		t.Error(err)
	}
}

// begin returns a context that has accepted the client's AP-REQ.
func begin(t *testing.T, also flags.GSS) (*Context, *krbtest.Initiator) {
	t.Helper()
	const service = "HTTP/www.example.com"
	realm := krbtest.NewRealm("EXAMPLE.COM")
	a, err := NewAcceptor(Config{
		Keys: realm.Service(service), Time: realm.Now,
		Replay: authenticator.NewMemoryCache(0, authenticator.AcceptOlder),
	})
	if err != nil {
		t.Fatal(err)
	}
	q := realm.Ticket("alice", service).APReq()
	q.Flags |= also | flags.GSS_C_DELEG_FLAG
	q.Cred = q.Forward().Bytes()
	client := q.Start()
	token, _, _ := client.Next(nil)
	c := a.NewContext(ContextConfig{AcceptDelegation: true})
	reply, _, err := c.Accept(context.Background(), token)
	if err != nil && err != ErrContinue {
		t.Fatal(err)
	}
	if _, _, err := client.Next(reply); err != nil {
		t.Fatal(err)
	}
	return c, client
}
