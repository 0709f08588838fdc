package sspideleg

import (
	"slices"
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// Client makes a gokrb5 client that is the one who delegated d, by the
// ticket-granting ticket of its own realm that is among the tickets. Others are left
// out; [MarshalCCache] keeps them.
//
// conf says where the KDCs are, and which encryption types to ask for. It is used and
// not copied. Nothing is sent before the client is asked for a ticket. It can ask for
// tickets until its own ends or, if that may be renewed, until it can no more; it
// cannot log in again. It judges times by the system's clock, as gokrb5 always does.
func Client(d *authenticator.Delegated, conf *config.Config) (*client.Client, error) {
	if err := check(d); err != nil {
		return nil, err
	}
	if conf == nil {
		return nil, refused(status.ReasonArgument, "the configuration is nil")
	}
	t, err := grantingTicket(d)
	if err != nil {
		return nil, err
	}
	cl, err := client.NewFromCCache(cacheOf(t), conf)
	if err != nil { // its text may quote the ticket
		return nil, refused(status.ReasonBadDelegation, "gokrb5 cannot read the ticket-granting ticket")
	}
	if ok, err := cl.IsConfigured(); !ok {
		return nil, &status.Error{Reason: status.ReasonArgument, Detail: "sspideleg: gokrb5 cannot use the configuration", Err: err}
	}
	// Without password and keytab this asks nobody: it looks at the clock.
	if cl.AffirmLogin() != nil {
		return nil, refused(status.ReasonTicketExpired, "the forwarded ticket-granting ticket")
	}
	return cl, nil
}

// grantingTicket is the ticket that gokrb5's client starts from.
func grantingTicket(d *authenticator.Delegated) (*authenticator.DelegatedTicket, error) {
	realm := d.Client.Realm()
	service, err := keytab.NewPrincipal(realm, "krbtgt", realm)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(d.Tickets, func(t authenticator.DelegatedTicket) bool { return t.Service == service })
	if i < 0 {
		return nil, refused(status.ReasonNoCredentials, "no ticket-granting ticket of the client's realm is among the tickets")
	}
	t := &d.Tickets[i]
	if err := known(t.SessionKey.EType()); err != nil {
		return nil, err
	}
	// gokrb5 goes by the names on the ticket itself, which nothing protects.
	var parsed krb5.Ticket
	if err := parsed.Parse(t.Ticket.Bytes()); err != nil {
		return nil, &status.Error{Reason: status.ReasonBadDelegation, Detail: "sspideleg: the ticket-granting ticket is malformed", Err: err}
	}
	if string(krb5.AppendPrincipal(nil, parsed.Service, parsed.Realm)) != service.String() {
		return nil, refused(status.ReasonBadDelegation, "the ticket-granting ticket is for another service than it is said to be")
	}
	return t, nil
}

// known refuses an encryption type that is one here and not in gokrb5.
func known(e keytab.EType) error {
	if _, err := crypto.GetEtype(int32(e)); err != nil {
		return refused(status.ReasonETypeRefused, "gokrb5 has no "+e.String()+", of which the ticket-granting ticket's key is")
	}
	return nil
}

// cacheOf is a cache, in gokrb5's form, of one ticket.
func cacheOf(t *authenticator.DelegatedTicket) *credentials.CCache {
	entry := &credentials.Credential{
		Key:       types.EncryptionKey{KeyType: int32(t.SessionKey.EType()), KeyValue: t.SessionKey.Bytes()},
		AuthTime:  issued(t),
		StartTime: t.StartTime,
		EndTime:   t.EndTime,
		Ticket:    t.Ticket.Bytes(),
	}
	if t.Flags&flags.TicketRenewable != 0 { // gokrb5 renews what has a RenewTill
		entry.RenewTill = t.RenewTill
	}
	entry.TicketFlags = asn1.BitString{Bytes: ticketFlags(nil, t), BitLength: 32}
	entry.Client.Realm, entry.Client.PrincipalName = t.Client.Realm(), gokrb5Name(t.Client)
	entry.Server.Realm, entry.Server.PrincipalName = t.Service.Realm(), gokrb5Name(t.Service)
	cache := &credentials.CCache{Version: ccacheVersion, Credentials: []*credentials.Credential{entry}}
	cache.DefaultPrincipal = entry.Client
	return cache
}

// issued is the time from which gokrb5 counts. RFC 4120 lets a client leave it out,
// and gokrb5 takes a ticket without it for none.
func issued(t *authenticator.DelegatedTicket) time.Time {
	for _, at := range []time.Time{t.AuthTime, t.StartTime} {
		if !at.IsZero() {
			return at
		}
	}
	return t.EndTime // so that it is not renewed early
}

func gokrb5Name(p keytab.Principal) types.PrincipalName {
	return types.PrincipalName{NameType: nameType(p), NameString: slices.Collect(p.Components())}
}

// nameType is a guess, as MIT's krb5_parse_name makes it: the name-type is not part of
// a name (RFC 4120, Section 6.2).
func nameType(p keytab.Principal) int32 {
	for c := range p.Components() {
		if c == "krbtgt" {
			return nametype.KRB_NT_SRV_INST
		}
		break
	}
	return nametype.KRB_NT_PRINCIPAL
}
