package interop

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/internal/testkdc"
	"github.com/gosspi/kerberos/keytab"
)

// withOurKDC makes the tests of a run use the KDC of package sspitest in place of MIT's KDC.
var withOurKDC = os.Getenv("KERBEROS_INTEROP_KDC") == "sspitest"

// onlyMIT skips a test of MIT's KDC, and not of a client, in a run with the other KDC.
func onlyMIT(t *testing.T, why string) {
	t.Helper()
	if withOurKDC {
		t.Skipf("a test of MIT's KDC: %s", why)
	}
}

// ourKDC is the KDC of package sspitest, and its kadmin: the commands of kadmin.local that the
// tests of this folder use.
type ourKDC struct {
	realm  *krbtest.Realm
	db     *testkdc.Database
	server *testkdc.Server
}

func startOurKDC(rc4 bool, clock func() time.Time) (*ourKDC, error) {
	r := &krbtest.Realm{Name: realmName, Clock: clock, Rand: rand.Reader, ETypes: slices.Clone(krbtest.Preference), Kvno: 1}
	if rc4 {
		r.ETypes = append(r.ETypes, keytab.RC4_HMAC)
	}
	k := &ourKDC{realm: r, db: testkdc.NewDatabase(r)}
	kdc := testkdc.New(k.db, testkdc.Config{Life: testkdc.DefaultLife, RenewableLife: testkdc.DefaultRenewableLife, RC4: rc4})
	var err error
	k.server, err = testkdc.Listen(kdc, "127.0.0.1:0")
	return k, err
}

func (k *ourKDC) port() int { return int(k.server.Addr().Port()) }

// kadmin runs a command of kadmin.local.
func (k *ourKDC) kadmin(args ...string) error {
	c := command{etypes: k.realm.ETypes}
	if err := c.parse(args[1:]); err != nil {
		return fmt.Errorf("kadmin %q: %w", args, err)
	}
	if len(c.names) == 0 {
		return fmt.Errorf("kadmin %q: no principal", args)
	}
	p, err := k.realm.Principal(c.names[0])
	if err != nil {
		return err
	}
	switch args[0] {
	case "addprinc":
		return k.add(p, &c)
	case "cpw":
		k.realm.SetKeys(p, k.random(c.etypes, k.realm.KeysOf(p)[0].Kvno+1))
	case "modprinc":
		k.modify(p, &c)
	case "setstr":
		s := k.db.Service(p)
		for number, name := range etypes {
			if name == c.names[2] {
				s.SessionETypes = []keytab.EType{keytab.EType(number)}
			}
		}
		k.db.SetService(p, s)
	case "ktadd":
		if !c.noRandKey {
			k.realm.SetKeys(p, k.random(c.etypes, k.realm.KeysOf(p)[0].Kvno+1))
		}
		return k.keytabAdd(c.keytab, p)
	case "ktremove":
		return keytabKeep(c.keytab, func(e keytab.Entry, newest uint32) bool { return e.Principal != p || e.Kvno == newest })
	default:
		return fmt.Errorf("kadmin %q: unknown command", args)
	}
	return nil
}

// command has the arguments of a command.
type command struct {
	password, keytab string
	noRandKey        bool
	etypes           []keytab.EType
	kvno             uint32
	attributes       []string
	names            []string
}

func (c *command) parse(args []string) error {
	for len(args) > 0 {
		arg, value := args[0], ""
		args = args[1:]
		if slices.Contains([]string{"-pw", "-e", "-k", "-kvno"}, arg) {
			value, args = args[0], args[1:]
		}
		switch arg {
		case "-randkey", "-q":
		case "-norandkey":
			c.noRandKey = true
		case "-pw":
			c.password = value
		case "-k":
			c.keytab = value
		case "-kvno":
			n, err := strconv.ParseUint(value, 10, 32)
			if err != nil {
				return err
			}
			c.kvno = uint32(n)
		case "-e":
			c.etypes = nil
			for number, name := range etypes {
				if strings.TrimSuffix(value, ":normal") == name {
					c.etypes = append(c.etypes, keytab.EType(number))
				}
			}
		default:
			if strings.HasPrefix(arg, "+") || strings.HasPrefix(arg, "-") {
				c.attributes = append(c.attributes, arg)
			} else {
				c.names = append(c.names, arg)
			}
		}
	}
	return nil
}

func (k *ourKDC) random(list []keytab.EType, kvno uint32) (keys []krbtest.ServiceKey) {
	for _, e := range list {
		keys = append(keys, krbtest.ServiceKey{EncryptionKey: k.realm.NewKey(e), Kvno: kvno})
	}
	return keys
}

// add makes a user if there is a password, and else a service.
func (k *ourKDC) add(p keytab.Principal, c *command) error {
	if c.password == "" {
		k.realm.SetKeys(p, k.random(c.etypes, 1))
		return nil
	}
	u := testkdc.Client{PAC: new(krbtest.PAC), Salt: p.Realm() + strings.Join(slices.Collect(p.Components()), "")}
	for _, e := range c.etypes {
		u.Keys = append(u.Keys, krbtest.ServiceKey{EncryptionKey: krbtest.SaltedKey(c.password, u.Salt, e), Kvno: 1})
	}
	k.db.SetClient(p, u)
	if !slices.Contains(c.attributes, "-allow_svr") { // MIT's KDC issues tickets for every principal
		k.realm.SetKeys(p, u.Keys)
	}
	return nil
}

func (k *ourKDC) modify(p keytab.Principal, c *command) {
	s := k.db.Service(p)
	s.OKAsDelegate = s.OKAsDelegate || slices.Contains(c.attributes, "+ok_as_delegate")
	s.NoPAC = s.NoPAC || slices.Contains(c.attributes, "+no_auth_data_required")
	k.db.SetService(p, s)
	if c.kvno != 0 {
		keys := k.realm.KeysOf(p)
		for i := range keys {
			keys[i].Kvno = c.kvno
		}
		k.realm.SetKeys(p, keys)
	}
}

// keytabAdd adds the keys of p to a keytab file. For a user these are the keys of its password.
func (k *ourKDC) keytabAdd(file string, p keytab.Principal) error {
	keys := k.realm.KeysOf(p)
	if len(keys) == 0 {
		keys = k.db.Clients()[p].Keys
	}
	entries, err := keytabEntries(file)
	if err != nil {
		return err
	}
	for _, key := range keys {
		made, err := keytab.NewKey(keytab.EType(key.KeyType), key.KeyValue)
		if err != nil {
			return err
		}
		entries = append(entries, keytab.Entry{Principal: p, Kvno: key.Kvno, Key: made, Time: time.Now()})
	}
	return writeKeytab(file, entries)
}

func keytabEntries(file string) (entries []keytab.Entry, err error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	table, err := keytab.Parse(b)
	if err != nil {
		return nil, err
	}
	return slices.Collect(table.All()), nil
}

// keytabKeep removes the entries that keep refuses from a keytab file.
func keytabKeep(file string, keep func(e keytab.Entry, newest uint32) bool) error {
	entries, err := keytabEntries(file)
	if err != nil {
		return err
	}
	newest := uint32(0)
	for _, e := range entries {
		newest = max(newest, e.Kvno)
	}
	return writeKeytab(file, slices.DeleteFunc(entries, func(e keytab.Entry) bool { return !keep(e, newest) }))
}

func writeKeytab(file string, entries []keytab.Entry) error {
	table, err := keytab.NewTable(entries...)
	if err != nil {
		return err
	}
	b, err := table.MarshalBinary()
	if err != nil {
		return err
	}
	return os.WriteFile(file, b, 0o600)
}
