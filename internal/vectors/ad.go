package vectors

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// ADCase is one exchange captured in the AD domain.
type ADCase struct {
	Name      string
	Time      time.Time // a time at which the tokens are valid
	Client    string    // the client's name as typed by the user
	Target    string    // the service asked for
	Mechanism string    // "krb5" or "spnego"
	Flags     []string
	Note      string
	Token     []byte // the initiator's first token

	ClientSide Transcript
	ServerSide Transcript
	Ticket     map[string]string // the lines of NAME.ticket.txt by name, such as "enc.session" to "etype 18 key ..."; the first line of each name
}

// Transcript is one side of an exchange.
type Transcript struct {
	Requested, Granted uint32 // GSS flags; Requested only on the client's side
	Client             string // the server's side only
	SessionKey         []byte // nil if the implementation printed no key
	SessionEType       int32
	Lines              []Line // tokens and messages, in order
}

// Line is a token or a message of a transcript.
type Line struct {
	Kind      string // SEND-TOKEN, RECV-TOKEN, SEND-WRAP, RECV-WRAP, SEND-MIC, RECV-MIC
	Data      []byte
	Plaintext string // the message of a wrap token, or the message that a MIC token covers
	Conf      bool   // the wrap token is sealed
}

// Tokens returns the data of the lines of one kind, in order.
func (s Transcript) Tokens(kind string) []Line {
	var out []Line
	for _, l := range s.Lines {
		if l.Kind == kind {
			out = append(out, l)
		}
	}
	return out
}

// AD reads every case of testdata/ad/MANIFEST.tsv.
func AD(t testing.TB) []ADCase {
	t.Helper()
	var cases []ADCase
	for i, row := range lines(read(t, "ad", "MANIFEST.tsv")) {
		if i == 0 {
			continue // the names of the columns
		}
		cases = append(cases, adCase(t, row))
	}
	return cases
}

// ADCaseNamed returns the case called name. It fails t if the manifest has no such case.
func ADCaseNamed(t testing.TB, name string) ADCase {
	t.Helper()
	for _, c := range AD(t) {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no case %q in the manifest", name)
	return ADCase{}
}

// ADKeytabPath returns the path of the keytab that holds the keys of every service of [AD].
func ADKeytabPath(t testing.TB) string {
	t.Helper()
	return filepath.Join(Dir(t), "ad", "lab.keytab")
}

// ADKeytab returns the content of the file at [ADKeytabPath].
func ADKeytab(t testing.TB) []byte {
	t.Helper()
	return read(t, "ad", "lab.keytab")
}

func adCase(t testing.TB, row string) ADCase {
	t.Helper()
	col := strings.Split(row, "\t")
	if len(col) != 7 {
		t.Fatalf("MANIFEST.tsv: %d columns in %q, want 7", len(col), row)
	}
	unix, err := strconv.ParseInt(col[1], 10, 64)
	if err != nil {
		t.Fatalf("MANIFEST.tsv: %v", err)
	}
	c := ADCase{
		Name: col[0], Time: time.Unix(unix, 0).UTC(), Client: col[2], Target: col[3],
		Mechanism: col[4], Flags: strings.Split(col[5], ","), Note: col[6],
		Token:  Hex(t, strings.TrimSpace(string(read(t, "ad", col[0]+".token.hex")))),
		Ticket: ticketText(read(t, "ad", col[0]+".ticket.txt")),
	}
	c.ClientSide = transcript(t, c.Name+".client.txt")
	c.ServerSide = transcript(t, c.Name+".server.txt")
	c.ClientSide.sent(c.ServerSide)
	c.ServerSide.sent(c.ClientSide)
	return c
}

// ticketText parses lines "name rest" into a map.
func ticketText(b []byte) map[string]string {
	m := make(map[string]string)
	for _, l := range lines(b) {
		name, rest, _ := strings.Cut(strings.TrimSpace(l), " ")
		if _, seen := m[name]; !seen {
			m[name] = strings.TrimSpace(rest)
		}
	}
	return m
}

func transcript(t testing.TB, file string) Transcript {
	t.Helper()
	var s Transcript
	for i, l := range lines(read(t, "ad", file)) {
		if err := s.line(l); err != nil {
			t.Fatalf("%s:%d: %v", file, i+1, err)
		}
	}
	return s
}

// line parses one line of a transcript into s. It ignores lines of other kinds, such as
// status, lifetime and leg.
func (s *Transcript) line(l string) error {
	kind, rest, _ := strings.Cut(l, " ")
	switch kind {
	case "requested":
		return flagWord(rest, &s.Requested)
	case "granted":
		return flagWord(rest, &s.Granted)
	case "client":
		s.Client = rest
	case "session":
		_, err := fmt.Sscanf(rest, "key etype %d", &s.SessionEType)
		return err
	case "SESSION-KEY":
		b, err := counted(rest)
		s.SessionKey = b
		return err
	case "SEND-TOKEN", "RECV-TOKEN", "SEND-WRAP", "RECV-WRAP", "SEND-MIC", "RECV-MIC":
		b, err := counted(rest)
		if err == nil {
			s.Lines = append(s.Lines, Line{Kind: kind, Data: b})
		}
		return err
	case "unwrapped":
		return s.unwrapped(rest)
	case "mic":
		return s.verified(rest)
	}
	return nil
}

// unwrapped parses a receiver's remark on the last wrap token: "conf=1: text".
func (s *Transcript) unwrapped(rest string) error {
	conf, text, ok := strings.Cut(rest, ": ")
	if !ok {
		return fmt.Errorf("unwrapped line %q", rest)
	}
	return s.report("RECV-WRAP", text, conf == "conf=1")
}

// verified parses a receiver's remark on the last MIC token: "ok on: text".
func (s *Transcript) verified(rest string) error {
	text, ok := strings.CutPrefix(rest, "ok on: ")
	if !ok {
		return fmt.Errorf("mic line %q", rest)
	}
	return s.report("RECV-MIC", text, false)
}

func (s *Transcript) report(kind, text string, conf bool) error {
	for i := range slices.Backward(s.Lines) {
		if s.Lines[i].Kind == kind {
			s.Lines[i].Plaintext, s.Lines[i].Conf = text, conf
			return nil
		}
	}
	return fmt.Errorf("a remark on a %s line that does not precede it", kind)
}

// sent copies the plaintexts that the other side reports to the lines that s sent,
// because a transcript does not print the plaintexts of the sender.
func (s *Transcript) sent(other Transcript) {
	for i, l := range s.Lines {
		for _, r := range other.Lines {
			if strings.HasPrefix(l.Kind, "SEND-") && bytes.Equal(l.Data, r.Data) {
				s.Lines[i].Plaintext, s.Lines[i].Conf = r.Plaintext, r.Conf
			}
		}
	}
}

func flagWord(rest string, dst *uint32) error {
	word, _, _ := strings.Cut(rest, " ")
	n, err := strconv.ParseUint(strings.TrimPrefix(word, "0x"), 16, 32)
	*dst = uint32(n)
	return err
}

// counted parses "length hexadecimal".
func counted(rest string) ([]byte, error) {
	n, text, _ := strings.Cut(rest, " ")
	b, err := hex.DecodeString(text)
	if err != nil {
		return nil, err
	}
	if n != strconv.Itoa(len(b)) {
		return nil, fmt.Errorf("%s bytes announced, %d present", n, len(b))
	}
	return b, nil
}

func lines(b []byte) []string {
	return strings.Split(strings.TrimRight(string(b), "\n"), "\n")
}
