package etype

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/internal/secret/secrettest"
	"github.com/gosspi/kerberos/status"
)

// forms returns eight bytes at several positions of a secret, in every form in which fmt,
// JSON or slog print bytes.
func forms(secret []byte) []string {
	var out []string
	for at := 0; at+8 <= len(secret); at += 4 {
		part := secret[at:][:8]
		if bytes.Equal(part, make([]byte, 8)) {
			continue // this part of the array is empty
		}
		for _, v := range []any{part, [8]byte(part)} {
			for _, verb := range []string{"%d", "%x", "%X", "% x", "%#v", "%o", "%b", "%c", "%q", "%U", "%e", "%y"} {
				text := strings.TrimPrefix(strings.TrimPrefix(fmt.Sprintf(verb, v), "[]byte"), "[8]uint8")
				if text[0] == '[' || text[0] == '{' || text[0] == '"' {
					text = text[1 : len(text)-1]
				}
				out = append(out, text)
			}
		}
		decimal := fmt.Sprint(part)
		out = append(out, string(part), strings.ReplaceAll(decimal[1:len(decimal)-1], " ", ","))
	}
	return out
}

// wrongVerb matches the text that fmt prints for a number with a wrong verb.
var wrongVerb = regexp.MustCompile(`%![a-zA-Z]`)

// showsKey returns the name of the secret that text shows, or "".
func showsKey(text string, secrets *secrettest.Index) string {
	return secrets.Find(wrongVerb.ReplaceAllString(text, "%!y"))
}

// indexOf returns an index of the forms of secrets by name.
func indexOf(secrets map[string][]string) *secrettest.Index {
	patterns := make(map[string]string)
	for name, forms := range secrets {
		for _, form := range forms {
			patterns[form] = name
		}
	}
	return secrettest.NewIndex(patterns)
}

// holders returns values that contain v in different ways. Package fmt calls no methods of
// unexported fields.
func holders(v any) map[string]any {
	return map[string]any{
		"alone":            v,
		"exported field":   struct{ V any }{v},
		"unexported field": struct{ v any }{v},
		"list":             []any{v},
		"unexported list":  struct{ v []any }{[]any{v}},
		"unexported map":   struct{ v map[string]any }{map[string]any{"v": v}},
	}
}

// TestKEY_10_NoVerbPrintsAKey checks that printing shows neither a key nor derived keys nor
// the states of their hashes.
func TestKEY_10_NoVerbPrintsAKey(t *testing.T) {
	for _, id := range allIDs {
		k := newKey(t, id, 1)
		k.Prepare(2)
		u := newUsage(t, k, 7)
		secrets := map[string][]string{"key": forms(k.Bytes())}
		for name, h := range map[string]*hmacKey{
			"state of the key": &k.material().hmac, "Ki": &u.derived().ki, "Kc": &u.derived().kc, "prepared Ki": &newUsage(t, k, 2).derived().ki,
		} {
			secrets[name+", inner"], secrets[name+", outer"] = forms(h.inner[:]), forms(h.outer[:])
		}
		var mc MessageCipher
		if id == RC4 {
			mc = newMessageCipher(t, k)
			for name, h := range map[string]*hmacKey{"key of numbers": &(*mc.secret).number, "key of contents": &(*mc.secret).content} {
				secrets[name+", inner"], secrets[name+", outer"] = forms(h.inner[:]), forms(h.outer[:])
			}
		}
		index := indexOf(secrets)
		seen := make(map[string]bool)
		type named struct{ k Key }
		for what, v := range map[string]any{
			"*Key": k, "Key": *k, "*Usage": u, "Usage": *u, "MessageCipher": mc, "*MessageCipher": &mc, "**Key": &k, "named": named{*k}, "*named": &named{*k},
			"typed pointer": struct{ k *Key }{k}, "typed value": struct{ k Key }{*k}, "typed usage": struct{ u Usage }{*u},
			"pointer to typed value": &struct{ u Usage }{*u}, "list of values": struct{ k []Key }{[]Key{*k}},
		} {
			for how, held := range holders(v) {
				check := func(form, text string) {
					if seen[text] {
						return
					}
					seen[text] = true
					if which := showsKey(text, index); which != "" {
						t.Errorf("%v: %s, %s, as %s shows the %s: %.300s", id, what, how, form, which, text)
					}
				}
				for verb := 'A'; verb <= 'z'; verb++ {
					for _, flag := range []string{"", "+", "#", " "} {
						check("%"+flag+string(verb), fmt.Sprintf("%"+flag+string(verb), held))
					}
				}
				if b, err := json.Marshal(held); err == nil {
					check("JSON", string(b))
				}
				var log bytes.Buffer
				slog.New(slog.NewJSONHandler(&log, nil)).Error("text", "value", held)
				slog.New(slog.NewTextHandler(&log, nil)).Error("text", "value", held)
				check("slog", log.String())
			}
		}
	}
}

