package sspisasl_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/sspi/sspisasl"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// Server implements the Server interface of emersion/go-sasl.
var _ interface {
	Next(response []byte) (challenge []byte, done bool, err error)
} = (*sspisasl.Server)(nil)

// TestGSSAPI_AsCyrus checks the messages of Cyrus SASL, byte for byte except for tokens.
func TestGSSAPI_AsCyrus(t *testing.T) {
	for _, c := range []struct {
		name  string
		flags flags.GSS
		offer uint32
		head  uint32
		layer sspisasl.Layer
	}{
		{"maxssf=256", plain | flags.GSS_C_INTEG_FLAG | flags.GSS_C_CONF_FLAG, 0x07_010000, 0x04_ffffff, sspisasl.Confidentiality},
		{"maxssf=1", plain | flags.GSS_C_INTEG_FLAG, 0x03_010000, 0x02_ffffff, sspisasl.Integrity},
		{"maxssf=0", plain | flags.GSS_C_INTEG_FLAG, 0x03_010000, 0x01_000000, sspisasl.NoLayer},
		{"no protection", plain, 0x01_000000, 0x01_000000, sspisasl.NoLayer},
	} {
		t.Run(c.name, func(t *testing.T) {
			site := newSite(t)
			s := newServer(t, site.config(), sspisasl.GSSAPI)
			client := site.client(sspitest.Options{Flags: c.flags})
			if got := offer(t, s, client); got != c.offer {
				t.Errorf("the offer is %08x, want %08x", got, c.offer)
			}
			if challenge, done := next(t, s, choice(t, client, c.head, "")); !done || challenge != nil {
				t.Errorf("%x, %v", challenge, done)
			}
			if s.Layer() != c.layer || s.Peer().Client.String() != "alice@EXAMPLE.COM" || s.AuthorizationID() != "alice@EXAMPLE.COM" {
				t.Errorf("%v, %v, %q", s.Layer(), s.Peer().Client, s.AuthorizationID())
			}
			over(t, s)
		})
	}
}

// TestGSSAPI_OneWay checks that a one-way client gets the offer at once (RFC 4752, Section
// 3.2).
func TestGSSAPI_OneWay(t *testing.T) {
	site := newSite(t)
	s := login(t, site.config(), site.client(sspitest.Options{OneWay: true}), 0x02_010000, "")
	if s.Layer() != sspisasl.Integrity || s.Peer().Flags&flags.ASC_RET_MUTUAL_AUTH != 0 {
		t.Errorf("%v, %v", s.Layer(), s.Peer().Flags)
	}
}

// TestGSSAPI_NoInitialResponse checks that a client that sends only the name of the
// mechanism gets an empty challenge, once.
func TestGSSAPI_NoInitialResponse(t *testing.T) {
	for _, m := range []sspisasl.Mechanism{sspisasl.GSSAPI, sspisasl.GS2KRB5} {
		for _, first := range [][]byte{nil, {}} {
			s := newServer(t, newSite(t).config(), m)
			if challenge, done := next(t, s, first); done || challenge == nil || len(challenge) != 0 {
				t.Errorf("%s: %v, %v", m, challenge, done)
			}
			refused(t, s, first, status.ReasonMalformedToken, "")
		}
	}
	site := newSite(t)
	s := newServer(t, site.config(), sspisasl.GSSAPI)
	next(t, s, nil)
	client := site.client(sspitest.Options{})
	offer(t, s, client)
	if _, done := next(t, s, choice(t, client, 0x01_000000, "")); !done {
		t.Error("not done")
	}
}

func TestGSSAPI_Policy(t *testing.T) {
	const none, integrity, confidentiality = sspisasl.NoLayer, sspisasl.Integrity, sspisasl.Confidentiality
	const signs = plain | flags.GSS_C_INTEG_FLAG
	const unordered = sspitest.DefaultFlags &^ flags.GSS_C_SEQUENCE_FLAG // with REPLAY alone an attacker could drop messages
	for _, c := range []struct {
		name   string
		layers sspisasl.Layer
		max    int
		flags  flags.GSS
		offer  uint32 // 0 if the client is refused
	}{
		{"default", 0, 0, 0, 0x06_010000},
		{"default, client signs", 0, 0, signs, 0x02_010000},
		{"default, client does neither", 0, 0, plain, 0},
		{"default, client without SEQUENCE", 0, 0, unordered, 0},
		{"confidentiality, client without SEQUENCE", confidentiality, 0, unordered, 0},
		{"all, client without SEQUENCE", all, 0, unordered, 0x01_000000},
		{"none", none, 0, 0, 0x01_000000},
		{"none, another buffer", none, 4096, 0, 0x01_000000},
		{"integrity", integrity, 0, 0, 0x02_010000},
		{"integrity, client does not", integrity, 0, plain, 0},
		{"confidentiality", confidentiality, 4096, 0, 0x04_001000},
		{"confidentiality, client signs", confidentiality, 0, signs, 0},
		{"none or confidentiality, client signs", none | confidentiality, 0, signs, 0x01_000000},
		{"all", all, 1<<24 - 1, 0, 0x07_ffffff},
	} {
		t.Run(c.name, func(t *testing.T) {
			site := newSite(t)
			cfg := &sspisasl.Config{Acceptor: site.acceptor, Layers: c.layers, MaxBuffer: c.max}
			s := newServer(t, cfg, sspisasl.GSSAPI)
			client := site.client(sspitest.Options{Flags: c.flags})
			if c.offer == 0 {
				// The refusal is early enough for an error token.
				challenge, _, err := s.Next(say(t, client, nil))
				_, _, told := client.Next(challenge)
				if e, ok := errors.AsType[*sspitest.Error](told); status.ReasonOf(err) != status.ReasonRequirementNotMet || !ok || e.Code != 60 {
					t.Errorf("%v; the client: %v", err, told)
				}
				over(t, s)
				return
			}
			if got := offer(t, s, client); got != c.offer {
				t.Errorf("%08x, want %08x", got, c.offer)
			}
		})
	}
}

