package keytab

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gosspi/kerberos/status"
)

func fixture(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const (
	mitFile     = "testdata/mit.keytab"
	mitFileV1   = "testdata/mit-v1.keytab"
	heimdalFile = "testdata/heimdal.keytab"
	labFile     = "../testdata/ad/lab.keytab"
)

// described returns an entry as text, with its key.
func described(p Principal, kvno uint32, e EType, at time.Time, key string) string {
	if !at.IsZero() {
		at = at.UTC()
	}
	return fmt.Sprintf("%s %d %d %d %s", p, kvno, e, at.Unix(), key)
}

func usable(t *Table) (list []string) {
	for e := range t.All() {
		list = append(list, described(e.Principal, e.Kvno, e.Key.EType(), e.Time, hex.EncodeToString(e.Key.Bytes())))
	}
	return list
}

func unusable(t *Table) (list []string) {
	for e := range t.Unusable() {
		list = append(list, described(e.Principal, e.Kvno, e.EType, e.Time, "-"))
	}
	return list
}

// TestParseOthersFiles compares with the output of MIT's klist -kteK for the same files.
func TestParseOthersFiles(t *testing.T) {
	for _, c := range []struct{ file, usable, unusable string }{
		{
			mitFile, `
			HTTP/www.example.com@EXAMPLE.COM 1 18 1795532092 b0338364cc9d64eacf3d714d2d20e58fe67bfd3f343901294e64465dde4f811d
			HTTP/www.example.com@EXAMPLE.COM 1 17 1795532092 ab5d0f096394247390fb4da95464737e
			HTTP/www.example.com@EXAMPLE.COM 1 19 1795532092 0e6caa68fdccad0671ade4f71b35f1e0
			HTTP/www.example.com@EXAMPLE.COM 1 20 1795532092 13b267a717c97aee9927accbf24137b67bba43094f35693cb7350bff41c267e7
			HTTP/www.example.com@EXAMPLE.COM 1 23 1795532092 8846f7eaee8fb117ad06bdd830b7586c
			svc\/odd\@name@EXAMPLE.COM 1 18 1795532092 a4dd30c46a02f910c632cd0042034194c42750f2fcc4da903b86e97fdecbace7
			svc\/odd\@name@EXAMPLE.COM 1 17 1795532092 550f1b32971b2034d5bc128e6e921b26
			svc\/odd\@name@EXAMPLE.COM 1 19 1795532092 6523c84f9aa2d73247855fbf832dd73e
			svc\/odd\@name@EXAMPLE.COM 1 20 1795532092 08cbaa850a504c67d7b34120236478e00b7eee6124443531b6f027865e450067
			svc\/odd\@name@EXAMPLE.COM 1 23 1795532092 878d8014606cda29677a44efa1353fc7
			host/www.example.com@EXAMPLE.COM 300 17 1795532118 b23f590b4e6e977d2eccd4b7fb2d0776`, `
			HTTP/www.example.com@EXAMPLE.COM 1 26 1795532092 -
			svc\/odd\@name@EXAMPLE.COM 1 26 1795532092 -`,
		},
		{
			mitFileV1, `
			HTTP/www.example.com@EXAMPLE.COM 3 18 1795532017 b0338364cc9d64eacf3d714d2d20e58fe67bfd3f343901294e64465dde4f811d
			host/www.example.com@EXAMPLE.COM 300 17 1795532017 b23f590b4e6e977d2eccd4b7fb2d0776`, "",
		},
		{
			heimdalFile, `
			HTTP/www.example.com@EXAMPLE.COM 3 18 1795532059 b0338364cc9d64eacf3d714d2d20e58fe67bfd3f343901294e64465dde4f811d
			h/www.example.com@EXAMPLE.COM 1 17 1795532059 4a27b96aaaad1ed791181a62ec7b6598
			nfs/www.example.com@EXAMPLE.COM 4 17 1795532059 66a6676bd13db7d2191931fcede90083`, "",
		},
	} {
		table, err := Parse(fixture(t, c.file))
		if err != nil {
			t.Errorf("%s: %v", c.file, err)
			continue
		}
		if got, want := usable(table), trimmed(c.usable); !slices.Equal(got, want) {
			t.Errorf("%s:\n%s\nwant\n%s", c.file, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if got, want := unusable(table), trimmed(c.unusable); !slices.Equal(got, want) {
			t.Errorf("%s, unusable:\n%s\nwant\n%s", c.file, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	lab, err := Parse(fixture(t, labFile))
	if err != nil || lab.Len()+len(unusable(lab)) != 56 {
		t.Errorf("%s: %v with %v", labFile, lab, err)
	}
	for e := range lab.Unusable() {
		t.Errorf("unusable: %+v", e)
	}
}

func trimmed(s string) (list []string) {
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list
}

// file writes a keytab. It does not check the values.
type file struct {
	order   binary.AppendByteOrder
	version byte
	b       []byte
}

func newFile(version byte, order binary.AppendByteOrder) *file {
	return &file{order, version, []byte{5, version}}
}

func (f *file) raw(b ...byte) *file { f.b = append(f.b, b...); return f }

func (f *file) size(n int32) *file { f.b = f.order.AppendUint32(f.b, uint32(n)); return f }

// entry appends an entry with the bytes of tail after its key.
func (f *file) entry(realm string, components []string, kvno byte, e EType, key []byte, tail ...byte) *file {
	var b []byte
	counted := func(s string) {
		b = f.order.AppendUint16(b, uint16(len(s)))
		b = append(b, s...)
	}
	n := len(components)
	if f.version == 1 {
		n++
	}
	b = f.order.AppendUint16(b, uint16(n))
	counted(realm)
	for _, c := range components {
		counted(c)
	}
	if f.version != 1 {
		b = f.order.AppendUint32(b, 3)
	}
	b = f.order.AppendUint32(b, 1000)
	b = append(b, kvno)
	b = f.order.AppendUint16(b, uint16(e))
	counted(string(key))
	b = append(b, tail...)
	return f.size(int32(len(b))).raw(b...)
}

var (
	key16 = []byte("0123456789abcdef")
	key32 = []byte("0123456789abcdefghijklmnopqrstuv")
	names = []string{"host", "a"}
)

func v2() *file { return newFile(2, binary.BigEndian) }

func TestKEY_9(t *testing.T) {
	whole := "host/a@R 7 17 1000 " + hex.EncodeToString(key16)
	good := func(f *file) *file { return f.entry("R", names, 7, a128, key16) }
	b := func(n int) []byte { return make([]byte, n) }
	for name, c := range map[string]struct {
		file *file
		want string // the entries, or "error: " and a part of the error
	}{
		"no entry":                  {v2(), ""},
		"version 8 bits":            {good(v2()), whole},
		"version 32 bits":           {v2().entry("R", names, 7, a128, key16, 0, 1, 0, 7), strings.Replace(whole, " 7 ", " 65543 ", 1)},
		"version 32 bits, highest":  {v2().entry("R", names, 7, a128, key16, 0xff, 0xff, 0xff, 0xff), strings.Replace(whole, " 7 ", " 4294967295 ", 1)},
		"version 32 bits is zero":   {v2().entry("R", names, 7, a128, key16, 0, 0, 0, 0), whole},
		"three zeros":               {v2().entry("R", names, 7, a128, key16, 0, 0, 0), whole},
		"three others":              {v2().entry("R", names, 7, a128, key16, 0, 0, 7), "error: longer than its parts"},
		"flags":                     {v2().entry("R", names, 7, a128, key16, 0, 0, 0, 7, 1, 2, 3, 4), whole},
		"more than flags":           {v2().entry("R", names, 7, a128, key16, 0, 0, 0, 7, 1, 2, 3, 4, 5), "error: longer than its parts"},
		"padding":                   {v2().entry("R", names, 7, a128, key16, b(100)...), whole},
		"hole":                      {good(good(v2()).size(-100).raw(b(100)...)), whole + "\n" + whole},
		"hole at the end":           {good(v2()).size(-3).raw(b(3)...), whole},
		"hole that is not empty":    {good(good(v2()).size(-60).raw(slices.Repeat([]byte{7}, 60)...)), whole + "\n" + whole},
		"hole beyond the end":       {good(v2()).size(-101).raw(b(100)...), "error: hole"},
		"INT32_MIN":                 {good(v2()).size(-1 << 31).raw(b(100)...), "error: hole"},
		"INT32_MAX":                 {good(v2()).size(1<<31 - 1).raw(b(100)...), "error: cut short"},
		"size beyond the end":       {v2().size(48).raw(good(v2()).b[6:]...), "error: cut short"},
		"end mark":                  {good(v2()).size(0), whole},
		"end mark and zeros":        {good(v2()).size(0).raw(b(33)...), whole},
		"entry after the end mark":  {good(good(v2()).size(0)), "error: not finished"},
		"three bytes at the end":    {good(v2()).raw(0, 0, 1), "error: cut short"},
		"one zero at the end":       {good(v2()).raw(0), whole},
		"three zeros at the end":    {good(v2()).raw(0, 0, 0), whole},
		"LF at the end":             {good(v2()).raw('\n'), whole},
		"CR LF at the end":          {good(v2()).raw('\r', '\n'), whole},
		"CR at the end":             {good(v2()).raw('\r'), "error: cut short"},
		"two LF at the end":         {good(v2()).raw('\n', '\n'), "error: cut short"},
		"a space at the end":        {good(v2()).raw(' '), "error: cut short"},
		"zeros and LF at the end":   {good(v2()).raw(0, 0, 0, 0, '\n'), "error: not finished"},
		"LF and zeros at the end":   {good(v2()).raw('\n', 0, 0, 0), "error: cut short"},
		"LF between entries":        {good(good(v2()).raw('\n')), "error: cut short"},
		"size 1":                    {v2().size(1).raw(0), "error: no name"},
		"no components":             {v2().entry("R", nil, 7, a128, key16), "error: no name"},
		"negative components":       {v2().size(4).raw(0xff, 0xff, 0, 0), "error: no name"},
		"more components than room": {v2().size(4).raw(0x7f, 0xff, 0, 0), "error: shorter than its parts"},
		"negative length":           {v2().size(6).raw(0, 1, 0xff, 0xff, 0, 0), "error: shorter than its parts"},
		"33 components":             {good(v2().entry("R", slices.Repeat([]string{"x"}, 33), 7, a128, key16)), whole},
		"empty component":           {good(v2().entry("R", []string{"x", ""}, 7, a128, key16)), whole},
		"empty realm":               {good(v2().entry("", names, 7, a128, key16)), whole},
		"name not UTF-8":            {good(v2().entry("R", []string{"\xff"}, 7, a128, key16)), whole},
		"wrong key length":          {good(v2().entry("R", names, 7, a256, key16)), whole},
		"no key":                    {good(v2().entry("R", names, 7, a128, nil)), whole},
		"unknown type":              {good(v2().entry("R", names, 7, -133, key16)), whole},
		"DES":                       {good(v2().entry("R", names, 7, 3, key16[:8])), whole},
		"version 1 little":          {newFile(1, binary.LittleEndian).entry("R", names, 7, a128, key16), whole},
		"version 1 big":             {newFile(1, binary.BigEndian).entry("R", names, 7, a128, key16), whole},
		"version 1 big, hole first": {newFile(1, binary.BigEndian).size(-4).raw(b(4)...).entry("R", names, 7, a128, key16), whole},
		"version 1, no entry":       {newFile(1, binary.BigEndian), ""},
		"version 1, realm only":     {newFile(1, binary.BigEndian).entry("R", nil, 7, a128, key16), "error: no name"},
		"version 1, count 0":        {newFile(1, binary.LittleEndian).size(4).raw(0, 0, 0, 0), "error: no name"},
		"version 3":                 {newFile(3, binary.BigEndian), "error: credential cache"},
		"version 0":                 {newFile(0, binary.BigEndian), "error: begin"},
		"text":                      {&file{b: []byte("hello")}, "error: text"},
		"empty":                     {&file{}, "error: empty"},
		"one byte":                  {&file{b: []byte{5}}, "error: cut short"},
	} {
		table, err := Parse(slices.Clip(bytes.Clone(c.file.b)))
		if want, bad := strings.CutPrefix(c.want, "error: "); bad {
			if err == nil || !strings.Contains(err.Error(), want) || status.ReasonOf(err) != status.ReasonNoCredentials {
				t.Errorf("%s: error %v, want %q", name, err, want)
			}
			continue
		}
		if err != nil || strings.Join(usable(table), "\n") != c.want {
			t.Errorf("%s: %v %q", name, err, usable(table))
		}
	}
}

// TestUnusable checks that the reasons of unusable entries differ.
func TestUnusable(t *testing.T) {
	f := v2().entry("R", names, 7, 26, key16).entry("R", names, 8, a256, key16).
		entry("R", []string{"\xff"}, 9, a128, key16).entry("R", names, 10, -133, key16, 0, 0, 1, 0)
	table, err := Parse(f.b)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"host/a@R 7 26 1000 -", "host/a@R 8 18 1000 -", " 9 17 1000 -", "host/a@R 256 -133 1000 -"}
	if got := unusable(table); !slices.Equal(got, want) || table.Len() != 0 {
		t.Errorf("%q", got)
	}
	reasons := []status.Reason{status.ReasonETypeRefused, status.ReasonETypeRefused, status.ReasonArgument, status.ReasonETypeRefused}
	i := 0
	for e := range table.Unusable() {
		if status.ReasonOf(e.Err) != reasons[i] {
			t.Errorf("%d: %v", i, e.Err)
		}
		i++
	}
	for range table.Unusable() {
		break
	}
}

var cleanError = regexp.MustCompile(`^kerberos: no-credentials \([^)]*\): not a sound keytab: at byte \d+: [a-zA-Z0-9 ,.;:'-]+$`)

// TestKEY_9_Truncation truncates files at each length. A file that ends between two
// entries, or in the zeros of an entry's size, is a valid, shorter file. At every other
// length Parse returns an error, whose text contains nothing of the file.
func TestKEY_9_Truncation(t *testing.T) {
	for _, path := range []string{mitFile, mitFileV1, heimdalFile, labFile} {
		whole := fixture(t, path)
		all, err := Parse(whole)
		if err != nil {
			t.Fatal(err)
		}
		places := walk(t, whole)
		accepted := 0
		for n := range whole {
			table, err := Parse(slices.Clip(bytes.Clone(whole[:n])))
			entries, between := places.before(n)
			if !between && places.at[n] == "size" && err == nil {
				// The file ends in one to three zero bytes of an entry's size. Parse
				// accepts it, with a notice, and it replaces no longer file.
				end := n
				for places.at[end-1] == "size" && whole[end-1] == 0 {
					end--
				}
				if entries, between = places.before(end); !between || places.at[n-1] != "size" {
					t.Errorf("%s cut to %d bytes: accepted", path, n)
				}
			}
			if (err == nil) != between {
				t.Errorf("%s cut to %d bytes (%s): %v", path, n, places.at[n], err)
				continue
			}
			if err != nil {
				if !cleanError.MatchString(err.Error()) {
					t.Errorf("%s cut to %d bytes: %v", path, n, err)
				}
				continue
			}
			accepted++
			u, x := usable(table), unusable(table)
			if len(u)+len(x) != entries || !slices.Equal(u, usable(all)[:len(u)]) || !slices.Equal(x, unusable(all)[:len(x)]) {
				t.Errorf("%s cut to %d bytes has %d and %d entries of %d", path, n, len(u), len(x), entries)
			}
		}
		t.Logf("%s: %d of %d lengths accepted", path, accepted, len(whole))
	}
}

func TestMarshalBinary(t *testing.T) {
	for _, path := range []string{mitFile, mitFileV1, heimdalFile, labFile} {
		table, err := Parse(fixture(t, path))
		if err != nil {
			t.Fatal(err)
		}
		b, err := table.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(b)
		if err != nil || !slices.Equal(usable(again), usable(table)) || len(unusable(again)) != 0 {
			t.Errorf("%s: %v, %v", path, again, err)
		}
	}
	// MarshalBinary writes the bytes that Heimdal writes, without holes and flags, and with
	// the name type 1.
	f := v2()
	for _, kvno := range []uint32{0, 1, 255, 256, 1<<32 - 1} {
		f.entry("R", names, byte(kvno), a256, key32, binary.BigEndian.AppendUint32(nil, kvno)...)
	}
	table, err := Parse(f.b)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := table.MarshalBinary(); err != nil || !bytes.Equal(b, bytes.ReplaceAll(f.b, []byte{0, 0, 0, 3, 0, 0, 3, 0xe8}, []byte{0, 0, 0, 1, 0, 0, 3, 0xe8})) {
		t.Errorf("%x, %v", b, err)
	}
	if b, err := (*Table)(nil).MarshalBinary(); err != nil || !bytes.Equal(b, v2().b) {
		t.Errorf("a nil table: %x, %v", b, err)
	}
}

func TestMarshalBinaryTimes(t *testing.T) {
	for _, at := range []time.Time{{}, time.Unix(1, 0), time.Unix(1<<32-1, 0), time.Unix(-1, 0), time.Unix(1<<32, 0)} {
		table, err := NewTable(Entry{Principal: MustParsePrincipal("a@R"), Kvno: 1, Key: testKey(t, a128, 1), Time: at})
		if err != nil {
			t.Fatal(err)
		}
		b, err := table.MarshalBinary()
		if fits := at.IsZero() || at.Unix() > 0 && at.Unix() < 1<<32; !fits {
			if status.ReasonOf(err) != status.ReasonArgument || b != nil {
				t.Errorf("%v: %v", at, err)
			}
			continue
		}
		again, err := Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		for e := range again.All() {
			if !e.Time.Equal(at) {
				t.Errorf("%v came back as %v", at, e.Time)
			}
		}
	}
}

// TestFromPassword compares with MIT's keytabs of keys from known passwords and the default
// salt.
func TestFromPassword(t *testing.T) {
	for _, c := range []struct{ file, principal, password, salt string }{
		{mitFile, "HTTP/www.example.com@EXAMPLE.COM", "password", ""},
		{mitFile, "HTTP/www.example.com@EXAMPLE.COM", "password", "EXAMPLE.COMHTTPwww.example.com"},
		{mitFile, `svc\/odd\@name@EXAMPLE.COM`, "secret", ""},
	} {
		table, err := Parse(fixture(t, c.file))
		if err != nil {
			t.Fatal(err)
		}
		p := MustParsePrincipal(c.principal)
		ours, err := FromPassword(p, 9, c.password, c.salt)
		if err != nil || ours.Len() != 4 {
			t.Fatalf("%v, %v", ours, err)
		}
		for e := range ours.All() {
			found := false
			for theirs := range table.All() {
				found = found || theirs.Principal == p && theirs.Key.Equal(e.Key)
			}
			if !found || e.Kvno != 9 || e.Principal != p {
				t.Errorf("%s kvno %d: not MIT's key of %v", e.Principal, e.Kvno, e.Key.EType())
			}
		}
	}
	p := MustParsePrincipal("a@R")
	if table, err := FromPassword(p, 1, "x", "", a256); err != nil || table.Len() != 1 {
		t.Errorf("one type: %v, %v", table, err)
	}
	for name, c := range map[string]struct {
		p        Principal
		password string
		etype    EType
		want     status.Reason
	}{
		"no principal":                         {Principal{}, "x", a256, status.ReasonArgument},
		"no password":                          {p, "", a256, status.ReasonArgument},
		"DES":                                  {p, "x", 3, status.ReasonETypeRefused},
		"RC4 and a password that is not UTF-8": {p, "\xff", RC4_HMAC, status.ReasonArgument},
	} {
		if table, err := FromPassword(c.p, 1, c.password, "", a256, c.etype); status.ReasonOf(err) != c.want || table != nil {
			t.Errorf("%s: %v, %v", name, table, err)
		}
	}
}
