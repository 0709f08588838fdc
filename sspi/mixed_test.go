package sspi_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// TestBIND_7_MixedFaces checks that a context with requirements of the Go API keeps them
// when AcceptSecurityContext continues it without flags.
func TestBIND_7_MixedFaces(t *testing.T) {
	enforce := func(cfg *sspi.Config) { cfg.EnforceContextReq = true }
	for _, row := range []struct {
		name string
		cc   sspi.ContextConfig
		want status.Reason
	}{
		{"BindingRequired", sspi.ContextConfig{BindingPolicy: sspi.BindingRequired}, status.ReasonBindingUnknown},
		{"BindingProxied", sspi.ContextConfig{BindingPolicy: sspi.BindingProxied}, status.ReasonBindingMissing},
		{"Require", sspi.ContextConfig{Require: flags.ASC_RET_CONFIDENTIALITY}, status.ReasonRequirementNotMet},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSite(t, enforce)
			h := s.acceptor.NewContext(row.cc).Handle()
			l := s.second(&h, s.request(asking(krbtest.DefaultFlags&^flags.GSS_C_CONF_FLAG)).Token())
			if code := l.call(); !code.IsError() || status.ReasonOf(l.handle.Err()) != row.want {
				t.Errorf("%v, %v, want the Reason %v", code, l.handle.Err(), row.want)
			}
		})
	}
}

// TestBIND_1_ListOfOthers checks that bindings of one call are not added to the list that
// the program passed to several contexts.
func TestBIND_1_ListOfOthers(t *testing.T) {
	s := newSite(t)
	list := make([]sspi.ChannelBindings, 1, 2)
	list[0].ApplicationData = []byte("tls-server-end-point:old")
	h := s.acceptor.NewContext(sspi.ContextConfig{ChannelBindings: list}).Handle()
	l := s.second(&h, s.request().Token())
	own, err := sspi.ChannelBindings{ApplicationData: []byte("tls-server-end-point:new")}.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	l.in.Buffers = append(l.in.Buffers, sspi.SecBuffer{BufferType: sspi.SECBUFFER_CHANNEL_BINDINGS, Buffer: own})
	wantCode(t, "a client without bindings", l.call(), status.SEC_E_BAD_BINDINGS)
	if behind := list[:2][1]; behind.ApplicationData != nil {
		t.Errorf("the memory after the program's list contains %q", behind.ApplicationData)
	}
}

// TestTargets_EmptyIsNoTarget checks that a list of Targets with an empty name does not
// admit clients that name no service.
func TestTargets_EmptyIsNoTarget(t *testing.T) {
	s := newSite(t)
	c := s.acceptor.NewContext(sspi.ContextConfig{Targets: []string{""}})
	if _, peer, err := c.Accept(context.Background(), s.request().Token()); peer != nil || status.ReasonOf(err) != status.ReasonTargetNotAllowed {
		t.Errorf("%v, %v", peer, err)
	}
}

// TestREPLAY_11_SlowKeys checks that the acceptor refuses a token that was recent on
// arrival and is too old when the keys are loaded, because the replay cache may have
// dropped its record by then.
func TestREPLAY_11_SlowKeys(t *testing.T) {
	var late time.Duration
	s := newSite(t, func(cfg *sspi.Config) {
		table, clock := cfg.Keys, cfg.Time
		cfg.Time = func() time.Time { return clock().Add(late) }
		cfg.Keys = keytab.SourceFunc(func(ctx context.Context) (*keytab.Table, error) {
			late = time.Hour
			return table.Table(ctx)
		})
	})
	c := s.acceptor.NewContext(sspi.ContextConfig{NoErrorTokens: true})
	if _, peer, err := c.Accept(context.Background(), s.request().Token()); peer != nil || status.ReasonOf(err) != status.ReasonClockSkew {
		t.Errorf("%v, %v", peer, err)
	}
	if n := s.replay.stores.Load(); n != 0 {
		t.Errorf("%d authenticators were claimed", n)
	}
}

// brokenCache returns an error that is a nil pointer.
type brokenCache struct{}

func (brokenCache) Store(context.Context, authenticator.Record) (bool, error) {
	var none *status.Error
	return true, none
}

// TestClaim_NilPointerForAnError checks that this error refuses the client and has a record
// of a refusal.
func TestClaim_NilPointerForAnError(t *testing.T) {
	var events []sspi.Event
	s := newSite(t, recordEvents(&events), func(cfg *sspi.Config) {
		cfg.Replay, cfg.Logger = brokenCache{}, slog.New(slog.DiscardHandler)
	})
	c := s.acceptor.NewContext(sspi.ContextConfig{})
	_, peer, err := c.Accept(context.Background(), s.request().Token())
	if peer != nil || status.ReasonOf(err) != status.ReasonReplayCacheFailed {
		t.Errorf("%v, %v", peer, err)
	}
	if len(events) != 1 || events[0].Err == nil || events[0].Peer != nil {
		t.Errorf("events %+v", events)
	}
	var e *status.Error
	if !errors.As(err, &e) || e == nil {
		t.Errorf("the error is %#v", err)
	}
}

// TestConfig_NilFile checks that a program that ignores the error of OpenFile refuses its
// clients and does not panic.
func TestConfig_NilFile(t *testing.T) {
	var none *keytab.File
	s := newSite(t, func(cfg *sspi.Config) { cfg.Keys = none })
	c := s.acceptor.NewContext(sspi.ContextConfig{})
	if _, peer, err := c.Accept(context.Background(), s.request().Token()); peer != nil || status.ReasonOf(err) != status.ReasonNoKey {
		t.Errorf("%v, %v", peer, err)
	}
	if _, err := none.Refresh(context.Background(), nil); err == nil || none.Reload() == nil || none.Err() == nil {
		t.Error("a nil File returned no error")
	}
}

// TestContextConfig_Package checks that an unknown package is refused and not replaced by
// Kerberos.
func TestContextConfig_Package(t *testing.T) {
	for name, want := range map[sspi.Package]status.Reason{
		"": status.ReasonNone, "Kerberos": status.ReasonNone, "KERBEROS": status.ReasonNone,
		"Negotiate": status.ReasonNone, "negotiate": status.ReasonNone, "NTLM": status.ReasonArgument, "Kerbero": status.ReasonArgument,
	} {
		s := newSite(t)
		c := s.acceptor.NewContext(sspi.ContextConfig{Package: name})
		_, peer, err := c.Accept(context.Background(), s.request().Token())
		if status.ReasonOf(err) != want || (peer != nil) != (want == status.ReasonNone) {
			t.Errorf("%q: %v, %v, want the Reason %v", name, peer, err, want)
		}
	}
}
