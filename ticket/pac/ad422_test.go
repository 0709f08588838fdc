package pac_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/spnego"
	"github.com/gosspi/kerberos/internal/vectors"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket"
	"github.com/gosspi/kerberos/ticket/pac"
)

// expectation is a case of testdata/ad422/expect.json: the facts that Samba's NDR decoder
// finds in the PAC.
type expectation struct {
	Keytab         string       `json:"keytab"`
	Time           int64        `json:"time"`
	PAC            bool         `json:"pac"`
	Buffers        []int        `json:"pac_buffers"`
	AccountName    *string      `json:"account_name"`
	FullName       *string      `json:"full_name"`
	LogonDomain    *string      `json:"logon_domain"`
	UserSID        pac.SID      `json:"user_sid"`
	PrimaryGroup   pac.SID      `json:"primary_group_sid"`
	Groups         []group      `json:"groups"`
	ResourceGroups []group      `json:"resource_groups"`
	ExtraSIDs      []group      `json:"extra_sids"`
	UPN            *string      `json:"upn"`
	DNSDomain      *string      `json:"dns_domain"`
	SAMName        *string      `json:"sam_name"`
	UPNConstructed *bool        `json:"upn_constructed"`
	ClientClaims   *claimsFacts `json:"client_claims"`
	DeviceClaims   *claimsFacts `json:"device_claims"`
	DeviceSID      pac.SID      `json:"device_sid"`
	DeviceGroups   []pac.SID    `json:"device_groups"`
	S4U            *delegation  `json:"s4u"`
	Token          []string     `json:"samba_token_sids"`
}

type group struct {
	SID        pac.SID `json:"sid"`
	Attributes uint32  `json:"attributes"`
}

type claimsFacts struct {
	Error  string `json:"samba_error"`
	Arrays []struct {
		Source uint16 `json:"source_type"`
		Claims []struct {
			ID     string            `json:"id"`
			Type   uint16            `json:"type"`
			Values []json.RawMessage `json:"values"`
		} `json:"claims"`
	} `json:"arrays"`
}

type delegation struct {
	ProxyTarget string   `json:"proxy_target"`
	Transited   []string `json:"transited_services"`
}

func ad422(t testing.TB) map[string]expectation {
	t.Helper()
	return vectors.AD422[expectation](t)
}

// openTicket returns the content of the ticket of a captured token.
func openTicket(t testing.TB, name, keytabName string, now time.Time) *ticket.Content {
	t.Helper()
	keys, err := keytab.Parse(vectors.AD422Keytab(t, keytabName))
	if err != nil {
		t.Fatal(err)
	}
	all := []keytab.EType{17, 18, 19, 20, 23}
	opened, err := ticket.Open(bare(t, vectors.AD422Token(t, name)), &ticket.Params{Keys: keys, Now: now, Skew: 5 * time.Minute, ETypes: all})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return opened.Unproven()
}

// bare removes SPNEGO and the GSS frame.
func bare(t testing.TB, token []byte) []byte {
	t.Helper()
	if spnego.IsInit(token) {
		init, err := spnego.ParseInit(token)
		if err != nil {
			t.Fatal(err)
		}
		token = init.Token
	}
	if len(token) > 0 && token[0] == 0x6e {
		return token
	}
	framed, err := krb5.CutFrame(token)
	if err != nil {
		t.Fatal(err)
	}
	return framed.Inner
}

// refusedByVerify lists the cases whose PAC Verify refuses, with the reason.
var refusedByVerify = map[string]string{
	"edited-noclient": "the PAC has no CLIENT_INFO",
}

// conflicting lists the cases whose buffers disagree about the account.
var conflicting = map[string]bool{"edited-ridmismatch": true, "edited-namemismatch": true, "trust-filter-domain": true}

