package sspi_test

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// TestAD_3_Peer checks that the indicators are in the Peer and in the log, also after an
// export, and that the record of the login says why an unverified CAMMAC does not count.
func TestAD_3_Peer(t *testing.T) {
	var event sspi.Event
	var text bytes.Buffer
	s := newSite(t, exporting, func(cfg *sspi.Config) {
		cfg.OnEvent = func(_ context.Context, e sspi.Event) { event = e }
		cfg.Logger = slog.New(slog.NewTextHandler(&text, nil))
	})
	with := func(c func(*krbtest.Ticket) krbtest.CAMMAC) func(*krbtest.APReq) {
		return func(q *krbtest.APReq) {
			q.Ticket.Part.AuthorizationData = types.AuthorizationData{krbtest.IfRelevant(c(q.Ticket).Entry())}
		}
	}
	want := []string{"pkinit", "of site\nB"}
	c, _ := s.established(t, sspi.ContextConfig{}, with(func(k *krbtest.Ticket) krbtest.CAMMAC { return k.CAMMAC(want...) }))
	if got := c.Peer().Indicators; !slices.Equal(got, want) || event.IndicatorsError != nil {
		t.Errorf("Indicators %q, IndicatorsError %v", got, event.IndicatorsError)
	}
	if !strings.Contains(text.String(), `kerberos.indicators=`) || strings.Contains(text.String(), "\nB") {
		t.Errorf("the log is %s", text.String())
	}
	sealed, err := c.Export()
	if err != nil {
		t.Fatal(err)
	}
	moved, err := s.worker(t).Import(context.Background(), sealed)
	if err != nil {
		t.Fatal(err)
	}
	if got := moved.Peer().Indicators; !slices.Equal(got, want) {
		t.Errorf("after the import: %q", got)
	}

	text.Reset()
	c, _ = s.established(t, sspi.ContextConfig{}, with(func(k *krbtest.Ticket) krbtest.CAMMAC {
		m := k.CAMMAC("pkinit")
		m.Service = k.Part.Key
		return m
	}))
	if c.Peer().Indicators != nil || event.IndicatorsError == nil || event.IndicatorsError.Reason != status.ReasonAuthorizationData {
		t.Errorf("Indicators %q, IndicatorsError %v", c.Peer().Indicators, event.IndicatorsError)
	}
	if !strings.Contains(text.String(), "kerberos.indicators_error=") || strings.Contains(text.String(), "kerberos.indicators=") {
		t.Errorf("the log is %s", text.String())
	}
}
