package sspi_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// FuzzCTX_1_BothFaces makes calls of both APIs on one context in any order, while a client
// negotiates with whole tokens or fragments. In every order, the context has a peer exactly
// from the call that returned success, the peer is the client, and messages work from then
// until the context is closed, deleted or exported.
func FuzzCTX_1_BothFaces(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 5, 6, 7})          // the Go API only
	f.Add([]byte{16, 1, 1, 1, 8, 5, 9, 5})      // the Windows API only
	f.Add([]byte{32, 2, 3, 2, 3, 0, 1, 5, 6})   // fragments
	f.Add([]byte{48, 0, 4, 1, 5, 10, 5})        // invalid bytes between
	f.Add([]byte{64, 1, 0, 11, 0, 1, 5, 12, 5}) // bindings too late, then export
	f.Fuzz(func(t *testing.T, program []byte) {
		if len(program) == 0 || len(program) > 40 {
			return
		}
		s := newSite(t, exporting)
		style := []func(*krbtest.APReq){nothing, oneWay, dce, late}[program[0]>>4&3]
		mechanisms := [][][]byte{onlyKerberos, ntlmFirst}[program[0]>>6&1]
		x := &bothFaces{t: t, c: s.acceptor.NewContext(sspi.ContextConfig{}), n: s.client(mechanisms, style)}
		x.n.Kerberos.RetrySkew = true
		x.expected, _, _ = x.n.Next(nil)
		for _, op := range program[1:] {
			x.step(op)
		}
	})
}

// bothFaces is a context and its expected state.
type bothFaces struct {
	t           *testing.T
	c           *sspi.Context
	n           *krbtest.Negotiation
	expected    []byte // the client's next token, or the rest of it
	established bool
	ended       bool // closed, deleted, failed or exported
}

func (x *bothFaces) step(op byte) {
	switch op % 13 {
	case 0:
		x.goFace(x.expected)
	case 1:
		x.windowsFace(x.expected, 4096)
	case 2:
		x.goFace(x.piece())
	case 3:
		x.windowsFace(x.piece(), 4096)
	case 4:
		x.goFace([]byte{0x60, op})
	case 5:
		token, err := x.c.Wrap(nil, []byte("text"), true)
		if (err == nil) != (x.established && !x.ended) {
			x.t.Fatalf("Wrap: %v; established %v, ended %v", err, x.established, x.ended)
		}
		if err == nil && bytes.Contains(token, []byte("text")) {
			x.t.Fatal("the message is not sealed")
		}
	case 6:
		h := x.c.Handle()
		var names sspi.SecPkgContext_Names
		code := sspi.QueryContextAttributes(&h, sspi.SECPKG_ATTR_NAMES, &names)
		if (code == status.SEC_E_OK) != (x.established && !x.ended) {
			x.t.Fatalf("names: %v; established %v, ended %v", code, x.established, x.ended)
		}
	case 7:
		if key, err := x.c.SessionKey(); (err == nil) != (x.established && !x.ended) || err != nil && key != nil {
			x.t.Fatalf("SessionKey: %v", err)
		}
	case 8:
		x.c.Close()
		x.ended = true
	case 9:
		h := x.c.Handle()
		_ = sspi.DeleteSecurityContext(&h)
		x.ended = true
	case 10:
		x.windowsFace(x.expected, int(op)) // the buffer is too small, so the call changes nothing
	case 11:
		_, _, _ = x.c.Unwrap(nil, []byte{op})
	case 12:
		if _, err := x.c.Export(); err == nil {
			x.ended = true
		}
	}
	if p := x.c.Peer(); (p != nil) != x.established || p != nil && p.Client.String() != "alice@EXAMPLE.COM" {
		x.t.Fatalf("peer %v, established %v", p, x.established)
	}
}

// piece returns the next half of the expected bytes.
func (x *bothFaces) piece() []byte {
	if len(x.expected) < 2 {
		return x.expected
	}
	return x.expected[:len(x.expected)/2]
}

func (x *bothFaces) goFace(token []byte) {
	reply, peer, err := x.c.Accept(context.Background(), bytes.Clone(token))
	if (peer != nil) != (err == nil) {
		x.t.Fatalf("%v, %v", peer, err)
	}
	x.after(token, reply, err)
}

func (x *bothFaces) windowsFace(token []byte, size int) {
	h := x.c.Handle()
	out := room(size)
	code := sspi.AcceptSecurityContext(nil, &h, tokenIn(bytes.Clone(token)), flags.ASC_REQ_EXTENDED_ERROR, 0, &h, out, nil, nil)
	err := code.Err()
	switch code {
	case status.SEC_E_BUFFER_TOO_SMALL:
		return
	case status.SEC_I_CONTINUE_NEEDED:
		err = sspi.ErrContinue
	}
	x.after(token, out.Buffers[0].Buffer, err)
}

// after updates the expected state with the result of a call.
func (x *bothFaces) after(token, reply []byte, err error) {
	switch {
	case err == nil:
		if x.established || x.ended {
			x.t.Fatal("established twice, or after the end")
		}
		x.established = true
	case x.established, x.ended:
		return // the call was refused and changed nothing
	case err != sspi.ErrContinue:
		x.ended = x.c.Err() != nil
		return
	case len(reply) == 0:
		x.expected = bytes.TrimPrefix(x.expected, token) // a fragment; invalid bytes may begin like one
		return
	}
	if next, _, err := x.n.Next(bytes.Clone(reply)); err == nil {
		x.expected = next
	}
}
