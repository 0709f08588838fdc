package interop

import "testing"

// messageSizes are lengths around the block of the cipher, the confounder, the lengths that
// need one and two bytes, and a long one.
var messageSizes = []int{0, 1, 2, 12, 15, 16, 17, 28, 31, 32, 33, 44, 100, 255, 256, 1000, 4096, 65535, 65536, 70000}

// TestInteropPython_Messages checks wrapped and signed messages of every size in both
// directions, for each encryption type and both kinds of key: the acceptor's subkey, and
// the initiator's in a one-way context.
func TestInteropPython_Messages(t *testing.T) {
	worked(t, "sspi", "python3-gssapi", "Kerberos", "sealed and signed messages")
	r := theRealm(t, pythonGSSAPI)
	t.Parallel()
	var steps []step
	for _, size := range messageSizes {
		steps = append(steps, step{"do": "wrap", "size": size, "conf": true}, step{"do": "wrap", "size": size, "conf": false}, step{"do": "mic", "size": size})
	}
	forDoors(t, r, func(t *testing.T, d *door, login *session, svc *service) {
		for _, gss := range []int{gssProtect, gssProtect | gssReplay | gssSequence | gssMutual, gssProtect | gssMutual | gssDCE} {
			if !d.takesTokens(gss) {
				continue
			}
			out := login.initiate(t, plan{Port: d.port, Target: svc.hostBased(), Flags: bits(gss), Steps: steps})[0]
			d.checkContext(t, out, gss)
			d.checkETypes(t, out.Server.acceptorPeer, svc.etype, gss)
			if len(out.Steps) != len(steps) {
				t.Fatalf("%d steps, want %d", len(out.Steps), len(steps))
			}
			for i, s := range out.Steps {
				if conf := steps[i]["conf"] == true; s.Refused != "" || !s.Echo || s.Sealed != conf || s.SealedBack != conf {
					t.Errorf("flags %#x, step %v: %+v", gss, steps[i], s)
				}
			}
		}
	})
}

// TestInteropPython_Pieces checks messages in the buffers of an SSPI caller, with header
// and data separate and a part that is signed and not sealed. MIT's library calls this IOV,
// and DCE/RPC uses it.
func TestInteropPython_Pieces(t *testing.T) {
	r := theRealm(t, pythonGSSAPI)
	t.Parallel()
	var steps []step
	for _, size := range messageSizes[1:] {
		steps = append(steps, step{"do": "iov", "size": size, "conf": true}, step{"do": "iov", "size": size, "conf": false})
	}
	forDoors(t, r, func(t *testing.T, d *door, login *session, svc *service) {
		if d.name == "Go" {
			return // the Go API has only whole tokens
		}
		for _, gss := range []int{gssProtect | gssReplay | gssSequence | gssMutual, gssProtect | gssReplay | gssSequence | gssMutual | gssDCE} {
			out := login.initiate(t, plan{Port: d.port, Target: svc.hostBased(), Flags: bits(gss), Steps: steps})[0]
			d.checkContext(t, out, gss)
			for i, s := range out.Steps {
				if conf := steps[i]["conf"] == true; s.Refused != "" || !s.Echo || s.Sealed != conf || s.SealedBack != conf {
					t.Errorf("flags %#x, step %v: %+v", gss, steps[i], s)
				}
			}
		}
	})
}

// checkETypes checks the encryption types of the ticket, of its session key and of the
// context's key. If this library makes the context's key, it has 256 bits, because the
// initiators of MIT and Heimdal offer that (RFC 4537).
func (d *door) checkETypes(t *testing.T, out acceptorPeer, etype, gss int) {
	t.Helper()
	if d.mit() {
		return // MIT's acceptor does not report types
	}
	context := etype
	if gss&gssMutual != 0 {
		context = map[int]int{17: 18, 18: 18, 19: 20, 20: 20}[etype]
	}
	got := [3]int{out.Service, out.Session, out.Context}
	if want := [3]int{etype, etype, context}; got != want {
		t.Errorf("flags %#x: encryption types %v of ticket, session key and context; want %v", gss, got, want)
	}
}

// forDoors runs a test with each door for each encryption type.
func forDoors(t *testing.T, r *realm, test func(t *testing.T, d *door, login *session, svc *service)) {
	t.Helper()
	for etype := range 4 {
		etype += 17
		t.Run(etypes[etype], func(t *testing.T) {
			t.Parallel()
			doors, svc := openDoors(t, r, etype, etype)
			login := r.login(t)
			for _, d := range doors {
				t.Run(d.name, func(t *testing.T) { test(t, &d, login, svc) })
			}
		})
	}
}
