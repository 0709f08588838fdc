// Package ccache writes credential cache files in MIT's format, version 4.
package ccache

import (
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/keytab"
)

// Version is the version of the file format. In version 4, all numbers are big-endian, and a
// list of tags, which is empty here, follows the version.
const Version = 4

// Name-types of principals (RFC 4120, Section 6.2).
const (
	ntPrincipal = 1
	ntSrvInst   = 2
)

// Marshal returns a cache with tickets, whose default principal is client. The cache stores
// times in whole seconds; a time before 1970 or after 2106, which the format cannot represent,
// becomes the nearest time that it can. The bytes are secret. The caller owns them.
func Marshal(client keytab.Principal, tickets []authenticator.DelegatedTicket) []byte {
	b := []byte{5, Version, 0, 0}
	b = principal(b, client)
	for i := range tickets {
		b = credential(b, &tickets[i])
	}
	return b
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
	b = AppendFlags(b, t.Flags)
	b = binary.BigEndian.AppendUint32(b, 0) // addresses
	b = binary.BigEndian.AppendUint32(b, 0) // authorization data
	b = data(b, t.Ticket.Bytes())
	return data(b, nil) // second ticket, for user-to-user
}

func principal(b []byte, p keytab.Principal) []byte {
	parts := slices.Collect(p.Components())
	b = binary.BigEndian.AppendUint32(b, uint32(NameType(p)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(parts)))
	for _, part := range append([]string{p.Realm()}, parts...) {
		b = data(b, []byte(part))
	}
	return b
}

// NameType guesses the name-type of p as MIT's krb5_parse_name does. A Principal has no
// name-type, because the name-type is not part of a name (RFC 4120, Section 6.2).
func NameType(p keytab.Principal) int32 {
	for c := range p.Components() {
		if c == "krbtgt" {
			return ntSrvInst
		}
		break
	}
	return ntPrincipal
}

// AppendFlags appends the flags of a ticket.
func AppendFlags(b []byte, f flags.Ticket) []byte {
	return binary.BigEndian.AppendUint32(b, uint32(f))
}

func data(b, value []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(value))), value...)
}

// seconds returns t in seconds since 1970. For the zero time it returns 0, which means in the
// format that the time is absent.
func seconds(t time.Time) uint32 {
	return uint32(min(max(t.Unix(), 0), math.MaxUint32))
}

// Replace creates or replaces the file at path atomically, readable by its owner only. If it
// fails, path is unchanged. path must not be a directory.
func Replace(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".ccache-*") // with mode 0600; CreateTemp never opens an existing file
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return err
}
