package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strconv"

	"github.com/jackc/pgx/v5/pgproto3"
)

const maxMessage = 1 << 18 // of a client that is logged in

// session is a client that is logged in.
type session struct {
	log       *slog.Logger
	base      *timed
	backend   *pgproto3.Backend
	user      string
	database  string
	principal string
	encrypted bool

	statements, portals map[string]string // prepared: their text by name
	part                part              // of a result, that query sends
	failed              bool              // the message is answered with an error
	skipping            bool              // a message of the extended protocol failed: until Sync
}

func (c *client) session() *session {
	return &session{
		log: c.server.log, base: c.base, backend: c.backend, user: c.user, database: c.database,
		principal: c.peer.Client.String(), encrypted: c.encrypted,
		statements: make(map[string]string), portals: make(map[string]string),
	}
}

// run talks to the client until either side ends.
func (s *session) run(ctx context.Context) {
	s.backend.SetMaxBodyLen(maxMessage)
	s.greet()
	if err := s.talk(ctx); err != nil {
		s.bye(ctx, err)
	}
}

// talk answers messages until the client says that it is done.
func (s *session) talk(ctx context.Context) error {
	for more := true; more; {
		if err := s.backend.Flush(); err != nil {
			return err
		}
		if ctx.Err() != nil { // although more messages may be here already
			return ctx.Err()
		}
		s.base.within(idleTime)
		msg, err := s.backend.Receive()
		if err != nil {
			return err
		}
		s.base.within(replyTime)
		if more, err = s.answer(msg); err != nil {
			return err
		}
	}
	return nil
}

// greet says that the client is in. There is no BackendKeyData: nothing can be
// cancelled.
func (s *session) greet() {
	s.backend.Send(&pgproto3.AuthenticationOk{})
	for _, p := range s.parameters() {
		s.backend.Send(&pgproto3.ParameterStatus{Name: p[0], Value: p[1]})
	}
	s.ready()
}

// parameters are what drivers want to know of a server.
func (s *session) parameters() [][2]string {
	return [][2]string{
		{"client_encoding", "UTF8"},
		{"DateStyle", "ISO, MDY"},
		{"integer_datetimes", "on"},
		{"is_superuser", "off"},
		{"server_encoding", "UTF8"},
		{"server_version", "15.0"}, // whose protocol this is
		{"session_authorization", s.user},
		{"standard_conforming_strings", "on"},
		{"TimeZone", "UTC"},
	}
}

// answer answers one message; more is false after the last.
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
	case *pgproto3.Flush: // all answers are sent at once
	case *pgproto3.CopyData, *pgproto3.CopyDone, *pgproto3.CopyFail: // of a copy that failed, says the protocol
	default: // of the login, which is over
		return false, protocolError("a message that is not due")
	}
	return true, nil
}

func (s *session) ready() { s.backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'}) }

func (s *session) unsupported(text string) { s.fail("0A000", text) }

func (s *session) fail(code, text string) {
	s.failed = true
	s.backend.Send(&pgproto3.ErrorResponse{Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: code, Message: text})
}

// bye tells the client why the session ends, if it is there to hear it.
func (s *session) bye(ctx context.Context, err error) {
	why, ok := errors.AsType[*fatal](unreadable(err))
	switch {
	case ctx.Err() != nil:
		why = &fatal{"57P01", "terminating connection due to administrator command", nil}
	case errors.Is(err, os.ErrDeadlineExceeded):
		why = &fatal{"57P05", "terminating connection due to idle-session timeout", nil}
	case !ok:
		return // it is gone
	default:
		s.log.Warn("session", "peer", s.base.RemoteAddr().String(), "principal", s.principal, "err", err)
	}
	s.base.within(s.base.grace)
	s.backend.Send(why.response())
	_ = s.backend.Flush()
}

// rows sends a result.
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
