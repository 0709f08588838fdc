package keytab

import (
	"iter"
	"log/slog"
	"unicode/utf8"

	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/status"
)

// Limits on names. RFC 4120 defines no limits. These limits are far above the names of any
// directory, and bound the work that a name can cause.
const (
	maxComponents = 32
	maxPart       = 1024 // bytes, unescaped, of a component or a realm
)

// Principal is a Kerberos name: one or more components and a realm. Principals are
// comparable: == compares all components and the realm byte for byte. The name-type is
// not part of a Principal (RFC 4120, Section 6.2), so it cannot make two identities of
// one user.
//
// The zero Principal is not a name. It differs from every name that a peer can have.
type Principal struct {
	s string // canonical: escaped as MIT's krb5_unparse_name does, and no other way
}

// NewPrincipal makes a Principal of its unescaped parts. There must be 1 to 32
// components; each component and the realm must be valid UTF-8 of 1 to 1024 bytes.
func NewPrincipal(realm string, components ...string) (Principal, error) {
	if len(components) == 0 || len(components) > maxComponents {
		return Principal{}, badName(whyCount)
	}
	n := len(realm)
	for _, c := range components {
		if why := checkPart(c); why != "" {
			return Principal{}, badName("a component " + why)
		}
		n += len(c) + 1
	}
	if why := checkPart(realm); why != "" {
		return Principal{}, badName("the realm " + why)
	}
	b := make([]byte, 0, n)
	for i, c := range components {
		if i > 0 {
			b = append(b, '/')
		}
		b = appendEscaped(b, c)
	}
	b = append(b, '@')
	return Principal{string(appendEscaped(b, realm))}, nil
}

// ParsePrincipal parses a name in the form of [Principal.String], such as
// "HTTP/www.example.com@EXAMPLE.COM", as MIT's krb5_parse_name does. A backslash makes the
// next character part of the name; \n, \t, \b and \0 represent newline, tab, backspace
// and NUL. The realm is required. The rules of [NewPrincipal] apply to the parts.
//
// ParsePrincipal does not copy text that is already in the form of String.
func ParsePrincipal(s string) (Principal, error) {
	var (
		part, components int
		realm            bool // past the '@'
		rewrite, high    bool
	)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '/', '@':
			switch {
			case realm:
				return Principal{}, badName(whyRealm)
			case part == 0:
				return Principal{}, badName("a component is empty")
			}
			components++
			part = 0
			realm = c == '@'
			continue
		case '\\':
			if i++; i == len(s) {
				return Principal{}, badName(whyLone)
			}
			rewrite = rewrite || !afterBackslash(s[i])
			high = high || s[i] >= utf8.RuneSelf
		default:
			rewrite = rewrite || c < ' ' && mustEscape(c)
			high = high || c >= utf8.RuneSelf
		}
		if part++; part > maxPart {
			return Principal{}, badName("a component or the realm " + whyLong)
		}
	}
	switch {
	case !realm:
		return Principal{}, badName("it has no realm")
	case part == 0:
		return Principal{}, badName("the realm is empty")
	case components > maxComponents:
		return Principal{}, badName(whyCount)
	case high && !utf8.ValidString(s):
		return Principal{}, badName(whyUTF8)
	case rewrite:
		return Principal{canonical(s)}, nil
	}
	return Principal{s}, nil
}

// MustParsePrincipal calls [ParsePrincipal] for a name that is a constant of a program.
// It panics if the name is not valid.
func MustParsePrincipal(s string) Principal {
	p, err := ParsePrincipal(s)
	if err != nil {
		panic("keytab: MustParsePrincipal(" + quote.Text(s) + "): " + err.Error())
	}
	return p
}

// String returns the name as MIT prints it: components joined by '/', then '@'
// and the realm, with a backslash before each '/', '@' and '\' inside a part,
// and \n, \t, \b and \0 for newline, tab, backspace and NUL. Two Principals are
// equal exactly if their Strings are. The zero Principal is "". Other control
// characters, and characters that change the direction of text, are in it as the KDC
// sent them: print it with %q. [Principal.LogValue] does so for log/slog.
func (p Principal) String() string { return p.s }

// IsZero reports whether p is the zero Principal.
func (p Principal) IsZero() bool { return p.s == "" }

// Realm returns the unescaped realm, which is empty only for the zero Principal.
func (p Principal) Realm() string {
	if p.IsZero() {
		return ""
	}
	return unescaped(p.s[p.at()+1:])
}

// Name returns [Principal.String] without '@' and the realm. A Name does not identify a
// user: another realm may have a different user of the same name.
func (p Principal) Name() string {
	if p.IsZero() {
		return ""
	}
	return p.s[:p.at()]
}

// Components yields the unescaped components in order.
func (p Principal) Components() iter.Seq[string] {
	return func(yield func(string) bool) {
		rest := p.s
		for rest != "" {
			i := separator(rest)
			if !yield(unescaped(rest[:i])) || rest[i] == '@' {
				return
			}
			rest = rest[i+1:]
		}
	}
}

// LogValue returns [Principal.String] for a log record: in double quotes and Go's
// syntax if a character of it is not printable, and cut after 1024 bytes.
func (p Principal) LogValue() slog.Value { return slog.StringValue(quote.Value(p.s)) }

// MarshalText returns [Principal.String]; the zero Principal is empty text.
func (p Principal) MarshalText() ([]byte, error) { return []byte(p.s), nil }

// UnmarshalText parses b with [ParsePrincipal]. Empty text gives the zero Principal. On
// an error p is unchanged.
func (p *Principal) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*p = Principal{}
		return nil
	}
	q, err := ParsePrincipal(string(b))
	if err == nil {
		*p = q
	}
	return err
}

// at returns the index of the '@' before the realm.
func (p Principal) at() int {
	i := 0
	for {
		n := separator(p.s[i:])
		if p.s[i+n] == '@' {
			return i + n
		}
		i += n + 1
	}
}

// first returns the first component, escaped, and "" for the zero Principal.
func (p Principal) first() string {
	return p.s[:separator(p.s)]
}

// separator returns the index of the first unescaped '/' or '@' in s, or len(s) if s
// contains no separator.
func separator[T string | []byte](s T) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '/', '@':
			return i
		}
	}
	return len(s)
}

func badName(why string) error {
	return &status.Error{Reason: status.ReasonArgument, Detail: "not a principal name: " + why}
}
