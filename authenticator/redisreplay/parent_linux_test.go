package redisreplay_test

import (
	"os/exec"
	"syscall"
)

// endWithTest makes the system end a server with the test, even if the test panics.
func endWithTest(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
