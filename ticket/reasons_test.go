package ticket_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket"
)

// TestOpen_TextOfARefusal bounds and quotes what a peer chose, and has no key in
// it.
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
	if !errors.As(err, &e) || e.Reason != status.ReasonWrongService {
		t.Fatalf("%v, want %v", err, status.ReasonWrongService)
	}
	if text := err.Error(); len(text) > 1500 || strings.Contains(text, "\xff") || strings.Contains(text, "\x1b") || !strings.Contains(text, "HTTP/") {
		t.Errorf("the text has %d bytes: %q", len(text), text)
	}
}

// TestKEY_7_TextNamesTheVersions says what the ticket asks for and what the keytab
// has of that principal, but no more than eight keys of it.
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
			t.Fatal("a ticket in an unknown key was opened")
		}
		return err.Error()
	}
	const asked = `the ticket is for "HTTP/www.example.com@EXAMPLE.COM", kvno 7, aes256-cts-hmac-sha1-96; the keytab has kvno 3 aes256-cts-hmac-sha1-96 kvno 3 aes128-cts-hmac-sha1-96`
	if got := text(); !strings.HasSuffix(got, asked) {
		t.Errorf("%q does not end in %q", got, asked)
	}
	for n := 4; n <= 10; n += 2 { // two keys a version: 4, 6, 8 and 10 of them
		r.Rotate(service)
		k.Kvno = 100
		got := text()
		if shown := strings.Count(got, "kvno ") - 1; shown != min(n, 8) || strings.HasSuffix(got, " ...") != (n > 8) {
			t.Errorf("of %d keys, %d are named: %q", n, shown, got)
		}
	}
}

// TestKEY_7_EightBitVersions tells a wrong key from a missing version also where
// the keytab has kept eight bits of it.
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
	// A hint is all it is: the right key opens whatever it says.
	for _, kvno := range []int64{0, 1, 2, 257, -1} {
		k := r.Ticket("alice", service)
		k.Kvno = kvno
		if got := mustOpen(t, fmt.Sprint("kvno ", kvno), k.APReq().Bytes(), params(r)); got.Kvno != 1 {
			t.Errorf("kvno %d: the key's is said to be %d, want 1", kvno, got.Kvno)
		}
	}
}
