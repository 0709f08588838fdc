package sspi_test

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket/pac"
)

// pacModes are the columns of the table of PACPolicy.
var pacModes = []sspi.PACMode{sspi.PACUse, sspi.PACRequire, sspi.PACIgnore}

// policyTable returns the table in the documentation of PACPolicy: for each kind of PAC the
// outcomes by column.
func policyTable(t *testing.T) map[string][3]string {
	t.Helper()
	source, err := os.ReadFile("pac.go")
	if err != nil {
		t.Fatal(err)
	}
	const first = "//\tthe ticket's PAC"
	_, rest, found := strings.Cut(string(source), first)
	if !found {
		t.Fatal("pac.go has no table")
	}
	head, rest, _ := strings.Cut(first+rest, "\n")
	var columns [4]int // where each column begins
	for i, name := range []string{"PACUse", "PACRequire", "PACIgnore"} {
		columns[i+1] = strings.Index(head, name)
	}
	cut := func(line string, from, to int) string {
		return strings.TrimSpace(line[min(from, len(line)):min(to, len(line))])
	}
	table := make(map[string][3]string)
	kind, outcomes := "", [3]string{}
	for line := range strings.Lines(rest) {
		if !strings.HasPrefix(line, "//\t") {
			break
		}
		if continued := strings.HasPrefix(line, "//\t  ") || cut(line, 3, columns[1]) == ""; !continued {
			table[kind] = outcomes
			kind, outcomes = "", [3]string{}
		}
		kind = strings.TrimSpace(kind + " " + cut(line, 3, columns[1]))
		for i := range outcomes {
			end := len(line)
			if i < 2 {
				end = columns[i+2]
			}
			outcomes[i] = strings.TrimSpace(outcomes[i] + " " + cut(line, columns[i+1], end))
		}
	}
	table[kind] = outcomes
	delete(table, "")
	return table
}

// A pacKind is a row of the table: tickets with PACs of this kind.
type pacKind map[string]func(t *krbtest.Ticket)

// alicePAC returns the PAC of alice, an account of the service's domain.
func alicePAC() *krbtest.PAC {
	return accountPAC(domainSID, "CORP", "EXAMPLE.COM", "alice", "1000")
}

// changed returns a function that gives a ticket the PAC of alice after a change.
func changed(change func(*krbtest.PAC)) func(*krbtest.Ticket) {
	return func(t *krbtest.Ticket) {
		t.PAC = alicePAC()
		change(t.PAC)
	}
}

// replaced returns a change that replaces the buffers of a type; nil removes them.
func replaced(bufferType uint32, data []byte) func(*krbtest.PAC) {
	return func(p *krbtest.PAC) {
		p.Edit = func(all []krbtest.PACBuffer) []krbtest.PACBuffer {
			if data == nil {
				return slices.DeleteFunc(all, func(b krbtest.PACBuffer) bool { return b.Type == bufferType })
			}
			for i := range all {
				if all[i].Type == bufferType {
					all[i].Data = bytes.Clone(data)
				}
			}
			return all
		}
	}
}

// tampered returns a change of the signed PAC.
func tampered(change func([]byte) []byte) func(*krbtest.PAC) {
	return func(p *krbtest.PAC) { p.Tamper = change }
}

