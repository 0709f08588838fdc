package redisreplay

import (
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/status"
)

// The defaults of a Config.
const (
	defaultPrefix          = "krb5rc:"
	defaultTimeout         = 2 * time.Second
	defaultClockDifference = 2 * time.Minute
	defaultLifetime        = time.Minute // of a connection, and so of a check of the server
)

// Config configures a [Cache]. Only Options is required.
type Config struct {
	// Options names the server and configures the connections: addresses, TLS, the user of
	// an access control list, Sentinel (MasterName) and Cluster (IsClusterMode, or several
	// addresses). New copies Options and changes the copy: the context of each call limits
	// its waits, no wait is longer than Timeout, and a connection lives for one minute if
	// ConnMaxLifetime is not set. New refuses options that read from replicas or from a
	// cache of the client (ReadOnly, RouteByLatency, RouteRandomly, ClientSideCache).
	Options *redis.UniversalOptions

	// Prefix begins the name of each key. If it is empty, New uses "krb5rc:". All acceptors
	// that share keys of a keytab must use the same Prefix and the same database.
	Prefix string

	// Timeout limits each call of Store and Check. A later answer is an error, even if it
	// would have admitted the client. 0 means two seconds.
	Timeout time.Duration

	// Replicas is the number of replicas that must have received a record before Store
	// reports it as new (the command WAIT). If fewer replicas answer within Timeout, Store
	// returns an error. 0 does not wait for replicas.
	Replicas int

	// AfterLoss decides about authenticators that were stamped before the server may have
	// lost records. The package documentation lists these events. RefuseOlder, the zero
	// value, refuses the authenticators that were stamped before the event, and
	// RefuseWithinSkew also those that a client with a fast clock could have used before
	// it. AcceptOlder refuses none, so that an authenticator whose record was lost can be
	// replayed once.
	AfterLoss authenticator.StartRule

	// MaxClockDifference is the greatest accepted difference between the clock of a server
	// and the clock of this host. Each new connection is refused if the difference is
	// greater. The server keeps each record long enough for two clocks that differ by
	// twice this time. 0 means two minutes. A negative value is an error.
	MaxClockDifference time.Duration

	// AssumeNoEviction is for servers that show the maxmemory-policy neither in INFO nor
	// in CONFIG GET. The operator then guarantees that the policy is noeviction. A server
	// that shows another policy is refused nevertheless.
	AssumeNoEviction bool

	// LocalRecords is the number of records in the memory of this process, see
	// [authenticator.NewMemoryCache]. 0 means 4 Mi.
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
	// server.
	Local bool
	// Err is the error that Store returned, or nil. status.ReasonOf(Err) is suitable as a
	// label of a metric.
	Err error
	// Loss is the time of an event that may have lost records, if this call detected one:
	// authenticators that were stamped earlier are refused from now on. It is zero
	// otherwise.
	Loss time.Time
	// Took is the duration of the call.
	Took time.Duration
}

// prepared returns a copy of the configuration with its defaults, or an error that names
// the first field that cannot be used.
func (cfg Config) prepared() (Config, error) {
	if cfg.Options == nil {
		return cfg, argument("Config.Options is nil: it must name the server")
	}
	o := *cfg.Options
	switch {
	case o.ReadOnly || o.RouteByLatency || o.RouteRandomly:
		return cfg, argument("Config.Options reads from replicas (ReadOnly, RouteByLatency or RouteRandomly), which may lag behind; remove these options")
	case o.ClientSideCacheConfig != nil || o.ClientSideCache != nil:
		return cfg, argument("Config.Options has a cache of the client, whose answers may be old; remove it")
	case cfg.Timeout < 0 || cfg.MaxClockDifference < 0 || cfg.Replicas < 0:
		return cfg, argument("Config.Timeout, Config.MaxClockDifference or Config.Replicas is negative")
	case cfg.AfterLoss > authenticator.AcceptOlder:
		return cfg, argument("Config.AfterLoss is none of the rules of package authenticator")
	}
	if cfg.Prefix == "" {
		cfg.Prefix = defaultPrefix
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.MaxClockDifference == 0 {
		cfg.MaxClockDifference = defaultClockDifference
	}
	if cfg.Time == nil {
		cfg.Time = time.Now
	}
	cfg.Options = bounded(o, cfg.Timeout)
	return cfg, nil
}

// bounded returns options that limit every wait. A read that waits for a canceled call
// ends after timeout.
func bounded(o redis.UniversalOptions, timeout time.Duration) *redis.UniversalOptions {
	o.ContextTimeoutEnabled = true
	for _, limit := range []*time.Duration{&o.ReadTimeout, &o.WriteTimeout, &o.DialTimeout} {
		if *limit <= 0 || *limit > timeout {
			*limit = timeout
		}
	}
	if o.ConnMaxLifetime <= 0 {
		o.ConnMaxLifetime = defaultLifetime
	}
	if o.DialerRetries == 0 {
		o.DialerRetries = 1 // go-redis repeats the command, so it need not repeat the dialing
	}
	if o.PipelinePoolSize == 0 {
		o.PipelinePoolSize = -1
	}
	if o.MaintNotificationsConfig == nil {
		o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	}
	return &o
}

func argument(detail string) error {
	return &status.Error{Reason: status.ReasonArgument, Detail: "redisreplay: " + detail}
}
