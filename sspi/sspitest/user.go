package sspitest

import (
	"fmt"
	"io"
	"time"

	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
)

// User is a client principal. [Realm.User] creates it.
type User struct {
	realm *Realm
	name  string
}

// User returns the user with a name such as "alice". A name without a realm belongs to this
// realm. "alice@OTHER.EXAMPLE" is a user of a different realm, which this realm trusts
// directly.
func (r *Realm) User(name string) *User { return &User{r, name} }

// Principal returns the user's name as an acceptor reports it. It returns the zero Principal
// if the name is invalid.
func (u *User) Principal() keytab.Principal {
	if u == nil || u.realm.check() != nil {
		return keytab.Principal{}
	}
	p, _ := (*u.realm.kdc).Principal(u.name) // zero on an error
	return p
}

// Format prints the user's name for every verb.
func (u *User) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "sspitest.User{"+u.Principal().String()+"}")
}

// Initiate creates a ticket of the user for service, and returns a client that logs in with
// that ticket once. The service must exist in the realm. Each call creates a new ticket.
func (u *User) Initiate(service string, o Options) (*Initiator, error) {
	if u == nil {
		return nil, argument("Realm.User did not create this User")
	}
	r := u.realm
	if err := r.check(u.name, service); err != nil {
		return nil, err
	}
	if err := r.known(service); err != nil {
		return nil, err
	}
	o, err := o.complete(r.Now())
	if err != nil {
		return nil, err
	}
	p, err := o.pac(u.Principal())
	if err != nil {
		return nil, err
	}
	x := new(exchange)
	if err := guard(func() { x.request = r.request(u.name, service, &o, p) }); err != nil {
		return nil, err
	}
	return &Initiator{realm: r, options: o, x: &x}, nil
}

// request returns the client's AP-REQ without the time, which Initiator.Next adds.
func (r *Realm) request(client, service string, o *Options, p *krbtest.PAC) *krbtest.APReq {
	t := r.ticket(client, service, o)
	t.PAC = p
	q := t.APReq()
	switch {
	case o.NoSubkey:
		q.Authenticator.SubKey = types.EncryptionKey{}
	case o.SubkeyEType != o.SessionEType:
		q.Authenticator.SubKey = (*r.kdc).NewKey(o.SubkeyEType)
	}
	if o.NoOffer {
		q.ETypes = nil
	}
	q.Flags = o.Flags
	q.Raw = o.Raw
	if o.ChannelBindings != nil {
		q.Bnd = bindingHash(o.ChannelBindings)
	}
	q.BindingAware = o.BindingAware
	q.Target = o.Target
	return q
}

func (r *Realm) ticket(client, service string, o *Options) *krbtest.Ticket {
	kdc := *r.kdc
	t := kdc.Ticket(client, service)
	t.SealWith(kdc.Key(service, o.TicketEType, 0))
	if o.SessionEType != keytab.EType(t.Part.Key.KeyType) {
		t.Part.Key = kdc.NewKey(o.SessionEType)
	}
	t.Part.StartTime = o.StartTime.UTC().Truncate(time.Second)
	t.Part.EndTime = o.EndTime.UTC().Truncate(time.Second)
	if t.Part.StartTime.Before(t.Part.AuthTime) {
		t.Part.AuthTime = t.Part.StartTime
	}
	return t
}

// pac returns the PAC of the tickets of user, nil if they have none.
func (o *Options) pac(user keytab.Principal) (*krbtest.PAC, error) {
	switch {
	case o.NoPAC:
		return nil, nil
	case o.Account != nil:
		return o.Account.pac(user)
	}
	return new(krbtest.PAC), nil
}
