package sspi_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/internal/vectors"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// TestCaptured_Windows checks that the acceptor accepts the SPNEGO tokens of Windows
// clients at the time of the capture, with the OID of Kerberos that only Windows uses, and
// RC4 only if the policy names it.
func TestCaptured_Windows(t *testing.T) {
	accepted, refused := 0, 0
	for _, row := range vectors.Load(t).SPNEGOAPReq {
		t.Run(row.Name, func(t *testing.T) {
			now, err := time.Parse(time.RFC3339, row.CTime)
			if err != nil {
				t.Fatal(err)
			}
			end, err := time.Parse(time.RFC3339, row.EndTime)
			if err != nil {
				t.Fatal(err)
			}
			token := vectors.Hex(t, row.Token)
			accept := func(etypes []keytab.EType) ([]byte, *sspi.Peer, error) {
				a, err := sspi.NewAcceptor(sspi.Config{
					Keys: windowsKeys(t, row), Time: func() time.Time { return now }, ETypes: etypes,
					Replay: authenticator.NewMemoryCache(0, authenticator.AcceptOlder),
				})
				if err != nil {
					t.Fatal(err)
				}
				return a.NewContext(sspi.ContextConfig{}).Accept(context.Background(), token)
			}
			var etypes []keytab.EType
			if row.EType == 23 {
				if _, peer, err := accept(nil); status.ReasonOf(err) != status.ReasonETypeRefused || peer != nil {
					t.Errorf("RC4 by default: %v", err)
				}
				refused++
				etypes = []keytab.EType{keytab.RC4_HMAC}
			}
			reply, peer, err := accept(etypes)
			accepted++
			if err != nil {
				t.Fatal(err)
			}
			if !peer.EndTime.Equal(end) || peer.TicketEType != keytab.EType(row.EType) || peer.ContextEType == 0 {
				t.Errorf("end %v, encryption type %v; want %v, %d", peer.EndTime, peer.TicketEType, end, row.EType)
			}
			r, err := krbtest.ParseNegTokenResp(reply)
			if err != nil {
				t.Fatal(err)
			}
			if r.State != krbtest.NegCompleted || !bytes.Equal(r.Mechanism, krbtest.OIDMSKerberos) || r.MIC != nil {
				t.Errorf("answer %+v", r)
			}
			if peer.Flags&flags.ASC_RET_MUTUAL_AUTH != 0 != (r.Token != nil) {
				t.Errorf("flags %v, an AP-REP of %d bytes", peer.Flags, len(r.Token))
			}
			if r.Token != nil && !bytes.Contains(r.Token[:20], krbtest.OIDKerberos) {
				t.Errorf("PARSE-16: the AP-REP is not in the frame of RFC 4121: %x", r.Token[:20])
			}
			t.Logf("%v at %v, target %q, %v", peer.Client, peer.Service, peer.Target, peer.Flags)
		})
	}
	if accepted != 3 || refused != 1 {
		t.Errorf("%d accepted and %d refused, want 3 and 1", accepted, refused)
	}
}

// windowsKeys returns a keytab with the key of the row. The vectors do not name its
// principal, and the acceptor does not need the name.
func windowsKeys(t *testing.T, row vectors.SPNEGOAPReq) keytab.Source {
	t.Helper()
	key, err := keytab.NewKey(keytab.EType(row.EType), vectors.Hex(t, row.ServiceKey))
	if err != nil {
		t.Fatal(err)
	}
	table, err := keytab.NewTable(keytab.Entry{
		Principal: keytab.MustParsePrincipal("host/server@REALM"), Kvno: row.Kvno, Key: key,
	})
	if err != nil {
		t.Fatal(err)
	}
	return table
}
