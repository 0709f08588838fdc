// Package quote quotes strings that a peer chose, for errors and log records; no other
// package does so. Unquoted, an escape sequence could change an operator's terminal, a
// line break could forge a second record, and a bidirectional control character could
// disguise one name as another.
package quote

import (
	"fmt"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// Limits in bytes, before escaping. An error may quote several names; an attribute of
// a log record holds one name, which must be whole so that queries find it.
const (
	textLimit  = 100
	valueLimit = 1024
)

// Text returns s in double quotes and Go's syntax for the text of an error. ESC and the
// other control characters, bidirectional and other format characters, and bytes that
// are not UTF-8 are escaped. Text cuts s after 100 bytes and then appends "...".
func Text[T ~string | ~[]byte](s T) string { return text(s, textLimit) }

// Value returns s for an attribute of a log record. It returns a printable string of at
// most 1024 bytes unchanged, and quotes every other string as [Text] does, but cuts it
// after 1024 bytes. It also quotes a string that begins with a double quote, so that the
// string cannot imitate the quoted form of another string.
func Value[T ~string | ~[]byte](s T) string {
	if plain(string(s)) {
		return string(s)
	}
	return text(s, valueLimit)
}

// Rune returns r in single quotes, followed by its code point if r is not ASCII.
func Rune(r rune) string {
	if r < utf8.RuneSelf {
		return strconv.QuoteRune(r)
	}
	return fmt.Sprintf("%q (%U)", r, r)
}

func text[T ~string | ~[]byte](s T, limit int) string {
	if len(s) <= limit {
		return strconv.Quote(string(s))
	}
	// The cut does not split a UTF-8 character. Invalid UTF-8 may be cut anywhere.
	for back := 0; back < utf8.UTFMax && !utf8.RuneStart(s[limit]); back++ {
		limit--
	}
	return strconv.Quote(string(s[:limit])) + "..."
}

// plain reports whether a record can hold s without quotes.
func plain(s string) bool {
	if len(s) > valueLimit || !utf8.ValidString(s) || s != "" && s[0] == '"' {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}