// pacKinds are the rows of the table of PACPolicy. The typed name is typed, the account alice.
func pacKinds() map[string]pacKind {
	return map[string]pacKind{
		"absent": {"no authorization data": func(t *krbtest.Ticket) { t.PAC = nil }},
		"signature, container or CLIENT_INFO is wrong": {
			"signature of another key":  changed(func(p *krbtest.PAC) { p.Key = types.EncryptionKey{KeyType: 18, KeyValue: make([]byte, 32)} }),
			"signature removed":         changed(replaced(krbtest.PACServerSignature, nil)),
			"signature of the KDC gone": changed(replaced(krbtest.PACKDCSignature, nil)),
			"signature without a key":   changed(replaced(krbtest.PACServerSignature, append([]byte{1, 0, 0, 0}, make([]byte, 4)...))),
			"an account changed": changed(tampered(func(b []byte) []byte {
				return bytes.Replace(b, []byte("a\x00l\x00i\x00c\x00e"), []byte("b\x00l\x00i\x00c\x00e"), 1)
			})),
			"version 1": changed(tampered(func(b []byte) []byte { b[4] = 1; return b })),
			"empty":     changed(tampered(func([]byte) []byte { return nil })),
			"cut":       changed(tampered(func(b []byte) []byte { return b[:len(b)-1] })),
			"one buffer twice": changed(func(p *krbtest.PAC) {
				p.Edit = func(all []krbtest.PACBuffer) []krbtest.PACBuffer { return append(all, all[0]) }
			}),
			"no CLIENT_INFO":          changed(replaced(krbtest.PACClientInfo, nil)),
			"CLIENT_INFO of a minute": changed(replaced(krbtest.PACClientInfo, []byte("\x00\x00\x00\x00\x00\x00\x00\x00\x0a\x00t\x00y\x00p\x00e\x00d\x00"))),
			"CLIENT_INFO of another": func(t *krbtest.Ticket) {
				other := *t
				other.Part.CName.NameString = []string{"other"}
				changed(func(*krbtest.PAC) {})(&other)
				t.Part.AuthorizationData = append(t.Part.AuthorizationData, krbtest.IfRelevant(planted(other.PACBytes())))
			},
		},
		"two PACs": {"the same twice": func(t *krbtest.Ticket) {
			changed(func(*krbtest.PAC) {})(t)
			t.Part.AuthorizationData = append(t.Part.AuthorizationData, krbtest.IfRelevant(planted(t.PACBytes())))
		}},
		"buffers disagree about the account": {
			"SID of UPN_DNS_INFO":  changed(func(p *krbtest.PAC) { p.UPN.SID = inDomain(domainSID, "500") }),
			"name of UPN_DNS_INFO": changed(func(p *krbtest.PAC) { p.UPN.SAMName = "bob" }),
			"requestor":            changed(func(p *krbtest.PAC) { p.Requestor = inDomain(domainSID, "500") }),
		},
		"an account of no domain, or of another realm's domain": {
			"of another realm's": func(t *krbtest.Ticket) { t.PAC = accountPAC(partnerSID, "PARTNER", "PARTNER.EXAMPLE", "alice", "1000") },
			"of BUILTIN": changed(func(p *krbtest.PAC) {
				p.Logon.DomainSID, p.UPN = pac.MustParseSID("S-1-5-32"), nil
				p.Logon.UserSID, p.Logon.PrimaryGroup = inDomain(p.Logon.DomainSID, "544"), pac.SID{}
			}),
		},
		"LOGON_INFO absent": {
			"MIT's":           func(t *krbtest.Ticket) { t.PAC = new(krbtest.PAC) },
			"MIT's of a TGT":  func(t *krbtest.Ticket) { t.PAC = &krbtest.PAC{Attributes: 1} },
			"others are left": changed(replaced(krbtest.PACLogonInfo, nil)),
		},
		"LOGON_INFO does not decode": {
			"empty":   changed(replaced(krbtest.PACLogonInfo, []byte{})),
			"garbage": changed(replaced(krbtest.PACLogonInfo, []byte("garbage, and more garbage"))),
			"no name": changed(func(p *krbtest.PAC) { p.Logon.AccountName = "" }),
		},
		"another buffer does not decode": {
			"claims":       changed(func(p *krbtest.PAC) { addClaimsValid(p); replaced(krbtest.PACClientClaims, []byte("garbage"))(p) }),
			"UPN_DNS_INFO": changed(replaced(krbtest.PACUPNDNSInfo, []byte("garbage"))),
		},
		"complete": {
			"alice": changed(func(*krbtest.PAC) {}),
			"with claims": changed(func(p *krbtest.PAC) {
				addClaimsValid(p)
				p.ClientClaims = []pac.Claim{{ID: "x", Source: 1, Type: pac.CLAIM_TYPE_BOOLEAN, Bools: []bool{true}}}
			}),
		},
	}
}

// planted returns the authorization data of a PAC.
func planted(raw []byte) types.AuthorizationDataEntry {
	return types.AuthorizationDataEntry{ADType: 128, ADData: raw}
}

func addClaimsValid(p *krbtest.PAC) {
	p.Logon.ExtraSIDs = append(p.Logon.ExtraSIDs, pac.Group{SID: pac.ClaimsValid, Attributes: enabledGroup})
}

// policies returns policies in which mode is that of EXAMPLE.COM: by default, or as an
// exception from another default. Modes of other realms decide nothing.
func policies(mode sspi.PACMode, lax bool) map[string]sspi.PACPolicy {
	sids := map[string]pac.SID{"EXAMPLE.COM": domainSID, "PARTNER.EXAMPLE": partnerSID}
	other := (mode + 1) % 3
	return map[string]sspi.PACPolicy{
		"default":   {Mode: mode, Lax: lax, DomainSIDs: sids, Realms: map[string]sspi.PACMode{"PARTNER.EXAMPLE": other, "example.com": other}},
		"exception": {Mode: other, Lax: lax, DomainSIDs: sids, Realms: map[string]sspi.PACMode{"EXAMPLE.COM": mode, "X": other}},
	}
}

