//go:build !unix

package bench

import "time"

// cpu is the time that f takes, in nanoseconds, where CPU time is not to be had.
func cpu(f func()) float64 {
	begin := time.Now()
	f()
	return float64(time.Since(begin).Nanoseconds())
}
