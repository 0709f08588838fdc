// Command sshd is an SSH server whose users log in with Kerberos only:
//
//	sshd -addr localhost:2222 -keytab host.keytab
//	ssh -o GSSAPIAuthentication=yes -p 2222 alice@localhost id
//
// The keytab must have the key of host/NAME, where NAME is the host name that the client
// uses for this machine. The principal alice@REALM may log in as the user alice. The
// server runs no program and has no shell: it answers the commands whoami and id itself,
// and answers a request for a shell with a greeting.
//
// -allow 'CORP\staff' admits the members of a group only, whose name and SID are in the file of
// -names.
//
// The acceptor logs one line for each login, admitted or refused, and the server one for a
// connection without a login. SIGTERM or an interrupt ends the server: it accepts no
// further connection, gives the open connections five seconds to finish, and exits with
// code 0.
//
// Times and numbers of connections are limited. A client has 30 seconds to log in, and at
// most 64 connections are open without a login: one more closes the oldest of the client
// address that has the most. At most 64 clients are logged in, for one minute each.
package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/crypto/ssh"

	"github.com/gosspi/kerberos/examples/internal/serve"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspiallow"
	"github.com/gosspi/kerberos/sspi/sspissh"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "sshd:", err)
		os.Exit(1)
	}
}

// run parses args and serves until ctx ends.
func run(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("sshd", flag.ExitOnError)
	addr := fs.String("addr", "localhost:2222", "`host:port` to listen on; port 0 chooses a free port")
	file := fs.String("keytab", "", "keytab `file`; if empty, the value of KRB5_KTNAME, or /etc/krb5.keytab")
	hostKeyFile := fs.String("hostkey", "", "`file` of the private host key, as ssh-keygen writes it; if empty, sshd generates a key for this run")
	realm := fs.String("realm", "", "`realms`, separated by commas, whose users may log in under their bare names; if empty, the realm of the keytab, which must have exactly one")
	var policy sspi.PACPolicy
	serve.NoPAC(fs, &policy)
	var allow serve.Allow
	allow.Define(fs)
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("unexpected arguments %q", fs.Args())
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	rule, _, err := allow.Rule(log)
	if err != nil {
		return err
	}
	kerberos, err := configure(ctx, *file, *realm, policy, rule, log)
	if err != nil {
		return err
	}
	key, err := hostKey(*hostKeyFile)
	if err != nil {
		return err
	}
	base := &ssh.ServerConfig{ServerVersion: "SSH-2.0-gosspi-example"}
	base.AddHostKey(key)
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	fmt.Printf("listening on %v\nhost key %s\n", l.Addr(), ssh.FingerprintSHA256(key.PublicKey()))
	return newServer(kerberos, base, log).Serve(ctx, l)
}

// configure returns the acceptor of the keytab file, and the rule which users may log in.
func configure(ctx context.Context, file, realm string, policy sspi.PACPolicy, rule *sspiallow.Rule, log *slog.Logger) (*sspissh.Method, error) {
	keys, err := openKeys(file)
	if err != nil {
		return nil, err
	}
	realms := strings.Split(realm, ",")
	if realm == "" {
		if realms, err = realmsOf(ctx, keys); err != nil {
			return nil, err
		}
	}
	// SSH uses the service host/. The acceptor must not use keys of other services.
	acceptor, err := sspi.NewAcceptor(sspi.Config{Keys: keys, Services: []string{"host/"}, PAC: policy, Logger: log})
	if err != nil {
		return nil, err
	}
	sameUser := sspissh.SameUser(realms...)
	return sspissh.New(sspissh.Config{
		Acceptor: acceptor,
		Context:  sspi.ContextConfig{AcceptDelegation: true}, // the command id shows the delegated tickets
		Authorize: func(conn ssh.ConnMetadata, peer *sspi.Peer) (*ssh.Permissions, error) {
			if err := serve.Admit(rule, peer); err != nil {
				return nil, err
			}
			return sameUser(conn, peer)
		},
	})
}

// openKeys opens the keytab file, or the keytab of the machine if file is empty.
func openKeys(file string) (*keytab.File, error) {
	if file == "" {
		return keytab.Default()
	}
	return keytab.OpenFile(file)
}

// realmsOf returns the realm of the host keys. It returns an error if the keytab has host
// keys of several realms.
func realmsOf(ctx context.Context, keys keytab.Source) ([]string, error) {
	table, err := keys.Table(ctx)
	if err != nil {
		return nil, err
	}
	services, err := table.Match("host/")
	if err != nil {
		return nil, err
	}
	var realms []string
	for _, p := range services {
		if !slices.Contains(realms, p.Realm()) {
			realms = append(realms, p.Realm())
		}
	}
	switch len(realms) {
	case 0:
		return nil, errors.New("the keytab has no key of host/NAME, the service that SSH clients request")
	case 1:
		return realms, nil
	}
	// alice@A and alice@B may be different people, and both would log in as alice.
	return nil, fmt.Errorf("the keytab has keys of several realms (%s); list the realms whose users may log in with -realm", strings.Join(realms, ", "))
}

// hostKey reads the private host key in file, or generates one if file is empty.
func hostKey(file string) (ssh.Signer, error) {
	if file == "" {
		_, key, err := ed25519.GenerateKey(nil)
		if err != nil {
			return nil, err
		}
		return ssh.NewSignerFromKey(key)
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return ssh.ParsePrivateKey(pem)
}
