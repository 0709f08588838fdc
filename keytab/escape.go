package keytab

import (
	"strings"
	"unicode/utf8"
)

const (
	whyCount = "it does not have 1 to 32 components"
	whyLong  = "is longer than 1024 bytes"
	whyUTF8  = "it is not valid UTF-8"
	whyLone  = "it ends in a lone backslash"
	whyRealm = "its realm contains an unescaped '@' or '/'"
)

// checkPart returns the reason why s is not a valid component or realm, or "" if it is
// valid.
func checkPart(s string) string {
	switch {
	case s == "":
		return "is empty"
	case len(s) > maxPart:
		return whyLong
	case !utf8.ValidString(s):
		return "is not valid UTF-8"
	}
	return ""
}

// mustEscape reports whether the canonical form of a name escapes the control character
// c.
func mustEscape(c byte) bool {
	switch c {
	case '\n', '\t', '\b', 0:
		return true
	}
	return false
}

// afterBackslash reports whether c may follow a backslash in the canonical form of a
// name.
func afterBackslash(c byte) bool {
	switch c {
	case '/', '@', '\\', 'n', 't', 'b', '0':
		return true
	}
	return false
}

// unescape returns the character that a backslash and c represent.
func unescape(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 't':
		return '\t'
	case 'b':
		return '\b'
	case '0':
		return 0
	}
	return c
}

func appendEscaped(dst []byte, part string) []byte {
	for i := 0; i < len(part); i++ {
		dst = appendChar(dst, part[i])
	}
	return dst
}

func appendChar(dst []byte, c byte) []byte {
	switch c {
	case '/', '@', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, `\n`...)
	case '\t':
		return append(dst, `\t`...)
	case '\b':
		return append(dst, `\b`...)
	case 0:
		return append(dst, `\0`...)
	}
	return append(dst, c)
}

// unescaped returns one part of a name without its escapes. It returns part itself if
// part contains no backslash.
func unescaped(part string) string {
	if strings.IndexByte(part, '\\') < 0 {
		return part
	}
	b := make([]byte, 0, len(part))
	for i := 0; i < len(part); i++ {
		c := part[i]
		if c == '\\' && i+1 < len(part) {
			i++
			c = unescape(part[i])
		}
		b = append(b, c)
	}
	return string(b)
}

// canonical returns the canonical form of a valid name that has too many or too few
// escapes.
func canonical(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '/', '@':
			b = append(b, c)
		case '\\':
			i++ // within s: ParsePrincipal has checked the escapes
			b = appendChar(b, unescape(s[i]))
		default:
			b = appendChar(b, c)
		}
	}
	return string(b)
}
