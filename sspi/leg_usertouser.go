package sspi

import (
	"context"
	"fmt"
	"io"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/internal/reply"
	"github.com/gosspi/kerberos/internal/spnego"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// TGT is a ticket-granting ticket of an acceptor that has no long-term key
// (RFC 4120, Section 3.7). It prints redacted. One that was given out must not be
// modified: any number of exchanges may read it.
type TGT struct {
	// Client is whose ticket it is: the name that clients ask their KDC for, and
	// Peer.Service. Required.
	Client keytab.Principal
	// Ticket is the ticket, in DER, as the KDC gave it (RFC 4120, Section 5.3).
	// Clients that ask for it are sent it, and are refused with ReasonNoTGT if it is
	// none.
	Ticket Secret
	// SessionKey is the ticket's session key, which is secret. Required.
	SessionKey keytab.Key
}

// Format keeps a printed TGT from showing the ticket, whatever the verb.
func (t TGT) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "sspi.TGT{"+quote.Value(t.Client.String())+"}")
}

// tgt asks for the acceptor's own ticket.
func (a *Acceptor) tgt(ctx context.Context, realm string) (TGT, error) {
	if a.cfg.UserToUser == nil {
		return TGT{}, &status.Error{Reason: status.ReasonNoTGT, Detail: "Config.UserToUser is nil"}
	}
	t, err := a.cfg.UserToUser(ctx, realm)
	switch {
	case err != nil && ctx.Err() != nil:
		return TGT{}, &status.Error{Reason: status.ReasonCanceled, Detail: "while Config.UserToUser was asked", Err: err}
	case err != nil:
		return TGT{}, &status.Error{Reason: status.ReasonNoTGT, Detail: "Config.UserToUser gave no ticket", Err: err}
	case t == nil || t.Client.IsZero() || t.SessionKey.IsZero():
		return TGT{}, &status.Error{Reason: status.ReasonNoTGT, Detail: "Config.UserToUser gave no whole TGT"}
	}
	return *t, nil
}

// takesTGTRequest: a client asks for our ticket once, and before its own comes.
func (c *Context) takesTGTRequest(mechanism []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(mechanism) == string(krb5.OIDUser2User) && c.ours.SessionKey.IsZero()
}

// sendTicket answers a KERB-TGT-REQUEST with our ticket (draft-swift-win2k-krb-
// user2user-03, Section 4), whose session key opens what the client comes with next.
func (c *Context) sendTicket(ctx context.Context, in *inbound, out outlet) ([]byte, error) {
	in.now = c.acceptor.cfg.Time()
	if err := in.request.Parse(in.message); err != nil {
		return nil, err
	}
	ours, err := c.acceptor.tgt(ctx, string(in.request.Realm))
	in.now = c.acceptor.cfg.Time()
	if err != nil {
		return nil, err
	}
	if err := checkAsked(&in.request, ours.Client); err != nil {
		return nil, err
	}
	answer, err := reply.TGTReply(ours.Ticket.Bytes())
	if err != nil {
		return nil, err
	}
	answer = krb5.AppendFrame(nil, in.mechanism, krb5.TokTGTRep, answer)
	if answer, err = c.deliver(in, answer, out); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at() != stateStart {
		return nil, errClosedMeanwhile()
	}
	ours.Ticket = Secret{}
	c.ours = ours
	return answer, ErrContinue
}

// deliver puts an answer that another leg follows into SPNEGO, if the client's token
// was in it, and into out.
func (c *Context) deliver(in *inbound, answer []byte, out outlet) ([]byte, error) {
	if in.enclosed {
		return c.enclose(in, spnego.Response{State: spnego.AcceptIncomplete, Token: answer}, true, out)
	}
	if err := out.fits(len(answer)); err != nil {
		return nil, err
	}
	return append(out.dst, answer...), nil
}

// checkAsked holds the service that a client wants against the one that we are.
func checkAsked(req *krb5.TGTRequest, ours keytab.Principal) error {
	if req.Service.Components == nil {
		return nil
	}
	realm := req.Realm
	if len(realm) == 0 {
		realm = []byte(ours.Realm())
	}
	asked, err := keytab.ParsePrincipal(string(krb5.AppendPrincipal(nil, req.Service, realm)))
	if err != nil || asked != ours {
		return &status.Error{Reason: status.ReasonWrongService, Detail: "the client asks for the ticket of another service than " + ours.String()}
	}
	return nil
}

// userToUser is what opens a ticket that is sealed in the session key of ours, and
// zero for one that is not.
func (c *Context) userToUser(ctx context.Context, in *inbound) (TGT, error) {
	cfg := &c.acceptor.cfg
	if cfg.UserToUser == nil && !c.cfg.UserToUser {
		return TGT{}, nil // ticket.Open refuses it
	}
	var req krb5.APReq
	if req.Parse(in.message) != nil {
		return TGT{}, nil // ticket.Open says why
	}
	c.mu.Lock()
	sent := c.ours
	c.mu.Unlock()
	// That somebody asked for our ticket is no demand: he may be another on the same
	// connection, and has proven nothing.
	demanded := c.cfg.UserToUser || cfg.Keys == nil || string(in.mechanism) == string(krb5.OIDUser2User)
	switch used := req.Options&flags.APUseSessionKey != 0; {
	case !used && demanded:
		return TGT{}, &status.Error{Reason: status.ReasonUserToUserRequired, Detail: "the AP-REQ lacks the option USE-SESSION-KEY: the client sent a ticket for a long-term key"}
	case !used:
		return TGT{}, nil
	case !sent.SessionKey.IsZero():
		return sent, nil
	}
	// The client has our ticket from somewhere else.
	return c.acceptor.tgt(ctx, string(req.Ticket.Realm))
}
