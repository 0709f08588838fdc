package sspi_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/internal/vectors"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// forwarding makes a client forward credentials that change has changed.
func forwarding(change func(*krbtest.Cred)) func(*krbtest.APReq) {
	return func(q *krbtest.APReq) {
		c := q.Forward()
		change(c)
		q.Flags |= flags.GSS_C_DELEG_FLAG
		q.Cred = c.Bytes()
	}
}

// speaker is a client, with SPNEGO or without.
type speaker interface {
	Next(reply []byte) (token []byte, done bool, err error)
}

// converse runs an exchange with the client, in either API, and returns the context.
func (s *site) converse(t *testing.T, windows bool, client speaker) (*sspi.Context, flags.ASC_RET, error) {
	t.Helper()
	c := s.acceptor.NewContext(sspi.ContextConfig{AcceptDelegation: !windows})
	h, attr := c.Handle(), flags.ASC_RET(0)
	var reply []byte
	for range 5 {
		token, _, err := client.Next(reply)
		if err != nil {
			t.Fatal(err)
		}
		if windows {
			out := room(8192)
			code := sspi.AcceptSecurityContext(nil, &h, tokenIn(token), flags.ASC_REQ_DELEGATE|flags.ASC_REQ_EXTENDED_ERROR, 0, &h, out, &attr, nil)
			if reply = out.Buffers[0].Buffer; code == status.SEC_I_CONTINUE_NEEDED {
				continue
			}
			if code != status.SEC_E_OK {
				return c, 0, c.Err()
			}
			return c, attr, nil
		}
		var peer *sspi.Peer
		reply, peer, err = c.Accept(context.Background(), token)
		switch {
		case err == sspi.ErrContinue:
		case err != nil:
			return c, 0, err
		default:
			return c, peer.Flags, nil
		}
	}
	t.Fatal("the exchange does not end")
	return nil, 0, nil
}

// TestDELEG_5_BothFaces checks each mechanism, style and API. The context delivers
// credentials, encrypted or not. It withholds credentials that must not be used, accepts
// the client all the same, and names the cause in the one record. Malformed credentials
// refuse the client.
func TestDELEG_5_BothFaces(t *testing.T) {
	sealed := func(*krbtest.Cred) {}
	clear := func(c *krbtest.Cred) { c.Key = types.EncryptionKey{} }
	for name, row := range map[string]struct {
		change    func(*krbtest.Cred)
		delivered bool
		detail    string // the text in the record, if the credentials are withheld
		want      status.Reason
	}{
		"encrypted":   {sealed, true, "", status.ReasonNone},
		"unencrypted": {clear, true, "", status.ReasonNone},
		"another client's": {func(c *krbtest.Cred) {
			c.Part.Info[0].PName.NameString = []string{"bob"}
		}, false, `"bob@EXAMPLE.COM"`, status.ReasonNone},
		"another client's, unencrypted": {func(c *krbtest.Cred) {
			clear(c)
			c.Part.Info[0].PName.NameString = []string{"bob"}
		}, false, `"bob@EXAMPLE.COM"`, status.ReasonNone},
		"a key of RC4": {func(c *krbtest.Cred) {
			c.Part.Info[0].Key = types.EncryptionKey{KeyType: 23, KeyValue: make([]byte, 16)}
		}, false, "Config.ETypes", status.ReasonNone},
		"malformed, unencrypted": {func(c *krbtest.Cred) {
			clear(c)
			c.Plaintext = []byte("junk")
		}, false, "", status.ReasonBadDelegation},
	} {
		for style, change := range map[string]func(*krbtest.APReq){"mutual": nothing, "one-way": oneWay, "DCE style": dce} {
			for _, face := range []string{"Go", "Windows"} {
				for mechanism, list := range map[string][][]byte{"Kerberos": nil, "SPNEGO": onlyKerberos, "SPNEGO, NTLM first": ntlmFirst} {
					t.Run(strings.Join([]string{name, style, face, mechanism}, ", "), func(t *testing.T) {
						var events []sspi.Event
						s := newSite(t, recordEvents(&events))
						n := s.client(list, change, forwarding(row.change))
						client := speaker(n)
						if list == nil {
							client = n.Kerberos
						}
						c, attr, err := s.converse(t, face == "Windows", client)
						if status.ReasonOf(err) != row.want {
							t.Fatalf("%v, want %v", err, row.want)
						}
						d := c.Delegated()
						if (d != nil) != row.delivered || (attr&flags.ASC_RET_DELEGATE != 0) != row.delivered {
							t.Errorf("credentials %v, attributes %v", d, attr)
						}
						if d != nil && (d.Client.String() != "alice@EXAMPLE.COM" || len(d.Tickets) != 1 || d.Tickets[0].SessionKey.IsZero()) {
							t.Errorf("credentials %v", d)
						}
						checkDelegationRecord(t, events, row.detail, row.want)
					})
				}
			}
		}
	}
}

