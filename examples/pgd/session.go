package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strconv"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/gosspi/kerberos/examples/internal/serve"
)

const maxMessage = 1 << 18 // bytes, after the login

// session serves a client that has logged in.
type session struct {
	log       *slog.Logger
	base      *serve.Conn
	backend   *pgproto3.Backend
	user      string
	database  string
	principal string
	encrypted bool

	statements, portals map[string]string // the query text of each prepared statement and portal, by name
	part                part              // the messages of a result that query sends
	failed              bool              // the current message is answered with an error
	skipping            bool              // ignore messages until Sync, because a message of the extended protocol failed
}

// session returns the session of a client that has logged in.
func (c *client) session() *session {
	return &session{
		log: c.server.log, base: c.base, backend: c.backend, user: c.user, database: c.database,
		principal: c.principal.String(), encrypted: c.encrypted,
		statements: make(map[string]string), portals: make(map[string]string),
	}
}

// run serves the client until the client or the server ends the session.
func (s *session) run(ctx context.Context) {
	s.backend.SetMaxBodyLen(maxMessage)
	s.greet()
	if err := s.talk(ctx); err != nil {
		s.bye(ctx, err)
	}
}

// talk answers messages until the client sends Terminate.
func (s *session) talk(ctx context.Context) error {
	for more := true; more; {
		if err := s.backend.Flush(); err != nil {
			return err
		}
		if ctx.Err() != nil { // conn may have more messages in its buffer
			return ctx.Err()
		}
		allow(s.base, idleTime)
		msg, err := s.backend.Receive()
		if err != nil {
			return err
		}
		allow(s.base, replyTime)
		if more, err = s.answer(msg); err != nil {
			return err
		}
	}
	return nil
}

// greet queues the messages after a login. BackendKeyData is not among them, because this
// server has no query that can be canceled.
func (s *session) greet() {
	s.backend.Send(&pgproto3.AuthenticationOk{})
	for _, p := range s.parameters() {
		s.backend.Send(&pgproto3.ParameterStatus{Name: p[0], Value: p[1]})
	}
	s.ready()
}

// parameters returns the parameters that drivers expect.
func (s *session) parameters() [][2]string {
	return [][2]string{
		{"client_encoding", "UTF8"},
		{"DateStyle", "ISO, MDY"},
		{"integer_datetimes", "on"},
		{"is_superuser", "off"},
		{"server_encoding", "UTF8"},
		{"server_version", "15.0"}, // the version of PostgreSQL whose protocol this server speaks
		{"session_authorization", s.user},
		{"standard_conforming_strings", "on"},
		{"TimeZone", "UTC"},
	}
}

// answer answers one message. more is false if the client sent Terminate.
func (s *session) answer(msg pgproto3.FrontendMessage) (more bool, err error) {
	switch msg.(type) {
	case *pgproto3.Terminate:
		return false, nil
	case *pgproto3.Sync:
		s.skipping = false
		clear(s.portals) // they end with the transaction, which is one Sync long here
		s.ready()
		return true, nil
	}
	if s.skipping {
		return true, nil
	}
	switch msg := msg.(type) {
	case *pgproto3.Query:
		s.query(msg.String)
		s.failed = false
		s.ready()
	case *pgproto3.Parse, *pgproto3.Bind, *pgproto3.Describe, *pgproto3.Execute, *pgproto3.Close:
		s.extended(msg)
	case *pgproto3.FunctionCall:
		s.unsupported("function calls are not supported here")
		s.failed = false
		s.ready()
	case *pgproto3.Flush: // the server sends all answers at once
	case *pgproto3.CopyData, *pgproto3.CopyDone, *pgproto3.CopyFail: // messages of a failed copy, which the protocol ignores
	default: // a message of the login
		return false, protocolError("unexpected message type")
	}
	return true, nil
}

// ready queues ReadyForQuery.
func (s *session) ready() { s.backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'}) }

func (s *session) unsupported(text string) { s.fail("0A000", text) }

// fail queues an error that does not end the session.
func (s *session) fail(code, text string) {
	s.failed = true
	s.backend.Send(&pgproto3.ErrorResponse{Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: code, Message: text})
}

// bye sends the client the reason of the end of the session, unless the client has closed
// the connection.
func (s *session) bye(ctx context.Context, err error) {
	why, ok := errors.AsType[*fatal](unreadable(err))
	switch {
	case ctx.Err() != nil:
		why = &fatal{"57P01", "terminating connection due to administrator command", nil}
	case errors.Is(err, os.ErrDeadlineExceeded):
		why = &fatal{"57P05", "terminating connection due to idle-session timeout", nil}
	case !ok:
		return // the client has closed the connection
	default:
		s.log.Warn("session", "peer", s.base.RemoteAddr().String(), "principal", s.principal, "err", err)
	}
	allow(s.base, grace)
	s.backend.Send(why.response())
	_ = s.backend.Flush()
}

// rows queues the result of a query.
func (s *session) rows(columns []column, rows ...[]string) {
	var fields pgproto3.RowDescription
	for _, c := range columns {
		fields.Fields = append(fields.Fields, pgproto3.FieldDescription{
			Name: []byte(c.name), DataTypeOID: c.typ.oid, DataTypeSize: c.typ.size, TypeModifier: -1,
		})
	}
	if s.part != content {
		s.backend.Send(&fields)
	}
	if s.part == description {
		return
	}
	for _, row := range rows {
		var data pgproto3.DataRow
		for _, value := range row {
			data.Values = append(data.Values, []byte(value))
		}
		s.backend.Send(&data)
	}
	s.backend.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT " + strconv.Itoa(len(rows)))})
}
