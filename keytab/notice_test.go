package keytab

import (
	"encoding/base64"
	"encoding/hex"
	"iter"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/gosspi/kerberos/status"
)

// told checks the notices since the last call: each element of want is a part of the text
// of a notice.
func (f *followed) told(t *testing.T, what string, after *uint64, want ...string) {
	t.Helper()
	news, newest := f.Notices(*after)
	*after = newest
	if len(news) != len(want) {
		t.Errorf("%s: %d notices %+v, want %q", what, len(news), news, want)
		return
	}
	for i, n := range news {
		if !strings.Contains(n.Text, want[i]) || !strings.Contains(n.Text, f.path) || n.File != f.path {
			t.Errorf("%s: %+v, want %q", what, n, want[i])
		}
		if strings.Contains(n.Text, status.ReasonNoCredentials.String()) || strings.Contains(n.Text, status.ReasonNoCredentials.Help()) {
			t.Errorf("%s: a notice has the Reason of a refusal: %s", what, n.Text)
		}
		if good := strings.Contains(n.Text, "used again"); (n.Level == slog.LevelInfo) != good {
			t.Errorf("%s: level %v of %s", what, n.Level, n.Text)
		}
	}
}

// TestKEY_14_SaidOnce checks that the File reports each problem of the file once when it
// begins and once when it ends, with the file's name, and keeps the keys.
func TestKEY_14_SaidOnce(t *testing.T) {
	whole := generation(t, 1, 2)
	for _, row := range []struct {
		name string
		bad  func(t *testing.T, f *followed)
		want string
	}{
		{"vanished", func(t *testing.T, f *followed) { remove(t, f.path) }, "it does not exist"},
		{"emptied", func(t *testing.T, f *followed) { f.write(t, nil) }, "it is empty"},
		{"truncated", func(t *testing.T, f *followed) { f.write(t, whole[:len(whole)-5]) }, "an entry is cut short"},
		{"cut by a crash", func(t *testing.T, f *followed) {
			one := generation(t, 1)
			f.write(t, append(one, make([]byte, len(whole)-len(one))...))
		}, "it ends in zero bytes and has only 1 of the 2 entries that it had"},
		{"no entry", func(t *testing.T, f *followed) { f.write(t, []byte{5, 2}) }, "it has no entry that can be used"},
		{"text", func(t *testing.T, f *followed) { f.write(t, []byte("hello\n")) }, "it is text and no keytab"},
		{"a directory", func(t *testing.T, f *followed) {
			remove(t, f.path)
			if err := os.Mkdir(f.path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "it is a directory"},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := follow(t, whole)
			var first, second, late uint64
			f.told(t, "at the start", &first)
			f.told(t, "at the start", &second)
			row.bad(t, f)
			for i := range 3 {
				if got := f.kvnos(t); got != "12" {
					t.Fatalf("keys of version %s", got)
				}
				if i == 0 {
					f.told(t, "broken", &first, row.want)
				}
				f.told(t, "still broken", &first)
			}
			f.told(t, "a reader that comes later", &late, row.want)
			if err := f.Err(); status.ReasonOf(err) != status.ReasonNoCredentials || !strings.Contains(err.Error(), f.path) {
				t.Errorf("Err: %v", err)
			}
			if row.name == "a directory" {
				remove(t, f.path)
			}
			f.replace(t, whole)
			if got := f.kvnos(t); got != "12" || f.Err() != nil {
				t.Errorf("keys of version %s, %v", got, f.Err())
			}
			f.told(t, "restored", &first, "can be used again: 2 keys read")
			f.told(t, "restored, later", &first)
			f.told(t, "a reader that saw nothing of it", &second, row.want, "can be used again")
			late = 0
			f.told(t, "a reader that comes after it", &late)
			if len(f.warn) != 2 {
				t.Errorf("Warn was called with %+v", f.warn)
			}
		})
	}
}

