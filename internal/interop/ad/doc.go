// Package ad tests the acceptor with Active Directory domains: two Samba forests of
// functional level 2016, which trust each other. testdata/forests.json describes their
// accounts. Each run makes the forests anew, on loopback addresses of their own, and ends
// their daemons by their process ids.
//
// Samba runs in a chroot of Debian 13, because Debian 12 has a Samba without claims and
// resource groups. The script .ci/interop-ad makes the chroot; make interop-ad runs the
// script and the tests. Without the chroot, or without the right to use it, every test
// skips and says what is missing; with KERBEROS_REQUIRE_INTEROP=1 it fails.
//
// The tests compare this library with Samba's own acceptor, which gets the same tokens.
package ad
