package ticket_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket"
)

// TestOpen_TextOfARefusal checks that the error text quotes and truncates names from the
// ticket, and contains no key.
func TestOpen_TextOfARefusal(t *testing.T) {
	r := krbtest.NewRealm("EXAMPLE.COM")
	r.Service("ldap/dc.example.com")
	keys := r.Table()
	k := r.Ticket("alice", service)
	k.SName.NameString = []string{"HTTP", strings.Repeat("\xff\x1b", 512), strings.Repeat("x", 1024), strings.Repeat("y", 1024)}
	p := params(r)
	p.Keys = keys
	_, err := ticket.Open(k.APReq().Bytes(), p)
	var e *status.Error
	if !errors.As(err, &e) || e.Reason != status.ReasonNameEncoding {
		t.Fatalf("%v, want %v", err, status.ReasonNameEncoding)
	}
	if text := err.Error(); len(text) > 1500 || strings.Contains(text, "\xff") || strings.Contains(text, "\x1b") || !strings.Contains(text, "HTTP/") {
		t.Errorf("the text has %d bytes: %q", len(text), text)
	}
}

// TestKEY_7_TextNamesTheVersions checks that the error text names the key that the ticket
// requires and at most eight keys of that principal in the keytab.
func TestKEY_7_TextNamesTheVersions(t *testing.T) {
	r := krbtest.NewRealm("EXAMPLE.COM")
	r.Service("ldap/dc.example.com")
	r.Kvno = 3
	r.ETypes = r.ETypes[:2]
	r.Service(service)
	k := r.Ticket("alice", service)
	k.Key, k.Kvno = r.NewKey(18), 7
	text := func() string {
		_, err := ticket.Open(k.APReq().Bytes(), params(r))
		if err == nil {
			t.Fatal("Open accepted a ticket under an unknown key")
		}
		return err.Error()
	}
	const asked = `the ticket is for "HTTP/www.example.com@EXAMPLE.COM", kvno 7, aes256-cts-hmac-sha1-96 (18); the keytab has for it kvno 3 aes256-cts-hmac-sha1-96 (18), kvno 3 aes128-cts-hmac-sha1-96 (17); the ticket's version is newer: the service's key was changed after the keytab was made; export the keytab anew`
	if got := text(); !strings.HasSuffix(got, asked) {
		t.Errorf("%q does not end in %q", got, asked)
	}
	for n := 4; n <= 10; n += 2 { // two keys for each version: 4, 6, 8 and 10 keys
		r.Rotate(service)
		k.Kvno = 100
		got := text()
		if shown := strings.Count(got, "kvno ") - 1; shown != min(n, 8) || strings.Contains(got, " and 2 more; ") != (n > 8) {
			t.Errorf("of %d keys, %d are named: %q", n, shown, got)
		}
	}
}

// TestKEY_7_EightBitVersions checks that Open distinguishes a wrong key from a missing
// version even if the keytab stores only eight bits of the version.
func TestKEY_7_EightBitVersions(t *testing.T) {
	r := krbtest.NewRealm("EXAMPLE.COM")
	r.Kvno = 1
	r.Service(service)
	for _, c := range []struct {
		kvno int64
		want status.Reason
	}{
		{1, status.ReasonWrongKey},
		{0, status.ReasonWrongKey},
		{257, status.ReasonWrongKey},
		{-1<<31 + 1, status.ReasonWrongKey},
		{2, status.ReasonUnknownKeyVersion},
		{256, status.ReasonUnknownKeyVersion},
		{-1, status.ReasonUnknownKeyVersion},
	} {
		k := r.Ticket("alice", service)
		k.Key, k.Kvno = r.NewKey(18), c.kvno
		refused(t, fmt.Sprint("kvno ", c.kvno), k.APReq().Bytes(), params(r), c.want)
	}
	r.Kvno = 300
	r.Service("HTTP/late.example.com")
	for kvno, want := range map[int64]status.Reason{300: status.ReasonWrongKey, 44: status.ReasonUnknownKeyVersion, 556: status.ReasonUnknownKeyVersion} {
		k := r.Ticket("alice", "HTTP/late.example.com")
		k.Key, k.Kvno = r.NewKey(18), kvno
		refused(t, fmt.Sprint("keytab has 300, kvno ", kvno), k.APReq().Bytes(), params(r), want)
	}
	// The version number is a hint: the right key decrypts the ticket whatever the number
	// is.
	for _, kvno := range []int64{0, 1, 2, 257, -1} {
		k := r.Ticket("alice", service)
		k.Kvno = kvno
		if got := mustOpen(t, fmt.Sprint("kvno ", kvno), k.APReq().Bytes(), params(r)); got.Kvno != 1 {
			t.Errorf("kvno %d: Open returned the key version %d, want 1", kvno, got.Kvno)
		}
	}
}

