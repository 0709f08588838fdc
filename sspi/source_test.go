package sspi_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

var errBroken = errors.New("broken")

// TestSEC_5_NoRandomness checks that an acceptor without randomness, which can make no
// subkey, accepts no client that waits for one, and does not store the client's
// authenticator.
func TestSEC_5_NoRandomness(t *testing.T) {
	s := newSite(t)
	token := s.request().Token()
	broken := newSite(t, func(cfg *sspi.Config) {
		cfg.Keys, cfg.Replay, cfg.Rand = s.keys, s.replay, iotest.ErrReader(errBroken)
	})
	_, peer, err := broken.acceptor.NewContext(sspi.ContextConfig{}).Accept(context.Background(), token)
	if status.ReasonOf(err) != status.ReasonInternal || !errors.Is(err, errBroken) || peer != nil {
		t.Errorf("%v, %v", peer, err)
	}
	if n := s.replay.stores.Load(); n != 0 {
		t.Errorf("%d authenticators claimed", n)
	}
	if _, _, err := s.acceptor.NewContext(sspi.ContextConfig{}).Accept(context.Background(), token); err != nil {
		t.Errorf("the same token, where there is randomness: %v", err)
	}
	if _, _, err := broken.acceptor.NewContext(sspi.ContextConfig{}).Accept(context.Background(), s.request(oneWay).Token()); err != nil {
		t.Errorf("a client that waits for nothing: %v", err)
	}
}

func TestConfig_Refused(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*sspi.Config)
		want   status.Reason
	}{
		"no keys":                   {func(cfg *sspi.Config) { cfg.Keys = nil }, status.ReasonNoCredentials},
		"negative skew":             {func(cfg *sspi.Config) { cfg.Skew = -1 }, status.ReasonArgument},
		"negative token":            {func(cfg *sspi.Config) { cfg.MaxToken = -1 }, status.ReasonArgument},
		"negative timeout":          {func(cfg *sspi.Config) { cfg.BackendTimeout = -time.Second }, status.ReasonArgument},
		"DES3":                      {func(cfg *sspi.Config) { cfg.ETypes = []keytab.EType{18, 16} }, status.ReasonArgument},
		"DES3 tickets":              {func(cfg *sspi.Config) { cfg.TicketETypes = []keytab.EType{18, 16} }, status.ReasonArgument},
		"an encryption type of DES": {func(cfg *sspi.Config) { cfg.ETypes = []keytab.EType{3} }, status.ReasonArgument},
		"a service without a name":  {func(cfg *sspi.Config) { cfg.Services = []string{""} }, status.ReasonArgument},
	} {
		cfg := sspi.Config{Keys: newSite(t).keys}
		row.change(&cfg)
		if a, err := sspi.NewAcceptor(cfg); status.ReasonOf(err) != row.want || a != nil {
			t.Errorf("%s: %v, want %v", name, err, row.want)
		}
	}
}

// changing is a source whose Table and Refresh a test can set.
type changing struct {
	table   func(ctx context.Context) (*keytab.Table, error)
	refresh func(old *keytab.Table) (*keytab.Table, error)
}

func (c *changing) Table(ctx context.Context) (*keytab.Table, error) { return c.table(ctx) }

func (c *changing) Refresh(_ context.Context, old *keytab.Table) (*keytab.Table, error) {
	return c.refresh(old)
}

// TestKeys_Unreadable checks that an error of the key source is an error of the server, and
// that the client's authenticator is not stored.
func TestKeys_Unreadable(t *testing.T) {
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	for name, row := range map[string]struct {
		ctx   context.Context
		table func(ctx context.Context) (*keytab.Table, error)
		want  status.Reason
	}{
		"an error":  {context.Background(), func(context.Context) (*keytab.Table, error) { return nil, errBroken }, status.ReasonNoKey},
		"no table":  {context.Background(), func(context.Context) (*keytab.Table, error) { return nil, nil }, status.ReasonNoKey},
		"cancelled": {canceled, func(ctx context.Context) (*keytab.Table, error) { return nil, ctx.Err() }, status.ReasonCanceled},
		"empty": {context.Background(), func(context.Context) (*keytab.Table, error) {
			return keytab.NewTable()
		}, status.ReasonNoKey},
	} {
		s := newSite(t, func(cfg *sspi.Config) { cfg.Keys = keytab.SourceFunc(row.table) })
		_, peer, err := s.acceptor.NewContext(sspi.ContextConfig{}).Accept(row.ctx, s.request().Token())
		if status.ReasonOf(err) != row.want || peer != nil || s.replay.stores.Load() != 0 {
			t.Errorf("%s: %v, %v", name, peer, err)
		}
		if name == "no table" && !strings.Contains(err.Error(), "the key source returned no table") {
			t.Errorf("%s: the cause is not named: %v", name, err)
		}
		if name == "an error" && !errors.Is(err, errBroken) {
			t.Errorf("%s: the cause is lost: %v", name, err)
		}
		if row.want == status.ReasonNoKey {
			var names sspi.SecPkgCredentials_Names
			wantCode(t, name+": QueryCredentialsAttributes", sspi.QueryCredentialsAttributes(&s.cred, sspi.SECPKG_CRED_ATTR_NAMES, &names), status.SEC_E_NO_CREDENTIALS)
		}
	}
}

