package keytab

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/gosspi/kerberos/status"
)

// nameType is written with every principal. It is NT-PRINCIPAL (RFC 4120,
// Section 6.2); nobody compares it.
const nameType = 1

// MarshalBinary returns the table as a keytab file of version 2, which Parse and
// every other implementation reads. The result holds the secrets. Entries that
// are [Table.Unusable] are not in it: their keys were not kept. It fails if an
// entry's Time is one that the format does not have, before 1970 or after 2106.
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

// appendCounted is given parts of a Principal and keys, none of which reaches
// 64 KiB.
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
