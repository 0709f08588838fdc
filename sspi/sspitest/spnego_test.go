package sspitest_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// TestSPNEGO_Legs checks the number and the kind of the tokens.
func TestSPNEGO_Legs(t *testing.T) {
	const (
		framed = 0x60 // in GSS framing
		apReq  = 0x6e
		apRep  = 0x6f
		resp   = 0xa1 // NegTokenResp
	)
	for name, row := range map[string]struct {
		o    sspitest.Options
		kind []byte // the kind of each token; the first is from the client
	}{
		"Kerberos":            {sspitest.Options{}, []byte{framed, framed}},
		"Kerberos, one-way":   {sspitest.Options{OneWay: true}, []byte{framed}},
		"Kerberos, DCE style": {sspitest.Options{DCEStyle: true}, []byte{apReq, apRep, apRep}},
		"Kerberos, retried":   {sspitest.Options{ClockOffset: time.Hour, RetrySkew: true}, []byte{framed, framed, framed, framed}},
		"SPNEGO":              {sspitest.Options{SPNEGO: true}, []byte{framed, resp}},
		"SPNEGO, one-way":     {sspitest.Options{SPNEGO: true, OneWay: true}, []byte{framed, resp}},
		"SPNEGO, DCE style":   {sspitest.Options{SPNEGO: true, DCEStyle: true}, []byte{framed, resp, resp, resp}},
		"SPNEGO, retried":     {sspitest.Options{SPNEGO: true, ClockOffset: time.Hour, RetrySkew: true}, []byte{framed, resp, resp, resp}},
	} {
		t.Run(name, func(t *testing.T) {
			realm := sspitest.NewDeterministicRealm("EXAMPLE.COM")
			acceptor, err := realm.Acceptor(service)
			if err != nil {
				t.Fatal(err)
			}
			client, err := realm.User("alice").Initiate(service, row.o)
			if err != nil {
				t.Fatal(err)
			}
			c := acceptor.NewContext(sspi.ContextConfig{RequireSPNEGO: row.o.SPNEGO})
			var kind []byte
			var peer *sspi.Peer
			token, done, err := client.Next(nil)
			for err == nil && token != nil {
				kind = append(kind, token[0])
				var reply []byte
				if reply, peer, err = c.Accept(context.Background(), token); err != nil && err != sspi.ErrContinue {
					t.Fatal(err)
				}
				token, err = nil, nil
				if len(reply) > 0 {
					kind = append(kind, reply[0])
					token, done, err = client.Next(reply)
				}
			}
			if err != nil || !done || peer == nil {
				t.Fatalf("done %v, peer %v, %v", done, peer, err)
			}
			if string(kind) != string(row.kind) {
				t.Errorf("tokens % x, want % x", kind, row.kind)
			}
			sameContext(t, c, client, peer)
		})
	}
}

// TestSPNEGO_OnlyWhereItIsWanted checks servers that accept only one of the two forms of
// tokens.
func TestSPNEGO_OnlyWhereItIsWanted(t *testing.T) {
	for name, row := range map[string]struct {
		client sspitest.Options
		server sspi.ContextConfig
		want   status.Reason
	}{
		"SPNEGO to Kerberos":   {sspitest.Options{SPNEGO: true}, sspi.ContextConfig{Package: sspi.Kerberos}, status.ReasonSPNEGO},
		"SPNEGO to Negotiate":  {sspitest.Options{SPNEGO: true}, sspi.ContextConfig{Package: sspi.Negotiate}, status.ReasonNone},
		"Kerberos to SPNEGO":   {sspitest.Options{}, sspi.ContextConfig{RequireSPNEGO: true}, status.ReasonUnsupportedMechanism},
		"Kerberos to Kerberos": {sspitest.Options{}, sspi.ContextConfig{Package: sspi.Kerberos}, status.ReasonNone},
	} {
		if _, _, _, err := login(t, row.client, row.server); status.ReasonOf(err) != row.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSPNEGO_ParseError checks ParseError with the refusal of a replayed token.
func TestSPNEGO_ParseError(t *testing.T) {
	for name, o := range map[string]sspitest.Options{"mutual": {SPNEGO: true}, "one-way": {SPNEGO: true, OneWay: true}} {
		realm := sspitest.NewDeterministicRealm("EXAMPLE.COM")
		acceptor, err := realm.Acceptor(service)
		if err != nil {
			t.Fatal(err)
		}
		client, err := realm.User("alice").Initiate(service, o)
		if err != nil {
			t.Fatal(err)
		}
		token, _, err := client.Next(nil)
		if err != nil {
			t.Fatal(err)
		}
		good, _, err := acceptor.NewContext(sspi.ContextConfig{}).Accept(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		again, _, err := acceptor.NewContext(sspi.ContextConfig{}).Accept(t.Context(), token)
		if status.ReasonOf(err) != status.ReasonReplay {
			t.Fatal(err)
		}
		if e, err := sspitest.ParseError(again); err != nil || e.Code != 34 {
			t.Errorf("%s: %v, %v", name, e, err)
		}
		for _, other := range [][]byte{good, again[:len(again)-1], {0xa1}, {0xa1, 0x07, 0x30, 0x05, 0xa0, 0x03, 0x0a, 0x01, 0x02}} {
			if e, err := sspitest.ParseError(other); err == nil {
				t.Errorf("%s: %x is %v", name, other, e)
			}
		}
	}
}

// TestSPNEGO_NoWord checks that a reject without a KRB-ERROR is an error and ends the
// exchange.
func TestSPNEGO_NoWord(t *testing.T) {
	for _, oneWay := range []bool{false, true} {
		client, reply := answered(t, sspitest.Options{SPNEGO: true, OneWay: oneWay})
		reject := []byte{0xa1, 0x07, 0x30, 0x05, 0xa0, 0x03, 0x0a, 0x01, 0x02}
		_, done, err := client.Next(reject)
		if done || err == nil || !strings.HasPrefix(err.Error(), "sspitest: the acceptor rejected") {
			t.Errorf("one-way %v: done %v, %v", oneWay, done, err)
		}
		if _, done, err := client.Next(reply); done || status.ReasonOf(err) != status.ReasonContextState {
			t.Errorf("one-way %v, afterwards: done %v, %v", oneWay, done, err)
		}
		if _, err := client.Wrap(nil, true); status.ReasonOf(err) != status.ReasonContextState {
			t.Errorf("one-way %v, a message: %v", oneWay, err)
		}
	}
}

// TestSPNEGO_OneWayClock checks that the acceptor does not permit a one-way client another
// try, because the client could not continue.
func TestSPNEGO_OneWayClock(t *testing.T) {
	_, c, _, err := login(t, sspitest.Options{SPNEGO: true, OneWay: true, ClockOffset: time.Hour, RetrySkew: true}, sspi.ContextConfig{})
	var told *sspitest.Error
	if status.ReasonOf(err) != status.ReasonClockSkew || !errors.As(err, &told) || told.Code != 37 || told.Retry || c.Err() == nil {
		t.Errorf("%v, %v", err, c.Err())
	}
}
