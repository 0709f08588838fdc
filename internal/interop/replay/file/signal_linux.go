package main

import (
	"os/signal"
	"syscall"
)

// ignoreFileSize makes a write above the limit for files return an error and not end the
// process.
func ignoreFileSize() { signal.Ignore(syscall.SIGXFSZ) }
