//go:build unix

package sspiallow_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gosspi/kerberos/sspi/sspiallow"
)

// TestRULE_4_Pipe checks that Open refuses a pipe, and does not wait for a program that writes
// to it.
func TestRULE_4_Pipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip("no pipes here:", err)
	}
	if _, err := (sspiallow.NamesConfig{Path: path}).Open(); err == nil || !strings.Contains(err.Error(), "it is not a regular file") {
		t.Error(err)
	}
}
