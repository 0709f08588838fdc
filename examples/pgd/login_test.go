package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/ticket/pac"
)

func TestLogin_GSS(t *testing.T) {
	w := start(t, allowEncryption)
	p := w.dial()
	p.ask(&pgproto3.SSLRequest{}, 'N')
	p.startup("alice")
	p.gss(w.initiate("alice", sspitest.Options{}))
	p.in()
	if row, _ := p.query("select current_user"); len(row) != 1 || row[0] != "alice" {
		t.Errorf("current_user is %q", row)
	}
	if row, _ := p.query("SELECT * FROM pg_stat_gssapi;"); strings.Join(row, " ") != "t alice@EXAMPLE.COM f" {
		t.Errorf("pg_stat_gssapi is %q", row)
	}
	w.log.await(t, `msg="kerberos: accepted"`, "kerberos.client.name=alice@EXAMPLE.COM", "user.name=alice", "db.namespace=db", "kerberos.gssenc=false", "client.address=127.0.0.1", "MUTUAL_AUTH")
	p.send(&pgproto3.Terminate{})
	p.closed()
}

// TestLogin_OneWay checks the login of a client that does not ask the server to
// authenticate itself.
func TestLogin_OneWay(t *testing.T) {
	w := start(t, noEncryption)
	p := w.dial()
	p.startup("alice")
	p.gss(w.initiate("alice", sspitest.Options{OneWay: true}))
	p.in()
}

func TestLogin_Encrypted(t *testing.T) {
	for _, encrypt := range []encryption{allowEncryption, requireEncryption} {
		w := start(t, encrypt)
		p := w.dial()
		p.encrypt(w.initiate("alice", sspitest.Options{}))
		p.startup("alice")
		p.in() // without a second exchange
		if row, _ := p.query("select * from pg_stat_gssapi"); strings.Join(row, " ") != "t alice@EXAMPLE.COM t" {
			t.Errorf("%s: pg_stat_gssapi is %q", encrypt, row)
		}
		w.log.await(t, `msg="kerberos: accepted"`, "kerberos.client.name=alice@EXAMPLE.COM", "kerberos.gssenc=true", "CONFIDENTIALITY")
	}
}

// TestLogin_PGX checks the login of pgx, which takes its tokens from sspitest.
func TestLogin_PGX(t *testing.T) {
	w := start(t, allowEncryption)
	pgconn.RegisterGSSProvider(func() (pgconn.GSS, error) { return &provider{w: w}, nil })
	host, port, err := net.SplitHostPort(w.addr)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	dsn := "host=" + host + " port=" + port + " database=db sslmode=prefer user="
	conn, err := pgconn.Connect(ctx, dsn+"alice")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	results, err := conn.Exec(ctx, "select current_user").ReadAll()
	if err != nil || len(results) != 1 || string(results[0].Rows[0][0]) != "alice" {
		t.Errorf("%v, %v", results, err)
	}
	// The server refuses parameters with an answer that the driver understands, and the
	// session continues.
	if _, err := conn.ExecParams(ctx, "select $1", [][]byte{[]byte("1")}, nil, nil, nil).Close(); !isError(err, "0A000") {
		t.Errorf("ExecParams: %v", err)
	}
	if _, err := conn.Prepare(ctx, "p", "select current_user", nil); err != nil {
		t.Errorf("Prepare: %v", err)
	}
	if r := conn.ExecPrepared(ctx, "p", nil, nil, nil).Read(); r.Err != nil || len(r.Rows) != 1 || string(r.Rows[0][0]) != "alice" {
		t.Errorf("ExecPrepared: %v", r.Err)
	}
	if _, err := conn.Exec(ctx, "select session_user").ReadAll(); err != nil {
		t.Error(err)
	}
	if _, err := pgconn.Connect(ctx, dsn+"bob"); !isError(err, "28000") {
		t.Errorf("alice as bob: %v", err)
	}
}

func isError(err error, code string) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == code
}

// provider is a pgconn.GSS. It makes alice's tokens for service and ignores the name of the
// service that pgx requests.
type provider struct {
	w *world
	i *sspitest.Initiator
}

func (p *provider) GetInitToken(_, _ string) ([]byte, error) { return p.GetInitTokenFromSPN("") }

func (p *provider) GetInitTokenFromSPN(string) (token []byte, err error) {
	if p.i, err = p.w.realm.User("alice").Initiate(service, sspitest.Options{}); err != nil {
		return nil, err
	}
	token, _, err = p.i.Next(nil)
	return token, err
}

