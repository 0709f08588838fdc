package sspitest

import (
	"fmt"
	"io"
	"time"

	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
)

// User is somebody who logs in. The zero User is nobody.
type User struct {
	realm *Realm
	name  string
}

// User returns the user of a name, such as "alice". A name without realm is of
// this one. "alice@OTHER.EXAMPLE" is a user of another realm, who has a ticket of
// this one by direct trust.
func (r *Realm) User(name string) *User { return &User{r, name} }

// Principal is the user's name as an acceptor gets it; zero if it is none.
func (u *User) Principal() keytab.Principal {
	if u == nil || u.realm.check() != nil {
		return keytab.Principal{}
	}
	p, _ := (*u.realm.kdc).Principal(u.name) // zero on an error
	return p
}

// Format writes the user's name, whatever the verb.
func (u *User) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "sspitest.User{"+u.Principal().String()+"}")
}

// Initiate gives the user a ticket for service, and makes a client that logs in
// with it, once. The service must be one of the realm's. Each call makes another
// ticket.
func (u *User) Initiate(service string, o Options) (*Initiator, error) {
	if u == nil {
		return nil, argument("the user is not from Realm.User")
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
	x := new(exchange)
	if err := guard(func() { x.request = r.request(u.name, service, &o) }); err != nil {
		return nil, err
	}
	return &Initiator{realm: r, options: o, x: &x}, nil
}

// request is what the client has to say but for the time, which it says when it
// speaks.
func (r *Realm) request(client, service string, o *Options) *krbtest.APReq {
	q := r.ticket(client, service, o).APReq()
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
