package interop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// userToUserProgram compiles testdata/usertouser.c, once.
var userToUserProgram = sync.OnceValues(func() (string, error) {
	path := filepath.Join(world.dir, "usertouser")
	p, err := start([]string{"TMPDIR=" + world.dir}, nil, "gcc", "-Wall", "-Wextra", "-Werror", "-O1", "-I"+filepath.Dir(mitKRB5),
		"-o", path, filepath.Join("testdata", "usertouser.c"), "-l:libkrb5.so.3", "-l:libk5crypto.so.3")
	if err != nil {
		return "", err
	}
	if code, err := p.Exit(); err != nil || code != 0 {
		return "", fmt.Errorf("gcc: exit %d, %v\n%s", code, err, p.Out)
	}
	return path, nil
})

// keyless is a service that is a user of the realm. It has a password and no keytab.
type keyless struct {
	realm *realm
	name  string
}

func (k *keyless) full() string { return k.name + "@" + realmName }

// keyless makes such a service. attributes are those of kadmin; with some, the KDC issues
// no ordinary tickets for it.
func (r *realm) keyless(t testing.TB, attributes ...string) *keyless {
	t.Helper()
	k := &keyless{r, unique("bob")}
	r.admins(t, append(append([]string{"addprinc", "-pw", password}, attributes...), k.name)...)
	return k
}

// tgt gets a new ticket-granting ticket of the service, with a session key of this type.
func (k *keyless) tgt(t *testing.T, etype int) *sspi.TGT {
	t.Helper()
	s := &session{realm: k.realm, cache: filepath.Join(t.TempDir(), "ccache"), extra: []string{k.realm.prefers(t, etype)}}
	if res := run(t, s.env(), password+"\n", "kinit", k.name); res.code != 0 {
		t.Fatalf("kinit: exit %d\n%s", res.code, res.out)
	}
	cache, err := credentials.LoadCCache(s.cache)
	if err != nil {
		t.Fatal(err)
	}
	held, found := cache.GetEntry(types.NewPrincipalName(nametype.KRB_NT_SRV_INST, "krbtgt/"+realmName))
	if !found || int(held.Key.KeyType) != etype {
		t.Fatalf("no ticket-granting ticket of encryption type %d in the cache", etype)
	}
	key, err := keytab.NewKey(keytab.EType(etype), held.Key.KeyValue)
	if err != nil {
		t.Fatal(err)
	}
	return &sspi.TGT{Client: keytab.MustParsePrincipal(k.full()), Ticket: sspi.NewSecret(held.Ticket), SessionKey: key}
}

// holds returns a Config.UserToUser that returns tgt.
func holds(tgt *sspi.TGT) func(context.Context, string) (*sspi.TGT, error) {
	return func(context.Context, string) (*sspi.TGT, error) { return tgt, nil }
}

// listenKeyless starts an acceptor, with one of the two APIs.
func listenKeyless(t testing.TB, windows bool, cfg sspi.Config, cc sspi.ContextConfig) (port int) {
	t.Helper()
	a, err := sspi.NewAcceptor(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return sspiAcceptor{acceptor: a, windows: windows, config: cc}.listen(t)
}

// userToUserSeen is the output of testdata/usertouser.c.
type userToUserSeen struct {
	result
	established []string // client, service, types of session key and subkey, for each context
	errors      []string // each KRB-ERROR, and the length of its e-data
	states      []string // the states of SPNEGO
	verdicts    string   // of the acceptor, for each token
	server      acceptorPeer
	reason      string
}

var (
	userToUserEstablished = regexp.MustCompile(`(?m)^established: (.*)$`)
	userToUserError       = regexp.MustCompile(`(?m)^error: (.*)$`)
	userToUserState       = regexp.MustCompile(`(?m)^spnego: state (.*)$`)
	userToUserVerdict     = regexp.MustCompile(`(?m)^acceptor: ([CAR]) (.*)$`)
)

// firsts returns the matches of the group of an expression.
func firsts(x *regexp.Regexp, text string) []string {
	var all []string
	for _, m := range x.FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	return all
}

// userToUser runs the client.
func (s *session) userToUser(t testing.TB, port int, principal string, options ...string) userToUserSeen {
	t.Helper()
	program, err := userToUserProgram()
	if err != nil {
		t.Fatal(err)
	}
	out := userToUserSeen{result: run(t, s.env(), "", program, append([]string{strconv.Itoa(port), principal}, options...)...)}
	out.established, out.errors, out.states = firsts(userToUserEstablished, out.out), firsts(userToUserError, out.out), firsts(userToUserState, out.out)
	for _, m := range userToUserVerdict.FindAllStringSubmatch(out.out, -1) {
		out.verdicts += m[1]
		var said struct {
			acceptorPeer
			Reason string `json:"reason"`
		}
		if err := json.Unmarshal([]byte(m[2]), &said); err != nil {
			t.Fatalf("%v\n%s", err, out.out)
		}
		out.server, out.reason = said.acceptorPeer, said.Reason
	}
	return out
}

// userToUserForms are the two forms of the client's tokens.
var userToUserForms = map[string][]string{"raw": nil, "SPNEGO": {"spnego"}}

// forFaces runs a test for each form of tokens and each API.
func forFaces(t *testing.T, f func(t *testing.T, windows bool, form []string)) {
	for name, form := range userToUserForms {
		for _, windows := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, Windows API %v", name, windows), func(t *testing.T) { f(t, windows, form) })
		}
	}
}

