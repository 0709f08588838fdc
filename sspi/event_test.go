package sspi_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

var denied = &status.Error{Reason: status.ReasonNotAuthorized, Detail: "not in the group"}

// TestLOG_1_Deferred checks that an attempt on a context with DeferReport has exactly one
// record, which appears when the caller reports it, or else in Close.
func TestLOG_1_Deferred(t *testing.T) {
	remote := netip.MustParseAddrPort("192.0.2.7:4711")
	deferring := sspi.ContextConfig{DeferReport: true, Remote: remote}
	take := func(t *testing.T, c *sspi.Context) sspi.Event {
		t.Helper()
		e, ok := c.TakeEvent()
		if !ok {
			t.Fatal("TakeEvent returned no record")
		}
		return e
	}
	for name, row := range map[string]struct {
		late   bool
		decide func(*testing.T, *site, *sspi.Context)
		want   string
	}{
		"accepted":       {decide: func(t *testing.T, s *site, c *sspi.Context) { s.acceptor.Report(context.Background(), take(t, c)) }, want: "alice@EXAMPLE.COM"},
		"refused":        {late: true, decide: func(t *testing.T, s *site, c *sspi.Context) { s.acceptor.Report(context.Background(), take(t, c)) }, want: "clock-skew retry"},
		"accepted, lost": {decide: func(*testing.T, *site, *sspi.Context) {}, want: "alice@EXAMPLE.COM"},
		"refused, lost":  {late: true, decide: func(*testing.T, *site, *sspi.Context) {}, want: "clock-skew retry"},
		"lost and exported": {decide: func(t *testing.T, s *site, c *sspi.Context) {
			if _, err := c.Export(); err != nil {
				t.Fatal(err)
			}
		}, want: "alice@EXAMPLE.COM"},
		"turned away": {decide: func(t *testing.T, s *site, c *sspi.Context) {
			e := take(t, c)
			e.Refuse(fmt.Errorf("wrapped: %w", denied))
			e.Attrs = append(e.Attrs, slog.Int("http.response.status_code", 403))
			s.acceptor.Report(context.Background(), e)
		}, want: "not-authorized denied alice@EXAMPLE.COM http.response.status_code=403"},
		"turned away, Peer left in place": {decide: func(t *testing.T, s *site, c *sspi.Context) {
			e := take(t, c)
			e.Err = denied
			s.acceptor.Report(context.Background(), e)
		}, want: "not-authorized denied alice@EXAMPLE.COM"},
	} {
		t.Run(name, func(t *testing.T) {
			var events []sspi.Event
			s := newSite(t, recordEvents(&events), exporting)
			q := s.request()
			if row.late {
				late(q)
			}
			c := s.acceptor.NewContext(deferring)
			_, _, _ = c.Accept(context.Background(), q.Token())
			if len(events) != 0 {
				t.Fatalf("reported during Accept: %+v", events)
			}
			row.decide(t, s, c)
			c.Close()
			c.Close()
			if _, ok := c.TakeEvent(); ok {
				t.Error("the attempt has a second record")
			}
			if len(events) != 1 || summary(events[0]) != row.want {
				t.Fatalf("records %q, want %q once", summaries(events), row.want)
			}
			if events[0].Remote != remote || !events[0].Time.Equal(s.realm.Now()) {
				t.Errorf("remote %v, time %v", events[0].Remote, events[0].Time)
			}
		})
	}
}

// TestLOG_1_DeferredRetry checks that the second try reports the record of the first try if
// the caller did not.
func TestLOG_1_DeferredRetry(t *testing.T) {
	var events []sspi.Event
	s := newSite(t, recordEvents(&events))
	c := s.acceptor.NewContext(sspi.ContextConfig{DeferReport: true})
	if _, _, err := c.Accept(context.Background(), s.request(late).Token()); err != sspi.ErrContinue {
		t.Fatal(err)
	}
	if _, _, err := c.Accept(context.Background(), s.request().Token()); err != nil {
		t.Fatal(err)
	}
	if len(events) != 1 || summary(events[0]) != "clock-skew retry" {
		t.Fatalf("records %q", summaries(events))
	}
	c.Close()
	if len(events) != 2 || summary(events[1]) != "alice@EXAMPLE.COM" {
		t.Fatalf("records %q", summaries(events))
	}
}

