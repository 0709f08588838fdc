package interop

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// update makes a whole run write the table of clients to examples/README.md.
var update = flag.Bool("update", false, "write the table of clients into examples/README.md from the tests that passed")

// login is a row of the table of clients in examples/README.md.
type login struct {
	server    string // the example that the client logged in to, such as "httpd"
	client    string // the program, such as "curl"
	mechanism string // "SPNEGO", "Kerberos", "GS2-KRB5"
	result    string // the tested properties, such as "mutual, delegation, https"
}

// logins are the rows of this run.
var logins struct {
	mu  sync.Mutex
	all []login
}

// worked records the properties that the test has checked, if the test passes. Call it
// after the setup, and not at the end. Rows with the same server, client and mechanism
// become one.
func worked(t *testing.T, server, client, mechanism, result string) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() || t.Skipped() {
			return
		}
		logins.mu.Lock()
		defer logins.mu.Unlock()
		logins.all = append(logins.all, login{server, client, mechanism, result})
	})
}

const (
	examples    = "../../examples/README.md"
	matrixBegin = "<!-- clients: written by go test ./internal/interop -update -->\n"
	matrixEnd   = "<!-- clients end -->\n"
)

// kdcs returns the KDCs with which a row was seen. Both runs of .ci/interop, with MIT's KDC and
// with that of sspitest, compare their rows with the same table.
func kdcs(server string) string {
	if server == kdcOfSspitest {
		return "sspitest"
	}
	return "MIT, sspitest"
}

// kdcOfSspitest is the server of the rows of TestInteropKDC_..., which have no other KDC.
const kdcOfSspitest = "KDC of sspitest"

// matrix returns the table.
func matrix() string {
	logins.mu.Lock()
	defer logins.mu.Unlock()
	rows := map[[3]string][]string{}
	var keys [][3]string
	for _, l := range logins.all {
		k := [3]string{l.server, l.client, l.mechanism}
		if rows[k] == nil {
			keys = append(keys, k)
		}
		if !slices.Contains(rows[k], l.result) {
			rows[k] = append(rows[k], l.result)
		}
	}
	slices.SortFunc(keys, func(a, b [3]string) int { return slices.Compare(a[:], b[:]) })
	var b strings.Builder
	b.WriteString("| server | client | mechanism | KDC | seen to work |\n|---|---|---|---|---|\n")
	for _, k := range keys {
		slices.Sort(rows[k])
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", k[0], k[1], k[2], kdcs(k[0]), strings.Join(rows[k], "; "))
	}
	return b.String()
}

// checkMatrix compares the table of clients in examples/README.md with the results of a
// whole run, or writes the table.
func checkMatrix() error {
	text, err := os.ReadFile(examples)
	if err != nil {
		return err
	}
	begin, end := bytes.Index(text, []byte(matrixBegin)), bytes.Index(text, []byte(matrixEnd))
	if begin < 0 || end < begin {
		return fmt.Errorf("examples/README.md has no markers for the table of clients")
	}
	begin += len(matrixBegin)
	now := matrix()
	switch {
	case string(text[begin:end]) == now:
		return nil
	case !*update:
		return fmt.Errorf("the table of clients in examples/README.md differs from this run; go test ./internal/interop -update writes it:\n%s", now)
	}
	return os.WriteFile(examples, slices.Concat(text[:begin:begin], []byte(now), text[end:]), 0o644)
}
