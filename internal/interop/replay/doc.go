// Package replay tests replay caches that several processes share: two acceptor processes
// accept for one SPN, real clients of MIT's library log in with tickets of MIT's KDC, and
// every token is presented to both processes while faults happen. The tests need a KDC.
// .ci/interop runs them.
package replay
