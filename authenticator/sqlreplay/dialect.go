package sqlreplay

import (
	"strings"

	"github.com/gosspi/kerberos/authenticator"
)

// Dialect is the kind of a database.
type Dialect uint8

const (
	// PostgreSQL is PostgreSQL, version 11 or later.
	PostgreSQL Dialect = iota + 1
	// SQLite is SQLite, version 3.24 or later.
	SQLite
)

// statements are the SQL of a cache. The parameters have the same order in all dialects.
type statements struct {
	// create makes the table and its indexes: that of the stamps for Expire, and that of the
	// states, so that no statement reads the whole table.
	create []string

	// insert stores a tag ($1) with a time stamp ($2) for a lifetime ($3), unless a
	// condition of the cache is not met. It affects one row or none.
	insert string

	// examine says why insert affected no row for a tag ($1). Its columns are problem, the
	// first unmet condition of the database or ""; whether the table has the tag; and
	// horizon and lifetime of the state, which are NULL if the table has no state.
	examine string

	// begin makes the state, with a horizon that is not earlier than those of other
	// states (SQLite has one state), or raises its lifetime. Its parameters are the lifetime ($1), the time of
	// the acceptor ($2), and the time by which the rule moves the horizon ($3), which is
	// NULL for AcceptOlder. It affects one row or none.
	begin string

	// advance raises the horizons to a time minus two lifetimes. The time is the earlier one
	// of the caller's ($1) and the database's. The statements run in one transaction. Only the
	// last statement has a parameter.
	advance []string

	// remove deletes at most $1 records up to the horizon.
	remove string
}

// statements returns the SQL for a configuration.
func (cfg Config) statements() statements {
	s, problem, state := sqlite, sqliteProblem, "X'"+fixedState+"'"
	if cfg.Dialect == PostgreSQL {
		s, problem, state = postgres, postgresProblem, "'\\x"+fixedState+"'::bytea"
		if cfg.SynchronousStandby {
			problem = postgresProblemStandby + problem
		}
		if cfg.AfterLoss != authenticator.AcceptOlder {
			state = postgresState
		}
	}
	schema, name := schemaOf(cfg.Table), cfg.Table[len(schemaOf(cfg.Table)):]
	fill := strings.NewReplacer(
		"{problem}", "CASE"+problem+"\n\tELSE '' END",
		"{state}", state,
	)
	names := strings.NewReplacer("{table}", quoteSchema(schema)+`"`+name+`"`, "{stampIndex}", `"`+name+`_stamp"`, "{stateIndex}", `"`+name+`_state"`)
	text := func(sql string) string { return names.Replace(fill.Replace(sql)) }
	s.insert, s.examine, s.begin, s.remove = text(s.insert), text(s.examine), text(s.begin), text(s.remove)
	s.create, s.advance = each(s.create, text), each(s.advance, text)
	return s
}

func each(list []string, text func(string) string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = text(s)
	}
	return out
}

// schemaOf returns the schema in the name of a table with its dot, or "".
func schemaOf(table string) string { return table[:strings.IndexByte(table, '.')+1] }

func quoteSchema(schema string) string {
	if schema == "" {
		return ""
	}
	return `"` + strings.TrimSuffix(schema, ".") + `".`
}

// fixedState is the key of the state that depends on no timeline: "state" in hexadecimal.
// A tag has 24 bytes.
const fixedState = "7374617465"
