package keytab

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gosspi/kerberos/status"
)

const (
	managedFile      = "testdata/gmsa.blob"
	managedLaterFile = "testdata/gmsa-later.blob"
	managedKeytab    = "testdata/gmsa.keytab"
)

// managedAccount is the account of the files.
var managedAccount = ManagedAccount{
	Account:  MustParsePrincipal("grolled$@CORP.EXAMPLE.TEST"),
	Services: []Principal{MustParsePrincipal("HTTP/grolled.corp.example.test@CORP.EXAMPLE.TEST")},
	Kvno:     1,
	ETypes:   managedETypes[:],
}

// keysOf returns the keys of a principal and a version by their types.
func keysOf(t *Table, p Principal, kvno uint32) map[EType]Key {
	keys := make(map[EType]Key)
	for e := range t.All() {
		if e.Principal == p && e.Kvno == kvno {
			keys[e.Key.EType()] = e.Key
		}
	}
	return keys
}

// TestKEY_15_ManagedPassword compares the keys of a managed password with those that the domain
// controller exported. Its password has surrogates without partners.
func TestKEY_15_ManagedPassword(t *testing.T) {
	exported, err := Parse(fixture(t, managedKeytab))
	if err != nil {
		t.Fatal(err)
	}
	want := keysOf(exported, managedAccount.Account, 1)
	if len(want) != 3 {
		t.Fatalf("the keytab has %d keys", len(want))
	}
	blob := fixture(t, managedFile)
	if text := managedText(blob[managedHeader : managedHeader+256]); !strings.Contains(text, "\ufffd") {
		t.Error("the password of the test has no surrogate without a partner")
	}
	table, requery, unchanged, err := FromManagedPassword(blob, managedAccount)
	if err != nil {
		t.Fatal(err)
	}
	if table.Len() != 6 {
		t.Errorf("%d keys, want 3 types under 2 names", table.Len())
	}
	for _, p := range append(managedAccount.Services, managedAccount.Account) {
		if got := keysOf(table, p, 1); !sameKeys(got, want) {
			t.Errorf("the keys of %v differ from those that the domain controller exported", p)
		}
	}
	if day := 24 * time.Hour; requery < 29*day || requery > 30*day || unchanged >= requery || requery-unchanged > 10*time.Minute {
		t.Errorf("requery %v, unchanged %v", requery, unchanged)
	}

	// Forty days later the same password is the previous one.
	later := managedAccount
	later.Kvno = 2
	table, _, _, err = FromManagedPassword(fixture(t, managedLaterFile), later)
	if err != nil {
		t.Fatal(err)
	}
	if got := keysOf(table, managedAccount.Account, 1); !sameKeys(got, want) {
		t.Error("the keys of the previous password differ from those that the domain controller exported")
	}
	if got := keysOf(table, managedAccount.Account, 2); len(got) != 3 || sameKeys(got, want) {
		t.Errorf("%d keys of the new password", len(got))
	}
}

func sameKeys(a, b map[EType]Key) bool {
	for e, k := range a {
		if !k.Equal(b[e]) {
			return false
		}
	}
	return len(a) == len(b)
}

// TestKEY_15_ManagedUnknownVersion checks that the current keys come first if no version is
// known, and that RC4 keys are made on request only.
func TestKEY_15_ManagedUnknownVersion(t *testing.T) {
	m := managedAccount
	m.Kvno, m.ETypes = 0, nil
	table, _, _, err := FromManagedPassword(fixture(t, managedLaterFile), m)
	if err != nil {
		t.Fatal(err)
	}
	m.Kvno = 2
	known, _, _, err := FromManagedPassword(fixture(t, managedLaterFile), m)
	if err != nil {
		t.Fatal(err)
	}
	s, err := table.Admit(m.Services[0].String())
	if err != nil {
		t.Fatal(err)
	}
	var first []Key
	for e := range s.Candidates(Sealed{Service: []byte(m.Services[0].String()), EType: AES256_CTS_HMAC_SHA1_96, Kvno: 7, Len: 1000}) {
		first = append(first, e.Key)
	}
	if len(first) != 2 || !first[0].Equal(keysOf(known, m.Account, 2)[AES256_CTS_HMAC_SHA1_96]) {
		t.Errorf("%d keys, or the first is not of the current password", len(first))
	}
	if len(keysOf(table, m.Account, 0)) != 2 {
		t.Errorf("%d types of keys, want AES256 and AES128", len(keysOf(table, m.Account, 0)))
	}
}

