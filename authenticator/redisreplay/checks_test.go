package redisreplay_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/authenticator/redisreplay"
	"github.com/gosspi/kerberos/status"
)

// refusesToStart fails unless New returns an error with ReasonReplayCacheFailed and the
// given text.
func refusesToStart(t *testing.T, cfg redisreplay.Config, text string) {
	t.Helper()
	c, err := redisreplay.New(t.Context(), cfg)
	if err == nil {
		_ = c.Close()
	}
	if status.ReasonOf(err) != status.ReasonReplayCacheFailed || !strings.Contains(err.Error(), text) {
		t.Errorf("New: %v, want an error with %q", err, text)
	}
}

// TestPolicyMustBeNoEviction checks that the cache refuses to start, and to answer on a new
// connection, if the server may evict records.
func TestPolicyMustBeNoEviction(t *testing.T) {
	withEach(t, func(t *testing.T, product string) {
		s := startServer(t, product)
		for _, policy := range []string{"allkeys-lru", "volatile-ttl", "volatile-lru", "allkeys-random"} {
			s.do(t, "CONFIG", "SET", "maxmemory-policy", policy)
			refusesToStart(t, s.config(), policy)
			cfg := s.config()
			cfg.AssumeNoEviction = true // does not help against a policy that the server shows
			refusesToStart(t, cfg, policy)
		}
		s.do(t, "CONFIG", "SET", "maxmemory-policy", "noeviction")
		c := open(t, s.config())
		want(t, c, record(time.Now()), "fresh", "under noeviction")
		s.do(t, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
		s.disconnect(t)
		r := record(time.Now())
		want(t, c, r, "replay-cache-failed", "on a new connection after the policy changed")
		if err := c.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "noeviction") {
			t.Errorf("Check: %v", err)
		}
		s.do(t, "CONFIG", "SET", "maxmemory-policy", "noeviction")
		want(t, c, record(time.Now()), "fresh", "after the policy was corrected")
	})
}

