package sspitest_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/credentials"
	gokrb5keytab "github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/spnego"

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket/pac"
)

const secretWord = "correct horse"

// listening returns a realm with a service and the user alice, and its KDC.
func listening(t *testing.T, cfg sspitest.KDCConfig) (*sspitest.Realm, *sspitest.KDC) {
	t.Helper()
	realm := sspitest.NewRealm("EXAMPLE.COM")
	if _, err := realm.Service(service); err != nil {
		t.Fatal(err)
	}
	if err := realm.SetUser("alice", sspitest.UserSettings{Password: secretWord}); err != nil {
		t.Fatal(err)
	}
	kdc, err := realm.Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := kdc.Close(); err != nil {
			t.Error(err)
		}
	})
	return realm, kdc
}

// files writes the files of the KDC and returns gokrb5's configuration, and their directory.
func files(t *testing.T, kdc *sspitest.KDC, user *sspitest.User, more string) (*config.Config, string) {
	t.Helper()
	dir := t.TempDir()
	env, err := kdc.Files(dir, user)
	if err != nil {
		t.Fatal(err)
	}
	if want := "KRB5_CONFIG=" + filepath.Join(dir, "krb5.conf"); len(env) != 3 || env[0] != want {
		t.Errorf("the environment is %q", env)
	}
	b, err := os.ReadFile(filepath.Join(dir, "krb5.conf"))
	if err != nil {
		t.Fatal(err)
	}
	conf, err := config.NewFromString(strings.Replace(string(b), "[libdefaults]\n", "[libdefaults]\n"+more, 1))
	if err != nil {
		t.Fatal(err)
	}
	return conf, dir
}

