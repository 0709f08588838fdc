package sspideleg

import (
	"encoding/binary"
	"math"
	"slices"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/keytab"
)

// ccacheVersion is that of the format, in which all numbers are big-endian and a
// list of tags, here empty, follows.
const ccacheVersion = 4

// MarshalCCache writes all tickets of d as a credential cache file of MIT's format,
// version 4, whose default principal is the client. Times are in whole seconds, and
// those that the format cannot hold, before 1970 or after 2106, are the nearest that it
// can. The bytes are secret, and the caller's.
func MarshalCCache(d *authenticator.Delegated) ([]byte, error) {
	if err := check(d); err != nil {
		return nil, err
	}
	b := []byte{5, ccacheVersion, 0, 0}
	b = principal(b, d.Client)
	for i := range d.Tickets {
		b = credential(b, &d.Tickets[i])
	}
	return b, nil
}

func credential(b []byte, t *authenticator.DelegatedTicket) []byte {
	b = principal(b, t.Client)
	b = principal(b, t.Service)
	key := t.SessionKey.Bytes()
	defer clear(key)
	b = binary.BigEndian.AppendUint16(b, uint16(t.SessionKey.EType()))
	b = data(b, key)
	for _, at := range []time.Time{t.AuthTime, t.StartTime, t.EndTime, t.RenewTill} {
		b = binary.BigEndian.AppendUint32(b, seconds(at))
	}
	b = append(b, 0) // the key is of the ticket, not of user-to-user
	b = ticketFlags(b, t)
	b = binary.BigEndian.AppendUint32(b, 0) // addresses
	b = binary.BigEndian.AppendUint32(b, 0) // authorization data
	b = data(b, t.Ticket.Bytes())
	return data(b, nil) // second ticket, for user-to-user
}

func principal(b []byte, p keytab.Principal) []byte {
	parts := slices.Collect(p.Components())
	b = binary.BigEndian.AppendUint32(b, uint32(nameType(p)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(parts)))
	for _, part := range append([]string{p.Realm()}, parts...) {
		b = data(b, []byte(part))
	}
	return b
}

func ticketFlags(b []byte, t *authenticator.DelegatedTicket) []byte {
	return binary.BigEndian.AppendUint32(b, uint32(t.Flags))
}

func data(b, value []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(value))), value...)
}

// seconds is 0, which says that it is not given, for the zero time.
func seconds(t time.Time) uint32 {
	return uint32(min(max(t.Unix(), 0), math.MaxUint32))
}
