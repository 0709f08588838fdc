package keytab

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"unicode/utf8"
)

// sniffed is the number of bytes from which whatItIs recognizes the format of a file.
const sniffed = 4096

// whatItIs describes a file that does not begin like a keytab.
func whatItIs(file []byte) string {
	head := file[:min(len(file), sniffed)]
	text := bytes.TrimSpace(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")))
	switch {
	case len(file) == 0:
		return "it is empty"
	case zeros(file):
		return "it consists of zero bytes"
	case file[0] == magic && len(file) > 1 && (file[1] == 3 || file[1] == 4):
		return "it is a credential cache, which holds a client's tickets and no service's keys"
	case isUTF16(head):
		return "it is UTF-16 text; if it was a keytab, a program converted it: copy the keytab as it is"
	case bytes.HasPrefix(text, []byte("-----BEGIN ")):
		return "it is PEM text, such as a certificate, and no keytab"
	case bytes.Contains(head, []byte("[libdefaults]")), bytes.Contains(head, []byte("[realms]")):
		return "it is a krb5.conf and no keytab"
	case isKeytab(unbase64(text)):
		return "it is a keytab in base64: decode it first, such as by base64 -d"
	case isKeytab(unhex(text)):
		return "it is a keytab in hexadecimal: decode it first, such as by xxd -r -p"
	case file[0] == 0x1f && len(file) > 1 && file[1] == 0x8b:
		return "it is compressed by gzip: decompress it first"
	case len(file) < 2:
		return "it is cut short after its first byte"
	case isText(head):
		return "it is text and no keytab"
	}
	return "it does not begin as a keytab"
}

// damage describes the damage of a file that begins like a keytab and cannot be parsed.
// It returns "" if it does not recognize the damage.
func damage(file []byte) string {
	switch {
	case bytes.Contains(file, []byte("\xef\xbf\xbd")):
		return ": a program took the file for UTF-8 text and put EF BF BD in place of bytes, which are lost; copy the keytab as it is"
	case !utf8.Valid(file):
		return ""
	case bytes.ContainsFunc(file, func(r rune) bool { return r >= utf8.RuneSelf }):
		return ": all of it is UTF-8, so that a program may have taken it for text and converted it; copy the keytab as it is"
	}
	return ""
}

func isKeytab(b []byte) bool {
	return len(b) >= 2 && b[0] == magic && (b[1] == version1 || b[1] == version2)
}

// isUTF16 reports whether b begins with a byte order mark or with the first two bytes of
// a keytab in UTF-16.
func isUTF16(b []byte) bool {
	for _, begin := range []string{"\xff\xfe", "\xfe\xff", "\x05\x00\x02\x00", "\x00\x05\x00\x02", "\x05\x00\x01\x00", "\x00\x05\x00\x01"} {
		if bytes.HasPrefix(b, []byte(begin)) {
			return true
		}
	}
	return false
}

// unbase64 decodes the beginning of text, or returns nil if text is not base64.
func unbase64(text []byte) []byte {
	const some = 16 // characters
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if b, err := encoding.DecodeString(string(bytes.TrimRight(text[:min(len(text), some)], "="))); err == nil {
			return b
		}
	}
	return nil
}

// unhex decodes the beginning of text, or returns nil if text is not hexadecimal.
func unhex(text []byte) []byte {
	const some = 16 // characters
	b, err := hex.DecodeString(string(bytes.TrimRight(text[:min(len(text), some)], "=")))
	if err != nil {
		return nil
	}
	return b
}

// isText reports whether b is UTF-8 without control characters except those of line ends
// and tabs. The last character may be incomplete.
func isText(b []byte) bool {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		switch {
		case r == utf8.RuneError && n == 1:
			return len(b) < utf8.UTFMax && !utf8.FullRune(b)
		case r < ' ' && r != '\n' && r != '\r' && r != '\t', r == 0x7f:
			return false
		}
		b = b[n:]
	}
	return true
}
