package sspi_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/internal/secret/secrettest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// secrets are byte strings that must not be printed, with a name for each.
type secrets map[string][]byte

// find searches a text for a secret in every form in which packages print bytes. Eight
// bytes of a secret are enough.
func (s secrets) find(text string) (name string, found bool) {
	lower := strings.ToLower(text)
	for name, secret := range s {
		for at := 0; at+8 <= len(secret); at += 4 {
			part := secret[at:][:8]
			decimal := fmt.Sprint(part)
			syntax := fmt.Sprintf("%#v", part)
			spaced := fmt.Sprintf("% x", part)
			if strings.Contains(text, string(part)) || strings.Contains(lower, hex.EncodeToString(part)) || strings.Contains(lower, spaced) ||
				strings.Contains(text, decimal[1:len(decimal)-1]) || strings.Contains(text, strings.ReplaceAll(decimal[1:len(decimal)-1], " ", ",")) ||
				strings.Contains(text, syntax[len("[]byte{"):len(syntax)-1]) {
				return name, true
			}
		}
		for shift := range 3 {
			// Whole groups of three bytes have the same form in any base64 of the secret.
			b := secret[shift:]
			group := base64.RawStdEncoding.EncodeToString(b[:len(b)/3*3])[:8]
			url := base64.RawURLEncoding.EncodeToString(b[:len(b)/3*3])[:8]
			if strings.Contains(text, group) || strings.Contains(text, url) {
				return name, true
			}
		}
	}
	return "", false
}

// TestKEY_10_Find checks that find recognises each form.
func TestKEY_10_Find(t *testing.T) {
	key := []byte("\x01\xfe0123456789abcdefghijklmnop\x00\xff~!")
	s := secrets{"key": key}
	for _, text := range []string{
		string(key), fmt.Sprint(key), fmt.Sprintf("%x", key), fmt.Sprintf("%X", key), fmt.Sprintf("% x", key), fmt.Sprintf("%#v", key), fmt.Sprintf("%#v", [32]byte(key)),
		base64.StdEncoding.EncodeToString(key), base64.StdEncoding.EncodeToString(append([]byte("x"), key...)), base64.URLEncoding.EncodeToString(append([]byte("xy"), key...)),
		fmt.Sprintf("%+v", struct{ k [32]byte }{[32]byte(key)}),
	} {
		if _, found := s.find("before " + text + " behind"); !found {
			t.Errorf("find did not find the secret in %q", text)
		}
	}
	if _, found := s.find("nothing here"); found {
		t.Error("find found a secret in an empty text")
	}
}

// prints returns a value in every form in which an operator could print it.
func prints(v any) map[string]string {
	out := make(map[string]string)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c", "%U", "%e", "%t", "%T", "% x", "%#x"} {
		out[verb] = fmt.Sprintf(verb, v)
		out["[]any "+verb] = fmt.Sprintf(verb, []any{v})
		out["struct "+verb] = fmt.Sprintf(verb, struct{ V any }{v})
	}
	if b, err := json.Marshal(v); err == nil {
		out["JSON"] = string(b)
	}
	if b, err := xml.Marshal(v); err == nil {
		out["XML"] = string(b)
	}
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"slog text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"slog JSON": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var b bytes.Buffer
		slog.New(handler(&b)).Error("text", "value", v, slog.Group("group", "value", v))
		out[name] = b.String()
	}
	return out
}

// keysOf returns all keys of an exchange.
func keysOf(s *site, q *krbtest.APReq, client *krbtest.Initiator) secrets {
	return secrets{
		"service key":  q.Ticket.Key.KeyValue,
		"session key":  q.Ticket.Part.Key.KeyValue,
		"client's key": q.Authenticator.SubKey.KeyValue,
		"context key":  client.Key().KeyValue,
	}
}

// TestKEY_10_NothingPrintsAKey prints every exported type that refers to a key.
func TestKEY_10_NothingPrintsAKey(t *testing.T) {
	var events []sspi.Event
	s := newSite(t, recordEvents(&events))
	q := s.request()
	q.Flags |= flags.GSS_C_DELEG_FLAG
	forward := q.Forward()
	q.Cred = forward.Bytes()
	client := q.Start()
	token, _, _ := client.Next(nil)
	l := s.first(token)
	l.req = flags.ASC_REQ_DELEGATE
	wantCode(t, "accept", l.call(), status.SEC_E_OK)
	if _, _, err := client.Next(l.reply()); err != nil {
		t.Fatal(err)
	}
	secret := keysOf(s, q, client)
	secret["forwarded key"] = forward.Part.Info[0].Key.KeyValue
	half := inState["third leg"](t, s)
	secret["session key of a context half-way"] = half.client.Request.Ticket.Part.Key.KeyValue
	secret["context key of a context half-way"] = half.client.Key().KeyValue

	c := l.handle.Context()
	key := query[sspi.SecPkgContext_SessionKey](t, l.handle, sspi.SECPKG_ATTR_SESSION_KEY)
	if !bytes.Equal(key.SessionKey.Bytes(), secret["context key"]) {
		t.Fatal("the context has another key than the client")
	}
	delegated := c.Delegated().Tickets[0]
	der := delegated.Ticket.Bytes()
	secret["delegated ticket"] = der[len(der)-32:] // the beginning of a ticket has names in clear
	secret["export key"], secret["ticket of a TGT"] = []byte("an export key of 32 bytes, here.")[:32], []byte("a ticket-granting ticket")
	cfg := sspi.Config{Keys: s.keys, ExportKey: sspi.NewSecret(secret["export key"])}
	exporter, err := sspi.NewAcceptor(cfg)
	if err != nil {
		t.Fatal(err)
	}
	tgt := sspi.TGT{Client: delegated.Client, Ticket: sspi.NewSecret(secret["ticket of a TGT"]), SessionKey: delegated.SessionKey}
	known := secrettest.New(t, secret)
	b, err := s.keys.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "keytab")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := keytab.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	known.Absent(t, "*File", secrettest.Of(file))
	for name, v := range map[string]secrettest.Value{
		"*Context": secrettest.Of(c), "Context": secrettest.Of(*c), "Context half-way": secrettest.Of(half.handle.Context()),
		"CtxtHandle": secrettest.Of(l.handle), "CredHandle": secrettest.Of(s.cred), "*Acceptor": secrettest.Of(exporter),
		"Config": secrettest.Of(cfg), "ContextConfig": secrettest.Of(sspi.ContextConfig{}), "Peer": secrettest.Of(*c.Peer()), "Event": secrettest.Of(events[0]),
		"SessionKey": secrettest.Of(key), "Secret": secrettest.Of(key.SessionKey), "ExportKey": secrettest.Of(cfg.ExportKey),
		"*Delegated": secrettest.Of(c.Delegated()), "Delegated": secrettest.Of(*c.Delegated()), "DelegatedTicket": secrettest.Of(delegated),
		"TGT": secrettest.Of(tgt), "Key": secrettest.Of(delegated.SessionKey),
	} {
		known.Absent(t, name, v)
	}
	// Package gob calls MarshalBinary of a Table, whose purpose is to make a keytab.
	known.Absent(t, "Table", secrettest.Of(s.keys), "gob", "binary")
}

