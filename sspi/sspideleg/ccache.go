package sspideleg

import (
	"encoding/binary"
	"math"
	"slices"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/keytab"
)

// ccacheVersion is the version of the file format. In version 4, all numbers are big-endian,
// and a list of tags, which is empty here, follows the version.
const ccacheVersion = 4

// MarshalCCache returns all tickets of d as a credential cache file in MIT's format, version
// 4. The default principal of the cache is the client. The cache stores times in whole
// seconds; a time before 1970 or after 2106, which the format cannot represent, becomes the
// nearest time that it can. The bytes are secret. The caller owns them.
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
	b = append(b, 0) // is_skey: the ticket is not encrypted in a session key
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

// seconds returns t in seconds since 1970. For the zero time it returns 0, which means in the
// format that the time is absent.
func seconds(t time.Time) uint32 {
	return uint32(min(max(t.Unix(), 0), math.MaxUint32))
}
