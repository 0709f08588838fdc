package sspi_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// rejection is a NegTokenResp with the state reject and no other field (RFC 4178, Section
// 4.2.2).
var rejection = []byte("\xa1\x07\x30\x05\xa0\x03\x0a\x01\x02")

// ntlmAuthenticate is the beginning of NTLM's third message (MS-NLMP, Section 2.2.1.3).
var ntlmAuthenticate = []byte("NTLMSSP\x00\x03\x00\x00\x00")

// brokenInits returns first tokens in SPNEGO's frame that do not parse.
func (s *site) brokenInits() map[string][]byte {
	list := (&krbtest.NegTokenInit{Mechanisms: onlyKerberos}).ListBytes()
	init := func(fields string) []byte {
		oid := krbtest.Element(0x06, string(krbtest.OIDSPNEGO))
		return []byte(krbtest.Element(0x60, oid, krbtest.Element(0xa0, krbtest.Element(0x30, krbtest.Element(0xa0, string(list)), fields))))
	}
	good := init("")
	return map[string][]byte{
		"reqFlags with nothing in it":     init("\xa1\x00"),
		"reqFlags that are NULL":          init("\xa1\x02\x05\x00"),
		"reqFlags with 9 unused bits":     init("\xa1\x05\x03\x03\x09\x00\x00"),
		"reqFlags of a length in 2 bytes": init("\xa1\x81\x04\x03\x02\x01\x62"),
		"hints with an unknown field":     init("\xa3\x06\x30\x04\xa2\x02\x05\x00"),
		"a field with nothing in it":      init("\xa5\x00"),
		"a byte behind":                   append(bytes.Clone(good), 0),
		"no list":                         bytes.Replace(good, []byte{0xa0, 13, 0x30}, []byte{0xa2, 13, 0x30}, 1),
		"a list of 33":                    (&krbtest.NegTokenInit{Mechanisms: bytes.SplitN(bytes.Repeat([]byte("\x2a\x03,"), 33)[:33*3-1], []byte(","), -1)}).Bytes(),
	}
}

// brokenResponses returns later tokens that do not parse.
func (s *site) brokenResponses() map[string][]byte {
	request := s.request().Token()
	return map[string][]byte{
		"a field with nothing in it": (&krbtest.NegTokenResp{State: krbtest.NegIncomplete, Token: request, More: []byte("\xa4\x00")}).Bytes(),
		"a byte behind":              append((&krbtest.NegTokenResp{State: krbtest.NegIncomplete, Token: request}).Bytes(), 0),
		"an unknown state":           []byte("\xa1\x07\x30\x05\xa0\x03\x0a\x01\x04"),
		"a NegTokenInit":             (&krbtest.NegTokenInit{Mechanisms: onlyKerberos, Token: request}).Bytes(),
		"raw Kerberos":               request,
		"nothing":                    nil,
	}
}

// TestPARSE_18_Rejected checks that the reply to a SPNEGO token that does not parse is a
// reject, for first and later tokens, unless the context sends no error tokens.
func TestPARSE_18_Rejected(t *testing.T) {
	s := newSite(t)
	for name, token := range s.brokenInits() {
		for _, begun := range []bool{false, true} {
			c := s.acceptor.NewContext(sspi.ContextConfig{})
			if begun { // after the acceptor's hints
				s.step(t, c, nil)
			}
			wantRejected(t, name, c, token)
		}
		quiet := s.acceptor.NewContext(sspi.ContextConfig{NoErrorTokens: true})
		if reply, _, err := quiet.Accept(context.Background(), token); len(reply) > 0 || status.ReasonOf(err) != status.ReasonMalformedToken {
			t.Errorf("%s, NoErrorTokens: %x, %v", name, reply, err)
		}
		kerberos := s.acceptor.NewContext(sspi.ContextConfig{Package: sspi.Kerberos})
		if reply, _, err := kerberos.Accept(context.Background(), token); len(reply) > 0 || err == nil {
			t.Errorf("%s, package Kerberos: %x, %v", name, reply, err)
		}
	}
	list := (&krbtest.NegTokenInit{Mechanisms: ntlmFirst}).Bytes()
	for name, token := range s.brokenResponses() {
		c := s.acceptor.NewContext(sspi.ContextConfig{})
		s.step(t, c, list)
		wantRejected(t, "later, "+name, c, token)
	}
}

// TestPARSE_18_RejectedWindows checks the same for the Windows API, which sends the reject
// only with ASC_REQ_EXTENDED_ERROR.
func TestPARSE_18_RejectedWindows(t *testing.T) {
	s := negotiationSite(t)
	for name, token := range s.brokenInits() {
		for req, want := range map[flags.ASC_REQ][]byte{0: {}, extendedError: rejection} {
			l := s.first(token)
			l.req = req
			wantCode(t, name, l.call(), status.SEC_E_INVALID_TOKEN)
			if !bytes.Equal(l.reply(), want) {
				t.Errorf("%s, %v: %x", name, req, l.reply())
			}
		}
	}
}

