package keytab

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/gosspi/kerberos/status"
)

// nameType is the name-type of every principal that MarshalBinary writes: NT-PRINCIPAL
// (RFC 4120, Section 6.2). Implementations do not compare name-types.
const nameType = 1

// MarshalBinary returns the table as a keytab file of version 2, which Parse and every
// other implementation can read. The result contains the secrets of the keys. It does not
// contain the entries of [Table.Unusable], whose keys the Table does not store.
// MarshalBinary returns an error if the Time of an entry is before 1970 or after 2106,
// which the format cannot represent.
func (t *Table) MarshalBinary() ([]byte, error) {
	b := []byte{magic, version2}
	for e := range t.All() {
		stamp, err := stampOf(e.Time)
		if err != nil {
			return nil, err
		}
		start := len(b)
		b = append(b, 0, 0, 0, 0)
		b = appendEntry(b, e, stamp)
		binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start-4))
	}
	return b, nil
}

func appendEntry(b []byte, e Entry, stamp uint32) []byte {
	count := 0
	for range e.Principal.Components() {
		count++
	}
	b = binary.BigEndian.AppendUint16(b, uint16(count))
	b = appendCounted(b, e.Principal.Realm())
	for c := range e.Principal.Components() {
		b = appendCounted(b, c)
	}
	b = binary.BigEndian.AppendUint32(b, nameType)
	b = binary.BigEndian.AppendUint32(b, stamp)
	b = append(b, byte(e.Kvno))
	b = binary.BigEndian.AppendUint16(b, uint16(e.Key.EType()))
	secret := e.Key.Bytes()
	b = appendCounted(b, secret)
	clear(secret)
	return binary.BigEndian.AppendUint32(b, e.Kvno)
}

// appendCounted appends the length of part in two bytes, and part. Parts of a Principal
// and keys are shorter than 64 KiB.
func appendCounted[T string | []byte](b []byte, part T) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(part)))
	return append(b, part...)
}

func stampOf(t time.Time) (uint32, error) {
	if t.IsZero() {
		return 0, nil
	}
	if s := t.Unix(); s >= 0 && s <= math.MaxUint32 {
		return uint32(s), nil
	}
	return 0, &status.Error{Reason: status.ReasonArgument, Detail: fmt.Sprintf("an entry's time, %s, does not fit in a keytab", t.UTC().Format(time.RFC3339))}
}
