package sspitest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// TestClock_NoRetry checks that a client without RetrySkew, like MIT's, gives up after a
// clock error, although the acceptor permits another try.
func TestClock_NoRetry(t *testing.T) {
	now := sspitest.NewDeterministicRealm("X").Now()
	for name, row := range map[string]struct {
		o    sspitest.Options
		code int32 // RFC 4120, Section 7.5.9
	}{
		"fast":          {sspitest.Options{ClockOffset: 6 * time.Minute}, 37},
		"fast, SPNEGO":  {sspitest.Options{ClockOffset: 6 * time.Minute, SPNEGO: true}, 37},
		"slow":          {sspitest.Options{ClockOffset: -6 * time.Minute}, 37},
		"not yet valid": {sspitest.Options{StartTime: now.Add(time.Hour)}, 33},
	} {
		_, c, _, err := login(t, row.o, sspi.ContextConfig{})
		e, ok := err.(*sspitest.Error)
		if !ok || e.Code != row.code || !e.Retry || !e.Time.Equal(now.Truncate(time.Microsecond)) {
			t.Errorf("%s: %v", name, err)
		}
		if c.Err() != nil || c.Peer() != nil {
			t.Errorf("%s: the acceptor: %v, %v", name, c.Err(), c.Peer())
		}
	}
}

// TestClock_RetryOnce checks that the client does not try a third time.
func TestClock_RetryOnce(t *testing.T) {
	realm := sspitest.NewDeterministicRealm("EXAMPLE.COM")
	acceptor, err := realm.Acceptor(service)
	if err != nil {
		t.Fatal(err)
	}
	client, err := realm.User("alice").Initiate(service, sspitest.Options{ClockOffset: time.Hour, RetrySkew: true})
	if err != nil {
		t.Fatal(err)
	}
	token, _, _ := client.Next(nil)
	for try := 1; ; try++ { // a new context for each try, so that the acceptor permits another each time
		reply, _, err := acceptor.NewContext(sspi.ContextConfig{}).Accept(context.Background(), token)
		if err != sspi.ErrContinue {
			t.Fatalf("try %d: %v", try, err)
		}
		realm.Advance(time.Hour) // away from the time that the client received
		token, _, err = client.Next(reply)
		if try == 1 && err == nil {
			continue
		}
		var e *sspitest.Error
		if try != 2 || !errors.As(err, &e) || e.Code != 37 {
			t.Fatalf("try %d: %v", try, err)
		}
		return
	}
}

// TestClock_Advance checks that the realm's clock is that of clients and acceptors, and
// that a ticket expires by it.
func TestClock_Advance(t *testing.T) {
	for name, realm := range map[string]*sspitest.Realm{
		"system": sspitest.NewRealm("EXAMPLE.COM"), "standing": sspitest.NewDeterministicRealm("EXAMPLE.COM"),
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := realm.Config(service)
			if err != nil {
				t.Fatal(err)
			}
			cfg.EnforceExpiry = true
			acceptor, err := sspi.NewAcceptor(cfg)
			if err != nil {
				t.Fatal(err)
			}
			alice := realm.User("alice")
			early, err := alice.Initiate(service, sspitest.Options{})
			if err != nil {
				t.Fatal(err)
			}
			late, err := alice.Initiate(service, sspitest.Options{})
			if err != nil {
				t.Fatal(err)
			}
			realm.Advance(9 * time.Hour) // the client makes its token at this time
			c := acceptor.NewContext(sspi.ContextConfig{})
			if _, err := sspitest.Handshake(early, c); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Wrap(nil, nil, true); err != nil {
				t.Error(err)
			}
			realm.Advance(2 * time.Hour) // later than the ten hours and the skew
			if _, err := c.Wrap(nil, nil, true); status.ReasonOf(err) != status.ReasonContextExpired {
				t.Errorf("a message: %v", err)
			}
			if _, err := sspitest.Handshake(late, acceptor.NewContext(sspi.ContextConfig{})); status.ReasonOf(err) != status.ReasonTicketExpired {
				t.Errorf("a login: %v", err)
			}
		})
	}
}

// TestClock_System checks that a realm from NewRealm uses the system's clock, so that a
// server that has only its keys accepts the clients.
func TestClock_System(t *testing.T) {
	realm := sspitest.NewRealm("EXAMPLE.COM")
	keys, err := realm.Service(service)
	if err != nil {
		t.Fatal(err)
	}
	acceptor, err := sspi.NewAcceptor(sspi.Config{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	client, err := realm.User("alice").Initiate(service, sspitest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sspitest.Handshake(client, acceptor.NewContext(sspi.ContextConfig{})); err != nil {
		t.Error(err)
	}
}
