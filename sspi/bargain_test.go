package sspi_test

import (
	"context"
	"testing"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// bargain is an exchange of package Negotiate in the model of FuzzCTX_1_Operations. Its
// state is "negotiating" until the exchange ends.
type bargain struct {
	n      *krbtest.Negotiation
	pieces [][]byte // the fragments of the client's token that were not sent yet
	cut    int      // the number of fragments of each token
	late   bool     // the client's clock is wrong at the first try
	over   bool     // the client expects no further reply

	begun     bool // the acceptor has received bytes of the exchange
	hintsSent bool // the acceptor has sent the first token
	missing   int  // the number of bytes that are missing in the acceptor's fragmented token
	spoilt    bool // the bytes that the acceptor has stored are not all from the client
}

// offer creates a client, and a context for it in one of the APIs.
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
		m.goOn(t, slot, 0) // in the Windows API the first call creates the context
	}
}

// clientSays passes a reply to the client and stores the client's next token.
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

// give passes a token to the context: in the Go API, or in the Windows API, where the first
// output buffer may be too small.
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
	if variant%4 == 2 && !late { // the reply of a refusal would be lost
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

// goOn passes the client's next token to the context.
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
		t.Errorf("a reply to a fragment: %x", reply)
	}
}

func (m *machine) refused(t *testing.T, h *sspi.CtxtHandle, x *modelled, code status.Code) {
	if !code.IsError() || h.Err() == nil || h.Context() != nil {
		t.Errorf("a token that is not from the client: %v, %v", code, h.Err())
	}
	x.state = "failed"
}

// answered compares the acceptor's result for a token of the client with the client's own
// state.
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
		t.Errorf("an expected token: %v, %d bytes, peer %v, %v; the client has finished: %v", code, len(reply), peer, h.Err(), x.over)
		x.state = "failed"
	}
}

// disturb passes a token to the context that is not from its client.
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
		if x.begun { // otherwise the context would accept the other client
			token = m.request().Token()
		}
	}
	code, reply := m.give(t, h, token, variant, false)
	switch {
	case len(token) == 0 && !x.begun && !x.hintsSent:
		x.hintsSent = true
		if code != status.SEC_I_CONTINUE_NEEDED || len(reply) == 0 {
			t.Errorf("an empty first token: %v, %x", code, reply)
		}
	case len(token) > 0 && len(token) < x.missing:
		x.missing, x.spoilt = x.missing-len(token), true
		wantNothing(t, code, reply)
	default:
		m.refused(t, h, x, code)
	}
}

// watch lets m close a context while Accept calls the replay cache.
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
