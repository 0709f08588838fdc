package sspi_test

import (
	"context"
	"testing"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// bargain is an exchange of package Negotiate as the model of FuzzCTX_1_Operations
// knows it. Its state is "negotiating" until it is over.
type bargain struct {
	n      *krbtest.Negotiation
	pieces [][]byte // of the client's token: those that were not sent yet
	cut    int      // how many pieces it makes of a token
	late   bool     // its clock is wrong at first
	over   bool     // it needs no more answers

	begun     bool // the server has seen something of it
	hintsSent bool // the server has spoken first
	missing   int  // bytes, of the token that the server has a piece of
	spoilt    bool // what the server has of it is not all the client's
}

// offer makes a client, and a context for it in one of the faces.
func (m *machine) offer(t *testing.T, slot, variant int) {
	changes := [...]func(*krbtest.APReq){nothing, oneWay, dce, late}
	x := &modelled{state: "negotiating"}
	x.n = m.client([...][][]byte{onlyKerberos, ntlmFirst}[variant%2], changes[variant/2%4])
	x.late = variant/2%4 == 3
	x.n.Kerberos.RetrySkew = true
	x.n.NoToken = variant/8%2 == 1
	x.cut = 1 + variant/16%3
	m.clientSays(t, x, nil)
	m.handles[slot], m.models[slot] = sspi.CtxtHandle{}, x
	if variant < 48 {
		m.handles[slot] = m.acceptor.NewContext(sspi.ContextConfig{}).Handle()
	} else {
		m.goOn(t, slot, 0) // the first call of the Windows face makes the context
	}
}

// clientSays is what the client says to a reply.
func (m *machine) clientSays(t *testing.T, x *modelled, reply []byte) {
	token, done, err := x.n.Next(reply)
	if err != nil {
		t.Errorf("the client: %v", err)
	}
	x.over, x.pieces = done, nil
	if token != nil {
		x.pieces = krbtest.Fragments(token, x.cut)
	}
}

// give gives a token to the context in the Go face, or in the Windows face, where
// there may be too little room for the answer at first.
func (m *machine) give(t *testing.T, h *sspi.CtxtHandle, token []byte, variant int, late bool) (status.Code, []byte) {
	if variant%2 == 1 {
		reply, peer, err := h.Context().Accept(context.Background(), token)
		if (peer != nil) != (err == nil) {
			t.Errorf("peer %v, %v", peer, err)
		}
		return status.CodeOf(err), reply
	}
	cred := m.acceptor.CredHandle(sspi.Negotiate)
	prepare := func() *leg {
		l := m.first(token)
		if *h != (sspi.CtxtHandle{}) {
			l = m.second(h, token)
		}
		l.cred, l.req = &cred, extendedError
		return l
	}
	l := prepare()
	if variant%4 == 2 && !late { // the answer to a refusal would be dropped
		l.out = room(1)
	}
	code := l.call()
	if code == status.SEC_E_BUFFER_TOO_SMALL {
		if l.handle != *h || len(l.reply()) != 0 {
			t.Errorf("too little room: handle %v, %x", l.handle, l.reply())
		}
		l = prepare()
		code = l.call()
	}
	*h = l.handle
	return code, l.reply()
}

// goOn gives the context what the client has to say next.
func (m *machine) goOn(t *testing.T, slot, variant int) {
	h, x := &m.handles[slot], m.models[slot]
	if x.state != "negotiating" || len(x.pieces) == 0 {
		return
	}
	if x.missing == 0 {
		for _, p := range x.pieces {
			x.missing += len(p)
		}
	}
	piece := x.pieces[0]
	x.pieces = x.pieces[1:]
	code, reply := m.give(t, h, piece, variant, x.late)
	x.begun = true
	x.missing -= len(piece)
	switch {
	case x.missing > 0:
		wantNothing(t, code, reply)
	case x.missing < 0 || x.spoilt:
		m.refused(t, h, x, code)
	default:
		m.answered(t, h, x, code, reply)
	}
}

func wantNothing(t *testing.T, code status.Code, reply []byte) {
	wantCode(t, "a piece", code, status.SEC_I_CONTINUE_NEEDED)
	if len(reply) != 0 {
		t.Errorf("an answer to a piece: %x", reply)
	}
}

func (m *machine) refused(t *testing.T, h *sspi.CtxtHandle, x *modelled, code status.Code) {
	if !code.IsError() || h.Err() == nil || h.Context() != nil {
		t.Errorf("what is not the client's: %v, %v", code, h.Err())
	}
	x.state = "failed"
}

// answered holds what came of a token of the client's against what the client says of
// it.
func (m *machine) answered(t *testing.T, h *sspi.CtxtHandle, x *modelled, code status.Code, reply []byte) {
	if m.closed {
		m.closed, x.state = false, "closed"
		wantCode(t, "closed during the call", code, status.SEC_E_INVALID_HANDLE)
		return
	}
	if len(reply) > 0 {
		m.clientSays(t, x, reply)
	}
	peer := h.Context().Peer()
	switch {
	case code == status.SEC_E_OK && x.over && len(x.pieces) == 0 && peer != nil && peer.Client.String() == "alice@EXAMPLE.COM":
		x.state, x.client = "established", x.n.Kerberos
	case code == status.SEC_I_CONTINUE_NEEDED && len(reply) > 0 && len(x.pieces) > 0 && peer == nil:
	default:
		t.Errorf("a right token: %v, %d bytes, peer %v, %v; the client is done: %v", code, len(reply), peer, h.Err(), x.over)
		x.state = "failed"
	}
}

// disturb gives the context what is not the client's.
func (m *machine) disturb(t *testing.T, slot, variant int) {
	h, x := &m.handles[slot], m.models[slot]
	if x.state != "negotiating" {
		return
	}
	token := []byte("junk")
	switch variant / 4 % 3 {
	case 1:
		token = nil
	case 2:
		if x.begun { // else it would be the right one of another client
			token = m.request().Token()
		}
	}
	code, reply := m.give(t, h, token, variant, false)
	switch {
	case len(token) == 0 && !x.begun && !x.hintsSent:
		x.hintsSent = true
		if code != status.SEC_I_CONTINUE_NEEDED || len(reply) == 0 {
			t.Errorf("the server speaks first: %v, %x", code, reply)
		}
	case len(token) > 0 && len(token) < x.missing:
		x.missing, x.spoilt = x.missing-len(token), true
		wantNothing(t, code, reply)
	default:
		m.refused(t, h, x, code)
	}
}

// watch lets m close a context while its client is proven.
func (m *machine) watch(cfg *sspi.Config) { cfg.Replay = watchedCache{cfg.Replay, m} }

type watchedCache struct {
	authenticator.ReplayCache
	m *machine
}

func (c watchedCache) Store(ctx context.Context, r authenticator.Record) (bool, error) {
	if c.m.closing != nil {
		c.m.closing.Close()
		c.m.closing, c.m.closed = nil, true
	}
	return c.ReplayCache.Store(ctx, r)
}