// TestKeys_RefreshThatHelpsNot checks that the first Reason is reported if Refresh brings
// no key that decrypts the ticket.
func TestKeys_RefreshThatHelpsNot(t *testing.T) {
	s := newSite(t)
	other := s.realm.Service("HTTP/other.example.com")
	for name, refresh := range map[string]func(old *keytab.Table) (*keytab.Table, error){
		"an error":                func(*keytab.Table) (*keytab.Table, error) { return nil, errBroken },
		"an error beside a table": func(*keytab.Table) (*keytab.Table, error) { return other, errBroken },
		"no table":                func(*keytab.Table) (*keytab.Table, error) { return nil, nil },
		"the same":                func(old *keytab.Table) (*keytab.Table, error) { return old, nil },
		"one without the service": func(*keytab.Table) (*keytab.Table, error) { return other, nil },
	} {
		for _, services := range [][]string{{service}, nil} {
			if services == nil && name == "one without the service" {
				continue // its keys are tried
			}
			calls := 0
			source := &changing{
				table: func(context.Context) (*keytab.Table, error) { return s.keys, nil },
				refresh: func(old *keytab.Table) (*keytab.Table, error) {
					calls++
					return refresh(old)
				},
			}
			x := newSite(t, func(cfg *sspi.Config) { cfg.Keys, cfg.Services = source, services })
			request := s.request(wrongKey)
			_, _, err := x.acceptor.NewContext(sspi.ContextConfig{}).Accept(context.Background(), request.Token())
			if status.ReasonOf(err) != status.ReasonWrongKey || calls != 1 {
				t.Errorf("%s, Services %q: %v after %d calls", name, services, err, calls)
			}
		}
	}
}

// TestAccept_ForeignTokens checks that the refusal of a token that is not Kerberos names
// its kind.
func TestAccept_ForeignTokens(t *testing.T) {
	framed := func(oid string) []byte { return krbtest.Frame([]byte(oid), 0x0100, []byte("inner")) }
	for name, row := range map[string]struct {
		token []byte
		want  status.Reason
	}{
		"NTLM":                {[]byte("NTLMSSP\x00\x01\x00\x00\x00"), status.ReasonNTLM},
		"NegoEx":              {[]byte("NEGOEXTS\x00\x00\x00\x00"), status.ReasonNegoEx},
		"SPNEGO":              {framed("\x2b\x06\x01\x05\x05\x02"), status.ReasonSPNEGO},
		"NTLM in a frame":     {framed("\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a"), status.ReasonNTLM},
		"NegoEx in a frame":   {framed("\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x1e"), status.ReasonNegoEx},
		"IAKERB":              {framed("\x2b\x06\x01\x05\x02\x05"), status.ReasonIAKERB},
		"user-to-user":        {framed(string(krbtest.OIDUser2User)), status.ReasonUnsupportedMechanism},
		"another mechanism":   {framed("\x2b\x06\x01\x05\x05\x0e"), status.ReasonUnsupportedMechanism},
		"a line of text":      {[]byte("GET / HTTP/1.1\r\n\r\n"), status.ReasonMalformedToken},
		"a TLS ClientHello":   {[]byte("\x16\x03\x01\x00\x05hello"), status.ReasonMalformedToken},
		"part of a signature": {[]byte("NTLMSSP"), status.ReasonMalformedToken},
	} {
		s := newSite(t)
		reply, _, err := s.acceptor.NewContext(sspi.ContextConfig{Package: sspi.Kerberos}).Accept(context.Background(), row.token)
		if status.ReasonOf(err) != row.want || status.CodeOf(err) != status.SEC_E_INVALID_TOKEN || len(reply) != 0 {
			t.Errorf("%s: %v, %d bytes of reply; want %v", name, err, len(reply), row.want)
		}
	}
}
