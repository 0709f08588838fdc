package sspi_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// userSite returns a site whose acceptor is bob, who has a ticket-granting ticket and no
// keytab.
func userSite(t *testing.T, changes ...func(*sspi.Config)) *site {
	return newSite(t, append([]func(*sspi.Config){func(cfg *sspi.Config) {
		realm := cfg.Rand.(*countedReader).from.(*krbtest.Realm)
		tgt := realm.TGT("bob")
		key, err := keytab.NewKey(keytab.EType(tgt.Part.Key.KeyType), tgt.Part.Key.KeyValue)
		if err != nil {
			t.Fatal(err)
		}
		bob := keytab.MustParsePrincipal("bob@EXAMPLE.COM")
		cfg.Keys = nil
		cfg.UserToUser = func(context.Context, string) (*sspi.TGT, error) {
			return &sspi.TGT{Client: bob, Ticket: sspi.NewSecret(tgt.Bytes()), SessionKey: key}, nil
		}
	}}, changes...)...)
}

// askTicket passes the client's request for the ticket to c, and returns the client's
// AP-REQ with a ticket for bob.
func askTicket(t *testing.T, s *site, c *sspi.Context) *krbtest.APReq {
	t.Helper()
	reply, peer, err := c.Accept(context.Background(), krbtest.TGTRequest("bob", "EXAMPLE.COM"))
	if err != sspi.ErrContinue || peer != nil {
		t.Fatalf("the request: %v, %v", peer, err)
	}
	q, err := s.realm.UserToUser("alice", reply)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// TestAPREQ_10_UserToUserExchange checks that a client can authenticate to a service
// without a keytab, with a ticket under the session key of the service's own ticket.
func TestAPREQ_10_UserToUserExchange(t *testing.T) {
	for name, change := range map[string]func(*krbtest.APReq){"mutual": nothing, "one-way": func(q *krbtest.APReq) {
		oneWay(q)
		o := flags.APUseSessionKey
		q.Options = &o
	}} {
		s := userSite(t)
		c := s.acceptor.NewContext(sspi.ContextConfig{})
		q := askTicket(t, s, c)
		change(q)
		client := q.Start()
		token, _, _ := client.Next(nil)
		reply, peer, err := c.Accept(context.Background(), token)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(reply) > 0 {
			if _, done, err := client.Next(reply); err != nil || !done {
				t.Fatalf("%s: the client: %v", name, err)
			}
		}
		if peer.Client.String() != "alice@EXAMPLE.COM" || peer.Service.String() != "bob@EXAMPLE.COM" || peer.Flags&flags.ASC_RET_USE_SESSION_KEY == 0 {
			t.Errorf("%s: %v at %v, %v", name, peer.Client, peer.Service, peer.Flags)
		}
		talk(t, c, client)
		// The same AP-REQ on another context, which has not sent a ticket, is a replay.
		if _, _, err := s.acceptor.NewContext(sspi.ContextConfig{}).Accept(context.Background(), token); status.ReasonOf(err) != status.ReasonReplay {
			t.Errorf("%s: again: %v", name, err)
		}
	}
}

// TestAPREQ_10_UserToUserInSPNEGO checks that user-to-user is a separate mechanism in
// SPNEGO.
func TestAPREQ_10_UserToUserInSPNEGO(t *testing.T) {
	s := userSite(t)
	c := s.acceptor.NewContext(sspi.ContextConfig{RequireSPNEGO: true})
	token := (&krbtest.NegTokenInit{Mechanisms: [][]byte{krbtest.OIDUser2User, krbtest.OIDKerberos}, Token: krbtest.TGTRequest("", "")}).Bytes()
	reply, _, err := c.Accept(context.Background(), token)
	if err != sspi.ErrContinue {
		t.Fatal(err)
	}
	r, err := krbtest.ParseNegTokenResp(reply)
	if err != nil || r.State != krbtest.NegIncomplete || string(r.Mechanism) != string(krbtest.OIDUser2User) {
		t.Fatalf("%+v, %v", r, err)
	}
	q, err := s.realm.UserToUser("alice", r.Token)
	if err != nil {
		t.Fatal(err)
	}
	client := q.Start()
	request, _, _ := client.Next(nil)
	reply, peer, err := c.Accept(context.Background(), (&krbtest.NegTokenResp{State: krbtest.NegIncomplete, Token: request}).Bytes())
	if err != nil || peer.Service.String() != "bob@EXAMPLE.COM" {
		t.Fatalf("%v, %v", peer, err)
	}
	if r, err = krbtest.ParseNegTokenResp(reply); err != nil || r.State != krbtest.NegCompleted {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, done, err := client.Next(r.Token); err != nil || !done {
		t.Fatal(err)
	}
	talk(t, c, client)
	// Without a ticket, the acceptor does not have this mechanism.
	s = newSite(t)
	if _, err := negotiate(s.client([][]byte{krbtest.OIDUser2User}), s.acceptor.NewContext(sspi.ContextConfig{})); status.ReasonOf(err) != status.ReasonUnsupportedMechanism {
		t.Error(err)
	}
}

// TestAPREQ_8_UserToUserTransited checks that the client's transited realms are compared
// with the realm of the service's ticket.
func TestAPREQ_8_UserToUserTransited(t *testing.T) {
	for path, want := range map[string]status.Reason{"": status.ReasonNone, "EXAMPLE.COM": status.ReasonNone, "EVIL.ORG": status.ReasonTransited} {
		s := userSite(t, func(cfg *sspi.Config) {
			given, bob := cfg.UserToUser, keytab.MustParsePrincipal("bob@B.EXAMPLE.COM")
			cfg.UserToUser = func(ctx context.Context, realm string) (*sspi.TGT, error) {
				tgt, err := given(ctx, realm)
				tgt.Client = bob
				return tgt, err
			}
		})
		c := s.acceptor.NewContext(sspi.ContextConfig{})
		reply, _, err := c.Accept(context.Background(), krbtest.TGTRequest("", ""))
		if err != sspi.ErrContinue {
			t.Fatal(err)
		}
		q, err := s.realm.UserToUser("alice@A.EXAMPLE.COM", reply)
		if err != nil {
			t.Fatal(err)
		}
		q.Ticket.Part.Flags = krbtest.TicketFlags(0) // the KDC has not checked the path
		q.Ticket.Part.Transited.Contents = []byte(path)
		_, peer, err := c.Accept(context.Background(), q.Token())
		if got := status.ReasonOf(err); got != want || (peer != nil) != (want == status.ReasonNone) {
			t.Errorf("through %q: %v, %v", path, peer, err)
		}
		if peer != nil && (peer.Client.String() != "alice@A.EXAMPLE.COM" || peer.Service.String() != "bob@B.EXAMPLE.COM") {
			t.Errorf("%v at %v", peer.Client, peer.Service)
		}
	}
}

// TestAPREQ_10_UserToUserDemanded checks that a client without user-to-user gets an error
// that names the requirement, once, and may try again on the same context.
func TestAPREQ_10_UserToUserDemanded(t *testing.T) {
	user := userSite(t)
	for name, cc := range map[string]sspi.ContextConfig{"no keytab": {}, "demanded": {UserToUser: true}} {
		c := user.acceptor.NewContext(cc)
		client := user.request().Start()
		token, _, _ := client.Next(nil)
		reply, _, err := c.Accept(context.Background(), token)
		if err != sspi.ErrContinue {
			t.Fatalf("%s: %v", name, err)
		}
		var krbError *krbtest.Error
		if _, _, err := client.Next(reply); !errors.As(err, &krbError) || krbError.ErrorCode != 69 || len(krbError.EData) > 0 {
			t.Fatalf("%s: the client: %v", name, err)
		}
		q := askTicket(t, user, c)
		if _, peer, err := c.Accept(context.Background(), q.Token()); err != nil || peer == nil {
			t.Errorf("%s: %v", name, err)
		}
		c = user.acceptor.NewContext(cc)
		_, _, _ = c.Accept(context.Background(), token)
		if _, _, err := c.Accept(context.Background(), user.request().Token()); status.ReasonOf(err) != status.ReasonUserToUserRequired {
			t.Errorf("%s, twice: %v", name, err)
		}
	}
	// The Windows API requires user-to-user by a flag.
	s := userSite(t, func(cfg *sspi.Config) { cfg.Keys = nil })
	l := s.first(s.request().Token())
	l.req = flags.ASC_REQ_USE_SESSION_KEY
	wantCode(t, "without error tokens", l.call(), status.SEC_E_LOGON_DENIED)
	l = s.first(s.request().Token())
	l.req = flags.ASC_REQ_USE_SESSION_KEY | extendedError
	wantCode(t, "with error tokens", l.call(), status.SEC_I_CONTINUE_NEEDED)
}

// TestAPREQ_10_UserToUserRefused checks each error, and the error code that the client
// receives.
func TestAPREQ_10_UserToUserRefused(t *testing.T) {
	none := func(cfg *sspi.Config) {
		cfg.UserToUser = func(context.Context, string) (*sspi.TGT, error) { return nil, errors.New("no ticket") }
	}
	half := func(cfg *sspi.Config) {
		cfg.UserToUser = func(context.Context, string) (*sspi.TGT, error) { return &sspi.TGT{}, nil }
	}
	broken := func(cfg *sspi.Config) {
		whole := cfg.UserToUser
		cfg.UserToUser = func(ctx context.Context, realm string) (*sspi.TGT, error) {
			x, err := whole(ctx, realm)
			x.Ticket = sspi.NewSecret([]byte("no ticket"))
			return x, err
		}
	}
	for name, row := range map[string]struct {
		change func(*sspi.Config)
		token  []byte
		want   status.Reason
		code   int32 // 0 if there is no answer
	}{
		"no ticket":           {none, krbtest.TGTRequest("bob", "EXAMPLE.COM"), status.ReasonNoTGT, 67},
		"an empty TGT":        {half, krbtest.TGTRequest("bob", ""), status.ReasonNoTGT, 67},
		"a broken ticket":     {broken, krbtest.TGTRequest("", ""), status.ReasonNoTGT, 67},
		"another service":     {nil, krbtest.TGTRequest("carol", "EXAMPLE.COM"), status.ReasonWrongService, 35},
		"another realm":       {nil, krbtest.TGTRequest("bob", "OTHER.COM"), status.ReasonWrongService, 35},
		"an unfinished one":   {nil, krbtest.Frame(krbtest.OIDUser2User, krbtest.TokTGTReq, []byte("\x30\x03\xa0\x01\x05")), status.ReasonMalformedToken, 0},
		"as plain Kerberos":   {nil, krbtest.Frame(krbtest.OIDKerberos, krbtest.TokTGTReq, []byte("\x30\x00")), status.ReasonWrongMessageType, 0},
		"a reply":             {nil, krbtest.Frame(krbtest.OIDUser2User, krbtest.TokTGTRep, []byte("\x30\x00")), status.ReasonWrongMessageType, 0},
		"bytes behind it":     {nil, append(krbtest.TGTRequest("", ""), 0), status.ReasonMalformedToken, 0},
		"bytes inside behind": {nil, krbtest.Frame(krbtest.OIDUser2User, krbtest.TokTGTReq, []byte("\x30\x0a\xa0\x03\x02\x01\x05\xa1\x03\x02\x01\x10\x00")), status.ReasonMalformedToken, 0},
	} {
		var changes []func(*sspi.Config)
		if row.change != nil {
			changes = append(changes, row.change)
		}
		s := userSite(t, changes...)
		c := s.acceptor.NewContext(sspi.ContextConfig{})
		reply, _, err := c.Accept(context.Background(), row.token)
		if status.ReasonOf(err) != row.want || (len(reply) > 0) != (row.code != 0) {
			t.Errorf("%s: %v, %d bytes", name, err, len(reply))
			continue
		}
		if row.code == 0 {
			continue
		}
		_, inner, err := krbtest.Unframe(reply, krbtest.OIDUser2User)
		if err != nil {
			t.Fatal(err)
		}
		if e, err := krbtest.ParseError(inner); err != nil || e.ErrorCode != row.code {
			t.Errorf("%s: the client received %v, %v", name, e, err)
		}
	}
}

// TestAPREQ_10_UserToUserSecondLeg checks that the ticket after a KERB-TGT-REPLY must be
// encrypted in the session key of the acceptor's ticket.
func TestAPREQ_10_UserToUserSecondLeg(t *testing.T) {
	plain := flags.APMutualRequired
	for name, row := range map[string]struct {
		change func(q *krbtest.APReq) []byte
		want   status.Reason
	}{
		"another key": {func(q *krbtest.APReq) []byte { wrongKey(q); return q.Token() }, status.ReasonWrongKey},
		"without USE-SESSION-KEY": {func(q *krbtest.APReq) []byte {
			q.Options = &plain
			return q.Token()
		}, status.ReasonUserToUserRequired},
		"a second request": {func(q *krbtest.APReq) []byte { return krbtest.TGTRequest("", "") }, status.ReasonWrongMessageType},
	} {
		s := userSite(t)
		c := s.acceptor.NewContext(sspi.ContextConfig{NoErrorTokens: true})
		q := askTicket(t, s, c)
		if _, peer, err := c.Accept(context.Background(), row.change(q)); status.ReasonOf(err) != row.want || peer != nil {
			t.Errorf("%s: %v, %v", name, peer, err)
		}
	}
	// The keys of a keytab never decrypt such a ticket, and the session key never decrypts
	// another.
	s := userSite(t)
	with := newSite(t, func(cfg *sspi.Config) {
		cfg.UserToUser = func(context.Context, string) (*sspi.TGT, error) { return nil, errors.New("none") }
	})
	o := flags.APUseSessionKey | flags.APMutualRequired
	token := with.request(func(q *krbtest.APReq) { q.Options = &o }).Token()
	if _, _, err := with.acceptor.NewContext(sspi.ContextConfig{}).Accept(context.Background(), token); status.ReasonOf(err) != status.ReasonNoTGT {
		t.Errorf("the keytab: %v", err)
	}
	if _, _, err := s.acceptor.NewContext(sspi.ContextConfig{}).Accept(context.Background(), token); status.ReasonOf(err) != status.ReasonWrongKey {
		t.Errorf("the key of the acceptor's ticket: %v", err)
	}
}

// TestCTX_11_RoomForTheTicket checks that a call with an output buffer that is too small
// for the ticket changes nothing.
func TestCTX_11_RoomForTheTicket(t *testing.T) {
	s := userSite(t)
	request := krbtest.TGTRequest("bob", "EXAMPLE.COM")
	l := s.first(request)
	l.out = room(10)
	wantCode(t, "little room", l.call(), status.SEC_E_BUFFER_TOO_SMALL)
	needed := l.out.Buffers[0].Needed
	l = s.first(request)
	l.out = room(needed)
	wantCode(t, "room", l.call(), status.SEC_I_CONTINUE_NEEDED)
	q, err := s.realm.UserToUser("alice", l.reply())
	if err != nil {
		t.Fatal(err)
	}
	h := l.handle
	wantCode(t, "the ticket", s.second(&h, q.Token()).call(), status.SEC_E_OK)
}

// TestKEY_10_TGT checks that a printed TGT shows no ticket, and that a printed Context does
// not show the ticket that it sent.
func TestKEY_10_TGT(t *testing.T) {
	s := userSite(t)
	c := s.acceptor.NewContext(sspi.ContextConfig{})
	q := askTicket(t, s, c)
	ticket := sspi.TGT{Client: keytab.MustParsePrincipal("bob@EXAMPLE.COM"), Ticket: sspi.NewSecret([]byte("secret ticket"))}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%q"} {
		for _, v := range []any{ticket, &ticket} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, "secret") || strings.Contains(text, "736563726574") || strings.Contains(text, "115 101") {
				t.Errorf("%s: %s", verb, text)
			}
		}
		key := q.Ticket.Key.KeyValue
		if text := fmt.Sprintf(verb, c); strings.Contains(text, string(key)) || strings.Contains(text, fmt.Sprintf("%x", key)) {
			t.Errorf("%s of the context shows the key", verb)
		}
	}
}

