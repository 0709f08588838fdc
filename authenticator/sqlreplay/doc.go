// Package sqlreplay stores the replay cache of several acceptors in a table of PostgreSQL
// or SQLite. An authenticator that one process has accepted is refused by all others, and
// after a restart.
//
//	db, err := sql.Open("pgx", "postgres://acceptor@db.example.com/auth?sslmode=verify-full&target_session_attrs=read-write")
//	...
//	cache, err := sqlreplay.New(ctx, sqlreplay.Config{DB: db, Dialect: sqlreplay.PostgreSQL})
//	...
//	acceptor, err := sspi.NewAcceptor(sspi.Config{Keys: keys, Replay: cache})
//
// The package uses database/sql and imports no driver. Its tests use
// github.com/jackc/pgx/v5 for PostgreSQL and modernc.org/sqlite for SQLite.
//
// # Guarantees
//
// Of any number of calls of Store with one authenticator, in all processes with the same
// table, at most one reports it as new. That holds
//
//   - if a process or the database is killed at any time, or the host loses power: Store
//     returns only after the database has written the record to disk. Each statement
//     checks the settings that this depends on, because they belong to a connection:
//     synchronous_commit, fsync and the kind of the table in PostgreSQL, the synchronous
//     and the journal_mode pragma in SQLite. If one of them is wrong, Store refuses every
//     client with an error that names it;
//   - if the clock of a host or of the database is wrong or is set. Expire needs two clocks
//     that agree, and Store refuses every authenticator that is not later than the records
//     that Expire has deleted;
//   - if the acceptors have different skews.
//
// An error of the database, a timeout and a late answer refuse the client, with
// status.ReasonReplayCacheFailed. While the database is away, no client is admitted. If a
// connection broke during the call, Store tries again with another connection.
//
// # Failover of PostgreSQL
//
// A standby that is promoted lacks the records that the primary had not sent. Store finds
// the promotion by the timeline of the server, which each statement reads, and applies
// Config.AfterLoss: by default it refuses, with status.ReasonBeforeReplayCache, the
// authenticators that were stamped before the first call after the promotion. Most clients
// then send a new one, which is accepted. An authenticator that a client with a fast clock
// had stamped ahead of that time, and whose record was lost, can be replayed once;
// RefuseWithinSkew closes that too, and locks out the clients for one skew. In the tests, with
// a standby that lacked 200 records, 100 of them of clients whose clock is five minutes ahead,
// RefuseOlder let 100 replays in, all of the fast clients, RefuseWithinSkew none, and
// AcceptOlder 200. The time of the promotion is that of the first call after it, by the clock
// of the database or of the acceptor, whichever is later, but no later than one skew after
// the clock of the database. A restored backup is found in the same way if PostgreSQL
// recovered from an archive or if the backup is a dump, but not if the files of the cluster
// were replaced by an older copy.
//
// With Config.SynchronousStandby and synchronous_standby_names, PostgreSQL confirms a
// record only if a standby has it on disk. The promotion of this standby loses nothing: in
// the tests, no record that Store had reported as new under load was lost. It
// also protects against an old primary that continues beside the promoted standby: its
// commits wait for a standby until Timeout. Without it, acceptors that use the old primary
// and acceptors that use the new primary admit an authenticator once each, until the
// cluster's software stops the old one. Do not end the wait of a session with
// pg_cancel_backend: PostgreSQL then confirms the record although no standby has it.
//
// # The connection to PostgreSQL
//
// The user needs SELECT, INSERT, UPDATE and DELETE on the table (GRANT SELECT, INSERT, UPDATE,
// DELETE ON krb5_replay TO acceptor). [CreateTable], and the statements below, need a user who
// may create tables, by default the owner of the database. Store sends one statement,
// so a pooler such as PgBouncer may serve each transaction by another connection. Set
// DB.SetMaxIdleConns to DB.SetMaxOpenConns, because a new connection costs more than a
// record. Store is limited by Config.Timeout and by its context; the driver must end a
// statement when its context ends, as pgx does.
//
//	CREATE TABLE krb5_replay (
//		tag bytea PRIMARY KEY,
//		stamp bigint NOT NULL,
//		lifetime bigint
//	);
//	CREATE INDEX krb5_replay_stamp ON krb5_replay (stamp);
//	CREATE INDEX krb5_replay_state ON krb5_replay (lifetime) WHERE lifetime IS NOT NULL;
//
// # The connection to SQLite
//
// All processes must run on one host and use a local file system. Each connection needs
// synchronous=FULL, a short busy_timeout, and any journal_mode on disk; WAL is the fastest.
// For modernc.org/sqlite:
//
//	file:/var/lib/service/replay.db?_pragma=busy_timeout(100)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)
//
// If the file is deleted or replaced while a process has it open, Store refuses every client
// of this process until the service is restarted.
//
//	CREATE TABLE krb5_replay (
//		tag BLOB PRIMARY KEY,
//		stamp INTEGER NOT NULL,
//		lifetime INTEGER
//	) WITHOUT ROWID;
//	CREATE INDEX krb5_replay_stamp ON krb5_replay (stamp);
//	CREATE INDEX krb5_replay_state ON krb5_replay (lifetime) WHERE lifetime IS NOT NULL;
//
// # Latency
//
// One run of BenchmarkStore on a machine with two processors and a fast virtual disk, in
// microseconds for each call; the time of a new record is that of the flush to disk:
//
//	                          new   new, 16 callers   replay to another process
//	memory cache              0.5               0.5                        0.07
//	PostgreSQL, loopback      202                69                         124
//	SQLite, WAL               235               199                          69
//	SQLite, rollback journal  785               889                          79
//
// A replay to the process that accepted the authenticator is answered from its memory, as by
// the memory cache. A client that floods one process is refused alone, at its share of that
// memory (status.ReasonReplayCacheShare).
//
// # The table
//
// tag is the MAC of the authenticator (authenticator.Record.Tag) and stamp is the client's
// time stamp in microseconds since 1970. A row with a lifetime is the state of the table:
// its stamp is the time from which the table has all records, and its lifetime is that of
// the longest record, in microseconds. To begin anew, such as after the clock of the
// database was years ahead, delete all rows: Config.AfterLoss then counts from the next
// call.
//
// The package deletes nothing by itself. Without [Cache.Expire] the table grows until the
// disk is full, and then no client is admitted. With Expire each minute and the default
// skew, the table has the records of about eleven minutes: 660,000 rows for 1,000 logins a
// second.
package sqlreplay
