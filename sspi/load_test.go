package sspi_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// workers is the number of goroutines that accept clients while a test changes something.
const workers = 64

// load runs workers that accept clients until its stop is called.
type load struct {
	mu      sync.Mutex
	changed *sync.Cond
	rounds  int
	over    bool
	group   sync.WaitGroup
}

// newLoad calls round in each worker until the test ends. A round is short. i is the number
// of the worker, and n counts its rounds.
func newLoad(t *testing.T, round func(i, n int)) *load {
	t.Helper()
	l := new(load)
	l.changed = sync.NewCond(&l.mu)
	for i := range workers {
		l.group.Go(func() {
			for n := 0; !l.done(); n++ {
				round(i, n)
				l.mu.Lock()
				l.rounds++
				l.changed.Broadcast()
				l.mu.Unlock()
			}
		})
	}
	t.Cleanup(l.stop)
	return l
}

func (l *load) done() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.over
}

// await waits until the workers have ended n more rounds.
func (l *load) await(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for until := l.rounds + n; l.rounds < until; {
		l.changed.Wait()
	}
}

func (l *load) stop() {
	l.mu.Lock()
	l.over = true
	l.mu.Unlock()
	l.group.Wait()
}

// outcome accepts a token in a new context, and returns the Reason of the refusal. A
// refusal must not come with a client.
func (s *site) outcome(t testing.TB, token []byte) status.Reason {
	_, peer, err := s.acceptor.NewContext(sspi.ContextConfig{NoErrorTokens: true}).Accept(context.Background(), token)
	if (peer != nil) != (err == nil) {
		t.Errorf("%v, %v", peer, err)
	}
	return status.ReasonOf(err)
}

// keytabUnderLoad is a keytab file that 64 workers use. All clients of the workers have
// tickets for the key held, which is always in the file, or for a key that never is.
type keytabUnderLoad struct {
	*site
	path    string
	file    *keytab.File
	held    []keytab.Entry // of kvno 255
	heldKey krbtest.ServiceKey
}

func newKeytabUnderLoad(t *testing.T) (*keytabUnderLoad, *load) {
	t.Helper()
	k := &keytabUnderLoad{path: filepath.Join(t.TempDir(), "keytab")}
	realm := krbtest.NewRealm("EXAMPLE.COM")
	realm.Kvno = 255
	for e := range realm.Service(service).All() {
		k.held = append(k.held, e)
	}
	k.heldKey = realm.Key(service, keytab.AES256_CTS_HMAC_SHA1_96, 255)
	k.rename(t, k.held...)
	var err error
	if k.file, err = keytab.OpenFile(k.path); err != nil {
		t.Fatal(err)
	}
	k.site = newSite(t, func(cfg *sspi.Config) { cfg.Keys = k.file })
	k.site.realm = realm
	stranger := krbtest.ServiceKey{EncryptionKey: realm.NewKey(keytab.AES256_CTS_HMAC_SHA1_96), Kvno: 255}
	l := newLoad(t, func(_, n int) {
		key, want := k.heldKey, status.ReasonNone
		if n%4 == 3 {
			key, want = stranger, status.ReasonWrongKey
		}
		if got := k.outcome(t, k.token(key)); got != want {
			t.Errorf("a ticket of kvno %d: %v, want %v", key.Kvno, got, want)
		}
	})
	return k, l
}

// token returns a token with a ticket of a key.
func (k *keytabUnderLoad) token(key krbtest.ServiceKey) []byte {
	ticket := k.site.realm.Ticket("alice", service)
	ticket.SealWith(key)
	return ticket.APReq().Token()
}