// TestLOG_1_Report checks that Report writes a record for a decision outside Accept, and
// that an Event without a decision is not reported as an accepted client.
func TestLOG_1_Report(t *testing.T) {
	var events []sspi.Event
	s := newSite(t, recordEvents(&events))
	s.acceptor.Report(context.Background(), sspi.Event{Err: denied})
	s.acceptor.Report(context.Background(), sspi.Event{})
	if len(events) != 2 || summary(events[0]) != "not-authorized" || summary(events[1]) != "argument" {
		t.Fatalf("records %q", summaries(events))
	}
	if !events[0].Time.Equal(s.realm.Now()) {
		t.Errorf("time %v", events[0].Time)
	}
	var log logged
	s = newSite(t, log.into)
	forged := "a\nkerberos: accepted\x1b[2J" + strings.Repeat("x", 5000)
	s.acceptor.Report(context.Background(), sspi.Event{Err: &status.Error{Reason: status.ReasonNotAuthorized, Detail: forged, Err: errors.New(forged)}})
	got := log.one(t)
	for _, key := range []string{"kerberos.error.detail", "kerberos.error.cause"} {
		if text, _ := got[key].(string); len(text) > 1100 || strings.ContainsAny(text, "\n\x1b") || !strings.Contains(text, "kerberos: accepted") {
			t.Errorf("%s is %.200q", key, text)
		}
	}
	new(sspi.Acceptor).Report(context.Background(), sspi.Event{Err: denied})
	(*sspi.Acceptor)(nil).Report(context.Background(), sspi.Event{Err: denied})
	if len(events) != 2 {
		t.Fatalf("records %q", summaries(events))
	}
	var e sspi.Event
	e.Refuse(errors.New("no reason of its own"))
	if e.Err.Reason != status.ReasonInternal {
		t.Errorf("reason %v", e.Err.Reason)
	}
}

// TestLOG_1_NothingToTake checks that TakeEvent returns nothing if the context reports by
// itself, and after a token that decides nothing.
func TestLOG_1_NothingToTake(t *testing.T) {
	s := newSite(t)
	own := s.acceptor.NewContext(sspi.ContextConfig{})
	if _, _, err := own.Accept(context.Background(), s.request().Token()); err != nil {
		t.Fatal(err)
	}
	first := s.acceptor.NewContext(sspi.ContextConfig{DeferReport: true})
	if _, _, err := first.Accept(context.Background(), s.request(dce).Bytes()); err != sspi.ErrContinue {
		t.Fatal(err)
	}
	for name, c := range map[string]*sspi.Context{
		"reports by itself": own, "first leg": first, "nil": nil, "zero": new(sspi.Context),
	} {
		if e, ok := c.TakeEvent(); ok {
			t.Errorf("%s: TakeEvent returned a record: %s", name, summary(e))
		}
	}
	if own.Acceptor() != s.acceptor || (*sspi.Context)(nil).Acceptor() != nil || new(sspi.Context).Acceptor() != nil {
		t.Error("Acceptor returned another acceptor than that of the context")
	}
}

func summaries(events []sspi.Event) (out []string) {
	for _, e := range events {
		out = append(out, summary(e))
	}
	return out
}

// summary returns the verdict of a record in a few words.
func summary(e sspi.Event) string {
	var s string
	if e.Err != nil {
		s = e.Err.Reason.String()
	}
	if e.Retry {
		s += " retry"
	}
	if e.Peer != nil {
		s += e.Peer.Client.String()
	}
	if e.Denied != nil {
		s += " denied " + e.Denied.Client.String()
	}
	for _, a := range e.Attrs {
		s += " " + a.String()
	}
	return s
}
