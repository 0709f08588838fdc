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

// inPieces runs an exchange of package Negotiate in the Windows API. deliver passes one
// token of the client to the context, which is the zero handle at first, and returns the
// call that answered the token.
func (s *site) inPieces(t *testing.T, n *krbtest.Negotiation, deliver func(h *sspi.CtxtHandle, token []byte) *leg) *leg {
	t.Helper()
	var h *sspi.CtxtHandle
	var reply []byte
	for {
		token, _, err := n.Next(reply)
		if err != nil {
			t.Fatalf("the client: %v", err)
		}
		l := deliver(h, token)
		if reply = bytes.Clone(l.reply()); len(reply) > 0 && l.handle.Context().Peer() != nil {
			if _, done, err := n.Next(reply); err != nil || !done {
				t.Fatalf("the client after the exchange: %v, %v", done, err)
			}
		}
		if l.handle.Context().Peer() != nil {
			return l
		}
		if len(reply) == 0 {
			t.Fatalf("no answer: %v", l.handle.Err())
		}
		handle := l.handle
		h = &handle
	}
}

// legOf returns the first call of an exchange if h is nil, or a later one.
func (s *site) legOf(h *sspi.CtxtHandle, token []byte) *leg {
	if h == nil {
		return s.first(token)
	}
	return s.second(h, token)
}

// everyNegotiation lists the clients of package Negotiate, which need different numbers of
// tokens.
var everyNegotiation = map[string]struct {
	mechanisms [][]byte
	change     func(*krbtest.APReq)
	retry      bool // the acceptor refuses the first AP-REQ
}{
	"mutual":                {onlyKerberos, nothing, false},
	"one-way":               {onlyKerberos, oneWay, false},
	"DCE style":             {onlyKerberos, dce, false},
	"a clock that is wrong": {onlyKerberos, late, true},
	"NTLM first":            {ntlmFirst, nothing, false},
	"NTLM first, one-way":   {ntlmFirst, oneWay, false},
	"NTLM first, DCE style": {ntlmFirst, dce, false},
	"NTLM first and late":   {ntlmFirst, late, true},
}

// negotiationSite returns a site for package Negotiate.
func negotiationSite(t *testing.T, changes ...func(*sspi.Config)) *site {
	s := newSite(t, changes...)
	s.cred = s.acceptor.CredHandle(sspi.Negotiate)
	return s
}

func (s *site) retrying(mechanisms [][]byte, changes ...func(*krbtest.APReq)) *krbtest.Negotiation {
	n := s.client(mechanisms, changes...)
	n.Kerberos.RetrySkew = true
	return n
}

// TestPieces_Windows sends each token in fragments. The acceptor returns no reply and
// stores no authenticator before the last fragment, with an output buffer or without.
func TestPieces_Windows(t *testing.T) {
	for name, row := range everyNegotiation {
		for _, pieces := range []int{1, 2, 3, 1 << 20} {
			s := negotiationSite(t)
			n := s.retrying(row.mechanisms, row.change)
			last := s.inPieces(t, n, func(h *sspi.CtxtHandle, token []byte) *leg {
				claimed := s.replay.stores.Load()
				all := krbtest.Fragments(token, pieces)
				for i, piece := range all[:len(all)-1] {
					l := s.legOf(h, bytes.Clone(piece))
					l.req = extendedError | flags.ASC_REQ_ALLOCATE_MEMORY
					if i%2 == 1 {
						l.out = nil
					}
					wantCode(t, name+": a piece", l.call(), status.SEC_I_CONTINUE_NEEDED)
					clear(l.in.Buffers[0].Buffer) // the memory belongs to the caller
					if l.out != nil && len(l.reply()) != 0 || l.attr != 0 || l.stamp != untouchedStamp {
						t.Fatalf("%s: fragment %d of %d: %v, %v, %v", name, i+1, len(all), l.out, l.attr, l.stamp)
					}
					handle := l.handle
					h = &handle
				}
				if got := s.replay.stores.Load(); got != claimed {
					t.Fatalf("%s: %d authenticators claimed before the token was whole", name, got-claimed)
				}
				l := s.legOf(h, all[len(all)-1])
				l.req = extendedError
				if code := l.call(); code.IsError() {
					t.Fatalf("%s: the last of %d fragments: %v, %v", name, len(all), code, l.handle.Err())
				}
				return l
			})
			talk(t, last.handle.Context(), n.Kerberos)
		}
	}
}

