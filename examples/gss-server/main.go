// Command gss-server is a server for MIT's gss-client (of the gss-sample programs), built
// on this library: gss-client authenticates to it and sends it protected messages. It
// calls the SSPI functions, so that it can be compared with the code of a Windows server.
//
//	gss-server -port 4444 -keytab /etc/krb5.keytab
//	gss-client -port 4444 server.example.com host@server.example.com "hello"
//
// It logs one line for each connection. SIGTERM or an interrupt ends it: it accepts no
// further connection, gives the open connections five seconds to finish, and exits with
// code 0.
//
// Sizes, times and numbers of connections are limited. A connection without an
// established context lasts at most 30 seconds, and there are at most 64 of them: one
// more closes the oldest of the client address that has the most. A connection with an
// established context has 30 seconds for each message, and there are at most 64 of them:
// one more is refused.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gss-server:", err)
		os.Exit(1)
	}
}

// run parses args and serves until ctx ends.
func run(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("gss-server", flag.ExitOnError)
	host := fs.String("host", "127.0.0.1", "`address` to listen on")
	port := fs.Int("port", 4444, "`port` to listen on; 0 chooses a free port")
	file := fs.String("keytab", "", "keytab `file`; if empty, the value of KRB5_KTNAME, or /etc/krb5.keytab")
	once := fs.Bool("once", false, "serve one connection and exit")
	verbose := fs.Bool("verbose", false, "log the reason of each refusal")
	fs.Usage = func() {
		fmt.Fprint(fs.Output(), "usage: gss-server [flags] [service]\n\n"+
			"If service is given, gss-server accepts tickets for that principal of the keytab only,\n"+
			"for example host@server.example.com.\n\n")
		fs.PrintDefaults()
	}
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 1 {
		return fmt.Errorf("gss-server takes at most one service; got %q", fs.Args())
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	cred, err := acquire(*file, fs.Arg(0), logger, *verbose)
	if err != nil {
		return err
	}
	defer sspi.FreeCredentialsHandle(&cred)

	l, err := net.Listen("tcp", net.JoinHostPort(*host, strconv.Itoa(*port)))
	if err != nil {
		return err
	}
	fmt.Printf("listening on %s\n", l.Addr())
	logger.Info("listening", "addr", l.Addr().String())
	srv := newServer(cred, logger)
	srv.Once = *once
	return srv.Serve(ctx, l)
}

// acquire returns the server's credentials. A Config names the keys and the policy.
// Without a Config AcquireCredentialsHandle uses the keytab of the machine, as Windows
// uses the machine account.
func acquire(file, service string, logger *slog.Logger, verbose bool) (cred sspi.CredHandle, err error) {
	var cfg *sspi.Config
	if file != "" || verbose {
		cfg = new(sspi.Config)
		if cfg.Keys, err = openKeys(file); err != nil {
			return cred, err
		}
		if verbose {
			cfg.Logger = logger
		}
	}
	code := sspi.AcquireCredentialsHandle(service, sspi.Negotiate, sspi.SECPKG_CRED_INBOUND, nil, cfg, nil, nil, &cred, nil)
	if code != status.SEC_E_OK {
		return cred, fmt.Errorf("AcquireCredentialsHandle: %v", code)
	}
	return cred, nil
}

// openKeys opens the keytab file, or the keytab of the machine if file is empty.
func openKeys(file string) (*keytab.File, error) {
	if file == "" {
		return keytab.Default()
	}
	return keytab.OpenFile(file)
}