func (p *provider) Continue(in []byte) (done bool, out []byte, err error) {
	out, done, err = p.i.Next(in)
	return done, out, err
}

// TestLogin_SPNEGO checks that a client may send Kerberos in SPNEGO, as pgjdbc does with
// useSpnego, in messages of the protocol and in GSSENC.
func TestLogin_SPNEGO(t *testing.T) {
	w := start(t, allowEncryption)
	p := w.dial()
	p.startup("alice")
	p.gss(w.initiate("alice", sspitest.Options{SPNEGO: true}))
	p.in()
	p = w.dial()
	p.encrypt(w.initiate("alice", sspitest.Options{SPNEGO: true}))
	p.startup("alice")
	p.in()
	if row, code := p.query("select current_user"); len(row) != 1 || row[0] != "alice" {
		t.Errorf("%q, %s", row, code)
	}
}

// TestNAME_8_DatabaseUser checks that the database user is the whole principal without
// -realm, and the bare name of a user of one of its realms with -realm. The realm of the
// service's key makes no difference.
func TestNAME_8_DatabaseUser(t *testing.T) {
	for _, row := range []struct {
		realms          []string
		principal, user string
		refused         string // the reason in the log, "" if the client is accepted
	}{
		{nil, "alice@EXAMPLE.COM", "alice", "asks to be"},
		{nil, "alice@EXAMPLE.COM", "alice@EXAMPLE.COM", ""},
		{nil, "alice@OTHER.EXAMPLE", "alice@OTHER.EXAMPLE", ""},
		{nil, "alice@OTHER.EXAMPLE", "alice@EXAMPLE.COM", "asks to be"},
		{nil, "alice@OTHER.EXAMPLE", "alice", "asks to be"},
		{[]string{"OTHER.EXAMPLE"}, "alice@OTHER.EXAMPLE", "alice", ""},
		{[]string{"OTHER.EXAMPLE"}, "alice@EXAMPLE.COM", "alice", "its realm is"},
		{[]string{"OTHER.EXAMPLE"}, "alice@OTHER.EXAMPLE", "alice@OTHER.EXAMPLE", "asks to be"},
		{[]string{"EXAMPLE.COM"}, "1000@EXAMPLE.COM", "1000", "its name"},
	} {
		w := start(t, allowEncryption, func(s *server) { s.realms = row.realms })
		p := w.dial()
		p.startup(row.user)
		p.gss(w.initiate(row.principal, sspitest.Options{}))
		if row.refused == "" {
			p.in()
			continue
		}
		p.refused("28000", "GSSAPI authentication failed for user")
		w.log.await(t, `msg="kerberos: refused"`, "error.type=not-authorized", row.refused)
	}
}

// TestNAME_3_PGD checks that a client is the database user of its account, whatever name it
// typed, and that a ticket without PAC proves no database user.
func TestNAME_3_PGD(t *testing.T) {
	sid := pac.MustParseSID("S-1-5-21-1-2-3-1105")
	bob := sspitest.Options{Account: &sspitest.Account{Name: "bob", SID: sid}}
	ws1 := sspitest.Options{Account: &sspitest.Account{Name: "WS1$", SID: sid}}
	noPAC := sspitest.Options{NoPAC: true}
	const undeclared = `if the realm \"EXAMPLE.COM\" issues no PACs, add it to Config.PAC.RealmsWithoutPAC`
	for _, row := range []struct {
		typed   string
		o       sspitest.Options
		realms  []string
		user    string
		refusal string // "": the login succeeds
	}{
		{"root", bob, []string{"EXAMPLE.COM"}, "bob", ""},
		{"root", bob, []string{"EXAMPLE.COM"}, "root", `is the database user \"bob\", and asks to be \"root\"`},
		{"root", bob, nil, "bob@EXAMPLE.COM", ""},
		{"root", bob, nil, "root@EXAMPLE.COM", `is the database user \"bob@EXAMPLE.COM\"`},
		{"WS1", ws1, []string{"EXAMPLE.COM"}, "WS1", `with the account \"EXAMPLE\\\\WS1$\" is not a plain user`},
		{"WS1", ws1, []string{"EXAMPLE.COM"}, "WS1$", `its name contains '$'`},
		{"root", noPAC, []string{"EXAMPLE.COM"}, "root", undeclared},
		{"root", noPAC, nil, "root@EXAMPLE.COM", undeclared},
	} {
		w := start(t, allowEncryption, func(s *server) { s.realms = row.realms })
		p := w.dial()
		p.startup(row.user)
		p.gss(w.initiate(row.typed, row.o))
		if row.refusal == "" {
			p.in()
			continue
		}
		p.refused("28000", "GSSAPI authentication failed for user")
		w.log.await(t, `msg="kerberos: refused"`, "error.type=not-authorized", row.refusal)
	}
}

