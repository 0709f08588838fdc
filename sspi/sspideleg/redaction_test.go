package sspideleg_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspideleg"
)

// TestKEY_10_NothingPrintsAKey checks that neither the client nor its diagnostics nor an
// error shows a key. Verbs that vet refuses, such as %s, show the keys of gokrb5's client:
// the type belongs to gokrb5, and the package documentation says not to print it.
func TestKEY_10_NothingPrintsAKey(t *testing.T) {
	d := delegate(t, "alice")
	cl, err := sspideleg.Client(d, silent(t))
	if err != nil {
		t.Fatal(err)
	}
	secrets := map[string][]byte{"key": d.Tickets[0].SessionKey.Bytes()}
	for how, text := range printed(cl) {
		finds(t, "the client under "+how, text, secrets)
	}
	for how, text := range printed(*cl) {
		finds(t, "a copy of the client under "+how, text, secrets)
	}
	var b bytes.Buffer
	cl.Print(&b)
	finds(t, "Client.Print", b.String(), secrets)

	secrets["ticket"] = d.Tickets[0].Ticket.Bytes()
	for _, row := range append(incomplete, refusal{"a damaged ticket", func(k *authenticator.DelegatedTicket) {
		k.Ticket = sspi.NewSecret(bytes.Replace(k.Ticket.Bytes(), []byte("krbtgt"), []byte("krb\x00gt"), 1))
	}, 0}) {
		_, err := sspideleg.Client(with(d, row.change), silent(t))
		if err == nil {
			t.Errorf("%s: accepted", row.name)
		}
		for how, text := range printed(err) {
			finds(t, row.name+", the error under "+how, text, secrets)
		}
	}
}

// TestShows checks that shows finds a secret.
func TestShows(t *testing.T) {
	secret := []byte{0x4b, 0x65, 0x79, 0x00, 0xff, 1, 2, 3}
	for how, text := range printed(struct{ K []byte }{secret}) {
		if !shows(text, secret) {
			t.Errorf("%s hides it: %s", how, text)
		}
	}
}

func finds(t *testing.T, what, text string, secrets map[string][]byte) {
	t.Helper()
	for name, b := range secrets {
		if shows(text, b) {
			t.Errorf("%s shows the %s", what, name)
		}
	}
}

// printed returns a value in the forms in which a program may log it.
func printed(v any) map[string]string {
	out := make(map[string]string)
	for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%X", "%d"} {
		out[verb] = fmt.Sprintf(verb, v)
	}
	if b, err := json.Marshal(v); err == nil {
		out["JSON"] = string(b)
	}
	var b bytes.Buffer
	slog.New(slog.NewJSONHandler(&b, nil)).Error("text", "value", v)
	out["slog"] = b.String()
	return out
}

// shows reports whether text contains the first eight bytes of a secret.
func shows(text string, secret []byte) bool {
	part := secret[:8]
	decimal := strings.Trim(fmt.Sprint(part), "[]")
	syntax := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", part), "[]byte{"), "}")
	quoted := strings.Trim(fmt.Sprintf("%q", part), `"`)
	for _, form := range []string{string(part), quoted, decimal, strings.ReplaceAll(decimal, " ", ","), syntax, base64.StdEncoding.EncodeToString(part)[:10]} {
		if strings.Contains(text, form) {
			return true
		}
	}
	return strings.Contains(strings.ToLower(text), hex.EncodeToString(part))
}