func newMessageCipher(t *testing.T, k *Key) MessageCipher {
	t.Helper()
	c, err := k.MessageCipher()
	if err != nil {
		t.Fatal(err)
	}
	return *c
}

// TestKEY_10_ShowsKey checks that the search finds each form.
func TestKEY_10_ShowsKey(t *testing.T) {
	b := randomBytes(1, 32)
	index := indexOf(map[string][]string{"key": forms(b)})
	for _, v := range []any{b, [32]byte(b), struct{ k [32]byte }{[32]byte(b)}, &hmacKey{inner: [64]byte(randomBytes(1, 64))}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c", "%U", "%e", "%t", "%y", "%u"} {
			text := fmt.Sprintf(verb, v)
			if showsKey("before"+text+"behind", index) == "" {
				t.Errorf("%s of %T: not found in %.200q", verb, v, text)
			}
		}
	}
	if showsKey(fmt.Sprint(randomBytes(2, 32)), index) != "" {
		t.Error("found where it is not")
	}
}

func TestKEY_10_String(t *testing.T) {
	var zero Key
	k := newKey(t, AES256SHA2, 1)
	u := newUsage(t, k, 2)
	for _, c := range []struct {
		v    any
		want string
	}{
		{k, "etype.Key(aes256-cts-hmac-sha384-192, redacted)"},
		{*k, "etype.Key(aes256-cts-hmac-sha384-192, redacted)"},
		{u, "etype.Usage(aes256-cts-hmac-sha384-192, redacted)"},
		{newMessageCipher(t, newKey(t, RC4, 1)), "etype.MessageCipher(rc4-hmac, redacted)"},
		{&zero, "etype.Key(none)"},
	} {
		for _, verb := range []string{"%v", "%s", "%q", "%#v", "%x", "%d", "%y"} {
			if got := fmt.Sprintf(verb, c.v); got != c.want {
				t.Errorf("%s: %q, want %q", verb, got, c.want)
			}
		}
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Error("text", "value", c.v)
		if !strings.Contains(log.String(), fmt.Sprintf("value=%q", c.want)) && !strings.Contains(log.String(), "value="+c.want) {
			t.Errorf("logged as %s", log.String())
		}
	}
}

// TestID_String compares with the names that IANA has registered.
func TestID_String(t *testing.T) {
	for id, want := range map[ID]string{
		17: "aes128-cts-hmac-sha1-96", 18: "aes256-cts-hmac-sha1-96", 19: "aes128-cts-hmac-sha256-128", 20: "aes256-cts-hmac-sha384-192",
		23: "rc4-hmac", 99: "etype(99)", -1: "etype(-1)", 0: "etype(0)", 16: "des3-cbc-sha1-kd", 21: "etype(21)",
	} {
		if got := id.String(); got != want {
			t.Errorf("%d is %q, want %q", int32(id), got, want)
		}
	}
}

// TestKEY_10_Errors checks that no error contains a byte of a key or of a text.
func TestKEY_10_Errors(t *testing.T) {
	eachType(t, func(t *testing.T, k *Key) {
		u := newUsage(t, k, 2)
		text := randomBytes(5, 200)
		sealed := encrypt(t, k, text, 3)
		_, wrong := k.Decrypt(nil, sealed, 2)
		_, usage := k.Decrypt(nil, sealed, 2048)
		_, confounder := k.Encrypt(nil, text[:15], text, 2)
		_, length := New(k.Profile().ID, text[:15])
		_, etype := New(24, text)
		secrets := indexOf(map[string][]string{"key": forms(k.Bytes()), "text": forms(randomBytes(5, 200)), "ciphertext": forms(sealed)})
		for _, err := range []error{wrong, usage, confounder, length, etype, u.Seal(nil, text), u.Open(nil, text[:12])} {
			if err == nil || status.ReasonOf(err) == status.ReasonNone {
				t.Fatal("no error, or none with a Reason")
			}
			for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
				if showsKey(text, secrets) != "" {
					t.Errorf("shown: %s", text)
				}
			}
		}
	})
}
