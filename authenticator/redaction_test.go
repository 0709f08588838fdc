package authenticator_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/internal/secret/secrettest"
)

// TestKEY_10_NothingPrintsAKey checks that printing any value of an exchange shows no key.
// If there is no AP-REP, the client's subkey protects the messages.
func TestKEY_10_NothingPrintsAKey(t *testing.T) {
	d := newDesk(t)
	d.params.Delegate = true
	q := d.request(func(q *krbtest.APReq) { q.Flags |= flags.GSS_C_DELEG_FLAG })
	forward := q.Forward()
	q.Cred = forward.Bytes()
	opened := d.open(q.Bytes())
	checked := d.accepts("Check", q)
	verified := d.verified("Claim", q)
	if !bytes.Equal(verified.Subkey().Bytes(), q.Authenticator.SubKey.KeyValue) || verified.Delegated() == nil {
		t.Fatal("the Checked has another subkey than the request")
	}
	secrets := map[string][]byte{
		"service key":   q.Ticket.Key.KeyValue,
		"session key":   q.Ticket.Part.Key.KeyValue,
		"subkey":        q.Authenticator.SubKey.KeyValue,
		"forwarded key": forward.Part.Info[0].Key.KeyValue,
	}
	secrets["delegated ticket"] = sealedEnd(verified.Delegated().Tickets[0].Ticket)
	known := secrettest.New(t, secrets)
	for name, v := range map[string]secrettest.Value{
		"*Ticket": secrettest.Of(opened), "Ticket": secrettest.Of(*opened), "*Content": secrettest.Of(opened.Unproven()), "Content": secrettest.Of(*opened.Unproven()),
		"*Checked": secrettest.Of(checked), "Checked": secrettest.Of(*checked), "Verified": secrettest.Of(verified),
		"*Delegated": secrettest.Of(verified.Delegated()), "Delegated": secrettest.Of(*verified.Delegated()), "DelegatedTicket": secrettest.Of(verified.Delegated().Tickets[0]),
	} {
		known.Absent(t, name, v)
	}
}

// sealedEnd returns the end of a ticket, which unlike its beginning contains no names.
func sealedEnd(ticket authenticator.Secret) []byte {
	b := ticket.Bytes()
	return b[len(b)-32:]
}

// TestSEC_2_NothingPrintsATag checks that neither a record nor a value that makes or keeps
// records prints the MAC of an authenticator. There are three accepted exceptions. Package
// fmt prints a Tag in an unexported field of a struct of another package, because it calls
// no method there; caches compare and hash a Tag, so it must be an array and cannot be
// behind a pointer. Package gob writes a Tag, as a cache that stores its records may need.
// The verb %p calls no method of a Tag. A Tag is not a key: the client sent the MAC
// unencrypted, and it proves nothing after the cache has it.
func TestSEC_2_NothingPrintsATag(t *testing.T) {
	d := newDesk(t)
	b := d.request().Bytes()
	_, sealed := d.open(b).Authenticator()
	known := secrettest.New(t, map[string][]byte{"MAC": sealed[len(sealed)-12:]}) // the length for aes256-cts-hmac-sha1-96: RFC 3962, Section 6
	checked, err := authenticator.Check(d.open(b), &d.params)
	if err != nil {
		t.Fatal(err)
	}
	cache := authenticator.NewMemoryCache(0, authenticator.AcceptOlder)
	verified, err := checked.Claim(t.Context(), cache)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := checked.Claim(t.Context(), d.cache); err != nil {
		t.Fatal(err)
	}
	record := d.cache.records[0]
	for name, v := range map[string]secrettest.Value{
		"*MemoryCache": secrettest.Of(cache), "*Checked": secrettest.Of(checked), "Checked": secrettest.Of(*checked), "Verified": secrettest.Of(verified),
		"Record": secrettest.Of(record), "*Record": secrettest.Of(&record), "Tag": secrettest.Of(record.Tag),
	} {
		known.Absent(t, name, v.Exported(), "gob", "%p", "%+p", "% p", "%#p")
	}
	if shown := fmt.Sprint(struct{ tag authenticator.Tag }{record.Tag}); known.Shows(shown) == "" {
		t.Error("an unexported Tag prints redacted: add it to the values above")
	}
}
