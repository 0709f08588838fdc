package sspideleg

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"strconv"
	"sync"
	"time"

	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// Service requests tickets on behalf of users, by constrained delegation (MS-SFU): the KDC
// decides for which users and to which services. Client and Keys are required. A Service must
// not be modified while it is in use, and not be copied after its first use.
type Service struct {
	// Client is a gokrb5 client of the service's own account, with a keytab, a password or a
	// cache of ticket-granting tickets. Its configuration names the KDCs and must have
	// forwardable = true: with a ticket-granting ticket that is not forwardable, the KDC
	// refuses every request with error 13.
	Client *client.Client
	// Keys has the keys of the account, with which ForUser checks the tickets that it gets.
	Keys keytab.Source
	// ETypes are the encryption types to request, the most wanted first. If nil, AES: 18,
	// 17, 20 and 19.
	ETypes []keytab.EType
	// Time is the clock. If nil, time.Now. gokrb5 uses the system's clock.
	Time func() time.Time

	begin sync.Once
	turn  chan struct{} // holds a value while a call uses Client
}

// KDCError is the refusal of a request by the KDC: a KRB-ERROR, which nothing protects.
type KDCError struct {
	// Code is the error number of RFC 4120, Section 7.5.9. Domain controllers answer 13
	// (KDC_ERR_BADOPTION) if the service may not delegate to the target, if the user is
	// sensitive or a member of Protected Users, and if the evidence is not forwardable.
	Code int32
	// Text is the explanation of the KDC, quoted, or "".
	Text string
}

// Error returns the number and the text.
func (e *KDCError) Error() string {
	text := "KRB-ERROR " + strconv.Itoa(int(e.Code))
	if e.Text != "" {
		text += ": " + e.Text
	}
	return text
}

// ForUser requests a ticket of user to the service itself (S4U2Self, protocol transition),
// for a user who logged in by other means than Kerberos. The service alone is the proof that
// the user is present: never call ForUser with a name that the service has not verified.
//
// The ticket is evidence for [Service.OnBehalf] if it is forwardable or if the target permits
// resource-based constrained delegation. ForUser decrypts the ticket with Keys, and refuses it
// unless it is for this user, of the life and with the session key that the KDC announced, and
// has a PAC of this user. The directory decides which account has the name: in Active Directory
// the name can be the UPN of an account with another name. ForUser refuses only the account of a
// computer, whose name ends in '$', for a name that does not. The user must be of the service's
// realm.
func (s *Service) ForUser(ctx context.Context, user keytab.Principal) (*authenticator.DelegatedTicket, error) {
	r, err := s.newRequest(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case s.Keys == nil:
		return nil, failure(status.ReasonArgument, "Service.Keys is nil: the ticket could not be checked")
	case user.IsZero():
		return nil, failure(status.ReasonArgument, "ForUser without a user")
	case user.Realm() != r.own.Realm():
		return nil, failure(status.ReasonUnsupported, "the user "+quote.Text(user.String())+" is of another realm than the service")
	}
	r.client, r.target = user, r.own
	if err := r.forUser(); err != nil {
		return nil, err
	}
	t, err := s.exchange(ctx, r)
	if err != nil {
		return nil, err
	}
	table, err := s.Keys.Table(ctx)
	if err != nil {
		return nil, &status.Error{Reason: status.ReasonNoCredentials, Detail: "sspideleg: Service.Keys gave no keys", Err: err}
	}
	if err := r.checkOwn(t, table); err != nil {
		return nil, err
	}
	return t, nil
}

