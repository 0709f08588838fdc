package replay

import (
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/gosspi/kerberos/internal/interop/program"
)

const (
	realmName = "REPLAY.TEST"
	user      = "alice"
	password  = "correct horse battery staple"
	service   = "host/localhost"
	target    = "host@localhost" // the host-based form
)

// realm is an MIT realm on the loopback interface with one user, who has a ticket for the
// service.
type realm struct {
	dir string
	kdc *program.Process
	gss string // the path of testdata/gss.c's program

	mu     sync.Mutex
	tokens [][]byte
}

const krb5conf = `[libdefaults]
 default_realm = %[1]s
 udp_preference_limit = 1
 rdns = false
 dns_canonicalize_hostname = false
 qualify_shortname = ""
 dns_lookup_kdc = false
 dns_lookup_realm = false
[realms]
 %[1]s = {
  kdc = 127.0.0.1:%[2]d
 }
[domain_realm]
 localhost = %[1]s
`

const kdcconf = `[kdcdefaults]
 kdc_listen = 127.0.0.1:%[2]d
 kdc_tcp_listen = 127.0.0.1:%[2]d
[realms]
 %[1]s = {
  database_name = %[3]s/principal
  key_stash_file = %[3]s/stash
  acl_file = %[3]s/kadm5.acl
  supported_enctypes = aes256-cts-hmac-sha1-96:normal aes128-cts-hmac-sha1-96:normal aes256-cts-hmac-sha384-192:normal aes128-cts-hmac-sha256-128:normal
 }
[logging]
 kdc = STDERR
 default = STDERR
`

// etypes are the session keys' encryption types for the tests, by MIT's names.
var etypes = map[int]string{
	17: "aes128-cts-hmac-sha1-96", 18: "aes256-cts-hmac-sha1-96",
	19: "aes128-cts-hmac-sha256-128", 20: "aes256-cts-hmac-sha384-192",
}

// newRealm makes a realm in dir, starts its KDC, and gets the user's tickets.
func newRealm(dir string) (*realm, error) {
	r := &realm{dir: dir, gss: filepath.Join(dir, "gss")}
	const tries = 3 // another program may take the free port before the KDC does
	var err error
	for range tries {
		if err = r.open(); err == nil {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	for _, err := range []error{
		r.run(nil, "", "gcc", "-Wall", "-Wextra", "-Werror", "-O1", "-I"+filepath.Dir(mitGSSAPI), "-o", r.gss, filepath.Join("testdata", "gss.c"), "-l:libgssapi_krb5.so.2"),
		r.kadmin("addprinc", "-pw", password, user),
		r.kadmin("addprinc", "-randkey", service),
		r.kadmin("ktadd", "-norandkey", "-k", r.path("keytab"), service),
		r.run(nil, password+"\n", "kinit", user),
	} {
		if err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *realm) open() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	for name, text := range map[string]string{
		"krb5.conf": fmt.Sprintf(krb5conf, realmName, port),
		"kdc.conf":  fmt.Sprintf(kdcconf, realmName, port, r.dir),
		"kadm5.acl": "",
	} {
		if err := os.WriteFile(r.path(name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	if _, err := os.Stat(r.path("principal")); err != nil {
		if err := r.run(nil, "", "kdb5_util", "create", "-s", "-P", "master password"); err != nil {
			return err
		}
	}
	if r.kdc, err = program.Start(r.env(), nil, "krb5kdc", "-n", "-P", r.path("krb5kdc.pid")); err != nil {
		return err
	}
	if err := r.kdc.Await("its start", func(out string) bool { return strings.Contains(out, "commencing operation") }); err != nil {
		r.kdc.Stop()
		return err
	}
	return nil
}

func (r *realm) path(name string) string { return filepath.Join(r.dir, name) }

// env returns the whole environment of a program in the realm.
func (r *realm) env() []string {
	return []string{
		"KRB5_CONFIG=" + r.path("krb5.conf"), "KRB5_KDC_PROFILE=" + r.path("kdc.conf"), "GSS_MECH_CONFIG=/dev/null",
		"KRB5CCNAME=FILE:" + r.path("ccache"), "KRB5_KTNAME=FILE:" + r.path("keytab"), "TMPDIR=" + r.dir,
	}
}

// run runs a program to its end, which must be exit 0.
func (r *realm) run(env []string, stdin, name string, args ...string) error {
	_, err := r.output(env, stdin, name, args...)
	return err
}

func (r *realm) output(env []string, stdin, name string, args ...string) (string, error) {
	p, err := program.Start(append(r.env(), env...), strings.NewReader(stdin), name, args...)
	if err != nil {
		return "", err
	}
	code, err := p.Exit()
	if err != nil || code != 0 {
		return "", fmt.Errorf("%s %q: exit %d, %v:\n%s", name, args, code, err, p.Out)
	}
	return p.Out.String(), nil
}

func (r *realm) kadmin(args ...string) error { return r.run(nil, "", "kadmin.local", args...) }

// sessionKeys makes the KDC issue tickets with session keys of an encryption type, until
// the test ends.
func (r *realm) sessionKeys(t testing.TB, etype int) {
	t.Helper()
	renew := func(etype string) {
		for _, err := range []error{
			r.kadmin("setstr", service, "session_enctypes", etype),
			r.run(nil, password+"\n", "kinit", user),
		} {
			if err != nil {
				t.Error(err)
			}
		}
		r.discard()
	}
	renew(etypes[etype])
	t.Cleanup(func() { renew(etypes[18]) })
}

// discard drops the tokens that were made in advance.
func (r *realm) discard() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tokens = nil
}

// token returns a context token that no other call returns. MIT's initiator makes them, a
// thousand at a time, so that no token is old.
func (r *realm) token(t testing.TB) []byte {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.tokens) == 0 {
		out, err := r.output(nil, "", r.gss, "init", target, strconv.Itoa(1000))
		if err != nil {
			t.Error(err)
			return nil
		}
		for line := range strings.Lines(out) {
			token, err := hex.DecodeString(strings.TrimSpace(line))
			if err != nil {
				t.Errorf("gss init: %v", err)
				return nil
			}
			r.tokens = append(r.tokens, token)
		}
	}
	token := r.tokens[0]
	r.tokens = r.tokens[1:]
	return token
}
