package sspi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// line is one record of slog's JSON handler.
type line map[string]any

// logged collects the lines of a Logger.
type logged struct{ bytes.Buffer }

func (l *logged) into(cfg *sspi.Config) { cfg.Logger = slog.New(slog.NewJSONHandler(&l.Buffer, nil)) }

// take returns the lines since the last call.
func (l *logged) take(t *testing.T) (out []line) {
	t.Helper()
	for text := range strings.Lines(l.String()) {
		var r line
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	l.Reset()
	return out
}

// one returns the line since the last call, which must be the only one.
func (l *logged) one(t *testing.T) line {
	t.Helper()
	lines := l.take(t)
	if len(lines) != 1 {
		t.Fatalf("%d records: %v", len(lines), lines)
	}
	return lines[0]
}

// wants compares a record with the expected attributes. The value nil means that the
// attribute must be absent, and "*" that it may have any value.
func (r line) wants(t *testing.T, want line) {
	t.Helper()
	for key, value := range want {
		got, there := r[key]
		switch {
		case value == nil && there, value == "*" && !there, value != nil && value != "*" && got != value:
			t.Errorf("%s is %v (%v), want %v", key, got, there, value)
		}
	}
}

const (
	aes256   = "aes256-cts-hmac-sha1-96 (18)"
	aliceAt  = "alice@EXAMPLE.COM"
	serverAt = service + "@EXAMPLE.COM"
)

// TestLOG_6_Accepted checks the attributes of the record of an accepted client.
func TestLOG_6_Accepted(t *testing.T) {
	common := line{
		"level": "INFO", "msg": "kerberos: accepted", "kerberos.client.name": aliceAt, "kerberos.service.name": serverAt,
		"kerberos.ticket.kvno": 1., "kerberos.ticket.end": "2031-05-17T18:30:15Z", "kerberos.context.flags": "*",
		"client.address": "192.0.2.7", "client.port": 4711., "kerberos.client.unproven_name": nil, "error.type": nil, "kerberos.retry": nil,
	}
	remote := netip.MustParseAddrPort("192.0.2.7:4711")
	bound := sspi.ContextConfig{Remote: remote, ChannelBindings: []sspi.ChannelBindings{{ApplicationData: []byte("x")}}, BindingPolicy: sspi.BindingAllowMissing}
	for name, row := range map[string]struct {
		change func(*krbtest.APReq)
		config sspi.ContextConfig
		want   line
	}{
		"plain": {nothing, sspi.ContextConfig{Remote: remote}, line{
			"kerberos.mechanism": "kerberos", "kerberos.ticket.etype": aes256, "kerberos.session.etype": aes256, "kerberos.context.etype": aes256,
			"kerberos.clock.difference": 0., "kerberos.binding": nil, "kerberos.service.target_name": nil,
		}},
		"clock ahead": {
			func(q *krbtest.APReq) { q.SetTime(q.Time().Add(90*time.Second + 250*time.Millisecond)) },
			sspi.ContextConfig{Remote: remote},
			line{"kerberos.clock.difference": 90.25},
		},
		"clock behind": {
			func(q *krbtest.APReq) { q.SetTime(q.Time().Add(-4 * time.Minute)) },
			sspi.ContextConfig{Remote: remote},
			line{"kerberos.clock.difference": -240.},
		},
		"no bindings":    {nothing, bound, line{"kerberos.binding": "missing"}},
		"with a target":  {naming(service), sspi.ContextConfig{Remote: remote}, line{"kerberos.service.target_name": service}},
		"Microsoft's ID": {func(q *krbtest.APReq) { q.OID = krbtest.OIDMSKerberos }, sspi.ContextConfig{Remote: remote}, line{"kerberos.mechanism": "ms-kerberos"}},
		"RC4 session": {func(q *krbtest.APReq) {
			q.Ticket.Part.Key, q.Key, q.Authenticator.SubKey = key(23), key(23), key(23)
			fromAES256(q)
		}, sspi.ContextConfig{Remote: remote}, line{"kerberos.ticket.etype": aes256, "kerberos.session.etype": "rc4-hmac (23)", "kerberos.context.etype": aes256}},
	} {
		t.Run(name, func(t *testing.T) {
			var log logged
			s := newSite(t, log.into, withRC4)
			q := s.request(row.change)
			if _, _, err := s.acceptor.NewContext(row.config).Accept(context.Background(), q.Token()); err != nil {
				t.Fatal(err)
			}
			want := maps.Clone(common)
			maps.Copy(want, row.want)
			log.one(t).wants(t, want)
		})
	}
}

// TestLOG_6_LaterLegs checks that an exchange of several tokens has one record, with the
// facts of its AP-REQ.
func TestLOG_6_LaterLegs(t *testing.T) {
	for name, mechanism := range map[string]string{"third leg": "kerberos/unframed", "MIC": "spnego/kerberos"} {
		t.Run(name, func(t *testing.T) {
			var log logged
			s := newSite(t, log.into)
			at := inState[name](t, s)
			if lines := log.take(t); len(lines) != 0 {
				t.Fatalf("records before the end: %v", lines)
			}
			wantCode(t, "the last leg", s.second(at.handle, at.expected).call(), status.SEC_E_OK)
			log.one(t).wants(t, line{
				"kerberos.client.name": aliceAt, "kerberos.mechanism": mechanism, "kerberos.ticket.kvno": 1.,
				"kerberos.ticket.etype": aes256, "kerberos.clock.difference": 0.,
			})
		})
	}
}

// TestLOG_3_Refused checks that the record of a refusal names the client if a key decrypted
// the ticket, says that the client is not proven, names the requested service, and has a
// detail.
func TestLOG_3_Refused(t *testing.T) {
	opened := line{
		"kerberos.client.unproven_name": aliceAt, "kerberos.service.name": serverAt, "kerberos.service.requested_name": serverAt,
		"kerberos.ticket.etype": aes256, "kerberos.ticket.kvno": 1., "kerberos.session.etype": aes256, "kerberos.mechanism": "kerberos",
	}
	sealed := line{"kerberos.client.unproven_name": nil, "kerberos.service.name": nil, "kerberos.session.etype": nil, "kerberos.clock.difference": nil}
	for name, row := range map[string]struct {
		reason status.Reason
		change func(*krbtest.APReq)
		base   line
		want   line
	}{
		"wrong key":   {status.ReasonWrongKey, wrongKey, sealed, line{"kerberos.service.requested_name": serverAt, "kerberos.ticket.etype": aes256, "kerberos.ticket.kvno": 1.}},
		"wrong etype": {status.ReasonETypeRefused, func(q *krbtest.APReq) { q.Ticket.EType = 3 }, sealed, line{"kerberos.ticket.etype": "*"}},
		"expired": {status.ReasonTicketExpired, func(q *krbtest.APReq) {
			q.Ticket.Part.EndTime = q.Time().Add(-time.Hour)
			q.Ticket.Part.StartTime = q.Time().Add(-2 * time.Hour)
		}, opened, line{"kerberos.clock.difference": nil}},
		"invalid":     {status.ReasonTicketInvalid, func(q *krbtest.APReq) { q.Ticket.Part.Flags = krbtest.TicketFlags(flags.TicketInvalid) }, opened, nil},
		"RC4 session": {status.ReasonETypeRefused, func(q *krbtest.APReq) { q.Ticket.Part.Key = key(23) }, opened, line{"kerberos.session.etype": "rc4-hmac (23)"}},
		"not a ticket": {
			status.ReasonMalformedToken, func(q *krbtest.APReq) { q.Ticket.Plaintext = []byte("not a ticket") },
			line{"kerberos.client.unproven_name": nil, "kerberos.service.name": serverAt},
			nil,
		},
		"authenticator of another key": {status.ReasonWrongKey, func(q *krbtest.APReq) { q.Key = key(18) }, opened, line{"kerberos.clock.difference": nil}},
		"another client":               {status.ReasonNameMismatch, func(q *krbtest.APReq) { q.Authenticator.CName.NameString = []string{"mallory"} }, opened, line{"kerberos.clock.difference": 0.}},
		"late":                         {status.ReasonClockSkew, late, opened, line{"kerberos.clock.difference": -3600., "kerberos.retry": true}},
		"early":                        {status.ReasonClockSkew, func(q *krbtest.APReq) { q.SetTime(q.Time().Add(20 * time.Minute)) }, opened, line{"kerberos.clock.difference": 1200.}},
		"authorization data":           {status.ReasonAuthorizationData, func(q *krbtest.APReq) { q.Ticket.Part.AuthorizationData = critical(96) }, opened, nil},
		"forwarded credentials":        {status.ReasonBadDelegation, func(q *krbtest.APReq) { q.Flags |= flags.GSS_C_DELEG_FLAG; q.Cred = []byte("bad") }, opened, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var log logged
			s := newSite(t, log.into)
			q := s.request(row.change)
			remote := netip.MustParseAddr("2001:db8::7")
			_, _, err := s.acceptor.NewContext(sspi.ContextConfig{PeerAddr: remote, AcceptDelegation: true}).Accept(context.Background(), q.Token())
			if err == nil {
				t.Fatal("accepted")
			}
			got := log.one(t)
			got.wants(t, line{
				"level": "WARN", "msg": "kerberos: refused", "error.type": row.reason.String(), "kerberos.error.status": row.reason.Code().String(),
				"kerberos.error.detail": "*", "kerberos.error.help": row.reason.Help(), "kerberos.retry": "*",
				"client.address": "2001:db8::7", "client.port": nil, "kerberos.client.name": nil, "kerberos.context.etype": nil,
			})
			want := maps.Clone(row.base)
			maps.Copy(want, row.want)
			got.wants(t, want)
		})
	}
}

