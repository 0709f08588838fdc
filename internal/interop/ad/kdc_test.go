package ad

import (
	"cmp"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/internal/interop/program"
)

// grantingTicket is a ticket-granting ticket, and its session key.
type grantingTicket struct {
	ticket messages.Ticket
	key    types.EncryptionKey
	client types.PrincipalName
	realm  string
}

// grantingTicket reads the ticket-granting ticket of a login, for its own realm or for the
// realm that is named.
func (s *session) grantingTicket(t testing.TB, realm string) grantingTicket {
	t.Helper()
	cache, err := credentials.LoadCCache(s.cache)
	if err != nil {
		t.Fatal(err)
	}
	own := cache.GetClientRealm()
	entry, found := cache.GetEntry(types.NewPrincipalName(2, "krbtgt/"+cmp.Or(realm, own)))
	if !found {
		t.Fatalf("%s has no ticket-granting ticket for %q", s.cache, realm)
	}
	tgt := grantingTicket{key: entry.Key, client: cache.GetClientPrincipalName(), realm: own}
	if err := tgt.ticket.Unmarshal(entry.Ticket); err != nil {
		t.Fatal(err)
	}
	return tgt
}

// proof makes an AP-REQ with the ticket. sum, if it is not nil, is the data of its checksum.
// usage is the key usage of the authenticator.
func (g *grantingTicket) proof(t testing.TB, sum []byte, usage uint32) (apReq []byte, subkey types.EncryptionKey) {
	t.Helper()
	etype := must(crypto.GetEtype(g.key.KeyType))(t)
	auth := must(types.NewAuthenticator(g.realm, g.client))(t)
	if err := auth.GenerateSeqNumberAndSubKey(etype.GetETypeID(), etype.GetKeyByteSize()); err != nil {
		t.Fatal(err)
	}
	if sum != nil {
		auth.Cksum = types.Checksum{CksumType: etype.GetHashID(), Checksum: must(etype.GetChecksumHash(g.key.KeyValue, sum, usageTGSBody))(t)}
	}
	m := must(messages.NewAPReq(g.ticket, g.key, auth))(t)
	m.EncryptedAuthenticator = must(crypto.GetEncryptedData(must(auth.Marshal())(t), g.key, usage, 0))(t)
	return must(m.Marshal())(t), auth.SubKey
}

// Key usages of RFC 4120, Section 7.5.1, and of RFC 6113, Appendix A.
const (
	usageTGSBody        = 6
	usageTGSProof       = 7
	usageTGSReplySubkey = 9
	usageProof          = 11
	usageFASTSum        = 50
	usageFASTRequest    = 51
	usageFASTReply      = 52
)

// newRequest makes a TGS-REQ for a service of a realm, without padata.
func newRequest(t testing.TB, g grantingTicket, realm, service string) messages.TGSReq {
	t.Helper()
	req := must(messages.NewTGSReq(g.client, realm, config.New(), g.ticket, g.key, types.NewPrincipalName(2, service), false))(t)
	req.PAData = nil
	return req
}

// ask sends a request to the KDC by TCP.
func (f *forest) ask(t testing.TB, request []byte) messages.TGSRep {
	t.Helper()
	conn, err := net.DialTimeout("tcp", f.kdcAddress(), program.Patience)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(program.Patience))
	if _, err := conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(request))), request...)); err != nil {
		t.Fatal(err)
	}
	var n [4]byte
	if _, err := io.ReadFull(conn, n[:]); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, binary.BigEndian.Uint32(n[:]))
	if _, err := io.ReadFull(conn, answer); err != nil {
		t.Fatal(err)
	}
	var reply messages.TGSRep
	if err := reply.Unmarshal(answer); err != nil {
		var refused messages.KRBError
		if refused.Unmarshal(answer) == nil {
			t.Fatalf("the KDC answers %v", refused)
		}
		t.Fatal(err)
	}
	return reply
}

// replyKey opens a reply, and returns the session key of its ticket.
func replyKey(t testing.TB, reply *messages.TGSRep, key types.EncryptionKey) types.EncryptionKey {
	t.Helper()
	var part messages.EncKDCRepPart
	if err := part.Unmarshal(must(crypto.DecryptEncPart(reply.EncPart, key, usageTGSReplySubkey))(t)); err != nil {
		t.Fatal(err)
	}
	return part.Key
}

// must returns a function that returns v, or fails the test.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
