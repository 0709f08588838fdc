package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// rc4Realm returns a new realm that permits RC4.
func rc4Realm(t *testing.T) *realm {
	t.Helper()
	require(t, pythonGSSAPI)
	r, err := newRealm(t.TempDir(), " allow_rc4 = true\n allow_weak_crypto = true\n")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.close)
	return r
}

// pinned makes the programs of a session support RC4 only.
func (s *session) pinned(t *testing.T) *session {
	t.Helper()
	file := filepath.Join(t.TempDir(), "krb5.conf")
	config := strings.Replace(s.realm.config, "[libdefaults]\n", "[libdefaults]\n permitted_enctypes = arcfour-hmac\n", 1)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return &session{realm: s.realm, cache: s.cache, extra: []string{"KRB5_CONFIG=" + file}}
}

// TestInteropPython_RC4 checks tickets of RC4, and of AES with RC4 session keys, from MIT's
// client. A client that supports AES gets an AES context. A client that does not exchanges
// tokens of RFC 4757 in both directions: whole tokens and, in DCE style, messages in
// buffers. (Outside DCE style MIT requires another buffer for the padding.)
func TestInteropPython_RC4(t *testing.T) {
	r := rc4Realm(t)
	t.Parallel()
	var whole, pieces []step
	for _, size := range messageSizes {
		whole = append(whole, step{"do": "wrap", "size": size, "conf": true}, step{"do": "wrap", "size": size, "conf": false}, step{"do": "mic", "size": size})
		pieces = append(pieces, step{"do": "iov", "size": size, "conf": true}, step{"do": "iov", "size": size, "conf": false})
	}
	const ordered = gssProtect | gssReplay | gssSequence
	for _, key := range []int{23, 18} {
		svc := r.service(t, unique("rc4"), key, 23)
		file := filepath.Join(t.TempDir(), "keytab")
		svc.keytab(t, file)
		login := r.login(t)
		login.fetch(t, svc)
		etypes := []keytab.EType{17, 18, 19, 20, keytab.RC4_HMAC}
		doors := []door{
			{"MIT", startMITAcceptor(t, r, file)},
			{"Go", startOurAcceptor(t, sspiAcceptor{etypes: etypes}, file)},
			{"Windows", startOurAcceptor(t, sspiAcceptor{windows: true, etypes: etypes}, file)},
		}
		for _, d := range doors {
			for _, row := range []struct {
				name    string
				login   *session
				flags   int
				context int
				steps   []step
			}{
				{"pinned, mutual", login.pinned(t), ordered | gssMutual, 23, whole},
				{"pinned, one-way", login.pinned(t), ordered, 23, whole},
				{"pinned, DCE style", login.pinned(t), ordered | gssMutual | gssDCE, 23, pieces},
				{"with AES, mutual", login, ordered | gssMutual, 18, whole},
				{"with AES, one-way", login, ordered, 23, whole},
				{"with AES, DCE style", login, ordered | gssMutual | gssDCE, 18, pieces},
			} {
				if d.name == "Go" && row.steps[0]["do"] == "iov" {
					continue // the Go API has only whole tokens
				}
				t.Run(fmt.Sprintf("%s, %d, %s", d.name, key, row.name), func(t *testing.T) {
					out := row.login.initiate(t, plan{Port: d.port, Target: svc.hostBased(), Flags: bits(row.flags), Steps: row.steps})[0]
					if !out.Established || out.Error != nil {
						t.Fatalf("%+v", out)
					}
					d.checkContext(t, out, row.flags)
					got := [3]int{out.Server.Service, out.Server.Session, out.Server.Context}
					if want := [3]int{key, 23, row.context}; !d.mit() && got != want {
						t.Errorf("encryption types %v of ticket, session key and context; want %v", got, want)
					}
					if len(out.Steps) != len(row.steps) {
						t.Fatalf("%d steps, want %d", len(out.Steps), len(row.steps))
					}
					for i, s := range out.Steps {
						if conf := row.steps[i]["conf"] == true; s.Refused != "" || !s.Echo || s.Sealed != conf || s.SealedBack != conf {
							t.Errorf("step %v: %+v", row.steps[i], s)
						}
					}
				})
			}
		}
	}
}

// TestInteropPython_RC4Refused checks that an acceptor whose policy does not name RC4
// refuses it, with a Reason that says so.
func TestInteropPython_RC4Refused(t *testing.T) {
	r := rc4Realm(t)
	t.Parallel()
	for _, row := range []struct{ key, session int }{{23, 18}, {18, 23}, {23, 23}} {
		svc := r.service(t, unique("rc4"), row.key, row.session)
		file := filepath.Join(t.TempDir(), "keytab")
		svc.keytab(t, file)
		port := startOurAcceptor(t, sspiAcceptor{}, file)
		out := r.login(t).initiate(t, plan{Port: port, Target: svc.hostBased(), Flags: bits(gssProtect | gssMutual)})[0]
		if out.Established || out.Server.Reason != status.ReasonETypeRefused.String() {
			t.Errorf("ticket of %d, session key of %d: %+v", row.key, row.session, out.Server)
		}
	}
}
