// Package interop holds the tests against other people's Kerberos: MIT's KDC,
// MIT's gss-client, Debian's python3-gssapi, Heimdal's library and gokrb5's
// client, each as it comes from its distribution.
//
// Each run makes realms of its own in temporary directories, on free ports of the
// loopback interface, and reads no configuration, keytab or credentials of the
// machine. install.sh brings the packages on Debian. A test whose programs are
// missing skips and names them; with KERBEROS_REQUIRE_INTEROP=1 it fails. With
// -short all of them skip.
//
// The same cases run against MIT's own gss-server first (TestInteropControl...):
// where those fail too, the harness or the machine is at fault and not this
// library.
package interop
