package sqlreplay

// postgresProblem returns the first condition that the server does not meet, or "".
// The names in it are those of settings and states of PostgreSQL. With a stricter isolation
// level than read committed, an INSERT could miss the horizon of a concurrent Expire.
const postgresProblem = `
	WHEN pg_is_in_recovery() THEN 'the server is a standby; connect to the primary (target_session_attrs=read-write)'
	WHEN current_setting('transaction_read_only') = 'on' THEN 'transactions are read-only; set default_transaction_read_only to off for the user of the acceptor'
	WHEN current_setting('synchronous_commit') = 'off' THEN 'synchronous_commit is off, so a crash of the server loses records; set it to on'
	WHEN current_setting('fsync') <> 'on' THEN 'fsync is off, so a crash of the host loses records; set it to on'
	WHEN current_setting('transaction_isolation') <> 'read committed' THEN 'default_transaction_isolation is not read committed; set it for the user of the acceptor'
	WHEN (SELECT relpersistence FROM pg_class WHERE oid = '{table}'::regclass) <> 'p' THEN 'the table is unlogged or temporary; a crash of the server empties it'`

// postgresProblemStandby precedes postgresProblem if the configuration requires a
// synchronous standby.
const postgresProblemStandby = `
	WHEN current_setting('synchronous_standby_names') = '' THEN 'synchronous_standby_names is empty, but the configuration requires a synchronous standby'
	WHEN current_setting('synchronous_commit') NOT IN ('on', 'remote_apply') THEN 'synchronous_commit is neither on nor remote_apply, so no standby needs to have the record'`

// postgresState is the key of the state: the system and its timeline. A promoted standby
// has a new timeline, and so has a server that recovered from an archive. A new cluster
// has a new system identifier. It is a query, which PostgreSQL runs once for each statement:
// pg_current_wal_lsn is volatile, and PostgreSQL compares a volatile expression with every
// row of the table.
const postgresState = `(SELECT convert_to('state ' || (SELECT system_identifier FROM pg_control_system()) || ' ' ||
	CASE WHEN pg_is_in_recovery() THEN 'standby' ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END, 'UTF8'))`

// postgresNow is the clock of the server in Unix microseconds.
const postgresNow = `(extract(epoch FROM clock_timestamp()) * 1000000)::bigint`

var postgres = statements{
	create: []string{
		`CREATE TABLE IF NOT EXISTS {table} (
	tag bytea PRIMARY KEY,
	stamp bigint NOT NULL,
	lifetime bigint
)`,
		`CREATE INDEX IF NOT EXISTS {stampIndex} ON {table} (stamp)`,
		`CREATE INDEX IF NOT EXISTS {stateIndex} ON {table} (lifetime) WHERE lifetime IS NOT NULL`,
	},

	insert: `INSERT INTO {table} (tag, stamp)
SELECT $1::bytea, $2::bigint
WHERE {problem} = ''
AND EXISTS (SELECT 1 FROM {table} WHERE tag = {state} AND stamp < $2::bigint AND lifetime >= $3::bigint)
ON CONFLICT (tag) DO NOTHING`,

	examine: `SELECT {problem},
	EXISTS (SELECT 1 FROM {table} WHERE tag = $1::bytea),
	(SELECT stamp FROM {table} WHERE tag = {state}),
	(SELECT lifetime FROM {table} WHERE tag = {state})`,

	begin: `INSERT INTO {table} AS t (tag, stamp, lifetime)
SELECT {state}, GREATEST(
	(SELECT max(stamp) FROM {table} WHERE lifetime IS NOT NULL),
	GREATEST(LEAST($2::bigint, ` + postgresNow + ` + $1::bigint), ` + postgresNow + `) + $3::bigint,
	0), $1::bigint
ON CONFLICT (tag) DO UPDATE SET lifetime = EXCLUDED.lifetime WHERE t.lifetime < EXCLUDED.lifetime`,

	advance: []string{
		// The lock waits for the calls of Store that have not read the new horizon, and
		// other calls wait for the lock. The commit need not be flushed: the later commit
		// of remove flushes it, or a crash loses both.
		`SET LOCAL lock_timeout = '200ms'`,
		`SET LOCAL synchronous_commit = off`,
		`LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE`,
		`UPDATE {table} SET stamp = GREATEST(stamp,
	LEAST($1::bigint, ` + postgresNow + `) - 2 * (SELECT max(lifetime) FROM {table} WHERE lifetime IS NOT NULL))
WHERE lifetime IS NOT NULL`,
	},

	remove: `DELETE FROM {table} WHERE tag IN (
	SELECT tag FROM {table}
	WHERE lifetime IS NULL AND stamp <= (SELECT min(stamp) FROM {table} WHERE lifetime IS NOT NULL)
	ORDER BY stamp LIMIT $1::bigint)`,
}
