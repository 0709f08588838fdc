package filereplay_test

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/gosspi/kerberos/authenticator/filereplay"
	"github.com/gosspi/kerberos/status"
)

// needsLocks skips a test on a system on which Open must fail.
func needsLocks(t testing.TB) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has locks of open file descriptions")
	}
}

// TestOpen_OtherSystems checks that Open fails with a Reason of its own where the system
// has no locks of open file descriptions.
func TestOpen_OtherSystems(t *testing.T) {
	c, err := filereplay.Open(t.Context(), filereplay.Config{Path: fresh(t)})
	switch {
	case runtime.GOOS == "linux" && err != nil:
		t.Fatal(err)
	case runtime.GOOS != "linux" && (c != nil || status.ReasonOf(err) != status.ReasonUnsupported):
		t.Fatalf("Open = %v, %v; want nil and an error with the Reason %v", c, err, status.ReasonUnsupported)
	}
}

// TestOpen_Arguments checks the errors for configurations that cannot work.
func TestOpen_Arguments(t *testing.T) {
	path := fresh(t)
	for name, cfg := range map[string]filereplay.Config{
		"no path":            {},
		"a negative skew":    {Path: path, ClockSkew: -1},
		"less than a second": {Path: path, ClockSkew: 1500e6},
		"no rule":            {Path: path, Start: 3},
	} {
		if c, err := filereplay.Open(t.Context(), cfg); c != nil || status.ReasonOf(err) != status.ReasonArgument {
			t.Errorf("%s: Open = %v, %v", name, c, err)
		}
	}
	if _, err := (*filereplay.Cache)(nil).Store(t.Context(), use(now(), 0)); status.ReasonOf(err) != status.ReasonReplayCacheFailed {
		t.Errorf("a nil Cache: %v", err)
	}
	if _, err := new(filereplay.Cache).Store(t.Context(), use(now(), 0)); status.ReasonOf(err) != status.ReasonReplayCacheFailed {
		t.Errorf("the zero Cache: %v", err)
	}
	var known *status.Error
	var none context.Context // the mistake of a caller
	if _, err := filereplay.Open(none, filereplay.Config{Path: path}); !errors.As(err, &known) {
		t.Errorf("no context: %v", err)
	}
}
