package sqlreplay_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/authenticator/sqlreplay"
)

// childFile is the environment variable with the source of SQLite for a child: the test
// binary, which then stores records for its parent.
const childFile = "SQLREPLAY_CHILD"

// childStart is the time stamp of the first record of a child. Each record is later than
// the one before by a microsecond.
const childStart = "SQLREPLAY_CHILD_START"

// child stores records whose tags are on its standard input, and prints "fresh", "known" or
// the error for each.
func child(source string) {
	if err := serveChild(source); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serveChild(source string) error {
	db, err := sql.Open("sqlite", source)
	if err != nil {
		return err
	}
	cache, err := sqlreplay.New(context.Background(), sqlreplay.Config{DB: db, Dialect: sqlreplay.SQLite, Timeout: 20 * time.Second})
	if err != nil {
		return err
	}
	var start int64
	if _, err := fmt.Sscan(os.Getenv(childStart), &start); err != nil {
		return err
	}
	fmt.Println("ready")
	in := bufio.NewScanner(os.Stdin)
	for ; in.Scan(); start++ {
		r := childRecord(in.Text(), start)
		switch fresh, err := cache.Store(context.Background(), r); {
		case err != nil:
			fmt.Println(err)
		case fresh:
			fmt.Println("fresh")
		default:
			fmt.Println("known")
		}
	}
	return in.Err()
}

// childRecord returns the record with a tag in hexadecimal.
func childRecord(tag string, micro int64) authenticator.Record {
	stamp := time.UnixMicro(micro)
	r := authenticator.Record{Time: stamp, Now: time.Now(), Until: stamp.Add(skew + time.Second)}
	b, _ := hex.DecodeString(tag)
	copy(r.Tag[:], b)
	copy(r.Client[:], b)
	return r
}

// childProcess is a child of the test.
type childProcess struct {
	t   testing.TB
	cmd *exec.Cmd
	in  *os.File
	out *bufio.Scanner
}

func startChild(t testing.TB, source string, start int64) *childProcess {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childFile+"="+source, fmt.Sprintf("%s=%d", childStart, start))
	cmd.Stderr = os.Stderr
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	cmd.Stdin = reader
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &childProcess{t, cmd, writer, bufio.NewScanner(stdout)}
	t.Cleanup(c.reap)
	if got := c.answer(); got != "ready" {
		t.Fatalf("a child answered %q", got)
	}
	return c
}

func (c *childProcess) ask(tag string) {
	if _, err := fmt.Fprintln(c.in, tag); err != nil {
		c.t.Fatal(err)
	}
}

// answer returns the next line, or "" if the child has ended.
func (c *childProcess) answer() string {
	if !c.out.Scan() {
		return ""
	}
	return strings.TrimSpace(c.out.Text())
}

// kill ends the child by SIGKILL. The answers that it has given can be read until reap.
func (c *childProcess) kill() {
	_ = c.in.Close()
	_ = c.cmd.Process.Kill() // an error means that it has ended
}

func (c *childProcess) reap() {
	c.kill()
	_ = c.cmd.Wait()
}
