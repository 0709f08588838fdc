// Package house holds the house: tests that read the source of the whole
// repository and fail where a rule of its architecture is broken. The rules are
// in ARCHITECTURE.md and CONTRIBUTING.md; what each costs to break is said by the
// test that keeps it.
package house
