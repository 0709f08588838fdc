package authenticator_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/internal/secret/secrettest"
)

// TestKEY_10_NothingPrintsAKey: what an exchange makes on its way can be printed
// by whoever looks for a fault, and shows no key. A client's subkey is the key of
// the messages where there is no AP-REP.
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
		t.Fatal("the subkey is not what is looked for")
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

// sealedEnd is the end of a ticket, which unlike its beginning has no names in it.
func sealedEnd(ticket authenticator.Secret) []byte {
	b := ticket.Bytes()
	return b[len(b)-32:]
}

// TestSEC_2_MemoryCachePrintsNoRecord: a cache may be printed while it is used.
// Records are MACs.
func TestSEC_2_MemoryCachePrintsNoRecord(t *testing.T) {
	d := newDesk(t)
	q := d.request()
	b := q.Bytes()
	cache := authenticator.NewMemoryCache(0, authenticator.AcceptOlder)
	c, err := authenticator.Check(d.open(b), &d.params)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Claim(context.Background(), cache); err != nil {
		t.Fatal(err)
	}
	_, sealed := d.open(b).Authenticator()
	mac := sealed[len(sealed)-12:] // aes256-cts-hmac-sha1-96: RFC 3962, Section 6
	for how, text := range printed(cache) {
		if shows(text, mac) {
			t.Errorf("under %s it shows a record", how)
		}
	}
}

// printed is a value in the forms in which it may get into a log.
func printed(v any) map[string]string {
	out := make(map[string]string)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%c", "%U", "%t", "%y"} {
		out[verb] = fmt.Sprintf(verb, v)
		out["list "+verb] = fmt.Sprintf(verb, []any{v})
		out["field "+verb] = fmt.Sprintf(verb, struct{ V any }{v})
		out["unexported field "+verb] = fmt.Sprintf(verb, struct{ v any }{v})
	}
	if b, err := json.Marshal(v); err == nil {
		out["JSON"] = string(b)
	}
	var b bytes.Buffer
	slog.New(slog.NewJSONHandler(&b, nil)).Error("text", "value", v)
	slog.New(slog.NewTextHandler(&b, nil)).Error("text", "value", v)
	out["slog"] = b.String()
	return out
}

// shows looks for the first eight bytes of a secret.
func shows(text string, secret []byte) bool {
	part := secret[:8]
	decimal := strings.Trim(fmt.Sprint(part), "[]")
	syntax := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", part), "[]byte{"), "}")
	for _, form := range []string{string(part), decimal, strings.ReplaceAll(decimal, " ", ","), syntax} {
		if strings.Contains(text, form) {
			return true
		}
	}
	return strings.Contains(strings.ToLower(text), hex.EncodeToString(part))
}
