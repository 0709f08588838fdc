package pac

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gosspi/kerberos/internal/vectors"
)

// sambaPAC is a PAC as Samba's NDR decoder prints it: testdata/ad/NAME.pac.json.
type sambaPAC struct {
	Version uint32
	Length  int
	Buffers []struct{ Type, Size int }
	Logon   struct {
		LogonTime     uint64     `json:"logon_time"`
		LogoffTime    uint64     `json:"logoff_time"`
		KickOffTime   uint64     `json:"kickoff_time"`
		LastSet       uint64     `json:"last_password_change"`
		CanChange     uint64     `json:"allow_password_change"`
		MustChange    uint64     `json:"force_password_change"`
		LogonCount    uint16     `json:"logon_count"`
		BadCount      uint16     `json:"bad_password_count"`
		RID           uint32     `json:"rid"`
		Primary       uint32     `json:"primary_gid"`
		UserFlags     uint32     `json:"user_flags"`
		Control       uint32     `json:"acct_flags"`
		LastLogon     uint64     `json:"last_successful_logon"`
		LastFailed    uint64     `json:"last_failed_logon"`
		FailedCount   uint32     `json:"failed_logon_count"`
		Account       string     `json:"account_name"`
		FullName      string     `json:"full_name"`
		Script        string     `json:"logon_script"`
		Profile       string     `json:"profile_path"`
		Home          string     `json:"home_directory"`
		Drive         string     `json:"home_drive"`
		Server        string     `json:"logon_server"`
		Domain        string     `json:"logon_domain"`
		DomainSID     SID        `json:"domain_sid"`
		Groups        []sambaRID `json:"groups"`
		ExtraSIDs     []sambaSID `json:"extra_sids"`
		ResourceSID   SID        `json:"resource_group_domain_sid"`
		ResourceRIDs  []sambaRID `json:"resource_groups"`
		SubAuthStatus uint32     `json:"sub_auth_status"`
	} `json:"logon_info"`
	Client struct {
		ID   uint64 `json:"client_id"`
		Name string `json:"name"`
	} `json:"client_info"`
	UPN struct {
		Flags     uint32 `json:"flags"`
		UPN       string `json:"upn"`
		DNSDomain string `json:"dns_domain"`
		SAMName   string `json:"sam_name"`
		SID       SID    `json:"sid"`
	} `json:"upn_dns_info"`
}

type (
	sambaRID struct{ RID, Attributes uint32 }
	sambaSID struct {
		SID        SID
		Attributes uint32
	}
)