// TestKEY_7_TextNamesTheCause checks that the error text for a missing or wrong key says
// which keys the keytab has and which action helps.
func TestKEY_7_TextNamesTheCause(t *testing.T) {
	r := krbtest.NewRealm("EXAMPLE.COM")
	r.ETypes = r.ETypes[:1]
	other := r.Service("ldap/a", "ldap/b", "ldap/c", "ldap/d", "ldap/e", "ldap/f")
	r.Service(service)
	good := r.Ticket("alice", service)
	keys := only(r.Table(), func(e keytab.Entry) bool { return e.Principal.Name() == service })
	wrong := r.Ticket("alice", service)
	wrong.Key = r.NewKey(18)
	newer, older, unversioned := *wrong, *wrong, *wrong
	newer.Kvno, unversioned.Kvno = 5, 0
	r.Rotate(service)
	rotated := only(r.Table(), func(e keytab.Entry) bool { return e.Principal.Name() == service && e.Kvno == 2 })
	entries := fileOf(
		keyOf{"HTTP/www.example.com", 1, 8}, keyOf{"HTTP/www.example.com", 3, 8}, keyOf{"HTTP/www.example.com", 26, 32}, keyOf{"HTTP/www.example.com", 18, 31},
	)
	outOfUse, err := keytab.Parse(entries)
	if err != nil {
		t.Fatal(err)
	}
	others, err := other.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	both, err := keytab.Parse(append(entries, others[2:]...)) // [2:] omits the version of the file format
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		keys     *keytab.Table
		services *keytab.Services
		ticket   *krbtest.Ticket
		want     status.Reason
		texts    []string
	}{
		{"another server's keytab", other, nil, good, status.ReasonWrongService, []string{
			`for "HTTP/www.example.com@EXAMPLE.COM"`, "the keytab has no key for it", "this is the keytab of this server", `served here: "ldap/a@EXAMPLE.COM", `, `"ldap/d@EXAMPLE.COM" and 2 more`,
		}},
		{"not admitted", r.Table(), r.Table().Only(keytab.MustParsePrincipal("ldap/a@EXAMPLE.COM")), good, status.ReasonWrongService, []string{
			"has keys for it, but Config.Services does not admit it", `served here: "ldap/a@EXAMPLE.COM"`,
		}},
		{"none admitted", other, other.Only(keytab.MustParsePrincipal("HTTP/x@EXAMPLE.COM")), good, status.ReasonNoKey, []string{`it has keys for "ldap/a@EXAMPLE.COM"`, "and 2 more"}},
		{"wrong password or salt", keys, nil, wrong, status.ReasonWrongKey, []string{
			"kvno 1, aes256-cts-hmac-sha1-96", "since the version fits, the password or the salt was wrong when the keytab was made", "that of the account, not of the SPN",
		}},
		{"wrong key without a version", keys, nil, &unversioned, status.ReasonWrongKey, []string{"kvno 0", "the password or the salt was wrong when the keytab was made, or the key was changed since"}},
		{"newer ticket", keys, nil, &newer, status.ReasonUnknownKeyVersion, []string{"kvno 5", "the keytab has for it kvno 1 aes256-cts-hmac-sha1-96", "the ticket's version is newer", "export the keytab anew"}},
		{"older ticket", rotated, nil, &older, status.ReasonUnknownKeyVersion, []string{"kvno 1", "the keytab has for it kvno 2 aes256-cts-hmac-sha1-96", "the ticket's version is older", "let the client get a new ticket"}},
		{"unusable types alone", outOfUse, nil, good, status.ReasonNoKey, []string{
			"it has no entry that can be used", "4 entries cannot be used: 1 of des-cbc-crc (1), 1 of des-cbc-md5 (3), 1 of camellia256-cts-cmac (26), 1 of aes256-cts-hmac-sha1-96 (18) with a key or a name that is not valid",
		}},
		{"unusable types among others, none admitted", both, both.Only(), good, status.ReasonNoKey, []string{`it has keys for "ldap/a@EXAMPLE.COM"`, "4 entries cannot be used: 1 of des-cbc-crc"}},
		{"unusable types for the service, others for other services", both, nil, good, status.ReasonWrongService, []string{`served here: "ldap/a@EXAMPLE.COM"`, "4 entries cannot be used: 1 of des-cbc-crc"}},
	} {
		p := params(r)
		p.Keys, p.Services = c.keys, c.services
		if c.services != nil {
			p.Keys = c.services.Table()
		}
		_, err := ticket.Open(c.ticket.APReq().Bytes(), p)
		if status.ReasonOf(err) != c.want {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		for _, text := range c.texts {
			if err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("%s: no %q in %v", c.name, text, err)
			}
		}
	}
}

// keyOf is an entry of a keytab file: a name of two components, a type, and a key of n
// bytes.
type keyOf struct {
	name  string
	etype uint16
	n     int
}

// fileOf returns a keytab file with entries that keytab.NewTable refuses.
func fileOf(entries ...keyOf) []byte {
	counted := func(b []byte, s string) []byte {
		return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
	}
	file := []byte{5, 2}
	for _, e := range entries {
		parts := strings.Split(e.name, "/")
		b := binary.BigEndian.AppendUint16(nil, uint16(len(parts)))
		b = counted(b, "EXAMPLE.COM")
		for _, p := range parts {
			b = counted(b, p)
		}
		b = append(b, 0, 0, 0, 1, 0, 0, 0, 1, 2)
		b = binary.BigEndian.AppendUint16(b, e.etype)
		b = counted(b, strings.Repeat("k", e.n))
		file = append(binary.BigEndian.AppendUint32(file, uint32(len(b))), b...)
	}
	return file
}
