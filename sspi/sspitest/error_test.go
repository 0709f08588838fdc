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

// TestError_Refused checks that a waiting client gets an error number (RFC 4120, Section
// 7.5.9), and that the caller of Handshake gets this number and the acceptor's Reason.
func TestError_Refused(t *testing.T) {
	now := sspitest.NewDeterministicRealm("X").Now()
	channel := []sspi.ChannelBindings{{ApplicationData: []byte("x")}}
	for name, row := range map[string]struct {
		client sspitest.Options
		server sspi.ContextConfig
		reason status.Reason
		code   int32 // 0 if there is no answer
	}{
		"expired":                    {sspitest.Options{EndTime: now.Add(-time.Hour)}, sspi.ContextConfig{}, status.ReasonTicketExpired, 32},
		"expired, retrying":          {sspitest.Options{EndTime: now.Add(-time.Hour), RetrySkew: true}, sspi.ContextConfig{}, status.ReasonTicketExpired, 32},
		"expired, one-way":           {sspitest.Options{EndTime: now.Add(-time.Hour), OneWay: true}, sspi.ContextConfig{}, status.ReasonTicketExpired, 0},
		"expired, no answers":        {sspitest.Options{EndTime: now.Add(-time.Hour)}, sspi.ContextConfig{NoErrorTokens: true}, status.ReasonTicketExpired, 0},
		"expired, DCE style":         {sspitest.Options{EndTime: now.Add(-time.Hour), DCEStyle: true}, sspi.ContextConfig{}, status.ReasonTicketExpired, 32},
		"expired, raw":               {sspitest.Options{EndTime: now.Add(-time.Hour), Raw: true}, sspi.ContextConfig{AllowRawAPReq: true}, status.ReasonTicketExpired, 32},
		"expired, SPNEGO":            {sspitest.Options{EndTime: now.Add(-time.Hour), SPNEGO: true}, sspi.ContextConfig{}, status.ReasonTicketExpired, 32},
		"expired, SPNEGO, retrying":  {sspitest.Options{EndTime: now.Add(-time.Hour), SPNEGO: true, RetrySkew: true}, sspi.ContextConfig{}, status.ReasonTicketExpired, 32},
		"expired, SPNEGO, one-way":   {sspitest.Options{EndTime: now.Add(-time.Hour), SPNEGO: true, OneWay: true}, sspi.ContextConfig{}, status.ReasonTicketExpired, 32},
		"expired, SPNEGO, DCE style": {sspitest.Options{EndTime: now.Add(-time.Hour), SPNEGO: true, DCEStyle: true}, sspi.ContextConfig{}, status.ReasonTicketExpired, 32},
		"no bindings":                {sspitest.Options{}, sspi.ContextConfig{ChannelBindings: channel}, status.ReasonBindingMissing, 60},
	} {
		_, _, _, err := login(t, row.client, row.server)
		var e *sspitest.Error
		told := errors.As(err, &e)
		if status.ReasonOf(err) != row.reason || told != (row.code != 0) {
			t.Errorf("%s: %v", name, err)
		}
		if told && (e.Code != row.code || e.Retry || !e.Time.Equal(now.Truncate(time.Microsecond))) {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

// TestError_Replay checks ParseError with the answer to a replayed token, which has no
// Initiator.
func TestError_Replay(t *testing.T) {
	realm := sspitest.NewDeterministicRealm("EXAMPLE.COM")
	acceptor, err := realm.Acceptor(service)
	if err != nil {
		t.Fatal(err)
	}
	client, err := realm.User("alice").Initiate(service, sspitest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	token, _, _ := client.Next(nil)
	answers := make([][]byte, 2)
	for i, want := range []status.Reason{status.ReasonNone, status.ReasonReplay} {
		if answers[i], _, err = acceptor.NewContext(sspi.ContextConfig{}).Accept(context.Background(), token); status.ReasonOf(err) != want {
			t.Fatalf("time %d: %v", i+1, err)
		}
	}
	e, err := sspitest.ParseError(answers[1])
	if err != nil || e.Code != 34 || e.Retry || !e.Time.Equal(realm.Now().Truncate(time.Microsecond)) {
		t.Errorf("%+v, %v", e, err)
	}
	const text = "sspitest: the acceptor answered with the KRB-ERROR (34) KRB_AP_ERR_REPEAT Request is a replay"
	if e.Error() != text {
		t.Errorf("text %q", e.Error())
	}
	for name, token := range map[string][]byte{"an AP-REP": answers[0], "an AP-REQ": token, "nothing": nil, "junk": []byte("junk")} {
		if e, err := sspitest.ParseError(token); err == nil {
			t.Errorf("%s is %v", name, e)
		}
	}
	if _, done, err := client.Next(answers[0]); err != nil || !done {
		t.Errorf("the client: %v", err)
	}
}

// answered returns a client after its first token, and the acceptor's reply.
func answered(t *testing.T, o sspitest.Options) (*sspitest.Initiator, []byte) {
	t.Helper()
	realm := sspitest.NewDeterministicRealm("EXAMPLE.COM")
	acceptor, err := realm.Acceptor(service)
	if err != nil {
		t.Fatal(err)
	}
	client, err := realm.User("alice").Initiate(service, o)
	if err != nil {
		t.Fatal(err)
	}
	token, _, _ := client.Next(nil)
	reply, _, err := acceptor.NewContext(sspi.ContextConfig{}).Accept(context.Background(), token)
	if err != nil && err != sspi.ErrContinue {
		t.Fatal(err)
	}
	return client, reply
}

// TestError_Answers checks that a client accepts no reply whose encrypted content is
// changed or truncated, and that no reply makes it panic. gofork ignores some errors of
// lengths outside the encrypted content, which no MAC protects.
func TestError_Answers(t *testing.T) {
	const sealed = 100 // the least number of encrypted bytes at the end of an AP-REP
	for name, o := range map[string]sspitest.Options{"framed": {}, "DCE style": {DCEStyle: true}, "SPNEGO": {SPNEGO: true}, "SPNEGO, DCE style": {SPNEGO: true, DCEStyle: true}} {
		t.Run(name, func(t *testing.T) {
			_, whole := answered(t, o)
			for n := range whole {
				client, reply := answered(t, o)
				if token, done, err := client.Next(reply[:n]); err == nil || done || token != nil {
					t.Fatalf("cut to %d bytes: done %v", n, done)
				}
				client, reply = answered(t, o)
				reply[n] ^= 0x10
				_, done, err := client.Next(reply)
				taken := err == nil
				if done && !taken || taken && n >= len(reply)-sealed {
					t.Fatalf("byte %d changed: done %v, %v", n, done, err)
				}
				if taken {
					continue
				}
				if _, _, err := client.Next(whole); err == nil {
					t.Fatalf("byte %d changed: the exchange goes on", n)
				}
			}
			client, reply := answered(t, o)
			last := !o.SPNEGO || !o.DCEStyle // whether the client expects no further token
			if _, done, err := client.Next(reply); err != nil || done != last {
				t.Errorf("unchanged: done %v, %v", done, err)
			}
		})
	}
}
