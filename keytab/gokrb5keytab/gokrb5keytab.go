// Package gokrb5keytab converts a keytab of gokrb5 to a [keytab.Table]. It is a separate
// package so that no other package links gokrb5.
package gokrb5keytab

import (
	"math"
	"slices"
	"time"

	gokrb5 "github.com/jcmturner/gokrb5/v8/keytab"

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// Table returns the entries of kt in order. The result shares no memory with kt, which
// must not be changed during the call. Entries that cannot be used are in
// [keytab.Table.Unusable], as for [keytab.Parse].
func Table(kt *gokrb5.Keytab) (*keytab.Table, error) {
	if kt == nil {
		return nil, refused("it is nil")
	}
	// gokrb5 does not export the type of an entry, and writes entries without checking that
	// the format can represent them. So the entries are checked and adjusted first.
	file := gokrb5.New() // of version 2, even if kt was read from version 1
	file.Entries = slices.Clone(kt.Entries)
	for i := range file.Entries {
		e := &file.Entries[i]
		if len(e.Principal.Components) > math.MaxInt16 || len(e.Key.KeyValue) > math.MaxUint16 || int32(int16(e.Key.KeyType)) != e.Key.KeyType {
			return nil, refused("an entry does not fit in a keytab file")
		}
		if slices.ContainsFunc(append(slices.Clone(e.Principal.Components), e.Principal.Realm), tooLong) {
			return nil, refused("a name does not fit in a keytab file")
		}
		e.Principal.NumComponents = int16(len(e.Principal.Components)) // in some entries gokrb5 counts the realm too
		if e.KVNO == 0 {
			e.KVNO = uint32(e.KVNO8)
		}
		if s := e.Timestamp.Unix(); s < 0 || s > math.MaxUint32 {
			e.Timestamp = time.Unix(0, 0) // unknown
		}
	}
	b, err := file.Marshal()
	defer clear(b)
	if err != nil {
		return nil, refused("gokrb5 cannot write it") // unreachable with this gokrb5; errors of gokrb5 may contain parts of the keytab
	}
	return keytab.Parse(b)
}

func tooLong(part string) bool { return len(part) > math.MaxUint16 }

func refused(why string) error {
	return &status.Error{Reason: status.ReasonNoCredentials, Detail: "the gokrb5 keytab cannot be used: " + why}
}
