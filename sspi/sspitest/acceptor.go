package sspitest

import (
	"context"
	"sync"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
)

// Config returns the configuration of an acceptor for services, for sspi.NewAcceptor or
// sspi.AcquireCredentialsHandle: the services' keys, the realm's clock, a new replay cache
// and, for a deterministic realm, the realm's randomness. The test may change it. Without
// names, the acceptor serves all services of the realm, including services that later calls
// create. The keys change at once when [Realm.Rotate] changes them.
//
// The replay cache accepts authenticators with a timestamp before the creation of the cache
// (authenticator.AcceptOlder), because a test may create its client first, and no acceptor
// accepted a token before the test.
func (r *Realm) Config(services ...string) (sspi.Config, error) {
	if _, err := r.Service(services...); err != nil {
		return sspi.Config{}, err
	}
	return sspi.Config{
		Keys:   keytab.SourceFunc((&keys{realm: r, services: services}).current),
		Time:   r.Now,
		Rand:   r.random,
		Replay: authenticator.NewMemoryCacheAt(0, authenticator.AcceptOlder, r.Now()),
	}, nil
}

// Acceptor returns an acceptor with the unchanged configuration of [Realm.Config].
func (r *Realm) Acceptor(services ...string) (*sspi.Acceptor, error) {
	cfg, err := r.Config(services...)
	if err != nil {
		return nil, err
	}
	return sspi.NewAcceptor(cfg)
}

// keys returns the current keys of services of a realm.
type keys struct {
	realm    *Realm
	services []string // if empty, all services

	mu         sync.Mutex
	table      *keytab.Table
	generation uint64 // the realm's generation of keys when table was made
}

// current returns the keys of the services. It makes a new table only if the realm has new
// keys, and not for each token.
func (k *keys) current(context.Context) (*keytab.Table, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	// The generation is read before the keys, so that the table may contain newer keys than
	// the recorded generation, but never older keys.
	now := (*k.realm.kdc).Generation()
	if k.table != nil && k.generation == now {
		return k.table, nil
	}
	t, err := k.realm.table(k.services)
	if err != nil {
		return nil, err
	}
	k.table, k.generation = t, now
	return t, nil
}
