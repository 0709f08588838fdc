package sspitest_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/internal/secret/secrettest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitest"
)

// TestKEY_10_NothingPrintsAKey checks that realms, users and clients, which contain keys,
// show none with any verb, also if package fmt does not call their methods.
func TestKEY_10_NothingPrintsAKey(t *testing.T) {
	realm := sspitest.NewDeterministicRealm("EXAMPLE.COM")
	acceptor, err := realm.Acceptor(service)
	if err != nil {
		t.Fatal(err)
	}
	alice := realm.User("alice")
	client, err := alice.Initiate(service, sspitest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sspitest.Handshake(client, acceptor.NewContext(sspi.ContextConfig{})); err != nil {
		t.Fatal(err)
	}
	cfg, err := realm.Config(service)
	if err != nil {
		t.Fatal(err)
	}
	key, err := client.SessionKey()
	if err != nil {
		t.Fatal(err)
	}
	secrets := map[string][]byte{"context key": key}
	for e := range table(t, realm).All() {
		secrets[fmt.Sprint(e.Principal, e.Key)] = e.Key.Bytes()
	}
	if err := realm.SetUser("alice", sspitest.UserSettings{Password: "correct horse battery staple"}); err != nil {
		t.Fatal(err)
	}
	kdc, err := realm.Listen(sspitest.KDCConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer kdc.Close()
	dir := t.TempDir()
	if _, err := kdc.Files(dir, alice); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "client.keytab"))
	if err != nil {
		t.Fatal(err)
	}
	users, err := keytab.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	for e := range users.All() {
		secrets[fmt.Sprint(e.Principal, e.Key)] = e.Key.Bytes()
	}
	known := secrettest.New(t, secrets)
	for name, v := range map[string]secrettest.Value{
		"Realm": secrettest.Of(*realm), "*Realm": secrettest.Of(realm), "User": secrettest.Of(*alice), "*User": secrettest.Of(alice),
		"*Initiator": secrettest.Of(client), "Config": secrettest.Of(cfg), "Config.Keys": secrettest.Of(cfg.Keys),
		"KDC": secrettest.Of(*kdc), "*KDC": secrettest.Of(kdc),
	} {
		known.Absent(t, name, v, "gob") // package gob writes a keytab.Table as a keytab
	}
}

// TestAPI_OwnTypes checks that the API of this package contains no types of gokrb5 and of
// internal packages.
func TestAPI_OwnTypes(t *testing.T) {
	for _, v := range []any{
		new(sspitest.Realm), new(sspitest.User), new(sspitest.Initiator), new(sspitest.Error), new(sspitest.KDC),
		sspitest.NewRealm, sspitest.NewDeterministicRealm, sspitest.Handshake, sspitest.ParseError,
	} {
		typ := reflect.TypeOf(v)
		foreign(t, typ.String(), typ)
		for m := range typ.Methods() {
			foreign(t, typ.String()+"."+m.Name, m.Type)
		}
	}
	for _, typ := range []reflect.Type{reflect.TypeFor[sspitest.Options](), reflect.TypeFor[sspitest.Facts](), reflect.TypeFor[sspitest.Error](), reflect.TypeFor[sspitest.KDCConfig](), reflect.TypeFor[sspitest.UserSettings]()} {
		for f := range typ.Fields() {
			foreign(t, typ.String()+"."+f.Name, f.Type)
		}
	}
}

func foreign(t *testing.T, where string, typ reflect.Type) {
	t.Helper()
	switch typ.Kind() {
	case reflect.Func:
		for in := range typ.Ins() {
			foreign(t, where, in)
		}
		for out := range typ.Outs() {
			foreign(t, where, out)
		}
	case reflect.Pointer, reflect.Slice:
		foreign(t, where, typ.Elem())
	default:
		if p := typ.PkgPath(); strings.Contains(p, "/internal/") || strings.Contains(p, "jcmturner") {
			t.Errorf("%s has %v of %s", where, typ, p)
		}
	}
}

// TestAPI_LinksNoTesting checks that a program that imports this package, such as
// examples/quickstart, does not link package testing, which defines flags.
func TestAPI_LinksNoTesting(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Skipf("the go command does not list: %v", err)
	}
	deps := strings.Fields(string(out))
	if !slices.Contains(deps, "github.com/gosspi/kerberos/sspi") {
		t.Fatalf("the list is no list: %q", deps)
	}
	for _, p := range []string{"testing", "flag"} {
		if slices.Contains(deps, p) {
			t.Errorf("it links %s", p)
		}
	}
}