// TestPAC_7_Samba417 compares every fact of the PACs of testdata/ad with Samba's decoder. It
// verifies no signature, because one of the PACs has none that is valid.
func TestPAC_7_Samba417(t *testing.T) {
	dir := filepath.Join(vectors.Dir(t), "ad")
	files, err := filepath.Glob(filepath.Join(dir, "*.pac.json"))
	if err != nil || len(files) != 14 {
		t.Fatalf("%d PACs, want 14, %v", len(files), err)
	}
	for _, file := range files {
		var want sambaPAC
		if err := json.Unmarshal(readFile(t, file), &want); err != nil {
			t.Fatal(err)
		}
		raw, err := hex.DecodeString(strings.Join(strings.Fields(string(readFile(t, strings.TrimSuffix(file, "json")+"hex"))), ""))
		if err != nil {
			t.Fatal(err)
		}
		p := new(PAC)
		err = p.container.parse(raw)
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
			continue
		}
		p.decode()
		compareSamba(t, filepath.Base(file), p, &want)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func compareSamba(t *testing.T, name string, p *PAC, want *sambaPAC) {
	t.Helper()
	c := &p.container
	if p.logonErr != nil || p.upnErr != nil || p.conflict != nil || len(c.raw) != want.Length {
		t.Errorf("%s: %v, %v, %v, %d bytes", name, p.logonErr, p.upnErr, p.conflict, len(c.raw))
		return
	}
	var types []int
	for _, b := range want.Buffers {
		types = append(types, b.Type)
		if len(c.buffer(b.Type)) != b.Size {
			t.Errorf("%s: buffer %d has %d bytes, want %d", name, b.Type, len(c.buffer(b.Type)), b.Size)
		}
	}
	slices.Sort(types)
	if !slices.Equal(types, p.Buffers()) {
		t.Errorf("%s: buffers %v, want %v", name, p.Buffers(), types)
	}
	if client, err := decodeClientInfo(c.buffer(typeClientInfo)); c.has(typeClientInfo) && (err != nil || client.authTime != want.Client.ID || must(t, client.name) != want.Client.Name) {
		t.Errorf("%s: CLIENT_INFO %+v, %v", name, client, err)
	}
	l, w := p.logon.expand(), &want.Logon
	texts := [...][2]string{
		{l.AccountName, w.Account},
		{l.FullName, w.FullName},
		{l.LogonScript, w.Script},
		{l.ProfilePath, w.Profile},
		{l.HomeDirectory, w.Home},
		{l.HomeDirectoryDrive, w.Drive},
		{l.LogonServer, w.Server},
		{l.LogonDomain, w.Domain},
	}
	for i, pair := range texts {
		if pair[0] != pair[1] {
			t.Errorf("%s: text %d is %q, want %q", name, i, pair[0], pair[1])
		}
	}
	compareTimes(t, name, l, want)
	numbers := [...][2]uint32{
		{uint32(l.LogonCount), uint32(w.LogonCount)},
		{uint32(l.BadPasswordCount), uint32(w.BadCount)},
		{l.FailedLogonCount, w.FailedCount},
		{l.UserFlags, w.UserFlags},
		{l.AccountControl, w.Control},
		{l.UserSID.RID(), w.RID},
		{l.PrimaryGroup.RID(), w.Primary},
	}
	for i, pair := range numbers {
		if pair[0] != pair[1] {
			t.Errorf("%s: number %d is %d, want %d", name, i, pair[0], pair[1])
		}
	}
	if l.DomainSID != w.DomainSID || l.UserSID.Domain() != w.DomainSID || l.ResourceDomainSID != w.ResourceSID {
		t.Errorf("%s: domains %v, %v, %v", name, l.DomainSID, l.UserSID, l.ResourceDomainSID)
	}
	groups := func(domain SID, rids []sambaRID) (out []Group) {
		for _, r := range rids {
			out = append(out, Group{new(arena).account(domain, r.RID), r.Attributes})
		}
		return out
	}
	var extra []Group
	for _, s := range w.ExtraSIDs {
		extra = append(extra, Group(s))
	}
	if !slices.Equal(l.Groups, groups(w.DomainSID, w.Groups)) || !slices.Equal(l.ExtraSIDs, extra) || !slices.Equal(l.ResourceGroups, groups(w.ResourceSID, w.ResourceRIDs)) {
		t.Errorf("%s: groups %v, extra %v, resource %v", name, l.Groups, l.ExtraSIDs, l.ResourceGroups)
	}
	u := p.upn
	if u == nil {
		if want.UPN.UPN != "" {
			t.Errorf("%s: no UPN_DNS_INFO", name)
		}
		return
	}
	if u.UPN != want.UPN.UPN || u.DNSDomain != want.UPN.DNSDomain || u.SAMName != want.UPN.SAMName || u.SID != want.UPN.SID || u.Constructed != (want.UPN.Flags&upnConstructed != 0) {
		t.Errorf("%s: UPN_DNS_INFO %+v, want %+v", name, *u, want.UPN)
	}
}

func compareTimes(t *testing.T, name string, l *LogonInfo, want *sambaPAC) {
	t.Helper()
	w := &want.Logon
	for i, pair := range [...]struct {
		got  time.Time
		want uint64
	}{
		{l.LogonTime, w.LogonTime},
		{l.LogoffTime, w.LogoffTime},
		{l.KickOffTime, w.KickOffTime},
		{l.PasswordLastSet, w.LastSet},
		{l.PasswordCanChange, w.CanChange},
		{l.PasswordMustChange, w.MustChange},
		{l.LastSuccessfulLogon, w.LastLogon},
		{l.LastFailedLogon, w.LastFailed},
	} {
		var expected time.Time // of "not set" and "never"
		if pair.want != 0 && pair.want < 1<<63-1 {
			expected = time.Date(1601, 1, 1, 0, 0, 0, 0, time.UTC)
			for rest := pair.want; rest > 0; { // a Duration holds 292 years
				step := min(rest, 1<<50)
				expected, rest = expected.Add(time.Duration(step)*100), rest-step
			}
		}
		if !pair.got.Equal(expected) {
			t.Errorf("%s: time %d is %v, want %v", name, i, pair.got, expected)
		}
	}
}

// must returns the text of UTF-16LE code units.
func must(t *testing.T, units []byte) string {
	t.Helper()
	text, err := decodeText(units)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