// TestPieces_OnlyTheyHaveNoAnswer checks that SEC_I_CONTINUE_NEEDED without a reply occurs
// only after a fragment. In all other cases the client needs the reply to continue.
func TestPieces_OnlyTheyHaveNoAnswer(t *testing.T) {
	for name, row := range everyNegotiation {
		for hints := range 2 {
			s := negotiationSite(t)
			var begun *sspi.CtxtHandle
			if hints == 1 { // the server speaks first
				l := s.first(nil)
				wantCode(t, "nothing", l.call(), status.SEC_I_CONTINUE_NEEDED)
				if len(l.reply()) == 0 {
					t.Error("no hints")
				}
				begun = &l.handle
			}
			s.inPieces(t, s.retrying(row.mechanisms, row.change), func(h *sspi.CtxtHandle, token []byte) *leg {
				if h == nil {
					h = begun
				}
				l := s.legOf(h, token)
				l.req = extendedError
				if code := l.call(); code == status.SEC_I_CONTINUE_NEEDED && len(l.reply()) == 0 || code.IsError() {
					t.Fatalf("%s: %v with %d bytes", name, code, len(l.reply()))
				}
				return l
			})
		}
	}
	// Package Kerberos. It accepts no fragments.
	s := newSite(t)
	for name, change := range map[string]func(*krbtest.APReq){"DCE style": dce, "late": late} {
		l := s.first(s.request(change).Token())
		l.req = extendedError
		wantCode(t, name, l.call(), status.SEC_I_CONTINUE_NEEDED)
		if len(l.reply()) == 0 {
			t.Errorf("%s: no reply", name)
		}
	}
	wantCode(t, "a piece of an AP-REQ", s.first(s.request().Token()[:100]).call(), status.SEC_E_INVALID_TOKEN)
}

// TestPieces_MaxToken checks that the limit applies to the whole token, and that the
// announced length is enough for a refusal.
func TestPieces_MaxToken(t *testing.T) {
	for name, row := range map[string]struct {
		room  int                       // MaxToken minus the length of the token
		last  func(piece []byte) []byte // makes the last fragment
		first status.Reason             // for the first fragment
		then  status.Reason             // for the last fragment
	}{
		"just enough":             {0, nil, status.ReasonNone, status.ReasonNone},
		"a byte too little":       {-1, nil, status.ReasonTokenTooLong, status.ReasonNone},
		"a byte behind, room":     {1, func(b []byte) []byte { return append(bytes.Clone(b), 0) }, status.ReasonNone, status.ReasonMalformedToken},
		"a byte behind, no room":  {0, func(b []byte) []byte { return append(bytes.Clone(b), 0) }, status.ReasonNone, status.ReasonTokenTooLong},
		"the token behind itself": {100, func(b []byte) []byte { return append(bytes.Clone(b), make([]byte, 200)...) }, status.ReasonNone, status.ReasonTokenTooLong},
	} {
		t.Run(name, func(t *testing.T) {
			plain := newSite(t)
			token, _, _ := plain.client(onlyKerberos).Next(nil)
			all := krbtest.Fragments(token, 2)
			s := negotiationSite(t, func(cfg *sspi.Config) {
				cfg.Keys, cfg.Time, cfg.MaxToken = plain.keys, plain.realm.Now, len(token)+row.room
			})
			want := func(what string, why status.Reason, code status.Code, err error) bool {
				if status.ReasonOf(err) != why || code.IsError() != (why != status.ReasonNone) {
					t.Errorf("%s: %v, %v, want %v", what, code, err, why)
				}
				return why == status.ReasonNone
			}
			l := s.first(all[0])
			code := l.call()
			if !want("the first piece", row.first, code, l.handle.Err()) {
				return
			}
			piece := all[1]
			if row.last != nil {
				piece = row.last(piece)
			}
			h := l.handle
			l = s.second(&h, piece)
			code = l.call()
			want("the last piece", row.then, code, h.Err())
			if claimed := s.replay.stores.Load(); (claimed != 0) != (row.then == status.ReasonNone) {
				t.Errorf("%d authenticators claimed", claimed)
			}
		})
	}
}