// TestConnectionsAreCheckedAgain checks that an old connection is replaced by a new one,
// which is checked.
func TestConnectionsAreCheckedAgain(t *testing.T) {
	s := startServer(t, "redis-server")
	cfg := s.config()
	cfg.Options.ConnMaxLifetime = time.Millisecond
	c := open(t, cfg)
	s.do(t, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	time.Sleep(2 * time.Millisecond) // the lifetime of the connection
	want(t, c, record(time.Now()), "replay-cache-failed", "after the lifetime of a connection")
}

// TestEvictedKeysCount checks that evictions between two checks are detected: the policy
// allows them for a while and is then correct again.
func TestEvictedKeysCount(t *testing.T) {
	s := startServer(t, "redis-server")
	c, other := open(t, s.config()), open(t, s.config())
	now := time.Now()
	r := record(now)
	want(t, c, r, "fresh", "a new authenticator")
	s.do(t, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	s.do(t, "CONFIG", "SET", "maxmemory", "1")
	_ = s.control.Set(t.Context(), "x", "y", 0).Err() // evicts all keys, and fails
	s.do(t, "CONFIG", "SET", "maxmemory", "0")
	s.do(t, "CONFIG", "SET", "maxmemory-policy", "noeviction")
	if n := s.control.DBSize(t.Context()).Val(); n != 0 {
		t.Fatalf("%d keys left", n)
	}
	s.disconnect(t)
	want(t, other, r, "before-replay-cache", "a replay whose record was evicted")
	want(t, other, record(time.Now()), "fresh", "a new authenticator after it")
}

// TestFewEvictedKeysCount checks that evictions are detected that spare the note of the
// cache.
func TestFewEvictedKeysCount(t *testing.T) {
	s := startServer(t, "redis-server")
	c, other := open(t, s.config()), open(t, s.config())
	r := record(time.Now())
	want(t, c, r, "fresh", "a new authenticator")
	// The server evicts the keys with the shortest lives until the memory suffices: the record,
	// then the large key, and not the note, which lives for a month.
	s.do(t, "CONFIG", "SET", "maxmemory-policy", "volatile-ttl")
	s.do(t, "CONFIG", "SET", "maxmemory-samples", 64)
	s.do(t, "SET", "large", strings.Repeat("x", 1<<20), "EX", 24*60*60)
	s.do(t, "CONFIG", "SET", "maxmemory", s.memory(t)-1<<19)
	_ = s.control.Set(t.Context(), "x", "y", time.Second).Err()
	s.do(t, "CONFIG", "SET", "maxmemory", 0)
	s.control.Del(t.Context(), "x")
	s.do(t, "CONFIG", "SET", "maxmemory-policy", "noeviction")
	if keys := s.control.Keys(t.Context(), "*").Val(); len(keys) != 1 || !strings.Contains(keys[0], "since:") {
		t.Fatalf("keys %q, want the note", keys)
	}
	s.disconnect(t)
	want(t, other, r, "before-replay-cache", "a replay whose record was evicted")
}

// hiding is a server that hides commands.
func hiding(t *testing.T, commands ...string) *server {
	var args []string
	for _, c := range commands {
		args = append(args, "--rename-command", c, "")
	}
	return startServer(t, "redis-server", args...)
}

// TestHiddenCommands checks which commands a server may hide.
func TestHiddenCommands(t *testing.T) {
	t.Run("CONFIG", func(t *testing.T) {
		want(t, open(t, hiding(t, "CONFIG").config()), record(time.Now()), "fresh", "INFO shows the policy")
	})
	t.Run("INFO", func(t *testing.T) {
		cfg := hiding(t, "INFO").config()
		refusesToStart(t, cfg, "run_id")
		cfg.AfterLoss = authenticator.AcceptOlder
		want(t, open(t, cfg), record(time.Now()), "fresh", "CONFIG GET shows the policy")
	})
	t.Run("CONFIG and INFO", func(t *testing.T) {
		cfg := hiding(t, "CONFIG", "INFO").config()
		cfg.AfterLoss = authenticator.AcceptOlder
		refusesToStart(t, cfg, "AssumeNoEviction")
		cfg.AssumeNoEviction = true
		want(t, open(t, cfg), record(time.Now()), "fresh", "the operator guarantees the policy")
	})
	t.Run("TIME", func(t *testing.T) { refusesToStart(t, hiding(t, "TIME").config(), "TIME") })
}

// TestClocksApart checks that the cache refuses a server whose clock differs too much.
func TestClocksApart(t *testing.T) {
	s := startServer(t, "redis-server")
	for _, row := range []struct {
		host, limit time.Duration
		refused     bool
	}{
		{0, 0, false},
		{119 * time.Second, 0, false},
		{-119 * time.Second, 0, false},
		{2*time.Minute + 2*time.Second, 0, true},
		{-2*time.Minute - 2*time.Second, 0, true},
		{time.Hour, 2 * time.Hour, false},
		{2 * time.Second, time.Second, true},
	} {
		cfg := s.config()
		cfg.Time = func() time.Time { return time.Now().Add(row.host) }
		cfg.MaxClockDifference, cfg.AfterLoss = row.limit, authenticator.AcceptOlder
		if row.refused {
			refusesToStart(t, cfg, "MaxClockDifference")
		} else {
			want(t, open(t, cfg), record(cfg.Time()), "fresh", "a clock within the limit")
		}
	}
}

// TestWrongClockOfAHost checks that a host whose clock is ahead does not make the other
// hosts refuse clients.
func TestWrongClockOfAHost(t *testing.T) {
	s := startServer(t, "redis-server")
	wrong := s.config()
	wrong.Time = func() time.Time { return time.Now().Add(time.Minute) }
	open(t, wrong)
	right := open(t, s.config())
	want(t, right, record(time.Now()), "fresh", "a client whose clock is right")
}

// TestMinimalUser checks that the rights that the package documentation lists are enough,
// and that a missing right refuses.
func TestMinimalUser(t *testing.T) {
	withEach(t, func(t *testing.T, product string) {
		s := startServer(t, product)
		rights := strings.Fields("~krb5rc:* -@all +hello +auth +ping +select +info +time +config|get +set +get +pexpire +wait")
		user := []any{"ACL", "SETUSER", "krb5rc", "on", ">hunter2-secret"}
		for _, r := range rights {
			user = append(user, r)
		}
		s.do(t, user...)
		cfg := s.config()
		cfg.Options.Username, cfg.Options.Password = "krb5rc", "hunter2-secret"
		p := newPair(t, cfg)
		r := record(time.Now())
		want(t, p, r, "fresh", "a new authenticator")
		want(t, p, r, "replay", "its replay")

		for _, lacking := range []string{"set", "get", "time"} {
			s.do(t, "ACL", "SETUSER", "krb5rc", "-"+lacking)
			s.disconnect(t)
			r := record(time.Now())
			for range 2 {
				if got := ask(t, p, r); got == "fresh" {
					if lacking != "get" { // GET is for replays
						t.Errorf("without %s: %s", lacking, got)
					}
				}
			}
			s.do(t, "ACL", "SETUSER", "krb5rc", "+"+lacking)
		}
		cfg.Options.Password = "wrong-secret"
		_, err := redisreplay.New(t.Context(), cfg)
		if status.ReasonOf(err) != status.ReasonReplayCacheFailed || !strings.Contains(err.Error(), "Username or Password") {
			t.Errorf("a wrong password: %v", err)
		}
		other := cfg
		other.Prefix, other.Options.Password = "other:", "hunter2-secret"
		refusesToStart(t, other, "Config.Prefix")
		for _, text := range []string{fmt.Sprint(err), fmt.Sprintf("%+v %#v", p.caches[0], p.caches[1])} {
			if strings.Contains(text, "-secret") {
				t.Errorf("the text has a password: %s", text)
			}
		}
	})
}

// TestUnreachable checks the advice of the error if no server listens.
func TestUnreachable(t *testing.T) {
	refusesToStart(t, redisreplay.Config{Options: &redis.UniversalOptions{Addrs: []string{fmt.Sprintf("127.0.0.1:%d", freePort(t))}}}, "cannot be reached")
}

// TestTLS checks that the cache uses TLS and verifies the server.
func TestTLS(t *testing.T) {
	withEach(t, func(t *testing.T, product string) {
		dir := t.TempDir()
		pool := certificate(t, dir)
		port := freePort(t)
		startServer(t, product, "--tls-port", fmt.Sprint(port), "--tls-cert-file", filepath.Join(dir, "cert"),
			"--tls-key-file", filepath.Join(dir, "key"), "--tls-auth-clients", "no")
		cfg := redisreplay.Config{Options: &redis.UniversalOptions{Addrs: []string{fmt.Sprintf("127.0.0.1:%d", port)}, TLSConfig: &tls.Config{RootCAs: pool}}}
		want(t, open(t, cfg), record(time.Now()), "fresh", "a new authenticator")
		cfg.Options.TLSConfig = &tls.Config{RootCAs: x509.NewCertPool()}
		refusesToStart(t, cfg, "certificate")
		cfg.Options.TLSConfig = nil
		if _, err := redisreplay.New(t.Context(), cfg); err == nil {
			t.Error("New without TLS: no error")
		}
	})
}

// certificate writes a key and a certificate for 127.0.0.1 that signs itself.
func certificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "redis"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert": {Type: "CERTIFICATE", Bytes: der}, "key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return pool
}

// TestCallersOnConnect checks that a callback of the caller runs and can refuse a
// connection, and that New does not change the caller's options.
func TestCallersOnConnect(t *testing.T) {
	s := startServer(t, "redis-server")
	cfg := s.config()
	calls := 0
	cfg.Options.OnConnect = func(context.Context, *redis.Conn) error { calls++; return nil }
	open(t, cfg)
	if calls == 0 || cfg.Options.ContextTimeoutEnabled {
		t.Errorf("%d calls, options %+v", calls, cfg.Options)
	}
	cfg.Options.OnConnect = func(context.Context, *redis.Conn) error { return errors.New("no") }
	refusesToStart(t, cfg, "no")
}
