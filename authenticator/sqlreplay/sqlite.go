package sqlreplay

// sqliteProblem returns the first condition that the connection does not meet, or "".
const sqliteProblem = `
	WHEN (SELECT synchronous FROM pragma_synchronous) < 2 THEN 'PRAGMA synchronous is neither FULL nor EXTRA, so a crash of the host loses records'
	WHEN (SELECT lower(journal_mode) FROM pragma_journal_mode) NOT IN ('wal', 'delete', 'truncate', 'persist') THEN 'PRAGMA journal_mode is OFF or MEMORY, so a crash of the process damages the database'
	WHEN (SELECT read_uncommitted FROM pragma_read_uncommitted) <> 0 THEN 'PRAGMA read_uncommitted is on'`

// sqliteFile returns the path of the file, which is empty for a database in memory.
const sqliteFile = `SELECT coalesce((SELECT file FROM pragma_database_list WHERE name = 'main'), '')`

// sqliteNow is the clock of the host in Unix microseconds, rounded down to the second.
const sqliteNow = `CAST(strftime('%s', 'now') AS INTEGER) * 1000000`

var sqlite = statements{
	create: []string{
		`CREATE TABLE IF NOT EXISTS main.{table} (
	tag BLOB PRIMARY KEY,
	stamp INTEGER NOT NULL,
	lifetime INTEGER
) WITHOUT ROWID`,
		`CREATE INDEX IF NOT EXISTS main.{stampIndex} ON {table} (stamp)`,
		`CREATE INDEX IF NOT EXISTS main.{stateIndex} ON {table} (lifetime) WHERE lifetime IS NOT NULL`,
	},

	insert: `INSERT INTO main.{table} (tag, stamp)
SELECT ?1, ?2
WHERE {problem} = ''
AND EXISTS (SELECT 1 FROM main.{table} WHERE tag = {state} AND stamp < ?2 AND lifetime >= ?3)
ON CONFLICT (tag) DO NOTHING`,

	examine: `SELECT {problem},
	EXISTS (SELECT 1 FROM main.{table} WHERE tag = ?1),
	(SELECT stamp FROM main.{table} WHERE tag = {state}),
	(SELECT lifetime FROM main.{table} WHERE tag = {state})`,

	begin: `INSERT INTO main.{table} (tag, stamp, lifetime)
SELECT {state}, coalesce(max(min(?2, ` + sqliteNow + ` + ?1), ` + sqliteNow + `) + ?3, 0), ?1
WHERE true
ON CONFLICT (tag) DO UPDATE SET lifetime = excluded.lifetime WHERE lifetime < excluded.lifetime`,

	advance: []string{
		`UPDATE main.{table} SET stamp = max(stamp,
	min(?1, ` + sqliteNow + `) - 2 * (SELECT max(lifetime) FROM main.{table} WHERE lifetime IS NOT NULL))
WHERE lifetime IS NOT NULL`,
	},

	remove: `DELETE FROM main.{table} WHERE tag IN (
	SELECT tag FROM main.{table}
	WHERE lifetime IS NULL AND stamp <= (SELECT min(stamp) FROM main.{table} WHERE lifetime IS NOT NULL)
	ORDER BY stamp LIMIT ?1)`,
}