// TestAPREQ_10_UserToUserMechanism checks that a client of the user-to-user mechanism must
// use user-to-user, also if the server has a keytab.
func TestAPREQ_10_UserToUserMechanism(t *testing.T) {
	s := newSite(t, func(cfg *sspi.Config) {
		cfg.UserToUser = func(context.Context, string) (*sspi.TGT, error) { return nil, nil }
	})
	token := krbtest.Frame(krbtest.OIDUser2User, 0x0100, s.request().Bytes())
	_, peer, err := s.acceptor.NewContext(sspi.ContextConfig{NoErrorTokens: true}).Accept(t.Context(), token)
	if peer != nil || status.ReasonOf(err) != status.ReasonUserToUserRequired {
		t.Errorf("%v, %v", peer, err)
	}
}

// TestAPREQ_10_UserToUserErrors checks the errors of Config.UserToUser, and a client with the
// option USE-SESSION-KEY where Config has no UserToUser.
func TestAPREQ_10_UserToUserErrors(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, row := range map[string]struct {
		ctx    context.Context
		err    error
		want   status.Reason
		detail string
	}{
		"an error":    {t.Context(), errBroken, status.ReasonNoTGT, "Config.UserToUser gave no ticket"},
		"canceled":    {canceled, context.Canceled, status.ReasonCanceled, "while Config.UserToUser was asked"},
		"no function": {t.Context(), nil, status.ReasonNoTGT, "Config.UserToUser is nil"},
	} {
		s := newSite(t, func(cfg *sspi.Config) {
			if row.err != nil {
				cfg.UserToUser = func(context.Context, string) (*sspi.TGT, error) { return nil, row.err }
			}
		})
		o := flags.APUseSessionKey
		token := s.request(func(q *krbtest.APReq) { q.Options = &o }).Token()
		_, peer, err := s.acceptor.NewContext(sspi.ContextConfig{UserToUser: true}).Accept(row.ctx, token)
		if peer != nil || status.ReasonOf(err) != row.want || !strings.Contains(err.Error(), row.detail) || row.err != nil && !errors.Is(err, row.err) {
			t.Errorf("%s: %v, %v", name, peer, err)
		}
	}
}

// TestDOS_4_UserToUserTimeout checks that AcceptSecurityContext passes a deadline to
// Config.UserToUser, even if the keys and the replay cache need none.
func TestDOS_4_UserToUserTimeout(t *testing.T) {
	bounded := false
	a, err := sspi.NewAcceptor(sspi.Config{
		Keys: newSite(t).keys, Replay: authenticator.NewMemoryCache(0, authenticator.AcceptOlder),
		UserToUser: func(ctx context.Context, _ string) (*sspi.TGT, error) {
			_, bounded = ctx.Deadline()
			return nil, errors.New("none")
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	cred := a.CredHandle(sspi.Kerberos)
	var h sspi.CtxtHandle
	code := sspi.AcceptSecurityContext(&cred, nil, tokenIn(krbtest.TGTRequest("", "")), 0, 0, &h, room(4096), nil, nil)
	wantCode(t, "no ticket", code, status.SEC_E_NO_CREDENTIALS)
	if !bounded {
		t.Error("the function has no deadline")
	}
}
