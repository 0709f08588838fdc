// Package interop holds the tests against other people's Kerberos, each as it comes
// from its distribution: MIT's KDC and gss-client, python3-gssapi with and without
// gss-ntlmssp, Heimdal's library, Java's JGSS and HttpURLConnection, gokrb5's client;
// and, against the examples of this repository, curl, Chromium, OpenSSH, OpenLDAP's
// tools and psql. A run in which everything passed writes the table of
// clients, with -update, or checks it.
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
