package interop

import (
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/iana/chksumtype"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/spnego"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// gokrb5Types are the encryption types that gokrb5's client supports: its subkeys for
// AES256-SHA2 have 24 bytes, which every acceptor refuses.
var gokrb5Types = []int{17, 18, 19}

// gokrb5Login gets a ticket-granting ticket from MIT's KDC with gokrb5's client.
func gokrb5Login(t testing.TB, r *realm) *client.Client {
	t.Helper()
	conf, err := config.NewFromString(strings.ReplaceAll(r.config, " qualify_shortname = \"\"\n", ""))
	if err != nil {
		t.Fatal(err)
	}
	wanted := []int32{18, 17, 19} // by default gokrb5 does not request AES-SHA2
	conf.LibDefaults.DefaultTktEnctypeIDs, conf.LibDefaults.DefaultTGSEnctypeIDs = wanted, wanted
	cl := client.NewWithPassword(user, realmName, password, conf, client.DisablePAFXFAST(true))
	if err := cl.Login(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Destroy)
	return cl
}

// gokrb5Peer is gokrb5's client as the initiator of contexts with one service.
type gokrb5Peer struct {
	client  *client.Client
	ticket  messages.Ticket
	session types.EncryptionKey
}

func newGokrb5Peer(t testing.TB, r *realm, svc *service) *gokrb5Peer {
	t.Helper()
	p := &gokrb5Peer{client: gokrb5Login(t, r)}
	var err error
	if p.ticket, p.session, err = p.client.GetServiceTicket(svc.principal()); err != nil {
		t.Fatal(err)
	}
	if int(p.session.KeyType) != svc.etype {
		t.Fatalf("the session key is of type %d, want %d", p.session.KeyType, svc.etype)
	}
	return p
}

// first returns the first token as gokrb5 makes it, without a subkey.
func (p *gokrb5Peer) first(t testing.TB, gss int) spnego.KRB5Token {
	t.Helper()
	var options []int
	if gss&gssMutual != 0 {
		const mutualRequired = 2
		options = append(options, mutualRequired)
	}
	tok, err := spnego.NewKRB5TokenAPREQ(p.client, p.ticket, p.session, bits(gss), options)
	if err != nil {
		t.Fatal(err)
	}
	if err := tok.APReq.DecryptAuthenticator(p.session); err != nil {
		t.Fatal(err)
	}
	return tok
}

// remake encrypts the authenticator of a token again after change has changed it.
func (p *gokrb5Peer) remake(t testing.TB, tok *spnego.KRB5Token, change func(*types.Authenticator)) {
	t.Helper()
	options, auth := tok.APReq.APOptions, tok.APReq.Authenticator
	change(&auth)
	req, err := messages.NewAPReq(p.ticket, p.session, auth)
	if err != nil {
		t.Fatal(err)
	}
	req.APOptions, req.Authenticator = options, auth
	tok.APReq = req
}

// withSubkey adds a subkey of the session key's type to the token.
func (p *gokrb5Peer) withSubkey(t testing.TB, tok *spnego.KRB5Token) {
	t.Helper()
	et, err := crypto.GetEtype(p.session.KeyType)
	if err != nil {
		t.Fatal(err)
	}
	p.remake(t, tok, func(a *types.Authenticator) {
		if err := a.GenerateSeqNumberAndSubKey(p.session.KeyType, et.GetKeyByteSize()); err != nil {
			t.Fatal(err)
		}
	})
}

func gokrb5Token(t testing.TB, tok *spnego.KRB5Token) []byte {
	t.Helper()
	b, err := tok.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// gokrb5Acceptor returns an acceptor of this library with a service's keytab.
func gokrb5Acceptor(t testing.TB, svc *service, now func() time.Time) *sspi.Acceptor {
	t.Helper()
	file := filepath.Join(t.TempDir(), "keytab")
	svc.keytab(t, file)
	keys, err := keytab.OpenFile(file)
	if err != nil {
		t.Fatal(err)
	}
	a, err := sspi.NewAcceptor(sspi.Config{Keys: keys, Time: now})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestInteropGokrb5 checks exchanges of one and two tokens, with a subkey of the initiator
// and without, and messages in both directions. Then it sends the first token again.
func TestInteropGokrb5(t *testing.T) {
	worked(t, "sspi", "gokrb5", "Kerberos", "mutual and one-way, messages")
	r := theRealm(t)
	t.Parallel()
	for _, etype := range gokrb5Types {
		t.Run(etypes[etype], func(t *testing.T) {
			t.Parallel()
			svc := r.service(t, unique("gokrb5"), etype, etype)
			acceptor, peer := gokrb5Acceptor(t, svc, nil), newGokrb5Peer(t, r, svc)
			for _, gss := range []int{gssProtect, gssProtect | gssReplay | gssSequence, gssProtect | gssMutual | gssReplay | gssSequence} {
				for _, subkey := range []bool{false, true} {
					t.Run(fmt.Sprintf("%#x, subkey %v", gss, subkey), func(t *testing.T) {
						tok := peer.first(t, gss)
						if subkey {
							peer.withSubkey(t, &tok)
						}
						peer.exchange(t, acceptor, &tok, gss)
					})
				}
			}
		})
	}
}

func (p *gokrb5Peer) exchange(t *testing.T, acceptor *sspi.Acceptor, tok *spnego.KRB5Token, gss int) {
	t.Helper()
	first := gokrb5Token(t, tok)
	c := acceptor.NewContext(sspi.ContextConfig{})
	defer c.Close()
	reply, who, err := c.Accept(context.Background(), first)
	if err != nil {
		t.Fatal(err)
	}
	if want := user + "@" + realmName; who.Client.String() != want || who.Flags != flags.ASC_RET(ascFlags(gss)) {
		t.Errorf("%s, flags %v; want %s, %#x", who.Client.String(), who.Flags, want, ascFlags(gss))
	}
	m := p.established(t, tok, reply, gss)
	m.exchange(t, c)

	reply, _, err = acceptor.NewContext(sspi.ContextConfig{}).Accept(context.Background(), first)
	if status.ReasonOf(err) != status.ReasonReplay {
		t.Errorf("the token again: %v, want a replay", err)
	}
	if gss&gssMutual == 0 {
		if len(reply) != 0 {
			t.Errorf("the token again: an unexpected reply: %x", reply)
		}
	} else if e, err := krbError(reply); err != nil || e.ErrorCode != 34 {
		t.Errorf("the token again: %v, %v, want KRB-ERROR 34", e, err)
	}
}

// TestInteropGokrb5_ClockIsToldOnce sets the acceptor's clock 20 minutes ahead of the
// client's. The client receives the time and the permission to try again: the acceptor
// accepts a second token with the right time, and refuses a second wrong one.
func TestInteropGokrb5_ClockIsToldOnce(t *testing.T) {
	r := theRealm(t)
	t.Parallel()
	const ahead = 20 * time.Minute
	svc := r.service(t, unique("clock"), 18, 18)
	acceptor := gokrb5Acceptor(t, svc, func() time.Time { return time.Now().Add(ahead) })
	peer := newGokrb5Peer(t, r, svc)
	for _, heeds := range []bool{true, false} {
		c := acceptor.NewContext(sspi.ContextConfig{})
		defer c.Close()
		tok := peer.first(t, gssMutual|gssProtect)
		reply, who, err := c.Accept(context.Background(), gokrb5Token(t, &tok))
		e, krbErr := krbError(reply)
		if err != sspi.ErrContinue || who != nil || krbErr != nil || e.ErrorCode != 37 || string(e.EData) != string(skewRecovery) {
			t.Fatalf("%v, %v, answer %v, %v; want to be asked to come again", who, err, e, krbErr)
		}
		tok = peer.first(t, gssMutual|gssProtect)
		if !heeds {
			if reply, _, err = c.Accept(context.Background(), gokrb5Token(t, &tok)); status.ReasonOf(err) != status.ReasonClockSkew {
				t.Errorf("wrong twice: %v, want %v", err, status.ReasonClockSkew)
			}
			if e, err := krbError(reply); err != nil || e.ErrorCode != 37 {
				t.Errorf("wrong twice: %v, %v, want KRB-ERROR 37", e, err)
			}
			continue
		}
		peer.remake(t, &tok, func(a *types.Authenticator) { a.CTime, a.Cusec = e.STime, e.Susec })
		reply, who, err = c.Accept(context.Background(), gokrb5Token(t, &tok))
		if err != nil || who.Client.String() != user+"@"+realmName {
			t.Fatalf("with the acceptor's time: %v, %v", who, err)
		}
		m := peer.established(t, &tok, reply, gssMutual|gssProtect)
		m.exchange(t, c)
	}
}

// TestInteropGokrb5_Bindings checks that a server with channel bindings refuses gokrb5's
// client, which sends none, unless its policy accepts such clients.
func TestInteropGokrb5_Bindings(t *testing.T) {
	worked(t, "sspi", "gokrb5", "Kerberos", "channel bindings")
	r := theRealm(t)
	t.Parallel()
	svc := r.service(t, unique("unbound"), 18, 18)
	acceptor, peer := gokrb5Acceptor(t, svc, nil), newGokrb5Peer(t, r, svc)
	data := []byte("tls-exporter:x")
	own := []sspi.ChannelBindings{{ApplicationData: data}}
	accept := func(cc sspi.ContextConfig, change func(*types.Authenticator)) (*sspi.Peer, error) {
		tok := peer.first(t, gssProtect)
		peer.remake(t, &tok, change)
		_, who, err := acceptor.NewContext(cc).Accept(context.Background(), gokrb5Token(t, &tok))
		return who, err
	}
	unchanged := func(*types.Authenticator) {}
	if _, err := accept(sspi.ContextConfig{ChannelBindings: own}, unchanged); status.ReasonOf(err) != status.ReasonBindingMissing {
		t.Errorf("none: %v, want %v", err, status.ReasonBindingMissing)
	}
	if _, err := accept(sspi.ContextConfig{ChannelBindings: own, BindingPolicy: sspi.BindingAllowMissing}, unchanged); err != nil {
		t.Errorf("none, which will do: %v", err)
	}
	if _, err := accept(sspi.ContextConfig{}, func(a *types.Authenticator) { a.Cksum = types.Checksum{} }); err != nil {
		t.Errorf("no checksum: %v", err)
	}
	short := func(a *types.Authenticator) {
		a.Cksum = types.Checksum{CksumType: chksumtype.GSSAPI, Checksum: binary.LittleEndian.AppendUint32(nil, 16)}
	}
	if _, err := accept(sspi.ContextConfig{}, short); status.ReasonOf(err) != status.ReasonBadGSSChecksum {
		t.Errorf("a checksum of 4 bytes: %v, want %v", err, status.ReasonBadGSSChecksum)
	}
}
