package main

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// story lists the lines that the output must have, in this order, between other lines.
var story = []string{
	`A realm in memory`,
	`EXAMPLE\.COM`,
	`Alice logs in`,
	`alice +sends \d{3} bytes`,
	`server +AcceptSecurityContext: \d{3} bytes in, SEC_E_OK, \d{3} bytes out`,
	`server +has authenticated alice@EXAMPLE\.COM for the service demo/localhost@EXAMPLE\.COM`,
	`server +grants .*MUTUAL_AUTH.*CONFIDENTIALITY`,
	`server .*aes256-cts-hmac-sha1-96`,
	`server .*until \w+, \d\d \w+ \d{4} [0-9:]{8} UTC`,
	`alice +has the server's proof`,
	`alice +seals "is anybody there\?" into \d\d bytes`,
	`server +decrypts "is anybody there\?"`,
	`alice +decrypts "you said: is anybody there\?"`,
	`A thief sends Alice's first token again`,
	`server +AcceptSecurityContext: \d{3} bytes in, SEC_E_LOGON_DENIED`,
	`server +refuses: kerberos: replay \(this authenticator was used before`,
	`thief +receives error 34 `, // KRB_AP_ERR_REPEAT
	`run +go run \./examples/devrealm`,
}

func checkStory(t *testing.T, output string) {
	t.Helper()
	rest := output
	for _, line := range story {
		at := regexp.MustCompile(line).FindStringIndex(rest)
		if at == nil {
			t.Fatalf("no %q after the lines before it, in:\n%s", line, output)
		}
		rest = rest[at[1]:]
	}
}

// TestRun_Story checks that the lines of both sides are in order.
func TestRun_Story(t *testing.T) {
	for range 5 {
		var output bytes.Buffer
		if err := run(&teller{w: &output}); err != nil {
			t.Fatal(err)
		}
		checkStory(t, output.String())
	}
}

// TestRun_Color checks that a terminal changes nothing but the colors.
func TestRun_Color(t *testing.T) {
	var output bytes.Buffer
	if err := run(&teller{w: &output, color: true}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(output.String(), "\x1b[1mAlice logs in\x1b[0m\n") {
		t.Errorf("no bold title in:\n%s", output.String())
	}
	checkStory(t, regexp.MustCompile(`\x1b\[\d+m`).ReplaceAllString(output.String(), ""))
}

// TestMain_Program runs the whole program, which is in the binary of this test: it exits
// with code 0 and writes no colors into a pipe.
func TestMain_Program(t *testing.T) {
	const child = "QUICKSTART_CHILD"
	if os.Getenv(child) != "" {
		main()
		os.Exit(0)
	}
	self, err := os.Executable()
	if err != nil {
		t.Skipf("the path of this test's binary is not known: %v", err)
	}
	cmd := exec.Command(self, "-test.run=^TestMain_Program$")
	cmd.Env = append(os.Environ(), child+"=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.Bytes())
	}
	if bytes.Contains(output, []byte("\x1b")) || stderr.Len() > 0 {
		t.Errorf("colors in a pipe, or error messages: %q", stderr.Bytes())
	}
	checkStory(t, string(output))
}
