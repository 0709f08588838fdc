package interop

import (
	"bytes"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/gosspi/kerberos/status"
)

// startMiddle starts a relay between initiators and the acceptor of a door. edit gets each
// token of an exchange with its number, counted over both sides, and returns the token to
// forward, or nil to drop it. startMiddle returns the relay's port.
func startMiddle(t testing.TB, target int, edit func(n int, token []byte) []byte) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer client.Close()
				server, err := net.Dial("tcp", address(target))
				if err != nil {
					t.Error(err)
					return
				}
				defer server.Close()
				passEdited(client, server, edit)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return l.Addr().(*net.TCPAddr).Port
}

func passEdited(client, server net.Conn, edit func(n int, token []byte) []byte) {
	var mu sync.Mutex // the sides alternate, but the race detector does not know that
	n := 0
	pass := func(to, from net.Conn) {
		defer to.(*net.TCPConn).CloseWrite()
		_ = from.SetDeadline(time.Now().Add(patience)) // a new connection accepts a deadline
		for {
			f, err := readWire(from)
			if err != nil {
				return
			}
			if f.flags == 'T' {
				mu.Lock()
				f.body = edit(n, f.body)
				n++
				mu.Unlock()
			}
			if f.body != nil && writeWire(to, f) != nil {
				return
			}
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() { pass(server, client) })
	pass(client, server)
	wg.Wait()
}

// tampering is the change that an attacker makes to a token between a client that prefers
// NTLM and the server.
type tampering struct {
	name  string
	gss   int
	token int // the number of the token
	edit  func(token []byte) []byte
	want  status.Reason
}

var tamperings = []tampering{
	{"the client's list, one leg", gssProtect, 0, func(token []byte) []byte {
		ntlm := []byte{0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 10}
		other := []byte{0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 11}
		return bytes.Replace(token, ntlm, other, 1)
	}, status.ReasonMechListMIC},
	{"the client's MIC, one leg", gssProtect, 2, flipLast, status.ReasonMechListMIC},
	{"the client's MIC", gssProtect | gssMutual, 4, flipLast, status.ReasonMechListMIC},
	{"the client's MIC, taken out", gssProtect | gssMutual, 4, func([]byte) []byte {
		return []byte{0xa1, 7, 0x30, 5, 0xa0, 3, 10, 1, negCompleted}
	}, status.ReasonMechListMICMissing},
}

// flipLast changes a bit in the last byte of a token, which belongs to its MIC.
func flipLast(token []byte) []byte {
	token = bytes.Clone(token)
	token[len(token)-1] ^= 1
	return token
}

// TestInteropNTLMSSP_Tampered checks that a change of the list of mechanisms, or of the MIC
// over it, is detected, and likewise a missing MIC.
func TestInteropNTLMSSP_Tampered(t *testing.T) {
	r := theRealm(t, pythonGSSAPI, gssNTLMSSP)
	t.Parallel()
	doors, svc := openDoors(t, r, 18, 18)
	login := r.login(t).withNTLM(t)
	for _, c := range tamperings {
		for _, d := range doors {
			t.Run(c.name+", "+d.name, func(t *testing.T) {
				changed := false
				port := startMiddle(t, d.port, func(n int, token []byte) []byte {
					switch {
					case n == c.token:
						was := token
						token = c.edit(token)
						changed = !bytes.Equal(was, token)
					case n == 5: // the client has finished, and does not wait for the acceptor
						token = nil
					}
					return token
				})
				out := login.initiate(t, plan{Port: port, Target: svc.hostBased(), Mech: "spnego", Offer: []string{"ntlm", "krb5"}, Flags: bits(c.gss)})[0]
				if !changed || out.Established || out.Server.Client != "" {
					t.Errorf("changed: %v, the server saw %+v", changed, out.Server)
				}
				if !d.mit() && out.Server.Reason != c.want.String() {
					t.Errorf("reason %q, want %v", out.Server.Reason, c.want)
				}
			})
		}
	}
}
