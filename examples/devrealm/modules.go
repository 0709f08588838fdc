package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// module is the path of the root module, and the import path of the examples begins with it.
const module = "github.com/gosspi/kerberos"

// startModules builds and starts the servers that are programs of their own.
func (w *world) startModules(ctx context.Context) (err error) {
	w.out.print("The go command builds examples/ldapd, pgd and gss-server...\n")
	list := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module)
	root, err := list.Output()
	if err != nil {
		return fmt.Errorf("-services needs the go command, and a checkout of %s as the current directory: %w", module, err)
	}
	examples := filepath.Join(strings.TrimSpace(string(root)), "examples")
	if w.ldap, err = w.startModule(ctx, examples, "ldap", "ldapd", "-addr", "localhost:0", "-realm", realmName); err != nil {
		return err
	}
	if w.pg, err = w.startModule(ctx, examples, "pg", "pgd", "-addr", "localhost:0", "-realm", realmName); err != nil {
		return err
	}
	w.gss, err = w.startModule(ctx, examples, "gss", "gss-server", "-port", "0", "-verbose")
	return err
}

// startModule builds a server, starts it, and returns its address. The built program runs
// without the go command, so that stop ends the server itself.
func (w *world) startModule(ctx context.Context, examples, short, folder string, args ...string) (addr string, err error) {
	program := filepath.Join(w.dir, folder)
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	build := exec.CommandContext(ctx, "go", "build", "-C", filepath.Join(examples, folder), "-buildvcs=false", "-o", program, ".")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build of examples/%s: %w\n%s", folder, err, out)
	}
	running, end := context.WithCancel(context.Background())
	server := exec.CommandContext(running, program, append(args, "-keytab", w.serverKeytab())...)
	server.Cancel = func() error {
		if server.Process.Signal(os.Interrupt) != nil { // Windows has no such signal
			return server.Process.Kill()
		}
		return nil
	}
	server.WaitDelay = 10 * time.Second
	stdout, out := io.Pipe()
	stderr, records := io.Pipe()
	server.Stdout, server.Stderr = out, records
	if err := server.Start(); err != nil {
		end()
		return "", err
	}
	shown, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(shown)
		w.show(short, stderr)
	}()
	go func() {
		defer close(done)
		err := server.Wait()
		out.Close()
		records.Close()
		<-shown
		if running.Err() == nil {
			w.ended <- fmt.Errorf("examples/%s: %w", folder, errors.Join(err, errors.New("see its output above")))
		}
	}()
	w.stops = append(w.stops, func() { end(); <-done })
	return listening(stdout, folder)
}

// listening reads the address on which a server listens from its output.
func listening(stdout io.Reader, folder string) (string, error) {
	r := bufio.NewReader(stdout)
	line, _ := r.ReadString('\n')
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !ok {
		return "", fmt.Errorf("examples/%s ended before it listened", folder)
	}
	go io.Copy(io.Discard, r) // ends with the server
	return addr, nil
}

// show writes the records of a server, which are lines of slog.TextHandler.
func (w *world) show(server string, stderr io.Reader) {
	lines := bufio.NewScanner(stderr)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		w.out.record(server, lines.Text())
	}
	_, _ = io.Copy(io.Discard, stderr) // after a line that is too long
}

// record writes a line of slog.TextHandler: a login as [screen.event] does, and others as
// they are.
func (s *screen) record(server, line string) {
	f := fields(line)
	switch f["msg"] {
	case "kerberos: accepted":
		s.line(server, "accepted "+f["kerberos.client.name"], fmt.Sprintf("service %s, %s", f["kerberos.service.name"], f["kerberos.context.etype"]))
	case "kerberos: refused":
		s.refused(server, &refusal{
			reason: f["error.type"], detail: f["kerberos.error.detail"], cause: f["kerberos.error.cause"], help: f["kerberos.error.help"],
			client: f["kerberos.client.name"] + f["kerberos.client.unproven_name"], requested: f["kerberos.service.requested_name"],
		})
	case "listening", "connection": // gss-server writes them beside the records above
	default:
		s.line(server, line)
	}
}

// fields returns the attributes of a line of slog.TextHandler.
func fields(line string) map[string]string {
	all := make(map[string]string)
	for line != "" {
		key, rest, ok := strings.Cut(line, "=")
		if !ok {
			break
		}
		value, after, _ := strings.Cut(rest, " ")
		if quoted, err := strconv.QuotedPrefix(rest); err == nil {
			after = strings.TrimPrefix(rest[len(quoted):], " ")
			value, _ = strconv.Unquote(quoted) // QuotedPrefix has checked it
		}
		all[key] = value
		line = after
	}
	return all
}
