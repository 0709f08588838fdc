package krb5_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/internal/krb5"
)

// second reads b with gokrb5 and renders what it found. It reports false where
// gokrb5 does not read b: it refuses some of what RFC 4120 allows, and panics at
// more. That is no verdict on us.
func second(kind string, b []byte) (found string, ok bool) {
	defer func() {
		if recover() != nil {
			found, ok = "", false
		}
	}()
	b = bytes.Clone(b)
	switch kind {
	case "AP-REQ":
		var m messages.APReq
		ok = m.Unmarshal(b) == nil
		return fmt.Sprint(theirFlags(m.APOptions), theirTicket(m.Ticket), theirSealed(m.EncryptedAuthenticator)), ok
	case "Ticket":
		var m messages.Ticket
		ok = m.Unmarshal(b) == nil
		return theirTicket(m), ok
	case "EncTicketPart":
		var m messages.EncTicketPart
		ok = m.Unmarshal(b) == nil
		return fmt.Sprintf("%v %v %q %q %d %x %v %v %v %v %v %v", theirFlags(m.Flags), theirKey(m.Key), m.CRealm, theirName(m.CName),
			m.Transited.TRType, m.Transited.Contents, theirTime(m.AuthTime), theirTime(m.StartTime), theirTime(m.EndTime), theirTime(m.RenewTill),
			theirAddresses(m.CAddr), theirAuthData(m.AuthorizationData)), ok
	case "Authenticator":
		var m types.Authenticator
		ok = m.Unmarshal(b) == nil
		return fmt.Sprintf("%q %q %d %x %d %v %v %d %v", m.CRealm, theirName(m.CName), m.Cksum.CksumType, m.Cksum.Checksum, m.Cusec,
			theirTime(m.CTime), theirKey(m.SubKey), uint32(m.SeqNumber), theirAuthData(m.AuthorizationData)), ok
	case "AP-REP":
		var m messages.APRep
		ok = m.Unmarshal(b) == nil
		return theirSealed(m.EncPart), ok
	case "EncAPRepPart":
		var m messages.EncAPRepPart
		ok = m.Unmarshal(b) == nil
		return fmt.Sprint(theirTime(m.CTime), m.Cusec, theirKey(m.Subkey), uint32(m.SequenceNumber)), ok
	case "KRB-ERROR":
		var m messages.KRBError
		ok = m.Unmarshal(b) == nil
		return fmt.Sprintf("%v %d %v %d %d %q %q %q %q %q %x", theirTime(m.CTime), m.Cusec, theirTime(m.STime), m.Susec, m.ErrorCode,
			m.CRealm, theirName(m.CName), m.Realm, theirName(m.SName), m.EText, m.EData), ok
	case "KRB-CRED":
		var m messages.KRBCred
		ok = m.Unmarshal(b) == nil
		for _, t := range m.Tickets {
			found += theirTicket(t)
		}
		return found + theirSealed(m.EncPart), ok
	case "AS-REQ":
		var m messages.ASReq
		ok = m.Unmarshal(b) == nil
		return theirRequest(m.KDCReqFields), ok
	case "TGS-REQ":
		var m messages.TGSReq
		ok = m.Unmarshal(b) == nil
		return theirRequest(m.KDCReqFields), ok
	}
	return "", false
}

func theirRequest(m messages.KDCReqFields) (s string) {
	for _, p := range m.PAData {
		s += fmt.Sprintf("%d %x ", p.PADataType, p.PADataValue)
	}
	q := m.ReqBody
	s += fmt.Sprintf("%v %q %q %q %v %v %v %d %v %v %v", theirFlags(q.KDCOptions), theirName(q.CName), q.Realm, theirName(q.SName),
		theirTime(q.From), theirTime(q.Till), theirTime(q.RTime), uint32(q.Nonce), q.EType, theirAddresses(q.Addresses), theirSealed(q.EncAuthData))
	for _, t := range q.AdditionalTickets {
		s += theirTicket(t)
	}
	return s
}

func ourRequest(m *krb5.KDCReq) (s string) {
	for paType, value := range m.Each() {
		s += fmt.Sprintf("%d %x ", paType, value)
	}
	s += fmt.Sprintf("%v %q %q %q %v %v %v %d %v %v %v", uint32(m.Options), ourName(m.Client), m.Realm, ourName(m.Service),
		ourTime(m.From.Unix), ourTime(m.Till.Unix), ourTime(m.RenewTill.Unix), m.Nonce, slices.Collect(m.EachEType()), ourAddresses(m.Addresses), ourSealed(m.AuthorizationData))
	for t := range m.EachTicket() {
		s += ourTicket(t)
	}
	return s
}

func theirFlags(b asn1.BitString) uint32 {
	var v uint32
	for i := range 32 {
		v |= uint32(b.At(i)) << (31 - i)
	}
	return v
}

func theirTicket(m messages.Ticket) string {
	return fmt.Sprintf("%q %q %v", m.Realm, theirName(m.SName), theirSealed(m.EncPart))
}

func theirSealed(e types.EncryptedData) string {
	return fmt.Sprintf("%d %d %x", e.EType, uint32(e.KVNO), e.Cipher)
}