// TestLogin_WrongUser checks that only alice@EXAMPLE.COM may be the database user alice,
// and that she may be no other.
func TestLogin_WrongUser(t *testing.T) {
	w := start(t, allowEncryption)
	for principal, users := range map[string][]string{
		"alice":               {"bob", "Alice", "alice@EXAMPLE.COM", "alice\nbob", "postgres"},
		"alice@OTHER.EXAMPLE": {"alice"},
		"alice/admin":         {"alice", "alice/admin"},
	} {
		for _, user := range users {
			p := w.dial()
			p.startup(user)
			p.gss(w.initiate(principal, sspitest.Options{}))
			p.refused("28000", "GSSAPI authentication failed for user")

			p = w.dial()
			p.encrypt(w.initiate(principal, sspitest.Options{}))
			p.startup(user)
			p.refused("28000", "GSSAPI authentication failed for user")
		}
	}
	w.log.await(t, `msg="kerberos: refused"`, "kerberos.client.name=alice@OTHER.EXAMPLE", "user.name=alice ")
	if text := w.log.String(); strings.Contains(text, "kerberos: accepted") {
		t.Errorf("the server accepted a login:\n%s", text)
	}
	w.login("alice")
}

// TestLogin_Refused checks that the server refuses tokens that do not authenticate a
// client, in messages of the protocol and in GSSENC.
func TestLogin_Refused(t *testing.T) {
	w := start(t, allowEncryption)
	now := w.realm.Now()
	ntlm := append([]byte("NTLMSSP\x00\x01\x00\x00\x00"), make([]byte, 20)...)
	for name, row := range map[string]struct {
		token  []byte
		reason string
		told   bool // the server answers with a KRB-ERROR
	}{
		"none":    {nil, "malformed-token", false},
		"NTLM":    {ntlm, "ntlm", false},
		"rubbish": {[]byte("rubbish"), "malformed-token", false},
		"zeros":   {make([]byte, maxToken-100), "malformed-token", false},
		"expired": {w.token("alice", sspitest.Options{EndTime: now.Add(-time.Hour)}), "ticket-expired", true},
	} {
		t.Run(name, func(t *testing.T) {
			p := w.dial()
			p.startup("alice")
			expect[*pgproto3.AuthenticationGSS](p)
			p.send(&pgproto3.GSSResponse{Data: row.token})
			if row.told {
				if _, err := sspitest.ParseError(expect[*pgproto3.AuthenticationGSSContinue](p).Data); err != nil {
					t.Error(err)
				}
			}
			p.refused("28000", `GSSAPI authentication failed for user "alice"`)
			w.log.await(t, `msg="kerberos: refused"`, "user.name=alice", "error.type="+row.reason, "kerberos.gssenc=false")

			p = w.dial()
			p.ask(&pgproto3.GSSEncRequest{}, 'G')
			p.write(packet(row.token))
			if row.told {
				if _, err := sspitest.ParseError(p.packet()); err != nil {
					t.Error(err)
				}
				p.closed()
			} else {
				p.text("EGSSAPI authentication failed\x00")
			}
		})
	}
	w.login("alice")
}

// TestLogin_Fragment checks that the server does not wait for the rest of a SPNEGO token: a
// message, or a packet of GSSENC, has a whole token.
func TestLogin_Fragment(t *testing.T) {
	w := start(t, allowEncryption)
	token := w.token("alice", sspitest.Options{SPNEGO: true})
	p := w.dial()
	p.startup("alice")
	expect[*pgproto3.AuthenticationGSS](p)
	p.send(&pgproto3.GSSResponse{Data: token[:len(token)/2]})
	expect[*pgproto3.AuthenticationGSSContinue](p) // SPNEGO's reject
	p.refused("28000", `GSSAPI authentication failed for user "alice"`)
	w.log.await(t, `msg="kerberos: refused"`, "error.type=malformed-token", "kerberos.gssenc=false")

	p = w.dial()
	p.ask(&pgproto3.GSSEncRequest{}, 'G')
	p.write(packet(token[:len(token)/2]))
	p.packet() // SPNEGO's reject
	p.closed()
}

