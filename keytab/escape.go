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
	whyRealm = "'@' or '/' stands unescaped in the realm"
)

// checkPart says what is wrong with a component or realm, "" if nothing is.
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

// mustEscape reports whether a canonical name has an escape in place of the
// control character c.
func mustEscape(c byte) bool {
	switch c {
	case '\n', '\t', '\b', 0:
		return true
	}
	return false
}

// afterBackslash reports whether a canonical name can have c after a backslash.
func afterBackslash(c byte) bool {
	switch c {
	case '/', '@', '\\', 'n', 't', 'b', '0':
		return true
	}
	return false
}

// unescape returns what c stands for after a backslash.
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

// unescaped returns one escaped part as it is; without a backslash, that is
// part itself.
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

// canonical rewrites a name that is right but escapes too much or too little.
func canonical(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '/', '@':
			b = append(b, c)
		case '\\':
			i++ // there is one: s was read before
			b = appendChar(b, unescape(s[i]))
		default:
			b = appendChar(b, c)
		}
	}
	return string(b)
}
