// Package bench measures the acceptor. It holds benchmarks only: no program
// imports it.
//
// On a shared machine an absolute time says little. The benchmarks therefore compare an
// accept with a floor: the cryptography that every acceptor needs, implemented here with
// the standard library alone, as efficiently as Go allows, on the same tokens. The accept
// and the floor alternate in one process, and the benchmark reports the quotient of their
// CPU times. The floor shares no code with package etype, so that a change of etype
// changes only one of the two.
//
//	go test -run '^$' -bench . ./internal/bench
package bench
