package redisreplay

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/status"
)

// Cache is an [authenticator.ReplayCache] in a Redis or Valkey server. It is safe for
// concurrent use.
type Cache struct {
	cfg    Config
	client redis.UniversalClient
	local  *authenticator.MemoryCache
	losses losses
}

// New connects to the server and checks it. It returns an error if the server cannot be
// reached or does not meet the conditions in the package documentation. The caller must
// close the Cache.
func New(ctx context.Context, cfg Config) (*Cache, error) {
	cfg, err := cfg.prepared()
	if err != nil {
		return nil, err
	}
	c := &Cache{cfg: cfg, local: authenticator.NewMemoryCache(cfg.LocalRecords, authenticator.AcceptOlder)}
	c.losses.begin()
	callers := cfg.Options.OnConnect
	cfg.Options.OnConnect = func(ctx context.Context, conn *redis.Conn) error {
		if callers != nil {
			if err := callers(ctx, conn); err != nil {
				return err
			}
		}
		return c.checkConnection(ctx, conn)
	}
	c.client = redis.NewUniversalClient(cfg.Options)
	if err := c.Check(ctx); err != nil {
		return nil, errors.Join(err, c.client.Close())
	}
	return c, nil
}

// Close closes the connections. Calls of Store fail after it.
func (c *Cache) Close() error {
	if c == nil || c.client == nil {
		return nil
	}
	return c.client.Close()
}

// Client returns the client of the server, for instruments such as redisotel and for the
// statistics of its connections. The caller must not close it.
func (c *Cache) Client() redis.UniversalClient { return c.client }

// Format writes no address and no password for any verb.
func (c *Cache) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "redisreplay.Cache{...}")
}

// Check asks every primary that stores records, and returns the error with which Store
// would refuse clients. It is suitable as a probe of readiness.
func (c *Cache) Check(ctx context.Context) error {
	if c == nil || c.client == nil {
		return errNotMade()
	}
	return c.limited(ctx, func(ctx context.Context) answer {
		err := c.eachPrimary(ctx, func(ctx context.Context, node *redis.Client) error {
			if c.cfg.Replicas == 0 {
				return node.Ping(ctx).Err()
			}
			return c.acknowledged(node.Wait(ctx, c.cfg.Replicas, patience(ctx)).Result())
		})
		if err != nil {
			return answer{err: err}
		}
		loss, err := c.settleLosses(ctx)
		return answer{loss: loss, err: err}
	}).err
}

// eachPrimary calls ask for each primary.
func (c *Cache) eachPrimary(ctx context.Context, ask func(context.Context, *redis.Client) error) error {
	switch client := c.client.(type) {
	case *redis.ClusterClient:
		return client.ForEachMaster(ctx, ask)
	case *redis.Client:
		return ask(ctx, client)
	}
	return failed("the client of go-redis has an unknown type", nil)
}

// Store implements [authenticator.ReplayCache]. It asks the memory of this process first,
// and the server only if the authenticator is new here. An error of the server, a timeout
// and a late answer refuse the authenticator; its next use is then a replay.
func (c *Cache) Store(ctx context.Context, r authenticator.Record) (bool, error) {
	if c == nil || c.client == nil {
		return false, errNotMade()
	}
	began := time.Now()
	fresh, err := c.local.Store(ctx, r)
	a := answer{fresh: fresh, err: err}
	if fresh {
		a = c.limited(ctx, func(ctx context.Context) answer { return c.ask(ctx, r) })
	}
	if c.cfg.OnEvent != nil {
		c.cfg.OnEvent(Event{Fresh: a.fresh, Local: !fresh, Err: a.err, Loss: a.loss, Took: time.Since(began)})
	}
	return a.fresh, a.err
}

// answer is the result of a question to the server.
type answer struct {
	fresh bool
	loss  time.Time // see Event.Loss
	err   error
}

