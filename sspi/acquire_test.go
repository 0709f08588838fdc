package sspi_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// TestAcquire_Arguments checks the code that AcquireCredentialsHandle returns for each
// argument.
func TestAcquire_Arguments(t *testing.T) {
	s := newSite(t)
	cfg := &sspi.Config{Keys: s.keys, Time: s.realm.Now}
	failing := keytab.SourceFunc(func(context.Context) (*keytab.Table, error) { return nil, errors.New("no disk") })
	type args struct {
		principal             string
		pkg                   sspi.Package
		use                   uint32
		logon, getKey, getArg any
		auth                  *sspi.Config
	}
	right := args{pkg: sspi.Kerberos, use: sspi.SECPKG_CRED_INBOUND, auth: cfg}
	for _, row := range []struct {
		name   string
		change func(a *args)
		want   status.Code
	}{
		{"right", func(a *args) {}, status.SEC_E_OK},
		{"both ways", func(a *args) { a.use = sspi.SECPKG_CRED_BOTH }, status.SEC_E_OK},
		{"default use", func(a *args) { a.use = sspi.SECPKG_CRED_DEFAULT }, status.SEC_E_OK},
		{"with AUTOLOGON_RESTRICTED", func(a *args) { a.use |= 0x10 }, status.SEC_E_OK},
		{"another case", func(a *args) { a.pkg = "kErBeRoS" }, status.SEC_E_OK},
		{"one service", func(a *args) { a.principal = service }, status.SEC_E_OK},
		{"one service with realm", func(a *args) { a.principal = service + "@EXAMPLE.COM" }, status.SEC_E_OK},
		{"a service to come", func(a *args) { a.principal = "host/later.example.com" }, status.SEC_E_OK},

		{"outbound", func(a *args) { a.use = sspi.SECPKG_CRED_OUTBOUND }, status.SEC_E_NO_CREDENTIALS},
		{"no use", func(a *args) { a.use = 0 }, status.SEC_E_NO_CREDENTIALS},
		{"AUTOLOGON_RESTRICTED alone", func(a *args) { a.use = 0x10 }, status.SEC_E_NO_CREDENTIALS},
		{"PROCESS_POLICY_ONLY", func(a *args) { a.use |= 0x20 }, status.SEC_E_NO_CREDENTIALS},
		{"a reserved use", func(a *args) { a.use |= 0x80000000 }, status.SEC_E_NO_CREDENTIALS},
		{"no package", func(a *args) { a.pkg = "" }, status.SEC_E_SECPKG_NOT_FOUND},
		{"NTLM", func(a *args) { a.pkg = "NTLM" }, status.SEC_E_SECPKG_NOT_FOUND},
		{"a package with a K that is none", func(a *args) { a.pkg = "\u212Aerberos" }, status.SEC_E_SECPKG_NOT_FOUND},
		{"a logon", func(a *args) { a.logon = new(int) }, status.SEC_E_UNSUPPORTED_FUNCTION},
		{"a function for keys", func(a *args) { a.getKey = func() {} }, status.SEC_E_UNSUPPORTED_FUNCTION},
		{"an argument of it", func(a *args) { a.getArg = 1 }, status.SEC_E_UNSUPPORTED_FUNCTION},
		{"a Config without keys", func(a *args) { a.auth = &sspi.Config{} }, status.SEC_E_NO_CREDENTIALS},
		{"keys that cannot be read", func(a *args) { a.auth = &sspi.Config{Keys: failing} }, status.SEC_E_NO_CREDENTIALS},
		{"a negative skew", func(a *args) { a.auth = &sspi.Config{Keys: s.keys, Skew: -1} }, status.SEC_E_INVALID_PARAMETER},
		{"an etype that is not there", func(a *args) { a.auth = &sspi.Config{Keys: s.keys, ETypes: []keytab.EType{99}} }, status.SEC_E_INVALID_PARAMETER},
		{"a service that is no name", func(a *args) { a.principal = "a/b/c\\" }, status.SEC_E_INVALID_PARAMETER},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := right
			row.change(&a)
			h, expiry := s.cred, untouchedStamp // the handle holds other credentials before the call
			code := sspi.AcquireCredentialsHandle(a.principal, a.pkg, a.use, a.logon, a.auth, a.getKey, a.getArg, &h, &expiry)
			wantCode(t, "acquire", code, row.want)
			if ok := row.want == status.SEC_E_OK; ok != (h != sspi.CredHandle{}) || ok != (h.Acceptor() != nil) {
				t.Errorf("the handle is %v", h)
			}
			if row.want != status.SEC_E_OK && expiry != untouchedStamp {
				t.Errorf("expiry was written: %v", expiry)
			}
			if row.want == status.SEC_E_OK && expiry.Time().Year() < 9999 {
				t.Errorf("expiry %v", expiry.Time())
			}
			if row.want == status.SEC_E_OK {
				wantCode(t, "without expiry", sspi.AcquireCredentialsHandle(a.principal, a.pkg, a.use, nil, a.auth, nil, nil, &h, nil), row.want)
			}
		})
	}
	wantCode(t, "no handle", sspi.AcquireCredentialsHandle("", sspi.Kerberos, sspi.SECPKG_CRED_INBOUND, nil, cfg, nil, nil, nil, nil), status.SEC_E_INVALID_HANDLE)
}

