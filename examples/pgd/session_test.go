package main

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/gosspi/kerberos/sspi/sspitest"
)

func TestQuery_All(t *testing.T) {
	p := start(t, allowEncryption).login("alice")
	for _, row := range []struct{ sql, want, code string }{
		{sql: "select current_user", want: "alice"},
		{sql: " SELECT\n session_user ;; ", want: "alice"},
		{sql: "select current_database()", want: "db"},
		{sql: "select * from pg_stat_gssapi", want: "t alice@EXAMPLE.COM f"},
		{sql: "show server_version", want: "15.0"},
		{sql: "show datestyle", want: "ISO, MDY"},
		{sql: "show no_such_thing", code: "42704"},
		{sql: "select repeat('ab', 3)", want: "ababab"},
		{sql: "select repeat('', 999999999)", want: ""},
		{sql: "select repeat('ab', 999999999)", code: "54000"},
		{sql: "select repeat('ab', 9999999999999999999999)", code: "0A000"},
		{sql: "select length('äöü')", want: "3"},
		{sql: "select length('" + strings.Repeat("x", 200_000) + "')", want: "200000"},
		{sql: ""},
		{sql: " ; "},
		{sql: "select current_user; select 1", code: "0A000"},
		{sql: "drop table students", code: "0A000"},
	} {
		got, code := p.query(row.sql)
		if strings.Join(got, " ") != row.want || code != row.code {
			t.Errorf("%q: %q, %q; want %q, %q", row.sql, got, code, row.want, row.code)
		}
	}
}

// TestQuery_Set checks that the server accepts the SET statements that drivers send after
// the login, and no other SET.
func TestQuery_Set(t *testing.T) {
	p := start(t, allowEncryption).login("alice")
	for text, want := range map[string]string{
		"SET extra_float_digits = 3":                      "",
		"SET application_name = 'PostgreSQL JDBC Driver'": "",
		"set session application_name to 'x';":            "",
		"set extra_float_digits to -1":                    "",
		"set session_authorization = 'bob'":               "0A000",
		"set role bob":                                    "0A000",
		"set application_name = 'x'; select 1":            "0A000",
	} {
		if row, code := p.query(text); code != want || len(row) != 0 {
			t.Errorf("%s: %q, %s", text, row, code)
		}
	}
}

// TestSession_Extended checks that the server answers each message of the extended query
// protocol, ignores the messages between an error and Sync, and continues the session.
func TestSession_Extended(t *testing.T) {
	p := start(t, allowEncryption).login("alice")
	p.send(&pgproto3.Parse{Query: "select $1"}, &pgproto3.Flush{})
	if e := expect[*pgproto3.ErrorResponse](p); e.Code != "0A000" || e.Severity != "ERROR" {
		t.Errorf("%+v", e)
	}
	p.send(&pgproto3.Bind{}, &pgproto3.Describe{ObjectType: 'S'}, &pgproto3.Execute{}, &pgproto3.Close{ObjectType: 'S'},
		&pgproto3.Query{String: "select current_user"}, &pgproto3.Sync{})
	if rest := p.untilReady(); len(rest) != 0 {
		t.Errorf("the server sent %T after the error", rest[0])
	}
	p.send(&pgproto3.FunctionCall{})
	if got := p.untilReady(); len(got) != 1 {
		t.Errorf("a function call: %v", got)
	}
	for name, bad := range map[string][]pgproto3.FrontendMessage{
		"26000": {&pgproto3.Bind{PreparedStatement: "none"}},
		"34000": {&pgproto3.Execute{Portal: "none"}},
		"54000": {&pgproto3.Parse{Query: strings.Repeat(" ", maxPrepare+1)}},
		"0A000": {&pgproto3.Parse{Query: "show TimeZone", ParameterOIDs: []uint32{25}}},
		"42P05": {&pgproto3.Parse{Name: "a", Query: "show TimeZone"}, &pgproto3.Parse{Name: "a", Query: "show TimeZone"}},
		"08P01": {&pgproto3.Parse{Query: "show TimeZone"}, &pgproto3.Bind{Parameters: [][]byte{nil}}},
		"42704": {&pgproto3.Parse{Query: "show nothing"}, &pgproto3.Bind{}, &pgproto3.Describe{ObjectType: 'P'}, &pgproto3.Execute{}},
	} {
		got := ""
		p.send(append(bad, &pgproto3.Sync{})...)
		for _, m := range p.untilReady() {
			if e, ok := m.(*pgproto3.ErrorResponse); ok {
				got += e.Code
			}
		}
		if got != name {
			t.Errorf("errors %q, want %q", got, name)
		}
	}
	many := make([]pgproto3.FrontendMessage, 0, maxPrepared+2)
	for i := range maxPrepared + 1 {
		many = append(many, &pgproto3.Parse{Name: "many" + strconv.Itoa(i), Query: "show TimeZone"})
	}
	p.send(append(many, &pgproto3.Sync{})...)
	if got := p.untilReady(); len(got) == 0 || len(got) > maxPrepared+1 {
		t.Errorf("%d answers", len(got))
	} else if e, ok := got[len(got)-1].(*pgproto3.ErrorResponse); !ok || e.Code != "54000" {
		t.Errorf("%+v", got[len(got)-1])
	}
	p.send(&pgproto3.CopyDone{}, &pgproto3.Sync{})
	if got := p.untilReady(); len(got) != 0 {
		t.Errorf("CopyDone: %v", got)
	}
	if row, _ := p.query("select current_user"); len(row) != 1 {
		t.Error("the session is lost")
	}
}

