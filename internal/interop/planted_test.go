package interop

import (
	"bytes"
	"cmp"
	"context"
	"encoding/asn1"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	goasn1 "github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	gokeytab "github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket/pac"
)

// Types of authorization data (RFC 4120, Section 7.5.4), and key usages of a TGS-REQ (Section
// 7.5.1).
const (
	adIfRelevant = 1
	adKDCIssued  = 4
	adAndOr      = 5
	adWin2kPAC   = 128

	usageTGSAuthData = 4
	usageTGSChecksum = 6
)

// planter is an ordinary client that asks the KDC to put authorization data into its tickets.
type planter struct {
	login   *client.Client
	tgt     messages.Ticket
	key     types.EncryptionKey
	started time.Time // the authentication time of its tickets
}

func newPlanter(t testing.TB, r *realm) *planter {
	t.Helper()
	cache, err := credentials.LoadCCache(r.login(t).cache)
	if err != nil {
		t.Fatal(err)
	}
	held, found := cache.GetEntry(types.NewPrincipalName(nametype.KRB_NT_SRV_INST, "krbtgt/"+realmName))
	if !found {
		t.Fatal("no ticket-granting ticket in the cache")
	}
	p := &planter{login: gokrb5Login(t, r), key: held.Key, started: held.AuthTime}
	if err := p.tgt.Unmarshal(held.Ticket); err != nil {
		t.Fatal(err)
	}
	return p
}

// entry makes an element of authorization data.
func entry(adType int32, data []byte) types.AuthorizationDataEntry {
	return types.AuthorizationDataEntry{ADType: adType, ADData: data}
}