// TestAcquire_OneService checks that the principal restricts the services, and replaces
// Config.Services without a change of the caller's Config.
func TestAcquire_OneService(t *testing.T) {
	s := newSite(t)
	const other = "host/other.example.com"
	both := s.realm.Service(service, other)
	services := []string{other}
	cfg := &sspi.Config{Keys: both, Services: services, Time: s.realm.Now}
	for _, row := range []struct {
		principal string
		want      status.Code
	}{{"", status.SEC_E_LOGON_DENIED}, {service, status.SEC_E_OK}, {"host/", status.SEC_E_LOGON_DENIED}, {"HTTP/", status.SEC_E_OK}, {"HTTP/later.example.com", status.SEC_E_NO_CREDENTIALS}} {
		var h sspi.CredHandle
		wantCode(t, "acquire", sspi.AcquireCredentialsHandle(row.principal, sspi.Kerberos, sspi.SECPKG_CRED_INBOUND, nil, cfg, nil, nil, &h, nil), status.SEC_E_OK)
		l := s.first(s.request().Token())
		l.cred = &h
		wantCode(t, "principal "+row.principal, l.call(), row.want)
	}
	if len(cfg.Services) != 1 || services[0] != other {
		t.Errorf("the Config was changed: %v", cfg.Services)
	}
}

// TestAcquire_DefaultKeytab checks that a call without a Config uses the default keytab of
// the process.
func TestAcquire_DefaultKeytab(t *testing.T) {
	s := newSite(t)
	file, err := s.keys.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "krb5.keytab")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(dir, "broken")
	if err := os.WriteFile(broken, []byte("no keytab"), 0o600); err != nil {
		t.Fatal(err)
	}
	acquire := func(name string) (h sspi.CredHandle, code status.Code) {
		t.Setenv("KRB5_KTNAME", name)
		code = sspi.AcquireCredentialsHandle(service, sspi.Kerberos, sspi.SECPKG_CRED_INBOUND, nil, nil, nil, nil, &h, nil)
		return h, code
	}
	for _, name := range []string{path, "FILE:" + path, "WRFILE:" + path} {
		if runtime.GOOS == "windows" && name == path {
			continue // the drive letter looks like the type of a keytab, which package keytab tests
		}
		h, code := acquire(name)
		wantCode(t, name, code, status.SEC_E_OK)
		var names sspi.SecPkgCredentials_Names
		wantCode(t, "query", sspi.QueryCredentialsAttributes(&h, sspi.SECPKG_CRED_ATTR_NAMES, &names), status.SEC_E_OK)
		if names.UserName != service {
			t.Errorf("credentials of %q", names.UserName)
		}
		// This acceptor uses the real clock, so a ticket of the site's time is not valid.
		l := s.first(s.request().Token())
		l.cred = &h
		if time.Now().Before(s.realm.Now().Add(-time.Hour)) {
			wantCode(t, "a ticket of another time", l.call(), status.SEC_E_TIME_SKEW)
		}
	}
	for _, name := range []string{filepath.Join(dir, "nothing here"), broken, dir, "MEMORY:x", "FILE:"} {
		h, code := acquire(name)
		wantCode(t, name, code, status.SEC_E_NO_CREDENTIALS)
		if h != (sspi.CredHandle{}) {
			t.Errorf("%s: a handle", name)
		}
	}
}

