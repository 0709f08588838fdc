//go:build !linux

package filereplay

import (
	"os"

	"github.com/gosspi/kerberos/status"
)

// errNoLocks is the error of Open. POSIX locks belong to a process, and end when any part
// of the process closes the file. MIT's library on Windows locks nothing.
var errNoLocks = &status.Error{
	Reason: status.ReasonUnsupported,
	Detail: "a replay file needs locks of open file descriptions (F_OFD_SETLK), which only Linux has; use another replay cache",
}

func openFile(string) (*os.File, error) { return nil, errNoLocks }

func checkFolder(string) error { return errNoLocks }

func tryLock(*os.File) (bool, error) { return false, errNoLocks }

func unlock(*os.File) error { return errNoLocks }