// TestPieces_Room checks that, if the reply to a fragmented token does not fit, the caller
// passes only the last fragment again, as often as necessary, with each token of the
// exchange.
func TestPieces_Room(t *testing.T) {
	for name, row := range everyNegotiation {
		if row.retry { // the reply of a refusal is lost if it does not fit
			continue
		}
		s := negotiationSite(t)
		n := s.client(row.mechanisms, row.change)
		last := s.inPieces(t, n, func(h *sspi.CtxtHandle, token []byte) *leg {
			all := krbtest.Fragments(token, 3)
			for _, piece := range all[:2] {
				l := s.legOf(h, piece)
				wantCode(t, name+": a piece", l.call(), status.SEC_I_CONTINUE_NEEDED)
				handle := l.handle
				h = &handle
			}
			try := func(out *sspi.SecBufferDesc) (*leg, status.Code) {
				l := s.second(h, bytes.Clone(all[2]))
				l.req, l.out = extendedError, out
				return l, l.call()
			}
			l, code := try(room(1))
			if code == status.SEC_E_BUFFER_TOO_SMALL {
				needed := l.out.Buffers[0].Needed
				_, code = try(nil)
				wantCode(t, name+": no output buffer", code, status.SEC_E_INVALID_TOKEN)
				_, code = try(room(needed - 1))
				wantCode(t, name+": a byte too little", code, status.SEC_E_BUFFER_TOO_SMALL)
				l, code = try(room(needed))
				if len(l.reply()) != needed {
					t.Fatalf("%s: %d bytes, Needed %d", name, len(l.reply()), needed)
				}
			}
			if code.IsError() {
				t.Fatalf("%s: %v, %v", name, code, l.handle.Err())
			}
			return l
		})
		talk(t, last.handle.Context(), n.Kerberos)
	}
}

// TestPieces_HalfWay checks that a client that stops within a token occupies only memory,
// and that a client that begins a new token within a token is refused.
func TestPieces_HalfWay(t *testing.T) {
	s := negotiationSite(t)
	for name, then := range map[string]func(t *testing.T, h *sspi.CtxtHandle){
		"deleted": func(t *testing.T, h *sspi.CtxtHandle) {
			wantCode(t, "delete", sspi.DeleteSecurityContext(h), status.SEC_E_OK)
		},
		"closed": func(t *testing.T, h *sspi.CtxtHandle) {
			h.Context().Close()
			wantCode(t, "the rest", s.second(h, []byte("rest")).call(), status.SEC_E_INVALID_HANDLE)
		},
		"a new token": func(t *testing.T, h *sspi.CtxtHandle) {
			token, _, _ := s.client(onlyKerberos).Next(nil)
			wantCode(t, "a new token", s.second(h, token).call(), status.SEC_E_INVALID_TOKEN)
			if h.Context() != nil {
				t.Error("the deleted context is still established")
			}
		},
		"raw Kerberos": func(t *testing.T, h *sspi.CtxtHandle) {
			wantCode(t, "raw Kerberos", s.second(h, s.request().Token()).call(), status.SEC_E_INVALID_TOKEN)
		},
		"the Go API": func(t *testing.T, h *sspi.CtxtHandle) {
			reply, peer, err := h.Context().Accept(context.Background(), []byte{})
			if status.ReasonOf(err) != status.ReasonMalformedToken || peer != nil || len(reply) != 0 {
				t.Errorf("%x, %v, %v", reply, peer, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			token, _, _ := s.client(onlyKerberos).Next(nil)
			l := s.first(token[:len(token)-200])
			wantCode(t, "a piece", l.call(), status.SEC_I_CONTINUE_NEEDED)
			h := l.handle
			if c := h.Context(); c.Peer() != nil || c.Err() != nil {
				t.Errorf("peer %v, %v", c.Peer(), c.Err())
			}
			wantCode(t, "names", sspi.QueryContextAttributes(&h, sspi.SECPKG_ATTR_NAMES, new(sspi.SecPkgContext_Names)), status.SEC_E_INVALID_HANDLE)
			wantCode(t, "sign", sspi.MakeSignature(&h, 0, message("text", make([]byte, 100)), 0), status.SEC_E_INVALID_HANDLE)
			if info := query[sspi.SecPkgContext_NegotiationInfo](t, h, sspi.SECPKG_ATTR_NEGOTIATION_INFO); info.NegotiationState != sspi.SECPKG_NEGOTIATION_IN_PROGRESS {
				t.Errorf("%+v", info)
			}
			then(t, &h)
			if n := s.replay.stores.Load(); n != 0 {
				t.Errorf("%d authenticators claimed", n)
			}
		})
	}
}