func (s secrets) absent(t *testing.T, what string, forms map[string]string) {
	t.Helper()
	for form, text := range forms {
		if which, found := s.find(text); found {
			t.Errorf("%s as %s shows the %s: %.200q", what, form, which, text)
		}
	}
}

// TestSEC_2_ErrorsAndLogs checks that errors and records of exchanges and messages, valid
// and invalid, contain no key and no bytes of a token.
func TestSEC_2_ErrorsAndLogs(t *testing.T) {
	var log bytes.Buffer
	handler := slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})
	var events []sspi.Event
	s := newSite(t, recordEvents(&events), func(cfg *sspi.Config) { cfg.Logger = slog.New(handler) })
	mallory := func(q *krbtest.APReq) { q.Authenticator.CName.NameString = []string{"mallory\n\x1b[31m"} }
	for name, change := range map[string]func(*krbtest.APReq){
		"good": nothing, "wrong key": wrongKey, "late": late, "another client": mallory,
		"no such etype": func(q *krbtest.APReq) { q.Ticket.EType = 99 },
		"bad delegation": func(q *krbtest.APReq) {
			q.Flags |= flags.GSS_C_DELEG_FLAG
			q.Cred = []byte("bad")
		},
		"broken ticket": func(q *krbtest.APReq) { q.Ticket.Plaintext = []byte("a text that should not be shown") },
	} {
		t.Run(name, func(t *testing.T) {
			log.Reset()
			q := s.request(change)
			client := q.Start()
			token, _, _ := client.Next(nil)
			l := s.first(token)
			l.req = flags.ASC_REQ_DELEGATE
			l.call()
			_, _, _ = client.Next(l.reply())
			secret := keysOf(s, q, client)
			for name, b := range secret {
				if len(b) == 0 {
					delete(secret, name)
				}
			}
			secret["token"] = token[len(token)-64:]
			secret["plaintext"] = []byte("a text that should not be shown")
			texts := prints(l.handle.Err())
			texts["log"] = log.String()
			texts["event"] = fmt.Sprintf("%+v", events[len(events)-1])
			if c := l.handle.Context(); c != nil {
				_, _, err := c.Unwrap(nil, append([]byte{5, 4, 6, 0xff}, make([]byte, 60)...))
				for form, text := range prints(err) {
					texts["unwrap "+form] = text
				}
				for form, text := range prints(c.VerifyMIC([]byte("text"), make([]byte, 28))) {
					texts["verify "+form] = text
				}
			}
			secret.absent(t, name, texts)
			if strings.Contains(log.String(), "\x1b") || strings.Count(log.String(), "\n") != 1 {
				t.Errorf("log: %q", log.String())
			}
			if err := l.handle.Err(); err != nil && strings.ContainsAny(err.Error(), "\x1b\n") {
				t.Errorf("error: %q", err.Error())
			}
		})
	}
}

// TestLogger_Cause checks that the record says why a key source failed.
func TestLogger_Cause(t *testing.T) {
	var log bytes.Buffer
	s := newSite(t, func(cfg *sspi.Config) {
		cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
		cfg.Keys = keytab.SourceFunc(func(context.Context) (*keytab.Table, error) { return nil, errors.New("vault: sealed") })
	})
	if _, _, err := s.acceptor.NewContext(sspi.ContextConfig{}).Accept(t.Context(), s.request().Token()); err == nil {
		t.Fatal("accepted")
	}
	if !strings.Contains(log.String(), `cause="vault: sealed"`) {
		t.Error(log.String())
	}
}

// TestSEC_2_SilentLogger checks that an acceptor without a Logger writes nothing and does
// not panic.
func TestSEC_2_SilentLogger(t *testing.T) {
	s := newSite(t)
	for _, token := range [][]byte{s.request().Token(), s.request(late).Token(), []byte("junk")} {
		_, _, _ = s.acceptor.NewContext(sspi.ContextConfig{}).Accept(context.Background(), token)
	}
}
