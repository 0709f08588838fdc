package sspi_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

var exportKey = bytes.Repeat([]byte{9}, 32)

func exporting(cfg *sspi.Config) { cfg.ExportKey = sspi.NewSecret(exportKey) }

// worker returns the acceptor of another process: it has its own replay cache, and the same
// clock and export key.
func (s *site) worker(t testing.TB, changes ...func(*sspi.Config)) *sspi.Acceptor {
	t.Helper()
	cfg := sspi.Config{
		Keys: s.keys, Time: s.realm.Now, ExportKey: sspi.NewSecret(exportKey),
		Replay: authenticator.NewMemoryCacheAt(0, authenticator.RefuseOlder, s.realm.Now()),
	}
	for _, change := range changes {
		change(&cfg)
	}
	a, err := sspi.NewAcceptor(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// established returns an established context of the Go API, and its client.
func (s *site) established(t testing.TB, cc sspi.ContextConfig, changes ...func(*krbtest.APReq)) (*sspi.Context, *krbtest.Initiator) {
	t.Helper()
	c, client := s.acceptor.NewContext(cc), s.request(changes...).Start()
	var reply []byte
	for {
		token, _, err := client.Next(reply)
		if err != nil {
			t.Fatal(err)
		}
		if token == nil {
			return c, client
		}
		if reply, _, err = c.Accept(context.Background(), token); err != nil && err != sspi.ErrContinue {
			t.Fatal(err)
		}
		if len(reply) == 0 {
			return c, client
		}
	}
}

// TestCTX_12_Export checks that the context continues in another process at the same
// sequence numbers, for every type of key and style, and is closed in the first process.
func TestCTX_12_Export(t *testing.T) {
	sequenced := func(q *krbtest.APReq) { q.Flags |= flags.GSS_C_SEQUENCE_FLAG | flags.GSS_C_REPLAY_FLAG }
	for _, e := range []keytab.EType{17, 18, 19, 20} {
		for style, change := range map[string]func(*krbtest.APReq){"mutual": nothing, "one-way": oneWay, "DCE style": dce} {
			t.Run(fmt.Sprintf("%d, %s", e, style), func(t *testing.T) {
				s := newSite(t, exporting)
				c, client := s.established(t, sspi.ContextConfig{}, s.ofType(e), sequenced, change)
				talk(t, c, client)
				before := *c.Peer()
				key, _ := c.SessionKey()
				sealed, err := c.Export()
				if err != nil {
					t.Fatal(err)
				}
				if _, err := c.Wrap(nil, nil, true); status.ReasonOf(err) != status.ReasonInvalidHandle {
					t.Errorf("the old context still wraps: %v", err)
				}
				if c.Peer() == nil || c.Err() != nil {
					t.Errorf("the old context: %v, %v", c.Peer(), c.Err())
				}
				w := s.worker(t)
				moved, err := w.Import(context.Background(), sealed)
				if err != nil {
					t.Fatal(err)
				}
				if p := *moved.Peer(); !reflect.DeepEqual(p, before) {
					t.Errorf("the peer became\n%+v from\n%+v", p, before)
				}
				if k, err := moved.SessionKey(); err != nil || !bytes.Equal(k, key) {
					t.Errorf("the session keys differ, %v", err)
				}
				talk(t, moved, client)
				if _, err := w.Import(context.Background(), sealed); status.ReasonOf(err) != status.ReasonReplay || !strings.Contains(err.Error(), "the context was imported before") {
					t.Errorf("a second time: %v", err)
				}
				again, err := moved.Export() // back to the first acceptor
				if err != nil {
					t.Fatal(err)
				}
				if c, err = s.acceptor.Import(context.Background(), again); err != nil {
					t.Fatal(err)
				}
				talk(t, c, client)
			})
		}
	}
}

// TestCTX_12_ReplayIsCarriedOver checks that the imported context refuses a message that
// the exported context has accepted.
func TestCTX_12_ReplayIsCarriedOver(t *testing.T) {
	s := newSite(t, exporting)
	c, client := s.established(t, sspi.ContextConfig{}, func(q *krbtest.APReq) { q.Flags &^= flags.GSS_C_SEQUENCE_FLAG })
	var tokens [][]byte
	for range 3 {
		token, err := client.Wrap([]byte("text"), true)
		if err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, token)
	}
	if _, _, err := c.Unwrap(nil, tokens[1]); err != nil {
		t.Fatal(err)
	}
	sealed, err := c.Export()
	if err != nil {
		t.Fatal(err)
	}
	c, err = s.worker(t).Import(context.Background(), sealed)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []status.Reason{status.ReasonNone, status.ReasonMessageDuplicate, status.ReasonNone} {
		if _, _, err := c.Unwrap(nil, tokens[i]); status.ReasonOf(err) != want {
			t.Errorf("message %d: %v", i, err)
		}
	}
}

// TestCTX_12_Delegated checks that an export contains the delegated credentials.
func TestCTX_12_Delegated(t *testing.T) {
	s := newSite(t, exporting)
	c, _ := s.established(t, sspi.ContextConfig{AcceptDelegation: true}, func(q *krbtest.APReq) {
		q.Flags |= flags.GSS_C_DELEG_FLAG
		q.Cred = q.Forward().Bytes()
	})
	before := c.Delegated()
	sealed, err := c.Export()
	if err != nil {
		t.Fatal(err)
	}
	moved, err := s.worker(t).Import(context.Background(), sealed)
	if err != nil {
		t.Fatal(err)
	}
	after := moved.Delegated()
	if after == nil || after.Client != before.Client || len(after.Tickets) != 1 {
		t.Fatalf("%v, before %v", after, before)
	}
	a, b := after.Tickets[0], before.Tickets[0]
	if !a.SessionKey.Equal(b.SessionKey) || !a.Ticket.Equal(b.Ticket) || a.Service != b.Service || a.Flags != b.Flags ||
		!a.EndTime.Equal(b.EndTime) || !a.StartTime.Equal(b.StartTime) || !a.RenewTill.Equal(b.RenewTill) || !a.AuthTime.Equal(b.AuthTime) {
		t.Errorf("%v became %v", b, a)
	}
}

// TestCTX_12_ExportRefused checks that Export refuses contexts that cannot be exported, and
// leaves them unchanged.
func TestCTX_12_ExportRefused(t *testing.T) {
	s := newSite(t)
	c, client := s.established(t, sspi.ContextConfig{})
	if _, err := c.Export(); status.ReasonOf(err) != status.ReasonUnsupported {
		t.Errorf("without a key: %v", err)
	}
	talk(t, c, client)
	s = newSite(t, exporting)
	for _, state := range []string{"new", "retry", "third leg", "negotiating", "MIC"} {
		x := inState[state](t, s)
		if b, err := x.handle.Context().Export(); status.ReasonOf(err) != status.ReasonInvalidHandle || b != nil {
			t.Errorf("%s: %v", state, err)
		}
		wantCode(t, state+", and on", s.second(x.handle, x.expected).call(), status.SEC_E_OK)
	}
	var none *sspi.Context
	if _, err := none.Export(); status.ReasonOf(err) != status.ReasonInvalidHandle {
		t.Errorf("nil: %v", err)
	}
	if _, err := sspi.NewAcceptor(sspi.Config{Keys: s.keys, ExportKey: sspi.NewSecret([]byte("short"))}); status.ReasonOf(err) != status.ReasonArgument {
		t.Errorf("a short key: %v", err)
	}
}

// TestCTX_12_ImportRefused checks that Import refuses an export that is altered, expired or
// under another key, and an export that the policy or the replay cache refuses.
func TestCTX_12_ImportRefused(t *testing.T) {
	s := newSite(t, exporting)
	export := func() []byte {
		c, _ := s.established(t, sspi.ContextConfig{})
		sealed, err := c.Export()
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	sealed := export()
	w := s.worker(t)
	for bit := range 8 * len(sealed) {
		b := bytes.Clone(sealed)
		b[bit/8] ^= 1 << (bit % 8)
		if c, err := w.Import(context.Background(), b); status.ReasonOf(err) != status.ReasonMalformedToken || c != nil {
			t.Fatalf("bit %d: %v", bit, err)
		}
	}
	for n := range sealed {
		if _, err := w.Import(context.Background(), sealed[:n]); status.ReasonOf(err) != status.ReasonMalformedToken {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
	at := func(d time.Duration) func(*sspi.Config) {
		return func(cfg *sspi.Config) {
			now := s.realm.Now().Add(d)
			cfg.Time = func() time.Time { return now }
			cfg.Replay = authenticator.NewMemoryCacheAt(0, authenticator.AcceptOlder, now)
		}
	}
	for name, row := range map[string]struct {
		change func(*sspi.Config)
		want   status.Reason
	}{
		"another key":     {func(cfg *sspi.Config) { cfg.ExportKey = sspi.NewSecret(make([]byte, 32)) }, status.ReasonMalformedToken},
		"no key":          {func(cfg *sspi.Config) { cfg.ExportKey = sspi.Secret{} }, status.ReasonUnsupported},
		"too late":        {at(5*time.Minute + time.Second), status.ReasonContextExpired},
		"from the future": {at(-5*time.Minute - time.Second), status.ReasonContextExpired},
		"in time":         {at(4 * time.Minute), status.ReasonNone},
		"before the cache": {func(cfg *sspi.Config) {
			now := s.realm.Now().Add(time.Minute)
			cfg.Time = func() time.Time { return now }
			cfg.Replay = authenticator.NewMemoryCacheAt(0, authenticator.RefuseOlder, now)
		}, status.ReasonBeforeReplayCache},
		"another policy":     {func(cfg *sspi.Config) { cfg.ETypes = []keytab.EType{20} }, status.ReasonETypeRefused},
		"a cache that fails": {func(cfg *sspi.Config) { cfg.Replay = mute{} }, status.ReasonReplayCacheFailed},
	} {
		c, err := s.worker(t, row.change).Import(context.Background(), export())
		if status.ReasonOf(err) != row.want || (c != nil) != (err == nil) {
			t.Errorf("%s: %v, want %v", name, err, row.want)
		}
	}
	var none *sspi.Acceptor
	if _, err := none.Import(context.Background(), sealed); status.ReasonOf(err) != status.ReasonInvalidHandle {
		t.Errorf("no Acceptor: %v", err)
	}
}

// TestCTX_12_ImportCanceled checks that the end of the caller's context is not reported as
// a failure of the replay cache.
func TestCTX_12_ImportCanceled(t *testing.T) {
	s := newSite(t, exporting)
	c, _ := s.established(t, sspi.ContextConfig{})
	sealed, err := c.Export()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	w := s.worker(t, func(cfg *sspi.Config) { cfg.Replay = mute{} })
	if _, err := w.Import(ctx, sealed); status.ReasonOf(err) != status.ReasonCanceled {
		t.Error(err)
	}
}

// mute is a ReplayCache that returns no answer.
type mute struct{}

func (mute) Store(context.Context, authenticator.Record) (bool, error) {
	return false, fmt.Errorf("the network is down")
}

// TestCTX_12_Windows checks export and import with handles.
func TestCTX_12_Windows(t *testing.T) {
	s := newSite(t, exporting)
	h, client := s.establish(t)
	copied := h
	granted := query[sspi.SecPkgContext_Flags](t, h, sspi.SECPKG_ATTR_FLAGS).Flags
	var packed sspi.SecBuffer
	token := new(sspi.AccessToken)
	for name, f := range map[string]uint32{
		"keeping the old": 0, "reset": 0x1, "to the kernel": 0x4 | sspi.SECPKG_CONTEXT_EXPORT_DELETE_OLD,
		"reset, deleting": 0x1 | sspi.SECPKG_CONTEXT_EXPORT_DELETE_OLD, "an unknown flag": 0x80000002,
	} {
		wantCode(t, name, sspi.ExportSecurityContext(&h, f, &packed, &token), status.SEC_E_UNSUPPORTED_FUNCTION)
	}
	const old = sspi.SECPKG_CONTEXT_EXPORT_DELETE_OLD
	wantCode(t, "no buffer", sspi.ExportSecurityContext(&h, old, nil, nil), status.SEC_E_INVALID_PARAMETER)
	wantCode(t, "no handle", sspi.ExportSecurityContext(nil, old, &packed, nil), status.SEC_E_INVALID_HANDLE)
	wantCode(t, "export", sspi.ExportSecurityContext(&h, old, &packed, &token), status.SEC_E_OK)
	if token != nil {
		t.Error("the peer has an access token")
	}
	wantCode(t, "no handle and no buffer", sspi.ExportSecurityContext(new(sspi.CtxtHandle), old, nil, nil), status.SEC_E_INVALID_HANDLE)
	wantCode(t, "again", sspi.ExportSecurityContext(&copied, old, &packed, nil), status.SEC_E_INVALID_HANDLE)
	wantCode(t, "delete", sspi.DeleteSecurityContext(&h), status.SEC_E_OK)

	without, _ := newSite(t).establish(t)
	packedToo := sspi.SecBuffer{Buffer: []byte("before")}
	wantCode(t, "no ExportKey", sspi.ExportSecurityContext(&without, old, &packedToo, nil), status.SEC_E_UNSUPPORTED_FUNCTION)
	if string(packedToo.Buffer) != "before" {
		t.Error("a refused export changed the buffer")
	}

	cred := s.worker(t).CredHandle(sspi.Negotiate)
	var moved sspi.CtxtHandle
	var noCred sspi.CredHandle
	wantCode(t, "no such package", sspi.ImportSecurityContext("NTLM", &packed, &cred, &moved), status.SEC_E_SECPKG_NOT_FOUND)
	wantCode(t, "no credentials", sspi.ImportSecurityContext(sspi.Kerberos, &packed, &noCred, &moved), status.SEC_E_INVALID_HANDLE)
	wantCode(t, "nil credentials", sspi.ImportSecurityContext(sspi.Kerberos, &packed, nil, &moved), status.SEC_E_INVALID_HANDLE)
	wantCode(t, "nil handle", sspi.ImportSecurityContext(sspi.Kerberos, &packed, &cred, nil), status.SEC_E_INVALID_HANDLE)
	wantCode(t, "nil buffer", sspi.ImportSecurityContext(sspi.Kerberos, nil, &cred, &moved), status.SEC_E_INVALID_TOKEN)
	wantCode(t, "another package", sspi.ImportSecurityContext(sspi.Negotiate, &packed, &cred, &moved), status.SEC_E_INVALID_TOKEN)
	if moved != (sspi.CtxtHandle{}) {
		t.Error("a refused import returned a handle")
	}
	wantCode(t, "import", sspi.ImportSecurityContext("kerberos", &packed, &cred, &moved), status.SEC_E_OK)
	talk(t, moved.Context(), client)
	if got := query[sspi.SecPkgContext_Flags](t, moved, sspi.SECPKG_ATTR_FLAGS).Flags; got != granted {
		t.Errorf("SECPKG_ATTR_FLAGS %v, before %v", got, granted)
	}
	var again sspi.CtxtHandle
	wantCode(t, "twice", sspi.ImportSecurityContext(sspi.Kerberos, &packed, &cred, &again), status.SEC_E_LOGON_DENIED)
}

// TestCTX_12_ExportBesideMessages seals messages concurrently with the export, and checks
// that each sequence number is used once, by the exported or by the imported context.
func TestCTX_12_ExportBesideMessages(t *testing.T) {
	s := newSite(t, exporting)
	c, client := s.established(t, sspi.ContextConfig{}, func(q *krbtest.APReq) { q.Flags |= flags.GSS_C_SEQUENCE_FLAG })
	var mu sync.Mutex
	var tokens [][]byte
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				mu.Lock()
				token, err := c.Wrap(nil, []byte("text"), true)
				if err == nil {
					tokens = append(tokens, token)
				}
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	sealed, err := c.Export()
	if err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	moved, err := s.worker(t).Import(context.Background(), sealed)
	if err != nil {
		t.Fatal(err)
	}
	token, err := moved.Wrap(nil, []byte("text"), true)
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range append(tokens, token) {
		if _, _, err := client.Unwrap(token); err != nil {
			t.Fatal(err)
		}
	}
}

// TestKEY_10_Export checks that an export contains no readable key.
func TestKEY_10_Export(t *testing.T) {
	s := newSite(t, exporting)
	c, _ := s.established(t, sspi.ContextConfig{})
	key, _ := c.SessionKey()
	sealed, err := c.Export()
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, key) || strings.Contains(string(sealed), "alice") {
		t.Error("the export contains readable content")
	}
}

// TestExportKey_Redacted checks that neither a Config nor an Acceptor, nor a value that
// contains them, prints the key of exported contexts.
func TestExportKey_Redacted(t *testing.T) {
	key := []byte("0123456789abcdef~!@#$%^&*()_+-=?")
	cfg := sspi.Config{Keys: newSite(t).keys, ExportKey: sspi.NewSecret(key)}
	a, err := sspi.NewAcceptor(cfg)
	if err != nil {
		t.Fatal(err)
	}
	type holder struct{ acceptor *sspi.Acceptor }
	known := secrets{"the key": key}
	h := a.CredHandle(sspi.Kerberos)
	for name, v := range map[string]any{
		"Config": cfg, "&Config": &cfg, "ExportKey": cfg.ExportKey, "Acceptor": a, "its holder": holder{a},
		"&its holder": &holder{a}, "CredHandle": h, "&CredHandle": &h, "Context": a.NewContext(sspi.ContextConfig{}),
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%t"} {
			if _, found := known.find(fmt.Sprintf(verb, v)); found {
				t.Errorf("%s shows the key with %s", name, verb)
			}
		}
		var text, object bytes.Buffer
		slog.New(slog.NewTextHandler(&text, nil)).Info("x", "value", v)
		slog.New(slog.NewJSONHandler(&object, nil)).Info("x", "value", v)
		if _, found := known.find(text.String() + object.String()); found {
			t.Errorf("%s shows the key in a log", name)
		}
	}
}

// TestImpersonate checks that the functions for impersonation return an error.
func TestImpersonate(t *testing.T) {
	s := newSite(t)
	var token *sspi.AccessToken
	h, _ := s.establish(t)
	wantCode(t, "impersonate", sspi.ImpersonateSecurityContext(&h), status.SEC_E_NO_IMPERSONATION)
	wantCode(t, "revert", sspi.RevertSecurityContext(&h), status.SEC_E_OK)
	wantCode(t, "token", sspi.QuerySecurityContextToken(&h, &token), status.SEC_E_UNSUPPORTED_FUNCTION)
	wantCode(t, "nil token", sspi.QuerySecurityContextToken(&h, nil), status.SEC_E_INVALID_PARAMETER)
	c, _ := s.established(t, sspi.ContextConfig{AcceptDelegation: true}, func(q *krbtest.APReq) {
		q.Flags |= flags.GSS_C_DELEG_FLAG
		q.Cred = q.Forward().Bytes()
	})
	with := c.Handle()
	wantCode(t, "with credentials", sspi.ImpersonateSecurityContext(&with), status.SEC_E_UNSUPPORTED_FUNCTION)
	for _, bad := range []*sspi.CtxtHandle{nil, {}} {
		wantCode(t, "impersonate", sspi.ImpersonateSecurityContext(bad), status.SEC_E_INVALID_HANDLE)
		wantCode(t, "revert", sspi.RevertSecurityContext(bad), status.SEC_E_INVALID_HANDLE)
		wantCode(t, "token", sspi.QuerySecurityContextToken(bad, &token), status.SEC_E_INVALID_HANDLE)
	}
}
