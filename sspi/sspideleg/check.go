package sspideleg

import (
	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/status"
)

// check returns an error if d is nil or incomplete. An exchange never returns an incomplete
// Delegated, but a program can construct one.
func check(d *authenticator.Delegated) error {
	if d == nil {
		return failure(status.ReasonNoCredentials, "Delegated is nil: the client delegated no credentials, ContextConfig.AcceptDelegation was not set, or the context is closed")
	}
	if d.Client.IsZero() || len(d.Tickets) == 0 {
		return failure(status.ReasonArgument, "Delegated has no client or no tickets")
	}
	for i := range d.Tickets {
		t := &d.Tickets[i]
		switch {
		case t.Client != d.Client:
			return failure(status.ReasonArgument, "Delegated contains the ticket of a different client")
		case t.Service.IsZero() || t.Ticket.Len() == 0 || t.SessionKey.IsZero() || t.EndTime.IsZero():
			return failure(status.ReasonArgument, "a ticket in Delegated has no service, no bytes, no key or no end time")
		}
	}
	return nil
}

func failure(r status.Reason, detail string) error {
	return &status.Error{Reason: r, Detail: "sspideleg: " + detail}
}
