package main

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/ticket/pac"
)

const (
	realmName   = "EXAMPLE.COM"
	webService  = "HTTP/localhost"
	sshService  = "host/localhost"
	ldapService = "ldap/localhost"
	pgService   = "postgres/localhost"
)

// world is a running realm with its servers. Their ends are in stops.
type world struct {
	options
	dir       string
	out       *screen
	realm     *sspitest.Realm
	kdc       *sspitest.KDC
	passwords map[string]string
	login     string   // the user of the credential cache
	env       []string // of the clients
	web, ssh  net.Addr
	ldap, pg  string // addresses; "" if the server does not run
	gss       string // likewise

	ended chan error // receives the result of each server
	stops []func()
}

// build starts a realm and its servers, whose files are in dir. [world.wait] ends them.
func build(ctx context.Context, o *options, dir string, out *screen) (*world, error) {
	w := &world{options: *o, dir: dir, out: out, realm: sspitest.NewRealm(realmName), login: "alice", ended: make(chan error, 8)}
	if w.fault == nil {
		w.fault = new(fault)
	}
	if err := w.start(ctx); err != nil {
		w.stop()
		return nil, err
	}
	return w, nil
}

// start starts the KDC and the servers. After an error, some of them run.
func (w *world) start(ctx context.Context) (err error) {
	if err := w.addNames(); err != nil {
		return err
	}
	w.kdc, err = w.realm.Listen(sspitest.KDCConfig{RC4: w.fault.rc4, Logger: slog.New(&kdcHandler{w.out})})
	if err != nil {
		return err
	}
	w.stops = append(w.stops, func() { _ = w.kdc.Close() })
	if err := w.writeFiles(); err != nil {
		return err
	}
	if err := w.startWeb(); err != nil {
		return err
	}
	if err := w.startSSH(); err != nil {
		return err
	}
	if w.services {
		return w.startModules(ctx)
	}
	return nil
}

// addNames creates the users and the services, and the keytab of the servers.
func (w *world) addNames() error {
	// The table of keys precedes the rotation, as if an administrator had forgotten the keytab.
	table, err := w.realm.Service(webService, sshService, ldapService, pgService)
	if err != nil {
		return err
	}
	if len(w.fault.keytab) > 0 {
		if table, err = w.realm.Service(w.fault.keytab...); err != nil {
			return err
		}
	}
	if w.fault.rotate {
		if err := w.realm.Rotate(webService); err != nil {
			return err
		}
	}
	content, err := table.MarshalBinary()
	if err != nil {
		return err
	}
	if err := os.WriteFile(w.serverKeytab(), content, 0o600); err != nil {
		return err
	}
	w.passwords = make(map[string]string)
	users := map[string]*sspitest.Account{"alice": nil, "bob": nil}
	if w.ad {
		users["alice"], users["bob"] = account("alice", 1105, staff), account("bob", 1106)
	}
	if w.fault.user != "" {
		users[w.fault.user] = account("bob", 1106)
		w.login = w.fault.user
	}
	for name, account := range users {
		w.passwords[name] = name + "-" + strings.ToLower(rand.Text()[:8])
		if err := w.realm.SetUser(name, sspitest.UserSettings{Password: w.passwords[name], Account: account}); err != nil {
			return err
		}
	}
	return nil
}

const (
	domainSID = "S-1-5-21-1004336348-1177238915-682003330"
	staff     = 1104 // the RID of a group
)

// account returns an account of Active Directory.
func account(name string, rid int, groups ...int) *sspitest.Account {
	a := &sspitest.Account{SID: sid(rid), Name: name, UPN: name + "@example.com"}
	for _, g := range groups {
		a.Groups = append(a.Groups, pac.Group{SID: sid(g)})
	}
	return a
}

func sid(rid int) pac.SID { return pac.MustParseSID(domainSID + "-" + itoa(rid)) }

func (w *world) serverKeytab() string { return filepath.Join(w.dir, "server.keytab") }

// writeFiles writes the files of clients: those of the first user into the directory, and those
// of bob into a folder.
func (w *world) writeFiles() error {
	bobs := filepath.Join(w.dir, "bob")
	if err := os.Mkdir(bobs, 0o700); err != nil {
		return err
	}
	if _, err := w.kdc.Files(bobs, w.realm.User("bob")); err != nil {
		return err
	}
	env, err := w.kdc.Files(w.dir, w.realm.User(w.login))
	if err != nil {
		return err
	}
	for _, v := range env {
		if !strings.HasPrefix(v, "KRB5_KTNAME=") { // clients need no keytab
			w.env = append(w.env, v)
		}
	}
	if err := w.writeClients(); err != nil {
		return err
	}
	if w.fault.conf == "" {
		return nil
	}
	conf := filepath.Join(w.dir, "krb5.conf")
	b, err := os.ReadFile(conf)
	if err != nil {
		return err
	}
	return os.WriteFile(conf, []byte(strings.Replace(string(b), "[libdefaults]\n", "[libdefaults]\n"+w.fault.conf, 1)), 0o600)
}

// acceptor returns an acceptor for a service, with the keys of the servers' keytab.
func (w *world) acceptor(server, service string) (*sspi.Acceptor, error) {
	keys, err := keytab.OpenFile(w.serverKeytab())
	if err != nil {
		return nil, err
	}
	cfg := sspi.Config{Keys: keys, Services: []string{service}, OnEvent: func(_ context.Context, e sspi.Event) { w.out.event(server, &e) }}
	if w.fault.ahead != 0 {
		cfg.Time = func() time.Time { return time.Now().Add(w.fault.ahead) }
	}
	return sspi.NewAcceptor(cfg)
}

// wait waits for the end of ctx, or of a server, and ends the realm.
func (w *world) wait(ctx context.Context) (err error) {
	select {
	case err = <-w.ended:
		err = errors.Join(errors.New("a server ended"), err)
		if ctx.Err() != nil {
			err = nil // Ctrl-C interrupts each process of the terminal
		}
	case <-ctx.Done():
	}
	w.stop()
	return err
}

// stop ends the servers, the last first.
func (w *world) stop() {
	for i := len(w.stops) - 1; i >= 0; i-- {
		w.stops[i]()
	}
	w.stops = nil
}
