package sspi_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
)

// TestKEY_14_Logger checks that the Logger of each acceptor receives the notices of a
// keytab file: once at the start, once when a problem begins and once when it ends. The
// acceptor accepts clients with the keys that it has.
func TestKEY_14_Logger(t *testing.T) {
	var base sspi.Config
	s := newSite(t, func(cfg *sspi.Config) { base = *cfg })
	path := filepath.Join(t.TempDir(), "http.keytab")
	write := func(b []byte) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := s.keys.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	write(append(bytes.Clone(whole), '\n'))
	file, err := keytab.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var logs [2]bytes.Buffer
	var acceptors [2]*sspi.Acceptor
	for i := range acceptors {
		cfg := base
		cfg.Keys, cfg.Logger = file, slog.New(slog.NewJSONHandler(&logs[i], nil))
		if acceptors[i], err = sspi.NewAcceptor(cfg); err != nil {
			t.Fatal(err)
		}
	}
	logged := func(what string, want ...string) {
		t.Helper()
		for i := range logs {
			var got []string
			for line := range strings.Lines(logs[i].String()) {
				var r struct{ Level, Msg, File, Detail string }
				if err := json.Unmarshal([]byte(line), &r); err != nil {
					t.Fatal(err)
				}
				if r.Msg != "kerberos: keytab" {
					continue
				}
				got = append(got, r.Level+" "+r.Detail)
				if r.File != path || !strings.Contains(r.Detail, path) {
					t.Errorf("%s: the file is not named: %s", what, line)
				}
			}
			logs[i].Reset()
			if len(got) != len(want) {
				t.Errorf("%s: acceptor %d logged %q, want %q", what, i, got, want)
				continue
			}
			for j := range got {
				if !strings.HasPrefix(got[j], strings.Fields(want[j])[0]) || !strings.Contains(got[j], strings.SplitN(want[j], " ", 2)[1]) {
					t.Errorf("%s: acceptor %d logged %q, want %q", what, i, got[j], want[j])
				}
			}
		}
	}
	accept := func() {
		t.Helper()
		for _, a := range acceptors {
			for range 2 {
				if _, _, err := a.NewContext(sspi.ContextConfig{}).Accept(t.Context(), s.request().Token()); err != nil {
					t.Error(err)
				}
			}
		}
	}
	logged("at the start", "WARN a line end behind its last entry")
	write(whole[:len(whole)-1])
	_ = file.Reload()
	accept()
	logged("truncated", "WARN an entry is cut short; the ")
	_ = file.Reload()
	accept()
	logged("still truncated")
	write(whole)
	if err := file.Reload(); err != nil {
		t.Fatal(err)
	}
	accept()
	logged("restored", "INFO can be used again")

	empty, err := keytab.NewTable()
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	if _, err := sspi.NewAcceptor(sspi.Config{Keys: empty, Logger: slog.New(slog.NewTextHandler(&log, nil))}); err != nil || !strings.Contains(log.String(), "it has no entry that can be used; no client can be accepted") {
		t.Errorf("%v, %s", err, log.String())
	}
}