// TestPACPolicy_Table checks every row of the table in the documentation of PACPolicy with
// every mode, strict and lax, with the realm declared to issue no PACs and not.
func TestPACPolicy_Table(t *testing.T) {
	table, kinds := policyTable(t), pacKinds()
	if len(table) != len(kinds) {
		t.Errorf("the table has %d rows, the test %d", len(table), len(kinds))
	}
	for kind, samples := range kinds {
		outcomes, ok := table[kind]
		if !ok {
			t.Errorf("the table has no row %q", kind)
		}
		for column, mode := range pacModes {
			for name, change := range samples {
				for _, lax := range []bool{false, true} {
					for which, p := range policies(mode, lax) {
						c := policyCase{t: t, text: strings.Join([]string{kind, name, which, outcomes[column]}, ", "), change: change, policy: p}
						c.check(outcomes[column])
					}
				}
			}
		}
	}
}

// A policyCase is a login with a ticket under a policy.
type policyCase struct {
	t      *testing.T
	text   string
	change func(*krbtest.Ticket)
	policy sspi.PACPolicy
}

// login gives the ticket to a new acceptor.
func (c *policyCase) login() (*site, *sspi.Peer, error) {
	s := newSite(c.t, policy(c.policy))
	ticket := s.realm.Ticket("typed", service)
	c.change(ticket)
	_, peer, err := s.acceptor.NewContext(sspi.ContextConfig{}).Accept(c.t.Context(), ticket.APReq().Token())
	return s, peer, err
}

// check compares the outcome with the words of the table.
func (c *policyCase) check(outcome string) {
	c.t.Helper()
	strict, unlessLax := strings.CutSuffix(outcome, ", unless Lax")
	if unlessLax && c.policy.Lax {
		strict = "account"
	}
	if strict == "refused" {
		c.refused()
		c.declare(c.refused)
		return
	}
	_, peer, err := c.login()
	if err != nil {
		c.t.Errorf("%s: %v", c.text, err)
		return
	}
	user, _ := peer.User("EXAMPLE.COM")
	want := map[string]struct {
		user, declared string
		account, token bool
	}{
		"no account":                     {"", "typed", false, false},
		"principal's name":               {"typed", "typed", false, true},
		"no user name":                   {"", "", false, true},
		"account":                        {"alice", "alice", true, true},
		"an error in place of its facts": {"alice", "alice", true, true},
	}
	w, ok := want[strict]
	if !ok {
		c.t.Fatalf("%s: the test does not know this outcome", c.text)
	}
	if user != w.user || (peer.Account != nil) != w.account || (peer.AccessToken != nil) != w.token || (peer.AccessToken.Err() == nil) != w.account {
		c.t.Errorf("%s: user %q, %+v, %v", c.text, user, peer.Account, peer.AccessToken.Err())
	}
	c.declare(func() {
		_, peer, err := c.login()
		if err != nil {
			c.t.Errorf("%s, declared: %v", c.text, err)
			return
		}
		if user, _ := peer.User("EXAMPLE.COM"); user != w.declared {
			c.t.Errorf("%s, declared: user %q", c.text, user)
		}
	})
	if strict == "an error in place of its facts" {
		_, claims := peer.AccessToken.UserClaims()
		_, upn := peer.AccessToken.PAC().UPNDNSInfo()
		if (claims == nil) == (upn == nil) {
			c.t.Errorf("%s: claims %v, UPN %v", c.text, claims, upn)
		}
	}
}

// declare calls f with the realm declared to issue no PACs, unless the policy requires them.
func (c *policyCase) declare(f func()) {
	old, mode := c.policy, c.policy.Mode
	if m, ok := c.policy.Realms["EXAMPLE.COM"]; ok {
		mode = m
	}
	if mode != sspi.PACRequire {
		c.policy.RealmsWithoutPAC = []string{"EXAMPLE.COM"}
		f()
	}
	c.policy = old
}

// refused checks that the acceptor refuses the ticket because of its PAC, and does not store
// the client's authenticator.
func (c *policyCase) refused() {
	c.t.Helper()
	s, peer, err := c.login()
	if r := status.ReasonOf(err); peer != nil || r != status.ReasonPACBad && r != status.ReasonPACRequired {
		c.t.Errorf("%s: %+v, %v", c.text, peer, err)
	}
	if n := s.replay.stores.Load(); n != 0 {
		c.t.Errorf("%s: %d authenticators stored", c.text, n)
	}
}
