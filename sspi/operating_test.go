package sspi_test

import (
	"context"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
)

// operating returns the text of OPERATING.md.
func operating(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../OPERATING.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestLOG_5_AttributesDocumented checks that OPERATING.md has a row for each attribute that
// the package writes, and no other.
func TestLOG_5_AttributesDocumented(t *testing.T) {
	var written, documented []string
	for _, file := range []string{"event_log.go", "export.go"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`"((?:kerberos|client|error)\.[a-z._]+)"`).FindAllStringSubmatch(string(b), -1) {
			written = append(written, m[1])
		}
	}
	_, attributes, _ := strings.Cut(operating(t), "### Attributes\n")
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z._]+)` \\|").FindAllStringSubmatch(attributes, -1) {
		documented = append(documented, m[1])
	}
	slices.Sort(written)
	slices.Sort(documented)
	if len(written) < 20 || !slices.Equal(slices.Compact(written), documented) {
		t.Errorf("written:\n%q\ndocumented:\n%q", written, documented)
	}
}

// TestLOG_5_Queries runs the queries of OPERATING.md on records of real attempts.
func TestLOG_5_Queries(t *testing.T) {
	if _, err := exec.LookPath("jq"); err != nil {
		if os.Getenv("KERBEROS_REQUIRE_INTEROP") != "" {
			t.Fatal("jq is not installed")
		}
		t.Skip("jq is not installed")
	}
	var log logged
	s := newSite(t, log.into, withRC4)
	attempt := func(address string, token []byte) {
		remote := netip.AddrPortFrom(netip.MustParseAddr(address), 50000)
		_, _, _ = s.acceptor.NewContext(sspi.ContextConfig{Remote: remote}).Accept(context.Background(), token)
	}
	attempt("192.0.2.1", s.request().Token())
	rc4 := func(q *krbtest.APReq) {
		q.Ticket.Part.Key, q.Key, q.Authenticator.SubKey = key(23), key(23), key(23)
		q.ETypes = []keytab.EType{18}
	}
	attempt("192.0.2.2", s.request(rc4).Token())
	attempt("192.0.2.2", s.request(rc4).Token())
	attempt("192.0.2.3", s.request(func(q *krbtest.APReq) { q.Ticket.EType = 23 }).Token())
	attempt("192.0.2.4", s.request(late).Token())
	attempt("192.0.2.5", s.request(func(q *krbtest.APReq) { q.SetTime(q.Time().Add(2 * time.Minute)) }).Token())
	attempt("192.0.2.6", s.request(func(q *krbtest.APReq) { wrongKey(q); q.Ticket.SName.NameString = []string{"HTTP", "intranet"} }).Token())
	attempt("192.0.2.7", []byte("NTLMSSP\x00\x01\x00\x00\x00"))

	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "service.log"), log.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(operating(t), -1) {
		cmd := exec.Command("sh", "-c", block[1])
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		lines := strings.Split(strings.TrimRight(string(out), "\n"), "\n")
		for i := range lines {
			lines[i] = strings.Join(strings.Fields(strings.ReplaceAll(lines[i], " (", "(")), " ")
		}
		slices.Sort(lines)
		got = append(got, strings.Join(lines, "\n"))
	}
	want := []string{
		"1 ? unknown-key-version rc4-hmac(23) - HTTP/www.example.com@EXAMPLE.COM\n" +
			"2 alice@EXAMPLE.COM - aes256-cts-hmac-sha1-96(18) rc4-hmac(23) HTTP/www.example.com@EXAMPLE.COM",
		"1 192.0.2.4 -3600 clock-skew alice@EXAMPLE.COM\n" +
			"1 192.0.2.5 120 accepted alice@EXAMPLE.COM",
		"1 ntlm - 192.0.2.7\n" +
			"1 wrong-service HTTP/intranet@EXAMPLE.COM 192.0.2.6",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the queries print\n%s\n\nwant\n%s", strings.Join(got, "\n--\n"), strings.Join(want, "\n--\n"))
	}
}
