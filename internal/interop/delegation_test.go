package interop

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/config"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspideleg"
	"github.com/gosspi/kerberos/status"
)

// delegated returns the credentials that the client of testdata/initiator.py forwards to
// a service of this library.
func delegated(t *testing.T, login *session, svc *service, gss int) *authenticator.Delegated {
	t.Helper()
	return delegatedBy(t, svc, func(port int) bool {
		return login.initiate(t, plan{Port: port, Target: svc.hostBased(), Flags: bits(gss)})[0].Established
	})
}

// delegatedBy returns the credentials that initiate's client forwards. initiate reports
// whether the client established its context.
func delegatedBy(t *testing.T, svc *service, initiate func(port int) bool) *authenticator.Delegated {
	t.Helper()
	c := gokrb5Acceptor(t, svc, nil).NewContext(sspi.ContextConfig{AcceptDelegation: true})
	defer c.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	type result struct {
		d   *authenticator.Delegated
		err error
	}
	done := make(chan result, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			done <- result{err: err}
			return
		}
		defer conn.Close()
		err = conn.SetDeadline(time.Now().Add(patience))
		if err == nil {
			_, err = authenticate(conn, &goFace{c: c})
		}
		done <- result{c.Delegated(), err}
	}()
	port := l.Addr().(*net.TCPAddr).Port
	established := initiate(port)
	got := <-done
	if got.err != nil || !established {
		t.Fatalf("the acceptor: %v; the client established its context: %v", got.err, established)
	}
	return got.d
}

// prefers returns an environment with a krb5.conf of the realm for a client that uses keys
// of one type only, so that its ticket-granting tickets have such a key.
func (r *realm) prefers(t *testing.T, etype int) (env string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "krb5.conf")
	text := strings.Replace(r.config, "[libdefaults]\n", "[libdefaults]\n permitted_enctypes = "+etypes[etype]+"\n", 1)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return "KRB5_CONFIG=" + file
}

// forwards returns a session of a user with a forwardable ticket, whose session key has
// this type.
func (r *realm) forwards(t *testing.T, etype int) *session {
	t.Helper()
	s := &session{realm: r, cache: filepath.Join(t.TempDir(), "ccache"), extra: []string{r.prefers(t, etype)}}
	if res := run(t, s.env(), password+"\n", "kinit", "-f", user); res.code != 0 {
		t.Fatalf("kinit: exit %d\n%s", res.code, res.out)
	}
	return s
}

// TestInteropDelegation_Onward checks that MIT's client can forward its ticket to a service
// of this library, which then authenticates to other services as the user: with MIT's
// programs and the written cache, and with gokrb5's client. It does so for each encryption
// type.
func TestInteropDelegation_Onward(t *testing.T) {
	r := theRealm(t, pythonGSSAPI, "klist")
	t.Parallel()
	worked(t, "sspi", "python3-gssapi", "Kerberos", "delegation, used onward")
	for etype := 17; etype <= 20; etype++ {
		t.Run(etypes[etype], func(t *testing.T) {
			t.Parallel()
			front, back := r.service(t, unique("front"), etype, etype), r.service(t, unique("back"), etype, etype)
			login := r.forwards(t, etype)
			for _, gss := range []int{gssProtect | gssDeleg, gssProtect | gssMutual | gssDeleg, gssProtect | gssMutual | gssDCE | gssDeleg} {
				d := delegated(t, login, front, gss)
				if d == nil || len(d.Tickets) != 1 || int(d.Tickets[0].SessionKey.EType()) != etype {
					t.Fatalf("flags %#x: %v", gss, d)
				}
				onwardByCache(t, d, back)
				onwardByClient(t, d, back)
			}
			if d := delegated(t, login, front, gssProtect); d != nil {
				t.Errorf("it was not asked for, and is %v", d)
			}
		})
	}
}

