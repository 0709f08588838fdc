package sspideleg

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/status"
)

// WriteCCache writes the result of [MarshalCCache] to a file, for programs that run with
// KRB5CCNAME=FILE:path in their environment. On systems with file permissions, only the
// owner may read the file (0600). WriteCCache replaces an existing file atomically. It
// returns an error if path is a symbolic link or not a regular file. No other user should
// have write permission for the folder. The caller removes the file.
func WriteCCache(path string, d *authenticator.Delegated) error {
	b, err := MarshalCCache(d)
	if err != nil {
		return err
	}
	defer clear(b)
	// A later change of path does no harm, because a rename does not follow links.
	switch info, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return notWritten(err)
	case !info.Mode().IsRegular():
		return failure(status.ReasonArgument, "the path of the credential cache exists and is not a regular file")
	}
	if err := replace(path, b); err != nil {
		return notWritten(err)
	}
	return nil
}

// replace creates or replaces the file at path atomically. If it fails, path is unchanged.
func replace(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".ccache-*") // with mode 0600; CreateTemp never opens an existing file
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return err
}

func notWritten(err error) error {
	return &status.Error{Reason: status.ReasonInternal, Detail: "sspideleg: the credential cache cannot be written", Err: err}
}
