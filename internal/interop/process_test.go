package interop

import (
	"testing"

	"github.com/gosspi/kerberos/internal/interop/program"
)

// The package program runs the programs of the tests.
type process = program.Process

const patience = program.Patience

var (
	start = program.Start
	find  = program.Find
)

// result is the end of a program. A program that a signal killed has code -1.
type result struct {
	code int
	out  string
}

// run runs a program to its end.
func run(t testing.TB, env []string, stdin, name string, args ...string) result {
	t.Helper()
	res := program.Run(t, env, stdin, name, args...)
	return result{res.Code, res.Out}
}

// build compiles a package of this module and returns the program's path.
func build(dir, name, pkg string) (string, error) { return program.Build(dir, name, ".", pkg) }
