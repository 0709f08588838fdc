// Command pgd is a server with the wire protocol of PostgreSQL, to which psql, pgx and
// other clients log in with Kerberos, and whose connections are encrypted with the
// Kerberos context (GSSENC) instead of TLS:
//
//	pgd -addr localhost:5432 -keytab postgres.keytab -realm EXAMPLE.COM
//	psql "host=localhost user=alice dbname=any gssencmode=require" -c "select current_user"
//
// The server has no database: it answers the few queries of query.go, which show the
// client's login. A real database server can use the other parts: the startup of a
// connection, the encryption as a net.Conn, the exchange of tokens, and the check whether a
// principal may use the database user that it requests.
//
// -allow 'CORP\staff' admits the members of a group only, whose name and SID are in the file of
// -names.
//
// The acceptor logs one line for each login, admitted or refused, when the server knows
// the database user that the client requests. SIGTERM or an interrupt ends the server: it
// sends an error message to every client that has logged in, and exits with 0.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/gosspi/kerberos/examples/internal/serve"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "pgd:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("pgd", flag.ExitOnError)
	addr := fs.String("addr", "localhost:5432", "`host:port` to listen on; port 0 chooses a free port")
	file := fs.String("keytab", "", "keytab `file`; if empty, the value of KRB5_KTNAME, or /etc/krb5.keytab")
	service := fs.String("service", "postgres/", "`principal` that tickets must be issued for; postgres/ accepts that service on every host of the keytab. The first part is psql's krbsrvname")
	realms := fs.String("realm", "", "`realms`, separated by commas, whose users are database users under their bare names; if empty, the database user is the whole principal (alice@EXAMPLE.COM)")
	encrypt := requireEncryption
	fs.Var(&encrypt, "encrypt", "GSSAPI encryption: require, allow (the client decides) or off")
	var policy sspi.PACPolicy
	serve.NoPAC(fs, &policy)
	var allow serve.Allow
	allow.Define(fs)
	_ = fs.Parse(args) // ends the program on an error
	if fs.NArg() > 0 {
		return fmt.Errorf("unexpected arguments %q", fs.Args())
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	rule, _, err := allow.Rule(log)
	if err != nil {
		return err
	}
	keys, err := openKeys(*file)
	if err != nil {
		return err
	}
	acceptor, err := sspi.NewAcceptor(sspi.Config{Keys: keys, Services: []string{*service}, PAC: policy, Logger: log})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	fmt.Printf("listening on %s\n", l.Addr())
	srv := newServer(acceptor, encrypt, log)
	srv.rule = rule
	if *realms != "" {
		srv.realms = strings.Split(*realms, ",")
	}
	return srv.Serve(ctx, l)
}

func openKeys(file string) (*keytab.File, error) {
	if file == "" {
		return keytab.Default()
	}
	return keytab.OpenFile(file)
}

// encryption is the policy for GSSENC.
type encryption string

const (
	requireEncryption encryption = "require"
	allowEncryption   encryption = "allow"
	noEncryption      encryption = "off"
)

// Set and String make encryption a flag.Value.
func (e *encryption) Set(s string) error {
	switch v := encryption(s); v {
	case requireEncryption, allowEncryption, noEncryption:
		*e = v
		return nil
	}
	return fmt.Errorf("the value must be require, allow or off")
}

func (e *encryption) String() string { return string(*e) }
