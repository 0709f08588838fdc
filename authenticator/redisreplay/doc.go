// Package redisreplay is a replay cache in a Redis or Valkey server. All acceptors that
// use the same keys share it, so that a captured token that one host has accepted is
// refused by the others, and a restart of an acceptor refuses no client.
//
//	cache, err := redisreplay.New(ctx, redisreplay.Config{
//		Options: &redis.UniversalOptions{Addrs: []string{"redis.example.com:6380"}, TLSConfig: &tls.Config{}},
//	})
//	...
//	acceptor, err := sspi.NewAcceptor(sspi.Config{Replay: cache, ...})
//
// # The guarantee
//
// Of any number of uses of one authenticator, at any number of hosts, one is accepted. The
// server decides in one step (SET key value NX PX milliseconds). An error, a timeout and an
// answer after [Config].Timeout refuse the client: if the server is away, no client gets in.
// A replay to the process that accepted the authenticator is refused from the memory of that
// process, without the server. A client that floods the cache is refused alone, at its share
// of that memory.
//
// The cache checks the server in New and on each new connection, and refuses all clients
// unless
//
//   - the maxmemory-policy is noeviction. A full server then refuses new records and drops
//     none. See [Config].AssumeNoEviction for servers that hide the policy;
//   - the server is a primary;
//   - the clocks of the server and of this host differ by no more than
//     [Config].MaxClockDifference.
//
// A connection lives for one minute by default (ConnMaxLifetime of the Options), so a change
// of the policy or of a clock is found within a minute.
//
// # Time
//
// The server deletes a record by its own clock. The cache sends it a lifetime and no date,
// so clocks that differ by a constant do no harm. The lifetime is the time left until
// Record.Until and, in addition, the longer of one skew and twice MaxClockDifference. No
// record is deleted before Record.Until by the clock of any acceptor, also after a failover
// to a server with another clock, provided that the clock of each server is within
// MaxClockDifference of the clock of each acceptor. If the clock of a server is set forward
// by more than that, records are lost until the next connection finds the difference. For
// hosts without synchronised clocks, set MaxClockDifference to a greater value.
//
// # Lost records
//
// Redis replicates asynchronously: if a primary fails, its replica does not have the last
// records. The tests of this package store about 10,000 records a second from 16 goroutines
// and then kill the primary. Of 3,000 records a replica on the same host lacked none in most
// runs and 7 in one run, and a replica behind a delay of 10 ms lacked 130 to 470. A restart
// without persistence loses all records, and a restart with appendfsync everysec loses about
// a second of them after a power failure. The cache detects such events when it connects to
// the server again: the start of a server (run_id), a promotion (master_replid) and evictions
// (evicted_keys). It detects the deletion of all keys (FLUSHALL) with the next record, or
// with the next connection in a Cluster, because its note, Prefix + "since:...", is missing.
// Then [Config].AfterLoss applies, in all processes:
//
//   - RefuseOlder, the default, refuses authenticators that were stamped before the event
//     (Reason before-replay-cache). A client whose clock is right is not refused, except with
//     tokens that it made while the server was away; a client whose clock is behind by
//     some seconds is refused for these seconds. An authenticator that a client with a fast
//     clock stamped ahead of time, and whose record was lost, can be replayed once;
//   - RefuseWithinSkew closes that too, and refuses most clients for a skew after each event;
//   - AcceptOlder refuses nothing: each lost record can be replayed once, until the
//     authenticator is older than the skew.
//
// In the tests no lost record could be replayed under RefuseOlder. The time of a promotion is
// the time of the first connection to the new primary, and the time of a restart is that of
// the start of the server. These times are by the clock of the server or by the clock of the
// host, whichever is ahead. [Config].Replicas reduces the loss: Store then waits until
// replicas have the record (WAIT). With Replicas: 1 and the delay of 10 ms the tests lost
// none of 3,000 records. That is enough for Sentinel with one or two replicas, because
// Sentinel promotes the replica with the most data.
//
// A server that is cut off from its replicas and does not notice that another was promoted
// accepts records until its clients notice. During that time one authenticator can be
// accepted on each side. Close this with Replicas, such that any set of Replicas + 1 servers
// is a majority, or with min-replicas-to-write in the server. An event at a server is not
// detected on a connection that stays open during the event: if a primary becomes a replica
// and a primary again within ConnMaxLifetime, and a connection is not used in between.
//
// The deletion of single keys by other programs is not detected. Give the replay cache a
// server, or at least a user, of its own. Do not reduce repl-backlog-ttl (one hour) to less
// than twice the skew.
//
// # The server
//
// A server needs about 210 bytes for a record, and keeps it for about twice the skew: with
// the skew of five minutes, 1,000 logins a second need 130 MB. A new authenticator takes
// about 50 microseconds with a server on the same host, where the memory cache takes one to
// two, and a replay to the same process takes as long as in the memory cache. The commands
// of a user with minimal rights are
//
//	ACL SETUSER krb5rc on >PASSWORD ~krb5rc:* -@all +hello +auth +ping +select +info +time
//	    +config|get +set +get +pexpire +wait
//
// A server that restarts knows the user only if the line "user krb5rc on ..." is in redis.conf
// or in the file that aclfile names. Cluster needs +cluster|slots, +cluster|shards, +command and
// +readonly in addition. The name of a key is the end of the authenticator's ciphertext, which
// was on the network already.
// A client of the server with the right to write can delete records, so use TLS and a password.
//
// If MasterName names a Sentinel service, New connects to the primary that Sentinel names.
// In a Cluster each primary is checked, and an event at one primary counts for all. The cache
// refuses connections to replicas, so the Options of a Cluster must name a primary, and
// should name several nodes. With Replicas, a Cluster refuses a client whose slot is being
// moved to another node at that moment.
//
// # Use
//
// Use this cache if several hosts accept under one name and Redis is already there. For
// several processes of one host without Redis, package filereplay needs no server.
// go-redis writes failed connections to standard error; redis.SetLogger changes that.
package redisreplay
