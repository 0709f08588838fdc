package sspi_test

import (
	"context"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// TestCTX_12_ImportExpired checks that neither API imports a context with EnforceExpiry
// whose ticket has expired, and that such an attempt does not reach the replay cache.
// Without EnforceExpiry the import succeeds.
func TestCTX_12_ImportExpired(t *testing.T) {
	const skew = 5 * time.Minute
	for name, row := range map[string]struct {
		enforce bool
		after   time.Duration // the time since the ticket's end plus the skew
		want    status.Reason
	}{
		"at the end":             {true, 0, status.ReasonNone},
		"after it":               {true, time.Nanosecond, status.ReasonContextExpired},
		"after it, not enforced": {false, time.Nanosecond, status.ReasonNone},
	} {
		for _, windows := range []bool{false, true} {
			s := newSite(t, exporting)
			end := s.realm.Now().Add(-4 * time.Minute).Truncate(time.Second) // tickets have whole seconds
			c, _ := s.established(t, sspi.ContextConfig{}, func(q *krbtest.APReq) {
				part := &q.Ticket.Part
				part.AuthTime, part.StartTime, part.EndTime = end.Add(-time.Hour), end.Add(-time.Hour), end
			})
			sealed, err := c.Export()
			if err != nil {
				t.Fatal(err)
			}
			asked := 0
			w := s.worker(t, func(cfg *sspi.Config) {
				cfg.EnforceExpiry = row.enforce
				cfg.Time = func() time.Time { return end.Add(skew + row.after) }
				cfg.Replay = storeFunc(func(context.Context, authenticator.Record) (bool, error) {
					asked++
					return true, nil
				})
			})
			var got status.Code
			if windows {
				cred, h := w.CredHandle(sspi.Negotiate), sspi.CtxtHandle{}
				got = sspi.ImportSecurityContext(sspi.Negotiate, &sspi.SecBuffer{Buffer: sealed}, &cred, &h)
			} else {
				_, err := w.Import(context.Background(), sealed)
				if status.ReasonOf(err) != row.want {
					t.Errorf("%s: %v, want %v", name, err, row.want)
				}
				got = status.CodeOf(err)
			}
			want, once := status.SEC_E_OK, 1
			if row.want != status.ReasonNone {
				want, once = row.want.Code(), 0
			}
			if got != want || asked != once {
				t.Errorf("%s, Windows API %v: %v, %d records; want %v, %d", name, windows, got, asked, want, once)
			}
		}
	}
}

// TestCTX_12_ImportIsOfItsClient checks that the record of an import counts for its
// client's share of the replay cache.
func TestCTX_12_ImportIsOfItsClient(t *testing.T) {
	s := newSite(t, exporting)
	c, _ := s.established(t, sspi.ContextConfig{})
	sealed, err := c.Export()
	if err != nil {
		t.Fatal(err)
	}
	var record authenticator.Record
	w := s.worker(t, func(cfg *sspi.Config) {
		cfg.Replay = storeFunc(func(_ context.Context, r authenticator.Record) (bool, error) {
			record = r
			return true, nil
		})
	})
	if _, err := w.Import(context.Background(), sealed); err != nil {
		t.Fatal(err)
	}
	if want := authenticator.DigestClient(c.Peer().Client); record.Client != want {
		t.Errorf("the record's client is %x, want %x", record.Client, want)
	}
}

// storeFunc is a ReplayCache that calls a function.
type storeFunc func(ctx context.Context, r authenticator.Record) (bool, error)

func (f storeFunc) Store(ctx context.Context, r authenticator.Record) (bool, error) { return f(ctx, r) }
