package interop

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/interop/program"
	"github.com/gosspi/kerberos/status"
)

// pgd returns the path of examples/pgd, which is a separate module.
var pgd = sync.OnceValues(func() (string, error) {
	return program.Build(world.dir, "our-pgd", "../../examples/pgd", ".")
})

// postgres is the service that psql requests by default. No test changes it.
var postgres struct {
	once sync.Once
	svc  *service
}

// pgService returns that service.
func (r *realm) pgService(t testing.TB) *service {
	t.Helper()
	postgres.once.Do(func() { postgres.svc = r.service(t, "postgres", 18, 18) })
	if postgres.svc == nil {
		t.Fatal("the service postgres could not be made")
	}
	return postgres.svc
}

// pgServer is examples/pgd.
type pgServer struct {
	*ourServer
	svc *service
}

// startPGD starts the server for a service with a keytab.
func startPGD(t testing.TB, r *realm, svc *service, keytab string, args ...string) *pgServer {
	t.Helper()
	path, err := pgd()
	if err != nil {
		t.Fatal(err)
	}
	args = append([]string{"-addr", "127.0.0.1:0", "-keytab", keytab, "-service", svc.name + "/", "-realm", realmName}, args...)
	p, err := start(r.env(), nil, path, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	const says = "listening on 127.0.0.1:"
	if err := p.Await("its address", func(out string) bool {
		_, rest, found := strings.Cut(out, says)
		return found && strings.Contains(rest, "\n")
	}); err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(p.Out.String(), says)
	port, _, _ = strings.Cut(port, "\n")
	s := &pgServer{&ourServer{p: p}, svc}
	if s.at, err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
	return s
}

// servePGD starts the server with the keytab of the service that psql requests.
func servePGD(t testing.TB, r *realm, args ...string) *pgServer {
	t.Helper()
	svc, keytab := r.pgService(t), filepath.Join(t.TempDir(), "keytab")
	svc.keytab(t, keytab)
	return startPGD(t, r, svc, keytab, args...)
}

// logged waits for the n-th line of a kind, and returns its attributes.
func (s *pgServer) logged(t testing.TB, kind string, n int) map[string]string {
	t.Helper()
	if err := s.p.Await(kind, func(out string) bool { return len(ourLines(out, kind)) >= n }); err != nil {
		t.Fatal(err)
	}
	return ourLines(s.p.Out.String(), kind)[n-1]
}

// psql runs a query as a database user.
func (s *session) psql(t testing.TB, srv *pgServer, mode, as, sql string) result {
	t.Helper()
	return run(t, s.env(), sql, "psql", "-XAtw", "-v", "ON_ERROR_STOP=1", "-d", srv.dsn(mode, as))
}

// dsn returns the connection string for psql. The address keeps psql from IPv6, and the
// host name is that of the principal.
func (s *pgServer) dsn(mode, as string) string {
	dsn := fmt.Sprintf("host=localhost hostaddr=127.0.0.1 port=%d user=%s dbname=db gssencmode=%s sslmode=disable", s.port(), as, mode)
	if s.svc.name != "postgres" {
		dsn += " krbsrvname=" + s.svc.name
	}
	return dsn
}

// These are the flags that libpq requests, with those that MIT adds.
const (
	pgPlain = flags.ASC_RET_MUTUAL_AUTH | protect
	pgEnc   = pgPlain | flags.ASC_RET_REPLAY_DETECT | flags.ASC_RET_SEQUENCE_DETECT
)

// TestInteropPSQL_Modes checks every encryption mode of psql with every mode of the server.
func TestInteropPSQL_Modes(t *testing.T) {
	r := theRealm(t, "psql")
	t.Parallel()
	worked(t, "pgd", "psql", "Kerberos", "mutual")
	worked(t, "pgd", "psql", "Kerberos", "GSSENC")
	login := r.login(t)
	for _, c := range []struct {
		server, client string
		encrypted      bool
		text           string // the message of a refused client
	}{
		{server: "require", client: "disable", text: "FATAL:  this server requires GSSAPI encryption"},
		{server: "require", client: "prefer", encrypted: true},
		{server: "require", client: "require", encrypted: true},
		{server: "allow", client: "disable"},
		{server: "allow", client: "prefer", encrypted: true},
		{server: "allow", client: "require", encrypted: true},
		{server: "off", client: "disable"},
		{server: "off", client: "prefer"},
		{server: "off", client: "require", text: "server doesn't support GSSAPI encryption"},
	} {
		t.Run(c.server+","+c.client, func(t *testing.T) {
			srv := servePGD(t, r, "-encrypt", c.server)
			res := login.psql(t, srv, c.client, user, "select current_user; select * from pg_stat_gssapi;")
			if c.text != "" {
				refusedPSQL(t, srv, res, c.text)
				return
			}
			sealed, want := "f", pgPlain
			if c.encrypted {
				sealed, want = "t", pgEnc
			}
			if res.code != 0 || res.out != user+"\nt|"+user+"@"+realmName+"|"+sealed+"\n" {
				t.Errorf("exit %d\n%s", res.code, res.out)
			}
			line := srv.logged(t, accepted, 1)
			if line["kerberos.client.name"] != user+"@"+realmName || line["user.name"] != user || line["db.namespace"] != "db" ||
				line["kerberos.gssenc"] != strconv.FormatBool(c.encrypted) || flagsOf(line["kerberos.context.flags"]) != want {
				t.Errorf("the server logged %v; want encrypted %v, flags %v", line, c.encrypted, want)
			}
			if code := srv.terminate(t); code != 0 {
				t.Errorf("the server ended with %d:\n%s", code, srv.p.Out)
			}
		})
	}
}

// refusedPSQL checks that psql could not connect and printed the text, and that the server
// accepted no client.
func refusedPSQL(t *testing.T, srv *pgServer, res result, text string) {
	t.Helper()
	const badConnection = 2 // the exit code of psql
	if res.code != badConnection || !strings.Contains(res.out, text) {
		t.Errorf("psql: exit %d, want %d with %q:\n%s", res.code, badConnection, text, res.out)
	}
	if in := ourLines(srv.p.Out.String(), accepted); len(in) > 0 {
		t.Errorf("the server logged in %v", in)
	}
}

// TestInteropPSQL_Refusals checks that psql prints the cause, with encryption and without,
// and that the log has the details.
func TestInteropPSQL_Refusals(t *testing.T) {
	r := theRealm(t, "psql", "faketime")
	t.Parallel()
	for _, c := range refusals {
		if c.replay {
			continue // psql makes a new token for each connection
		}
		// A server that has no key of its services reports that.
		if c.reason == status.ReasonWrongService {
			c.reason, c.text = status.ReasonNoKey, "Service key not available"
		}
		for _, mode := range []string{"disable", "prefer", "require"} {
			t.Run(c.name+","+mode, func(t *testing.T) {
				keytab, login := filepath.Join(t.TempDir(), "keytab"), r.login(t)
				_, asked := c.prepare(t, r, login, keytab)
				srv := startPGD(t, r, asked, keytab, "-encrypt", "allow")
				if c.env != nil {
					login.extra = c.env()
				}
				refusedPSQL(t, srv, login.psql(t, srv, mode, user, "select current_user;"), c.text)
				line := srv.logged(t, refused, 1)
				if c.reason != status.ReasonNone && line["error.type"] != c.reason.String() {
					t.Errorf("the server logged %v; want the reason %v", line, c.reason)
				}
				t.Log(line)
			})
		}
	}
}

// TestInteropPSQL_WrongUser checks that alice's ticket admits her only as alice.
func TestInteropPSQL_WrongUser(t *testing.T) {
	r := theRealm(t, "psql")
	t.Parallel()
	srv, login := servePGD(t, r, "-encrypt", "allow"), r.login(t)
	for _, as := range []string{"bob", "postgres", "ALICE", user + "@" + realmName} {
		for _, mode := range []string{"disable", "prefer", "require"} {
			refusedPSQL(t, srv, login.psql(t, srv, mode, as, "select current_user;"),
				fmt.Sprintf("FATAL:  GSSAPI authentication failed for user %q", as))
		}
	}
	if line := srv.logged(t, refused, 1); line["kerberos.client.name"] != user+"@"+realmName || line["user.name"] != "bob" {
		t.Errorf("the server logged %v", line)
	}
	if res := login.psql(t, srv, "prefer", user, "select current_user;"); res.code != 0 {
		t.Errorf("the next good client: exit %d\n%s", res.code, res.out)
	}
}

// TestInteropPSQL_NoTicket checks that psql itself reports a missing ticket.
func TestInteropPSQL_NoTicket(t *testing.T) {
	r := theRealm(t, "psql")
	t.Parallel()
	nobody := &session{realm: r, cache: filepath.Join(t.TempDir(), "none")}
	for _, c := range []struct{ server, mode, text string }{
		{"allow", "disable", "No Kerberos credentials available"},
		{"allow", "prefer", "No Kerberos credentials available"},
		{"allow", "require", "GSSAPI encryption required but was impossible"},
		{"require", "prefer", "FATAL:  this server requires GSSAPI encryption"},
	} {
		srv := servePGD(t, r, "-encrypt", c.server)
		refusedPSQL(t, srv, nobody.psql(t, srv, c.mode, user, "select current_user;"), c.text)
	}
}

// TestInteropPSQL_ETypes checks the encryption with each type, for which packets have
// different sizes.
func TestInteropPSQL_ETypes(t *testing.T) {
	r := theRealm(t, "psql")
	t.Parallel()
	login := r.login(t)
	for etype := range 4 {
		etype += 17
		t.Run(etypes[etype], func(t *testing.T) {
			svc, keytab := r.service(t, unique("pg"), etype, etype), filepath.Join(t.TempDir(), "keytab")
			svc.keytab(t, keytab)
			srv := startPGD(t, r, svc, keytab)
			longPSQL(t, login, srv, "require")
		})
	}
}

// TestInteropPSQL_Long runs the same queries without encryption, as a control.
func TestInteropPSQL_Long(t *testing.T) {
	r := theRealm(t, "psql")
	t.Parallel()
	longPSQL(t, r.login(t), servePGD(t, r, "-encrypt", "off"), "disable")
}

// longPSQL sends queries and expects results that need many packets, and some that exactly
// fill a packet.
func longPSQL(t *testing.T, login *session, srv *pgServer, mode string) {
	t.Helper()
	var sql, want strings.Builder
	for _, n := range []int{1, 8191, 16000, 16310, 16384, 50_000, 200_000} {
		x := strings.Repeat("x", n)
		fmt.Fprintf(&sql, "select length('%s');\nselect repeat('x', %d);\n", x, n)
		fmt.Fprintf(&want, "%d\n%s\n", n, x)
	}
	res := login.psql(t, srv, mode, user, sql.String())
	if res.code != 0 || res.out != want.String() {
		t.Errorf("exit %d, %d bytes, want %d; begins with %.200q\n%s", res.code, len(res.out), want.Len(), res.out, srv.p.Out)
	}
}

// TestInteropPSQL_QueryFails checks that an unsupported query is an error and does not end
// the session. \gdesc prepares a statement, which pgd supports, and then sends a query that
// pgd does not support.
func TestInteropPSQL_QueryFails(t *testing.T) {
	r := theRealm(t, "psql")
	t.Parallel()
	srv, login := servePGD(t, r), r.login(t)
	res := login.psql(t, srv, "require", user, `\set ON_ERROR_STOP 0
drop table students;
select current_user \gdesc
select current_user;
`)
	if res.code != 0 || strings.Count(res.out, "ERROR:  this is no database") != 2 || !strings.HasSuffix(res.out, "\n"+user+"\n") {
		t.Errorf("exit %d\n%s", res.code, res.out)
	}
}

// TestInteropPSQL_Spoilt checks that an invalid token gets no KRB-ERROR. psql shows the
// answer, which at that point is not an ErrorResponse.
func TestInteropPSQL_Spoilt(t *testing.T) {
	r := theRealm(t, "psql")
	t.Parallel()
	srv, login := servePGD(t, r), r.login(t)
	direct := srv.at
	srv.at = spoil(t, direct)
	refusedPSQL(t, srv, login.psql(t, srv, "require", user, "select current_user;"), "failed: GSSAPI authentication failed\n")
	if line := srv.logged(t, refused, 1); line["error.type"] != status.ReasonMalformedToken.String() {
		t.Errorf("the server logged %v", line)
	}
}

// spoil returns the port of a relay for one connection. The relay changes the first byte of
// the first token, which follows a GSSENCRequest and a length.
func spoil(t *testing.T, to int) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		client, err := l.Accept()
		if err != nil {
			return
		}
		defer client.Close()
		server, err := net.Dial("tcp", address(to))
		if err != nil {
			return
		}
		defer server.Close()
		go func() {
			const before = 8 + 4
			head := make([]byte, before+1)
			if n, err := io.ReadFull(client, head[:8]); err == nil {
				_, _ = server.Write(head[:n])
			}
			if _, err := io.ReadFull(client, head[8:]); err != nil {
				return
			}
			head[before]++
			_, _ = server.Write(head[8:])
			_, _ = io.Copy(server, client)
		}()
		_, _ = io.Copy(client, server)
	}()
	return l.Addr().(*net.TCPAddr).Port
}

// TestInteropPSQL_Term checks that the server sends waiting sessions an error after
// SIGTERM.
func TestInteropPSQL_Term(t *testing.T) {
	r := theRealm(t, "psql")
	t.Parallel()
	srv, login := servePGD(t, r), r.login(t)
	stdin, typed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer typed.Close()
	p, err := start(login.env(), stdin, "psql", "-XAtw", "-d", srv.dsn("require", user))
	stdin.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	srv.logged(t, accepted, 1)
	if code := srv.terminate(t); code != 0 {
		t.Errorf("the server ended with %d:\n%s", code, srv.p.Out)
	}
	fmt.Fprintln(typed, "select current_user;") // psql checks the connection when it sends something
	if code, err := p.Exit(); code == 0 || err != nil || !strings.Contains(p.Out.String(), "FATAL:  terminating connection due to administrator command") {
		t.Errorf("exit %d, %v\n%s", code, err, p.Out)
	}
}
