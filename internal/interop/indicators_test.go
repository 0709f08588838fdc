package interop

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/crypto"
	gokeytab "github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
)

// strongRealm returns a realm whose KDC gives an indicator to users who log in with SPAKE, alice
// among them. bob logs in without preauthentication, and has no indicator.
func strongRealm(t *testing.T, indicator string) *realm {
	t.Helper()
	require(t)
	r, err := newRealm(t.TempDir(), " spake_preauth_groups = edwards25519\n[realms]\n "+realmName+
		" = {\n  spake_preauth_indicator = "+indicator+"\n }\n[libdefaults]\n")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.close)
	r.admins(t, "modprinc", "+requires_preauth", user)
	r.admins(t, "addprinc", "-pw", password, "bob")
	return r
}

// loginAs is login for another user.
func (r *realm) loginAs(t *testing.T, name string) *session {
	t.Helper()
	s := &session{realm: r, cache: filepath.Join(t.TempDir(), "ccache")}
	if res := run(t, s.env(), password+"\n", "kinit", name); res.code != 0 {
		t.Fatalf("kinit: exit %d\n%s", res.code, res.out)
	}
	return s
}

// TestInteropIndicators checks the indicators that MIT's KDC issues, and that the KDC refuses
// a user without the indicators that the service requires.
func TestInteropIndicators(t *testing.T) {
	onlyMIT(t, "the KDC of sspitest issues no indicators")
	r := strongRealm(t, "spake")
	strong, weak := r.login(t), r.loginAs(t, "bob")
	for _, etype := range []int{17, 18, 19, 20} {
		svc := r.service(t, unique("ind"), etype, 18)
		for who, row := range map[*session][]string{strong: {"spake"}, weak: nil} {
			who.fetch(t, svc)
			if got := who.peer(t, svc).Indicators; !slices.Equal(got, row) {
				t.Errorf("%s: the indicators are %q, want %q", etypes[etype], got, row)
			}
		}
	}
	svc := r.service(t, unique("ind"), 18, 18)
	r.admins(t, "setstr", svc.principal(), "require_auth", "spake")
	strong.fetch(t, svc)
	refused := func(s *session, svc *service) {
		t.Helper()
		if res := run(t, s.env(), "", "kvno", svc.full()); res.code == 0 || !strings.Contains(res.out, "policy") {
			t.Errorf("kvno: exit %d\n%s", res.code, res.out)
		}
	}
	refused(weak, svc)
	svc = r.service(t, unique("ind"), 18, 18)
	r.admins(t, "setstr", svc.principal(), "require_auth", "hardware")
	refused(strong, svc)
}

// peer logs in at the service with the ticket in the cache.
func (s *session) peer(t *testing.T, svc *service) *sspi.Peer {
	t.Helper()
	cache, err := credentials.LoadCCache(s.cache)
	if err != nil {
		t.Fatal(err)
	}
	entry, ok := cache.GetEntry(types.NewPrincipalName(1, svc.principal()))
	if !ok {
		t.Fatalf("there is no ticket for %s", svc.principal())
	}
	var tkt messages.Ticket
	if err := tkt.Unmarshal(entry.Ticket); err != nil {
		t.Fatal(err)
	}
	return s.presents(t, svc, tkt, entry.Key)
}

// presents logs in at the service with a ticket.
func (s *session) presents(t *testing.T, svc *service, tkt messages.Ticket, key types.EncryptionKey) *sspi.Peer {
	t.Helper()
	cache, err := credentials.LoadCCache(s.cache)
	if err != nil {
		t.Fatal(err)
	}
	cl, err := client.NewFromCCache(cache, config.New())
	if err != nil {
		t.Fatal(err)
	}
	acceptor := gokrb5Acceptor(t, svc, nil) // before the client's time stamp
	p := &gokrb5Peer{client: cl, ticket: tkt, session: key}
	tok := p.first(t, gssProtect)
	c := acceptor.NewContext(sspi.ContextConfig{})
	defer c.Close()
	_, who, err := c.Accept(context.Background(), gokrb5Token(t, &tok))
	if err != nil {
		t.Fatal(err)
	}
	return who
}

