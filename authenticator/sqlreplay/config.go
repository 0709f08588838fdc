package sqlreplay

import (
	"database/sql"
	"regexp"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/status"
)

// The defaults of a Config.
const (
	defaultTable   = "krb5_replay"
	defaultTimeout = 2 * time.Second
)

// Config configures a [Cache]. DB and Dialect are required.
type Config struct {
	// DB is the database. The program chooses the driver, opens the database and closes
	// it. The package documentation says which options the driver needs.
	DB *sql.DB

	// Dialect is PostgreSQL or SQLite.
	Dialect Dialect

	// Table is the name of the table, in PostgreSQL optionally with a schema:
	// "auth.krb5_replay". It consists of lower-case letters, digits and underscores. If it
	// is empty, the name is krb5_replay. All acceptors that share keys of a keytab must use
	// the same table. Acceptors that log in to PostgreSQL as different users must name the
	// schema, because each user has a search_path of its own.
	Table string

	// Timeout limits each call of Store and Check. A later answer is an error, even if it
	// would have admitted the client. 0 means two seconds.
	Timeout time.Duration

	// SynchronousStandby requires that PostgreSQL waits until a standby has stored each
	// record: synchronous_standby_names is not empty and synchronous_commit is on or
	// remote_apply. The promotion of that standby then loses no record.
	SynchronousStandby bool

	// AfterLoss decides about authenticators that were stamped before the database may
	// have lost records: before the table was created or emptied, and before a standby was
	// promoted or a backup was restored. RefuseOlder, the zero value, refuses the
	// authenticators that were stamped before the event, and RefuseWithinSkew also those
	// that a client with a fast clock could have used before it. AcceptOlder refuses none,
	// so that an authenticator whose record was lost can be replayed once. With
	// AcceptOlder, the cache does not ask PostgreSQL for its timeline, which some servers
	// with the protocol of PostgreSQL do not have.
	AfterLoss authenticator.StartRule

	// LocalRecords is the number of records in the memory of this process, which answers
	// the replays to this process: see [authenticator.NewMemoryCache]. 0 means 4 Mi.
	LocalRecords int

	// Time is the clock of this host. If it is nil, New uses time.Now. It must be the
	// clock of the acceptor (sspi.Config.Time).
	Time func() time.Time

	// OnEvent receives the outcome of each call of Store, such as for metrics. Store calls
	// it before it returns, from several goroutines at the same time.
	OnEvent func(Event)
}

// Event describes one call of Store.
type Event struct {
	// Fresh reports that the authenticator was new, as returned by Store.
	Fresh bool
	// Local reports that the cache answered from the memory of this process, without the
	// database.
	Local bool
	// Err is the error that Store returned, or nil. status.ReasonOf(Err) is suitable as a
	// label of a metric.
	Err error
	// Loss is set if this call was the first to find that the database may have lost
	// records: authenticators that were stamped no later are refused from now on, unless
	// Config.AfterLoss is AcceptOlder. It is zero otherwise.
	Loss time.Time
	// Took is the duration of the call.
	Took time.Duration
}

// tableName matches the names that need no quoting. The names of the indexes are longer
// than the name of the table by 6 bytes, and PostgreSQL cuts names at 63 bytes.
var tableName = regexp.MustCompile(`^(?:[a-z_][a-z0-9_]{0,62}\.)?[a-z_][a-z0-9_]{0,56}$`)

// prepared returns a copy of the configuration with its defaults, or an error that names
// the first field that cannot be used.
func (cfg Config) prepared() (Config, error) {
	if cfg.Table == "" {
		cfg.Table = defaultTable
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.Time == nil {
		cfg.Time = time.Now
	}
	switch {
	case cfg.DB == nil:
		return cfg, argument("Config.DB is nil: it must be an open database")
	case cfg.Dialect != PostgreSQL && cfg.Dialect != SQLite:
		return cfg, argument("Config.Dialect is neither PostgreSQL nor SQLite")
	case !tableName.MatchString(cfg.Table):
		return cfg, argument("Config.Table must have at most 57 bytes, lower-case letters, digits and underscores, and optionally a schema before it")
	case cfg.Dialect == SQLite && len(schemaOf(cfg.Table)) > 0:
		return cfg, argument("Config.Table names a schema, which SQLite does not have")
	case cfg.Dialect == SQLite && cfg.SynchronousStandby:
		return cfg, argument("Config.SynchronousStandby is set, but SQLite has no standby")
	case cfg.Timeout < 0:
		return cfg, argument("Config.Timeout is negative")
	case cfg.AfterLoss > authenticator.AcceptOlder:
		return cfg, argument("Config.AfterLoss is none of the rules of package authenticator")
	}
	return cfg, nil
}

func argument(detail string) error {
	return &status.Error{Reason: status.ReasonArgument, Detail: "sqlreplay: " + detail}
}
