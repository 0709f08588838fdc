package sspideleg

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/status"
)

// WriteCCache writes [MarshalCCache] to a file, for programs that are started with
// KRB5CCNAME=FILE:path in their environment. Where there are permissions, the file is
// the owner's alone (0600). It appears at once and whole, in place of a file that was
// there; a symbolic link there is refused, as is anything else that is no file. The
// folder should be one that nobody else may write in. Who calls it removes the file.
func WriteCCache(path string, d *authenticator.Delegated) error {
	b, err := MarshalCCache(d)
	if err != nil {
		return err
	}
	defer clear(b)
	// What becomes of path after this does not matter: a rename follows no link.
	switch info, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return notWritten(err)
	case !info.Mode().IsRegular():
		return refused(status.ReasonArgument, "there is something at the credential cache's path that is no regular file")
	}
	if err := replace(path, b); err != nil {
		return notWritten(err)
	}
	return nil
}

// replace puts a new file in the place of path, or leaves everything as it was.
func replace(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".ccache-*") // 0600, and never a file that is there
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
