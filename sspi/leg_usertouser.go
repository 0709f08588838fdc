package sspi

import (
	"context"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/reply"
	"github.com/gosspi/kerberos/internal/spnego"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// TGT is a ticket-granting ticket of an acceptor that has no long-term key (RFC 4120,
// Section 3.7). Its ticket and its key print redacted. A TGT that Config.UserToUser returned
// must not be modified, because other exchanges may read it.
type TGT struct {
	// Client is the principal of the acceptor, to which the KDC issued the ticket. Clients
	// ask their KDC for it, and it becomes Peer.Service. Required.
	Client keytab.Principal
	// Ticket is the ticket, in DER, as the KDC gave it (RFC 4120, Section 5.3).
	// Clients that ask for it are sent it, and are refused with ReasonNoTGT if it is
	// none.
	Ticket Secret
	// SessionKey is the ticket's session key, which is secret. Required.
	SessionKey keytab.Key
}

// tgt returns the TGT of Config.UserToUser.
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

// takesTGTRequest reports whether the client may send a KERB-TGT-REQUEST: once, before the client's
// AP-REQ, under the mechanism of user-to-user authentication.
func (l *leg) takesTGTRequest() bool {
	sent := l.c.sentTGT()
	return string(l.mechanism) == string(krb5.OIDUser2User) && sent.SessionKey.IsZero()
}

// sentTGT returns the TGT that an earlier leg sent to the client, without its Ticket, or
// the zero TGT.
func (c *Context) sentTGT() TGT {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.vault == nil {
		return TGT{}
	}
	return c.acceptorTGT
}

// sendTicket answers a KERB-TGT-REQUEST with the acceptor's TGT (draft-swift-win2k-krb-
// user2user-03, Section 4). Its session key decrypts the ticket of the client's AP-REQ.
func (l *leg) sendTicket(ctx context.Context) ([]byte, error) {
	c := l.c
	l.now = c.acceptor.cfg.Time()
	if err := l.request.Parse(l.message); err != nil {
		return nil, err
	}
	tgt, err := c.acceptor.tgt(ctx, string(l.request.Realm))
	l.now = c.acceptor.cfg.Time()
	if err != nil {
		return nil, err
	}
	if err := checkRequested(&l.request, tgt.Client); err != nil {
		return nil, err
	}
	rep, err := reply.TGTReply(tgt.Ticket.Bytes())
	if err != nil {
		return nil, err
	}
	l.answer.token = krb5.AppendFrame(nil, l.mechanism, krb5.TokTGTRep, rep)
	if l.inSPNEGO {
		l.respond(spnego.AcceptIncomplete)
	}
	if err := l.room.fits(l.answer.length()); err != nil {
		return nil, err
	}
	tgt.Ticket = Secret{}
	l.next, l.keys = l.from, c.newVault()
	l.keys.acceptorTGT = tgt
	return l.complete()
}

// checkRequested compares the service that a client requests with the client of the
// acceptor's TGT.
func checkRequested(req *krb5.TGTRequest, own keytab.Principal) error {
	if req.Service.Components == nil {
		return nil
	}
	realm := req.Realm
	if len(realm) == 0 {
		realm = []byte(own.Realm())
	}
	asked, err := keytab.ParsePrincipal(string(krb5.AppendPrincipal(nil, req.Service, realm)))
	if err != nil || asked != own {
		return &status.Error{Reason: status.ReasonWrongService, Detail: "the client asks for the ticket of a service that is not " + own.String()}
	}
	return nil
}

// findTGT returns the TGT whose session key decrypts the ticket of an AP-REQ with the
// option USE-SESSION-KEY, and the zero TGT for an AP-REQ without it. It refuses an AP-REQ
// without the option where the program or the mechanism demands it.
func (l *leg) findTGT(ctx context.Context) (TGT, error) {
	c, cfg := l.c, &l.c.acceptor.cfg
	var req krb5.APReq
	if req.Parse(l.message) != nil {
		return TGT{}, nil // ticket.Open returns the reason
	}
	sent := c.sentTGT()
	// A KERB-TGT-REQUEST is no demand: another client may have sent it on the same
	// connection, and it proves nothing.
	demanded := c.cfg.UserToUser || cfg.Keys == nil || string(l.mechanism) == string(krb5.OIDUser2User)
	switch used := req.Options&flags.APUseSessionKey != 0; {
	case !used && demanded:
		return TGT{}, &status.Error{Reason: status.ReasonUserToUserRequired, Detail: "the AP-REQ lacks the option USE-SESSION-KEY: the client sent a ticket for a long-term key"}
	case !used:
		return TGT{}, nil
	case !sent.SessionKey.IsZero():
		return sent, nil
	}
	// The client has the acceptor's TGT from another connection or protocol.
	return c.acceptor.tgt(ctx, string(req.Ticket.Realm))
}
