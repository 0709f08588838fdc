package filereplay

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/gosspi/kerberos/status"
)

// setOFDLock is F_OFD_SETLK of fcntl.h, the same number for all processors. A lock of an open
// file description excludes other descriptions of this process too, and ends when this
// description is closed and not when any description of the file is. MIT's library uses the
// same locks.
const setOFDLock = 37

// openFile opens or creates the file.
func openFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW|syscall.O_NOCTTY, 0o600)
	if err != nil {
		if errors.Is(err, syscall.ELOOP) {
			err = fmt.Errorf("it is a symbolic link: %w", err)
		}
		return nil, err
	}
	if err := checkFile(f); err != nil {
		_ = f.Close() // nothing was written
		return nil, err
	}
	return f, nil
}

// checkFile refuses a file that another user may read or write. Who writes it can drop
// records, and who reads it can lock it and can choose authenticators that collide.
func checkFile(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	sys, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok: // unreachable: package os returns this type on Linux
		return errors.New("the system does not say who owns the file")
	case !info.Mode().IsRegular():
		return fmt.Errorf("it is no regular file but %v", info.Mode().Type())
	case int(sys.Uid) != os.Geteuid():
		return fmt.Errorf("user %d owns it, and this process runs as user %d", sys.Uid, os.Geteuid())
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("its mode %#o gives other users access; the mode must be 0600", info.Mode().Perm())
	case sys.Nlink > 1:
		return errors.New("it has another name, a hard link")
	}
	return nil
}

// checkFolder refuses a folder in which another user may replace the file.
func checkFolder(path string) error {
	folder := filepath.Dir(path)
	info, err := os.Stat(folder)
	if err != nil {
		return err
	}
	sys, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok: // unreachable, as in checkFile
		return errors.New("the system does not say who owns the folder")
	case sys.Uid != 0 && int(sys.Uid) != os.Geteuid():
		return fmt.Errorf("user %d owns the folder %s and can replace the file", sys.Uid, folder)
	case info.Mode().Perm()&0o022 != 0 && info.Mode()&fs.ModeSticky == 0:
		return fmt.Errorf("other users may write to the folder %s and can replace the file; its mode is %#o", folder, info.Mode().Perm())
	}
	return nil
}

// tryLock locks the whole file, and returns false if it is locked.
func tryLock(f *os.File) (bool, error) {
	switch err := setLock(f, syscall.F_WRLCK); {
	case err == nil:
		return true, nil
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EINTR):
		return false, nil
	case errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.ENOSYS):
		return false, &status.Error{Reason: status.ReasonUnsupported, Detail: "the kernel has no locks of open file descriptions (F_OFD_SETLK)", Err: err}
	default:
		return false, err
	}
}

// unlock ends the lock, also for a child process that has not yet closed its copy of the
// descriptor.
func unlock(f *os.File) error { return setLock(f, syscall.F_UNLCK) }

func setLock(f *os.File, kind int16) error {
	return os.NewSyscallError("fcntl", syscall.FcntlFlock(f.Fd(), setOFDLock, &syscall.Flock_t{Type: kind}))
}