// TestKEY_14_AtStart checks that OpenFile accepts a keytab without a usable key, and that
// the File then reports this, the entries that it skipped, and a file that other users may
// read.
func TestKEY_14_AtStart(t *testing.T) {
	des := v2().entry("R", names, 7, 3, key16[:8]).entry("R", names, 7, 26, key32).b
	whole := generation(t, 1)
	for name, c := range map[string]struct {
		file []byte
		want []string
	}{
		"sound":            {whole, nil},
		"no entry":         {[]byte{5, 2}, []string{"has no key: it has no entry that can be used"}},
		"unusable entries": {des, []string{"2 entries cannot be used: 1 of des-cbc-md5 (3), 1 of camellia256-cts-cmac (26); no client can be accepted"}},
		"LF":               {append(slices.Clone(whole), '\n'), []string{"a line end behind its last entry"}},
		"CR LF":            {append(slices.Clone(whole), "\r\n"...), []string{"a line end behind its last entry"}},
		"zeros":            {append(slices.Clone(whole), 0, 0, 0, 0, 0), []string{"5 zero bytes behind its last entry"}},
		"a hole":           {append(slices.Clone(whole), 0xff, 0xff, 0xff, 0xfe, 1, 2), []string{"a hole at byte 71"}},
	} {
		var after uint64
		f := follow(t, c.file)
		f.told(t, name, &after, c.want...)
	}
	if news, newest := (&Table{}).Notices(0); len(news) != 1 || newest != 1 {
		t.Errorf("an empty table: %v", news)
	}
	if news, _ := spelled(t, "h/1 1 17 1").Notices(0); len(news) != 0 {
		t.Errorf("a table with a key: %v", news)
	}
	for _, f := range []*File{nil, {}} {
		if news, newest := f.Notices(3); news != nil || newest != 3 {
			t.Errorf("a File that was not opened: %v, %d", news, newest)
		}
	}
}

// TestKEY_9_ShorterOnReload checks that a shorter keytab that ends in zeros does not
// replace a longer one, because it may be truncated. A keytab that ends in a line feed
// does.
func TestKEY_9_ShorterOnReload(t *testing.T) {
	for _, c := range []struct {
		kvnos  []uint32
		behind string
		want   string
	}{
		{[]uint32{3}, "\x00", "12"},
		{[]uint32{3}, "\x00\x00\x00\x00\x00\x00", "12"},
		{[]uint32{3}, "\n", "3"},
		{[]uint32{3}, "\r\n", "3"},
		{[]uint32{3}, "", "3"},
		{[]uint32{3, 4}, "\x00\x00\x00\x00", "34"},
		{[]uint32{3, 4, 5}, "\x00", "345"},
	} {
		f := follow(t, generation(t, 1, 2))
		f.write(t, append(generation(t, c.kvnos...), c.behind...))
		if got := f.kvnos(t); got != c.want || (f.Err() != nil) != (c.want == "12") {
			t.Errorf("%v and %q: keys of version %s, want %s; %v", c.kvnos, c.behind, got, c.want, f.Err())
		}
	}
}

// TestKEY_13_ExposedLater checks that the File reports a change of the file's mode.
func TestKEY_13_ExposedLater(t *testing.T) {
	f := follow(t, generation(t, 1))
	var after uint64
	f.told(t, "at the start", &after)
	if info, err := os.Stat(f.path); err != nil || info.Mode().Perm() != 0o600 {
		t.Skip("this operating system has no permission bits")
	}
	for range 2 {
		if err := os.Chmod(f.path, 0o644); err != nil {
			t.Fatal(err)
		}
		f.kvnos(t)
		f.told(t, "chmod", &after, "may be read by every user")
		f.kvnos(t)
		f.told(t, "later", &after)
		if err := os.Chmod(f.path, 0o600); err != nil {
			t.Fatal(err)
		}
		f.kvnos(t)
		f.told(t, "undone", &after)
	}
}

