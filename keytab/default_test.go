package keytab

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gosspi/kerberos/status"
)

func TestDefault_Path(t *testing.T) {
	for name, want := range map[string]string{
		"":                       defaultFile,
		"/etc/http.keytab":       "/etc/http.keytab",
		"FILE:/etc/http.keytab":  "/etc/http.keytab",
		"WRFILE:/etc/h.keytab":   "/etc/h.keytab",
		"relative":               "relative",
		"/odd:name":              "/odd:name",
		`C:\keytabs\http.keytab`: `C:\keytabs\http.keytab`,
		"FILE:":                  "",
		"MEMORY:name":            "",
		"DIR:/etc":               "",
		"file:/etc/http.keytab":  "",
	} {
		got, err := defaultPath(name)
		if got != want || (err != nil) != (want == "") || err != nil && status.ReasonOf(err) != status.ReasonNoCredentials {
			t.Errorf("%q: %q, %v; want %q", name, got, err, want)
		}
	}
}

func TestDefault_Environment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keytab")
	if err := os.WriteFile(path, generation(t, 4), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(environment, "FILE:"+path)
	f, err := Default()
	if err != nil {
		t.Fatal(err)
	}
	if table, _ := f.Table(t.Context()); kvnosOf(table) != "4" {
		t.Errorf("keys of version %s", kvnosOf(table))
	}
	t.Setenv(environment, "MEMORY:x")
	if _, err := Default(); status.ReasonOf(err) != status.ReasonNoCredentials {
		t.Error(err)
	}
}
