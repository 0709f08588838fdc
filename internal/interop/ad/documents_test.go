package ad

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/internal/interop/program"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// TestAD_Documents runs the commands of OPERATING.md for a keytab of Samba AD, as an
// administrator of the domain would. TestDocuments_CommandsRun of internal/archtest finds the
// commands by the string literals of this file.
func TestAD_Documents(t *testing.T) {
	l := theLab(t)
	t.Parallel()
	login, c := l.login(t, "alice"), initiator{mit, "krb5", "HTTP@www.example.com"}
	l.corp.administer(t, "samba-tool user create svc-http --random-password")
	t.Cleanup(func() { l.corp.shell(t, "samba-tool user delete svc-http && rm http.keytab", "") })
	l.corp.administer(t, "samba-tool spn add HTTP/www.example.com svc-http")
	file := l.outside(filepath.Join(l.corp.dir, "http.keytab"))
	export := func() {
		l.corp.administer(t, "samba-tool domain exportkeytab http.keytab --principal=HTTP/www.example.com")
	}

	// Without AES in the account's encryption types, the ticket is under an RC4 key.
	export()
	x := login.exchange(t, c, l.corp.acceptorOf(t, file, sspi.Config{}))
	if got := status.ReasonOf(x.err); got != status.ReasonETypeRefused {
		t.Errorf("before the encryption types are set: %v, want %v", x.err, status.ReasonETypeRefused)
	}
	rc4 := sspi.Config{TicketETypes: []keytab.EType{keytab.AES256_CTS_HMAC_SHA1_96, keytab.RC4_HMAC}}
	if x = login.exchange(t, c, l.corp.acceptorOf(t, file, rc4)); x.err != nil {
		t.Fatalf("with RC4 tickets: %v", x.err)
	}
	if x.peer.TicketEType != keytab.RC4_HMAC || x.peer.SessionEType != keytab.AES256_CTS_HMAC_SHA1_96 || x.peer.Account.SID != l.corp.sidOf(t, "alice") {
		t.Errorf("with RC4 tickets: %v, %v, %v", x.peer.TicketEType, x.peer.SessionEType, x.peer.Account)
	}

	// net ads enctypes needs a directory service, which these forests do not run.
	l.corp.setAES(t, "svc-http")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	export()
	before, a := l.login(t, "alice"), l.corp.acceptorOf(t, file, sspi.Config{})
	x = before.exchange(t, c, a)
	if x.err != nil || x.peer.TicketEType != keytab.AES256_CTS_HMAC_SHA1_96 || x.peer.Account.SID != l.corp.sidOf(t, "alice") {
		t.Errorf("with AES keys: %v, %+v", x.err, x.peer)
	}

	// A new password: the running acceptor reads the new keys, and the old keys stay.
	l.corp.administer(t, "samba-tool user setpassword svc-http --random-password")
	after := l.login(t, "alice")
	if x = after.exchange(t, c, a); status.ReasonOf(x.err) != status.ReasonUnknownKeyVersion {
		t.Errorf("before the new keytab: %v, want %v", x.err, status.ReasonUnknownKeyVersion)
	}
	export()
	for name, s := range map[string]*session{"new": after, "old": before} {
		if x = s.exchange(t, c, a); x.err != nil {
			t.Errorf("a ticket under the %s keys, after the new keytab: %v", name, x.err)
		}
	}
}

// TestAD_DocumentsSIDs runs the commands of OPERATING.md that print SIDs.
func TestAD_DocumentsSIDs(t *testing.T) {
	l := theLab(t)
	t.Parallel()
	group := l.corp.administer(t, "samba-tool group show staff --attributes=objectSid")
	if want := l.corp.sidOf(t, "staff").String(); !strings.Contains(group, "objectSid: "+want+"\n") {
		t.Errorf("the group: %s, want %s", group, want)
	}
	if domain := l.corp.administer(t, "net getdomainsid"); !strings.Contains(domain, "CORP is: "+l.corp.sid+"\n") {
		t.Errorf("the domain: %s, want %s", domain, l.corp.sid)
	}
}

