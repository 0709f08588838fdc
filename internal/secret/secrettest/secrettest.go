// Package secrettest renders values in every form in which a program might print or
// encode them, and searches the output for the bytes of secrets. Only tests import it.
package secrettest

import (
	"bytes"
	"encoding"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Value holds a value inside every kind of container that a program may use: fields,
// lists, maps, pointers, and unexported fields, whose methods printers do not call.
type Value map[string]any

// Of returns v in every container. T should be the static type that programs use, not an
// interface.
func Of[T any](v T) Value {
	return Value{
		"alone": v, "pointer": &v, "exported field": struct{ V T }{v}, "exported pointer": struct{ V *T }{&v},
		"unexported field": struct{ v T }{v}, "unexported pointer": struct{ v *T }{&v}, "pointer to unexported field": &struct{ v T }{v},
		"list": []T{v}, "unexported list": struct{ v []T }{[]T{v}}, "unexported array": struct{ v [1]T }{[1]T{v}},
		"map": map[string]T{"v": v}, "unexported map": struct{ v map[string]T }{map[string]T{"v": v}},
		"any in a field": struct{ V any }{v}, "unexported any": struct{ v any }{v}, "unexported list of any": struct{ v []any }{[]any{v}},
		"nested": struct{ V struct{ v struct{ V T } } }{struct{ v struct{ V T } }{struct{ V T }{v}}},
	}
}

// Exported returns the containers of v that hold the value in no unexported field.
func (v Value) Exported() Value {
	out := make(Value)
	for place, held := range v {
		if !strings.Contains(place, "unexported") && place != "nested" {
			out[place] = held
		}
	}
	return out
}

// Secrets holds the textual forms of secret bytes, with the name of each secret.
type Secrets struct{ patterns *Index }

// New prepares the search for secrets, which map a name to at least 12 bytes.
func New(t testing.TB, secrets map[string][]byte) *Secrets {
	t.Helper()
	return &Secrets{NewIndex(patterns(t, secrets))}
}

// Absent fails t for each form of v that shows eight or more bytes of a secret. It skips
// the forms named in exceptions.
func (s *Secrets) Absent(t testing.TB, what string, v Value, exceptions ...string) {
	t.Helper()
	seen := make(map[string]bool)
	for place, held := range v {
		for form, text := range Render(held) {
			if seen[text] || slices.Contains(exceptions, form) {
				continue
			}
			seen[text] = true
			if name := s.Shows(text); name != "" {
				t.Errorf("%s, %s, as %s shows the %s: %.200q", what, place, form, name, text)
			}
		}
	}
}

// Shows returns the name of a secret that text shows, or "" if text shows no secret.
func (s *Secrets) Shows(text string) string { return find(s.patterns, text) }

// Render returns v in every form, by the form's name.
func Render(v any) map[string]string {
	out := make(map[string]string)
	for _, verb := range "vsqxXdobcUetpy" {
		for _, flag := range []string{"", "+", "#", " "} {
			out["%"+flag+string(verb)] = fmt.Sprintf("%"+flag+string(verb), v)
		}
	}
	out["Print"] = fmt.Sprint(v)
	for name, marshal := range map[string]func() ([]byte, error){
		"JSON": func() ([]byte, error) { return json.Marshal(v) },
		"XML":  func() ([]byte, error) { return xml.Marshal(v) },
		"gob":  func() ([]byte, error) { return encodeGob(v) },
		"text": func() ([]byte, error) {
			if m, ok := v.(encoding.TextMarshaler); ok {
				return m.MarshalText()
			}
			return nil, nil
		},
		"binary": func() ([]byte, error) {
			if m, ok := v.(encoding.BinaryMarshaler); ok {
				return m.MarshalBinary()
			}
			return nil, nil
		},
	} {
		b, err := marshal()
		out[name], out[name+" error"] = string(b), fmt.Sprint(err)
	}
	var text, object bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&text, nil), slog.NewJSONHandler(&object, nil)} {
		slog.New(h).With("with", v).Error("text", "value", v, slog.Group("group", "value", v))
	}
	out["slog text"], out["slog JSON"] = text.String(), object.String()
	return out
}

// encodeGob encodes v with package gob. It returns a panic of package gob, which some nil
// pointers cause, as an error.
func encodeGob(v any) (encoded []byte, err error) {
	var b bytes.Buffer
	defer func() {
		if r := recover(); r != nil {
			encoded, err = b.Bytes(), fmt.Errorf("gob: %v", r)
		}
	}()
	err = gob.NewEncoder(&b).Encode(v)
	return b.Bytes(), err
}

// wrongVerb matches a number as fmt prints it with a verb that does not fit its type.
var wrongVerb = regexp.MustCompile(`%![a-zA-Z]\(u?int8=([^)]*)\)`)

func find(patterns *Index, text string) string {
	texts := []string{text}
	if strings.Contains(text, "int8=") {
		texts = append(texts, wrongVerb.ReplaceAllString(text, "$1"))
	}
	for _, text := range texts {
		if name := patterns.Find(text); name != "" {
			return name
		}
	}
	return ""
}

// patterns returns the forms of the eight bytes at every fourth offset of each secret.
func patterns(t testing.TB, secrets map[string][]byte) map[string]string {
	t.Helper()
	out := make(map[string]string)
	for name, secret := range secrets {
		if len(secret) < 12 {
			t.Fatalf("the %s has %d bytes, which are too few to look for", name, len(secret))
		}
		for at := 0; at+8 <= len(secret); at += 4 {
			part := secret[at:][:8]
			if bytes.Equal(part, make([]byte, 8)) {
				continue
			}
			for _, form := range formsOf(part) {
				out[form] = name
			}
		}
		for shift := range 3 { // whole groups of three bytes are alike in any base64
			b := secret[shift:]
			b = b[:len(b)/3*3]
			out[base64.RawStdEncoding.EncodeToString(b)[:12]] = name
			out[base64.RawURLEncoding.EncodeToString(b)[:12]] = name
		}
	}
	return out
}

func formsOf(part []byte) []string {
	out := []string{string(part), hex.EncodeToString(part), strings.ToUpper(hex.EncodeToString(part))}
	for _, verb := range []string{"%d", "%+d", "% d", "% x", "% X", "%# x", "%#v", "%o", "%#o", "%b", "%c", "%q", "%+q", "%U", "%e"} {
		for _, v := range []any{part, [8]byte(part)} {
			text := fmt.Sprintf(verb, v)
			text = strings.TrimPrefix(strings.TrimPrefix(text, "[]byte"), "[8]uint8")
			if strings.ContainsAny(text[:1], `[{"`) {
				text = text[1 : len(text)-1]
			}
			out = append(out, text)
		}
	}
	decimal := fmt.Sprint(part)
	return append(out, strings.ReplaceAll(decimal[1:len(decimal)-1], " ", ","))
}
