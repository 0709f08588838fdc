//go:build !unix

package bench

import "time"

// cpu returns the time that f takes, in nanoseconds, on systems that do not report CPU
// time.
func cpu(f func()) float64 {
	begin := time.Now()
	f()
	return float64(time.Since(begin).Nanoseconds())
}
