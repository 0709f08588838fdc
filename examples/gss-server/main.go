// Command gss-server is the server of MIT's gss-sample programs on this library:
// MIT's gss-client authenticates to it and sends it protected messages. It uses
// the SSPI-shaped functions, so that a server that runs on Windows today can be
// laid beside it.
//
//	gss-server -port 4444 -keytab /etc/krb5.keytab
//	gss-client -port 4444 server.example.com host@server.example.com "hello"
//
// It logs one line for each connection. SIGTERM or an interrupt ends it: it
// accepts nobody any more, lets those that are connected finish, for five seconds
// at most, and exits with 0.
//
// It is an example, but an honest one: sizes, times and the number of connections
// are bounded. Who has no context has 30 seconds for all that it does, and goes when
// 64 others without one have come after it; who has one has 30 seconds for each
// message, and is refused if 64 are there.
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

func run(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("gss-server", flag.ExitOnError)
	host := fs.String("host", "127.0.0.1", "address to listen on")
	port := fs.Int("port", 4444, "port to listen on; 0: any")
	file := fs.String("keytab", "", "keytab file; if empty, KRB5_KTNAME or /etc/krb5.keytab")
	once := fs.Bool("once", false, "serve one connection and exit")
	verbose := fs.Bool("verbose", false, "log why a client was refused")
	fs.Usage = func() {
		fmt.Fprint(fs.Output(), "usage: gss-server [flags] [service]\n\n"+
			"service restricts it to one principal of the keytab, as in host@server.example.com.\n\n")
		fs.PrintDefaults()
	}
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 1 {
		return fmt.Errorf("one service at most, not %q", fs.Args())
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
	logger.Info("listening", "addr", l.Addr().String())
	srv := &server{cred: cred, log: logger, once: *once}
	return srv.serve(ctx, l)
}

// acquire makes the server's credentials. With a Config a program says whose keys
// and which policy; without one the machine's keytab is meant, as on Windows.
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

func openKeys(file string) (*keytab.File, error) {
	if file == "" {
		return keytab.Default()
	}
	return keytab.OpenFile(file)
}
