package sspi

import (
	"bytes"
	"context"
	"testing"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/status"
)

// HeldBindings returns the number of channel bindings of a context.
func HeldBindings(c *Context) int { return len(c.cfg.ChannelBindings) }

// TestNegotiate_FailedHoldsNothing checks that a context that has refused a client keeps
// none of the client's bytes.
func TestNegotiate_FailedHoldsNothing(t *testing.T) {
	c, _ := begin(t, flags.GSS_C_DCE_STYLE) // for its acceptor
	list := (&krbtest.NegTokenInit{Mechanisms: [][]byte{krb5.OIDNTLM, krb5.OIDKerberos}}).Bytes()
	c = c.acceptor.NewContext(ContextConfig{})
	for _, token := range [][]byte{list, []byte("\xa1\x82\xff\x00")} {
		if _, _, err := c.Accept(context.Background(), token); err != ErrContinue {
			t.Fatal(err)
		}
	}
	if c.negotiation == nil || c.fragments.Len() == 0 {
		t.Fatal("the fragment is not stored")
	}
	_, _, err := c.Accept(context.Background(), bytes.Repeat([]byte{0}, 1<<16))
	if status.ReasonOf(err) != status.ReasonTokenTooLong || c.negotiation != nil || c.fragments.Len() != 0 {
		t.Errorf("%v; %d bytes are held", err, c.fragments.Len())
	}
}

// TestCTX_4_NoMICRevivesAClosedContext checks that a valid MIC does not establish a context
// that was closed while Accept read the MIC.
func TestCTX_4_NoMICRevivesAClosedContext(t *testing.T) {
	c, _ := begin(t, 0)
	c.Close()
	if _, err := (&leg{c: c, from: stateMIC, mic: []byte{4, 4}, final: true}).acceptMIC(); status.ReasonOf(err) != status.ReasonInvalidHandle {
		t.Error(err)
	}
	if c.at() != stateClosed {
		t.Errorf("state %d", c.at())
	}
}
