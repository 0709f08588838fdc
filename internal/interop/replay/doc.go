// Package replay tests replay caches that several processes share: two acceptor processes
// accept for one SPN, real clients of MIT's library log in with tickets of MIT's KDC, and
// every token is presented to both processes while faults happen. The tests need a KDC.
// .ci/interop runs them. One test makes fewer logins than the others, for the time of CI; the
// environment variable KERBEROS_LOGINS=10000 gives each test at least 10,000:
//
//	KERBEROS_LOGINS=10000 go test -count=1 -v -timeout 40m ./internal/interop/replay
//
// BenchmarkReplayCaches measures all caches in one run.
package replay
