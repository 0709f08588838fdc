package sspi

import (
	"context"
	"crypto/rand"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/contextseal"
	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket"
)

// Acceptor accepts security contexts for one service. It is safe for concurrent use, has
// nothing to close, and serves any number of listeners.
type Acceptor struct {
	cfg       Config
	immediate bool // keys and replay cache answer without waiting, and there is no other backend
	admitted  atomic.Pointer[admission]
	domains   domains       // the service's domains of Active Directory
	noticed   atomic.Uint64 // number of the newest notice of the key source that was logged
}

// admission holds the principals of one generation of the keytab that may accept, or the
// error of the look-up. It is kept until the keytab changes, because any client can cause a
// look-up.
type admission struct {
	table    *keytab.Table
	services *keytab.Services
	err      error
}

// NewAcceptor checks cfg and makes an Acceptor. It does not ask cfg.Keys: the next rotation
// may add a service that the keytab lacks. The default replay cache starts here.
func NewAcceptor(cfg Config) (*Acceptor, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if cfg.Skew == 0 {
		cfg.Skew = defaultSkew
	}
	if cfg.MaxToken == 0 {
		cfg.MaxToken = defaultMaxToken
	}
	if cfg.BackendTimeout == 0 {
		cfg.BackendTimeout = defaultBackendTimeout
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	if cfg.Replay == nil {
		cfg.Replay = defaultReplayCache(cfg.Time)
	}
	if cfg.Time == nil {
		cfg.Time = time.Now
	}
	a := &Acceptor{immediate: cfg.UserToUser == nil && answersAtOnce(cfg.Keys, cfg.Replay)}
	a.cfg = cfg
	a.logNotices(context.Background())
	return a, nil
}

// made reports whether NewAcceptor made a. Every other Acceptor refuses all clients.
func (a *Acceptor) made() bool { return a != nil && a.cfg.Time != nil }

// answersAtOnce reports whether keys and replay belong to this library and wait for nothing
// but a local file.
func answersAtOnce(keys keytab.Source, replay authenticator.ReplayCache) bool {
	_, inMemory := replay.(*authenticator.MemoryCache)
	switch keys.(type) {
	case *keytab.Table, *keytab.File:
		return inMemory
	}
	return false
}

// defaultReplayCache returns the cache of the process, or, for an injected clock, a cache of
// its own: the records of the process's cache have real times.
func defaultReplayCache(clock func() time.Time) authenticator.ReplayCache {
	if clock == nil {
		return authenticator.SharedCache()
	}
	return authenticator.NewMemoryCacheAt(0, authenticator.RefuseOlder, clock())
}

func (cfg *Config) check() error {
	bad := func(detail string) error { return &status.Error{Reason: status.ReasonArgument, Detail: detail} }
	switch {
	case cfg.Keys == nil && cfg.UserToUser == nil:
		return &status.Error{Reason: status.ReasonNoCredentials, Detail: "Config.Keys is nil: name the keys, for instance with keytab.OpenFile or keytab.Default"}
	case cfg.Skew < 0:
		return bad("Config.Skew is negative")
	case cfg.MaxToken < 0:
		return bad("Config.MaxToken is negative")
	case !cfg.ExportKey.IsZero() && cfg.ExportKey.Len() != contextseal.KeyLen:
		return bad("Config.ExportKey must be 32 bytes")
	case cfg.BackendTimeout < 0:
		return bad("Config.BackendTimeout is negative")
	}
	for _, e := range slices.Concat(cfg.ETypes, cfg.TicketETypes) {
		if _, ok := etype.Lookup(etype.ID(e)); !ok {
			return bad("Config.ETypes or TicketETypes name " + e.String() + ", which this library does not have")
		}
	}
	if err := cfg.PAC.check(); err != nil {
		return err
	}
	if len(cfg.Services) > 0 {
		var none *keytab.Table // only the form of the patterns is checked
		if _, err := none.Match(cfg.Services...); err != nil {
			return err
		}
	}
	return nil
}

// NewContext begins one exchange. A Context that is not closed leaks nothing; Close wipes
// its keys at once.
func (a *Acceptor) NewContext(cc ContextConfig) *Context {
	c := &struct { // one allocation
		Context
		own     body
		secrets vault
	}{own: body{acceptor: a, cfg: cc, pkg: packageOf(cc.Package)}}
	c.Context.body, c.own.spare = &c.own, &c.secrets
	return &c.Context
}

// keys returns the current keytab, and the principals of it that may accept.
func (a *Acceptor) keys(ctx context.Context) (*keytab.Table, *keytab.Services, error) {
	if a.cfg.Keys == nil {
		return nil, nil, nil // user-to-user alone
	}
	table, err := a.cfg.Keys.Table(ctx)
	a.logNotices(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, nil, &status.Error{Reason: status.ReasonCanceled, Detail: "while reading the keys", Err: err}
	case err != nil:
		return nil, nil, &status.Error{Reason: status.ReasonNoKey, Detail: "the keys could not be read", Err: err}
	case table == nil:
		return nil, nil, &status.Error{Reason: status.ReasonNoKey, Detail: "the key source returned no table"}
	}
	services, err := a.admit(table)
	return table, services, err
}

// logNotices writes the new notices of the key source to the Logger, each notice once for
// each acceptor.
func (a *Acceptor) logNotices(ctx context.Context) {
	source, ok := a.cfg.Keys.(keytab.Noticer)
	if !ok || a.cfg.Logger == nil {
		return
	}
	for {
		after := a.noticed.Load()
		news, newest := source.Notices(after)
		if newest == after {
			return
		}
		if !a.noticed.CompareAndSwap(after, newest) {
			continue // another goroutine logs them
		}
		for _, n := range news {
			a.cfg.Logger.LogAttrs(ctx, n.Level, "kerberos: keytab", slog.String("file", quote.Value(n.File)), slog.String("detail", n.Text))
		}
		return
	}
}

// admit resolves Config.Services against one generation of the keytab.
func (a *Acceptor) admit(table *keytab.Table) (*keytab.Services, error) {
	if known := a.admitted.Load(); known != nil && known.table == table {
		return known.services, known.err
	}
	services, err := table.Admit(a.cfg.Services...)
	a.admitted.Store(&admission{table, services, err})
	return services, err
}

// newerKeys asks a source that can look again to do so, after no key opened a
// ticket: the service's key may have been changed a moment ago. It reports
// whether p has other keys now.
func (a *Acceptor) newerKeys(ctx context.Context, err error, p *ticket.Params) bool {
	switch status.ReasonOf(err) {
	case status.ReasonWrongKey, status.ReasonUnknownKeyVersion, status.ReasonWrongService, status.ReasonNoKey:
	default:
		return false
	}
	source, ok := a.cfg.Keys.(keytab.Refresher)
	if !ok {
		return false
	}
	table, err := source.Refresh(ctx, p.Keys)
	a.logNotices(ctx)
	if err != nil || table == nil || table == p.Keys {
		return false
	}
	services, err := a.admit(table)
	if err != nil {
		return false
	}
	p.Keys, p.Services = table, services
	return true
}