// limited calls ask with a context that ends after Timeout, and returns when that context
// ends at the latest. go-redis heeds the deadline of a context and not its cancellation, so
// a call with a context that can be canceled waits for ask in a goroutine. If the caller
// cancels, that goroutine ends when the server answers, or after Timeout.
func (c *Cache) limited(callers context.Context, ask func(context.Context) answer) answer {
	ctx, cancel := context.WithTimeout(callers, c.cfg.Timeout)
	defer cancel()
	var a answer
	if callers.Done() == nil {
		a = ask(ctx)
	} else {
		done := make(chan answer, 1)
		go func() { done <- ask(ctx) }()
		select {
		case a = <-done:
		case <-ctx.Done():
		}
	}
	switch {
	case callers.Err() != nil:
		a.fresh, a.err = false, &status.Error{Reason: status.ReasonCanceled, Detail: "while asking the Redis server", Err: callers.Err()}
	case ctx.Err() != nil: // also if an answer arrived in the meantime: it is late
		a.fresh, a.err = false, failed("the Redis server did not answer within "+c.cfg.Timeout.String(), a.err)
	case a.err != nil:
		a.fresh, a.err = false, explained(a.err)
	}
	return a
}

// ask stores a record in the server and reports whether it is new there.
func (c *Cache) ask(ctx context.Context, r authenticator.Record) (a answer) {
	if a.err = c.losses.check(r, c.cfg.AfterLoss); a.err != nil { // do not store a record for nothing
		return a
	}
	var call [16]byte // tells this call from all others, in all processes
	rand.Read(call[:])
	key := c.cfg.Prefix + base64.RawURLEncoding.EncodeToString(r.Tag[:])
	ttl := c.ttl(r)
	if a.fresh, a.err = c.set(ctx, key, call[:], ttl); a.err != nil {
		return a
	}
	if !a.fresh {
		if a.fresh, a.err = c.setBefore(ctx, key, call[:], ttl); a.err != nil || !a.fresh {
			return a
		}
	}
	// The connection that carried the answer was checked before, and a loss that the check
	// found is known by now.
	if a.loss, a.err = c.settleLosses(ctx); a.err == nil {
		a.err = c.losses.check(r, c.cfg.AfterLoss)
	}
	a.fresh = a.err == nil
	return a
}

// ttl returns the time for which the server keeps a record. The clocks of this host and of
// another may differ from the clock of a server by MaxClockDifference each, in opposite
// directions. A millisecond is the unit of the server.
func (c *Cache) ttl(r authenticator.Record) time.Duration {
	ttl := max(r.TTL(), r.Until.Sub(r.Now)+2*c.cfg.MaxClockDifference)
	return (ttl + time.Millisecond - 1).Truncate(time.Millisecond)
}

// set sets the key if it does not exist. It also reads the note of the server's
// incarnation, unless that may be at another node of a cluster: without the note, records
// are lost.
func (c *Cache) set(ctx context.Context, key string, call []byte, ttl time.Duration) (fresh bool, err error) {
	var (
		set  *redis.BoolCmd
		get  *redis.StringCmd
		note = c.losses.current.Load()
	)
	if _, isCluster := c.client.(*redis.ClusterClient); isCluster {
		note = nil
	}
	write := func(p redis.Pipeliner) {
		set = p.SetNX(ctx, key, call, ttl)
		if note != nil {
			get = p.Get(ctx, note.key)
		}
	}
	switch {
	case c.cfg.Replicas > 0:
		err = c.replicated(ctx, key, write)
	case note == nil:
		return c.client.SetNX(ctx, key, call, ttl).Result()
	default:
		_, err = c.client.Pipelined(ctx, func(p redis.Pipeliner) error { write(p); return nil })
	}
	if set == nil {
		return false, err
	}
	if set.Err() != nil {
		return false, set.Err()
	}
	if get != nil {
		if e := get.Err(); e != nil && !errors.Is(e, redis.Nil) {
			return false, e
		}
		if get.Val() != note.value {
			c.losses.doubt(note)
		}
	}
	if errors.Is(err, redis.Nil) { // of get
		err = nil
	}
	if !set.Val() {
		return false, nil // stored before; the replicas do not matter
	}
	return err == nil, err
}

