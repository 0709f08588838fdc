package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/status"
)

// sshd is examples/sshd.
type sshd struct {
	p    *process
	port string
}

var (
	buildSSHD = sync.OnceValues(func() (string, error) {
		return build(world.dir, "our-sshd", "github.com/gosspi/kerberos/examples/sshd")
	})

	// hostLocalhost is the service host/localhost, which OpenSSH requests by the server's
	// name. All tests share it.
	hostLocalhost struct {
		once sync.Once
		svc  *service
	}
)

// hostService returns host/localhost. No test changes its keys.
func hostService(t *testing.T, r *realm) *service {
	t.Helper()
	hostLocalhost.once.Do(func() { hostLocalhost.svc = r.service(t, "host", 18, 18) })
	if hostLocalhost.svc == nil {
		t.Fatal("host/localhost could not be made")
	}
	return hostLocalhost.svc
}

// startSSHD starts the server, and ends it with the test, as a service manager would.
func startSSHD(t *testing.T, r *realm, keytab string, args ...string) *sshd {
	t.Helper()
	path, err := buildSSHD()
	if err != nil {
		t.Fatal(err)
	}
	p, err := start(r.env(), nil, path, append([]string{"-addr", "127.0.0.1:0", "-keytab", keytab}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	s := &sshd{p: p}
	if err := p.Await("its address", func(out string) bool { return strings.Contains(out, "host key") }); err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(p.Out.String(), "listening on 127.0.0.1:")
	s.port, _, _ = strings.Cut(rest, "\n")
	return s
}

// lines waits for n lines of the server's log with a message.
func (s *sshd) lines(t *testing.T, message string, n int) []map[string]string {
	t.Helper()
	if err := s.p.Await(message, func(out string) bool { return len(ourLines(out, message)) >= n }); err != nil {
		t.Fatal(err)
	}
	return ourLines(s.p.Out.String(), message)
}

// ssh logs in with Kerberos only, and runs a command. more are arguments of ssh, which uses
// the first value of an option.
func (s *session) ssh(t *testing.T, srv *sshd, as, command string, more ...string) result {
	t.Helper()
	args := append(more,
		"-4", "-F", "none", "-p", srv.port, "-o", "BatchMode=yes",
		"-o", "GSSAPIAuthentication=yes", "-o", "PreferredAuthentications=gssapi-with-mic",
		"-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile="+filepath.Join(t.TempDir(), "known_hosts"),
		as+"@localhost", command)
	return run(t, s.env(), "", "ssh", args...)
}

// TestInteropSSH checks that OpenSSH logs in and runs commands.
func TestInteropSSH(t *testing.T) {
	r := theRealm(t, "ssh")
	t.Parallel()
	worked(t, "sshd", "OpenSSH", "Kerberos", "mutual, MIC")
	keytab := filepath.Join(t.TempDir(), "keytab")
	hostService(t, r).keytab(t, keytab)
	srv, login := startSSHD(t, r, keytab), r.login(t)

	res := login.ssh(t, srv, user, "whoami")
	if res.code != 0 || !strings.HasSuffix(res.out, user+"\n") {
		t.Fatalf("whoami: exit %d\n%s\n%s", res.code, res.out, srv.p.Out)
	}
	line := srv.lines(t, accepted, 1)[0]
	const want = flags.ASC_RET_MUTUAL_AUTH | flags.ASC_RET_INTEGRITY
	if line["kerberos.client.name"] != user+"@"+realmName || flagsOf(line["kerberos.context.flags"])&want != want {
		t.Errorf("the server saw %v", line)
	}
	t.Log(line)
	res = login.ssh(t, srv, user, "id")
	for _, want := range []string{
		"principal: " + user + "@" + realmName + "\n", "service: host/localhost@" + realmName + "\n",
		"ASC_RET_INTEGRITY", "delegation: no\n",
	} {
		if res.code != 0 || !strings.Contains(res.out, want) {
			t.Errorf("id: exit %d, no %q in\n%s", res.code, want, res.out)
		}
	}
	if res = login.ssh(t, srv, user, "rm -rf /nonexistent"); res.code != 127 || !strings.Contains(res.out, "only whoami and id") {
		t.Errorf("another command: exit %d\n%s", res.code, res.out)
	}
	if res = login.ssh(t, srv, user, "", "-tt"); res.code != 0 || !strings.Contains(res.out, "Hello, "+user) {
		t.Errorf("a shell: exit %d\n%s", res.code, res.out)
	}
	if err := srv.p.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if code, err := srv.p.Exit(); code != 0 || err != nil {
		t.Errorf("the server ended with %d, %v:\n%s", code, err, srv.p.Out)
	}
}

// TestInteropSSH_Delegation checks that OpenSSH forwards a forwardable ticket if its
// configuration says so.
func TestInteropSSH_Delegation(t *testing.T) {
	r := theRealm(t, "ssh")
	t.Parallel()
	worked(t, "sshd", "OpenSSH", "Kerberos", "delegation")
	keytab := filepath.Join(t.TempDir(), "keytab")
	hostService(t, r).keytab(t, keytab)
	srv, login := startSSHD(t, r, keytab), r.login(t, "-f")
	for option, want := range map[string]string{
		"yes": "delegated ticket: krbtgt/" + realmName + "@" + realmName + " for " + user + "@" + realmName + "\n",
		"no":  "delegation: no\n",
	} {
		res := login.ssh(t, srv, user, "id", "-o", "GSSAPIDelegateCredentials="+option)
		if res.code != 0 || !strings.Contains(res.out, want) {
			t.Errorf("GSSAPIDelegateCredentials=%s: exit %d, no %q in\n%s\n%s", option, res.code, want, res.out, srv.p.Out)
		}
	}
}

// TestInteropSSH_HostKey checks that the server uses the host key that ssh-keygen made, and
// that OpenSSH recognises it.
func TestInteropSSH_HostKey(t *testing.T) {
	r := theRealm(t, "ssh", "ssh-keygen")
	t.Parallel()
	dir := t.TempDir()
	keytab, key := filepath.Join(dir, "keytab"), filepath.Join(dir, "key")
	hostService(t, r).keytab(t, keytab)
	if out, err := exec.Command(find("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	public, err := os.ReadFile(key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	srv, login := startSSHD(t, r, keytab, "-hostkey", key), r.login(t)
	known := filepath.Join(dir, "known")
	if err := os.WriteFile(known, []byte("[localhost]:"+srv.port+" "+string(public)), 0o600); err != nil {
		t.Fatal(err)
	}
	res := login.ssh(t, srv, user, "whoami", "-o", "StrictHostKeyChecking=yes", "-o", "UserKnownHostsFile="+known)
	if res.code != 0 || res.out != user+"\n" {
		t.Errorf("exit %d\n%s", res.code, res.out)
	}
}

// TestInteropSSH_Refused checks the clients that the server refuses, and the Reason in its
// log.
func TestInteropSSH_Refused(t *testing.T) {
	r := theRealm(t, "ssh")
	t.Parallel()
	keytab := filepath.Join(t.TempDir(), "keytab")
	hostService(t, r).keytab(t, keytab)
	const denied = "Permission denied (gssapi-with-mic)"

	t.Run("another user's name", func(t *testing.T) {
		srv := startSSHD(t, r, keytab)
		for i, as := range []string{"bob", "root"} {
			res := r.login(t).ssh(t, srv, as, "whoami")
			last := srv.lines(t, refused, i+1)[i]
			if res.code != 255 || !strings.Contains(res.out, denied) || !strings.Contains(last["kerberos.error.detail"], user+"@"+realmName+`" may not log in as the user "`) {
				t.Errorf("as %s: exit %d, %v\n%s", as, res.code, last, res.out)
			}
		}
	})
	t.Run("no ticket", func(t *testing.T) {
		srv := startSSHD(t, r, keytab)
		nobody := &session{realm: r, cache: filepath.Join(t.TempDir(), "none")}
		res := nobody.ssh(t, srv, user, "whoami")
		if res.code != 255 || !strings.Contains(res.out, denied) || len(srv.lines(t, "no login", 1)) != 1 {
			t.Errorf("exit %d\n%s", res.code, res.out)
		}
	})
	t.Run("user of another realm", func(t *testing.T) {
		srv := startSSHD(t, r, keytab, "-realm", "OTHER.TEST")
		res := r.login(t).ssh(t, srv, user, "whoami")
		last := srv.lines(t, refused, 1)[0]
		if res.code != 255 || !strings.Contains(res.out, denied) || !strings.Contains(last["kerberos.error.detail"], "the realms given are \"OTHER.TEST\"") {
			t.Errorf("exit %d, %v\n%s", res.code, last, res.out)
		}
	})
	t.Run("stale key", func(t *testing.T) {
		// This case changes its principal, so it does not use the shared host/localhost.
		stale, file := unique("stale"), filepath.Join(t.TempDir(), "keytab")
		r.admins(t, "addprinc", "-randkey", "host/"+stale)
		r.admins(t, "ktadd", "-norandkey", "-q", "-k", file, "host/"+stale)
		r.admins(t, "cpw", "-randkey", "host/"+stale)
		srv := startSSHD(t, r, file)
		res := r.login(t).ssh(t, srv, user, "whoami", "-o", "GSSAPIServerIdentity="+stale)
		last := srv.lines(t, refused, 1)[0]
		if res.code != 255 || !strings.Contains(res.out, denied) || last["error.type"] != status.ReasonUnknownKeyVersion.String() {
			t.Errorf("exit %d, %v\n%s", res.code, last, res.out)
		}
		t.Log(last["kerberos.error.detail"])
	})
	t.Run("client's clock 20 minutes ahead", func(t *testing.T) {
		require(t, "faketime")
		srv, login := startSSHD(t, r, keytab), r.login(t)
		login.fetch(t, hostService(t, r)) // with a wrong clock the KDC would refuse this request
		login.extra = clock("+20m")
		res := login.ssh(t, srv, user, "whoami")
		last := srv.lines(t, refused, 1)[0]
		if res.code != 255 || !strings.Contains(res.out, denied) || last["error.type"] != status.ReasonClockSkew.String() {
			t.Errorf("exit %d, %v\n%s", res.code, last, res.out)
		}
	})
	t.Run("after them a good one", func(t *testing.T) {
		srv, login := startSSHD(t, r, keytab), r.login(t)
		_ = login.ssh(t, srv, "bob", "whoami")
		if res := login.ssh(t, srv, user, "whoami"); res.code != 0 {
			t.Errorf("exit %d\n%s", res.code, res.out)
		}
	})
}
