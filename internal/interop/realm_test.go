package interop

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	realmName = "INTEROP.TEST"
	user      = "alice"
	password  = "correct horse battery staple"
)

// realm is a temporary realm on the loopback interface, with MIT's KDC or, if local is not nil,
// with that of package sspitest.
type realm struct {
	local  *ourKDC
	dir    string
	config string // the content of krb5.conf
	more   string // additional lines of [libdefaults]
	kdc    *process
	admin  sync.Mutex // one kadmin.local at a time
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
  max_life = 10h
  master_key_type = aes256-cts-hmac-sha1-96
  supported_enctypes = aes256-cts-hmac-sha1-96:normal aes128-cts-hmac-sha1-96:normal aes256-cts-hmac-sha384-192:normal aes128-cts-hmac-sha256-128:normal
 }
[logging]
 kdc = STDERR
 default = STDERR
`

// newRealm makes a realm in dir and starts its KDC.
func newRealm(dir string, more ...string) (*realm, error) {
	const tries = 3 // another process may take the free port before the KDC does
	var err error
	for range tries {
		r := &realm{dir: dir, more: strings.Join(more, "")}
		if err = r.open(); err == nil {
			return r, nil
		}
	}
	return nil, err
}

func (r *realm) open() error {
	if withOurKDC {
		return r.openOurs()
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	r.config = fmt.Sprintf(krb5conf, realmName, port)
	r.config = strings.Replace(r.config, "[libdefaults]\n", "[libdefaults]\n"+r.more, 1)
	for name, text := range map[string]string{
		"krb5.conf": r.config,
		"kdc.conf":  fmt.Sprintf(kdcconf, realmName, port, r.dir),
		"kadm5.acl": "",
	} {
		if err := os.WriteFile(r.path(name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	if _, err := os.Stat(r.path("principal")); err != nil {
		if err := r.initialise(); err != nil {
			return err
		}
	}
	r.kdc, err = start(r.env(), nil, "krb5kdc", "-n", "-P", r.path("krb5kdc.pid"))
	if err != nil {
		return err
	}
	listening := func(out string) bool { return strings.Contains(out, "commencing operation") }
	if err := r.kdc.Await("its start", listening); err != nil {
		r.kdc.Stop()
		return err
	}
	return nil
}

// openOurs starts the KDC of package sspitest.
func (r *realm) openOurs() (err error) {
	if r.local, err = startOurKDC(strings.Contains(r.more, "allow_rc4"), time.Now); err != nil {
		return err
	}
	r.config = fmt.Sprintf(krb5conf, realmName, r.local.port())
	r.config = strings.Replace(r.config, "[libdefaults]\n", "[libdefaults]\n"+r.more, 1)
	if err := os.WriteFile(r.path("krb5.conf"), []byte(r.config), 0o600); err != nil {
		return err
	}
	return r.kadmin("addprinc", "-pw", password, user)
}

func (r *realm) initialise() error {
	p, err := start(r.env(), nil, "kdb5_util", "create", "-s", "-P", "master password")
	if err != nil {
		return err
	}
	if code, err := p.Exit(); err != nil || code != 0 {
		return fmt.Errorf("kdb5_util: exit %d, %v:\n%s", code, err, p.Out)
	}
	return r.kadmin("addprinc", "-pw", password, user)
}

func (r *realm) close() {
	if r.local != nil {
		_ = r.local.server.Close()
		return
	}
	r.kdc.Stop()
}

func (r *realm) path(name string) string { return filepath.Join(r.dir, name) }

// env returns the whole environment of a program in this realm. It has only the mechanisms
// of the library, whatever the machine has installed.
func (r *realm) env() []string {
	return []string{
		"KRB5_CONFIG=" + r.path("krb5.conf"), "KRB5_KDC_PROFILE=" + r.path("kdc.conf"), "KRB5RCACHEDIR=" + r.dir,
		"GSS_MECH_CONFIG=/dev/null",
	}
}

// kadmin changes the realm's database.
func (r *realm) kadmin(args ...string) error {
	r.admin.Lock()
	defer r.admin.Unlock()
	if r.local != nil {
		return r.local.kadmin(args...)
	}
	p, err := start(r.env(), nil, "kadmin.local", args...)
	if err != nil {
		return err
	}
	if code, err := p.Exit(); err != nil || code != 0 {
		return fmt.Errorf("kadmin.local %q: exit %d, %v:\n%s", args, code, err, p.Out)
	}
	return nil
}

func (r *realm) admins(t testing.TB, args ...string) {
	t.Helper()
	if err := r.kadmin(args...); err != nil {
		t.Fatal(err)
	}
}

// etypes maps the tested encryption types to MIT's names.
var etypes = map[int]string{
	17: "aes128-cts-hmac-sha1-96", 18: "aes256-cts-hmac-sha1-96",
	19: "aes128-cts-hmac-sha256-128", 20: "aes256-cts-hmac-sha384-192",
	23: "arcfour-hmac",
}

// service makes a service principal name/localhost with a random key of the type key. Its
// tickets get session keys of the type session.
func (r *realm) service(t testing.TB, name string, key, session int) *service {
	t.Helper()
	s := &service{realm: r, name: name, etype: key}
	r.admins(t, "addprinc", "-randkey", "-e", etypes[key]+":normal", s.principal())
	r.admins(t, "setstr", s.principal(), "session_enctypes", etypes[session])
	return s
}

// service is a service principal of the realm.
type service struct {
	realm *realm
	name  string
	etype int
}

func (s *service) principal() string { return s.name + "/localhost" }
func (s *service) full() string      { return s.principal() + "@" + realmName }
func (s *service) hostBased() string { return s.name + "@localhost" }

// keytab adds the service's current keys to a keytab file.
func (s *service) keytab(t testing.TB, file string) {
	t.Helper()
	s.realm.admins(t, "ktadd", "-norandkey", "-q", "-k", file, s.principal())
}

// rekey gives the service a new random key and the next kvno.
func (s *service) rekey(t testing.TB) {
	t.Helper()
	s.realm.admins(t, "cpw", "-randkey", "-e", etypes[s.etype]+":normal", s.principal())
}

// session is the ticket cache of a user.
type session struct {
	realm *realm
	cache string
	extra []string // additional environment of its programs
}

// login makes a ticket cache with a ticket-granting ticket. more are arguments of kinit.
func (r *realm) login(t testing.TB, more ...string) *session {
	t.Helper()
	s := &session{realm: r, cache: filepath.Join(t.TempDir(), "ccache")}
	if res := run(t, s.env(), password+"\n", "kinit", append(more, user)...); res.code != 0 {
		t.Fatalf("kinit: exit %d\n%s", res.code, res.out)
	}
	return s
}

func (s *session) env() []string {
	return append(append(s.realm.env(), "KRB5CCNAME=FILE:"+s.cache), s.extra...)
}

// fetch gets a service ticket from the KDC into the cache.
func (s *session) fetch(t testing.TB, svc *service) {
	t.Helper()
	if res := run(t, s.env(), "", "kvno", svc.full()); res.code != 0 {
		t.Fatalf("kvno: exit %d\n%s", res.code, res.out)
	}
}

// port returns the port of the realm's KDC.
func (r *realm) port(t testing.TB) int {
	t.Helper()
	_, rest, _ := strings.Cut(r.config, "kdc = 127.0.0.1:")
	line, _, _ := strings.Cut(rest, "\n")
	port, err := strconv.Atoi(line)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// freePort returns a port that was free a moment ago.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// names counts principals, so that each name is new and tests may run several times in one
// realm.
var names atomic.Int32

func unique(name string) string { return fmt.Sprintf("%s%d", name, names.Add(1)) }
