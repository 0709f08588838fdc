package main

import (
	"bytes"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"
)

func TestExport(t *testing.T) {
	for _, c := range []struct{ goos, variable, want string }{
		{"linux", "KRB5_CONFIG=/tmp/a/krb5.conf", "export KRB5_CONFIG=/tmp/a/krb5.conf"},
		{"darwin", "KRB5CCNAME=FILE:/tmp/a b/it's", `export KRB5CCNAME='FILE:/tmp/a b/it'\''s'`},
		{"windows", `KRB5_CONFIG=C:\tmp\krb5.conf`, `$env:KRB5_CONFIG = "C:\tmp\krb5.conf"`},
	} {
		if got := export(c.goos, c.variable); got != c.want {
			t.Errorf("%s", got)
		}
	}
	if got := prefixed("linux", "A=b c", "ssh x"); got != "A='b c' ssh x" {
		t.Error(got)
	}
	if got := prefixed("windows", "A=b", "ssh x"); got != "$env:A = \"b\"\n    ssh x" {
		t.Error(got)
	}
}

// TestInstructions_Proxy checks that curl does not ask a proxy for localhost.
func TestInstructions_Proxy(t *testing.T) {
	w, _ := started(t)
	for _, proxy := range []string{"", "http://proxy:3128"} {
		t.Setenv("http_proxy", proxy)
		if got := strings.Contains(w.instructions(), "no_proxy"); got != (proxy != "") {
			t.Errorf("%q: %t", proxy, got)
		}
	}
}

// TestInstructions_Space checks the quotation marks for a directory with a space: those of ssh,
// which reads a list of files, inside those of the shell.
func TestInstructions_Space(t *testing.T) {
	w := &world{dir: "/tmp/a b", ssh: &net.TCPAddr{Port: 22}}
	if got := w.sshCommand(); got != `ssh -o GSSAPIAuthentication=yes -o 'UserKnownHostsFile="`+w.knownHosts()+`"' -p 22` {
		t.Error(got)
	}
	w.dir = "/tmp/a"
	if got := w.sshCommand(); got != "ssh -o GSSAPIAuthentication=yes -o UserKnownHostsFile="+w.knownHosts()+" -p 22" {
		t.Error(got)
	}
}

func TestWrap(t *testing.T) {
	if got := wrap("one two  three four", 8, "> "); got != "one two\n> three\n> four" {
		t.Errorf("%q", got)
	}
}

// TestScreen_Record writes the records of a server that is a process of its own.
func TestScreen_Record(t *testing.T) {
	var out, line bytes.Buffer
	s := &screen{w: &out, now: func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }}
	log := slog.New(slog.NewTextHandler(&line, nil))
	say := func(f func(string, ...any), text string, args ...any) {
		line.Reset()
		f(text, args...)
		s.record("ldap", strings.TrimSuffix(line.String(), "\n"))
	}
	say(log.Info, "kerberos: accepted", "kerberos.client.name", "alice@EXAMPLE.COM", "kerberos.service.name", "ldap/localhost@EXAMPLE.COM", "kerberos.context.etype", "aes (18)")
	say(log.Warn, "kerberos: refused", "error.type", "replay", "kerberos.error.detail", "used = before", "kerberos.error.help", "do \"this\"", "kerberos.client.unproven_name", "bob@EXAMPLE.COM")
	say(log.Warn, "no login", "err", "EOF")
	want := `03:04:05  ldap  accepted alice@EXAMPLE.COM
                service ldap/localhost@EXAMPLE.COM, aes (18)
03:04:05  ldap  REFUSED replay: bob@EXAMPLE.COM
                used = before
                help: do "this"
`
	if got := out.String(); !strings.HasPrefix(got, want) || !strings.Contains(got, `msg="no login" err=EOF`) {
		t.Errorf("%s", got)
	}
}

// TestKDCHandler_Refused checks that the records of the KDC are lines of the output.
func TestKDCHandler_Refused(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(&kdcHandler{&screen{w: &out, now: time.Now}})
	log.Warn("kdc: refused", "request", "AS-REQ", "client", "carol", "service", "krbtgt/EXAMPLE.COM", "code", 6, "reason", "the client is not in the database")
	log.Debug("kdc: refused", "code", 25)
	if got := out.String(); !strings.Contains(got, "kdc   REFUSED error 6: the client is not in the database\n"+margin+"the AS-REQ of carol was for krbtgt/EXAMPLE.COM\n") || strings.Contains(got, "error 25") {
		t.Error(got)
	}
}
