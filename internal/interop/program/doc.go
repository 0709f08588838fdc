// Package program runs other programs for the tests in internal/interop: daemons that run
// beside a test, and commands that run to their end. Each program gets the environment that
// its caller gives and no other variables, so that the machine's configuration of Kerberos
// does not matter.
package program
