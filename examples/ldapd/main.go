// Command ldapd is a small LDAP server whose clients log in with Kerberos: OpenLDAP's
// tools and other LDAP clients with SASL.
//
//	ldapd -addr 127.0.0.1:3389 -keytab /etc/ldap.keytab
//	ldapwhoami -H ldap://server.example.com:3389 -Y GSSAPI
//	ldapsearch -H ldap://server.example.com:3389 -Y GSSAPI -b cn=session
//
// The keytab must have the key of ldap/server.example.com. The mechanisms are GSSAPI and
// GSS-SPNEGO, and GS2-KRB5 if the server accepts sessions without a security layer: after
// StartTLS, which needs -cert and -key, or if -layers contains "none". The directory has
// two entries: the root, which every client may read, and cn=session, whose attributes
// describe the client and its login.
//
// -allow 'CORP\staff' admits the members of a group only, whose name and SID are in the file of
// -names.
//
// The acceptor logs one line for each login, each refusal and each bind that the client
// breaks off. SIGTERM or an interrupt ends the server: it sends every client a Notice of
// Disconnection, and exits with 0.
//
// Sizes, times and numbers of connections are limited. A client has 30 seconds to log in,
// and at most 256 connections are open without a login: one more closes the oldest of the
// client address that has the most.
package main

import (
	"context"
	"crypto/tls"
	"errors"
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
	"github.com/gosspi/kerberos/sspi/sspisasl"
	"github.com/gosspi/kerberos/sspi/sspitls"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "ldapd:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("ldapd", flag.ExitOnError)
	addr := fs.String("addr", "127.0.0.1:3389", "`host:port` to listen on; port 0 chooses a free port")
	file := fs.String("keytab", "", "keytab `file`; if empty, the value of KRB5_KTNAME, or /etc/krb5.keytab")
	layers := fs.String("layers", "integrity,confidentiality", "security `layers` that clients may choose, separated by commas; after StartTLS clients may choose \"none\" too")
	realms := fs.String("realm", "", "`realms`, separated by commas, whose users may act under their bare names (u:alice); if empty, a client may act under its whole principal only")
	cert := fs.String("cert", "", "certificate `file` in PEM, for StartTLS")
	key := fs.String("key", "", "private key `file` of the certificate, in PEM")
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
	srv := newServer(slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if *realms != "" {
		srv.realms = strings.Split(*realms, ",")
	}
	var err error
	if srv.rule, _, err = allow.Rule(srv.log); err != nil {
		return err
	}
	if srv.layers, err = parseLayers(*layers); err != nil {
		return err
	}
	if srv.acceptor, err = newAcceptor(*file, policy, srv.log); err != nil {
		return err
	}
	if *cert != "" || *key != "" {
		if err := srv.loadTLS(*cert, *key); err != nil {
			return err
		}
	}
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	fmt.Println("listening on", l.Addr())
	return srv.Serve(ctx, l)
}

func newAcceptor(file string, policy sspi.PACPolicy, log *slog.Logger) (*sspi.Acceptor, error) {
	open := func() (*keytab.File, error) { return keytab.OpenFile(file) }
	if file == "" {
		open = keytab.Default
	}
	keys, err := open()
	if err != nil {
		return nil, err
	}
	return sspi.NewAcceptor(sspi.Config{Keys: keys, Services: []string{"ldap/"}, PAC: policy, Logger: log})
}

func parseLayers(s string) (sspisasl.Layer, error) {
	var set sspisasl.Layer
	for name := range strings.SplitSeq(s, ",") {
		var found sspisasl.Layer
		for _, l := range []sspisasl.Layer{sspisasl.NoLayer, sspisasl.Integrity, sspisasl.Confidentiality} {
			if l.String() == name {
				found = l
			}
		}
		if found == 0 {
			return 0, fmt.Errorf("-layers has %q; the security layers are none, integrity and confidentiality", name)
		}
		set |= found
	}
	return set, nil
}

func (srv *server) loadTLS(cert, key string) error {
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return err
	}
	srv.tls = &tls.Config{Certificates: []tls.Certificate{pair}}
	if srv.bindings, err = sspitls.EndPoints(srv.tls); err != nil {
		return err
	}
	if len(srv.bindings) == 0 {
		return errors.New("the certificate's signature algorithm defines no channel binding")
	}
	return nil
}
