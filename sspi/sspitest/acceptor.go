package sspitest

import (
	"context"
	"sync"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
)

// Config is what an acceptor for services needs, to be changed at will and given
// to sspi.NewAcceptor or sspi.AcquireCredentialsHandle: their keys, the realm's
// clock, a replay cache of its own, and in a deterministic realm its randomness.
// Without names it is for all services of the realm, those of later calls too.
// The keys follow [Realm.Rotate] at once.
//
// The replay cache accepts authenticators stamped before it was made
// (authenticator.AcceptOlder): a test may make its client first, and nothing was
// accepted before the test.
func (r *Realm) Config(services ...string) (sspi.Config, error) {
	if _, err := r.Service(services...); err != nil {
		return sspi.Config{}, err
	}
	return sspi.Config{
		Keys:   &keys{realm: r, services: services},
		Time:   r.Now,
		Rand:   r.random,
		Replay: authenticator.NewMemoryCacheAt(0, authenticator.AcceptOlder, r.Now()),
	}, nil
}

// Acceptor is an acceptor of [Realm.Config] as it is.
func (r *Realm) Acceptor(services ...string) (*sspi.Acceptor, error) {
	cfg, err := r.Config(services...)
	if err != nil {
		return nil, err
	}
	return sspi.NewAcceptor(cfg)
}

// keys is the keytab of a realm as it is now.
type keys struct {
	realm    *Realm
	services []string // none: all

	mu         sync.Mutex
	table      *keytab.Table // of the generation
	generation uint64
}

// Table makes a table when there are new keys, and not for each token.
func (k *keys) Table(context.Context) (*keytab.Table, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	// Read before the keys: they may be newer than what is noted here, never older.
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
