package sspitest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/sspi/sspihttp"
	"github.com/gosspi/kerberos/sspi/sspitest"
)

// TestKDC_Curl is the test of an HTTP server in the documentation of the package.
func TestKDC_Curl(t *testing.T) {
	if version, err := exec.Command("curl", "--version").Output(); err != nil || !strings.Contains(string(version), "GSS-API") {
		if os.Getenv("KERBEROS_REQUIRE_INTEROP") == "1" {
			t.Fatalf("KERBEROS_REQUIRE_INTEROP=1, and curl with GSS-API is missing (%v)", err)
		}
		t.Skipf("missing: curl with GSS-API (%v)", err)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, _ := sspihttp.Peer(r.Context())
		who, err := peer.Principal()
		fmt.Fprintln(w, who, err)
	})
	realm := sspitest.NewRealm("EXAMPLE.COM")
	acceptor, err := realm.Acceptor("HTTP/localhost")
	if err != nil {
		t.Fatal(err)
	}
	m, err := sspihttp.New(sspihttp.Config{Acceptor: acceptor})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(m.Wrap(handler))
	defer server.Close()
	if err := realm.SetUser("alice", sspitest.UserSettings{}); err != nil {
		t.Fatal(err)
	}
	kdc, err := realm.Listen(sspitest.KDCConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer kdc.Close()
	env, err := kdc.Files(t.TempDir(), realm.User("alice"))
	if err != nil {
		t.Fatal(err)
	}
	url := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	curl := exec.Command("curl", "--noproxy", "*", "--fail", "--negotiate", "-u", ":", url)
	curl.Env = append(os.Environ(), env...)
	if page, err := curl.Output(); err != nil || string(page) != "alice@EXAMPLE.COM <nil>\n" {
		t.Errorf("%q, %v", page, err)
	}
}
