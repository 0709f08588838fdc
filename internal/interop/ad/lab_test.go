package ad

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gosspi/kerberos/internal/interop/program"
)

// password is the password of every account, except of the managed ones.
const password = "Correct-Horse-1"

// lab is the two forests and Samba's acceptor.
type lab struct {
	dir           string // for the tests' own files
	inRoot        string // the folder of this run, as programs in the chroot see it
	secret        string // of the trust
	corp, partner *forest
	samba         sambaAcceptor
}

// forest is a Samba forest of one domain, with one domain controller.
type forest struct {
	spec
	text    json.RawMessage // of the spec
	lab     *lab
	dir     string // as programs in the chroot see it
	address string
	port    int
	sid     string
	sids    map[string]string // of the accounts, by sAMAccountName
	kdc     *program.Process
}

// newLab makes the forests and starts their domain controllers.
func newLab(dir string) (*lab, error) {
	inRoot, err := os.MkdirTemp(filepath.Join(chrootDir(), "srv"), "run-")
	if err != nil {
		return nil, err
	}
	l := &lab{dir: dir, inRoot: strings.TrimPrefix(inRoot, chrootDir())}
	if err := l.open(); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *lab) open() error {
	for _, script := range []string{"forest.py", "acceptor.py"} {
		b, err := os.ReadFile(filepath.Join("testdata", script))
		if err != nil {
			return err
		}
		if err := os.WriteFile(l.outside(filepath.Join(l.inRoot, script)), b, 0o600); err != nil {
			return err
		}
	}
	specs, texts, err := readSpecs()
	if err != nil {
		return err
	}
	l.corp = &forest{spec: specs["corp"], text: texts["corp"], address: "127.0.90.1"}
	l.partner = &forest{spec: specs["partner"], text: texts["partner"], address: "127.0.90.2"}
	l.secret = rand.Text()
	for _, step := range []func(*forest) error{
		(*forest).prepare, (*forest).make,
		func(f *forest) error { return f.join(l.other(f), l.secret) },
		(*forest).start,
	} {
		if err := l.each(step); err != nil {
			return err
		}
	}
	return l.writeConfig()
}