// TestLOG_3_Details checks the texts that name cause and action (cases C12, C13 and C16,
// NTLM, replay).
func TestLOG_3_Details(t *testing.T) {
	start := krbtest.NewRealm("EXAMPLE.COM").Now()
	for name, row := range map[string]struct {
		config func(*site) func(*sspi.Config)
		token  func(*site) []byte
		want   []string
	}{
		"RC4 ticket": {
			token: asked(func(q *krbtest.APReq) { q.Ticket.EType = 23 }),
			want:  []string{"etype-refused", "rc4-hmac (23)", "TicketETypes", "msDS-SupportedEncryptionTypes"},
		},
		"type 3":  {token: asked(func(q *krbtest.APReq) { q.Ticket.EType = 3 }), want: []string{"etype-refused", "des-cbc-md5 (3)", "does not implement"}},
		"type 16": {token: asked(func(q *krbtest.APReq) { q.Ticket.EType = 16 }), want: []string{"etype-refused", "des3-cbc-sha1-kd (16)", "does not implement"}},
		"type 25": {token: asked(func(q *krbtest.APReq) { q.Ticket.EType = 25 }), want: []string{"etype-refused", "camellia128-cts-cmac (25)", "does not implement"}},
		"type 26": {token: asked(func(q *krbtest.APReq) { q.Ticket.EType = 26 }), want: []string{"etype-refused", "camellia256-cts-cmac (26)", "does not implement"}},
		"type 99": {token: asked(func(q *krbtest.APReq) { q.Ticket.EType = 99 }), want: []string{"etype-refused", "etype(99)", "does not implement"}},
		"RC4 session key": {
			token: asked(func(q *krbtest.APReq) { q.Ticket.Part.Key = key(23) }),
			want:  []string{"etype-refused", "session key", "rc4-hmac (23)", "ETypes", "msDS-SupportedEncryptionTypes"},
		},
		"critical data": {
			token: asked(func(q *krbtest.APReq) { q.Ticket.Part.AuthorizationData = critical(71) }),
			want:  []string{"authorization-data", "71 (AD-fx-fast-armor)", "IgnoreUnknownAuthorizationData"},
		},
		"critical data without a name": {
			token: asked(func(q *krbtest.APReq) { q.Ticket.Part.AuthorizationData = critical(-77) }),
			want:  []string{"authorization-data", "type -77,", "IgnoreUnknownAuthorizationData"},
		},
		"before the cache": {
			config: func(*site) func(*sspi.Config) {
				return func(cfg *sspi.Config) {
					cfg.Replay = authenticator.NewMemoryCacheAt(0, authenticator.RefuseOlder, start)
				}
			},
			token: asked(func(q *krbtest.APReq) { q.SetTime(start.Add(-300 * time.Millisecond)) }),
			want:  []string{"before-replay-cache", stamp(start), stamp(start.Add(-300 * time.Millisecond)), "AcceptOlder"},
		},
		"before the strict cache": {
			config: func(*site) func(*sspi.Config) {
				return func(cfg *sspi.Config) {
					cfg.Replay = authenticator.NewMemoryCacheAt(0, authenticator.RefuseWithinSkew, start)
				}
			},
			token: asked(nothing), want: []string{"before-replay-cache", stamp(start), "RefuseWithinSkew"},
		},
		"replay": {
			token: func(s *site) []byte {
				token := s.request().Token()
				_, _, _ = s.acceptor.NewContext(sspi.ContextConfig{}).Accept(context.Background(), token)
				return token
			},
			want: []string{"replay", stamp(start), "must make a new authenticator", "captured"},
		},
		"NTLM":           {token: func(*site) []byte { return []byte("NTLMSSP\x00\x01\x00\x00\x00") }, want: []string{"ntlm", "setspn -Q", "ticket"}},
		"a long token":   {token: func(*site) []byte { return make([]byte, 70000) }, want: []string{"token-too-long", "70000 bytes", "MaxToken is 65536"}},
		"an empty token": {token: func(*site) []byte { return nil }, want: []string{"malformed-token", "empty"}},
	} {
		t.Run(name, func(t *testing.T) {
			var log logged
			changes := []func(*sspi.Config){log.into}
			if row.config != nil {
				changes = append(changes, row.config(nil))
			}
			s := newSite(t, changes...)
			token := row.token(s)
			log.take(t)
			if _, _, err := s.acceptor.NewContext(sspi.ContextConfig{Package: sspi.Kerberos}).Accept(context.Background(), token); err == nil {
				t.Fatal("accepted")
			}
			got := log.one(t)
			text, _ := got["kerberos.error.detail"].(string)
			for _, want := range row.want {
				if !strings.Contains(got["error.type"].(string)+" "+text, want) {
					t.Errorf("%s: %q does not have %q", got["error.type"], text, want)
				}
			}
		})
	}
}

