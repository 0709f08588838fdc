package gokrb5keytab_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gokrb5 "github.com/jcmturner/gokrb5/v8/keytab"

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/keytab/gokrb5keytab"
	"github.com/gosspi/kerberos/status"
)

// content returns all entries of a table as text, with their keys.
func content(t *keytab.Table) string {
	var b strings.Builder
	for e := range t.All() {
		fmt.Fprintf(&b, "%v %d %v %d %x\n", e.Principal, e.Kvno, e.Key.EType(), e.Time.Unix(), e.Key.Bytes())
	}
	for u := range t.Unusable() {
		fmt.Fprintf(&b, "unusable %v %d %v\n", u.Principal, u.Kvno, u.EType)
	}
	return b.String()
}

// TestTable_Files checks that a keytab that gokrb5 parsed has the same content as one that
// this library parsed.
func TestTable_Files(t *testing.T) {
	for _, path := range []string{"../testdata/mit.keytab", "../testdata/heimdal.keytab", "../testdata/mit-v1.keytab", "../../testdata/ad/lab.keytab"} {
		b, err := os.ReadFile(filepath.FromSlash(path))
		if err != nil {
			t.Fatal(err)
		}
		want, err := keytab.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		theirs := gokrb5.New()
		if err := theirs.Unmarshal(b); err != nil {
			t.Logf("%s: gokrb5 cannot read it: %v", path, err)
			continue
		}
		got, err := gokrb5keytab.Table(theirs)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if content(got) != content(want) {
			t.Errorf("%s: gokrb5's keys are\n%swant\n%s", path, content(got), content(want))
		}
	}
}

// TestTable_Made checks that keys that gokrb5 derives from a password are equal to those of
// this library.
func TestTable_Made(t *testing.T) {
	theirs := gokrb5.New()
	at := time.Unix(1_900_000_000, 0)
	for _, e := range []keytab.EType{17, 18, 19} { // gokrb5's keys of type 20 are too short
		if err := theirs.AddEntry("HTTP/www.example.com", "EXAMPLE.COM", "secret", at, 3, int32(e)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := gokrb5keytab.Table(theirs)
	if err != nil {
		t.Fatal(err)
	}
	want, err := keytab.FromPassword(keytab.MustParsePrincipal("HTTP/www.example.com@EXAMPLE.COM"), 3, "secret", "", 17, 18, 19)
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	for e := range got.All() {
		j := 0
		for w := range want.All() {
			if j == i && (e.Principal != w.Principal || e.Kvno != 3 || !e.Key.Equal(w.Key) || !e.Time.Equal(at)) {
				t.Errorf("entry %d is of %v, %v, %v", i, e.Principal, e.Key.EType(), e.Time)
			}
			j++
		}
		i++
	}
	if i != 3 {
		t.Errorf("%d entries, want 3", i)
	}
}

// TestTable_Misfits checks values of gokrb5's type that no keytab file can contain.
func TestTable_Misfits(t *testing.T) {
	if _, err := gokrb5keytab.Table(nil); status.ReasonOf(err) != status.ReasonNoCredentials {
		t.Errorf("nil: %v", err)
	}
	long := strings.Repeat("x", 70_000)
	secret := "hunter2hunter2hunter2"
	for name, change := range map[string]func(kt *gokrb5.Keytab){
		"a long realm":     func(kt *gokrb5.Keytab) { kt.Entries[0].Principal.Realm = long },
		"a long component": func(kt *gokrb5.Keytab) { kt.Entries[0].Principal.Components[0] = long },
		"many components":  func(kt *gokrb5.Keytab) { kt.Entries[0].Principal.Components = make([]string, 40_000) },
		"a long key":       func(kt *gokrb5.Keytab) { kt.Entries[0].Key.KeyValue = []byte(strings.Repeat(secret, 4000)) },
		"a large type":     func(kt *gokrb5.Keytab) { kt.Entries[0].Key.KeyType = 1 << 20 },
	} {
		kt := gokrb5.New()
		if err := kt.AddEntry("a/b", "R", "secret", time.Unix(1, 0), 1, 18); err != nil {
			t.Fatal(err)
		}
		change(kt)
		if table, err := gokrb5keytab.Table(kt); status.ReasonOf(err) != status.ReasonNoCredentials || table != nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", name, err)
		} else if !strings.Contains(err.Error(), "does not fit in a keytab file") {
			t.Errorf("%s: the cause is not named: %v", name, err)
		}
	}
	kt := gokrb5.New()
	if err := kt.AddEntry("a/b", "R", "secret", time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC), 1, 18); err != nil {
		t.Fatal(err)
	}
	kt.Entries[0].KVNO, kt.Entries[0].KVNO8 = 70_000, 112
	if err := kt.AddEntry("a/b", "R", "secret", time.Unix(1, 0), 2, 16); err != nil {
		t.Fatal(err)
	}
	table, err := gokrb5keytab.Table(kt)
	if err != nil {
		t.Fatal(err)
	}
	if got := content(table); !strings.HasPrefix(got, "a/b@R 70000 aes256") || !strings.Contains(got, "unusable a/b@R 2 des3-cbc-sha1-kd") {
		t.Errorf("got %s", got)
	}
}
