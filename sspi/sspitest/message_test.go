package sspitest_test

import (
	"bytes"
	"testing"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitest"
)

// TestMessage_Altered checks that the client refuses altered and truncated tokens, and that
// a refusal does not change the expected sequence number.
func TestMessage_Altered(t *testing.T) {
	_, c, client, err := login(t, sspitest.Options{}, sspi.ContextConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for name, make := range map[string]func() ([]byte, error){
		"sealed": func() ([]byte, error) { return c.Wrap(nil, []byte("hello"), true) },
		"signed": func() ([]byte, error) { return c.Wrap(nil, []byte("hello"), false) },
	} {
		token, err := make()
		if err != nil {
			t.Fatal(err)
		}
		for n := range token {
			if m, _, err := client.Unwrap(token[:n]); err == nil || m != nil {
				t.Errorf("%s, cut to %d bytes: %q, %v", name, n, m, err)
			}
			altered := bytes.Clone(token)
			altered[n] ^= 0x10
			if m, _, err := client.Unwrap(altered); err == nil || m != nil {
				t.Errorf("%s, byte %d changed: %q, %v", name, n, m, err)
			}
		}
		if _, _, err := client.Unwrap(token); err != nil {
			t.Errorf("%s, unchanged: %v", name, err)
		}
	}
	mic, err := c.GetMIC(nil, []byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	for n := range mic {
		altered := bytes.Clone(mic)
		altered[n] ^= 0x10
		if client.VerifyMIC([]byte("hello"), altered) == nil || client.VerifyMIC([]byte("hello"), mic[:n]) == nil {
			t.Errorf("MIC, byte %d", n)
		}
	}
	if client.VerifyMIC([]byte("hallo"), mic) == nil {
		t.Error("a MIC over another message")
	}
	if err := client.VerifyMIC([]byte("hello"), mic); err != nil {
		t.Error(err)
	}
}

// TestMessage_Order checks that a client with sequence detection accepts each message once
// and in order, and that another client accepts them in any order.
func TestMessage_Order(t *testing.T) {
	for _, ordered := range []bool{true, false} {
		o := sspitest.Options{}
		if !ordered {
			o.Flags = sspitest.DefaultFlags &^ (flags.GSS_C_SEQUENCE_FLAG | flags.GSS_C_REPLAY_FLAG)
		}
		_, c, client, err := login(t, o, sspi.ContextConfig{})
		if err != nil {
			t.Fatal(err)
		}
		first, _ := c.Wrap(nil, []byte("first"), true)
		second, _ := c.Wrap(nil, []byte("second"), true)
		for _, row := range []struct {
			name  string
			token []byte
			fits  bool
		}{{"one is missing", second, false}, {"first", first, true}, {"again", first, false}, {"second", second, true}} {
			m, _, err := client.Unwrap(row.token)
			if ok := err == nil; ok != (row.fits || !ordered) || ok != (m != nil) {
				t.Errorf("order asked for: %v; %s: %q, %v", ordered, row.name, m, err)
			}
		}
	}
}

// TestMessage_OwnTokens checks that a client refuses its own messages.
func TestMessage_OwnTokens(t *testing.T) {
	_, _, client, err := login(t, sspitest.Options{}, sspi.ContextConfig{})
	if err != nil {
		t.Fatal(err)
	}
	token, _ := client.Wrap([]byte("hello"), true)
	if m, _, err := client.Unwrap(token); err == nil {
		t.Errorf("%q", m)
	}
	mic, _ := client.GetMIC([]byte("hello"))
	if client.VerifyMIC([]byte("hello"), mic) == nil {
		t.Error("its own MIC")
	}
}
