package main

import (
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Limits of the extended query protocol, whose prepared statements and portals occupy
// memory until the client closes them.
const (
	maxPrepared = 16   // prepared statements of a session, and as many portals
	maxPrepare  = 4096 // bytes of a statement
)

// part is the part of a result that the session sends.
type part uint8

const (
	wholeResult part = iota // the answer to a simple query
	description             // the answer to Describe
	content                 // the answer to Execute
)

// extended answers a message of the extended query protocol. This server supports
// statements without parameters, and results in text format. After an error the session
// ignores messages until Sync.
func (s *session) extended(msg pgproto3.FrontendMessage) {
	switch msg := msg.(type) {
	case *pgproto3.Parse:
		s.parse(msg)
	case *pgproto3.Bind:
		s.bind(msg)
	case *pgproto3.Describe:
		s.describe(msg)
	case *pgproto3.Execute:
		if text, ok := s.portals[msg.Portal]; ok {
			s.result(text, content)
		} else {
			s.fail("34000", "no such portal")
		}
	case *pgproto3.Close:
		delete(s.named(msg.ObjectType), msg.Name)
		s.backend.Send(&pgproto3.CloseComplete{})
	}
	if s.failed {
		s.failed, s.skipping = false, true
	}
}

// named returns the statements ('S') or the portals ('P').
func (s *session) named(kind byte) map[string]string {
	if kind == 'S' {
		return s.statements
	}
	return s.portals
}

func (s *session) parse(m *pgproto3.Parse) {
	_, known := s.statements[m.Name]
	switch {
	case len(m.Query) > maxPrepare:
		s.fail("54000", "the statement is too long")
	case len(m.ParameterOIDs) > 0:
		s.unsupported("this server does not support parameters of statements")
	case known && m.Name != "":
		s.fail("42P05", "a prepared statement of this name exists")
	case !known && len(s.statements) >= maxPrepared:
		s.fail("54000", "too many prepared statements")
	case !understood(m.Query):
		s.unsupported(help)
	default:
		s.statements[m.Name] = m.Query
		s.backend.Send(&pgproto3.ParseComplete{})
	}
}

func (s *session) bind(m *pgproto3.Bind) {
	text, ok := s.statements[m.PreparedStatement]
	_, known := s.portals[m.DestinationPortal]
	switch {
	case !ok:
		s.fail("26000", "no such prepared statement")
	case len(m.Parameters) > 0:
		s.fail("08P01", "the statement has no parameters")
	case wantsBinary(m.ResultFormatCodes):
		s.unsupported("this server sends results in text format only")
	case known && m.DestinationPortal != "":
		s.fail("42P03", "a portal of this name exists")
	case !known && len(s.portals) >= maxPrepared:
		s.fail("54000", "too many portals")
	default:
		s.portals[m.DestinationPortal] = text
		s.backend.Send(&pgproto3.BindComplete{})
	}
}

func wantsBinary(codes []int16) bool {
	for _, c := range codes {
		if c != pgproto3.TextFormat {
			return true
		}
	}
	return false
}

func (s *session) describe(m *pgproto3.Describe) {
	text, ok := s.named(m.ObjectType)[m.Name]
	switch {
	case !ok && m.ObjectType == 'S':
		s.fail("26000", "no such prepared statement")
	case !ok:
		s.fail("34000", "no such portal")
	default:
		if m.ObjectType == 'S' {
			s.backend.Send(&pgproto3.ParameterDescription{})
		}
		s.result(text, description)
	}
}

// result sends a part of the result of a statement.
func (s *session) result(text string, p part) {
	s.part = p
	s.query(text)
	s.part = wholeResult
}

// done ends a result without rows. It sends end, or NoData if the client asks for the
// description.
func (s *session) done(end pgproto3.BackendMessage) {
	if s.part == description {
		end = &pgproto3.NoData{}
	}
	s.backend.Send(end)
}

// understood reports whether the server supports the statement. An empty statement is
// supported.
func understood(text string) bool {
	text = trimmed(text)
	for _, st := range statements {
		if st.pattern.MatchString(text) {
			return true
		}
	}
	return text == ""
}

// trimmed returns a statement without its semicolon.
func trimmed(text string) string {
	return strings.TrimSpace(strings.TrimRight(strings.TrimSpace(text), ";"))
}
