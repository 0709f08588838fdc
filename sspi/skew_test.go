package sspi_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// skewRecovery is the e-data that lets a client try again with the acceptor's time
// (MS-KILE, Section 2.2.2).
var skewRecovery = []byte{0x30, 0x05, 0xa1, 0x03, 0x02, 0x01, 0x02}

// TestSkew_Retry checks that a client whose clock is wrong receives the time and may try
// once more on the same context.
func TestSkew_Retry(t *testing.T) {
	early := func(q *krbtest.APReq) { q.SetTime(q.Time().Add(time.Hour)) }
	for name, change := range map[string]func(*krbtest.APReq){"late": late, "early": early} {
		t.Run(name, func(t *testing.T) {
			var events []sspi.Event
			s := newSite(t, recordEvents(&events))
			client := s.request(change).Start()
			client.RetrySkew = true
			token, _, _ := client.Next(nil)
			l := s.first(token)
			l.req = extendedError
			wantCode(t, "a wrong clock", l.call(), status.SEC_I_CONTINUE_NEEDED)
			if l.attr != 0 || l.stamp != untouchedStamp || l.handle.Err() != nil || s.replay.stores.Load() != 0 {
				t.Errorf("outputs %v %v, Err %v, %d authenticators claimed", l.attr, l.stamp, l.handle.Err(), s.replay.stores.Load())
			}
			first := l.handle
			token, _, err := client.Next(l.reply()) // the client checks that the error permits another try
			if err != nil {
				t.Fatalf("the client: %v", err)
			}
			l = s.second(&first, token)
			wantCode(t, "the right time", l.call(), status.SEC_E_OK)
			if l.handle != first {
				t.Error("another handle")
			}
			if _, done, err := client.Next(l.reply()); !done || err != nil {
				t.Errorf("the client: %v", err)
			}
			if len(events) != 2 || !events[0].Retry || events[0].Err.Reason != status.ReasonClockSkew || events[1].Peer == nil {
				t.Errorf("events %+v", events)
			}
			wantCode(t, "the second token elsewhere", s.first(token).call(), status.SEC_E_LOGON_DENIED)
		})
	}
}

func TestSkew_ErrorToken(t *testing.T) {
	s := newSite(t)
	nyv := func(q *krbtest.APReq) {
		q.Ticket.Part.StartTime = q.Ticket.Part.StartTime.Add(time.Hour)
	}
	for _, row := range []struct {
		name   string
		change func(*krbtest.APReq)
		code   int32
	}{{"late", late, 37}, {"not yet valid", nyv, 33}} {
		client := s.request(row.change).Start()
		token, _, _ := client.Next(nil)
		l := s.first(token)
		l.req = extendedError
		wantCode(t, row.name, l.call(), status.SEC_I_CONTINUE_NEEDED)
		_, _, err := client.Next(l.reply())
		e, ok := err.(*krbtest.Error)
		if !ok {
			t.Fatalf("%s: the client: %v", row.name, err)
		}
		if !bytes.Equal(e.EData, skewRecovery) {
			t.Errorf("%s: e-data %x", row.name, e.EData)
		}
		e.EData = nil
		checkError(t, s, e, row.code)
	}
}

// TestSkew_SecondFailure checks that every error of the second try is final, also a wrong
// clock.
func TestSkew_SecondFailure(t *testing.T) {
	s := newSite(t)
	for _, row := range []struct {
		name  string
		token []byte
		want  status.Code
		code  int32
	}{
		{"late again", s.request(late).Token(), status.SEC_E_TIME_SKEW, 37},
		{"a wrong key", s.request(wrongKey).Token(), status.SEC_E_LOGON_DENIED, 31},
		{"junk", []byte("junk"), status.SEC_E_INVALID_TOKEN, 0},
		{"nothing", nil, status.SEC_E_INVALID_TOKEN, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			x := inState["retry"](t, s)
			l := s.second(x.handle, row.token)
			l.req = extendedError
			wantCode(t, "the second attempt", l.call(), row.want)
			if row.code == 0 && len(l.reply()) != 0 {
				t.Errorf("a reply of %d bytes", len(l.reply()))
			}
			if row.code != 0 {
				client := s.request().Start()
				_, _, _ = client.Next(nil)
				_, _, err := client.Next(l.reply())
				e, ok := err.(*krbtest.Error)
				if !ok {
					t.Fatalf("the client: %v", err)
				}
				checkError(t, s, e, row.code) // the error has no e-data
			}
			wantCode(t, "a third", s.second(x.handle, s.request().Token()).call(), status.SEC_E_INVALID_HANDLE)
			wantCode(t, "delete", sspi.DeleteSecurityContext(x.handle), status.SEC_E_OK)
		})
	}
}

