// Package filereplay is an [authenticator.ReplayCache] in a file of the format file2 of MIT
// Kerberos, version 1.18 and later. All processes of a host that accept under the same keys
// can share the file, C programs with MIT's library among them, and the file outlives each
// of them:
//
//	cache, err := filereplay.Open(ctx, filereplay.Config{Path: "/var/lib/www/replay"})
//	acceptor, err := sspi.NewAcceptor(sspi.Config{Keys: keys, Replay: cache})
//
// A program with MIT's library uses this file if its environment has
// KRB5RCACHENAME=file2:/var/lib/www/replay. Without this variable MIT's library uses
// /var/tmp/krb5_UID.rcache2 with the number of its effective user. The package reads no
// environment variable.
//
// # Guarantees
//
// Of all calls with one authenticator, in all processes of the host, one is told that it is
// new. A record is in the kernel's memory when Store returns true, so the end of a process,
// by SIGKILL too, loses none. Neither this package nor MIT's library synchronises the file
// with the disk: a power failure, or a reboot that empties the folder, can lose records.
// Hosts do not share a file: locks over NFS and the like are not supported.
//
// Store fails, and the acceptor refuses the client, if the file cannot be opened, locked,
// read or written, if the disk is full, if ctx ends, and if the file is not the service's
// own: a symbolic link, no regular file, owned by another user, or accessible by other
// users. The next call tries again. Store never waits longer than ctx.
//
// The file has 16 bytes for each record, in tables that are used again when the records
// have expired; it grows with the logins of ten minutes and never shrinks. With 1,000 logins
// a second it has 56 MiB after 23 minutes. The format ends at 2 GiB. The cache has no share
// for each client: a client with one ticket can make the file grow. A limit on the disk
// space of the folder, such as a quota, bounds that, and refuses all clients when it is
// reached.
//
// Store takes 16 microseconds in a small file, 36 in a file of 100,000 records and 24 for
// callers at the same time, where the memory cache takes 1 to 2 (BenchmarkStore, two cores,
// ext4). Processes that share a file wait for each other: a process that is stopped while it
// holds the lock makes all others refuse until it goes on or ends.
//
// # A new file
//
// The process that creates the file, or finds it empty, applies Config.Start: an
// authenticator from the time before may have been used with an earlier file. It also
// writes a record of the time, so that processes that open the file later apply the same
// rule. A process that finds during its life that the file was replaced, removed or cut
// refuses authenticators from the time before.
//
// # MIT's library
//
// MIT's library writes the time at which it stored the record, and drops the record one
// clockskew later. A client whose clock is ahead can be replayed to it after that time. This
// package writes a later time in such a case, so that MIT's library keeps the records of
// this package long enough. It drops no record of MIT's library that this acceptor needs.
// If a clock is set forward, MIT's library drops all records, also those of this package.
//
// # Systems
//
// The package needs locks of open file descriptions, which Linux has since version 3.15. On
// other systems Open fails with status.ReasonUnsupported.
package filereplay
