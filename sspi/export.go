package sspi

import (
	"context"
	"log/slog"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/contextseal"
	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/status"
)

// Export moves an established context out of this process: Import of an Acceptor with the
// same Config.ExportKey makes of the result the same context, with its next sequence
// numbers, Peer, Delegated and Evidence. Export closes c after the calls that run, so that no sequence
// number is used twice. The result is encrypted and authenticated with Config.ExportKey, so
// that it may be sent over an untrusted channel. It can be imported once, within Config.Skew
// of the export. Its size is a few hundred bytes plus the sizes of the PAC and of the delegated
// tickets. The caller owns it. RFC 2743, Section 2.2.8, has the same function for GSS-API; the encoding
// is specific to this library.
//
// Export returns ReasonUnsupported without Config.ExportKey, and ReasonInvalidHandle if c is
// not established or another Export or Close was first; both leave c unchanged. After any
// other error, such as more than 64 delegated tickets, c is closed.
func (c *Context) Export() ([]byte, error) {
	if err := c.usable(); err != nil {
		return nil, err
	}
	cfg, key := &c.acceptor.cfg, c.acceptor.cfg.ExportKey
	if key.IsZero() {
		return nil, errNoExport()
	}
	defer c.flushEvent(context.Background()) // after the lock is released
	c.mu.Lock()
	defer c.mu.Unlock()
	state, err := c.protector.Release()
	if err != nil { // closed meanwhile
		return nil, err
	}
	x := exported{
		at: cfg.Time().Truncate(time.Microsecond), pkg: c.pkg, attributes: c.attributes.Load(),
		peer: c.peer, delegated: c.delegated, evidence: c.evidence, state: state,
	}
	plaintext, err := x.marshal()
	defer clear(plaintext)
	clear(state.Key)
	c.state.Store(uint32(stateClosed))
	c.vault.wipe()
	if err != nil {
		return nil, err
	}
	k := key.Bytes()
	defer clear(k)
	return contextseal.Seal(k, plaintext)
}

func errNoExport() error {
	return &status.Error{Reason: status.ReasonUnsupported, Detail: "Config.ExportKey is not set: contexts can neither be exported nor imported"}
}

// Import restores a Context from the result of Export (RFC 2743, Section 2.2.9).
// Config.Replay ensures that each export is imported only once: processes that may receive
// the same export must share a replay cache. A context that was exported before the cache began is refused, as an
// authenticator is, and an import counts toward its client's share of the cache. a must have
// the exporter's ExportKey. Of the rest of its Config, ETypes, Skew and EnforceExpiry apply;
// Services does not, because the exporter has accepted the client.
//
// Import neither keeps nor modifies sealed. ctx bounds the wait for the replay cache. The
// caller must close the Context. Errors are, or wrap, *status.Error, and the Context is nil
// then: ReasonUnsupported without Config.ExportKey; ReasonMalformedToken for bytes of a
// different key or version; ReasonReplay for an export that was imported before;
// ReasonContextExpired for an export that is older than Skew, or that a different clock
// stamped, or, under EnforceExpiry, whose ticket has ended; ReasonETypeRefused for a key
// that ETypes does not permit; and the errors of the replay cache.
//
// Never give Import bytes that a peer may have chosen: Import would refuse them, but each
// attempt uses the secret key. A refusal is reported to
// Config.OnEvent and Config.Logger, with the attribute kerberos.operation=import; a
// successful import is not, because the exporter has reported its client.
func (a *Acceptor) Import(ctx context.Context, sealed []byte) (*Context, error) {
	return a.importAs(ctx, "", sealed)
}

// importAs imports a context of package pkg, or of any package if pkg is "".
func (a *Acceptor) importAs(ctx context.Context, pkg Package, sealed []byte) (*Context, error) {
	switch {
	case !a.made():
		return nil, &status.Error{Reason: status.ReasonInvalidHandle, Detail: "the Acceptor is not from NewAcceptor"}
	case ctx == nil:
		return nil, &status.Error{Reason: status.ReasonArgument, Detail: "Import without a context.Context"}
	case a.cfg.ExportKey.IsZero():
		return nil, errNoExport()
	}
	var x exported
	defer func() { clear(x.state.Key) }()
	c, err := a.open(ctx, pkg, sealed, &x)
	if err != nil {
		a.Report(ctx, Event{
			Err: asStatus(err), UnprovenClient: x.peer.Client, Service: x.peer.Service,
			ContextEType: x.peer.ContextEType, Attrs: []slog.Attr{slog.String("kerberos.operation", "import")},
		})
		return nil, err
	}
	return c, nil
}

// open decrypts an exported context into x, checks it and makes a Context of it.
func (a *Acceptor) open(ctx context.Context, pkg Package, sealed []byte, x *exported) (*Context, error) {
	key := a.cfg.ExportKey.Bytes()
	defer clear(key)
	plaintext, id, err := contextseal.Open(key, sealed)
	if err == nil {
		defer clear(plaintext)
		err = x.unmarshal(plaintext)
	}
	if err != nil {
		return nil, err
	}
	if pkg != "" && x.pkg != pkg {
		return nil, &status.Error{Reason: status.ReasonMalformedToken, Detail: "the context is of package " + string(x.pkg)}
	}
	if !etype.Permitted(a.cfg.ETypes, int32(x.state.EType)) {
		return nil, &status.Error{Reason: status.ReasonETypeRefused, Detail: "the context's key is of " + x.state.EType.NameAndNumber()}
	}
	if err := a.claim(ctx, x, id); err != nil {
		return nil, err
	}
	c := a.NewContext(ContextConfig{Package: x.pkg})
	l := leg{c: c, keys: c.newVault(), peer: x.peer, next: stateEstablished}
	x.state.Rand = a.cfg.Rand
	l.keys.key.set(x.peer.ContextEType, x.state.Key)
	l.keys.protector.Resume(x.state)
	l.keys.delegated, l.keys.evidence = x.delegated, x.evidence
	c.attributes.Store(x.attributes)
	c.mu.Lock()
	defer c.mu.Unlock()
	l.commit()
	return c, nil
}

// claim records the import in the replay cache, and refuses a second import.
func (a *Acceptor) claim(ctx context.Context, x *exported, id [contextseal.IDLen]byte) error {
	now := a.cfg.Time()
	if now.After(x.at.Add(a.cfg.Skew)) || x.at.After(now.Add(a.cfg.Skew)) {
		return &status.Error{Reason: status.ReasonContextExpired, Detail: "the context was exported too long ago, or the clocks differ"}
	}
	if a.expired(&x.peer, now) {
		return errExpired(&x.peer)
	}
	record := authenticator.Record{
		Tag: id, Time: x.at, Now: now, Until: x.at.Add(a.cfg.Skew + time.Second),
		Client: authenticator.DigestClient(x.peer.Client),
	}
	switch err := record.Claim(ctx, a.cfg.Replay); {
	case status.ReasonOf(err) == status.ReasonReplay:
		return &status.Error{Reason: status.ReasonReplay, Detail: "the context was imported before"}
	case err != nil:
		return err
	}
	return a.answeredInTime(x.at)
}