// TestInteropUserToUser checks that clients of MIT's library and KDC authenticate to a
// service that has a ticket and no keytab, for which the KDC issues only user-to-user
// tickets. The client's ticket and all keys have the type of that ticket's session key. The
// MICs prove that both sides have the same key.
func TestInteropUserToUser(t *testing.T) {
	worked(t, "sspi", "MIT libkrb5", "user-to-user", "mutual, raw and in SPNEGO")
	r := theRealm(t, "gcc", mitKRB5)
	t.Parallel()
	bob, login := r.keyless(t, "-allow_svr"), r.login(t)
	if res := run(t, login.env(), "", "kvno", bob.full()); res.code == 0 || !strings.Contains(res.out, "user2user") {
		t.Fatalf("the KDC gives an ordinary ticket for the service: exit %d\n%s", res.code, res.out)
	}
	for etype := 17; etype <= 20; etype++ {
		t.Run(etypes[etype], func(t *testing.T) {
			tgt := bob.tgt(t, etype)
			forFaces(t, func(t *testing.T, windows bool, form []string) {
				port := listenKeyless(t, windows, sspi.Config{UserToUser: holds(tgt)}, sspi.ContextConfig{})
				for _, more := range [][]string{nil, {"anyone"}} {
					out := login.userToUser(t, port, bob.name, append(more, form...)...)
					want := fmt.Sprintf("%s@%s at %s, session key %d, subkey %[4]d", user, realmName, bob.full(), etype)
					if out.code != 0 || !slices.Equal(out.established, []string{want}) || out.verdicts != "CA" {
						t.Fatalf("%q: exit %d, %s, %q, want %q\n%s", more, out.code, out.verdicts, out.established, want, out.out)
					}
					p := out.server
					if p.Client != user+"@"+realmName || p.Service != etype || p.Session != etype || p.Context != etype ||
						p.ASC != ascFlags(gssProtect|gssMutual|gssReplay|gssSequence)|uint32(flags.ASC_RET_USE_SESSION_KEY) {
						t.Errorf("%q: the acceptor saw %+v", more, p)
					}
					if form != nil && !slices.Equal(out.states, []string{"1, a mechanism of 12 bytes", "0"}) {
						t.Errorf("%q: SPNEGO went %q", more, out.states)
					}
				}
			})
		})
	}
}

// TestInteropUserToUser_Demanded checks that a client with an ordinary ticket receives an
// error that requires user-to-user, and begins again on the same context. Without that
// requirement, a server with a keytab and a ticket accepts both.
func TestInteropUserToUser_Demanded(t *testing.T) {
	r := theRealm(t, "gcc", mitKRB5)
	t.Parallel()
	bob, login := r.keyless(t), r.login(t)
	file := filepath.Join(t.TempDir(), "keytab")
	r.admins(t, "ktadd", "-norandkey", "-q", "-k", file, bob.name)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := keytab.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	ticket := holds(bob.tgt(t, 18))
	forFaces(t, func(t *testing.T, windows bool, form []string) {
		for name, c := range map[string]struct {
			cfg sspi.Config
			cc  sspi.ContextConfig
		}{
			"no keytab": {sspi.Config{UserToUser: ticket}, sspi.ContextConfig{}},
			"demanded":  {sspi.Config{UserToUser: ticket, Keys: keys}, sspi.ContextConfig{UserToUser: true}},
		} {
			out := login.userToUser(t, listenKeyless(t, windows, c.cfg, c.cc), bob.name, append([]string{"plain"}, form...)...)
			if out.code != 0 || out.verdicts != "CCA" || len(out.established) != 1 || !slices.Equal(out.errors, []string{"69, 0 bytes of e-data"}) {
				t.Errorf("%s: exit %d, %s, errors %q\n%s", name, out.code, out.verdicts, out.errors, out.out)
			}
		}
		port := listenKeyless(t, windows, sspi.Config{UserToUser: ticket, Keys: keys}, sspi.ContextConfig{})
		out := login.userToUser(t, port, bob.name, append([]string{"plain"}, form...)...)
		if out.code != 2 || out.verdicts != "A" || out.server.Client != user+"@"+realmName || out.server.ASC&uint32(flags.ASC_RET_USE_SESSION_KEY) != 0 {
			t.Errorf("an ordinary ticket, where it may be: exit %d, %s\n%s", out.code, out.verdicts, out.out)
		}
		if out := login.userToUser(t, port, bob.name, form...); out.code != 0 || out.verdicts != "CA" {
			t.Errorf("user-to-user beside a keytab: exit %d, %s\n%s", out.code, out.verdicts, out.out)
		}
	})
}