func TestAcquire_QueryCredentials(t *testing.T) {
	s := newSite(t)
	two := s.realm.Service("cifs/www.example.com", service)
	empty, err := keytab.NewTable()
	if err != nil {
		t.Fatal(err)
	}
	late := keytab.SourceFunc(func(ctx context.Context) (*keytab.Table, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	failing := keytab.SourceFunc(func(context.Context) (*keytab.Table, error) { return nil, errors.New("no disk") })
	for _, row := range []struct {
		name string
		cfg  sspi.Config
		want status.Code
		user string
	}{
		{"by name", sspi.Config{Keys: two, Services: []string{service, "cifs/"}}, status.SEC_E_OK, service},
		{"first of the keytab", sspi.Config{Keys: two}, status.SEC_E_OK, "cifs/www.example.com@EXAMPLE.COM"},
		{"by name, to come", sspi.Config{Keys: empty, Services: []string{service}}, status.SEC_E_OK, service},
		{"empty keytab", sspi.Config{Keys: empty}, status.SEC_E_NO_CREDENTIALS, "before"},
		{"unreadable keytab", sspi.Config{Keys: failing}, status.SEC_E_NO_CREDENTIALS, "before"},
		{"a source that is late", sspi.Config{Keys: late, BackendTimeout: time.Nanosecond}, status.CodeOf(&status.Error{Reason: status.ReasonCanceled}), "before"},
	} {
		t.Run(row.name, func(t *testing.T) {
			a, err := sspi.NewAcceptor(row.cfg)
			if err != nil {
				t.Fatal(err)
			}
			h := a.CredHandle(sspi.Kerberos)
			names := sspi.SecPkgCredentials_Names{UserName: "before"}
			wantCode(t, "query", sspi.QueryCredentialsAttributes(&h, sspi.SECPKG_CRED_ATTR_NAMES, &names), row.want)
			if names.UserName != row.user {
				t.Errorf("%q, want %q", names.UserName, row.user)
			}
		})
	}
	for n := range uint32(40) {
		want := status.SEC_E_UNSUPPORTED_FUNCTION
		if n == sspi.SECPKG_CRED_ATTR_NAMES {
			want = status.SEC_E_INVALID_PARAMETER // because the buffer is nil
		}
		wantCode(t, "query", sspi.QueryCredentialsAttributes(&s.cred, n, nil), want)
	}
	wantCode(t, "zero handle", sspi.QueryCredentialsAttributes(new(sspi.CredHandle), sspi.SECPKG_CRED_ATTR_NAMES, new(sspi.SecPkgCredentials_Names)), status.SEC_E_INVALID_HANDLE)
}

func TestPackages(t *testing.T) {
	var n uint32
	var list []sspi.SecPkgInfo
	wantCode(t, "enumerate", sspi.EnumerateSecurityPackages(&n, &list), status.SEC_E_OK)
	if int(n) != len(list) || n == 0 {
		t.Fatalf("%d packages, a list of %d", n, len(list))
	}
	for _, p := range list {
		var info *sspi.SecPkgInfo
		wantCode(t, "query", sspi.QuerySecurityPackageInfo(p.Name, &info), status.SEC_E_OK)
		if *info != p {
			t.Errorf("%+v and %+v", *info, p)
		}
		if p.MaxToken != 48000 || p.Version != 1 || p.Comment == "" {
			t.Errorf("%+v", p)
		}
	}
	if k := list[len(list)-1]; k.Name != sspi.Kerberos && list[0].Name != sspi.Kerberos {
		t.Errorf("no Kerberos in %+v", list)
	}
	list[0].Name = "changed"
	var again []sspi.SecPkgInfo
	wantCode(t, "enumerate", sspi.EnumerateSecurityPackages(nil, &again), status.SEC_E_OK)
	if again[0].Name == "changed" {
		t.Error("DefaultETypes returned a shared slice")
	}
	info := &again[0]
	wantCode(t, "query", sspi.QuerySecurityPackageInfo("Schannel", &info), status.SEC_E_SECPKG_NOT_FOUND)
	if info != &again[0] {
		t.Error("the out pointer was touched")
	}
	wantCode(t, "query", sspi.QuerySecurityPackageInfo("KERBEROS", &info), status.SEC_E_OK)
	if info.Name != sspi.Kerberos || info.RPCID != 16 {
		t.Errorf("%+v", info)
	}
}