func theirName(n types.PrincipalName) string { return fmt.Sprintf("%d %q", n.NameType, n.NameString) }

func theirKey(k types.EncryptionKey) string { return fmt.Sprintf("%d %x", k.KeyType, k.KeyValue) }

// ourTime takes the first second of the year 1 for no time: gokrb5 cannot tell the
// two apart.
func ourTime(unix int64) int64 {
	if unix == (time.Time{}).Unix() {
		return 0
	}
	return unix
}

func theirTime(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func theirAddresses(list types.HostAddresses) (s string) {
	for _, a := range list {
		s += fmt.Sprintf("%d %x ", a.AddrType, a.Address)
	}
	return s
}

func theirAuthData(list types.AuthorizationData) (s string) {
	for _, e := range list {
		s += fmt.Sprintf("%d %x ", e.ADType, e.ADData)
	}
	return s
}

// rendered is what second gives, of our own reading.
func rendered(m message) string {
	switch m := m.(type) {
	case *krb5.APReq:
		return fmt.Sprint(uint32(m.Options), ourTicket(&m.Ticket), ourSealed(m.Authenticator))
	case *krb5.Ticket:
		return ourTicket(m)
	case *krb5.EncTicketPart:
		return fmt.Sprintf("%v %v %q %q %d %x %v %v %v %v %v %v", uint32(m.Flags), ourKey(m.Key), m.ClientRealm, ourName(m.Client),
			m.TransitedType, m.Transited, ourTime(m.AuthTime.Unix), ourTime(m.StartTime.Unix), ourTime(m.EndTime.Unix), ourTime(m.RenewTill.Unix),
			ourAddresses(m.Addresses), ourAuthData(m.AuthorizationData))
	case *krb5.Authenticator:
		return fmt.Sprintf("%q %q %d %x %d %v %v %d %v", m.ClientRealm, ourName(m.Client), m.Checksum.Type, m.Checksum.Sum, m.Cusec,
			ourTime(m.Ctime), ourKey(m.Subkey), m.SequenceNumber, ourAuthData(m.AuthorizationData))
	case *krb5.APRep:
		return ourSealed(m.EncPart)
	case *krb5.EncAPRepPart:
		return fmt.Sprint(ourTime(m.Ctime), m.Cusec, ourKey(m.Subkey), m.SequenceNumber)
	case *krb5.KRBError:
		return fmt.Sprintf("%v %d %v %d %d %q %q %q %q %q %x", ourTime(m.Ctime.Unix), m.Cusec, ourTime(m.Stime), m.Susec, m.Code,
			m.ClientRealm, ourName(m.Client), m.Realm, ourName(m.Service), m.EText, m.EData)
	case *krb5.KRBCred:
		s := ""
		for i := range m.Tickets {
			s += ourTicket(&m.Tickets[i])
		}
		return s + ourSealed(m.EncPart)
	case *krb5.KDCReq:
		return ourRequest(m)
	}
	return ""
}

func ourTicket(m *krb5.Ticket) string {
	return fmt.Sprintf("%q %q %v", m.Realm, ourName(m.Service), ourSealed(m.EncPart))
}

func ourSealed(e krb5.EncryptedData) string {
	return fmt.Sprintf("%d %d %x", e.EType, e.Kvno, e.Cipher)
}

func ourName(n krb5.Name) string {
	if n.Components == nil {
		return theirName(types.PrincipalName{})
	}
	var components []string
	for c := range n.All() {
		components = append(components, string(c))
	}
	return fmt.Sprintf("%d %q", n.Type, components)
}

func ourKey(k krb5.EncryptionKey) string { return fmt.Sprintf("%d %x", k.EType, k.Value) }

func ourAddresses(seq []byte) (s string) {
	if seq == nil {
		return ""
	}
	r, err := krb5.ReadAddresses(seq)
	for a, ok := r.Next(); ok && err == nil; a, ok = r.Next() {
		s += fmt.Sprintf("%d %x ", a.Type, a.Address)
	}
	return s
}

func ourAuthData(seq []byte) (s string) {
	if seq == nil {
		return ""
	}
	r, err := krb5.ReadAuthorizationData(seq)
	for e, ok := r.Next(); ok && err == nil; e, ok = r.Next() {
		s += fmt.Sprintf("%d %x ", e.Type, e.Data)
	}
	return s
}

// TestGokrb5_Agrees reads every sample twice. Where gokrb5 reads one too, it must
// have found the same.
func TestGokrb5_Agrees(t *testing.T) {
	both := make(map[string]int)
	for _, k := range kinds(t) {
		for i, sample := range k.samples {
			m := k.new()
			if err := m.Parse(sample); err != nil {
				t.Fatal(err)
			}
			want, ok := second(k.name, sample)
			if !ok {
				t.Logf("gokrb5 does not read sample %d of %s", i, k.name)
				continue
			}
			both[k.name]++
			if got := rendered(m); got != want {
				t.Errorf("%s, sample %d:\n%s, gokrb5 reads\n%s", k.name, i, got, want)
			}
		}
	}
	if len(both) != 10 {
		t.Errorf("compared only %v", both)
	}
}
