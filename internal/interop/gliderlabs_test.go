package interop

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gosspi/kerberos/internal/interop/program"
)

// buildGliderlabs builds the SSH server of gliderlabs/ssh, which is a separate module.
var buildGliderlabs = sync.OnceValues(func() (string, error) {
	return program.Build(world.dir, "gliderlabs", "gliderlabs", ".")
})

// TestInteropSSH_Gliderlabs checks that OpenSSH logs in to a server of gliderlabs/ssh with
// a ticket, and is refused without one, also as root (case C21).
func TestInteropSSH_Gliderlabs(t *testing.T) {
	r := theRealm(t, "ssh")
	t.Parallel()
	worked(t, "gliderlabs/ssh", "OpenSSH", "Kerberos", "mutual, MIC; refused without a ticket")
	keytab := filepath.Join(t.TempDir(), "keytab")
	hostService(t, r).keytab(t, keytab)
	path, err := buildGliderlabs()
	if err != nil {
		t.Fatal(err)
	}
	p, err := start(r.env(), nil, path, "-keytab", keytab, "-realm", realmName)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	const says = "listening on 127.0.0.1:"
	if err := p.Await("its address", func(out string) bool {
		_, rest, found := strings.Cut(out, says)
		return found && strings.Contains(rest, "\n")
	}); err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(p.Out.String(), says)
	port, _, _ := strings.Cut(rest, "\n")

	login := r.login(t)
	if res := login.ssh(t, &sshd{p, port}, user, "whoami"); res.code != 0 || !strings.HasSuffix(res.out, user+" is "+user+"@"+realmName+"\n") {
		t.Errorf("with a ticket: exit %d\n%s\n%s", res.code, res.out, p.Out)
	}
	// ssh tries the method "none" first, and then the configured methods.
	nothing := append(r.env(), "KRB5CCNAME="+filepath.Join(t.TempDir(), "nothing"))
	for _, as := range []string{"root", user} {
		res := run(t, nothing, "", "ssh", "-4", "-F", "none", "-p", port, "-o", "BatchMode=yes",
			"-o", "PreferredAuthentications=none,gssapi-with-mic", "-o", "GSSAPIAuthentication=yes", "-o", "StrictHostKeyChecking=no",
			"-o", "UserKnownHostsFile="+filepath.Join(t.TempDir(), "known_hosts"), as+"@localhost", "whoami")
		if res.code != 255 || !strings.Contains(res.out, "Permission denied (gssapi-with-mic)") {
			t.Errorf("without a ticket as %s: exit %d\n%s\n%s", as, res.code, res.out, p.Out)
		}
	}
}
