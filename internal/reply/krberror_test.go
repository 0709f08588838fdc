package reply_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/internal/reply"
	"github.com/gosspi/kerberos/status"
)

// secret is in the text of an error, which must not reach the peer.
const secret = "secret-detail"

func because(r status.Reason) error {
	return fmt.Errorf("wrapped: %w", &status.Error{Reason: r, Detail: secret})
}

// sent parses the KRB-ERROR in a frame with gokrb5.
func sent(t *testing.T, token, oid []byte) *krbtest.Error {
	t.Helper()
	tokID, inner, err := krbtest.Unframe(token, oid)
	if err != nil || tokID != krbtest.TokError {
		t.Fatalf("token id %04x, %v", tokID, err)
	}
	e, err := krbtest.ParseError(inner)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// waiting returns the AP-REQ of a client that waits for a reply.
func waiting() (*krbtest.Realm, []byte) {
	r := krbtest.NewRealm("EXAMPLE.COM")
	return r, r.Ticket("alice", service).APReq().Bytes()
}

// TestAPREQ_14_Content checks that a KRB-ERROR contains the time, the code and the service
// as the client named it, and nothing else (SEC-2).
func TestAPREQ_14_Content(t *testing.T) {
	_, apReq := waiting()
	now := time.Date(2031, 5, 17, 8, 30, 15, 123_456_789, time.FixedZone("", 7200))
	for _, oid := range [][]byte{krbtest.OIDKerberos, krbtest.OIDMSKerberos} {
		for reason := status.ReasonNone + 1; reason <= status.ReasonInternal; reason++ {
			e := reply.Error{Err: because(reason), Now: now}
			token := e.Append(nil, apReq, oid)
			if reason.Kerberos() == 0 {
				if token != nil {
					t.Errorf("%v has no code, and %x was sent", reason, token)
				}
				continue
			}
			got := sent(t, token, oid)
			if got.ErrorCode != reason.Kerberos() || !got.Time().Equal(now.Truncate(time.Microsecond)) {
				t.Errorf("%v: code %d at %v", reason, got.ErrorCode, got.Time())
			}
			if got.Realm != "EXAMPLE.COM" || strings.Join(got.SName.NameString, "/") != service {
				t.Errorf("%v: service %v of %s", reason, got.SName, got.Realm)
			}
			if got.EText != "" || got.EData != nil || got.CRealm != "" || got.CName.NameString != nil || !got.CTime.IsZero() || got.Cusec != 0 {
				t.Errorf("%v: the KRB-ERROR has more fields: %+v", reason, got.KRBError)
			}
			if bytes.Contains(token, []byte(secret)) || bytes.Contains(token, []byte("alice")) || bytes.Contains(token, []byte(reason.String())) {
				t.Errorf("%v: text in %q", reason, token)
			}
		}
	}
}

// TestAPREQ_14_Retry checks that a KRB-ERROR contains KERB-ERROR-DATA only if the client
// may try again, and the value of MS-KILE, Section 2.2.2.
func TestAPREQ_14_Retry(t *testing.T) {
	_, apReq := waiting()
	for _, retry := range []bool{true, false} {
		e := reply.Error{Err: because(status.ReasonClockSkew), Now: krbtest.Epoch, Retry: retry}
		got := sent(t, e.Append(nil, apReq, krbtest.OIDKerberos), krbtest.OIDKerberos)
		if got.Recoverable() != retry {
			t.Errorf("retry %v: e-data %x", retry, got.EData)
		}
		if retry && fmt.Sprintf("%x", got.EData) != "3005a103020102" {
			t.Errorf("e-data %x", got.EData)
		}
	}
}

// TestAPREQ_14_OnlyWhoWaits checks that a client that expects no reply gets none.
func TestAPREQ_14_OnlyWhoWaits(t *testing.T) {
	for _, row := range []struct {
		name    string
		options flags.AP
		asked   flags.GSS
		always  bool
		want    bool
	}{
		{"nobody waits", 0, 0, false, false},
		{"other options", flags.APUseSessionKey, flags.GSS_C_CONF_FLAG | flags.GSS_C_REPLAY_FLAG, false, false},
		{"AP-options", flags.APMutualRequired, 0, false, true},
		{"the checksum", 0, flags.GSS_C_MUTUAL_FLAG, false, true},
		{"DCE style", 0, flags.GSS_C_DCE_STYLE, false, true},
		{"always", 0, 0, true, true},
	} {
		r := krbtest.NewRealm("EXAMPLE.COM")
		q := r.Ticket("alice", service).APReq()
		q.Options = &row.options
		e := reply.Error{Err: because(status.ReasonReplay), Now: krbtest.Epoch, Asked: row.asked, Always: row.always}
		if got := e.Append([]byte("x"), q.Bytes(), krbtest.OIDKerberos); (len(got) > 1) != row.want || got[0] != 'x' {
			t.Errorf("%s: %x", row.name, got)
		}
	}
}

// TestAPREQ_14_Malformed checks that bytes that are not an AP-REQ get no reply, that no
// error makes no reply, and that an error without a Reason has the generic code.
func TestAPREQ_14_Malformed(t *testing.T) {
	_, apReq := waiting()
	e := reply.Error{Err: because(status.ReasonWrongKey), Now: krbtest.Epoch, Always: true}
	for name, b := range map[string][]byte{
		"nothing": nil, "cut": apReq[:len(apReq)-1], "framed": krbtest.Frame(krbtest.OIDKerberos, krbtest.TokAPReq, apReq),
		"bytes behind": append(bytes.Clone(apReq), 0),
	} {
		if got := e.Append(nil, b, krbtest.OIDKerberos); got != nil {
			t.Errorf("%s: %x", name, got)
		}
	}
	e.Err = nil
	if got := e.Append(nil, apReq, krbtest.OIDKerberos); got != nil {
		t.Errorf("no error: %x", got)
	}
	e.Err = errors.New(secret)
	token := e.Append(nil, apReq, krbtest.OIDKerberos)
	if got := sent(t, token, krbtest.OIDKerberos); got.ErrorCode != 60 || bytes.Contains(token, []byte(secret)) {
		t.Errorf("an error without Reason: %q", token)
	}
}

// TestAPREQ_14_ClientTakesIt checks that a client corrects its clock with this KRB-ERROR.
func TestAPREQ_14_ClientTakesIt(t *testing.T) {
	r, _ := waiting()
	q := r.Ticket("alice", service).APReq()
	q.SetTime(krbtest.Epoch.Add(-time.Hour))
	client := q.Start()
	client.RetrySkew = true
	token, _, err := client.Next(nil)
	if err != nil {
		t.Fatal(err)
	}
	_, apReq, err := krbtest.Unframe(token, krbtest.OIDKerberos)
	if err != nil {
		t.Fatal(err)
	}
	e := reply.Error{Err: because(status.ReasonClockSkew), Now: krbtest.Epoch, Retry: true}
	if again, _, err := client.Next(e.Append(nil, apReq, krbtest.OIDKerberos)); err != nil || again == nil || !q.Time().Equal(krbtest.Epoch) {
		t.Errorf("the client sends %d bytes stamped %v, %v", len(again), q.Time(), err)
	}
}
