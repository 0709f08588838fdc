package sspideleg_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/jcmturner/gokrb5/v8/client"

	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi/sspideleg"
	"github.com/gosspi/kerberos/status"
)

// TestServiceAsksKDCsInOrder checks that concurrent requests ask the first KDC of the
// configuration and no other one while it answers.
func TestServiceAsksKDCsInOrder(t *testing.T) {
	l := newLiar(t)
	realm := &l.service.Client.Config.Realms[0]
	realm.KDC = append(realm.KDC, silent(t).Realms[0].KDC[0])
	l.says("alice", front, lie{})
	alice := l.principal("alice")
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if _, err := l.service.ForUser(t.Context(), alice); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// TestServiceAsksTheNextKDC checks that a KDC that cannot be reached costs no request while
// another KDC answers.
func TestServiceAsksTheNextKDC(t *testing.T) {
	l := newLiar(t)
	realm := &l.service.Client.Config.Realms[0]
	realm.KDC = append([]string{"127.0.0.1:1"}, realm.KDC...)
	l.says("alice", front, lie{})
	if _, err := l.service.ForUser(t.Context(), l.principal("alice")); err != nil {
		t.Error(err)
	}
}

// TestServiceCanceledMeanwhile cancels the context while the KDC has the request.
func TestServiceCanceledMeanwhile(t *testing.T) {
	l := newLiar(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	l.set(func(*krb5.KDCReq) []byte { cancel(); return nil })
	_, err := l.service.ForUser(ctx, l.principal("alice"))
	if status.ReasonOf(err) != status.ReasonCanceled || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want %v", err, status.ReasonCanceled)
	}
}

// TestServiceLogsInInTurns checks that concurrent requests do not make gokrb5 log in at the same
// time, at which it would write to its configuration. The race detector finds that.
func TestServiceLogsInInTurns(t *testing.T) {
	l := newLiar(t)
	l.says("alice", front, lie{}) // no answer to AS-REQ
	conf := configured(t, fmt.Sprintf("  kdc = %[1]s\n  kdc = %[1]s", l.service.Client.Config.Realms[0].KDC[0]))
	s := &sspideleg.Service{Client: client.NewWithPassword("front", "EXAMPLE.COM", "x", conf), Keys: keytab.SourceFunc(l.service.Keys.Table)}
	alice := l.principal("alice")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := s.ForUser(t.Context(), alice); err == nil {
				t.Error("no error without a ticket-granting ticket")
			}
		})
	}
	wg.Wait()
}

// TestClientHasItsOwnKDCs checks that requests of a client do not change the configuration that
// the clients of a program share.
func TestClientHasItsOwnKDCs(t *testing.T) {
	conf := configured(t, "  kdc = 127.0.0.1:1\n  kdc = 127.0.0.1:2")
	before := slices.Clone(conf.Realms[0].KDC)
	cl, err := sspideleg.Client(delegate(t, "alice"), conf)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Destroy()
	for range 20 {
		n, _, err := cl.Config.GetKDCs("EXAMPLE.COM", true) // as gokrb5 does for each request
		if err != nil || n != 2 || !slices.Equal(conf.Realms[0].KDC, before) {
			t.Fatalf("%d KDCs, %v, the configuration has %q", n, err, conf.Realms[0].KDC)
		}
	}
}
