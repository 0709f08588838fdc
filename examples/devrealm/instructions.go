package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// portOf returns the port of an address.
func portOf(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }

func (w *world) url() string { return "http://localhost:" + portOf(w.web.String()) + "/" }

// sshCommand returns the command up to the name of the user and the host.
func (w *world) sshCommand() string {
	hosts := "UserKnownHostsFile=" + w.knownHosts()
	if strings.Contains(hosts, " ") { // ssh separates the names of files by spaces
		hosts = `UserKnownHostsFile="` + w.knownHosts() + `"`
	}
	return fmt.Sprintf("ssh -o GSSAPIAuthentication=yes -o %s -p %s", quoted(hosts), portOf(w.ssh.String()))
}

// instructions returns the lines to paste.
func (w *world) instructions() string {
	var b strings.Builder
	fmt.Fprintf(&b, "The realm %s runs: a KDC, a web server and an SSH server. Ctrl-C ends it.\n", realmName)
	fmt.Fprintf(&b, "\nPaste these lines into a second terminal, which is then logged in as %s:\n\n", w.login)
	env := w.env
	if os.Getenv("http_proxy") != "" { // curl would ask the proxy for localhost
		env = append(slices.Clip(env), "no_proxy=localhost")
	}
	for _, v := range env {
		fmt.Fprintf(&b, "    %s\n", export(runtime.GOOS, v))
	}
	if w.fault.name != "" {
		w.explain(&b)
	} else {
		w.offer(&b)
	}
	fmt.Fprintf(&b, "\nEach login and each refusal appears below.\n\n")
	return b.String()
}

// explain writes the text about the fault.
func (w *world) explain(b *strings.Builder) {
	try := strings.NewReplacer("URL", w.url(), "SSH", w.sshCommand()).Replace(w.fault.try)
	fmt.Fprintf(b, "\nThis realm has an error on purpose: %s\n\n%s\n", w.fault.name, wrap(w.fault.about, 78, ""))
	fmt.Fprintf(b, "\nTry:\n\n    %s\n", try)
	fmt.Fprintf(b, "\nThe line with these words then explains the error:\n\n    %s\n\n", w.fault.expect)
	fmt.Fprintf(b, "%s\n", wrap("In a real realm: "+w.fault.mend, 78, ""))
}

// offer writes a command for each client.
func (w *world) offer(b *strings.Builder) {
	add := func(text, command string) { fmt.Fprintf(b, "\n%s:\n\n    %s\n", text, command) }
	add("The web server", "curl --negotiate -u : "+w.url())
	add("The web server with a browser", "chromium --auth-server-allowlist=localhost --user-data-dir="+quoted(filepath.Join(w.dir, "chromium"))+" "+w.url())
	add("The same with Firefox (on Debian firefox-esr)", "firefox --no-remote --profile "+quoted(filepath.Join(w.dir, "firefox"))+" "+w.url())
	add("The same with Java (a JDK of version 11 or later)", w.javaCommand()+" "+w.url())
	add("The same with Python and its module gssapi", "python3 "+quoted(filepath.Join(w.dir, "get.py"))+" "+w.url())
	add("The SSH server", w.sshCommand()+" alice@localhost whoami")
	if w.ldap != "" {
		add("The LDAP server", "ldapwhoami -N -H ldap://localhost:"+portOf(w.ldap)+" -Y GSSAPI")
	}
	if w.pg != "" {
		add("The PostgreSQL server", `psql "host=localhost port=`+portOf(w.pg)+` user=alice dbname=x gssencmode=require" -c 'select current_user'`)
	}
	if w.gss != "" {
		add("The server for MIT's sample program", "gss-client -port "+portOf(w.gss)+" localhost host@localhost hello")
	}
	add("A refusal: bob may not log in as alice", prefixed(runtime.GOOS, "KRB5CCNAME=FILE:"+filepath.Join(w.dir, "bob", "ccache"), w.sshCommand()+" alice@localhost"))
	fmt.Fprintf(b, "\nA login with a password:\n\n    kinit alice    # the password is %s\n    kinit bob      # the password is %s\n", w.passwords["alice"], w.passwords["bob"])
	fmt.Fprintf(b, "\nThe keytab of the servers is %s,\nfor a server of your own on localhost.\n", w.serverKeytab())
}

// export returns the command of a shell that sets an environment variable: that of PowerShell
// on Windows.
func export(goos, variable string) string {
	key, value, _ := strings.Cut(variable, "=")
	if goos == "windows" {
		return fmt.Sprintf(`$env:%s = "%s"`, key, value)
	}
	return "export " + key + "=" + quoted(value)
}

// prefixed returns a command with an environment variable of its own. PowerShell has no such
// command, and keeps the variable.
func prefixed(goos, variable, command string) string {
	if goos == "windows" {
		return export(goos, variable) + "\n    " + command
	}
	key, value, _ := strings.Cut(variable, "=")
	return key + "=" + quoted(value) + " " + command
}

// quoted returns s for a shell, in quotation marks if it needs them.
func quoted(s string) string {
	if !strings.ContainsAny(s, " \t'\"$&;|<>()*?`!#~") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// wrap breaks text into lines of at most width bytes, after which each line but the first is
// indented.
func wrap(text string, width int, indent string) string {
	var b strings.Builder
	column := 0
	for word := range strings.FieldsSeq(text) {
		switch {
		case column == 0:
		case column+1+len(word) > width:
			b.WriteString("\n" + indent)
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}