// each runs a step for both forests at once.
func (l *lab) each(step func(*forest) error) error {
	forests := [...]*forest{l.corp, l.partner}
	var errs [len(forests)]error
	var wg sync.WaitGroup
	for i, f := range forests {
		f.lab = l
		wg.Go(func() { errs[i] = step(f) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) other(f *forest) *forest {
	if f == l.corp {
		return l.partner
	}
	return l.corp
}

// close ends the processes and removes the files in the chroot.
func (l *lab) close() {
	l.samba.close()
	for _, f := range []*forest{l.corp, l.partner} {
		if f != nil && f.kdc != nil {
			f.kdc.Stop()
		}
	}
	_ = os.RemoveAll(l.outside(l.inRoot))
}

// outside returns the path of a file in the chroot for programs outside of it.
func (l *lab) outside(path string) string { return filepath.Join(chrootDir(), path) }

// python starts a script in the chroot.
func (l *lab) python(stdin *os.File, script string, args ...string) (*program.Process, error) {
	args = append([]string{chrootDir(), "/usr/bin/python3", filepath.Join(l.inRoot, script)}, args...)
	return program.Start(nil, stdin, "chroot", args...)
}

const krb5conf = `[libdefaults]
 default_realm = %[1]s
 rdns = false
 dns_canonicalize_hostname = false
 qualify_shortname = ""
 dns_lookup_kdc = false
 dns_lookup_realm = false
[realms]
 %[1]s = {
  kdc = %[2]s
 }
 %[3]s = {
  kdc = %[4]s
 }
[domain_realm]
 localhost = %[1]s
 .%[5]s = %[1]s
 .%[6]s = %[3]s
`

// writeConfig writes the configuration of the initiators.
func (l *lab) writeConfig() error {
	text := fmt.Sprintf(krb5conf, l.corp.Realm, l.corp.kdcAddress(), l.partner.Realm, l.partner.kdcAddress(),
		strings.ToLower(l.corp.Realm), strings.ToLower(l.partner.Realm))
	for _, dir := range []string{l.dir, l.outside(l.corp.dir)} { // the second for programs in the chroot
		if err := os.WriteFile(filepath.Join(dir, "krb5.conf"), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// prepare chooses the names of a forest that are new in each run.
func (f *forest) prepare() error {
	f.dir = filepath.Join(f.lab.inRoot, f.NetBIOS)
	var random [12]byte
	_, _ = rand.Read(random[:]) // never fails
	f.sid = "S-1-5-21"
	for i := range 3 {
		f.sid += "-" + strconv.FormatUint(uint64(binary.BigEndian.Uint32(random[4*i:])), 10)
	}
	var err error
	f.port, err = freePort(f.address)
	return err
}

// make provisions the domain and its accounts.
func (f *forest) make() error {
	kpasswd, err := freePort(f.address)
	if err != nil {
		return err
	}
	return f.script("make", map[string]any{
		"address": f.address, "port": f.port, "kpasswd": kpasswd, "sid": f.sid,
	})
}

// join adds the trust, and the members of groups that the other forest has.
func (f *forest) join(other *forest, secret string) error {
	return f.script("join", map[string]any{
		"secret":  secret,
		"partner": map[string]any{"realm": other.Realm, "netbios": other.NetBIOS, "sid": other.sid, "sids": other.sids},
	})
}

// script runs a command of testdata/forest.py, which prints the SIDs of the accounts.
func (f *forest) script(command string, request map[string]any) error {
	request["dir"], request["spec"], request["password"] = f.dir, f.text, password
	b, err := json.Marshal(request)
	if err != nil {
		return err
	}
	stdin := filepath.Join(f.lab.dir, f.NetBIOS+"-"+command)
	if err := os.WriteFile(stdin, b, 0o600); err != nil {
		return err
	}
	in, err := os.Open(stdin)
	if err != nil {
		return err
	}
	defer in.Close()
	p, err := f.lab.python(in, "forest.py", command)
	if err != nil {
		return err
	}
	if code, err := p.Exit(); code != 0 || err != nil {
		return fmt.Errorf("forest.py %s: exit %d, %v:\n%s", command, code, err, p.Out)
	}
	_, sids, found := strings.Cut("\n"+p.Out.String(), "\nsids: ")
	sids, _, _ = strings.Cut(sids, "\n")
	if !found {
		return fmt.Errorf("forest.py %s printed no SIDs:\n%s", command, p.Out)
	}
	return json.Unmarshal([]byte(sids), &f.sids)
}

// start starts the domain controller, of which only the KDC is needed, and waits until it
// takes connections.
func (f *forest) start() error {
	var err error
	f.kdc, err = program.Start(nil, nil, "chroot", chrootDir(), "/usr/sbin/samba",
		"--interactive", "--model=single", "--debug-stdout", "--configfile="+f.dir+"/smb.conf")
	if err != nil {
		return err
	}
	return awaitListener(f.kdc, "the domain controller of "+f.Realm, f.kdcAddress())
}

// awaitListener waits until a process takes connections on an address.
func awaitListener(p *program.Process, name, address string) error {
	deadline, tick := time.After(program.Patience), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for {
		if conn, err := net.Dial("tcp", address); err == nil {
			return conn.Close()
		}
		select {
		case <-tick.C:
		case <-p.Done():
			return fmt.Errorf("%s ended:\n%s", name, p.Out)
		case <-deadline:
			return fmt.Errorf("%s takes no connections after %v:\n%s", name, program.Patience, p.Out)
		}
	}
}

func (f *forest) kdcAddress() string { return net.JoinHostPort(f.address, strconv.Itoa(f.port)) }

// keytab returns the path of the keytab of a service.
func (f *forest) keytab(service string) string {
	return f.lab.outside(filepath.Join(f.dir, "keytabs", service))
}

// freePort returns a port of an address that no program listened on a moment ago.
func freePort(address string) (int, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