// OnBehalf requests a ticket to target for the client of evidence (S4U2Proxy, constrained or
// resource-based constrained delegation). evidence is a ticket of that client to this service:
// of Context.Evidence or of [Service.ForUser]. The target must be of the service's realm.
//
// The result has the one ticket: [WriteCCache] makes a credential cache of it, with which
// other programs log in to target as the client. It has no ticket-granting ticket, so that
// [Client] refuses it. The ticket is encrypted for target, so OnBehalf cannot check what is in
// it; it checks the target, the life and the session key, which the KDC protects, and the
// client's name, which it does not.
func (s *Service) OnBehalf(ctx context.Context, evidence *authenticator.DelegatedTicket, target keytab.Principal) (*authenticator.Delegated, error) {
	r, err := s.newRequest(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case evidence == nil || evidence.Client.IsZero() || evidence.Ticket.Len() == 0:
		return nil, failure(status.ReasonNoCredentials, "there is no evidence: ContextConfig.KeepEvidence was not set, or the context is closed")
	case target.IsZero():
		return nil, failure(status.ReasonArgument, "OnBehalf without a target")
	case target.Realm() != r.own.Realm():
		return nil, failure(status.ReasonUnsupported, "the target "+quote.Text(target.String())+" is of another realm than the service")
	case !evidence.EndTime.After(r.now):
		return nil, failure(status.ReasonTicketExpired, "the evidence has expired: the client must log in again")
	}
	r.client, r.target, r.limit = evidence.Client, target, evidence.EndTime
	if err := r.onBehalf(evidence.Ticket.Bytes()); err != nil {
		return nil, err
	}
	t, err := s.exchange(ctx, r)
	if err != nil {
		return nil, err
	}
	return &authenticator.Delegated{Client: t.Client, Tickets: []authenticator.DelegatedTicket{*t}}, nil
}

// newRequest gets the service's ticket-granting ticket, and begins a request.
func (s *Service) newRequest(ctx context.Context) (*request, error) {
	if s == nil || s.Client == nil || s.Client.Credentials == nil || s.Client.Config == nil || ctx == nil {
		return nil, failure(status.ReasonArgument, "Service.Client is nil or empty, or there is no context")
	}
	realm := s.Client.Credentials.Domain()
	own, err := keytab.NewPrincipal(realm, s.Client.Credentials.CName().NameString...)
	if err != nil {
		return nil, &status.Error{Reason: status.ReasonArgument, Detail: "sspideleg: Service.Client has no principal", Err: err}
	}
	tgt, key, kdcs, err := s.login(ctx, realm)
	if err != nil {
		return nil, err
	}
	r := &request{own: own, kdcs: kdcs, now: time.Now(), etypes: s.ETypes}
	if s.Time != nil {
		r.now = s.Time()
	}
	if r.etypes == nil {
		r.etypes = []keytab.EType{18, 17, 20, 19}
	}
	if r.key, err = keytab.NewKey(keytab.EType(key.KeyType), key.KeyValue); err != nil {
		return nil, &status.Error{Reason: status.ReasonETypeRefused, Detail: "sspideleg: the session key of Service.Client's ticket-granting ticket is unusable", Err: err}
	}
	b, err := tgt.Marshal()
	if err == nil {
		err = r.tgt.Parse(b)
	}
	if err != nil {
		return nil, &status.Error{Reason: status.ReasonNoCredentials, Detail: "sspideleg: the ticket-granting ticket of Service.Client is malformed", Err: err}
	}
	var nonce [4]byte
	_, _ = rand.Read(nonce[:])                               // never fails
	r.nonce = binary.BigEndian.Uint32(nonce[:]) & 0x7fffffff // some KDCs read it as a signed number
	return r, nil
}

// login returns the service's ticket-granting ticket, its session key and the KDCs of the realm.
// Calls take turns, because gokrb5 reorders the KDCs in its configuration when it sends a request.
func (s *Service) login(ctx context.Context, realm string) (tgt messages.Ticket, key types.EncryptionKey, kdcs []string, err error) {
	s.begin.Do(func() { s.turn = make(chan struct{}, 1) })
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return tgt, key, nil, &status.Error{Reason: status.ReasonCanceled, Detail: "sspideleg: before the KDC was asked", Err: ctx.Err()}
	}
	if tgt, key, err = s.Client.GetServiceTicket("krbtgt/" + realm); err != nil {
		return tgt, key, nil, &status.Error{Reason: status.ReasonNoCredentials, Detail: "sspideleg: Service.Client got no ticket-granting ticket", Err: err}
	}
	kdcs, err = s.kdcs(realm)
	return tgt, key, kdcs, err
}
