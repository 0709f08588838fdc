package interop

import (
	"fmt"
	"slices"
	"testing"

	"github.com/gosspi/kerberos/status"
)

// tampered is a kind of message token, of which the test changes each bit.
type tampered struct {
	kind string
	size int // of the message
	// rotates are the bits of RRC, counted from its highest, whose change has no effect: no
	// MAC covers RRC, and it counts modulo the length of the bytes after the header (RFC
	// 4121, Section 4.2.5).
	rotates []int
}

// The tokens are of AES256-SHA1, whose checksum has 12 bytes. A signed message of 116 bytes
// gives 128 bytes after the header, so that a change of the upper nine bits of RRC rotates
// by whole turns.
var tamperedTokens = []tampered{
	{kind: "wrap", size: 100},
	{kind: "sign", size: 100},
	{kind: "sign", size: 116, rotates: []int{0, 1, 2, 3, 4, 5, 6, 7, 8}},
	{kind: "mic", size: 100},
}

// bitsBeforeRRC is the position of RRC in a token.
const bitsBeforeRRC = 6 * 8

// TestInteropPython_EveryBit checks that MIT's acceptor and this library agree about each
// changed bit of each kind of token, and that they accept only changes of RRC without an
// effect. The context detects no replays, so that no message is refused for another cause.
func TestInteropPython_EveryBit(t *testing.T) {
	r := theRealm(t, pythonGSSAPI)
	t.Parallel()
	doors, svc := openDoors(t, r, 18, 18)
	login := r.login(t)
	for _, d := range doors {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			for _, gss := range []int{gssProtect, gssMutual | gssProtect} {
				p := plan{Port: d.port, Target: svc.hostBased(), Flags: bits(gss)}
				for _, c := range tamperedTokens {
					p.Steps = append(p.Steps, step{"do": "flip", "kind": c.kind, "size": c.size})
				}
				for i, s := range login.initiate(t, p)[0].Steps {
					t.Run(fmt.Sprintf("%#x, %s of %d", gss, tamperedTokens[i].kind, tamperedTokens[i].size), func(t *testing.T) {
						tamperedTokens[i].check(t, &d, s.Verdicts)
					})
				}
			}
		})
	}
}

func (c *tampered) check(t *testing.T, d *door, verdicts []string) {
	t.Helper()
	refused := []string{d.code("BAD_MIC"), d.code("DEFECTIVE_TOKEN")}
	for bit, got := range verdicts {
		want := refused
		if slices.Contains(c.rotates, bit-bitsBeforeRRC) {
			want = []string{"OK"}
		}
		if !slices.Contains(want, got) {
			t.Errorf("bit %d of byte %d: %s, want one of %s", bit%8, bit/8, got, want)
		}
	}
	if len(verdicts) < 28*8 {
		t.Errorf("%d bits", len(verdicts))
	}
}

// TestInteropPython_EveryCut checks truncated tokens. A wrap token does not contain its
// length, so a truncated token is too short for a header or an altered message. MIT's
// library calls some of both defective.
func TestInteropPython_EveryCut(t *testing.T) {
	r := theRealm(t, pythonGSSAPI)
	t.Parallel()
	doors, svc := openDoors(t, r, 18, 18)
	login := r.login(t)
	const gss, header = gssMutual | gssProtect, 16
	for _, d := range doors {
		t.Run(d.name, func(t *testing.T) {
			p := plan{Port: d.port, Target: svc.hostBased(), Flags: bits(gss), Steps: []step{
				{"do": "cut", "kind": "wrap", "size": 100}, {"do": "cut", "kind": "sign", "size": 100},
			}}
			for i, s := range login.initiate(t, p)[0].Steps {
				for n, got := range s.Verdicts {
					want := []string{"BAD_MIC", "DEFECTIVE_TOKEN"}
					switch {
					case d.mit() && n == 0:
						want = []string{"CALL"} // an empty token is an error of the caller
					case !d.mit() && n < header:
						want = []string{status.SEC_E_INVALID_TOKEN.String()}
					case !d.mit():
						want = []string{status.SEC_E_MESSAGE_ALTERED.String()}
					}
					if !slices.Contains(want, got) {
						t.Errorf("%v: %d bytes of %d: %s, want one of %s", p.Steps[i], n, len(s.Verdicts), got, want)
					}
				}
			}
		})
	}
}