// TestSkew_ReplayOnRetry checks that the second try passes all checks, including the replay
// cache.
func TestSkew_ReplayOnRetry(t *testing.T) {
	s := newSite(t)
	used := s.request().Token()
	wantCode(t, "the first use", s.first(used).call(), status.SEC_E_OK)
	x := inState["retry"](t, s)
	l := s.second(x.handle, used)
	l.req = extendedError
	wantCode(t, "the second use", l.call(), status.SEC_E_LOGON_DENIED)
	if status.ReasonOf(l.handle.Err()) != status.ReasonReplay {
		t.Errorf("%v", l.handle.Err())
	}
}

// TestSkew_NotRequested checks that a wrong clock is final without ASC_REQ_EXTENDED_ERROR.
func TestSkew_NotRequested(t *testing.T) {
	s := newSite(t)
	l := s.first(s.request(late).Token())
	wantCode(t, "late", l.call(), status.SEC_E_TIME_SKEW)
	if len(l.reply()) != 0 {
		t.Errorf("a reply of %d bytes", len(l.reply()))
	}
	wantCode(t, "again", s.second(&l.handle, s.request().Token()).call(), status.SEC_E_INVALID_HANDLE)
}

// TestSkew_NotForOthers checks that only an error of the clock permits a second try.
func TestSkew_NotForOthers(t *testing.T) {
	invalid := func(q *krbtest.APReq) {
		q.Ticket.Part.Flags = krbtest.TicketFlags(1 << 24) // the flag INVALID, bit 7
	}
	for name, change := range map[string]func(*krbtest.APReq){"wrong key": wrongKey, "postdated, not validated": invalid} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			l := s.first(s.request(change).Token())
			l.req = extendedError
			wantCode(t, "accept", l.call(), status.SEC_E_LOGON_DENIED)
			if len(l.reply()) == 0 {
				t.Error("no KRB-ERROR")
			}
		})
	}
}

// TestSkew_BeforeTheReplayCache checks that, after a start of the acceptor, clients whose
// clocks are behind receive the time and are accepted at the second try.
func TestSkew_BeforeTheReplayCache(t *testing.T) {
	s := newSite(t, func(cfg *sspi.Config) {
		cfg.Replay = authenticator.NewMemoryCacheAt(0, authenticator.RefuseOlder, cfg.Time())
	})
	client := s.request(func(q *krbtest.APReq) { q.SetTime(q.Time().Add(-time.Minute)) }).Start()
	client.RetrySkew = true
	token, _, _ := client.Next(nil)
	l := s.first(token)
	l.req = extendedError
	wantCode(t, "a slow clock", l.call(), status.SEC_I_CONTINUE_NEEDED)
	token, _, err := client.Next(l.reply())
	if err != nil {
		t.Fatalf("the client: %v", err)
	}
	wantCode(t, "the right time", s.second(&l.handle, token).call(), status.SEC_E_OK)
}

// TestSkew_GoFace checks that the Go API permits the second try by default.
func TestSkew_GoFace(t *testing.T) {
	s := newSite(t)
	client := s.request(late).Start()
	client.RetrySkew = true
	token, _, _ := client.Next(nil)
	c := s.acceptor.NewContext(sspi.ContextConfig{})
	reply, peer, err := c.Accept(context.Background(), token)
	if err != sspi.ErrContinue || peer != nil {
		t.Fatalf("peer %v, %v", peer, err)
	}
	if token, _, err = client.Next(reply); err != nil {
		t.Fatalf("the client: %v", err)
	}
	if _, peer, err = c.Accept(context.Background(), token); err != nil || peer == nil {
		t.Errorf("peer %v, %v", peer, err)
	}

	c = s.acceptor.NewContext(sspi.ContextConfig{NoErrorTokens: true})
	reply, _, err = c.Accept(context.Background(), s.request(late).Token())
	if status.ReasonOf(err) != status.ReasonClockSkew || len(reply) != 0 {
		t.Errorf("without a second try: a reply of %d bytes, %v", len(reply), err)
	}
}