// der encodes elements of authorization data.
func der(t testing.TB, entries ...types.AuthorizationDataEntry) []byte {
	t.Helper()
	b, err := goasn1.Marshal(types.AuthorizationData(entries))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// ticket requests a ticket for a service, whose enc-authorization-data (RFC 4120, Section
// 5.4.1) has these elements.
func (p *planter) ticket(t testing.TB, svc *service, planted ...types.AuthorizationDataEntry) *gokrb5Peer {
	t.Helper()
	name := types.NewPrincipalName(nametype.KRB_NT_SRV_HST, svc.principal())
	cname := types.NewPrincipalName(nametype.KRB_NT_PRINCIPAL, user)
	req, err := messages.NewTGSReq(cname, realmName, p.login.Config, p.tgt, p.key, name, false)
	if err != nil {
		t.Fatal(err)
	}
	if len(planted) > 0 {
		if req.ReqBody.EncAuthData, err = crypto.GetEncryptedData(der(t, planted...), p.key, usageTGSAuthData, 0); err != nil {
			t.Fatal(err)
		}
	}
	req.PAData[0].PADataValue = p.proof(t, &req, cname)
	_, rep, err := p.login.TGSExchange(req, realmName, p.tgt, p.key, 0)
	if err != nil {
		t.Fatal(err)
	}
	return &gokrb5Peer{client: p.login, ticket: rep.Ticket, session: rep.DecryptedEncPart.Key}
}

// proof makes the AP-REQ of a TGS-REQ, whose checksum is that of the body.
func (p *planter) proof(t testing.TB, req *messages.TGSReq, cname types.PrincipalName) []byte {
	t.Helper()
	body, err := req.ReqBody.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	etype, err := crypto.GetEtype(p.key.KeyType)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := etype.GetChecksumHash(p.key.KeyValue, body, usageTGSChecksum)
	if err != nil {
		t.Fatal(err)
	}
	auth, err := types.NewAuthenticator(realmName, cname)
	if err != nil {
		t.Fatal(err)
	}
	auth.Cksum = types.Checksum{CksumType: etype.GetHashID(), Checksum: sum}
	apReq, err := messages.NewAPReq(p.tgt, p.key, auth)
	if err != nil {
		t.Fatal(err)
	}
	b, err := apReq.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// forged makes a PAC as a client can: it has the account of the administrator of a domain,
// CLIENT_INFO fits the client's ticket, and its signatures have the right types and are made
// with a key that the client knows.
func (p *planter) forged(key types.EncryptionKey) []byte {
	domain := pac.MustParseSID("S-1-5-21-1001-1002-1003")
	admins := pac.Group{SID: pac.MustParseSID(domain.String() + "-512"), Attributes: pac.SE_GROUP_MANDATORY | pac.SE_GROUP_ENABLED_BY_DEFAULT | pac.SE_GROUP_ENABLED}
	account := pac.MustParseSID(domain.String() + "-500")
	tkt := krbtest.NewRealm(realmName).Ticket(user, "host/localhost")
	tkt.Part.AuthTime = p.started
	tkt.PAC = &krbtest.PAC{
		Key: key,
		Logon: &pac.LogonInfo{
			AccountName: "administrator", LogonDomain: "INTEROP", UserSID: account, DomainSID: domain,
			PrimaryGroup: admins.SID, Groups: []pac.Group{admins}, UserFlags: pac.LOGON_EXTRA_SIDS,
		},
		UPN: &pac.UPNDNSInfo{UPN: "administrator@interop.test", DNSDomain: realmName, SAMName: "administrator", SID: account},
	}
	return innerPAC(tkt.AuthorizationData())
}

// innerPAC returns the PAC in an AD-IF-RELEVANT.
func innerPAC(data types.AuthorizationData) []byte {
	for _, outer := range data {
		var inner types.AuthorizationData
		if outer.ADType == adIfRelevant && inner.Unmarshal(outer.ADData) == nil {
			for _, e := range inner {
				if e.ADType == adWin2kPAC {
					return e.ADData
				}
			}
		}
	}
	return nil
}

// ber encodes elements of authorization data in a SEQUENCE of indefinite length.
func ber(t testing.TB, entries ...types.AuthorizationDataEntry) []byte {
	t.Helper()
	var content asn1.RawValue
	if _, err := asn1.Unmarshal(der(t, entries...), &content); err != nil {
		t.Fatal(err)
	}
	return slices.Concat([]byte{0x30, 0x80}, content.Bytes, []byte{0, 0})
}

// A shape is a form in which a client plants a PAC.
type shape struct {
	planted []types.AuthorizationDataEntry
	kept    bool          // MIT's KDC leaves the PAC in the ticket
	refused status.Reason // by the acceptor
}

// shapes returns the shapes by name. MIT's KDC looks for a PAC in the DER of one AD-IF-RELEVANT,
// and removes it.
func shapes(t testing.TB, forged []byte) map[string]shape {
	t.Helper()
	element := entry(adWin2kPAC, forged)
	plain := der(t, element)
	inside := func(b []byte) types.AuthorizationDataEntry { return entry(adIfRelevant, b) }
	empty, garbage := inside([]byte{0x30, 0}), inside([]byte("\x30\x84\xff\xff\xff\xffgarbage"))
	nested, indefinite := inside(der(t, inside(plain))), inside(ber(t, element))
	list := func(e ...types.AuthorizationDataEntry) []types.AuthorizationDataEntry { return e }
	return map[string]shape{
		"nothing":            {},
		"empty":              {planted: list(empty)},
		"garbage":            {planted: list(garbage)},
		"plain":              {planted: list(inside(plain))},
		"outside":            {planted: list(element)},
		"a trailing byte":    {planted: list(inside(append(slices.Clone(plain), 0)))},
		"in AD-KDC-ISSUED":   {planted: list(entry(adKDCIssued, plain))},
		"nested":             {planted: list(nested), kept: true},
		"BER":                {planted: list(indefinite), kept: true},
		"nested, BER":        {planted: list(inside(ber(t, indefinite))), kept: true},
		"all of these":       {planted: list(empty, garbage, nested, indefinite), kept: true},
		"in AD-AND-OR":       {planted: list(entry(adAndOr, plain)), kept: true, refused: status.ReasonAuthorizationData},
		"in AD-AND-OR, BER":  {planted: list(inside(ber(t, entry(adAndOr, plain)))), kept: true},
		"nested, then plain": {planted: list(nested, inside(plain)), kept: true},
	}
}

// TestInteropPlanted checks a client of MIT's KDC that plants a PAC of the administrator into
// its own tickets. The acceptor believes the KDC's PAC, which has no account, or refuses the
// client. A service whose tickets have no PAC of the KDC does not believe the planted PAC
// either.
func TestInteropPlanted(t *testing.T) {
	onlyMIT(t, "its filter of authorization data")
	r := theRealm(t)
	t.Parallel()
	p := newPlanter(t, r)
	withPAC, withoutPAC := r.service(t, unique("planted"), 18, 18), r.service(t, unique("planted"), 18, 18)
	r.admins(t, "modprinc", "+no_auth_data_required", withoutPAC.principal())
	long := krbtest.PasswordKey(keytab.MustParsePrincipal(user+"@"+realmName), password, keytab.AES256_CTS_HMAC_SHA1_96)
	for keyName, key := range map[string]types.EncryptionKey{"session key": p.key, "long-term key": long} {
		forged := p.forged(key)
		for name, x := range shapes(t, forged) {
			for _, svc := range []*service{withPAC, withoutPAC} {
				t.Run(fmt.Sprintf("%s, %s, KDC's PAC %v", name, keyName, svc == withPAC), func(t *testing.T) {
					peer := p.ticket(t, svc, x.planted...)
					file := filepath.Join(t.TempDir(), "keytab")
					svc.keytab(t, file)
					sealed := inTicket(t, peer.ticket, file)
					t.Logf("the KDC's ticket has%s", elements(sealed, 3))
					if own := innerPAC(sealed); (own != nil) != (svc == withPAC) || bytes.Equal(own, forged) {
						t.Errorf("the KDC's PAC: %x", own)
					}
					if kept := bytes.Contains(der(t, sealed...), forged); kept != x.kept {
						t.Errorf("the ticket has the planted PAC: %v, want %v", kept, x.kept)
					}
					checkPlanted(t, peer, file, svc == withPAC, x.refused)
				})
			}
		}
	}
}

// inTicket returns the authorization data in a ticket, as gokrb5 decrypts it.
func inTicket(t testing.TB, tkt messages.Ticket, keytabFile string) types.AuthorizationData {
	t.Helper()
	keys, err := gokeytab.Load(keytabFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := tkt.DecryptEncPart(keys, nil); err != nil {
		t.Fatal(err)
	}
	return tkt.DecryptedEncPart.AuthorizationData
}

// elements returns the types and lengths of elements, in AD-IF-RELEVANT to a depth.
func elements(data types.AuthorizationData, depth int) string {
	text := ""
	for _, e := range data {
		text += fmt.Sprintf(" %d(%d bytes", e.ADType, len(e.ADData))
		var inner types.AuthorizationData
		if e.ADType == adIfRelevant && depth > 0 && inner.Unmarshal(e.ADData) == nil {
			text += ":" + elements(inner, depth-1)
		}
		text += ")"
	}
	return text
}

// checkPlanted gives the ticket to an acceptor. Its client has no account, and the name of its
// principal only if the ticket has a PAC of the KDC.
func checkPlanted(t *testing.T, peer *gokrb5Peer, keytabFile string, hasPAC bool, refused status.Reason) {
	t.Helper()
	keys, err := keytab.OpenFile(keytabFile)
	if err != nil {
		t.Fatal(err)
	}
	for mode, want := range map[sspi.PACMode]status.Reason{
		sspi.PACUse: refused, sspi.PACRequire: cmp.Or(refused, status.ReasonPACRequired),
	} {
		a, err := sspi.NewAcceptor(sspi.Config{Keys: keys, PAC: sspi.PACPolicy{Mode: mode}})
		if err != nil {
			t.Fatal(err)
		}
		tok := peer.first(t, gssMutual|gssProtect)
		_, who, err := a.NewContext(sspi.ContextConfig{}).Accept(context.Background(), gokrb5Token(t, &tok))
		if status.ReasonOf(err) != want {
			t.Errorf("mode %d: %v, want %v", mode, err, want)
		}
		if err != nil {
			continue
		}
		if who.Account != nil || who.AccessToken.Err() == nil || (who.AccessToken != nil) != hasPAC {
			t.Errorf("mode %d: account %v, %v, token %v", mode, who.Account, who.AccessToken.Err(), who.AccessToken != nil)
		}
		name, err := who.User(realmName)
		if hasPAC && (name != user || err != nil) || !hasPAC && status.ReasonOf(err) != status.ReasonNotAuthorized {
			t.Errorf("mode %d: user %q, %v", mode, name, err)
		}
	}
}