// TestInteropUserToUser_Sessions checks that a client may use its ticket again without a
// KERB-TGT-REQUEST, until the service has a new ticket-granting ticket.
func TestInteropUserToUser_Sessions(t *testing.T) {
	r := theRealm(t, "gcc", mitKRB5)
	t.Parallel()
	bob, login := r.keyless(t, "-allow_svr"), r.login(t)
	old, renewed := bob.tgt(t, 18), bob.tgt(t, 18)
	forFaces(t, func(t *testing.T, windows bool, form []string) {
		again := append([]string{"again"}, form...)
		out := login.userToUser(t, listenKeyless(t, windows, sspi.Config{UserToUser: holds(old)}, sspi.ContextConfig{}), bob.name, again...)
		if out.code != 0 || out.verdicts != "CAA" || len(out.established) != 2 {
			t.Errorf("the same session: exit %d, %s\n%s", out.code, out.verdicts, out.out)
		}

		var asked atomic.Int32
		later := func(context.Context, string) (*sspi.TGT, error) {
			if asked.Add(1) == 1 {
				return old, nil
			}
			return renewed, nil
		}
		out = login.userToUser(t, listenKeyless(t, windows, sspi.Config{UserToUser: later}, sspi.ContextConfig{}), bob.name, again...)
		out.refused(t, "another session", "CAR", 1, status.ReasonWrongKey, "31, 0 bytes of e-data")

		mixed := *old
		mixed.SessionKey = renewed.SessionKey
		out = login.userToUser(t, listenKeyless(t, windows, sspi.Config{UserToUser: holds(&mixed)}, sspi.ContextConfig{}), bob.name, form...)
		out.refused(t, "a ticket with the key of another", "CR", 0, status.ReasonWrongKey, "31, 0 bytes of e-data")
	})
}

// refused checks a refusal after some established contexts.
func (out *userToUserSeen) refused(t *testing.T, name, verdicts string, before int, reason status.Reason, krbErrors ...string) {
	t.Helper()
	if out.code != 1 || out.verdicts != verdicts || len(out.established) != before || out.reason != reason.String() || !slices.Equal(out.errors, krbErrors) {
		t.Errorf("%s: exit %d, verdicts %s, reason %q, errors %q; want %s, %q, %q\n%s", name, out.code, out.verdicts, out.reason, out.errors, verdicts, reason, krbErrors, out.out)
	}
}

// TestInteropUserToUser_Refused checks the errors that the client receives when it requests
// the ticket.
func TestInteropUserToUser_Refused(t *testing.T) {
	r := theRealm(t, "gcc", mitKRB5)
	t.Parallel()
	bob, login := r.keyless(t, "-allow_svr"), r.login(t)
	tgt := bob.tgt(t, 18)
	none := func(context.Context, string) (*sspi.TGT, error) { return nil, errors.New("nobody has logged in") }
	forFaces(t, func(t *testing.T, windows bool, form []string) {
		port := listenKeyless(t, windows, sspi.Config{UserToUser: none}, sspi.ContextConfig{})
		out := login.userToUser(t, port, bob.name, form...)
		out.refused(t, "no ticket", "R", 0, status.ReasonNoTGT, "67, 0 bytes of e-data")

		port = listenKeyless(t, windows, sspi.Config{UserToUser: holds(tgt)}, sspi.ContextConfig{})
		for _, other := range []string{"carol", bob.name + "/admin", bob.name + "@OTHER.TEST"} {
			out := login.userToUser(t, port, other, form...)
			out.refused(t, other, "R", 0, status.ReasonWrongService, "35, 0 bytes of e-data")
		}
	})
}