// TestKEY_15_ManagedBlobs refuses blobs that are cut at each byte, whether or not their length
// field says so, and fields out of order.
func TestKEY_15_ManagedBlobs(t *testing.T) {
	refused := func(b []byte, why string) {
		t.Helper()
		b = slices.Clip(bytes.Clone(b))
		table, _, _, err := FromManagedPassword(b, managedAccount)
		if table != nil || status.ReasonOf(err) != status.ReasonNoCredentials || !strings.Contains(err.Error(), "MSDS-MANAGEDPASSWORD_BLOB") {
			t.Errorf("%s: %v, %v", why, table, err)
		}
	}
	blob := fixture(t, managedLaterFile)
	for n := range blob {
		refused(blob[:n], "cut")
		if n >= 8 {
			cut := bytes.Clone(blob[:n])
			binary.LittleEndian.PutUint32(cut[4:], uint32(n))
			refused(cut, "cut, with its length")
		}
	}
	refused(append(bytes.Clone(blob), 0), "a byte more")
	text := base64.StdEncoding.AppendEncode(nil, blob)
	refused(text, "base64")
	if _, _, _, err := FromManagedPassword(text, managedAccount); !strings.Contains(err.Error(), "it is in base64") {
		t.Errorf("base64: %v", err)
	}
	set := func(at int, v uint16) []byte {
		b := bytes.Clone(blob)
		binary.LittleEndian.PutUint16(b[at:], v)
		return b
	}
	for why, b := range map[string][]byte{
		"version 2": set(0, 2), "current in the header": set(8, 15), "current at the end": set(8, 548),
		"current behind previous": set(8, 275), "previous in the header": set(10, 2), "previous at current": set(10, 16),
		"previous behind query": set(10, 541), "no room for current": set(10, 18), "query at previous": set(12, 274),
		"query over unchanged": set(12, 533), "unchanged at query": set(14, 532), "unchanged at the end": set(14, 541),
		"unchanged far away": set(14, 0xffff), "the current password is empty": set(16, 0), "the previous password is empty": set(274, 0),
		"no NUL": set(272, 1),
	} {
		refused(b, why)
	}
	refused(make([]byte, 1<<17), "long")
	long := bytes.Clone(blob)
	for i := range 8 {
		long[532+i] = 0xff
	}
	if _, requery, _, err := FromManagedPassword(long, managedAccount); err != nil || requery < math.MaxInt64-100 {
		t.Errorf("the longest interval: %v, %v", requery, err)
	}
}

// TestKEY_15_ManagedAccounts refuses accounts that cannot be meant.
func TestKEY_15_ManagedAccounts(t *testing.T) {
	const account, service, etype = "has the Account", "has the service", "has the type"
	for why, row := range map[string]struct {
		change func(*ManagedAccount)
		want   string
	}{
		"no account": {func(m *ManagedAccount) { m.Account = Principal{} }, account},
		"no $":       {func(m *ManagedAccount) { m.Account = MustParsePrincipal("gweb@R") }, account},
		"only $":     {func(m *ManagedAccount) { m.Account = MustParsePrincipal("$@R") }, account},
		"a service":  {func(m *ManagedAccount) { m.Account = MustParsePrincipal("HTTP/gweb$@R") }, account},
		"realms":     {func(m *ManagedAccount) { m.Services = []Principal{MustParsePrincipal("HTTP/web@OTHER")} }, service},
		"zero":       {func(m *ManagedAccount) { m.Services = []Principal{{}} }, service},
		"type 20":    {func(m *ManagedAccount) { m.ETypes = []EType{AES256_CTS_HMAC_SHA384_192} }, etype},
	} {
		m := managedAccount
		row.change(&m)
		table, _, _, err := FromManagedPassword(fixture(t, managedFile), m)
		if e := new(status.Error); table != nil || !errors.As(err, &e) || e.Reason != status.ReasonArgument || !strings.HasPrefix(e.Detail, "ManagedAccount "+row.want) {
			t.Errorf("%s: %v, %v", why, table, err)
		}
	}
}

// FuzzManagedPassword checks that a blob that parses has its parts within it, in order.
func FuzzManagedPassword(f *testing.F) {
	for _, file := range []string{managedFile, managedLaterFile} {
		f.Add(fixture(f, file))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		b = slices.Clip(bytes.Clone(b))
		p, err := parseManagedPassword(b)
		if err != nil {
			if p.current != nil || p.previous != nil {
				t.Fatal("a password and an error")
			}
			return
		}
		if len(p.current) == 0 || len(p.current)%2 != 0 || len(p.previous)%2 != 0 || p.requery < 0 || p.unchanged < 0 {
			t.Fatalf("%d and %d bytes, %v, %v", len(p.current), len(p.previous), p.requery, p.unchanged)
		}
		if len(p.current)+len(p.previous)+managedHeader+2*managedInterval+2 > len(b) {
			t.Fatal("the passwords are longer than the blob has room for")
		}
		managedText(p.current)
	})
}
