package ad

import (
	"slices"
	"testing"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
)

// TestAD_PlantedIndicators states a limit that SECURITY.md explains. Samba's domain controller
// puts a CAMMAC that a client sends into its ticket, as it would a copy from another client's
// ticket: nothing in it says whose it is. To make one, the test uses the service's key. The
// acceptor refuses the copy only where it is nested.
func TestAD_PlantedIndicators(t *testing.T) {
	l := theLab(t)
	t.Parallel()
	cammac := krbtest.CAMMAC{Elements: types.AuthorizationData{krbtest.Indicators("otp")}, Service: l.corp.serviceKey(t, "web", 18)}
	entry := cammac.Entry()
	wrap := krbtest.IfRelevant
	a, user := l.corp.acceptor(t, "web"), l.login(t, "alice").grantingTicket(t, "")
	for name, row := range map[string]struct {
		data types.AuthorizationData
		want []string
	}{
		"outside AD-IF-RELEVANT": {types.AuthorizationData{entry}, []string{"otp"}},
		"in AD-IF-RELEVANT":      {types.AuthorizationData{wrap(entry)}, []string{"otp"}},
		"two levels deep":        {types.AuthorizationData{wrap(wrap(entry))}, nil},
	} {
		req := newRequest(t, user, l.corp.Realm, "HTTP/localhost")
		plain := must(asn1.Marshal(row.data))(t)
		req.ReqBody.EncAuthData = must(crypto.GetEncryptedData(plain, user.key, usageTGSData, 0))(t)
		auth := must(types.NewAuthenticator(user.realm, user.client))(t)
		auth.Cksum = krbtest.Checksum(user.key, usageTGSBody, must(req.ReqBody.Marshal())(t))
		proof := must(messages.NewAPReq(user.ticket, user.key, auth))(t)
		req.PAData = types.PADataSequence{{PADataType: paTGSReq, PADataValue: must(proof.Marshal())(t)}}
		reply := l.corp.ask(t, must(req.Marshal())(t))
		var part messages.EncKDCRepPart
		if err := part.Unmarshal(must(crypto.DecryptEncPart(reply.EncPart, user.key, usageTGSReply))(t)); err != nil {
			t.Fatal(err)
		}
		x := a.accept(t, user, reply.Ticket, part.Key)
		if x.err != nil {
			t.Fatal(x.err)
		}
		if got := x.peer.Indicators; !slices.Equal(got, row.want) {
			t.Errorf("%s: alice has the indicators %q, want %q", name, got, row.want)
		}
	}
}

// serviceKey returns a key of a service.
func (f *forest) serviceKey(t testing.TB, service string, e keytab.EType) types.EncryptionKey {
	t.Helper()
	table := must(must(keytab.OpenFile(f.keytab(service)))(t).Table(t.Context()))(t)
	for entry := range table.All() {
		if entry.Key.EType() == e {
			return types.EncryptionKey{KeyType: int32(e), KeyValue: entry.Key.Bytes()}
		}
	}
	t.Fatalf("%s has no key of type %v", service, e)
	return types.EncryptionKey{}
}

// Key usages without a subkey (RFC 4120, Section 7.5.1).
const (
	usageTGSData  = 4
	usageTGSReply = 8
)
