package main

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgproto3"
)

// dataType is a data type of PostgreSQL: the fields that a RowDescription has of it.
type dataType struct {
	oid  uint32
	size int16
}

var (
	typeBool = dataType{16, 1}
	typeName = dataType{19, 64}
	typeInt4 = dataType{23, 4}
	typeText = dataType{25, -1}
)

type column struct {
	name string
	typ  dataType
}

const help = "this is no database: the server supports only current_user, session_user, current_database(), pg_stat_gssapi, repeat, length, SHOW, and SET of application_name and extra_float_digits"

const maxResult = 1 << 20 // bytes of one value

// statements lists the SQL statements that the server supports.
var statements = []struct {
	pattern *regexp.Regexp
	answer  func(s *session, args []string)
}{
	{
		regexp.MustCompile(`(?i)^select\s+(current_user|session_user|user)$`),
		func(s *session, args []string) {
			s.rows([]column{{strings.ToLower(args[0]), typeName}}, []string{s.user})
		},
	},
	{
		regexp.MustCompile(`(?i)^select\s+current_database\(\)$`),
		func(s *session, _ []string) { s.rows([]column{{"current_database", typeName}}, []string{s.database}) },
	},
	{
		// The columns of the view in PostgreSQL 15, without pid, which names a process.
		regexp.MustCompile(`(?i)^select\s+\*\s+from\s+pg_stat_gssapi$`),
		func(s *session, _ []string) {
			s.rows([]column{{"gss_authenticated", typeBool}, {"principal", typeText}, {"encrypted", typeBool}},
				[]string{"t", s.principal, sqlBool(s.encrypted)})
		},
	},
	{
		// Drivers set these parameters after the login. They have no effect in this server.
		regexp.MustCompile(`(?i)^set\s+(?:session\s+)?(application_name|extra_float_digits)\s*(?:=|\sto\s)\s*('[^']*'|-?\w+)$`),
		func(s *session, _ []string) { s.done(&pgproto3.CommandComplete{CommandTag: []byte("SET")}) },
	},
	{
		regexp.MustCompile(`(?i)^show\s+(\w+)$`),
		(*session).show,
	},
	{
		regexp.MustCompile(`(?i)^select\s+repeat\('([^']*)',\s*(\d{1,9})\)$`),
		(*session).repeat,
	},
	{
		regexp.MustCompile(`(?i)^select\s+length\('([^']*)'\)$`),
		func(s *session, args []string) {
			s.rows([]column{{"length", typeInt4}}, []string{strconv.Itoa(utf8.RuneCountInString(args[0]))})
		},
	},
}

// query sends the part s.part of the answer to a query.
func (s *session) query(text string) {
	text = trimmed(text)
	if text == "" {
		s.done(&pgproto3.EmptyQueryResponse{})
		return
	}
	for _, st := range statements {
		if args := st.pattern.FindStringSubmatch(text); args != nil {
			st.answer(s, args[1:])
			return
		}
	}
	s.unsupported(help)
}

func (s *session) show(args []string) {
	for _, p := range s.parameters() {
		if strings.EqualFold(p[0], args[0]) {
			s.rows([]column{{p[0], typeText}}, []string{p[1]})
			return
		}
	}
	s.fail("42704", "unrecognized configuration parameter")
}

func (s *session) repeat(args []string) {
	n, err := strconv.Atoi(args[1])
	if err != nil || len(args[0]) > 0 && n > maxResult/len(args[0]) {
		s.fail("54000", "the result is too long")
		return
	}
	s.rows([]column{{"repeat", typeText}}, []string{strings.Repeat(args[0], n)})
}

func sqlBool(b bool) string {
	if b {
		return "t"
	}
	return "f"
}
