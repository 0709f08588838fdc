package ad

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gosspi/kerberos/internal/interop/program"
)

// sambaAcceptor is testdata/acceptor.py in the chroot, started by the first request.
type sambaAcceptor struct {
	mu       sync.Mutex
	p        *program.Process
	requests io.WriteCloser
	answered int
}

// sambaVerdict is the answer of Samba's acceptor about a token.
type sambaVerdict struct {
	Account, Domain string
	SIDs            []string
	Error           string // of a refusal
}

// sambaAccepts gives a token to Samba's acceptor, with the keys of a service.
func (f *forest) sambaAccepts(t testing.TB, service, mech string, token []byte) sambaVerdict {
	t.Helper()
	if mech == "krb5" {
		mech = "gssapi_krb5" // Samba's krb5 is another protocol
	}
	request, err := json.Marshal(map[string]any{
		"netbios": f.NetBIOS, "realm": f.Realm, "account": service, "password": password, "mech": mech, "token": token,
	})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := f.lab.samba.ask(f.lab, request)
	if err != nil {
		t.Fatal(err)
	}
	var verdict sambaVerdict
	if err := json.Unmarshal([]byte(answer), &verdict); err != nil {
		t.Fatalf("%v: %s", err, answer)
	}
	return verdict
}

func (a *sambaAcceptor) ask(l *lab, request []byte) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.p == nil {
		if err := a.start(l); err != nil {
			return "", err
		}
	}
	if _, err := a.requests.Write(append(request, '\n')); err != nil {
		return "", err
	}
	a.answered++
	answers := func(out string) []string { return sambaAnswers(out) }
	err := a.p.Await("the verdict", func(out string) bool { return len(answers(out)) >= a.answered })
	if err != nil {
		return "", err
	}
	return answers(a.p.Out.String())[a.answered-1], nil
}

// sambaAnswers returns the verdicts among the lines of Samba's acceptor, which also has
// warnings of the library.
func sambaAnswers(out string) []string {
	var answers []string
	for line := range strings.Lines(out) {
		if answer, found := strings.CutPrefix(line, "verdict: "); found && strings.HasSuffix(line, "\n") {
			answers = append(answers, answer)
		}
	}
	return answers
}

func (a *sambaAcceptor) start(l *lab) error {
	in, requests, err := os.Pipe()
	if err != nil {
		return err
	}
	defer in.Close()
	p, err := l.python(in, "acceptor.py", filepath.Join(l.inRoot, "members"))
	if err != nil {
		requests.Close()
		return fmt.Errorf("Samba's acceptor: %w", err)
	}
	a.p, a.requests = p, requests
	return nil
}

func (a *sambaAcceptor) close() {
	if a.p != nil {
		a.requests.Close()
		a.p.Stop()
	}
}

// assignedByMachine reports whether an acceptor's machine adds a SID to every token. This
// library grants only SIDs of the ticket.
func assignedByMachine(sid string) bool {
	return sid == "S-1-1-0" || sid == "S-1-5-2" || sid == "S-1-5-11" || strings.HasPrefix(sid, "S-1-5-32-")
}