// setBefore reports whether this call has set the key: go-redis repeats a command whose
// answer was lost with the connection, and the server then finds the key of the first try.
// No other call has the same value.
func (c *Cache) setBefore(ctx context.Context, key string, call []byte, ttl time.Duration) (bool, error) {
	value, err := c.client.Get(ctx, key).Result()
	switch {
	case errors.Is(err, redis.Nil): // it has expired since
		return false, nil
	case err != nil || value != string(call):
		return false, err
	case c.cfg.Replicas == 0:
		return true, nil
	}
	// WAIT waits for the writes of its own connection, so the connection needs one.
	err = c.replicated(ctx, key, func(p redis.Pipeliner) { p.PExpire(ctx, key, ttl) })
	return err == nil, err
}

// replicated sends a write of key, and waits on the same connection until the replicas
// have received it.
func (c *Cache) replicated(ctx context.Context, key string, write func(redis.Pipeliner)) error {
	const tries = 4
	var err error
	for range tries {
		var node *redis.Client
		cluster, isCluster := c.client.(*redis.ClusterClient)
		if isCluster {
			node, err = cluster.MasterForKey(ctx, key)
		} else {
			node = c.client.(*redis.Client)
		}
		if err != nil {
			return err
		}
		var wait *redis.Cmd
		_, err = node.Pipelined(ctx, func(p redis.Pipeliner) error {
			write(p)
			wait = p.Do(ctx, "WAIT", c.cfg.Replicas, patience(ctx).Milliseconds())
			return nil
		})
		if _, moved := redis.IsMovedError(err); !moved {
			if err != nil && !errors.Is(err, redis.Nil) {
				return err
			}
			return c.acknowledged(wait.Int64())
		}
		cluster.ReloadState(ctx)
	}
	return err
}

// acknowledged returns an error if fewer than Replicas replicas have answered.
func (c *Cache) acknowledged(n int64, err error) error {
	switch {
	case err != nil:
		return err
	case n < int64(c.cfg.Replicas):
		return failed(strconv.FormatInt(n, 10)+" replicas have acknowledged the record, and Config.Replicas requires "+strconv.Itoa(c.cfg.Replicas)+"; are replicas away or behind?", nil)
	}
	return nil
}

// patience returns how long the server may wait for its replicas, so that the client
// receives the answer before ctx ends.
func patience(ctx context.Context) time.Duration {
	end, ok := ctx.Deadline()
	if !ok {
		return defaultTimeout
	}
	return max(time.Millisecond, time.Until(end)*3/4)
}

// explained returns an error with a Reason and advice.
func explained(err error) error {
	if known, ok := errors.AsType[*status.Error](err); ok && known != nil {
		return err
	}
	switch {
	case redis.IsOOMError(err):
		return &status.Error{Reason: status.ReasonReplayCacheFull, Detail: "the Redis server has reached maxmemory; give it more memory, or a server of its own", Err: err}
	case redis.IsPermissionError(err):
		return failed("the user of Config.Options may not run a command, or may not use keys with Config.Prefix; the documentation of package redisreplay lists the commands", err)
	case redis.IsAuthError(err):
		return failed("the server refuses Username or Password of Config.Options", err)
	case errors.Is(err, redis.ErrClosed):
		return failed("the redisreplay.Cache is closed", err)
	case errors.Is(err, redis.ErrPoolTimeout):
		return failed("all connections to the Redis server are in use; raise PoolSize of Config.Options", err)
	case redis.IsReadOnlyError(err):
		return failed("the server has become a replica; the next connection goes to the new primary", err)
	case isAnswer(err):
		return failed("the Redis server answered with an error", err)
	}
	return failed("the Redis server cannot be reached or ended the connection; check that it runs, its address and TLS, and the network", err)
}

func failed(detail string, err error) error {
	return &status.Error{Reason: status.ReasonReplayCacheFailed, Detail: detail, Err: err}
}

func errNotMade() error { return failed("the redisreplay.Cache was not made by New", nil) }
