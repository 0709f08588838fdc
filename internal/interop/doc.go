// Package interop tests the acceptor with the Kerberos implementations of a Linux
// distribution: MIT's KDC and gss-client, python3-gssapi with and without gss-ntlmssp,
// Heimdal's library, Java's JGSS and HttpURLConnection, and gokrb5's client. It tests the
// examples of this repository with curl, Chromium, OpenSSH, OpenLDAP's tools and psql, and
// smbclient as far as the ticket. A run without failures compares its results with the table
// of clients, or writes the table if -update is set.
//
// Each run makes its own realms in temporary directories, on free ports of the loopback
// interface, and reads no configuration, keytab or credentials of the machine. install.sh
// installs the packages on Debian. A test whose programs are missing skips and names
// them; with KERBEROS_REQUIRE_INTEROP=1 it fails. With -short all tests skip.
//
// With KERBEROS_INTEROP_KDC=sspitest in the environment, the tests use the KDC of package
// sspitest in place of MIT's KDC, except tests of MIT's KDC itself, which skip. The tests
// TestInteropKDC_... always test that KDC. TestInteropKDC_Codes compares the two.
//
// The tests TestInteropControl_... run the same cases against MIT's own gss-server. If
// they fail too, the fault lies in the harness or the machine and not in this library.
package interop
