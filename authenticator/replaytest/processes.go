package replaytest

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
)

// The environment of a child of Processes.
const (
	childOf      = "REPLAYTEST_CHILD_OF"
	childBackend = "REPLAYTEST_BACKEND"
	childSeed    = "REPLAYTEST_SEED"
)

const (
	children       = 2
	childRecords   = 2000
	childRecordAsk = "store\n"
)

// Processes tests that processes which share a backend agree: it runs the test binary
// twice, with the test that calls it, and both processes store the same 2,000 records at
// the same time. start makes the backend and returns its name, such as a path or an
// address. Only the first process calls start. open opens a cache with the backend of that
// name. Each of the other processes calls it once.
//
//	func TestProcesses(t *testing.T) {
//		replaytest.Processes(t, startServer, func(t *testing.T, address string) authenticator.ReplayCache {
//			return mycache.New(address)
//		})
//	}
//
// The test must do nothing else: the other processes run it too.
func Processes(t *testing.T, start func(t *testing.T) string, open func(t *testing.T, backend string) authenticator.ReplayCache) {
	if os.Getenv(childOf) == t.Name() {
		storeAll(t, open(t, os.Getenv(childBackend)))
		return
	}
	backend := start(t)
	seed := make([]byte, 16+8)
	rand.Read(seed[:16])
	binary.BigEndian.PutUint64(seed[16:], uint64(time.Now().UnixMicro()))
	var running [children]*child
	for i := range running {
		running[i] = startChild(t, backend, hex.EncodeToString(seed))
	}
	for _, c := range running { // when all are ready
		if _, err := c.stdin.WriteString(childRecordAsk); err != nil {
			t.Fatal(err)
		}
	}
	var answers [children]string
	for i, c := range running {
		answers[i] = c.answer(t)
	}
	compare(t, answers[:])
}

// compare tests that each record was new in one process.
func compare(t testing.TB, answers []string) {
	t.Helper()
	counts := make([]int, childRecords)
	for i, a := range answers {
		if len(a) != childRecords || strings.Trim(a, "01") != "" {
			t.Fatalf("process %d: %.200s", i+1, a)
		}
		for j, c := range a {
			counts[j] += int(c - '0')
		}
	}
	for j, n := range counts {
		if n != 1 {
			t.Fatalf("record %d was new in %d processes, want 1", j, n)
		}
	}
}

// child is a process of the test binary.
type child struct {
	cmd   *exec.Cmd
	stdin *os.File
	out   *bufio.Scanner
	errs  bytes.Buffer
}

// childPrefix begins the lines of a child that are for its parent.
const childPrefix = "replaytest: "

func startChild(t *testing.T, backend, seed string) *child {
	t.Helper()
	c := &child{cmd: exec.Command(os.Args[0], "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$", "-test.count=1")}
	c.cmd.Env = append(os.Environ(), childOf+"="+t.Name(), childBackend+"="+backend, childSeed+"="+seed)
	c.cmd.Stderr = &c.errs
	in, stdin, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	c.cmd.Stdin, c.stdin = in, stdin
	t.Cleanup(func() { stdin.Close() })
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.out = bufio.NewScanner(stdout)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill() // an error means that it has ended
		_ = c.cmd.Wait()
	})
	if got := c.answer(t); got != "ready" {
		t.Fatalf("a child process: %.200s", got)
	}
	return c
}

// answer returns the next line of the child for its parent.
func (c *child) answer(t *testing.T) string {
	t.Helper()
	for c.out.Scan() {
		if line, ok := strings.CutPrefix(c.out.Text(), childPrefix); ok {
			return line
		}
	}
	t.Fatalf("a child process ended without an answer: %v\n%s", c.out.Err(), c.errs.String())
	return ""
}

// storeAll is the task of a child: it stores the records and prints which of them were new.
func storeAll(t *testing.T, cache authenticator.ReplayCache) {
	seed, err := hex.DecodeString(os.Getenv(childSeed))
	if err != nil || len(seed) != 16+8 {
		t.Fatalf("%s: %v", childSeed, err)
	}
	fmt.Println(childPrefix + "ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	now := time.UnixMicro(int64(binary.BigEndian.Uint64(seed[16:])))
	var out strings.Builder
	for i := range childRecords {
		digest := sha256.Sum256(binary.BigEndian.AppendUint32(seed[:16:16], uint32(i)))
		r := record(now, 0)
		copy(r.Tag[:], digest[:])
		copy(r.Client[:], digest[:])
		switch fresh, err := cache.Store(t.Context(), r); {
		case err != nil:
			fmt.Printf("%srecord %d: %v\n", childPrefix, i, err)
			return
		case fresh:
			out.WriteByte('1')
		default:
			out.WriteByte('0')
		}
	}
	fmt.Println(childPrefix + out.String())
}