// checkDelegationRecord checks that the attempt has one record, which names the cause for
// withheld credentials if detail is not "".
func checkDelegationRecord(t *testing.T, events []sspi.Event, detail string, want status.Reason) {
	t.Helper()
	if len(events) != 1 {
		t.Fatalf("%d records, want 1", len(events))
	}
	e := events[0]
	if (e.Peer != nil) != (want == status.ReasonNone) || (e.DelegationError != nil) != (detail != "") {
		t.Fatalf("peer %v, DelegationError %v", e.Peer, e.DelegationError)
	}
	if detail != "" && (e.DelegationError.Reason != status.ReasonBadDelegation || !strings.Contains(e.DelegationError.Detail, detail)) {
		t.Errorf("DelegationError is %v, want %q in it", e.DelegationError, detail)
	}
}

// TestDELEG_5_Logged checks that the log line of the accepted client names the cause.
func TestDELEG_5_Logged(t *testing.T) {
	var text bytes.Buffer
	s := newSite(t, func(cfg *sspi.Config) { cfg.Logger = slog.New(slog.NewTextHandler(&text, nil)) })
	q := s.request(forwarding(func(c *krbtest.Cred) { c.Part.Info[0].PRealm = "EXAMPLE.ORG" }))
	if _, _, err := s.acceptor.NewContext(sspi.ContextConfig{AcceptDelegation: true}).Accept(context.Background(), q.Token()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "accepted") || !strings.Contains(text.String(), "kerberos.delegation_error=") || !strings.Contains(text.String(), "alice@EXAMPLE.ORG") {
		t.Errorf("the log says %s", &text)
	}
}

// TestDELEG_5_Captured checks that both APIs deliver the captured credentials of Heimdal's
// client.
func TestDELEG_5_Captured(t *testing.T) {
	c := vectors.ADCaseNamed(t, "heimdal-deleg")
	for _, windows := range []bool{false, true} {
		ctx := newCaptured(t, c).acceptor.NewContext(sspi.ContextConfig{AcceptDelegation: !windows})
		attr := flags.ASC_RET(0)
		if windows {
			h := ctx.Handle()
			wantCode(t, "accept", sspi.AcceptSecurityContext(nil, &h, tokenIn(c.Token), flags.ASC_REQ_DELEGATE, 0, &h, room(8192), &attr, nil), status.SEC_E_OK)
		} else {
			_, peer, err := ctx.Accept(context.Background(), c.Token)
			if err != nil {
				t.Fatal(err)
			}
			attr = peer.Flags
		}
		d := ctx.Delegated()
		if attr&flags.ASC_RET_DELEGATE == 0 || d == nil || len(d.Tickets) != 1 || d.Tickets[0].Service.String() != "krbtgt/AD.EXAMPLE.TEST@AD.EXAMPLE.TEST" {
			t.Errorf("Windows API %v: attributes %v, credentials %v", windows, attr, d)
		}
	}
}
