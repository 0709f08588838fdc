package sspitest

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/ccache"
	"github.com/gosspi/kerberos/internal/testkdc"
	"github.com/gosspi/kerberos/keytab"
)

// Names of the files that Files writes.
const (
	confFile         = "krb5.conf"
	keytabFile       = "krb5.keytab"
	clientKeytabFile = "client.keytab"
	ccacheFile       = "ccache"
)

// Files writes the files with which other programs use the KDC into an existing directory, and
// returns the environment variables that name them, to be added to the environment of such
// programs. Only the owner may read the files. The caller removes them.
//
//   - krb5.conf (KRB5_CONFIG) names the KDCs of the realm and of the realms that it trusts.
//   - krb5.keytab (KRB5_KTNAME) has the keys of all services of the realm.
//   - client.keytab has the keys of all users of [Realm.SetUser], for "kinit -k -t".
//   - ccache (KRB5CCNAME) has a ticket-granting ticket of user, so that user is logged in
//     without kinit. If user is nil, Files does not write it, and kinit does.
//
// Later changes of the realm do not change the files: call Files again. It replaces the files.
func (k *KDC) Files(dir string, user *User) (env []string, err error) {
	if k == nil || k.server == nil {
		return nil, argument("Realm.Listen did not create this KDC")
	}
	services, err := k.realm.Service()
	if err != nil {
		return nil, err
	}
	clients, err := k.clients()
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{confFile: []byte(k.conf())}
	for name, table := range map[string]*keytab.Table{keytabFile: services, clientKeytabFile: clients} {
		if files[name], err = table.MarshalBinary(); err != nil {
			return nil, err
		}
	}
	if user != nil {
		if files[ccacheFile], err = k.login(user); err != nil {
			return nil, err
		}
	}
	for name, content := range files {
		if err := ccache.Replace(filepath.Join(dir, name), content); err != nil {
			return nil, err
		}
	}
	dir, err = filepath.Abs(dir)
	return []string{
		"KRB5_CONFIG=" + filepath.Join(dir, confFile),
		"KRB5_KTNAME=FILE:" + filepath.Join(dir, keytabFile),
		"KRB5CCNAME=FILE:" + filepath.Join(dir, ccacheFile),
	}, err
}

// clients returns the keys of all users.
func (k *KDC) clients() (*keytab.Table, error) {
	var entries []keytab.Entry
	for p, c := range (*k.realm.db).Clients() {
		for _, key := range c.Keys {
			made, err := keytab.NewKey(keytab.EType(key.KeyType), key.KeyValue)
			if err != nil {
				return nil, err
			}
			entries = append(entries, keytab.Entry{Principal: p, Kvno: key.Kvno, Key: made, Time: k.realm.Now()})
		}
	}
	slices.SortStableFunc(entries, func(a, b keytab.Entry) int {
		return strings.Compare(a.Principal.String(), b.Principal.String())
	})
	return keytab.NewTable(entries...)
}

// login returns a credential cache with a ticket-granting ticket of user.
func (k *KDC) login(user *User) ([]byte, error) {
	p := user.Principal()
	if p.Realm() != k.realm.Name() {
		return nil, argument("the user is not a user of the realm of this KDC")
	}
	var t authenticator.DelegatedTicket
	var failed error
	if err := guard(func() { t, failed = (*k.kdc).Login(p) }); err != nil {
		return nil, err
	}
	if failed != nil {
		return nil, failed
	}
	return ccache.Marshal(p, []authenticator.DelegatedTicket{t}), nil
}

// Names that can be written to krb5.conf, whose syntax cannot quote them.
var (
	confName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]*$`)
	hostName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*$`)
)

// conf returns the configuration of clients. Clients must not ask DNS for realms, KDCs and
// the names of hosts, because the realm exists on this machine only.
func (k *KDC) conf() string {
	var b strings.Builder
	db := *k.realm.db
	fmt.Fprintf(&b, `[libdefaults]
 default_realm = %s
 dns_lookup_kdc = false
 dns_lookup_realm = false
 dns_canonicalize_hostname = false
 rdns = false
 qualify_shortname = ""
`, k.realm.Name())
	if k.rc4 {
		b.WriteString(" allow_weak_crypto = true\n allow_rc4 = true\n")
	}
	b.WriteString("[realms]\n")
	for _, d := range append([]*testkdc.Database{db}, db.Trusted()...) {
		addresses := d.Addresses()
		if len(addresses) == 0 {
			continue
		}
		fmt.Fprintf(&b, " %s = {\n", d.Realm.Name)
		for _, a := range addresses {
			fmt.Fprintf(&b, "  kdc = %s\n", a)
		}
		b.WriteString(" }\n")
	}
	b.WriteString("[domain_realm]\n")
	for _, host := range hosts(k.realm.Name(), db.Realm.Services()) {
		fmt.Fprintf(&b, " %s = %s\n", host, k.realm.Name())
	}
	return b.String()
}

// hosts returns the hosts of the services of a realm, for the table of hosts and their realms.
func hosts(realm string, services []keytab.Principal) []string {
	var all []string
	for _, p := range services {
		c := slices.Collect(p.Components())
		if len(c) == 2 && p.Realm() == realm && hostName.MatchString(strings.ToLower(c[1])) {
			all = append(all, strings.ToLower(c[1]))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
