// Package testkdc implements the KDC of package sspitest: it answers AS-REQ and TGS-REQ
// (RFC 4120, Section 3.1 and 3.3) for a realm in memory, on the loopback interface only.
//
// Package krb5 parses the requests, and package keytab decrypts and verifies them, because
// gokrb5 panics on some requests. Package krbtest builds the tickets and the answers with
// gokrb5, so that an acceptor under test does not read messages that its own code wrote.
//
// The KDC answers as MIT's KDC does, also with its error codes. It is a tool for tests: its
// keys are in memory, it has no access control, and it does not limit wrong passwords.
package testkdc