func marshal(t *testing.T, entries ...keytab.Entry) []byte {
	t.Helper()
	table, err := keytab.NewTable(entries...)
	if err != nil {
		t.Fatal(err)
	}
	b, err := table.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// rename replaces the file by a new file, as tools that rotate keys do.
func (k *keytabUnderLoad) rename(t *testing.T, entries ...keytab.Entry) {
	t.Helper()
	k.put(t, marshal(t, entries...))
}

func (k *keytabUnderLoad) put(t *testing.T, b []byte) {
	t.Helper()
	if err := errors.Join(os.WriteFile(k.path+".new", b, 0o600), os.Rename(k.path+".new", k.path)); err != nil {
		t.Fatal(err)
	}
}

// rewrite writes the file in place.
func (k *keytabUnderLoad) rewrite(t *testing.T, b []byte) {
	t.Helper()
	if err := os.WriteFile(k.path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// newer returns a key of a kvno, and its entry.
func (k *keytabUnderLoad) newer(t *testing.T, kvno uint32) (krbtest.ServiceKey, keytab.Entry) {
	t.Helper()
	raw := k.site.realm.NewKey(keytab.AES256_CTS_HMAC_SHA1_96)
	key, err := keytab.NewKey(keytab.AES256_CTS_HMAC_SHA1_96, raw.KeyValue)
	if err != nil {
		t.Fatal(err)
	}
	e := k.held[0]
	e.Kvno, e.Key = kvno, key
	return krbtest.ServiceKey{EncryptionKey: raw, Kvno: kvno}, e
}

// TestKEY_11_RotationUnderLoad replaces, rewrites, cuts, empties and removes a keytab file
// while 64 goroutines accept. Tickets of the old key are accepted all the time, tickets of an
// unknown key never, and tickets of a new key as soon as the file has it.
func TestKEY_11_RotationUnderLoad(t *testing.T) {
	k, l := newKeytabUnderLoad(t)
	l.await(workers)
	expect := func(what string, key krbtest.ServiceKey, want ...status.Reason) {
		t.Helper()
		if got := k.outcome(t, k.token(key)); !slices.Contains(want, got) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	unknown := []status.Reason{status.ReasonWrongKey, status.ReasonUnknownKeyVersion}

	next, entry := k.newer(t, 256)
	expect("kvno 256 before the rotation", next, unknown...)
	k.rename(t, append(slices.Clone(k.held), entry)...)
	expect("kvno 256 after the rename", next, status.ReasonNone)
	l.await(workers)

	again, entry := k.newer(t, 256)
	expect("another key of kvno 256", again, unknown...)
	k.rename(t, append(slices.Clone(k.held), entry)...)
	expect("another key of kvno 256 after the rename", again, status.ReasonNone)
	expect("the key that it replaced", next, unknown...)
	l.await(workers)

	inPlace, more := k.newer(t, 257)
	k.rewrite(t, marshal(t, append(slices.Clone(k.held), entry, more)...))
	expect("kvno 257 after the file was written in place", inPlace, status.ReasonNone)
	l.await(workers)

	for what, damage := range map[string]func() error{
		"emptied":      func() error { return os.Truncate(k.path, 0) },
		"removed":      func() error { return os.Remove(k.path) },
		"a folder":     func() error { return errors.Join(os.RemoveAll(k.path), os.Mkdir(k.path, 0o700)) },
		"junk":         func() error { return os.WriteFile(k.path, []byte("junk"), 0o600) },
		"only zeros":   func() error { return os.WriteFile(k.path, make([]byte, 1000), 0o600) },
		"without keys": func() error { return os.WriteFile(k.path, []byte{5, 2}, 0o600) },
	} {
		if err := errors.Join(os.RemoveAll(k.path), damage()); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if err := k.file.Reload(); err == nil {
			t.Errorf("%s: Reload returned no error", what)
		}
		l.await(workers)
		expect(what+": the newest key", inPlace, status.ReasonNone)
		if err := os.RemoveAll(k.path); err != nil {
			t.Fatal(err)
		}
		k.rename(t, append(slices.Clone(k.held), entry, more)...)
		if err := k.file.Reload(); err != nil {
			t.Errorf("after %s: %v", what, err)
		}
	}
	last, entry := k.newer(t, 258)
	k.rename(t, append(slices.Clone(k.held), entry)...)
	expect("kvno 258 at the end", last, status.ReasonNone)
	expect("kvno 257, which the last file has not", inPlace, unknown...)
}

// TestKEY_11_TruncationUnderLoad cuts a keytab file at each byte while 64 goroutines accept
// tickets of its first key. A cut file that has no whole key leaves the keys in use.
func TestKEY_11_TruncationUnderLoad(t *testing.T) {
	k, l := newKeytabUnderLoad(t)
	few := k.held[:2]
	whole := marshal(t, few...)
	for n := range whole {
		if raceEnabled && n%4 != 0 {
			continue // slow, and the bytes that are left out are no race of their own
		}
		k.rewrite(t, whole[:n])
		err := k.file.Reload()
		if table, _ := k.file.Table(context.Background()); table.Len() == 0 {
			t.Fatalf("cut after %d bytes: no keys, %v", n, err)
		}
		if n%40 == 0 {
			l.await(workers)
		}
	}
	k.rewrite(t, whole)
	if err := k.file.Reload(); err != nil {
		t.Error(err)
	}
	l.await(workers)
	if table, _ := k.file.Table(context.Background()); table.Len() != len(few) {
		t.Errorf("%d keys of %d", table.Len(), len(few))
	}
}

// flaky is a source of randomness that fails each third time.
type flaky struct {
	from  io.Reader
	reads atomic.Int64
}

func (f *flaky) Read(b []byte) (int, error) {
	if f.reads.Add(1)%3 == 0 {
		return 0, errBroken
	}
	return f.from.Read(b)
}

// TestSEC_5_RandomnessUnderLoad checks that, if randomness fails now and then, a client is
// refused without a trace: the acceptor accepts the same token once later.
func TestSEC_5_RandomnessUnderLoad(t *testing.T) {
	s := newSite(t, func(cfg *sspi.Config) { cfg.Rand = &flaky{from: cfg.Rand} })
	var failed atomic.Int64
	l := newLoad(t, func(int, int) {
		token := s.request().Token()
		for {
			got := s.outcome(t, token)
			if got == status.ReasonNone {
				break
			}
			if got != status.ReasonInternal {
				t.Errorf("%v, want %v", got, status.ReasonInternal)
				break
			}
			failed.Add(1)
		}
		for { // the randomness for the answer may fail before the replay cache is asked
			if got := s.outcome(t, token); got == status.ReasonReplay {
				break
			} else if got != status.ReasonInternal {
				t.Errorf("a replay: %v", got)
				break
			}
		}
	})
	l.await(500)
	l.stop()
	if failed.Load() < 50 {
		t.Errorf("the randomness failed %d times", failed.Load())
	}
}

// TestDOS_4_EachWait lets 64 goroutines wait for each thing that Accept can wait for, and
// cancels them. All are refused, and their tokens are accepted once afterwards.
func TestDOS_4_EachWait(t *testing.T) {
	type wait = func(ctx context.Context) error
	for name, set := range map[string]func(cfg *sspi.Config, wait wait) (changes []func(*krbtest.APReq), canceled, want status.Reason){
		"keys": func(cfg *sspi.Config, wait wait) ([]func(*krbtest.APReq), status.Reason, status.Reason) {
			keys := cfg.Keys.(*keytab.Table)
			cfg.Keys = keytab.SourceFunc(func(ctx context.Context) (*keytab.Table, error) { return keys, wait(ctx) })
			return nil, status.ReasonCanceled, status.ReasonNone
		},
		"newer keys": func(cfg *sspi.Config, wait wait) ([]func(*krbtest.APReq), status.Reason, status.Reason) {
			cfg.Keys = refreshing{cfg.Keys.(*keytab.Table), wait}
			return []func(*krbtest.APReq){wrongKey}, status.ReasonWrongKey, status.ReasonWrongKey // of the keys that are there
		},
		"the replay cache": func(cfg *sspi.Config, wait wait) ([]func(*krbtest.APReq), status.Reason, status.Reason) {
			cfg.Replay = waiting{cfg.Replay, wait}
			return nil, status.ReasonCanceled, status.ReasonNone
		},
	} {
		t.Run(name, func(t *testing.T) { eachWait(t, set) })
	}
}

func eachWait(t *testing.T, set func(cfg *sspi.Config, wait func(ctx context.Context) error) ([]func(*krbtest.APReq), status.Reason, status.Reason)) {
	arrived, open := make(chan struct{}, workers), make(chan struct{})
	var changes []func(*krbtest.APReq)
	var canceled, want status.Reason
	s := newSite(t, func(cfg *sspi.Config) {
		changes, canceled, want = set(cfg, func(ctx context.Context) error {
			select {
			case <-open:
				return nil
			default:
			}
			arrived <- struct{}{}
			select {
			case <-open:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	tokens := make([][]byte, workers)
	var group sync.WaitGroup
	for i := range tokens {
		tokens[i] = s.request(changes...).Token()
		group.Go(func() {
			_, peer, err := s.acceptor.NewContext(sspi.ContextConfig{}).Accept(ctx, tokens[i])
			if status.ReasonOf(err) != canceled || peer != nil {
				t.Errorf("canceled: %v, %v, want %v", peer, err, canceled)
			}
		})
	}
	for range tokens {
		<-arrived
	}
	cancel()
	group.Wait()
	close(open)
	for _, token := range tokens {
		if got := s.outcome(t, token); got != want {
			t.Errorf("afterwards: %v, want %v", got, want)
		}
		if got := s.outcome(t, token); want == status.ReasonNone && got != status.ReasonReplay {
			t.Errorf("for the third time: %v", got)
		}
	}
}

// refreshing is a source whose Refresh waits.
type refreshing struct {
	keys *keytab.Table
	wait func(ctx context.Context) error
}

func (r refreshing) Table(context.Context) (*keytab.Table, error) { return r.keys, nil }

func (r refreshing) Refresh(ctx context.Context, old *keytab.Table) (*keytab.Table, error) {
	return old, r.wait(ctx)
}

// waiting is a replay cache that waits before it stores a record.
type waiting struct {
	authenticator.ReplayCache
	wait func(ctx context.Context) error
}

func (w waiting) Store(ctx context.Context, r authenticator.Record) (bool, error) {
	if err := w.wait(ctx); err != nil {
		return false, err
	}
	return w.ReplayCache.Store(ctx, r)
}
