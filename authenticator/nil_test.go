package authenticator_test

import (
	"context"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket"
)

// TestCheck_NilTicket checks that a program that ignores the error of Open or Check refuses
// its clients and does not panic.
func TestCheck_NilTicket(t *testing.T) {
	for name, opened := range map[string]*ticket.Ticket{"nil": nil, "zero": new(ticket.Ticket)} {
		c, err := authenticator.Check(opened, &authenticator.Params{Now: time.Now()})
		if c != nil || status.ReasonOf(err) != status.ReasonArgument {
			t.Errorf("Check of a %s Ticket: %v, %v", name, c, err)
		}
	}
	cache := authenticator.NewMemoryCache(0, authenticator.AcceptOlder)
	for name, c := range map[string]*authenticator.Checked{"nil": nil, "zero": new(authenticator.Checked)} {
		v, err := c.Claim(context.Background(), cache)
		if !v.IsZero() || status.ReasonOf(err) != status.ReasonArgument {
			t.Errorf("Claim of a %s Checked: %v", name, err)
		}
	}
}
