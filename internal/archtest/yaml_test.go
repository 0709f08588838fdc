package archtest

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// node is a mapping of YAML. Its values are nodes, []any, strings, or nil.
type node map[string]any

// yamlLine is a line with something on it.
type yamlLine struct {
	number, indent int
	text           string
}

// yamlKey begins an entry of a mapping. The value is on the line, or on those below.
var yamlKey = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_-]*):(?: +(.*))?$`)

// parseYAML reads the part of YAML that the workflows of this repository are written
// in: mappings and sequences in block style, sequences of plain words in flow style,
// plain and double-quoted scalars of one line, literal blocks, comments. It refuses
// everything else, so that nothing is read in another sense than GitHub reads it.
func parseYAML(text string) (node, error) {
	var lines []yamlLine
	for i, raw := range strings.Split(text, "\n") {
		body := strings.TrimLeft(raw, " ")
		if body == "" || body[0] == '#' {
			continue
		}
		if strings.ContainsRune(raw, '\t') {
			return nil, fmt.Errorf("line %d: a tab", i+1)
		}
		lines = append(lines, yamlLine{i + 1, len(raw) - len(body), strings.TrimRight(body, " ")})
	}
	v, rest, err := yamlBlock(lines)
	if err != nil {
		return nil, err
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("line %d: indented less than the lines before", rest[0].number)
	}
	n, ok := v.(node)
	if !ok {
		return nil, fmt.Errorf("the file is no mapping")
	}
	return n, nil
}

// yamlBlock reads the mapping or sequence that begins with the first line, and returns
// the lines behind it.
func yamlBlock(lines []yamlLine) (any, []yamlLine, error) {
	if len(lines) == 0 {
		return nil, nil, nil
	}
	if strings.HasPrefix(lines[0].text, "- ") {
		return yamlSequence(lines)
	}
	n, indent := make(node), lines[0].indent
	for len(lines) > 0 && lines[0].indent == indent && !strings.HasPrefix(lines[0].text, "- ") {
		at := lines[0]
		m := yamlKey.FindStringSubmatch(at.text)
		if m == nil {
			return nil, nil, fmt.Errorf("line %d: no key: %s", at.number, at.text)
		}
		if _, twice := n[m[1]]; twice {
			return nil, nil, fmt.Errorf("line %d: %s stands there twice", at.number, m[1])
		}
		v, rest, err := yamlValue(m[2], lines)
		if err != nil {
			return nil, nil, err
		}
		n[m[1]], lines = v, rest
	}
	return yamlEnd(n, lines, indent)
}

func yamlSequence(lines []yamlLine) (any, []yamlLine, error) {
	var s []any
	indent := lines[0].indent
	for len(lines) > 0 && lines[0].indent == indent && strings.HasPrefix(lines[0].text, "- ") {
		item := strings.TrimLeft(lines[0].text[1:], " ")
		if !yamlKey.MatchString(item) {
			v, err := yamlScalar(item, lines[0].number)
			if err != nil {
				return nil, nil, err
			}
			s, lines = append(s, v), lines[1:]
			continue
		}
		// A mapping that begins behind the dash.
		lines[0].indent, lines[0].text = indent+len(lines[0].text)-len(item), item
		v, rest, err := yamlBlock(lines)
		if err != nil {
			return nil, nil, err
		}
		s, lines = append(s, v), rest
	}
	return yamlEnd(s, lines, indent)
}

func yamlEnd(v any, lines []yamlLine, indent int) (any, []yamlLine, error) {
	if len(lines) > 0 && lines[0].indent > indent {
		return nil, nil, fmt.Errorf("line %d: indented more than the lines before", lines[0].number)
	}
	return v, lines, nil
}

// yamlValue reads the value of the key in the first line.
func yamlValue(onLine string, lines []yamlLine) (any, []yamlLine, error) {
	at, rest := lines[0], lines[1:]
	if i := strings.Index(onLine, " #"); i >= 0 {
		onLine = strings.TrimRight(onLine[:i], " ")
	}
	deeper := len(rest) > 0 && (rest[0].indent > at.indent || rest[0].indent == at.indent && strings.HasPrefix(rest[0].text, "- "))
	switch {
	case onLine == "|":
		var text strings.Builder
		for len(rest) > 0 && rest[0].indent > at.indent {
			text.WriteString(rest[0].text + "\n")
			rest = rest[1:]
		}
		return text.String(), rest, nil
	case onLine == "" && deeper:
		return yamlBlock(rest)
	case onLine == "":
		return nil, rest, nil
	}
	v, err := yamlScalar(onLine, at.number)
	return v, rest, err
}

func yamlScalar(s string, line int) (any, error) {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		inner, closed := strings.CutSuffix(inner, "]")
		if !closed || strings.ContainsAny(inner, `[]{}"'#`) {
			return nil, fmt.Errorf("line %d: a sequence of other than plain words: %s", line, s)
		}
		var out []any
		for w := range strings.SplitSeq(inner, ",") {
			out = append(out, strings.TrimSpace(w))
		}
		return out, nil
	}
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' && !strings.ContainsAny(s[1:len(s)-1], `"\`) {
		return s[1 : len(s)-1], nil
	}
	if s == "" || strings.ContainsAny(s[:1], "[]{}\"'|>&*!%@`#-?:,") || strings.Contains(s, ": ") || strings.Contains(s, " #") {
		return nil, fmt.Errorf("line %d: more than a plain scalar: %s", line, s)
	}
	return s, nil
}

// TestYAML reads what workflows are made of, and refuses what it might misread.
func TestYAML(t *testing.T) {
	got, err := parseYAML("a: b # c\nd:\n  - e: f\n    g: [h, i]\n  - j\nk:\n- l\nm: |\n  n: o\n  p\nq:\nr: \"s: t\"\n")
	if want := "map[a:b d:[map[e:f g:[h i]] j] k:[l] m:n: o\np\n q:<nil> r:s: t]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("%v, %v; want %s", got, err, want)
	}
	for _, bad := range []string{"a: b\na: c\n", "a: {b: c}\n", "a: &b c\n", "a: *b\n", "a: 'b'\n", "a:\n   b: c\n  d: e\n", "a: b\n  c: d\n", "\ta: b\n", "a: b: c\n", "- a\n", "a\n", "a: >\n  b\n"} {
		if got, err := parseYAML(bad); err == nil {
			t.Errorf("%q is read as %v", bad, got)
		}
	}
}