// TestParse_SaysWhatTheFileIs checks that the error for a file that is not a keytab names
// the kind of the file.
func TestParse_SaysWhatTheFileIs(t *testing.T) {
	whole := fixture(t, mitFile)
	wide := func(bom string, big bool) []byte {
		b := []byte(bom)
		for _, c := range utf16.Encode([]rune(string(slices.Collect(latin1(whole))))) {
			if big {
				b = append(b, byte(c>>8), byte(c))
			} else {
				b = append(b, byte(c), byte(c>>8))
			}
		}
		return b
	}
	b64 := base64.StdEncoding.EncodeToString(whole)
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"base64":                {[]byte(b64), "a keytab in base64"},
		"base64 of lines":       {[]byte(b64[:76] + "\n" + b64[76:] + "\n"), "a keytab in base64"},
		"base64 behind a BOM":   {[]byte("\xef\xbb\xbf" + b64), "a keytab in base64"},
		"base64 for URLs":       {[]byte(base64.RawURLEncoding.EncodeToString(whole)), "a keytab in base64"},
		"base64 of no entry":    {[]byte("BQI="), "a keytab in base64"},
		"hexadecimal":           {[]byte(hex.EncodeToString(whole)), "a keytab in hexadecimal"},
		"UTF-8, bytes lost":     {[]byte(strings.ToValidUTF8(string(whole), "\ufffd")), "EF BF BD"},
		"UTF-8 of Latin-1":      {[]byte(string(slices.Collect(latin1(whole)))), "all of it is UTF-8"},
		"UTF-16 with a BOM":     {wide("\xff\xfe", false), "UTF-16"},
		"UTF-16 without a BOM":  {wide("", false), "UTF-16"},
		"UTF-16, big-endian":    {wide("", true), "UTF-16"},
		"a credential cache":    {[]byte("\x05\x04\x00\x0c\x00\x01\x00\x08\xff\xff\xff\xff"), "a credential cache"},
		"an older one":          {[]byte("\x05\x03\x00\x00\x00\x01"), "a credential cache"},
		"PEM":                   {[]byte("-----BEGIN CERTIFICATE-----\nMIIB"), "PEM text"},
		"krb5.conf":             {[]byte("# comment\n[libdefaults]\n\tdefault_realm = EXAMPLE.COM\n"), "a krb5.conf"},
		"text":                  {[]byte("HTTP/www.example.com j\u00fcrgen"), "text and no keytab"},
		"text of 5000 bytes":    {[]byte(strings.Repeat("a", sniffed-1) + strings.Repeat("\u00fc", 500)), "text and no keytab"},
		"Latin-1":               {[]byte("HTTP/www.example.com j\xfcrgen"), "does not begin as a keytab"},
		"zeros":                 {make([]byte, 512), "zero bytes"},
		"gzip":                  {[]byte("\x1f\x8b\x08\x00\x00"), "gzip"},
		"something else":        {[]byte("\x30\x82\x01\x00"), "does not begin as a keytab"},
		"base64 of another":     {[]byte(base64.StdEncoding.EncodeToString([]byte("no keytab at all"))), "text and no keytab"},
		"a keytab that was cut": {whole[:100], "an entry is cut short"},
	} {
		_, err := Parse(c.file)
		if status.ReasonOf(err) != status.ReasonNoCredentials || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
			continue
		}
		table, perr := Parse(whole)
		if perr != nil {
			t.Fatal(perr)
		}
		checkNoKey(t, table, err.Error())
		f := follow(t, whole)
		f.write(t, c.file)
		f.kvnos(t)
		if err := f.Err(); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), f.path) {
			t.Errorf("%s in a file: %v", name, err)
		}
	}
}

// TestKEY_9_ZeroKey checks that Parse does not use a key of zero bytes, which a truncated
// file may have.
func TestKEY_9_ZeroKey(t *testing.T) {
	table, err := Parse(v2().entry("R", names, 7, a256, make([]byte, 32)).entry("R", names, 8, a256, key32).b)
	if err != nil || table.Len() != 1 || len(unusable(table)) != 1 {
		t.Errorf("%v, %v", table, err)
	}
}

// latin1 returns each byte as the character with its number.
func latin1(b []byte) iter.Seq[rune] {
	return func(yield func(rune) bool) {
		for _, c := range b {
			if !yield(rune(c)) {
				return
			}
		}
	}
}
