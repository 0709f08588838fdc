//go:build unix

package keytab

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"github.com/gosspi/kerberos/internal/quote"
)

const ownersKnown = true

// trusted reports whether the owner of the file is root or the effective user.
func trusted(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && (s.Uid == 0 || int(s.Uid) == os.Geteuid())
}

// openTrusted opens path, and follows a symbolic link at path only if the owner of the
// link is trusted. It first tries to open path without following a link, so that a file
// cannot be replaced by a link between check and use.
func openTrusted(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if err == nil {
		return file, nil
	}
	link, statErr := os.Lstat(path)
	if statErr != nil || link.Mode()&fs.ModeSymlink == 0 {
		return nil, err
	}
	if !trusted(link) {
		return nil, errors.New("it is a symbolic link whose owner is neither root nor the user of this process")
	}
	return os.Open(path)
}

// exposure returns the text of a Notice if other users may read the file at path. A user
// who can read its keys can impersonate the service, and can forge any client's ticket
// for it.
func exposure(path string, info fs.FileInfo) string {
	readers := ""
	switch mode := info.Mode().Perm(); {
	case mode&0o004 != 0:
		readers = "every user"
	case mode&0o040 != 0:
		readers = "its group"
	default:
		return ""
	}
	return "the keytab file " + quote.Value(path) + " may be read by " + readers + ": a process that can read it can forge any user's ticket for this service"
}
