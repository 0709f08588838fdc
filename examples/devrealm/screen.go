package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
)

// screen writes the output. Its methods are safe for concurrent use.
type screen struct {
	mu  sync.Mutex
	w   io.Writer
	now func() time.Time
}

func newScreen(w io.Writer) *screen { return &screen{w: w, now: time.Now} }

// margin is the space in front of the lines below the first.
const margin = "                "

// print writes text.
func (s *screen) print(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = io.WriteString(s.w, text) // an error cannot be reported: w is the output
}

// line writes a line about a server, and more lines below it.
func (s *screen) line(server, text string, more ...string) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %-4s  %s\n", s.now().Format(time.TimeOnly), server, text)
	for _, m := range more {
		if m != "" {
			fmt.Fprintf(&b, "%s%s\n", margin, wrap(m, 88, margin))
		}
	}
	s.print(b.String())
}

// event writes an attempt to log in.
func (s *screen) event(server string, e *sspi.Event) {
	if e.Err == nil {
		s.line(server, accepted(e.Peer), fmt.Sprintf("service %s, %s, until %s", name(e.Service), e.ContextEType, e.Peer.EndTime.Local().Format(time.DateTime)))
		return
	}
	r := refusal{
		reason: e.Err.Reason.String(), detail: quote.Value(cmp.Or(e.Err.Detail, e.Err.Reason.Help())),
		help: e.Err.Reason.Help(), requested: name(e.RequestedService),
	}
	if e.Err.Err != nil {
		r.cause = quote.Value(e.Err.Err.Error())
	}
	switch {
	case e.Denied != nil:
		r.client = name(e.Denied.Client)
	case e.UnprovenClient != (keytab.Principal{}):
		r.client = name(e.UnprovenClient)
	}
	s.refused(server, &r)
}

// accepted returns a line about a client that logged in.
func accepted(p *sspi.Peer) string {
	proven, err := p.Principal()
	switch {
	case err != nil:
		return fmt.Sprintf("accepted %s, whose ticket proves no name of a user: %s", name(p.Client), quote.Value(err.Error()))
	case p.Account == nil:
		return "accepted " + name(proven)
	case p.Client != proven:
		return fmt.Sprintf("accepted %s, account %s, which typed the name %s", name(proven), quote.Value(p.Account.String()), name(p.Client))
	}
	return fmt.Sprintf("accepted %s, account %s", name(proven), quote.Value(p.Account.String()))
}

// refusal has the facts about a refused client, as text whose characters are printable.
type refusal struct{ reason, detail, cause, help, client, requested string }

// refused writes the refusal.
func (s *screen) refused(server string, r *refusal) {
	text := "REFUSED " + r.reason
	if r.client != "" {
		text += ": " + r.client
	}
	more := []string{r.detail}
	if r.cause != "" {
		more = append(more, "cause: "+r.cause)
	}
	if r.requested != "" {
		more = append(more, "the client requested "+r.requested)
	}
	if r.help != r.detail {
		more = append(more, "help: "+r.help)
	}
	s.line(server, text, more...)
}

// name returns a principal, which a stranger may have chosen.
func name(p keytab.Principal) string { return quote.Value(p.String()) }

// kdcHandler writes the records of the KDC.
type kdcHandler struct{ out *screen }

// Enabled implements slog.Handler.
func (h *kdcHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }

// Handle implements slog.Handler. The KDC has quoted the names in its records.
func (h *kdcHandler) Handle(_ context.Context, r slog.Record) error {
	f := make(map[string]string)
	r.Attrs(func(a slog.Attr) bool {
		f[a.Key] = a.Value.String()
		return true
	})
	switch r.Message {
	case "kdc: issued":
		h.out.line("kdc", fmt.Sprintf("issued a ticket for %s to %s", f["service"], f["client"]))
	case "kdc: refused":
		who := ""
		if f["client"] != "" {
			who = " of " + f["client"]
		}
		h.out.line("kdc", fmt.Sprintf("REFUSED error %s: %s", f["code"], f["reason"]), fmt.Sprintf("the %s%s was for %s", f["request"], who, f["service"]))
	default:
		h.out.line("kdc", strings.TrimPrefix(r.Message, "kdc: "), f["error"])
	}
	return nil
}

// WithAttrs implements slog.Handler. The KDC does not call it.
func (h *kdcHandler) WithAttrs([]slog.Attr) slog.Handler { return h }

// WithGroup implements slog.Handler. The KDC does not call it.
func (h *kdcHandler) WithGroup(string) slog.Handler { return h }