// TestInteropDelegation_Heimdal checks that Heimdal's programs can use the cache that this
// library writes. Heimdal's client forwards its ticket unencrypted inside the authenticator
// (RFC 6448): both APIs deliver it if the server requests it, and ignore it otherwise, in
// raw Kerberos and in SPNEGO, in exchanges of one, two and three tokens.
func TestInteropDelegation_Heimdal(t *testing.T) {
	worked(t, "sspi", "Heimdal", "Kerberos", "delegation, used onward")
	worked(t, "sspi", "Heimdal", "SPNEGO", "delegation, used onward")
	r := heimdalRealm(t, pythonGSSAPI, "klist")
	t.Parallel()
	front, back := r.service(t, unique("front"), 18, 18), r.service(t, unique("back"), 18, 18)
	login, file, backFile := r.login(t, "-f"), filepath.Join(t.TempDir(), "keytab"), filepath.Join(t.TempDir(), "keytab")
	front.keytab(t, file)
	back.keytab(t, backFile)
	heimdalUses(t, delegated(t, login, front, gssProtect|gssDeleg), back, backFile)
	for _, spnego := range []bool{false, true} {
		start := login.heimdal
		if spnego {
			start = func(t testing.TB, port int, svc *service, gss int, _ ...string) heimdalSeen {
				return login.heimdalSPNEGO(t, port, svc, gss, "")
			}
		}
		for _, gss := range []int{gssDeleg, gssDeleg | gssMutual, gssDeleg | gssMutual | gssReplay | gssSequence | gssDCE} {
			for _, windows := range []bool{false, true} {
				for _, wanted := range []bool{false, true} {
					o := sspiAcceptor{windows: windows}
					o.config.AcceptDelegation = wanted
					out := start(t, startOurAcceptor(t, o, file), front, gss)
					want := ""
					if wanted {
						want = user + "@" + realmName + " for krbtgt/" + realmName + "@" + realmName
					}
					if out.code != 0 || out.echoes != heimdalEchoes || out.server.Delegated != want || (out.server.ASC&uint32(flags.ASC_RET_DELEGATE) != 0) != wanted {
						t.Errorf("SPNEGO %v, flags %#x, Windows API %v, wanted %v: exit %d, %+v, want delegated %q\n%s",
							spnego, gss, windows, wanted, out.code, out.server, want, out.out)
					}
				}
			}
			d := delegatedBy(t, front, func(port int) bool { return start(t, port, front, gss).tokens > 0 })
			if d == nil {
				t.Fatalf("SPNEGO %v, flags %#x: nothing was delivered", spnego, gss)
			}
			onwardByCache(t, d, back)
			onwardByClient(t, d, back)
			heimdalUses(t, d, back, backFile)
		}
	}
}

// heimdalUses passes the delegated credentials to a Heimdal client as a cache, with which
// the client authenticates to another service.
func heimdalUses(t *testing.T, d *authenticator.Delegated, svc *service, keytabFile string) {
	t.Helper()
	child := &session{realm: svc.realm, cache: filepath.Join(t.TempDir(), "delegated")}
	if err := sspideleg.WriteCCache(child.cache, d); err != nil {
		t.Fatal(err)
	}
	out := child.heimdal(t, startOurAcceptor(t, sspiAcceptor{}, keytabFile), svc, gssMutual)
	if want := user + "@" + realmName; out.code != 0 || out.server.Client != want {
		t.Errorf("with the cache: exit %d, want %s\n%s", out.code, want, out.out)
	}
}

// TestInteropDelegation_NotForwardable checks that a client does not forward a ticket that
// is not forwardable, whatever its flags are, and that the server sees no credentials.
func TestInteropDelegation_NotForwardable(t *testing.T) {
	r := theRealm(t, pythonGSSAPI)
	t.Parallel()
	d := delegated(t, r.login(t), r.service(t, unique("front"), 18, 18), gssProtect|gssMutual|gssDeleg)
	if d != nil {
		t.Errorf("%v", d)
	}
	if _, err := sspideleg.Client(d, gokrb5Config(t, r, 18)); status.ReasonOf(err) != status.ReasonNoCredentials {
		t.Errorf("%v, want %v", err, status.ReasonNoCredentials)
	}
}