// TestPARSE_18_RejectedLong checks the same for a token that is too long, and for a
// truncated token with WholeTokens.
func TestPARSE_18_RejectedLong(t *testing.T) {
	s := newSite(t, func(cfg *sspi.Config) { cfg.MaxToken = 1000 })
	long := (&krbtest.NegTokenInit{Mechanisms: onlyKerberos, Token: make([]byte, 1000)}).Bytes()
	for name, row := range map[string]struct {
		tokens [][]byte
		want   []byte
	}{
		"whole":                     {[][]byte{long}, rejection},
		"announced":                 {[][]byte{long[:20]}, rejection},
		"behind a piece":            {[][]byte{[]byte("\xa1\x82\x03\x00"), make([]byte, 1000)}, rejection},
		"in a negotiation":          {[][]byte{(&krbtest.NegTokenInit{Mechanisms: ntlmFirst}).Bytes(), make([]byte, 1001)}, rejection},
		"not in SPNEGO":             {[][]byte{make([]byte, 1001)}, nil},
		"raw Kerberos and too long": {[][]byte{krbtest.Frame(krbtest.OIDKerberos, krbtest.TokAPReq, make([]byte, 1000))}, nil},
	} {
		c := s.acceptor.NewContext(sspi.ContextConfig{})
		last := len(row.tokens) - 1
		for _, token := range row.tokens[:last] {
			s.step(t, c, token)
		}
		reply, _, err := c.Accept(context.Background(), row.tokens[last])
		if status.ReasonOf(err) != status.ReasonTokenTooLong || !bytes.Equal(reply, row.want) {
			t.Errorf("%s: %x, %v", name, reply, err)
		}
	}
}

// step calls Accept, which must expect another token.
func (s *site) step(t *testing.T, c *sspi.Context, token []byte) (reply []byte) {
	t.Helper()
	reply, _, err := c.Accept(context.Background(), token)
	if err != sspi.ErrContinue {
		t.Fatal(err)
	}
	return reply
}

func wantRejected(t *testing.T, what string, c *sspi.Context, token []byte) {
	t.Helper()
	reply, peer, err := c.Accept(context.Background(), token)
	if status.ReasonOf(err) != status.ReasonMalformedToken || peer != nil || !bytes.Equal(reply, rejection) {
		t.Errorf("%s: %x, %v, %v", what, reply, peer, err)
	}
}

// TestPARSE_19_SupportedMech checks that a later token of the client may repeat the
// mechanism that the first reply selected, and no other.
func TestPARSE_19_SupportedMech(t *testing.T) {
	for name, row := range map[string]struct {
		offered, named []byte
		want           status.Reason
	}{
		"none":                    {krbtest.OIDKerberos, nil, status.ReasonNone},
		"the same":                {krbtest.OIDKerberos, krbtest.OIDKerberos, status.ReasonNone},
		"the same of Microsoft":   {krbtest.OIDMSKerberos, krbtest.OIDMSKerberos, status.ReasonNone},
		"Kerberos's other number": {krbtest.OIDMSKerberos, krbtest.OIDKerberos, status.ReasonMalformedToken},
		"Microsoft's number":      {krbtest.OIDKerberos, krbtest.OIDMSKerberos, status.ReasonMalformedToken},
		"user-to-user":            {krbtest.OIDKerberos, krbtest.OIDUser2User, status.ReasonMalformedToken},
		"unknown":                 {krbtest.OIDKerberos, krbtest.OIDOther, status.ReasonMalformedToken},
		"SPNEGO":                  {krbtest.OIDKerberos, krbtest.OIDSPNEGO, status.ReasonMalformedToken},
		"NTLM":                    {krbtest.OIDKerberos, krbtest.OIDNTLM, status.ReasonNTLM},
		"NegoEx":                  {krbtest.OIDKerberos, krbtest.OIDNegoEx, status.ReasonNegoEx},
	} {
		for style, change := range map[string]func(*krbtest.APReq){"mutual": nothing, "DCE style": dce} {
			for leg := range 2 { // the client's later tokens
				s := newSite(t)
				n := s.client([][]byte{krbtest.OIDNTLM, row.offered}, change)
				n.EditResp = func(r *krbtest.NegTokenResp) {
					if leg--; leg == -1 {
						r.Mechanism = row.named
					}
				}
				c := s.acceptor.NewContext(sspi.ContextConfig{})
				legs, err := negotiate(n, c)
				if row.want == status.ReasonNone {
					if err != nil || c.Peer() == nil {
						t.Errorf("%s, %s: %v", name, style, err)
					}
					continue
				}
				if last := legs[len(legs)-1]; status.ReasonOf(c.Err()) != row.want || c.Peer() != nil || !bytes.Equal(last, rejection) {
					t.Errorf("%s, %s: %x, %v", name, style, last, c.Err())
				}
			}
		}
	}
}

