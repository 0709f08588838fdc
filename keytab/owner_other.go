//go:build !unix

package keytab

import (
	"errors"
	"io/fs"
	"os"
)

const ownersKnown = false

// trusted and openTrusted are never called: FileConfig.Open refuses RequireOwner here.
func trusted(fs.FileInfo) bool { return false }

func openTrusted(string) (*os.File, error) {
	return nil, errors.New("files have no owner on this system")
}

// exposure returns "", because permission bits do not control access on this system.
func exposure(string, fs.FileInfo) string { return "" }