// TestInteropDelegation_Times checks tickets near their end. gokrb5's client renews its
// ticket in the last sixth of its life. A ticket that is not renewable works until its end,
// and so does one whose times the client did not send.
func TestInteropDelegation_Times(t *testing.T) {
	r := theRealm(t, pythonGSSAPI)
	t.Parallel()
	front, back := r.service(t, unique("front"), 18, 18), r.service(t, unique("back"), 18, 18)
	d := delegated(t, r.login(t, "-f"), front, gssProtect|gssDeleg)
	if d == nil {
		t.Fatal("the initiator forwarded nothing")
	}
	k := &d.Tickets[0]
	k.AuthTime = k.AuthTime.Add(-100 * time.Hour)
	onwardByClient(t, d, back)
	k.RenewTill = k.EndTime.Add(100 * time.Hour) // the ticket does not have the flag RENEWABLE
	onwardByClient(t, d, back)
	k.AuthTime = time.Time{}
	onwardByClient(t, d, back)
	k.StartTime, k.RenewTill = time.Time{}, time.Time{}
	onwardByClient(t, d, back)
	onwardByCache(t, d, back)
}

// onwardByCache uses the cache file as a child process would, which has nothing else.
func onwardByCache(t *testing.T, d *authenticator.Delegated, svc *service) {
	t.Helper()
	child := &session{realm: svc.realm, cache: filepath.Join(t.TempDir(), "delegated")}
	if err := sspideleg.WriteCCache(child.cache, d); err != nil {
		t.Fatal(err)
	}
	res := run(t, child.env(), "", "klist", "-f", "-e")
	for _, want := range []string{
		"Default principal: " + user + "@" + realmName, "krbtgt/" + realmName + "@" + realmName,
		"Flags: F", "skey): " + etypes[int(d.Tickets[0].SessionKey.EType())],
	} {
		if res.code != 0 || !strings.Contains(strings.ReplaceAll(res.out, "Etype (skey, tkt): ", "skey): "), want) {
			t.Errorf("klist: exit %d, no %q in\n%s", res.code, want, res.out)
		}
	}
	child.fetch(t, svc)
	file := filepath.Join(t.TempDir(), "keytab")
	svc.keytab(t, file)
	port := startOurAcceptor(t, sspiAcceptor{}, file)
	out := child.initiate(t, plan{Port: port, Target: svc.hostBased(), Flags: bits(gssProtect | gssMutual)})[0]
	if want := user + "@" + realmName; !out.Established || out.Server.Client != want {
		t.Errorf("with the cache: %+v, want %s", out.Server, want)
	}
}

// onwardByClient authenticates to a service with gokrb5's client.
func onwardByClient(t *testing.T, d *authenticator.Delegated, svc *service) {
	t.Helper()
	cl, err := sspideleg.Client(d, gokrb5Config(t, svc.realm, int32(svc.etype)))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Destroy()
	p := &gokrb5Peer{client: cl}
	if p.ticket, p.session, err = cl.GetServiceTicket(svc.principal()); err != nil {
		t.Fatal(err)
	}
	if int(p.session.KeyType) != svc.etype {
		t.Errorf("the session key is of type %d, want %d", p.session.KeyType, svc.etype)
	}
	tok := p.first(t, gssProtect|gssMutual)
	c := gokrb5Acceptor(t, svc, nil).NewContext(sspi.ContextConfig{})
	defer c.Close()
	reply, who, err := c.Accept(t.Context(), gokrb5Token(t, &tok))
	if err != nil {
		t.Fatal(err)
	}
	if who.Client != d.Client || who.Client.String() != user+"@"+realmName {
		t.Errorf("with gokrb5: %v, want %s@%s", who.Client, user, realmName)
	}
	m := p.established(t, &tok, reply, gssProtect|gssMutual)
	m.exchange(t, c)
}

// gokrb5Config returns a configuration of the realm, for keys of these types.
func gokrb5Config(t *testing.T, r *realm, wanted ...int32) *config.Config {
	t.Helper()
	conf, err := config.NewFromString(strings.ReplaceAll(r.config, " qualify_shortname = \"\"\n", ""))
	if err != nil {
		t.Fatal(err)
	}
	conf.LibDefaults.DefaultTGSEnctypeIDs = wanted
	return conf
}
