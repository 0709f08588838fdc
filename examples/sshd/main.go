// Command sshd is an SSH server that knows its users by Kerberos alone:
//
//	sshd -addr localhost:2222 -keytab host.keytab
//	ssh -o GSSAPIAuthentication=yes -p 2222 alice@localhost id
//
// The keytab must have the key of host/NAME, where NAME is what the client calls
// this machine. alice@REALM may log in as alice. She gets no shell: the server
// answers the commands whoami and id by itself, greets who asks for a shell, and
// runs nothing on the machine.
//
// It logs one line for each connection. SIGTERM or an interrupt ends it: it
// accepts nobody any more, lets those that are connected finish, for five seconds
// at most, and exits with 0.
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

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
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

func run(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("sshd", flag.ExitOnError)
	addr := fs.String("addr", "localhost:2222", "address to listen on, host:port; port 0: any")
	file := fs.String("keytab", "", "keytab file; if empty, KRB5_KTNAME or /etc/krb5.keytab")
	hostKeyFile := fs.String("hostkey", "", "file of the private host key, as ssh-keygen writes it; if empty, one that is made for this run")
	realm := fs.String("realm", "", "realms, separated by commas, whose users may log in under their bare names; if empty, the realm of the keytab, where it has one")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("unexpected arguments %q", fs.Args())
	}
	kerberos, err := configure(ctx, *file, *realm)
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
	srv := &server{kerberos: kerberos, base: base, log: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	return srv.serve(ctx, l)
}

// configure says whose keys accept, and who may log in.
func configure(ctx context.Context, file, realm string) (*sspissh.Config, error) {
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
	// host/ is the service of SSH; other keys of the file are for others.
	acceptor, err := sspi.NewAcceptor(sspi.Config{Keys: keys, Services: []string{"host/"}})
	if err != nil {
		return nil, err
	}
	return &sspissh.Config{
		Acceptor:  acceptor,
		Context:   sspi.ContextConfig{AcceptDelegation: true}, // id shows what came
		Authorize: sspissh.SameUser(realms...),
	}, nil
}

func openKeys(file string) (*keytab.File, error) {
	if file == "" {
		return keytab.Default()
	}
	return keytab.OpenFile(file)
}

// realmsOf returns the realm of the host keys. Keys of several realms are an error.
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
		return nil, errors.New("the keytab has no key of host/NAME, which SSH clients ask for")
	case 1:
		return realms, nil
	}
	// alice of one realm is not alice of another: both would log in as alice.
	return nil, fmt.Errorf("the keytab has keys of several realms (%s): name with -realm those whose users may log in", strings.Join(realms, ", "))
}

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
