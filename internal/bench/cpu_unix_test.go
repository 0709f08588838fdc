//go:build unix

package bench

import "syscall"

// cpu returns the CPU time that f takes, in nanoseconds, in all threads of the process,
// including the garbage collector.
func cpu(f func()) float64 {
	before := used()
	f()
	return float64(used() - before)
}

func used() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return syscall.TimevalToNsec(u.Utime) + syscall.TimevalToNsec(u.Stime)
}
