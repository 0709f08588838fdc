package ad

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/interop/program"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/ticket/pac"
)

// acceptor is an acceptor of this library for one service of a forest.
type acceptor struct {
	forest  *forest
	service string // its account
	sspi    *sspi.Acceptor
}

// acceptor makes an acceptor with the keytab of a service. It knows the SID of the
// service's domain.
func (f *forest) acceptor(t testing.TB, service string) *acceptor {
	t.Helper()
	return f.acceptorWith(t, service, sspi.PACPolicy{DomainSIDs: map[string]pac.SID{f.Realm: f.domainSID()}})
}

// acceptorWith makes an acceptor with the keytab of a service and a policy about PACs.
func (f *forest) acceptorWith(t testing.TB, service string, policy sspi.PACPolicy) *acceptor {
	t.Helper()
	a := f.acceptorOf(t, f.keytab(service), sspi.Config{PAC: policy})
	a.service = service
	return a
}

// acceptorOf makes an acceptor with a keytab file, which it reads again when the file changes.
// Its service is unknown.
func (f *forest) acceptorOf(t testing.TB, file string, config sspi.Config) *acceptor {
	t.Helper()
	config.Keys = must(keytab.OpenFile(file))(t)
	return &acceptor{forest: f, sspi: must(sspi.NewAcceptor(config))(t)}
}

func (f *forest) domainSID() pac.SID { return pac.MustParseSID(f.sid) }

// sidOf returns the SID of an account of the forest, by its sAMAccountName.
func (f *forest) sidOf(t testing.TB, name string) pac.SID {
	t.Helper()
	sid, err := pac.ParseSID(f.sids[name])
	if err != nil {
		t.Fatalf("%s of %s: %v", name, f.Realm, err)
	}
	return sid
}

// initiator says how an initiator asks for a service.
type initiator struct {
	library string // mit or heimdal
	mech    string // krb5 or spnego
	target  string // SERVICE@HOST, or a principal
}

// exchange is the result of an exchange of tokens.
type exchange struct {
	peer     *sspi.Peer
	err      error
	token    []byte // the client's first token
	evidence *authenticator.DelegatedTicket
	out      string // of the client
}

const gssMutual = 0x2

// exchange runs an initiator with the login's tickets against an acceptor.
func (s *session) exchange(t testing.TB, c initiator, a *acceptor) *exchange {
	t.Helper()
	in, answers, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer answers.Close()
	p, err := program.Start(s.env(), in, "/usr/bin/python3", filepath.Join("testdata", "initiator.py"),
		c.library, c.target, fmt.Sprint(gssMutual), c.mech)
	in.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	x := new(exchange)
	ctx := a.sspi.NewContext(sspi.ContextConfig{KeepEvidence: true})
	defer ctx.Close()
	for n := 1; x.peer == nil && x.err == nil; n++ {
		token := nextToken(t, p, n)
		if x.token == nil {
			x.token = token
		}
		var reply []byte
		if reply, x.peer, x.err = ctx.Accept(context.Background(), token); len(reply) > 0 && x.err == nil {
			fmt.Fprintln(answers, base64.StdEncoding.EncodeToString(reply))
		}
	}
	x.evidence = ctx.Evidence()
	answers.Close()
	if code, err := p.Exit(); err != nil || (code == 0) != (x.err == nil) {
		t.Fatalf("the initiator ended with %d, %v, after the acceptor's %v:\n%s", code, err, x.err, p.Out)
	}
	x.out = p.Out.String()
	return x
}

// nextToken waits for the n-th token of an initiator.
func nextToken(t testing.TB, p *program.Process, n int) []byte {
	t.Helper()
	if err := p.Await("a token", func(out string) bool { return strings.Count(out, "\n") >= n }); err != nil {
		t.Fatal(err)
	}
	line := strings.Split(p.Out.String(), "\n")[n-1]
	token, err := base64.StdEncoding.DecodeString(line)
	if err != nil {
		t.Fatalf("the initiator printed no token:\n%s", p.Out)
	}
	return token
}

// accepted runs an exchange that must succeed.
func (s *session) accepted(t testing.TB, c initiator, a *acceptor) *exchange {
	t.Helper()
	x := s.exchange(t, c, a)
	if x.err != nil {
		t.Fatalf("%s with %s for %s: %v", c.library, c.mech, c.target, x.err)
	}
	return x
}
