package filereplay_test

import (
	"path/filepath"
	"testing"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/authenticator/filereplay"
	"github.com/gosspi/kerberos/authenticator/replaytest"
)

// open opens a cache without a rule for a new file.
func open(t testing.TB, path string) *filereplay.Cache {
	t.Helper()
	c, err := filereplay.Open(t.Context(), filereplay.Config{Path: path, Start: authenticator.AcceptOlder})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func fresh(t testing.TB) string { return filepath.Join(t.TempDir(), "replay") }

func TestREPLAY_9_FileConforms(t *testing.T) {
	needsLocks(t)
	replaytest.Run(t, func(t *testing.T) authenticator.ReplayCache { return open(t, fresh(t)) })
}

func TestREPLAY_9_FileIsShared(t *testing.T) {
	needsLocks(t)
	replaytest.Hosts(t, func(t *testing.T) (first, second authenticator.ReplayCache) {
		path := fresh(t)
		return open(t, path), open(t, path)
	})
}

func TestREPLAY_9_FileOfProcesses(t *testing.T) {
	needsLocks(t)
	replaytest.Processes(t, func(t *testing.T) string { return fresh(t) },
		func(t *testing.T, path string) authenticator.ReplayCache { return open(t, path) })
}
