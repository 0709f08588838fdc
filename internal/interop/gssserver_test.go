package interop

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/gosspi/kerberos/flags"
)

// server is a server of the gss-sample protocol: MIT's, which proves the harness, or this
// library's example.
type server interface {
	port() int
	// contexts waits until the server has reported n connections, and returns these
	// reports.
	contexts(t testing.TB, n int) []report
}

// report is a server's report of one connection.
type report struct {
	client   string // the principal, or "" without authentication
	flags    flags.ASC_RET
	messages int
	fields   map[string]string // further attributes of examples/gss-server
}

// mitServer is MIT's gss-server.
type mitServer struct {
	p  *process
	at int
}

func startMIT(t testing.TB, r *realm, keytab string, svc *service) *mitServer {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	p, err := start(r.env(), nil, "gss-server", "-port", strconv.Itoa(port), "-keytab", keytab, "-verbose", svc.hostBased())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	if err := p.Await("its start", func(out string) bool { return strings.Contains(out, "starting...") }); err != nil {
		t.Fatal(err)
	}
	return &mitServer{p, port}
}

func (s *mitServer) port() int { return s.at }

var (
	mitClient   = regexp.MustCompile(`Accepted connection: "([^"]*)"`)
	mitFlag     = regexp.MustCompile(`context flag: (GSS_C_\w+)`)
	mitMessages = regexp.MustCompile(`Received message:`)
)

func (s *mitServer) contexts(t testing.TB, n int) []report {
	t.Helper()
	// Each connection ends with a NOOP. A connection without a context also begins with
	// one, after a line of its own.
	parts := func(out string) []string {
		out = strings.ReplaceAll(out, "Accepted unauthenticated connection.\nAccepted unauthenticated connection.\n", "")
		all := strings.SplitAfter(out, "NOOP token")
		return all[:len(all)-1]
	}
	if err := s.p.Await(strconv.Itoa(n)+" connections", func(out string) bool { return len(parts(out)) >= n }); err != nil {
		t.Fatal(err)
	}
	var all []report
	for _, part := range parts(s.p.Out.String()) {
		r := report{messages: len(mitMessages.FindAllString(part, -1))}
		if m := mitClient.FindStringSubmatch(part); m != nil {
			r.client = m[1]
		}
		for _, m := range mitFlag.FindAllStringSubmatch(part, -1) {
			r.flags |= mitFlags[m[1]]
		}
		all = append(all, r)
	}
	return all
}

// mitFlags maps the flags that MIT's server prints to those of this library.
var mitFlags = map[string]flags.ASC_RET{
	"GSS_C_DELEG_FLAG": flags.ASC_RET_DELEGATE, "GSS_C_MUTUAL_FLAG": flags.ASC_RET_MUTUAL_AUTH,
	"GSS_C_REPLAY_FLAG": flags.ASC_RET_REPLAY_DETECT, "GSS_C_SEQUENCE_FLAG": flags.ASC_RET_SEQUENCE_DETECT,
	"GSS_C_CONF_FLAG": flags.ASC_RET_CONFIDENTIALITY, "GSS_C_INTEG_FLAG": flags.ASC_RET_INTEGRITY,
}

// ourServer is examples/gss-server.
type ourServer struct {
	p  *process
	at int
}

// startOurs builds examples/gss-server once and starts it. The server chooses a free port
// and prints it.
func startOurs(t testing.TB, r *realm, keytab string, args ...string) *ourServer {
	t.Helper()
	world.buildOnce.Do(func() {
		world.server, world.buildErr = build(world.dir, "our-gss-server", "github.com/gosspi/kerberos/examples/gss-server")
	})
	if world.buildErr != nil {
		t.Fatal(world.buildErr)
	}
	p, err := start(r.env(), nil, world.server, append([]string{"-port", "0", "-keytab", keytab}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	s := &ourServer{p: p}
	if err := p.Await("its address", func(out string) bool { return len(ourLines(out, "listening")) > 0 }); err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(ourLines(p.Out.String(), "listening")[0]["addr"], ":")
	if s.at, err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *ourServer) port() int { return s.at }

func (s *ourServer) contexts(t testing.TB, n int) []report {
	t.Helper()
	ended := func(out string) []map[string]string { return ourLines(out, "connection") }
	if err := s.p.Await(strconv.Itoa(n)+" connections", func(out string) bool { return len(ended(out)) >= n }); err != nil {
		t.Fatal(err)
	}
	var all []report
	for _, line := range ended(s.p.Out.String()) {
		messages, _ := strconv.Atoi(line["messages"])
		all = append(all, report{client: line["client"], flags: flagsOf(line["flags"]), messages: messages, fields: line})
	}
	return all
}

// terminate ends the server with SIGTERM and returns its exit code.
func (s *ourServer) terminate(t testing.TB) int {
	t.Helper()
	s.signal(t)
	code, err := s.p.Exit()
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// signal sends SIGTERM to the server.
func (s *ourServer) signal(t testing.TB) {
	t.Helper()
	if err := s.p.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
}

// flagsOf parses the names that ASC_RET prints.
func flagsOf(names string) flags.ASC_RET {
	var f flags.ASC_RET
	for _, name := range strings.Split(names, "|") {
		for bit := flags.ASC_RET(1); bit != 0; bit <<= 1 {
			if bit.String() == name {
				f |= bit
			}
		}
	}
	return f
}

// These are the messages of the acceptor's records.
const (
	accepted = "kerberos: accepted"
	refused  = "kerberos: refused"
)

// ourLines returns the attributes of each line with the message in the log of
// examples/gss-server.
func ourLines(out, message string) []map[string]string {
	var all []map[string]string
	for line := range strings.Lines(out) {
		if fields := logfmt(strings.TrimSpace(line)); fields["msg"] == message && strings.HasSuffix(line, "\n") {
			all = append(all, fields)
		}
	}
	return all
}

// logfmt parses key=value pairs with quoted values, as log/slog's TextHandler writes them.
func logfmt(line string) map[string]string {
	fields := make(map[string]string)
	for line != "" {
		key, rest, ok := strings.Cut(line, "=")
		if !ok {
			break
		}
		value, err := strconv.QuotedPrefix(rest)
		if err == nil {
			line = strings.TrimPrefix(rest[len(value):], " ")
			value, _ = strconv.Unquote(value)
		} else {
			value, line, _ = strings.Cut(rest, " ")
		}
		fields[key] = value
	}
	return fields
}

// clients returns the names of all clients, without repetition.
func clients(reports []report) []string {
	var names []string
	for _, r := range reports {
		names = append(names, r.client)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