// TestAD_DocumentsDelegation runs the commands of OPERATING.md that permit a front end to delegate,
// each of which makes the KDC issue a ticket that it refused before.
func TestAD_DocumentsDelegation(t *testing.T) {
	l := theLab(t)
	t.Parallel()
	for _, name := range []string{"svc-front", "svc-back"} {
		l.corp.shell(t, "samba-tool user create "+name+" "+password, "")
		t.Cleanup(func() { l.corp.shell(t, "samba-tool user delete "+name, "") })
		l.corp.shell(t, "samba-tool spn add HTTP/"+strings.TrimPrefix(name, "svc-")+".example.com "+name, "")
		l.corp.setAES(t, name)
	}
	l.corp.shell(t, "samba-tool domain exportkeytab keytabs/svc-front --principal=svc-front", "")
	s, alice, target := l.corp.frontEnd(t, "svc-front"), l.corp.spn(t, "alice"), l.corp.spn(t, "HTTP/back.example.com")
	ask := func(want string) {
		t.Helper()
		_, err := s.OnBehalf(t.Context(), must(s.ForUser(t.Context(), alice))(t), target)
		if got := answer(t, err); got != want {
			t.Errorf("%s, want %s: %v", got, want, err)
		}
	}
	ask("error 13")
	l.corp.administer(t, "samba-tool delegation add-service svc-front HTTP/back.example.com")
	ask("error 13")
	l.corp.administer(t, "samba-tool delegation for-any-protocol svc-front on")
	ask(issued)
	l.corp.shell(t, "samba-tool delegation del-service svc-front HTTP/back.example.com", "")
	ask("error 13")
	l.corp.administer(t, "samba-tool delegation add-principal svc-back svc-front")
	ask(issued)
}

// TestAD_DocumentsRules runs the command of OPERATING.md for a server with a rule.
func TestAD_DocumentsRules(t *testing.T) {
	l := theLab(t, "curl")
	t.Parallel()
	const command = `go run ./examples/httpd -addr localhost:8080 -keytab http.keytab -names http.names -allow 'CORP\staff'`
	if text := string(must(os.ReadFile("../../../OPERATING.md"))(t)); !strings.Contains(text, "\n    "+command+"\n") {
		t.Fatalf("OPERATING.md does not show the command %s", command)
	}
	l.corp.administerWith(t, `ldbsearch -H /var/lib/samba/private/sam.ldb '(objectClass=group)' objectSid sAMAccountName | awk '/^objectSid: /{s=$2} /^sAMAccountName: /{n=substr($0,17)} /^$/&&n{print s, "CORP\\" n; n=""}' > http.names`, "/var/lib/samba/", "")
	dir := t.TempDir()
	for name, file := range map[string]string{"http.keytab": l.corp.keytab("web"), "http.names": l.outside(filepath.Join(l.corp.dir, "http.names"))} {
		if err := os.WriteFile(filepath.Join(dir, name), must(os.ReadFile(file))(t), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := must(builds["httpd"]())(t)
	line := strings.NewReplacer("go run ./examples/httpd", "exec "+path, "localhost:8080", "127.0.0.1:0").Replace(command)
	p := must(program.Start(nil, nil, "sh", "-c", "cd "+dir+" && "+line))(t)
	t.Cleanup(p.Stop)
	if err := p.Await("its address", listening.MatchString); err != nil {
		t.Fatal(err)
	}
	url := "http://localhost:" + listening.FindStringSubmatch(p.Out.String())[1] + "/whoami"
	for user, code := range map[string]string{"alice": "200", "root": "200", "carol": "403"} {
		if res := l.login(t, user).curl(t, url); res.Code != 0 || !strings.HasSuffix(res.Out, "code "+code+"\n") {
			t.Errorf("%s: exit %d, want the code %s\n%s", user, res.Code, code, res.Out)
		}
	}
}

// administer runs a command of OPERATING.md on the domain controller, in the folder of the
// domain, and returns its output. It fails the test if the document does not show the command.
func (f *forest) administer(t testing.TB, command string) string {
	t.Helper()
	return f.administerWith(t, command, "", "")
}

// administerWith is administer for a command in which a text is replaced.
func (f *forest) administerWith(t testing.TB, command, text, replacement string) string {
	t.Helper()
	document := string(must(os.ReadFile("../../../OPERATING.md"))(t))
	if !strings.Contains(document, "\n    "+command+"\n") {
		t.Fatalf("OPERATING.md does not show the command %s", command)
	}
	if text != "" {
		command = strings.ReplaceAll(command, text, replacement)
	}
	return f.shell(t, command, "")
}

// shell runs a command on the domain controller, and returns its output.
func (f *forest) shell(t testing.TB, command, stdin string) string {
	t.Helper()
	env := []string{"SMB_CONF_PATH=" + f.dir + "/smb.conf"}
	res := program.Run(t, env, stdin, "chroot", chrootDir(), "/bin/sh", "-c", "cd "+f.dir+" && "+command)
	if res.Code != 0 {
		t.Fatalf("%s: exit %d\n%s", command, res.Code, res.Out)
	}
	return res.Out
}

// setAES makes the domain encrypt tickets for an account with AES.
func (f *forest) setAES(t testing.TB, name string) {
	t.Helper()
	dn := "CN=" + name + ",CN=Users,DC=" + strings.Join(strings.Split(strings.ToLower(f.Realm), "."), ",DC=")
	f.shell(t, "ldbmodify -H private/sam.ldb", "dn: "+dn+"\nchangetype: modify\nreplace: msDS-SupportedEncryptionTypes\nmsDS-SupportedEncryptionTypes: 24\n")
}
