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

// trusted reports whether info is of a file of root's or of the effective user's.
func trusted(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && (s.Uid == 0 || int(s.Uid) == os.Geteuid())
}

// openTrusted opens path, but follows a symbolic link there only if it is
// trusted. It is first opened without following: there is no moment in which
// what was a file when it was looked at could have become a link.
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
		return nil, errors.New("it is a symbolic link that belongs to somebody else")
	}
	return os.Open(path)
}

// exposure returns the text of a notice if other users may read the file at path: with
// its keys they can be the service, and can forge any user's ticket for it.
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