// TestLOG_4_NothingOfAPeerIsRaw checks that no attribute contains a control character,
// whatever names a client or a foreign KDC chooses, and that the length of a record is
// limited.
func TestLOG_4_NothingOfAPeerIsRaw(t *testing.T) {
	evil := "a\x1b[31m\u202e\u2066\u0085\n\x00\u200b\ufeff" + strings.Repeat("x", 900)
	for name, change := range map[string]func(*krbtest.APReq){
		"client": func(q *krbtest.APReq) {
			q.Ticket.Part.CName.NameString = []string{evil}
			q.Authenticator.CName.NameString = []string{evil}
		},
		"unproven client":  func(q *krbtest.APReq) { q.Ticket.Part.CName.NameString = []string{evil} },
		"service in clear": func(q *krbtest.APReq) { q.Ticket.SName.NameString = []string{"HTTP", evil}; late(q) },
		"service, sealed":  func(q *krbtest.APReq) { q.Ticket.SName.NameString = []string{"HTTP", evil}; wrongKey(q) },
		"target":           naming(strings.ReplaceAll(evil, "\x00", "")),
		"realm":            func(q *krbtest.APReq) { q.Ticket.Part.CRealm, q.Authenticator.CRealm = evil, evil },
	} {
		t.Run(name, func(t *testing.T) {
			var log logged
			s := newSite(t, log.into)
			q := s.request(change)
			_, _, _ = s.acceptor.NewContext(sspi.ContextConfig{}).Accept(context.Background(), q.Token())
			if n := log.Len(); n > 8<<10 {
				t.Errorf("the record has %d bytes", n)
			}
			found := false
			for key, value := range log.one(t) {
				text, _ := value.(string)
				found = found || strings.Contains(text, `a\x1b[31m\u202e`)
				for _, r := range text {
					if !unicode.IsPrint(r) {
						t.Errorf("%s holds %U: %.80q", key, r, text)
						break
					}
				}
			}
			if !found {
				t.Error("the record does not contain the name")
			}
		})
	}
}

// key returns a new session key.
func key(e int32) types.EncryptionKey {
	n := 32
	if e == 23 {
		n = 16
	}
	return types.EncryptionKey{KeyType: e, KeyValue: bytes.Repeat([]byte{7}, n)}
}

// critical returns authorization data of a type outside AD-IF-RELEVANT.
func critical(adType int32) types.AuthorizationData {
	return types.AuthorizationData{{ADType: adType, ADData: []byte("x")}}
}

func asked(change func(*krbtest.APReq)) func(*site) []byte {
	return func(s *site) []byte { return s.request(change).Token() }
}

func stamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000000Z") }