// TestPARSE_9_StrayResponse checks that a NegTokenResp without a negotiation is refused
// with the Reason for its content (case C5).
func TestPARSE_9_StrayResponse(t *testing.T) {
	s := newSite(t)
	const continues = "continues another exchange"
	for name, row := range map[string]struct {
		token  []byte
		want   status.Reason
		detail string
	}{
		"NTLM":               {ntlmAuthenticate, status.ReasonNTLM, ""},
		"NegoEx":             {[]byte("NEGOEXTS"), status.ReasonNegoEx, ""},
		"Kerberos":           {s.request().Token(), status.ReasonMalformedToken, continues},
		"a bare AP-REQ":      {s.request(dce).Bytes(), status.ReasonMalformedToken, continues},
		"no token":           {nil, status.ReasonMalformedToken, continues},
		"an empty token":     {[]byte{}, status.ReasonMalformedToken, continues},
		"an unknown token":   {[]byte("token"), status.ReasonMalformedToken, continues},
		"its first 7 bytes":  {[]byte("NTLMSSP"), status.ReasonMalformedToken, continues},
		"NTLM behind a byte": {append([]byte{0}, ntlmAuthenticate...), status.ReasonMalformedToken, continues},
	} {
		for _, state := range []krbtest.NegState{krbtest.NegAbsent, krbtest.NegCompleted, krbtest.NegIncomplete, krbtest.NegReject, krbtest.NegRequestMIC} {
			token := (&krbtest.NegTokenResp{State: state, Token: row.token}).Bytes()
			begun := s.acceptor.NewContext(sspi.ContextConfig{})
			s.step(t, begun, nil)
			retried := s.acceptor.NewContext(sspi.ContextConfig{})
			s.step(t, retried, s.request(late).Token())
			third := s.acceptor.NewContext(sspi.ContextConfig{})
			s.step(t, third, s.request(dce).Token())
			for where, c := range map[string]*sspi.Context{
				"at first": s.acceptor.NewContext(sspi.ContextConfig{RequireSPNEGO: true}), "behind hints": begun,
				"behind a raw token": retried, "in place of the third leg": third,
			} {
				reply, peer, err := c.Accept(context.Background(), token)
				if status.ReasonOf(err) != row.want || !strings.Contains(err.Error(), row.detail) || peer != nil || !bytes.Equal(reply, rejection) {
					t.Errorf("%s, %s: %x, %v", name, where, reply, err)
				}
			}
			want := row.want
			if want == status.ReasonMalformedToken {
				want = status.ReasonSPNEGO // package Kerberos has no negotiation that this token could continue
			}
			kerberos := s.acceptor.NewContext(sspi.ContextConfig{Package: sspi.Kerberos})
			if reply, _, err := kerberos.Accept(context.Background(), token); status.ReasonOf(err) != want || len(reply) > 0 {
				t.Errorf("%s, package Kerberos: %x, %v", name, reply, err)
			}
		}
	}
}

// TestPARSE_9_MalformedResponse checks that a malformed NegTokenResp without a negotiation is
// refused as malformed, and not as a token in a wrong place.
func TestPARSE_9_MalformedResponse(t *testing.T) {
	s := newSite(t)
	token := (&krbtest.NegTokenResp{State: krbtest.NegIncomplete, Token: ntlmAuthenticate}).Bytes()
	for name, pkg := range map[string]sspi.Package{"Kerberos": sspi.Kerberos, "Negotiate": sspi.Negotiate} {
		_, peer, err := s.acceptor.NewContext(sspi.ContextConfig{Package: pkg, WholeTokens: true}).Accept(t.Context(), append(bytes.Clone(token), 0))
		if peer != nil || status.ReasonOf(err) != status.ReasonMalformedToken || !strings.Contains(err.Error(), "malformed NegTokenResp") {
			t.Errorf("%s: %v, %v", name, peer, err)
		}
	}
}

// TestPARSE_9_NTLMLater checks that the refusal names NTLM if it replaces Kerberos in a
// later token.
func TestPARSE_9_NTLMLater(t *testing.T) {
	for name, wrap := range map[string]func([]byte) []byte{
		"raw":       func(b []byte) []byte { return b },
		"in SPNEGO": func(b []byte) []byte { return (&krbtest.NegTokenResp{State: krbtest.NegIncomplete, Token: b}).Bytes() },
	} {
		s := newSite(t)
		asked := s.acceptor.NewContext(sspi.ContextConfig{})
		s.step(t, asked, (&krbtest.NegTokenInit{Mechanisms: ntlmFirst}).Bytes())
		third := s.acceptor.NewContext(sspi.ContextConfig{})
		token, _, _ := s.client(onlyKerberos, dce).Next(nil)
		s.step(t, third, token)
		mic := s.acceptor.NewContext(sspi.ContextConfig{})
		s.step(t, mic, (&krbtest.NegTokenInit{Mechanisms: ntlmFirst}).Bytes())
		s.step(t, mic, (&krbtest.NegTokenResp{State: krbtest.NegIncomplete, Token: s.request().Token()}).Bytes())
		for where, c := range map[string]*sspi.Context{"AP-REQ": asked, "third leg": third, "MIC": mic} {
			if _, _, err := c.Accept(context.Background(), wrap(ntlmAuthenticate)); status.ReasonOf(err) != status.ReasonNTLM {
				t.Errorf("%s, in place of the %s: %v", name, where, err)
			}
		}
	}
}
