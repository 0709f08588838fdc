package interop

import (
	"fmt"
	"strings"
	"testing"
)

// fetchJava runs Fetch.java, which makes the requests one after the other.
func (s *session) fetchJava(t testing.TB, requests []string, propertiesAndArgs ...string) result {
	t.Helper()
	return s.java(t, strings.Join(requests, "\n")+"\n", "Fetch.java", propertiesAndArgs...)
}

// TestInteropJavaHTTP checks that Java's HttpURLConnection logs in with the ticket cache.
func TestInteropJavaHTTP(t *testing.T) {
	r := theRealm(t, "java", "javac")
	t.Parallel()
	worked(t, "httpd", "Java HttpURLConnection", "SPNEGO", "mutual; POST of 20 kB")
	srv := ourWeb(t, r)
	res := r.login(t).fetchJava(t, []string{"GET " + srv.url + " 0", "POST " + srv.url + " 20000"})
	if res.code != 0 || strings.Count(res.out, "code 200\n") != 2 ||
		!strings.Contains(res.out, user+"@"+realmName) || !strings.Contains(res.out, "20000 bytes\n") ||
		strings.Count(res.out, "token Negotiate ") != 2 {
		t.Errorf("exit %d\n%s\n%s", res.code, res.out, srv.p.Out)
	}
}

// TestInteropJavaHTTP_Delegation checks that HttpURLConnection forwards the user's ticket
// without a request if the KDC marks the service as trusted for delegation.
func TestInteropJavaHTTP_Delegation(t *testing.T) {
	r := theRealm(t, "java", "javac")
	t.Parallel()
	worked(t, "httpd", "Java HttpURLConnection", "SPNEGO", "delegation")
	srv := ourWeb(t, r, "-delegate")
	res := r.login(t, "-f").fetchJava(t, []string{"GET " + srv.url + " 0"})
	if !strings.Contains(res.out, "a ticket of "+user+"@"+realmName+" for krbtgt/"+realmName) {
		t.Errorf("exit %d\n%s\n%s", res.code, res.out, srv.p.Out)
	}
}

// TestInteropJavaHTTP_Bindings checks that HttpURLConnection binds its login to the
// server's certificate over TLS, if a property enables it.
func TestInteropJavaHTTP_Bindings(t *testing.T) {
	r := theRealm(t, "java", "javac")
	t.Parallel()
	worked(t, "httpd", "Java HttpURLConnection", "SPNEGO", "https with channel bindings")
	cert, key := certificate(t)
	optional, required := ourWeb(t, r, "-cert", cert, "-key", key), ourWeb(t, r, "-cert", cert, "-key", key, "-require-binding")
	requests := []string{"GET " + optional.url + " 0", "GET " + required.url + " 0"}
	for property, accepted := range map[string]int{"always": 2, "never": 1} {
		res := r.login(t).fetchJava(t, requests, "-Djdk.https.negotiate.cbt="+property, cert)
		if res.code != 0 || strings.Count(res.out, "code 200\n") != accepted {
			t.Errorf("%s: exit %d\n%s\n%s", property, res.code, res.out, required.p.Out)
		}
	}
	optional.logged(t, "="+user+"@"+realmName, "binding=missing")
	optional.logged(t, "="+user+"@"+realmName, "binding=matched")
	required.logged(t, "="+user+"@"+realmName, "binding=matched")
	required.logged(t, "=binding-missing")
}

// TestInteropJavaHTTP_Refused checks a server whose key is old.
func TestInteropJavaHTTP_Refused(t *testing.T) {
	r := theRealm(t, "java", "javac")
	t.Parallel()
	srv := startWeb(t, r, staleKeytab(t, webService(t, r), 1))
	res := r.login(t).fetchJava(t, []string{fmt.Sprintf("GET %s 0", srv.url)})
	if strings.Contains(res.out, "code 200") || strings.Contains(res.out, user) {
		t.Errorf("exit %d\n%s", res.code, res.out)
	}
	srv.logged(t, "=wrong-key")
}
