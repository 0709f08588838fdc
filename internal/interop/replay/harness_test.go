package replay

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gosspi/kerberos/internal/interop/program"
	"github.com/gosspi/kerberos/internal/interop/replay/acceptor"
)

const (
	clients         = 8   // logins at the same time
	defaultAttempts = 100 // during a fault
)

// logins returns the number of logins in the test of a backend: usual, or the number in the
// environment variable KERBEROS_LOGINS if that is greater.
func logins(t testing.TB, usual int) int {
	t.Helper()
	text := os.Getenv("KERBEROS_LOGINS")
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("KERBEROS_LOGINS: %v", err)
	}
	return max(n, usual)
}

// backend is a replay cache with two acceptor processes in front of it.
type backend struct {
	processes [2]*process
	faults    []fault
}

// fault is an event while clients log in. The harness calls begin, waits until clients have
// made some attempts that started after begin returned, calls end, and then logs in at each
// process until it accepts. From begin to this login the processes may refuse good clients.
// They may not accept a replay.
type fault struct {
	name       string
	begin, end func(t testing.TB)
	attempts   int  // if 0, defaultAttempts
	refuses    bool // the processes must refuse at least one client during the fault
}

// buildAcceptor compiles the program of a backend: the package in the folder module, which
// is relative to this folder.
func buildAcceptor(t testing.TB, name, module, pkg string) string {
	t.Helper()
	path, err := program.Build(t.TempDir(), name, module, pkg)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// newBackend starts two processes of a program that calls acceptor.Main, each with its own
// arguments for the cache. They end with the test.
func newBackend(t testing.TB, r *realm, path string, first, second []string, faults ...fault) *backend {
	t.Helper()
	b := &backend{faults: faults}
	for i, args := range [][]string{first, second} {
		b.processes[i] = &process{
			name: fmt.Sprintf("acceptor %d", i+1), path: path, env: r.env(),
			args: append([]string{"-keytab", r.path("keytab")}, args...),
		}
		b.processes[i].launch(t)
	}
	return b
}

// launch starts the process until the test ends.
func (p *process) launch(t testing.TB) {
	t.Helper()
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
}

// report counts the logins of a run.
type report struct {
	mu           sync.Mutex
	changed      *sync.Cond
	logins       int            // of clients that were accepted
	attempts     int            // tokens, each of which both processes got
	accepts      [2]int         // by each process
	replays      int            // presentations that were refused as replays
	errors       map[string]int // refusals with other verdicts, by verdict
	refused      int            // good clients refused during a fault
	perFault     map[string]int // good clients refused, by fault
	twice        int            // tokens that were accepted more than once
	wrongRefusal int            // good clients refused without a fault
	problems     []string       // the first three, in words
	took         time.Duration

	away   string    // the present fault
	began  time.Time // when its begin returned; zero before
	during int       // attempts that started after that
	last   string    // the last fault
	since  time.Time // when it ended
	over   bool
	abort  bool // the harness cannot go on
}

// use is a token and how often it was accepted.
type use struct {
	token   []byte
	accepts int
}

// run logs clients in until the given number of logins has succeeded. Each token goes to
// both processes at once, in random order, then again to both, and once more to both when
// all logins and faults are over.
func (b *backend) run(t testing.TB, r *realm, logins int) *report {
	t.Helper()
	rep := &report{errors: map[string]int{}, perFault: map[string]int{}}
	rep.changed = sync.NewCond(&rep.mu)
	started := time.Now()
	r.discard() // tokens from before the processes began
	used := make([][]use, clients)
	var group sync.WaitGroup
	for i := range clients {
		group.Go(func() { used[i] = b.logIn(t, r, rep, logins) })
	}
	defer group.Wait() // also if a fault ends the test
	defer rep.stop()
	for i, f := range b.faults {
		b.fault(t, r, rep, f, logins*(i+1)/(len(b.faults)+1))
	}
	rep.mu.Lock()
	rep.over = true
	rep.mu.Unlock()
	group.Wait()
	for i := range clients {
		group.Go(func() { b.sweep(rep, used[i]) })
	}
	group.Wait()
	rep.took = time.Since(started)
	return rep
}

// logIn is a client that logs in again and again. It returns its tokens.
func (b *backend) logIn(t testing.TB, r *realm, rep *report, logins int) []use {
	pair := b.clients()
	defer pair.close()
	var used []use
	for !rep.enough(logins) {
		// The attempt starts before the token is made: a cache may refuse a token from
		// before a fault.
		started := time.Now()
		token := r.token(t)
		if token == nil {
			rep.stop()
			return used
		}
		u := use{token: token}
		rep.attempt(&u, pair.both(u.token), started)
		rep.note(&u, pair.both(u.token), true)
		used = append(used, u)
	}
	return used
}

// sweep presents each token once more.
func (b *backend) sweep(rep *report, used []use) {
	pair := b.clients()
	defer pair.close()
	for i := range used {
		rep.note(&used[i], pair.both(used[i].token), true)
	}
}

// fault runs a fault when some logins are done.
func (b *backend) fault(t testing.TB, r *realm, rep *report, f fault, after int) {
	attempts := f.attempts
	if attempts == 0 {
		attempts = defaultAttempts
	}
	rep.wait(func() bool { return rep.logins >= after })
	rep.mu.Lock()
	rep.away, rep.began, rep.during = f.name, time.Time{}, 0
	rep.mu.Unlock()
	f.begin(t)
	rep.mu.Lock()
	rep.began = time.Now()
	rep.mu.Unlock()
	rep.wait(func() bool { return rep.during >= attempts })
	f.end(t)
	pair := b.clients()
	defer pair.close()
	deadline := time.Now().Add(program.Patience)
	for i := range pair {
		for !pair[i].present(r.token(t)).accepts() {
			if time.Now().After(deadline) || t.Failed() {
				t.Errorf("%s: %s accepts no client after the fault", f.name, pair[i].p.name)
				break
			}
		}
	}
	rep.mu.Lock()
	defer rep.mu.Unlock()
	rep.away, rep.last, rep.since = "", f.name, time.Now()
	if f.refuses && rep.perFault[f.name] == 0 {
		t.Errorf("%s: the fault refused no client", f.name)
	}
}

// pair is a connection to each process.
type pair [2]*client

func (b *backend) clients() pair {
	return pair{{p: b.processes[0]}, {p: b.processes[1]}}
}

func (p pair) close() {
	p[0].close()
	p[1].close()
}

// both presents a token to both processes at the same time.
func (p pair) both(token []byte) [2]verdict {
	var out [2]verdict
	first := rand.IntN(2)
	done := make(chan struct{})
	go func() {
		defer close(done)
		out[first] = p[first].present(token)
	}()
	out[1-first] = p[1-first].present(token)
	<-done
	return out
}

// attempt counts the first presentation of a token, which must be accepted once unless
// there was a fault at some time since the attempt started.
func (r *report) attempt(u *use, got [2]verdict, started time.Time) {
	r.note(u, got, false)
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.changed.Broadcast()
	r.attempts++
	fault := r.away
	switch {
	case fault == "" && r.since.After(started):
		fault = r.last
	case fault != "" && !r.began.IsZero() && started.After(r.began):
		r.during++
	}
	switch {
	case u.accepts > 0:
		r.logins++
	case fault != "":
		r.refused++
		r.perFault[fault]++
	default:
		r.wrongRefusal++
		r.problem("a good client was refused: %c %q, %c %q", got[0].kind, got[0].text, got[1].kind, got[1].text)
	}
}

// note counts the verdicts on a token.
func (r *report) note(u *use, got [2]verdict, again bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, v := range got {
		switch {
		case v.accepts():
			r.accepts[i]++
			u.accepts++
			if u.accepts > 1 {
				r.twice++
				r.problem("a token was accepted %d times (presented again: %v)", u.accepts, again)
			}
		case v.kind == acceptor.Replayed:
			r.replays++
		default:
			r.errors[string(rune(v.kind))+" "+brief(v.text)]++
		}
	}
}

// brief returns the part of an error that does not change from token to token.
func brief(text string) string {
	text, _, _ = strings.Cut(text, "127.0.0.1:")
	return text[:min(len(text), 120)]
}

func (r *report) problem(format string, args ...any) {
	if len(r.problems) < 3 {
		r.problems = append(r.problems, fmt.Sprintf(format, args...))
	}
}

func (r *report) enough(logins int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.over && r.logins >= logins || r.hopeless()
}

// hopeless reports whether more logins would show nothing new.
func (r *report) hopeless() bool { return r.abort || r.wrongRefusal > 100 }

func (r *report) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.abort = true
	r.changed.Broadcast()
}

func (r *report) wait(until func() bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for !until() && !r.hopeless() {
		r.changed.Wait()
	}
}

// check logs the counts, and fails the test if a replay got in or a good client was refused
// without a fault.
func (r *report) check(t testing.TB, logins int) {
	t.Helper()
	t.Log(r)
	for _, p := range r.problems {
		t.Error(p)
	}
	if r.logins < logins || r.twice > 0 || r.wrongRefusal > 0 {
		t.Errorf("%d logins of %d, %d tokens accepted twice, %d good clients refused without a fault", r.logins, logins, r.twice, r.wrongRefusal)
	}
}

func (r *report) String() string {
	return fmt.Sprintf("%d logins with %d tokens in %.1f s: accepted %d and %d, refused as replays %d, "+
		"good clients refused during faults %d %v, without a fault %d, tokens accepted twice %d; other answers %v",
		r.logins, r.attempts, r.took.Seconds(), r.accepts[0], r.accepts[1], r.replays,
		r.refused, r.perFault, r.wrongRefusal, r.twice, r.errors)
}
