package program

import (
	"os/exec"
	"syscall"
)

// endWithUs makes the system end a process with the test, so that a test that
// panics or runs out of time leaves no KDC behind.
func endWithUs(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