// TestSession_Prepared checks the order of the answers to the messages with which drivers
// send a query by default.
func TestSession_Prepared(t *testing.T) {
	p := start(t, allowEncryption).login("alice")
	for query, want := range map[string]string{
		"SET extra_float_digits = 3": "*pgproto3.ParseComplete *pgproto3.BindComplete *pgproto3.NoData *pgproto3.CommandComplete",
		"select current_user":        "*pgproto3.ParseComplete *pgproto3.BindComplete *pgproto3.RowDescription *pgproto3.DataRow *pgproto3.CommandComplete",
		"":                           "*pgproto3.ParseComplete *pgproto3.BindComplete *pgproto3.NoData *pgproto3.EmptyQueryResponse",
	} {
		p.send(&pgproto3.Parse{Query: query}, &pgproto3.Bind{}, &pgproto3.Describe{ObjectType: 'P'}, &pgproto3.Execute{}, &pgproto3.Sync{})
		var got []string
		for _, m := range p.untilReady() {
			got = append(got, fmt.Sprintf("%T", m))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %v", query, got)
		}
	}
	if row, _ := p.query("select current_user"); len(row) != 1 || row[0] != "alice" {
		t.Errorf("%q", row)
	}
}

func TestSession_ProtocolErrors(t *testing.T) {
	w := start(t, allowEncryption)
	for name, b := range map[string]string{
		"a password":   "p\x00\x00\x00\x05\x00",
		"too long":     "Q\x00\x10\x00\x00",
		"4 GiB":        "Q\xff\xff\xff\xff",
		"unknown type": "!\x00\x00\x00\x04",
		"no end":       "Q\x00\x00\x00\x05x",
	} {
		t.Run(name, func(t *testing.T) {
			p := w.login("alice")
			p.t = t
			p.write([]byte(b))
			p.refused("08P01", "")

			p = w.dial()
			p.t = t
			p.encrypt(w.initiate("alice", sspitest.Options{}))
			p.startup("alice")
			p.in()
			p.write([]byte(b))
			p.refused("08P01", "")
		})
	}
}

// TestGSSConn_Long checks results and queries that fit into one packet, and that need
// several.
func TestGSSConn_Long(t *testing.T) {
	w := start(t, requireEncryption)
	p := w.dial()
	p.encrypt(w.initiate("alice", sspitest.Options{}))
	p.startup("alice")
	p.in()
	for _, n := range []int{0, 1, 16000, maxPacket - 64, maxPacket, 100_000, maxResult} {
		row, code := p.query("select repeat('x', " + strconv.Itoa(n) + ")")
		if code != "" || len(row) != 1 || row[0] != strings.Repeat("x", n) {
			t.Errorf("a result of %d bytes did not arrive; error code %q", n, code)
		}
		if n > maxMessage/2 {
			continue
		}
		row, code = p.query("select length('" + strings.Repeat("x", n) + "')")
		if code != "" || len(row) != 1 || row[0] != strconv.Itoa(n) {
			t.Errorf("a query of %d bytes: %q, %s", n, row, code)
		}
	}
	longest := p.conn.(*clientConn).longest
	if longest > maxPacket || longest < maxPacket-32 { // the server fills a packet, because AES needs no padding
		t.Errorf("the longest packet has %d bytes", longest)
	}
}

// TestGSSConn_Refused checks that a packet that is not the next sealed token ends the
// connection.
func TestGSSConn_Refused(t *testing.T) {
	w := start(t, requireEncryption)
	wrap := func(i *sspitest.Initiator, sealed bool) []byte {
		token, err := i.Wrap([]byte("Q\x00\x00\x00\x18select current_user\x00"), sealed)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	for name, row := range map[string]struct {
		send func(i *sspitest.Initiator) []byte
		log  string // "" if the server accepts the packet
	}{
		"sealed":     {func(i *sspitest.Initiator) []byte { return packet(wrap(i, true)) }, ""},
		"clear":      {func(i *sspitest.Initiator) []byte { return packet(wrap(i, false)) }, "signed and not sealed"},
		"empty":      {func(*sspitest.Initiator) []byte { return packet(nil) }, "malformed-token"},
		"1 MiB":      {func(*sspitest.Initiator) []byte { return []byte{0, 0x10, 0, 0} }, "a packet has 1048576 bytes"},
		"16381":      {func(*sspitest.Initiator) []byte { return []byte{0, 0, 0x3f, 0xfd} }, "a packet has 16381 bytes"},
		"not sealed": {func(*sspitest.Initiator) []byte { return []byte("Q\x00\x00\x00\x18select current_user\x00") }, "a packet has 1358954496 bytes"},
		"changed": {func(i *sspitest.Initiator) []byte {
			b := wrap(i, true)
			b[len(b)-1] ^= 1
			return packet(b)
		}, "message-altered"},
		"one lost": {func(i *sspitest.Initiator) []byte {
			wrap(i, true)
			return packet(wrap(i, true))
		}, "message-gap"},
	} {
		t.Run(name, func(t *testing.T) {
			p := w.dial()
			p.t = t
			i := w.initiate("alice", sspitest.Options{})
			raw := p.conn
			p.encrypt(i)
			p.startup("alice")
			p.in()
			if _, err := raw.Write(row.send(i)); err != nil {
				t.Fatal(err)
			}
			if row.log == "" {
				p.untilReady()
				return
			}
			p.refused("08P01", "invalid message") // clientConn checks that the answer is sealed
			w.log.await(t, "msg=session", "principal=alice@EXAMPLE.COM", row.log)
		})
	}
}
