package pac_test

import (
	"testing"

	"github.com/gosspi/kerberos/ticket/pac"
)

// TestSID_Text parses and prints SIDs.
func TestSID_Text(t *testing.T) {
	for text, rid := range map[string]uint32{
		"S-1-0":        0,
		"S-1-1-0":      0,
		"S-1-5-18":     18,
		"S-1-5-32-544": 544,
		"S-1-5-21-4220000001-4220000002-4220000003-513": 513,
		"S-1-0x100000000-1":                             1,
		"S-1-0xffffffffffff-4294967295":                 4294967295,
		"S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15":     15,
	} {
		sid, err := pac.ParseSID(text)
		if err != nil || sid.String() != text || sid.RID() != rid || sid.IsZero() {
			t.Errorf("%s: %v, RID %d, %v", text, sid, sid.RID(), err)
		}
	}
	for _, text := range []string{
		"", "5-21-1-2-3", "S-1", "S-1-", "S-2-5", "s-1-5-18", "S-1-5-", "S-1-5--1", "S-1-5-+1", "S-1-05", "S-1-5-018", "S-1-5-4294967296",
		"S-1-4294967296", "S-1-0x5", "S-1-0x1000000000000", "S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15-16", "S-1-5-18 ", " S-1-5-18", "S-1-5-1x",
	} {
		if sid, err := pac.ParseSID(text); err == nil || !sid.IsZero() {
			t.Errorf("%q: %v", text, sid)
		}
	}
}

// TestSID_Parts takes SIDs apart.
func TestSID_Parts(t *testing.T) {
	user := pac.MustParseSID("S-1-5-21-1-2-3-513")
	domain := user.Domain()
	if domain != pac.MustParseSID("S-1-5-21-1-2-3") || user.WellKnownName() != "Domain Users" {
		t.Errorf("%v, %q", domain, user.WellKnownName())
	}
	if pac.AuthenticationAuthorityAsserted.WellKnownName() == "" || domain.WellKnownName() != "" || (pac.SID{}).WellKnownName() != "" {
		t.Error("names of well-known SIDs")
	}
	if (pac.SID{}).Domain() != (pac.SID{}) || (pac.SID{}).RID() != 0 || (pac.SID{}).String() != "" {
		t.Error("the zero SID has parts")
	}
	set := map[pac.SID]bool{user: true}
	if !set[pac.MustParseSID(user.String())] || set[domain] {
		t.Error("SIDs as keys of a map")
	}
	var back pac.SID
	text, err := user.MarshalText()
	if err != nil || back.UnmarshalText(text) != nil || back != user {
		t.Errorf("%s, %v, %v", text, back, err)
	}
	if back.UnmarshalText([]byte("no SID")) == nil || back != user {
		t.Errorf("a bad text changed the SID to %v", back)
	}
}
