package sspideleg

import (
	"errors"
	"io/fs"
	"os"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/ccache"
	"github.com/gosspi/kerberos/status"
)

// MarshalCCache returns all tickets of d as a credential cache file in MIT's format, version
// 4. The default principal of the cache is the client. The cache stores times in whole
// seconds; a time before 1970 or after 2106, which the format cannot represent, becomes the
// nearest time that it can. The bytes are secret. The caller owns them.
func MarshalCCache(d *authenticator.Delegated) ([]byte, error) {
	if err := check(d); err != nil {
		return nil, err
	}
	return ccache.Marshal(d.Client, d.Tickets), nil
}

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
	if err := ccache.Replace(path, b); err != nil {
		return notWritten(err)
	}
	return nil
}

func notWritten(err error) error {
	return &status.Error{Reason: status.ReasonInternal, Detail: "sspideleg: the credential cache cannot be written", Err: err}
}
