package sspideleg

import (
	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/status"
)

// check refuses what no exchange yields, but a program can put together.
func check(d *authenticator.Delegated) error {
	if d == nil {
		return refused(status.ReasonNoCredentials, "the client delegated nothing, or AcceptDelegation was not set, or the context is closed")
	}
	if d.Client.IsZero() || len(d.Tickets) == 0 {
		return refused(status.ReasonArgument, "Delegated without client or without tickets")
	}
	for i := range d.Tickets {
		t := &d.Tickets[i]
		switch {
		case t.Client != d.Client:
			return refused(status.ReasonArgument, "Delegated holds another client's ticket")
		case t.Service.IsZero() || t.Ticket.Len() == 0 || t.SessionKey.IsZero() || t.EndTime.IsZero():
			return refused(status.ReasonArgument, "a ticket of Delegated lacks service, bytes, key or end")
		}
	}
	return nil
}

func refused(r status.Reason, detail string) error {
	return &status.Error{Reason: r, Detail: "sspideleg: " + detail}
}
