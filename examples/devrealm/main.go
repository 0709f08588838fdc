// Command devrealm is a Kerberos realm to play with. It starts a KDC, a web server and an SSH
// server on free ports of the loopback interface, and prints lines to paste into a second
// terminal, where curl, ssh and browsers are then logged in as alice. It shows each login, and
// the reason of each refusal.
//
//	go run ./examples/devrealm
//
// It needs no root, no KDC and no configuration of the machine: all files are in a temporary
// directory, which it removes at the end. The flag -services adds an LDAP server, a
// PostgreSQL server and the server for MIT's gss-client, -ad gives the users accounts of Active Directory, and -break starts a
// realm with an error, and explains how to find the error. An interrupt (Ctrl-C) ends it.
//
// It is for learning and for tests: other users of the machine can connect to its ports, and
// its KDC does not limit attempts to guess a password.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if errors.Is(err, errUsage) {
		os.Exit(2)
	}
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "devrealm:", err)
		os.Exit(1)
	}
}

// errUsage is the error of a wrong flag, which package flag has printed.
var errUsage = errors.New("usage")

// options are the command's flags.
type options struct {
	fault    *fault // nil: none
	ad       bool
	services bool
}

// parse returns the options in args.
func parse(args []string, stderr io.Writer) (o options, err error) {
	fs := flag.NewFlagSet("devrealm", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.BoolVar(&o.services, "services", false, "also start examples/ldapd, pgd and gss-server, which the go command builds first")
	fs.BoolVar(&o.ad, "ad", false, "give alice and bob accounts of Active Directory, with groups")
	fs.Func("break", "start a realm with the error `NAME` on purpose, and explain it: "+strings.Join(faultNames(), ", "), func(name string) error {
		if o.fault = faultNamed(name); o.fault == nil {
			return fmt.Errorf("the names are %s", strings.Join(faultNames(), ", "))
		}
		return nil
	})
	if err := fs.Parse(args); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			err = fmt.Errorf("%w: %w", errUsage, err)
		}
		return o, err
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	return o, nil
}

// run parses args, and serves the realm until ctx ends. It removes the files of the realm.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "devrealm-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	out := newScreen(stdout)
	w, err := build(ctx, &o, dir, out)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil // an interrupt ended the build
	case err != nil:
		return err
	}
	out.print(w.instructions())
	err = w.wait(ctx)
	out.print("\nThe realm has ended, and its files are removed.\n")
	return err
}
