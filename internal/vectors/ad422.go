package vectors

import (
	"encoding/json"
	"strings"
	"testing"
)

// AD422 reads testdata/ad422/expect.json: the facts of each captured token by its name. A test
// declares the facts that it compares as T.
func AD422[T any](t testing.TB) map[string]T {
	t.Helper()
	var cases map[string]T
	if err := json.Unmarshal(read(t, "ad422", "expect.json"), &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) != 66 {
		t.Fatalf("%d cases, want 66", len(cases))
	}
	return cases
}

// AD422Token returns the captured token of a case of [AD422].
func AD422Token(t testing.TB, name string) []byte {
	t.Helper()
	return Hex(t, strings.TrimSpace(string(read(t, "ad422", name+".token.hex"))))
}

// AD422Keytab returns a keytab of testdata/ad422.
func AD422Keytab(t testing.TB, name string) []byte {
	t.Helper()
	return read(t, "ad422", name)
}