// TestSASL_1_Choice checks that the client must choose one of the offered layers, and a
// size for messages.
func TestSASL_1_Choice(t *testing.T) {
	const malformed, notMet = status.ReasonMalformedToken, status.ReasonRequirementNotMet
	for _, c := range []struct {
		name    string
		layers  sspisasl.Layer
		message string
		reason  status.Reason
	}{
		{"empty", all, "", malformed},
		{"short", all, "\x01\x00\x00", malformed},
		{"no bit", all, "\x00\x00\x00\x00", malformed},
		{"two bits", all, "\x06\x01\x00\x00", malformed},
		{"all bits", all, "\x07\x01\x00\x00", malformed},
		{"an unknown bit", all, "\x08\x01\x00\x00", malformed},
		{"an unknown bit beside", all, "\x81\x00\x00\x00", malformed},
		{"none, not offered", sspisasl.Integrity, "\x01\x00\x00\x00", notMet},
		{"integrity, not offered", sspisasl.NoLayer, "\x02\x01\x00\x00", notMet},
		{"confidentiality, not offered", sspisasl.NoLayer | sspisasl.Integrity, "\x04\x01\x00\x00", notMet},
		{"integrity, no room", all, "\x02\x00\x00\x00", malformed},
		{"integrity, 511 bytes", all, "\x02\x00\x01\xff", malformed},
		{"integrity, 512 bytes", all, "\x02\x00\x02\x00", 0},
		{"confidentiality, 511 bytes", all, "\x04\x00\x01\xff", malformed},
		{"confidentiality, 512 bytes", all, "\x04\x00\x02\x00", 0},
		{"none, no room", all, "\x01\x00\x00\x00", 0},
		{"none, room for a byte", all, "\x01\x00\x00\x01", 0},
		{"none, with room", all, "\x01\x01\x00\x00", 0},
		{"not UTF-8", all, "\x01\x00\x00\x00\xc0\x80", malformed},
		{"NUL", all, "\x01\x00\x00\x00alice\x00", malformed},
		{"a long identity", all, "\x01\x00\x00\x00" + strings.Repeat("a", 4097), malformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			site := newSite(t)
			s := newServer(t, &sspisasl.Config{Acceptor: site.acceptor, Layers: c.layers}, sspisasl.GSSAPI)
			client := site.client(sspitest.Options{})
			offer(t, s, client)
			token, err := client.Wrap([]byte(c.message), false)
			if err != nil {
				t.Fatal(err)
			}
			if c.reason == 0 {
				if _, done := next(t, s, token); !done {
					t.Error("not done")
				}
				return
			}
			refused(t, s, token, c.reason, "")
		})
	}
}

// TestGSSAPI_ChoiceToken checks that a choice must be a valid message of the client.
func TestGSSAPI_ChoiceToken(t *testing.T) {
	for name, spoil := range map[string]func(ours, theirs, mic []byte) []byte{
		"nothing":           func(_, _, _ []byte) []byte { return nil },
		"not wrapped":       func(_, _, _ []byte) []byte { return []byte{1, 0, 0, 0} },
		"cut":               func(_, theirs, _ []byte) []byte { return theirs[:len(theirs)-1] },
		"longer":            func(_, theirs, _ []byte) []byte { return append(theirs, 0) },
		"another layer":     func(_, theirs, _ []byte) []byte { theirs[16] = 1; return theirs },
		"our own offer":     func(ours, _, _ []byte) []byte { return ours },
		"a MIC":             func(_, _, mic []byte) []byte { return mic },
		"rubbish, one MiB ": func(_, _, _ []byte) []byte { return make([]byte, 1<<20) },
	} {
		t.Run(name, func(t *testing.T) {
			site := newSite(t)
			s := newServer(t, site.config(), sspisasl.GSSAPI)
			client := site.client(sspitest.Options{})
			challenge, _ := next(t, s, say(t, client, nil))
			say(t, client, challenge)
			ours, _ := next(t, s, nil)
			mic, err := client.GetMIC([]byte{4, 0xff, 0xff, 0xff})
			if err != nil {
				t.Fatal(err)
			}
			theirs := choice(t, client, 0x04_ffffff, "")
			if _, done, err := s.Next(spoil(ours, theirs, mic)); done || err == nil || status.ReasonOf(err) == status.ReasonInternal {
				t.Errorf("%v, %v", done, err)
			}
			over(t, s)
		})
	}
}

// TestGSSAPI_Sealed checks that the client may seal its choice, which the RFC sends signed.
func TestGSSAPI_Sealed(t *testing.T) {
	site := newSite(t)
	s := newServer(t, site.config(), sspisasl.GSSAPI)
	client := site.client(sspitest.Options{})
	offer(t, s, client)
	token, err := client.Wrap([]byte{1, 0, 0, 0}, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, done := next(t, s, token); !done {
		t.Error("not done")
	}
}

// TestGSSAPI_AckMustBeEmpty checks that the client's response between the server's token
// and its offer must be empty.
func TestGSSAPI_AckMustBeEmpty(t *testing.T) {
	site := newSite(t)
	s := newServer(t, site.config(), sspisasl.GSSAPI)
	token := say(t, site.client(sspitest.Options{}), nil)
	next(t, s, token)
	refused(t, s, token, status.ReasonMalformedToken, "must be empty")
}
