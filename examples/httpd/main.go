// Command httpd is a web server with Kerberos logins: it authenticates browsers, curl and
// other clients with HTTP's Negotiate, and shows them their name, ticket and context.
//
//	httpd -addr www.example.com:8080 -keytab /etc/http.keytab
//	curl --negotiate -u : http://www.example.com:8080/
//
// With -cert and -key it speaks HTTPS, and clients may bind their login to the
// certificate. It has these pages:
//
//	GET /         the client's name, ticket and context, for a browser
//	GET /whoami   the client's name in one line of text
//	POST /        the number of bytes in the request's body
//	GET /healthz  for load balancers; needs no login
//
// -allow 'CORP\staff' admits the members of a group only, whose name and SID are in the file of
// -names.
//
// It writes "listening on" and its address to its standard output, and one line for
// each login and each refusal to its standard error. SIGTERM or an interrupt ends it: it
// accepts no further request, gives the running requests five seconds to finish, and
// exits with code 0.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gosspi/kerberos/examples/internal/serve"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitls"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "httpd:", err)
		os.Exit(1)
	}
}

// options are the command's flags.
type options struct {
	addr, keytab, service, cert, key, realm string
	delegate, requireBinding, rc4Tickets    bool
	pac                                     sspi.PACPolicy
	allow                                   serve.Allow
}

// parse returns the options in args.
func parse(args []string, stderr io.Writer) (o options, err error) {
	fs := flag.NewFlagSet("httpd", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&o.addr, "addr", "localhost:8080", "`host:port` to listen on; port 0 chooses a free port")
	fs.StringVar(&o.keytab, "keytab", "", "keytab `file`; if empty, the value of KRB5_KTNAME, or /etc/krb5.keytab")
	fs.StringVar(&o.service, "service", "HTTP/", "the `principal` of the keytab that tickets must be issued for; HTTP/ accepts the HTTP service of every host in the keytab")
	fs.StringVar(&o.cert, "cert", "", "certificate `file` in PEM, for HTTPS")
	fs.StringVar(&o.key, "key", "", "private key `file` of the certificate, in PEM")
	fs.StringVar(&o.realm, "realm", "", "admit users of this `realm` only; if empty, users of trusted realms too")
	fs.BoolVar(&o.delegate, "delegate", false, "accept delegated credentials")
	fs.BoolVar(&o.requireBinding, "require-binding", false, "refuse clients that do not bind their login to the TLS connection")
	fs.BoolVar(&o.rc4Tickets, "rc4-tickets", false, "accept tickets that are encrypted with RC4, for a service account of Active Directory without AES keys; session keys must be AES even then")
	serve.NoPAC(fs, &o.pac)
	o.allow.Define(fs)
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	if (o.cert == "") != (o.key == "") {
		return o, errors.New("-cert and -key must be given together")
	}
	return o, nil
}

// run parses args and serves until ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewTextHandler(stderr, nil))
	acceptor, err := newAcceptor(&o, logger)
	if err != nil {
		return err
	}
	srv, err := newServer(&o, acceptor, logger)
	if err != nil {
		return err
	}
	if o.cert != "" {
		pair, err := tls.LoadX509KeyPair(o.cert, o.key)
		if err != nil {
			return err
		}
		srv.TLSConfig = sspitls.Record(&tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	}
	l, err := net.Listen("tcp", o.addr)
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, "listening on", l.Addr())
	return serveUntil(ctx, srv, l)
}

// newAcceptor returns an acceptor with the keys of the keytab.
func newAcceptor(o *options, logger *slog.Logger) (*sspi.Acceptor, error) {
	open := keytab.Default
	if o.keytab != "" {
		open = func() (*keytab.File, error) { return keytab.OpenFile(o.keytab) }
	}
	keys, err := open()
	if err != nil {
		return nil, err
	}
	cfg := sspi.Config{Keys: keys, Logger: logger, PAC: o.pac}
	if o.service != "" {
		cfg.Services = []string{o.service}
	}
	if o.rc4Tickets {
		cfg.TicketETypes = append(sspi.DefaultETypes(), keytab.RC4_HMAC)
	}
	return sspi.NewAcceptor(cfg)
}

// serveUntil serves until ctx ends, and returns when the running requests have finished or
// five seconds have passed.
func serveUntil(ctx context.Context, srv *http.Server, l net.Listener) error {
	ended := make(chan error, 1)
	go func() {
		if srv.TLSConfig != nil {
			ended <- srv.ServeTLS(l, "", "")
		} else {
			ended <- srv.Serve(l)
		}
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := srv.Shutdown(grace); err != nil {
		return srv.Close()
	}
	return nil
}
