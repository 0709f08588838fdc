// Package bench measures the acceptor. It holds benchmarks only: no program
// imports it.
//
// A time alone says little on a machine that others share, so an accept is
// measured beside a floor: the cryptography that no acceptor can leave out,
// written here on the standard library alone, as tightly as Go allows, and fed
// with the same tokens. The two run in turns in one process, and the benchmark
// reports the quotient of the CPU time they took. The floor shares no code with
// package etype, so that a change there cannot move both.
//
//	go test -run '^$' -bench . ./internal/bench
package bench