// TestLogin_TooLong checks that the server refuses a token by its length, before it has
// read the token.
func TestLogin_TooLong(t *testing.T) {
	w := start(t, allowEncryption)
	p := w.dial()
	p.startup("alice")
	expect[*pgproto3.AuthenticationGSS](p)
	p.write([]byte{'p', 0, 0x10, 0, 0})
	p.refused("08P01", "invalid message")

	p = w.dial()
	p.ask(&pgproto3.GSSEncRequest{}, 'G')
	p.write([]byte{0, 0x10, 0, 0})
	p.closed()
	w.log.await(t, `msg="kerberos: refused"`, "error.type=aborted", "a packet has 1048576 bytes")
}

// text checks that the server sends want and closes the connection.
func (p *peer) text(want string) {
	p.t.Helper()
	var b bytes.Buffer
	_, _ = b.ReadFrom(p.conn) // a reset may follow
	if b.String() != want {
		p.t.Errorf("the server sent %q, want %q", b.String(), want)
	}
}

// TestLogin_Replay checks that the server accepts a token once only, on whichever
// connection it receives it.
func TestLogin_Replay(t *testing.T) {
	w := start(t, allowEncryption)
	token := w.token("alice", sspitest.Options{})
	for try := range 2 {
		p := w.dial()
		p.startup("alice")
		expect[*pgproto3.AuthenticationGSS](p)
		p.send(&pgproto3.GSSResponse{Data: token})
		answer := expect[*pgproto3.AuthenticationGSSContinue](p).Data
		if try == 0 {
			p.in()
			continue
		}
		if e, err := sspitest.ParseError(answer); err != nil || e.Code != 34 {
			t.Errorf("the server answered a replay with %v, %v", e, err)
		}
		p.refused("28000", "GSSAPI")
	}
	p := w.dial()
	p.ask(&pgproto3.GSSEncRequest{}, 'G')
	p.write(packet(token))
	if e, err := sspitest.ParseError(p.packet()); err != nil || e.Code != 34 {
		t.Errorf("the server answered a replay in GSSENC with %v, %v", e, err)
	}
	p.closed()
	w.log.await(t, `msg="kerberos: refused"`, "error.type=replay", "kerberos.gssenc=false")
}

// TestLogin_Retry checks that the server sends its time to a client whose clock is wrong,
// and that the client may try again.
func TestLogin_Retry(t *testing.T) {
	w := start(t, allowEncryption)
	late := sspitest.Options{ClockOffset: -time.Hour, RetrySkew: true}
	p := w.dial()
	p.startup("alice")
	p.gss(w.initiate("alice", late))
	p.in()

	p = w.dial()
	p.encrypt(w.initiate("alice", late))
	p.startup("alice")
	p.in()
}

// TestLogin_EncryptionNeeds checks that the server refuses GSSENC if the client did not
// request a context flag of protection.
func TestLogin_EncryptionNeeds(t *testing.T) {
	w := start(t, requireEncryption)
	for _, missing := range []flags.GSS{
		flags.GSS_C_REPLAY_FLAG, flags.GSS_C_SEQUENCE_FLAG, flags.GSS_C_CONF_FLAG, flags.GSS_C_INTEG_FLAG,
	} {
		p := w.dial()
		p.ask(&pgproto3.GSSEncRequest{}, 'G')
		p.write(packet(w.token("alice", sspitest.Options{Flags: sspitest.DefaultFlags &^ missing})))
		if e, err := sspitest.ParseError(p.packet()); err != nil || e.Code != 60 {
			t.Errorf("without %v: %v, %v", missing, e, err)
		}
		p.closed()
	}
	p := w.dial()
	p.ask(&pgproto3.GSSEncRequest{}, 'G')
	p.write(packet(w.token("alice", sspitest.Options{OneWay: true})))
	p.text("EGSSAPI authentication failed\x00")
	w.log.await(t, `msg="kerberos: refused"`, "error.type=requirement-not-met")
}

// TestLogin_Policy checks the values require and off of -encrypt.
func TestLogin_Policy(t *testing.T) {
	w := start(t, requireEncryption)
	p := w.dial()
	p.ask(&pgproto3.SSLRequest{}, 'N')
	p.startup("alice")
	p.refused("28000", "GSSAPI encryption")

	w = start(t, noEncryption)
	p = w.dial()
	p.ask(&pgproto3.GSSEncRequest{}, 'N')
	p.ask(&pgproto3.SSLRequest{}, 'N')
	p.startup("alice")
	p.gss(w.initiate("alice", sspitest.Options{}))
	p.in()
}
