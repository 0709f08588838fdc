// Package archtest contains tests that check the repository's source against the rules in
// ARCHITECTURE.md and CONTRIBUTING.md. Each test explains why its rule exists.
package archtest