// TestPAC_7_SambaCases compares the facts of each captured PAC with those that Samba's
// decoder finds.
func TestPAC_7_SambaCases(t *testing.T) {
	compared := 0
	for _, name := range slices.Sorted(maps.Keys(ad422(t))) {
		want := ad422(t)[name]
		content := openTicket(t, name, want.Keytab, time.Unix(want.Time, 0))
		if (content.PAC != nil) != want.PAC {
			t.Errorf("%s: has a PAC: %v, want %v", name, content.PAC != nil, want.PAC)
		}
		if !want.PAC {
			continue
		}
		p, err := pac.Verify(content.PAC, pac.Ticket{Key: content.ServiceKey, Client: content.Client, AuthTime: content.AuthTime})
		if detail, refused := refusedByVerify[name]; refused {
			if err == nil || status.ReasonOf(err) != status.ReasonPACBad || !strings.Contains(err.Error(), detail) {
				t.Errorf("%s: %v, want %q", name, err, detail)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if (p.Conflict() != nil) != conflicting[name] {
			t.Errorf("%s: Conflict %v", name, p.Conflict())
		}
		compare(t, name, p, want)
		compared++
	}
	if compared != 62 {
		t.Errorf("%d PACs compared, want 62", compared)
	}
}

func compare(t *testing.T, name string, p *pac.PAC, want expectation) {
	t.Helper()
	slices.Sort(want.Buffers)
	if got := p.Buffers(); !slices.Equal(got, want.Buffers) {
		t.Errorf("%s: buffers %v, want %v", name, got, want.Buffers)
	}
	compareLogon(t, name, p, want)
	compareUPN(t, name, p, want)
	claims, err := p.ClientClaims()
	compareClaims(t, name+", client", claims, err, want.ClientClaims)
	claims, err = p.DeviceClaims()
	compareClaims(t, name+", device", claims, err, want.DeviceClaims)
	compareDevice(t, name, p, want)
	info, err := p.DelegationInfo()
	switch {
	case err != nil || (info == nil) != (want.S4U == nil):
		t.Errorf("%s: delegation %v, %v", name, info, err)
	case info != nil && (info.ProxyTarget != want.S4U.ProxyTarget || !slices.Equal(info.TransitedServices, want.S4U.Transited)):
		t.Errorf("%s: delegation %+v, want %+v", name, *info, *want.S4U)
	}
}

func compareLogon(t *testing.T, name string, p *pac.PAC, want expectation) {
	t.Helper()
	l, err := p.LogonInfo()
	if err != nil || (l == nil) != (want.AccountName == nil) {
		t.Errorf("%s: LOGON_INFO %v, %v", name, l, err)
		return
	}
	if l == nil {
		return
	}
	if l.AccountName != *want.AccountName || l.LogonDomain != *want.LogonDomain || want.FullName != nil && l.FullName != *want.FullName {
		t.Errorf("%s: account %q, %q, %q", name, l.AccountName, l.LogonDomain, l.FullName)
	}
	if l.UserSID != want.UserSID || l.PrimaryGroup != want.PrimaryGroup {
		t.Errorf("%s: user %v, primary group %v, want %v, %v", name, l.UserSID, l.PrimaryGroup, want.UserSID, want.PrimaryGroup)
	}
	for _, x := range []struct {
		kind string
		got  []pac.Group
		want []group
	}{{"groups", l.Groups, want.Groups}, {"resource groups", l.ResourceGroups, want.ResourceGroups}, {"extra SIDs", l.ExtraSIDs, want.ExtraSIDs}} {
		if !slices.EqualFunc(x.got, x.want, func(g pac.Group, w group) bool { return g.SID == w.SID && g.Attributes == w.Attributes }) {
			t.Errorf("%s: %s %v, want %v", name, x.kind, x.got, x.want)
		}
	}
}

func compareUPN(t *testing.T, name string, p *pac.PAC, want expectation) {
	t.Helper()
	u, err := p.UPNDNSInfo()
	switch {
	case err != nil || (u == nil) != (want.UPN == nil):
		t.Errorf("%s: UPN_DNS_INFO %v, %v", name, u, err)
	case u != nil && (u.UPN != *want.UPN || u.DNSDomain != *want.DNSDomain || u.SAMName != *want.SAMName || u.Constructed != *want.UPNConstructed):
		t.Errorf("%s: UPN_DNS_INFO %+v", name, *u)
	}
}

func compareDevice(t *testing.T, name string, p *pac.PAC, want expectation) {
	t.Helper()
	d, err := p.DeviceInfo()
	if err != nil || (d == nil) != want.DeviceSID.IsZero() {
		t.Errorf("%s: DEVICE_INFO %v, %v", name, d, err)
		return
	}
	if d == nil {
		return
	}
	var sids []pac.SID
	for _, g := range slices.Concat(d.Groups, d.ExtraSIDs, d.DomainGroups) {
		sids = append(sids, g.SID)
	}
	order := func(a, b pac.SID) int { return strings.Compare(a.String(), b.String()) }
	slices.SortFunc(sids, order)
	slices.SortFunc(want.DeviceGroups, order)
	if d.SID != want.DeviceSID || !slices.Equal(slices.Compact(sids), slices.Compact(want.DeviceGroups)) {
		t.Errorf("%s: device %v, groups %v, want %v, %v", name, d.SID, sids, want.DeviceSID, want.DeviceGroups)
	}
}

func compareClaims(t *testing.T, name string, got []pac.Claim, err error, want *claimsFacts) {
	t.Helper()
	if want == nil {
		want = new(claimsFacts)
	}
	if (err != nil) != (want.Error != "") {
		t.Errorf("%s claims: %v, Samba's error: %q", name, err, want.Error)
		return
	}
	i := 0
	for _, a := range want.Arrays {
		for _, c := range a.Claims {
			if i == len(got) {
				t.Errorf("%s: %d claims, want more", name, i)
				return
			}
			g := got[i]
			i++
			if g.ID != c.ID || uint16(g.Type) != c.Type || uint16(g.Source) != a.Source || !bytes.Equal(values(t, g), joined(c.Values)) {
				t.Errorf("%s: claim %+v, want %+v", name, g, c)
			}
		}
	}
	if i != len(got) {
		t.Errorf("%s: %d claims, want %d", name, len(got), i)
	}
}

// values renders the values of a claim as JSON.
func values(t *testing.T, c pac.Claim) []byte {
	t.Helper()
	var out []json.RawMessage
	add := func(v any) {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b)
	}
	for _, v := range c.Int64s {
		add(v)
	}
	for _, v := range c.Uint64s {
		add(v)
	}
	for _, v := range c.Strings {
		add(v)
	}
	for _, v := range c.Bools {
		add(v)
	}
	return joined(out)
}

// joined normalises JSON values and joins them.
func joined(values []json.RawMessage) []byte {
	var all []byte
	for _, v := range values {
		var s string
		if json.Unmarshal(v, &s) == nil {
			v, _ = json.Marshal(s)
		}
		all = append(append(all, v...), '\n')
	}
	return all
}
