package ticket_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/internal/vectors"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket"
)

// TestOpen_WindowsServer2022 opens the published ticket of a Windows KDC with the published
// key, and compares its content with the content that gokrb5 decodes.
func TestOpen_WindowsServer2022(t *testing.T) {
	v := vectors.Load(t).PAC.ADTicket
	der := vectors.Hex(t, v.Ticket)
	var theirs messages.Ticket
	if err := theirs.Unmarshal(bytes.Clone(der)); err != nil {
		t.Fatal(err)
	}
	serverKey := types.EncryptionKey{KeyType: v.ServerKey.EType, KeyValue: vectors.Hex(t, v.ServerKey.Key)}
	plain, err := crypto.DecryptEncPart(theirs.EncPart, serverKey, 2)
	if err != nil {
		t.Fatal(err)
	}
	var part messages.EncTicketPart
	if err := part.Unmarshal(plain); err != nil {
		t.Fatal(err)
	}
	key, err := keytab.NewKey(keytab.EType(v.ServerKey.EType), serverKey.KeyValue)
	if err != nil {
		t.Fatal(err)
	}
	server := keytab.MustParsePrincipal(v.Server)
	keys, err := keytab.NewTable(keytab.Entry{Principal: server, Kvno: 1, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	q := krbtest.NewRealm("W2022-L7.BASE").Ticket("administrator", "cifs/w2022-118.w2022-l7.base").APReq()
	q.TicketBytes = der
	p := &ticket.Params{Keys: keys, Now: part.StartTime, Skew: skew}
	got := mustOpen(t, "Windows Server 2022", q.Bytes(), p)
	if got.Client.String() != v.Client || got.Service != server {
		t.Errorf("client %v, service %v, want %s, %s", got.Client, got.Service, v.Client, v.Server)
	}
	if !got.EndTime.Equal(part.EndTime) || !got.AuthTime.Equal(part.AuthTime) || !bytes.Equal(got.SessionKey.Bytes(), part.Key.KeyValue) {
		t.Errorf("%+v differs from %+v", got, part)
	}
	pac := innerPAC(t, part.AuthorizationData)
	if len(pac) == 0 || !bytes.Equal(got.PAC, pac) {
		t.Errorf("the PAC has %d bytes, want the %d that gokrb5 finds", len(got.PAC), len(pac))
	}
	p.Now = part.EndTime.Add(skew + time.Second)
	refused(t, "later", q.Bytes(), p, status.ReasonTicketExpired)
}

func innerPAC(t *testing.T, data types.AuthorizationData) []byte {
	t.Helper()
	for _, outer := range data {
		if outer.ADType != 1 {
			continue
		}
		var inner types.AuthorizationData
		if err := inner.Unmarshal(outer.ADData); err != nil {
			t.Fatal(err)
		}
		for _, e := range inner {
			if e.ADType == 128 {
				return e.ADData
			}
		}
	}
	return nil
}

func entry(adType int32, data string) types.AuthorizationDataEntry {
	return types.AuthorizationDataEntry{ADType: adType, ADData: []byte(data)}
}

// TestOpen_WhereThePACIs checks that Open finds a PAC only where a KDC puts it (MS-KILE,
// Section 3.3.5.6.4; RFC 4120, Section 5.2.6.1).
func TestOpen_WhereThePACIs(t *testing.T) {
	wrap := krbtest.IfRelevant
	pac := entry(128, "the PAC")
	for _, c := range []struct {
		name string
		data types.AuthorizationData
		want string
		err  status.Reason
	}{
		{"no authorization data", nil, "", status.ReasonNone},
		{"in AD-IF-RELEVANT", types.AuthorizationData{wrap(pac)}, "the PAC", status.ReasonNone},
		{"behind others", types.AuthorizationData{entry(999, "x"), wrap(entry(141, "y")), wrap(entry(142, "z"), pac)}, "the PAC", status.ReasonNone},
		{"outside AD-IF-RELEVANT", types.AuthorizationData{pac}, "", status.ReasonNone},
		{"two levels deep", types.AuthorizationData{wrap(wrap(pac))}, "", status.ReasonNone},
		{"in AD-KDC-ISSUED", types.AuthorizationData{entry(4, string(wrap(pac).ADData))}, "", status.ReasonNone},
		{"in AD-AND-OR", types.AuthorizationData{entry(5, string(wrap(pac).ADData))}, "", status.ReasonNone},
		{"of a type that is 128 in eight bits", types.AuthorizationData{wrap(entry(384, "x"))}, "", status.ReasonNone},
		{"behind an AD-IF-RELEVANT that is none", types.AuthorizationData{entry(1, "garbage"), wrap(pac)}, "the PAC", status.ReasonNone},
		{"outside and inside", types.AuthorizationData{pac, wrap(entry(128, "the other"))}, "the other", status.ReasonNone},
		{"two in one", types.AuthorizationData{wrap(pac, entry(128, "another"))}, "", status.ReasonPACBad},
		{"two in two", types.AuthorizationData{wrap(pac), wrap(entry(128, "another"))}, "", status.ReasonPACBad},
		{"twice the same", types.AuthorizationData{wrap(pac), wrap(pac)}, "", status.ReasonPACBad},
		{"two empty ones", types.AuthorizationData{wrap(entry(128, "")), wrap(entry(128, ""))}, "", status.ReasonPACBad},
	} {
		r := krbtest.NewRealm("EXAMPLE.COM")
		k := r.Ticket("alice", service)
		k.Part.AuthorizationData = c.data
		b := k.APReq().Bytes()
		if c.err != status.ReasonNone {
			refused(t, c.name, b, params(r), c.err)
			continue
		}
		got := mustOpen(t, c.name, b, params(r))
		if string(got.PAC) != c.want || (got.PAC == nil) != (c.want == "") || cap(got.PAC) != len(got.PAC) {
			t.Errorf("%s: the PAC is %q, want %q", c.name, got.PAC, c.want)
		}
		if (got.AuthorizationData == nil) != (c.data == nil) {
			t.Errorf("%s: authorization data is %x", c.name, got.AuthorizationData)
		}
	}
}
