package main

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// story is what must be told, in this order, between other things.
var story = []string{
	`A realm in memory`,
	`EXAMPLE\.COM`,
	`Alice logs in`,
	`alice +sends \d{3} bytes`,
	`server +AcceptSecurityContext: \d{3} bytes in, SEC_E_OK, \d{3} bytes out`,
	`server +knows alice@EXAMPLE\.COM, who came for demo/localhost@EXAMPLE\.COM`,
	`server +grants .*MUTUAL_AUTH.*CONFIDENTIALITY`,
	`server .*aes256-cts-hmac-sha1-96`,
	`server .*until \w+, \d\d \w+ \d{4} [0-9:]{8} UTC`,
	`alice +has the server's proof`,
	`alice +seals "is anybody there\?" into \d\d bytes`,
	`server +opens "is anybody there\?"`,
	`alice +opens "you said: is anybody there\?"`,
	`A thief sends Alice's first token again`,
	`server +AcceptSecurityContext: \d{3} bytes in, SEC_E_LOGON_DENIED`,
	`server +refuses: kerberos: replay \(this authenticator was presented before`,
	`thief +is told error 34 `, // KRB_AP_ERR_REPEAT
}

func checkStory(t *testing.T, told string) {
	t.Helper()
	rest := told
	for _, line := range story {
		at := regexp.MustCompile(line).FindStringIndex(rest)
		if at == nil {
			t.Fatalf("no %q, in its place, in:\n%s", line, told)
		}
		rest = rest[at[1]:]
	}
}

// TestRun_Story: all of it, in order, although both ends tell it.
func TestRun_Story(t *testing.T) {
	for range 5 {
		var told bytes.Buffer
		if err := run(&teller{w: &told}); err != nil {
			t.Fatal(err)
		}
		checkStory(t, told.String())
	}
}

// TestRun_Color: colours are the only difference that a terminal makes.
func TestRun_Color(t *testing.T) {
	var told bytes.Buffer
	if err := run(&teller{w: &told, color: true}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(told.String(), "\x1b[1mAlice logs in\x1b[0m\n") {
		t.Errorf("no bold title in:\n%s", told.String())
	}
	checkStory(t, regexp.MustCompile(`\x1b\[\d+m`).ReplaceAllString(told.String(), ""))
}

// TestMain_Program is the whole program, as this test's own binary: it ends with
// success, and writes no colours into a pipe.
func TestMain_Program(t *testing.T) {
	const child = "QUICKSTART_CHILD"
	if os.Getenv(child) != "" {
		main()
		os.Exit(0)
	}
	self, err := os.Executable()
	if err != nil {
		t.Skipf("the test's own binary is not known: %v", err)
	}
	cmd := exec.Command(self, "-test.run=^TestMain_Program$")
	cmd.Env = append(os.Environ(), child+"=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	told, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.Bytes())
	}
	if bytes.Contains(told, []byte("\x1b")) || stderr.Len() > 0 {
		t.Errorf("colours in a pipe, or complaints: %q", stderr.Bytes())
	}
	checkStory(t, string(told))
}