// accepts logs a gokrb5 client in to an acceptor of the realm.
func accepts(t *testing.T, realm *sspitest.Realm, cl *client.Client, target string) *sspi.Peer {
	t.Helper()
	s := spnego.SPNEGOClient(cl, target)
	if err := s.AcquireCred(); err != nil {
		t.Fatal(err)
	}
	made, err := s.InitSecContext()
	if err != nil {
		t.Fatal(err)
	}
	token, err := made.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	acceptor, err := realm.Acceptor(target)
	if err != nil {
		t.Fatal(err)
	}
	_, peer, err := acceptor.NewContext(sspi.ContextConfig{}).Accept(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	return peer
}

// TestKDC_Gokrb5 logs gokrb5's client in by password, by keytab and by credential cache, over
// UDP and TCP, with each encryption type except 20, for which gokrb5 makes subkeys of a wrong
// length.
func TestKDC_Gokrb5(t *testing.T) {
	realm, kdc := listening(t, sspitest.KDCConfig{})
	for _, more := range []string{
		"", "udp_preference_limit = 1\n",
		"default_tkt_enctypes = aes128-cts-hmac-sha1-96\ndefault_tgs_enctypes = aes128-cts-hmac-sha1-96\n",
		"default_tkt_enctypes = aes128-cts-hmac-sha256-128\ndefault_tgs_enctypes = aes128-cts-hmac-sha256-128\npermitted_enctypes = aes128-cts-hmac-sha256-128\n",
	} {
		conf, dir := files(t, kdc, realm.User("alice"), more)
		kt, err := gokrb5keytab.Load(filepath.Join(dir, "client.keytab"))
		if err != nil {
			t.Fatal(err)
		}
		cache, err := credentials.LoadCCache(filepath.Join(dir, "ccache"))
		if err != nil {
			t.Fatal(err)
		}
		fromCache, err := client.NewFromCCache(cache, conf)
		if err != nil {
			t.Fatal(err)
		}
		off := client.DisablePAFXFAST(true)
		for how, cl := range map[string]*client.Client{
			"password": client.NewWithPassword("alice", "EXAMPLE.COM", secretWord, conf, off),
			"keytab":   client.NewWithKeytab("alice", "EXAMPLE.COM", kt, conf, off),
			"cache":    fromCache,
		} {
			if how != "cache" {
				if err := cl.Login(); err != nil {
					t.Fatalf("%s with %q: %v", how, more, err)
				}
			}
			if got := accepts(t, realm, cl, service).Client.String(); got != "alice@EXAMPLE.COM" {
				t.Errorf("%s with %q: logged in as %s", how, more, got)
			}
			cl.Destroy()
		}
	}
}

// TestKDC_Refusals checks that a wrong password, an unknown user and a disabled user get no
// ticket, and that the log says why.
func TestKDC_Refusals(t *testing.T) {
	for _, c := range []struct{ user, password, want, logged string }{
		{"alice", "wrong", "KDC_ERR_PREAUTH_FAILED", "client=alice service=krbtgt/EXAMPLE.COM code=24"},
		{"bob", secretWord, "KDC_ERR_C_PRINCIPAL_UNKNOWN", "client=bob service=krbtgt/EXAMPLE.COM code=6"},
		{"mallory", secretWord, "KDC_ERR_CLIENT_REVOKED", "client=mallory service=krbtgt/EXAMPLE.COM code=18"},
	} {
		var log bytes.Buffer
		realm, kdc := listening(t, sspitest.KDCConfig{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err := realm.SetUser("mallory", sspitest.UserSettings{Password: secretWord, Disabled: true}); err != nil {
			t.Fatal(err)
		}
		conf, _ := files(t, kdc, nil, "")
		err := client.NewWithPassword(c.user, "EXAMPLE.COM", c.password, conf, client.DisablePAFXFAST(true)).Login()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.user, err, c.want)
		}
		if err := kdc.Close(); err != nil { // waits for the server, so that the log is complete
			t.Fatal(err)
		}
		if !strings.Contains(log.String(), c.logged) || strings.Contains(log.String(), secretWord) {
			t.Errorf("%s: the log is %s", c.user, &log)
		}
	}
}

// TestKDC_PACs checks that the acceptor sees the PAC that the user's settings describe.
func TestKDC_PACs(t *testing.T) {
	realm, kdc := listening(t, sspitest.KDCConfig{})
	sid := pac.MustParseSID("S-1-5-21-1-2-3-1104")
	group := pac.MustParseSID("S-1-5-21-1-2-3-1200")
	account := &sspitest.Account{SID: sid, Domain: "EXAMPLE", UPN: "alice@example.com", Groups: []pac.Group{{SID: group}}}
	for name, s := range map[string]sspitest.UserSettings{
		"account": {Password: secretWord, Account: account},
		"minimal": {Password: secretWord},
		"nopac":   {Password: secretWord, NoPAC: true},
	} {
		if err := realm.SetUser(name, s); err != nil {
			t.Fatal(err)
		}
		conf, _ := files(t, kdc, nil, "")
		cl := client.NewWithPassword(name, "EXAMPLE.COM", secretWord, conf, client.DisablePAFXFAST(true))
		if err := cl.Login(); err != nil {
			t.Fatal(err)
		}
		peer := accepts(t, realm, cl, service)
		user, err := peer.User("EXAMPLE.COM", "EXAMPLE")
		switch name {
		case "account":
			if user != "account" || err != nil || peer.Account == nil || peer.Account.SID != sid {
				t.Errorf("%s: %q, %v", name, user, err)
			}
		case "minimal":
			if user != "minimal" || err != nil {
				t.Errorf("%s: %q, %v", name, user, err)
			}
		case "nopac":
			if err == nil {
				t.Errorf("%s: %q without an error", name, user)
			}
		}
	}
}

// TestKDC_Trust follows a referral with gokrb5's client, which has the configuration of one
// realm, to a service of another realm.
func TestKDC_Trust(t *testing.T) {
	realm, kdc := listening(t, sspitest.KDCConfig{})
	other := sspitest.NewRealm("OTHER.ORG")
	if err := realm.Trust(other); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Service("HTTP/www.other.org"); err != nil {
		t.Fatal(err)
	}
	second, err := other.Listen(sspitest.KDCConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	conf, _ := files(t, kdc, nil, "canonicalize = true\n")
	cl := client.NewWithPassword("alice", "EXAMPLE.COM", secretWord, conf, client.DisablePAFXFAST(true))
	if err := cl.Login(); err != nil {
		t.Fatal(err)
	}
	if got := accepts(t, other, cl, "HTTP/www.other.org").Client.String(); got != "alice@EXAMPLE.COM" {
		t.Errorf("logged in as %s", got)
	}
}

// TestKDC_Files checks the modes and the contents of the files.
func TestKDC_Files(t *testing.T) {
	realm, kdc := listening(t, sspitest.KDCConfig{})
	if err := realm.SetUser("robot", sspitest.UserSettings{}); err != nil {
		t.Fatal(err)
	}
	_, dir := files(t, kdc, realm.User("alice"), "")
	for name, want := range map[string]string{
		"krb5.keytab": "HTTP/www.example.com@EXAMPLE.COM", "client.keytab": "alice@EXAMPLE.COM robot@EXAMPLE.COM", "krb5.conf": "", "ccache": "",
	} {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
			t.Errorf("%s has the mode %v", name, info.Mode())
		}
		if !strings.HasSuffix(name, ".keytab") {
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		table, err := keytab.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for e := range table.All() {
			if n := e.Principal.String(); len(names) == 0 || names[len(names)-1] != n {
				names = append(names, n)
			}
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s has the keys of %s, want %s", name, got, want)
		}
	}
	if _, err := kdc.Files(filepath.Join(dir, "missing"), nil); err == nil {
		t.Error("Files wrote into a directory that does not exist")
	}
}

// TestKDC_Misuse checks that incorrect calls return ReasonArgument.
func TestKDC_Misuse(t *testing.T) {
	realm, kdc := listening(t, sspitest.KDCConfig{})
	listen := func(r *sspitest.Realm, c sspitest.KDCConfig) error {
		k, err := r.Listen(c)
		if k != nil {
			k.Close()
		}
		return err
	}
	filesErr := func(k *sspitest.KDC, u *sspitest.User) error { _, err := k.Files(t.TempDir(), u); return err }
	for name, err := range map[string]error{
		"every interface":        listen(realm, sspitest.KDCConfig{Address: "0.0.0.0:0"}),
		"another interface":      listen(realm, sspitest.KDCConfig{Address: "192.0.2.1:88"}),
		"every interface, IPv6":  listen(realm, sspitest.KDCConfig{Address: "[::]:0"}),
		"an empty host":          listen(realm, sspitest.KDCConfig{Address: ":0"}),
		"an IPv4-mapped address": listen(realm, sspitest.KDCConfig{Address: "[::ffff:192.0.2.1]:0"}),
		"mapped, every address":  listen(realm, sspitest.KDCConfig{Address: "[::ffff:0.0.0.0]:0"}),
		"a name":                 listen(realm, sspitest.KDCConfig{Address: "localhost:0"}),
		"negative life":          listen(realm, sspitest.KDCConfig{TicketLife: -1}),
		"zero Realm":             listen(new(sspitest.Realm), sspitest.KDCConfig{}),
		"realm for no krb5.conf": listen(sspitest.NewRealm("A }\n[x]"), sspitest.KDCConfig{}),
		"zero KDC":               filesErr(new(sspitest.KDC), nil),
		"user of another realm":  filesErr(kdc, realm.User("bob@OTHER.ORG")),
		"set user of another":    realm.SetUser("bob@OTHER.ORG", sspitest.UserSettings{}),
		"not UTF-8":              realm.SetUser("bob", sspitest.UserSettings{Password: "\xff"}),
		"two PACs":               realm.SetUser("bob", sspitest.UserSettings{NoPAC: true, Account: new(sspitest.Account)}),
		"account without a SID":  realm.SetUser("bob", sspitest.UserSettings{Account: new(sspitest.Account)}),
		"trust itself":           realm.Trust(sspitest.NewRealm("EXAMPLE.COM")),
		"trust nothing":          realm.Trust(nil),
	} {
		if status.ReasonOf(err) != status.ReasonArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := new(sspitest.KDC).Close(); err != nil {
		t.Errorf("closing the zero KDC: %v", err)
	}
}