// TestInteropIndicators_Planted copies the CAMMAC of alice's ticket, which only the service
// can read, into the authorization data of a request of bob. The KDC must not issue a ticket
// with which the acceptor gives bob the indicator.
func TestInteropIndicators_Planted(t *testing.T) {
	onlyMIT(t, "the KDC of sspitest issues no indicators")
	r := strongRealm(t, "spake")
	strong, weak := r.login(t), r.loginAs(t, "bob")
	svc := r.service(t, unique("ind"), 18, 18)
	strong.fetch(t, svc)
	copied := strong.cammac(t, svc)
	wrap := krbtest.IfRelevant
	in := func(container int32, list ...types.AuthorizationDataEntry) types.AuthorizationDataEntry {
		return types.AuthorizationDataEntry{ADType: container, ADData: wrap(list...).ADData}
	}
	filler := types.AuthorizationDataEntry{ADType: 4711, ADData: []byte("x")}
	for name, data := range map[string]types.AuthorizationData{
		"outside AD-IF-RELEVANT":          {copied},
		"in AD-IF-RELEVANT":               {wrap(copied)},
		"behind another":                  {wrap(filler, copied)},
		"before another":                  {wrap(copied, filler)},
		"in a second AD-IF-RELEVANT":      {wrap(filler), wrap(copied)},
		"two levels deep":                 {wrap(wrap(copied))},
		"two levels deep, behind another": {wrap(filler, wrap(copied))},
		"in AD-KDCIssued":                 {wrap(in(4, copied))},
		"in AD-AND-OR":                    {wrap(in(5, copied))},
		"in AD-MANDATORY-FOR-KDC":         {in(8, copied)},
	} {
		reply, key := weak.request(t, svc, data)
		if reply == nil {
			t.Logf("%s: the KDC refuses", name)
			continue
		}
		if got := weak.presents(t, svc, *reply, key).Indicators; got != nil {
			t.Errorf("%s: bob has the indicators %q", name, got)
		} else {
			t.Logf("%s: bob has no indicators", name)
		}
	}
	// The KDC passes on authorization data of types that it does not know, and a CAMMAC that
	// is two levels deep: the acceptor alone refuses that copy.
	for _, sent := range []types.AuthorizationDataEntry{wrap(filler), wrap(wrap(copied))} {
		reply, _ := weak.request(t, svc, types.AuthorizationData{sent})
		if reply == nil || !slices.ContainsFunc(decrypted(t, svc, *reply), func(e types.AuthorizationDataEntry) bool { return string(e.ADData) == string(sent.ADData) }) {
			t.Errorf("the KDC did not copy %x into the ticket", sent.ADData)
		}
	}
}

// decrypted returns the authorization data of a ticket for the service.
func decrypted(t *testing.T, svc *service, tkt messages.Ticket) types.AuthorizationData {
	t.Helper()
	file := filepath.Join(t.TempDir(), "keytab")
	svc.keytab(t, file)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	keys := gokeytab.New()
	if err := keys.Unmarshal(b); err != nil {
		t.Fatal(err)
	}
	if err := tkt.DecryptEncPart(keys, nil); err != nil {
		t.Fatal(err)
	}
	return tkt.DecryptedEncPart.AuthorizationData
}

// cammac returns the CAMMAC of the ticket in the cache.
func (s *session) cammac(t *testing.T, svc *service) types.AuthorizationDataEntry {
	t.Helper()
	cache, err := credentials.LoadCCache(s.cache)
	if err != nil {
		t.Fatal(err)
	}
	entry, _ := cache.GetEntry(types.NewPrincipalName(1, svc.principal()))
	var tkt messages.Ticket
	if err := tkt.Unmarshal(entry.Ticket); err != nil {
		t.Fatal(err)
	}
	for _, outer := range decrypted(t, svc, tkt) {
		var inner types.AuthorizationData
		if outer.ADType != 1 || inner.Unmarshal(outer.ADData) != nil {
			continue
		}
		for _, e := range inner {
			if e.ADType == krbtest.ADCAMMAC {
				return e
			}
		}
	}
	t.Fatal("the ticket has no CAMMAC")
	return types.AuthorizationDataEntry{}
}

// request requests a ticket for the service with authorization data. It returns nil if the
// KDC refuses.
func (s *session) request(t *testing.T, svc *service, data types.AuthorizationData) (*messages.Ticket, types.EncryptionKey) {
	t.Helper()
	cache, err := credentials.LoadCCache(s.cache)
	if err != nil {
		t.Fatal(err)
	}
	entry, _ := cache.GetEntry(types.NewPrincipalName(2, "krbtgt/"+realmName))
	var tgt messages.Ticket
	if err := tgt.Unmarshal(entry.Ticket); err != nil {
		t.Fatal(err)
	}
	const usageData, usageReply, usageBody = 4, 8, 6
	name := cache.GetClientPrincipalName()
	req, err := messages.NewTGSReq(name, realmName, config.New(), tgt, entry.Key, types.NewPrincipalName(2, svc.principal()), false)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := asn1.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	if req.ReqBody.EncAuthData, err = crypto.GetEncryptedData(plain, entry.Key, usageData, 0); err != nil {
		t.Fatal(err)
	}
	body, err := req.ReqBody.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	auth, err := types.NewAuthenticator(realmName, name)
	if err != nil {
		t.Fatal(err)
	}
	auth.Cksum = krbtest.Checksum(entry.Key, usageBody, body)
	proof, err := messages.NewAPReq(tgt, entry.Key, auth)
	if err != nil {
		t.Fatal(err)
	}
	b, err := proof.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	req.PAData = types.PADataSequence{{PADataType: 1, PADataValue: b}}
	if b, err = req.Marshal(); err != nil {
		t.Fatal(err)
	}
	var reply messages.TGSRep
	if err := reply.Unmarshal(s.realm.ask(t, b)); err != nil {
		t.Log(err)
		return nil, types.EncryptionKey{}
	}
	opened, err := crypto.DecryptEncPart(reply.EncPart, entry.Key, usageReply)
	if err != nil {
		t.Fatal(err)
	}
	var part messages.EncKDCRepPart
	if err := part.Unmarshal(opened); err != nil {
		t.Fatal(err)
	}
	return &reply.Ticket, part.Key
}

// ask sends a request to the KDC by TCP.
func (r *realm) ask(t *testing.T, request []byte) []byte {
	t.Helper()
	_, address, _ := strings.Cut(r.config, "  kdc = ")
	address, _, _ = strings.Cut(address, "\n")
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
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
	return answer
}
