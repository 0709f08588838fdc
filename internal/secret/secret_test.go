package secret_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/gosspi/kerberos/internal/secret"
	"github.com/gosspi/kerberos/internal/secret/secrettest"
)

var key = []byte("\x01\xfe0123456789abcdefghijklmnop\x00\xff~!")

func secrets(t *testing.T) *secrettest.Secrets {
	return secrettest.New(t, map[string][]byte{"key": key})
}

type owner struct {
	name string
	p    **[32]byte
}

// TestKEY_10_Secret checks that no form of printing shows a secret, or a value that a Veil
// hides.
func TestKEY_10_Secret(t *testing.T) {
	secrets(t).Absent(t, "Bytes", secrettest.Of(secret.New(key)))
	all := &struct {
		owner
		secret.Veil[[32]byte]
	}{}
	all.owner = owner{name: "owner", p: all.Hide()}
	copy((*all.p)[:], key)
	secrets(t).Absent(t, "owner of a Veil", secrettest.Of(all.owner))
}

// TestKEY_10_SecretIsFound checks that secrettest finds bytes, arrays and strings in each
// place.
func TestKEY_10_SecretIsFound(t *testing.T) {
	known := secrets(t)
	for what, v := range map[string]secrettest.Value{
		"slice": secrettest.Of(key), "array": secrettest.Of([32]byte(key)), "text": secrettest.Of(string(key)),
		"pointer to struct": secrettest.Of(&struct{ K []byte }{key}),
	} {
		for place, held := range v {
			rendered := secrettest.Render(held)
			found := 0
			for _, text := range rendered {
				if known.Shows(text) != "" {
					found++
				}
			}
			if found == 0 && place != "unexported pointer" { // fmt prints an address
				t.Errorf("%s, %s: found in no form", what, place)
			}
		}
	}
	for form, text := range secrettest.Render(key) {
		switch form {
		case "%v", "%s", "%q", "%x", "%X", "% x", "%d", "%#v", "%o", "%b", "%c", "%U", "%e", "%y", "JSON", "gob", "slog text", "slog JSON":
			if known.Shows(text) == "" {
				t.Errorf("not found as %s: %q", form, text)
			}
		}
	}
	if name := known.Shows(fmt.Sprint("nothing here ", bytes.Repeat([]byte{7}, 40))); name != "" {
		t.Errorf("the %s is found where it is not", name)
	}
}

func TestBytes(t *testing.T) {
	var zero secret.Bytes
	given := bytes.Clone(key)
	s := secret.New(given)
	given[0] ^= 1
	if !bytes.Equal(s.Bytes(), key) || s.Len() != len(key) || s.IsZero() {
		t.Error("the secret is no copy of what was given")
	}
	s.Bytes()[0] ^= 1
	if !bytes.Equal(s.Bytes(), key) {
		t.Error("Bytes gives no copy")
	}
	if zero.Bytes() != nil || zero.Len() != 0 || !zero.IsZero() || !secret.New(nil).IsZero() || secret.New([]byte{}).IsZero() {
		t.Error("the zero Bytes")
	}
	for _, row := range []struct {
		a, b secret.Bytes
		want bool
	}{
		{s, secret.New(key), true},
		{s, s, true},
		{s, secret.New(key[1:]), false},
		{s, secret.New(given), false},
		{s, zero, false},
		{zero, s, false},
		{zero, zero, true},
		{zero, secret.New([]byte{}), false},
	} {
		if row.a.Equal(row.b) != row.want {
			t.Errorf("%x and %x equal: %v", row.a.Bytes(), row.b.Bytes(), !row.want)
		}
	}
	held := s
	s.Wipe()
	zero.Wipe()
	if !bytes.Equal(held.Bytes(), make([]byte, len(key))) {
		t.Error("Wipe leaves the secret in a copy")
	}
}
