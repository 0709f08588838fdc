package sspideleg

import (
	"slices"
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/ccache"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// Client returns a gokrb5 client that acts as the client that delegated d. It uses the
// ticket-granting ticket of that client's realm in d, and ignores the other tickets;
// [MarshalCCache] writes all of them.
//
// conf names the KDCs and the encryption types to request. The gokrb5 client gets a copy of conf,
// because gokrb5 reorders the KDCs in it at each request. The client sends nothing before the
// program requests a ticket. It can request tickets until the ticket-granting ticket ends or, if that ticket is renewable, until it
// can no longer be renewed; it cannot log in again. gokrb5 uses the system's clock.
func Client(d *authenticator.Delegated, conf *config.Config) (*client.Client, error) {
	if err := check(d); err != nil {
		return nil, err
	}
	if conf == nil {
		return nil, failure(status.ReasonArgument, "the configuration is nil")
	}
	t, err := grantingTicket(d)
	if err != nil {
		return nil, err
	}
	cl, err := client.NewFromCCache(cacheOf(t), ownConfig(conf))
	if err != nil { // the text of err may contain the ticket
		return nil, failure(status.ReasonBadDelegation, "gokrb5 cannot read the ticket-granting ticket")
	}
	if ok, err := cl.IsConfigured(); !ok {
		return nil, &status.Error{Reason: status.ReasonArgument, Detail: "sspideleg: gokrb5 cannot use the configuration", Err: err}
	}
	// Without a password and a keytab, AffirmLogin sends nothing: it only compares times.
	if cl.AffirmLogin() != nil {
		return nil, failure(status.ReasonTicketExpired, "the forwarded ticket-granting ticket has expired")
	}
	return cl, nil
}

// ownConfig returns a copy of conf with lists of KDCs of its own.
func ownConfig(conf *config.Config) *config.Config {
	own := *conf
	own.Realms = slices.Clone(conf.Realms)
	for i := range own.Realms {
		own.Realms[i].KDC = slices.Clone(own.Realms[i].KDC)
	}
	return &own
}

// grantingTicket returns the ticket-granting ticket of the client's realm in d.
func grantingTicket(d *authenticator.Delegated) (*authenticator.DelegatedTicket, error) {
	realm := d.Client.Realm()
	service, err := keytab.NewPrincipal(realm, "krbtgt", realm)
	if err != nil {
		return nil, err // unreachable: realm is that of a Principal
	}
	i := slices.IndexFunc(d.Tickets, func(t authenticator.DelegatedTicket) bool { return t.Service == service })
	if i < 0 {
		return nil, failure(status.ReasonNoCredentials, "the client delegated no ticket-granting ticket of its realm")
	}
	t := &d.Tickets[i]
	if err := known(t.SessionKey.EType()); err != nil {
		return nil, err // unreachable with this gokrb5, which has all types that a Key can have
	}
	// gokrb5 uses the unprotected names in the ticket itself.
	var parsed krb5.Ticket
	if err := parsed.Parse(t.Ticket.Bytes()); err != nil {
		return nil, &status.Error{Reason: status.ReasonBadDelegation, Detail: "sspideleg: the ticket-granting ticket is malformed", Err: err}
	}
	if string(krb5.AppendPrincipal(nil, parsed.Service, parsed.Realm)) != service.String() {
		return nil, failure(status.ReasonBadDelegation, "the service name in the ticket-granting ticket differs from the service name that the client sent with it")
	}
	return t, nil
}

// known returns an error if gokrb5 does not support e.
func known(e keytab.EType) error {
	if _, err := crypto.GetEtype(int32(e)); err != nil {
		return failure(status.ReasonETypeRefused, "gokrb5 does not support the encryption type "+e.String()+" of the ticket-granting ticket's session key")
	}
	return nil
}

// cacheOf returns a gokrb5 credential cache that contains t.
func cacheOf(t *authenticator.DelegatedTicket) *credentials.CCache {
	entry := &credentials.Credential{
		Key:       types.EncryptionKey{KeyType: int32(t.SessionKey.EType()), KeyValue: t.SessionKey.Bytes()},
		AuthTime:  issued(t),
		StartTime: t.StartTime,
		EndTime:   t.EndTime,
		Ticket:    t.Ticket.Bytes(),
	}
	if t.Flags&flags.TicketRenewable != 0 { // gokrb5 renews every ticket that has a RenewTill
		entry.RenewTill = t.RenewTill
	}
	entry.TicketFlags = asn1.BitString{Bytes: ccache.AppendFlags(nil, t.Flags), BitLength: 32}
	entry.Client.Realm, entry.Client.PrincipalName = t.Client.Realm(), gokrb5Name(t.Client)
	entry.Server.Realm, entry.Server.PrincipalName = t.Service.Realm(), gokrb5Name(t.Service)
	cache := &credentials.CCache{Version: ccache.Version, Credentials: []*credentials.Credential{entry}}
	cache.DefaultPrincipal = entry.Client
	return cache
}

// issued returns the time from which gokrb5 computes the time of renewal. RFC 4120 makes
// authtime optional in KrbCredInfo, and gokrb5 does not accept a ticket without it.
func issued(t *authenticator.DelegatedTicket) time.Time {
	for _, at := range []time.Time{t.AuthTime, t.StartTime} {
		if !at.IsZero() {
			return at
		}
	}
	return t.EndTime // so that gokrb5 does not renew the ticket early
}

func gokrb5Name(p keytab.Principal) types.PrincipalName {
	return types.PrincipalName{NameType: ccache.NameType(p), NameString: slices.Collect(p.Components())}
}
