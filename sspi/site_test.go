package sspi_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

const service = "HTTP/www.example.com"

// site is a server in a realm, with a clock that does not run.
type site struct {
	realm    *krbtest.Realm
	keys     *keytab.Table
	replay   *countedCache
	random   *countedReader
	acceptor *sspi.Acceptor
	cred     sspi.CredHandle
}

// newSite returns a site. It applies the changes to the complete Config.
func newSite(t testing.TB, changes ...func(*sspi.Config)) *site {
	t.Helper()
	realm := krbtest.NewRealm("EXAMPLE.COM")
	s := &site{
		realm:  realm,
		keys:   realm.Service(service),
		replay: &countedCache{cache: authenticator.NewMemoryCache(0, authenticator.AcceptOlder)},
		random: &countedReader{from: realm},
	}
	cfg := sspi.Config{Keys: s.keys, Time: realm.Now, Replay: s.replay, Rand: s.random}
	for _, change := range changes {
		change(&cfg)
	}
	var err error
	if s.acceptor, err = sspi.NewAcceptor(cfg); err != nil {
		t.Fatal(err)
	}
	s.cred = s.acceptor.CredHandle(sspi.Kerberos)
	return s
}

// request returns a valid AP-REQ after the changes.
func (s *site) request(changes ...func(*krbtest.APReq)) *krbtest.APReq {
	q := s.realm.Ticket("alice", service).APReq()
	for _, change := range changes {
		change(q)
	}
	return q
}

// These functions change a request.

func oneWay(q *krbtest.APReq) { q.Flags &^= flags.GSS_C_MUTUAL_FLAG }
func dce(q *krbtest.APReq)    { q.Flags |= flags.GSS_C_DCE_STYLE }

func asking(f flags.GSS) func(*krbtest.APReq) {
	return func(q *krbtest.APReq) { q.Flags = f }
}

// naming makes the client name its target.
func naming(target string) func(*krbtest.APReq) {
	return func(q *krbtest.APReq) { q.Target = target }
}

// late sets the client's clock back by more than the skew.
func late(q *krbtest.APReq) { q.SetTime(q.Time().Add(-time.Hour)) }

// wrongKey encrypts the ticket in a key that the site does not have.
func wrongKey(q *krbtest.APReq) {
	k := slices.Clone(q.Ticket.Key.KeyValue) // the key belongs to the realm
	k[0] ^= 1
	q.Ticket.Key.KeyValue = k
}

const extendedError = flags.ASC_REQ_EXTENDED_ERROR

// leg is one call of AcceptSecurityContext. Arguments that a test does not set are valid.
// The outputs have other values before the call, so that a test sees what the call has
// written.
type leg struct {
	cred    *sspi.CredHandle
	context *sspi.CtxtHandle
	in      *sspi.SecBufferDesc
	req     flags.ASC_REQ
	out     *sspi.SecBufferDesc

	handle sspi.CtxtHandle
	attr   flags.ASC_RET
	stamp  sspi.TimeStamp
}

var (
	untouchedStamp = sspi.TimeStamp{LowPart: 1, HighPart: -1}
	untouchedAttr  = flags.ASC_RET(0xDEADBEEF)
)

// first returns the first call of an exchange, with an output buffer for any reply.
func (s *site) first(token []byte) *leg {
	return &leg{
		cred: &s.cred, in: tokenIn(token), out: room(4096),
		handle: s.acceptor.NewContext(sspi.ContextConfig{}).Handle(),
		attr:   untouchedAttr, stamp: untouchedStamp,
	}
}

// second returns a later call of an exchange.
func (s *site) second(h *sspi.CtxtHandle, token []byte) *leg {
	l := s.first(token)
	l.context, l.handle = h, *h
	return l
}

func (l *leg) call() status.Code {
	return sspi.AcceptSecurityContext(l.cred, l.context, l.in, l.req, sspi.SECURITY_NATIVE_DREP, &l.handle, l.out, &l.attr, &l.stamp)
}

// reply returns the bytes for the client.
func (l *leg) reply() []byte { return l.out.Buffers[0].Buffer }

func tokenIn(token []byte) *sspi.SecBufferDesc {
	return &sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{{BufferType: sspi.SECBUFFER_TOKEN, Buffer: token}}}
}

func room(n int) *sspi.SecBufferDesc {
	return &sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{{BufferType: sspi.SECBUFFER_TOKEN, Buffer: make([]byte, n)}}}
}

// establish runs a whole exchange in the Windows API.
func (s *site) establish(t testing.TB, changes ...func(*krbtest.APReq)) (sspi.CtxtHandle, *krbtest.Initiator) {
	t.Helper()
	h, client, err := s.exchange(changes...)
	if err != nil {
		t.Fatal(err)
	}
	return h, client
}

// exchange does the same as establish and returns an error, for goroutines, which must not
// end a test.
func (s *site) exchange(changes ...func(*krbtest.APReq)) (sspi.CtxtHandle, *krbtest.Initiator, error) {
	client := s.request(changes...).Start()
	var reply []byte
	var l *leg
	for {
		token, done, err := client.Next(reply)
		if err != nil {
			return sspi.CtxtHandle{}, nil, fmt.Errorf("the initiator: %w", err)
		}
		if token == nil && done {
			return l.handle, client, nil
		}
		if l == nil {
			l = s.first(token)
		} else {
			l = s.second(&l.handle, token)
		}
		code := l.call()
		reply = l.reply()
		switch {
		case code.IsError():
			return sspi.CtxtHandle{}, nil, fmt.Errorf("the acceptor: %v, %w", code, l.handle.Err())
		case done != (code == status.SEC_E_OK) && len(reply) == 0:
			return sspi.CtxtHandle{}, nil, fmt.Errorf("the initiator is done: %v, the acceptor: %v", done, code)
		case done:
			return l.handle, client, nil
		}
	}
}

// wantCode fails the test if got is not want.
func wantCode(t testing.TB, what string, got, want status.Code) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// countedCache counts the calls of a replay cache.
type countedCache struct {
	cache  authenticator.ReplayCache
	stores atomic.Int64
}

func (c *countedCache) Store(ctx context.Context, r authenticator.Record) (bool, error) {
	c.stores.Add(1)
	return c.cache.Store(ctx, r)
}

// countedReader counts the bytes of randomness, and serves one goroutine at a time.
type countedReader struct {
	mu    sync.Mutex
	from  io.Reader
	bytes int
}

func (r *countedReader) Read(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bytes += len(b)
	return r.from.Read(b)
}

// recordEvents collects the events of OnEvent.
func recordEvents(events *[]sspi.Event) func(*sspi.Config) {
	return func(cfg *sspi.Config) {
		cfg.OnEvent = func(_ context.Context, e sspi.Event) { *events = append(*events, e) }
	}
}
