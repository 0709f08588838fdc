package sspi_test

import (
	"testing"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// standing is a handle in one of its states, with the client of the exchange and the
// client's next token, if the acceptor expects one.
type standing struct {
	handle   *sspi.CtxtHandle
	client   *krbtest.Initiator
	expected []byte
}

// inState has a function for each state, which returns a handle in that state.
var inState = map[string]func(t *testing.T, s *site) standing{
	"nil": func(t *testing.T, s *site) standing {
		return standing{expected: s.request().Token()}
	},
	"zero": func(t *testing.T, s *site) standing {
		return standing{handle: new(sspi.CtxtHandle), expected: s.request().Token()}
	},
	"new": func(t *testing.T, s *site) standing {
		h := s.acceptor.NewContext(sspi.ContextConfig{}).Handle()
		return standing{handle: &h, expected: s.request().Token()}
	},
	"retry": func(t *testing.T, s *site) standing { // the client received the time
		l := s.first(s.request(late).Token())
		l.req = extendedError
		wantCode(t, "a late client", l.call(), status.SEC_I_CONTINUE_NEEDED)
		return standing{handle: &l.handle, expected: s.request().Token()}
	},
	"third leg": func(t *testing.T, s *site) standing {
		client := s.request(dce).Start()
		token, _, _ := client.Next(nil)
		l := s.first(token)
		wantCode(t, "the first of three legs", l.call(), status.SEC_I_CONTINUE_NEEDED)
		third, _, err := client.Next(l.reply())
		if err != nil {
			t.Fatal(err)
		}
		return standing{&l.handle, client, third}
	},
	"negotiating": func(t *testing.T, s *site) standing { // SPNEGO: the acceptor has requested the token of Kerberos
		n := s.client(onlyKerberos)
		n.NoToken = true
		token, _, _ := n.Next(nil)
		l := s.first(token)
		h := s.acceptor.CredHandle(sspi.Negotiate)
		l.cred = &h
		wantCode(t, "a list", l.call(), status.SEC_I_CONTINUE_NEEDED)
		token, _, err := n.Next(l.reply())
		if err != nil {
			t.Fatal(err)
		}
		return standing{handle: &l.handle, expected: token}
	},
	"MIC": func(t *testing.T, s *site) standing { // SPNEGO: only the client's MIC is missing
		n := s.client(ntlmFirst)
		h := s.acceptor.CredHandle(sspi.Negotiate)
		token, _, _ := n.Next(nil)
		l := s.first(token)
		l.cred = &h
		wantCode(t, "NTLM's token", l.call(), status.SEC_I_CONTINUE_NEEDED)
		token, _, _ = n.Next(l.reply())
		half := l.handle
		l = s.second(&half, token)
		wantCode(t, "the AP-REQ", l.call(), status.SEC_I_CONTINUE_NEEDED)
		token, _, err := n.Next(l.reply())
		if err != nil {
			t.Fatal(err)
		}
		return standing{&l.handle, n.Kerberos, token}
	},
	"established": func(t *testing.T, s *site) standing {
		h, client := s.establish(t, naming(service+"@EXAMPLE.COM"))
		return standing{&h, client, s.request().Token()}
	},
	"failed first": func(t *testing.T, s *site) standing {
		l := s.first(s.request(wrongKey).Token())
		wantCode(t, "a wrong key", l.call(), status.SEC_E_LOGON_DENIED)
		return standing{handle: &l.handle, expected: s.request().Token()}
	},
	"failed later": func(t *testing.T, s *site) standing {
		l := s.first(s.request(dce).Token())
		wantCode(t, "the first of three legs", l.call(), status.SEC_I_CONTINUE_NEEDED)
		l = s.second(&l.handle, []byte("no third leg"))
		wantCode(t, "a broken third leg", l.call(), status.SEC_E_INVALID_TOKEN)
		return standing{handle: &l.handle, expected: s.request().Token()}
	},
	"closed": func(t *testing.T, s *site) standing {
		h, _ := s.establish(t)
		h.Context().Close()
		return standing{handle: &h, expected: s.request().Token()}
	},
	"deleted": func(t *testing.T, s *site) standing { // a copy of a deleted handle
		h, _ := s.establish(t)
		c := h
		wantCode(t, "delete", sspi.DeleteSecurityContext(&c), status.SEC_E_OK)
		return standing{handle: &h, expected: s.request().Token()}
	},
}

// stateNames names the columns of the tables below.
var stateNames = []string{"nil", "zero", "new", "retry", "third leg", "negotiating", "MIC", "established", "failed first", "failed later", "closed", "deleted"}

const (
	good  = status.SEC_E_OK
	bad   = status.SEC_E_INVALID_HANDLE
	unsup = status.SEC_E_UNSUPPORTED_FUNCTION
	order = status.SEC_E_OUT_OF_SEQUENCE
)

// everyCall lists the code of each function of the Windows API in each state.
var everyCall = []struct {
	name string
	call func(s *site, x standing) status.Code
	want [12]status.Code
}{
	{"AcceptSecurityContext", func(s *site, x standing) status.Code {
		l := s.first(x.expected)
		if l.context = x.handle; x.handle != nil {
			l.handle = *x.handle
		}
		return l.call()
	}, [12]status.Code{good, bad, good, good, good, good, good, order, bad, bad, bad, bad}},
	{"CompleteAuthToken", func(s *site, x standing) status.Code {
		return sspi.CompleteAuthToken(x.handle, room(100))
	}, [12]status.Code{bad, bad, unsup, unsup, unsup, unsup, unsup, unsup, bad, bad, bad, bad}},
	{"QueryContextAttributes of the package", func(s *site, x standing) status.Code {
		return sspi.QueryContextAttributes(x.handle, sspi.SECPKG_ATTR_PACKAGE_INFO, new(sspi.SecPkgContext_PackageInfo))
	}, [12]status.Code{bad, bad, good, good, good, good, good, good, bad, bad, bad, bad}},
	{"QueryContextAttributes of the context", func(s *site, x standing) status.Code {
		return sspi.QueryContextAttributes(x.handle, sspi.SECPKG_ATTR_NAMES, new(sspi.SecPkgContext_Names))
	}, onlyEstablished},
	{"MakeSignature", func(s *site, x standing) status.Code {
		return sspi.MakeSignature(x.handle, 0, message("text", make([]byte, 100)), 0)
	}, onlyEstablished},
	{"VerifySignature", func(s *site, x standing) status.Code {
		return sspi.VerifySignature(x.handle, message("text", x.mic("text")), 0, nil)
	}, onlyEstablished},
	{"EncryptMessage", func(s *site, x standing) status.Code {
		return sspi.EncryptMessage(x.handle, 0, message("text", make([]byte, 100)), 0)
	}, onlyEstablished},
	{"DecryptMessage", func(s *site, x standing) status.Code {
		return sspi.DecryptMessage(x.handle, stream(x.wrap("text")), 0, nil)
	}, onlyEstablished},
	{"VerifySignatureAfterGap", func(s *site, x standing) status.Code {
		code, _ := sspi.VerifySignatureAfterGap(x.handle, message("text", x.mic("text")), 0, nil)
		return code
	}, onlyEstablished},
	{"DecryptMessageAfterGap", func(s *site, x standing) status.Code {
		code, _ := sspi.DecryptMessageAfterGap(x.handle, stream(x.wrap("text")), 0, nil)
		return code
	}, onlyEstablished},
	{"DeleteSecurityContext", func(s *site, x standing) status.Code {
		return sspi.DeleteSecurityContext(x.handle)
	}, [12]status.Code{bad, bad, good, good, good, good, good, good, good, good, good, bad}},
}

var onlyEstablished = [12]status.Code{bad, bad, bad, bad, bad, bad, bad, good, bad, bad, bad, bad}

func (x standing) mic(text string) []byte {
	if x.client == nil {
		return make([]byte, 28)
	}
	b, _ := x.client.GetMIC([]byte(text))
	return b
}

func (x standing) wrap(text string) []byte {
	if x.client == nil {
		return make([]byte, 80)
	}
	b, _ := x.client.Wrap([]byte(text), true)
	return b
}

func message(text string, token []byte) *sspi.SecBufferDesc {
	return &sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{
		{BufferType: sspi.SECBUFFER_TOKEN, Buffer: token},
		{BufferType: sspi.SECBUFFER_DATA, Buffer: []byte(text)},
	}}
}

func stream(token []byte) *sspi.SecBufferDesc {
	return &sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{
		{BufferType: sspi.SECBUFFER_STREAM, Buffer: token},
		{BufferType: sspi.SECBUFFER_DATA},
	}}
}

func TestCTX_1_EveryCallInEveryState(t *testing.T) {
	for _, row := range everyCall {
		for i, state := range stateNames {
			t.Run(row.name+"/"+state, func(t *testing.T) {
				s := newSite(t)
				x := inState[state](t, s)
				wantCode(t, row.name, row.call(s, x), row.want[i])
			})
		}
	}
}

// TestCTX_1_ARefusedCallChangesNothing checks that the expected token has the same effect
// after a refused call.
func TestCTX_1_ARefusedCallChangesNothing(t *testing.T) {
	for _, row := range everyCall {
		if row.name == "AcceptSecurityContext" || row.name == "DeleteSecurityContext" {
			continue // these calls change the state
		}
		for _, state := range []string{"new", "retry", "third leg", "negotiating", "MIC"} {
			t.Run(row.name+"/"+state, func(t *testing.T) {
				s := newSite(t)
				x := inState[state](t, s)
				row.call(s, x)
				l := s.second(x.handle, x.expected)
				wantCode(t, "the due token", l.call(), status.SEC_E_OK)
			})
		}
	}
}

func TestCTX_2_NothingBeforeSuccess(t *testing.T) {
	for _, state := range []string{"new", "retry", "third leg", "negotiating", "MIC", "failed first", "failed later"} {
		t.Run(state, func(t *testing.T) {
			s := newSite(t)
			x := inState[state](t, s)
			for _, a := range everyAttribute {
				if a.early {
					continue
				}
				b := a.buffer()
				wantCode(t, a.name, sspi.QueryContextAttributes(x.handle, a.attr, b), status.SEC_E_INVALID_HANDLE)
				wantZero(t, a.name, b)
			}
			c := x.handle.Context()
			if failed := state == "failed first" || state == "failed later"; failed != (c == nil) {
				t.Fatalf("Context: %v", c)
			} else if failed {
				return
			}
			if c.Peer() != nil || c.Delegated() != nil {
				t.Error("there is a peer")
			}
			if key, err := c.SessionKey(); key != nil || status.CodeOf(err) != status.SEC_E_INVALID_HANDLE {
				t.Errorf("session key %x, %v", key, err)
			}
		})
	}
}

func TestCTX_3_AfterFailure(t *testing.T) {
	for _, row := range []struct {
		state string
		why   status.Reason
	}{
		{"failed first", status.ReasonWrongKey},
		{"failed later", status.ReasonMalformedToken},
	} {
		t.Run(row.state, func(t *testing.T) {
			s := newSite(t)
			x := inState[row.state](t, s)
			if got := status.ReasonOf(x.handle.Err()); got != row.why {
				t.Errorf("Err: %v, want %v", x.handle.Err(), row.why)
			}
			l := s.second(x.handle, s.request().Token())
			wantCode(t, "a second attempt", l.call(), status.SEC_E_INVALID_HANDLE)
			if got := status.ReasonOf(x.handle.Err()); got != row.why {
				t.Errorf("Err after a second attempt: %v, want %v", x.handle.Err(), row.why)
			}
			if *x.handle != l.handle {
				t.Error("the handle was changed")
			}
			wantCode(t, "delete", sspi.DeleteSecurityContext(x.handle), status.SEC_E_OK)
			if *x.handle != (sspi.CtxtHandle{}) {
				t.Error("the handle is not zero after delete")
			}
			wantCode(t, "delete again", sspi.DeleteSecurityContext(x.handle), status.SEC_E_INVALID_HANDLE)
		})
	}
}

func TestCTX_6_FirstTokenAgain(t *testing.T) {
	s := newSite(t)
	token := s.request(dce).Token()
	l := s.first(token)
	wantCode(t, "the first of three legs", l.call(), status.SEC_I_CONTINUE_NEEDED)
	l = s.second(&l.handle, token)
	wantCode(t, "the same as third leg", l.call(), status.SEC_E_INVALID_TOKEN)
	wantCode(t, "the right third leg then", s.second(&l.handle, token).call(), status.SEC_E_INVALID_HANDLE)
}

func TestCTX_6_TokenAfterCompletion(t *testing.T) {
	s := newSite(t)
	token := s.request().Token()
	l := s.first(token)
	wantCode(t, "a token", l.call(), status.SEC_E_OK)
	stores := s.replay.stores.Load()
	for _, again := range [][]byte{token, s.request().Token(), {}, []byte("junk")} {
		l := s.second(&l.handle, again)
		wantCode(t, "a token after completion", l.call(), status.SEC_E_OUT_OF_SEQUENCE)
		if l.attr != 0 || l.stamp != untouchedStamp || len(l.reply()) != 0 || l.handle.Err() != nil {
			t.Errorf("outputs %v %v %x, Err %v", l.attr, l.stamp, l.reply(), l.handle.Err())
		}
	}
	if got := s.replay.stores.Load(); got != stores {
		t.Errorf("%d authenticators claimed", got-stores)
	}
	for name, spoil := range map[string]func(l *leg){
		"no pInput":            func(l *leg) { l.in = nil },
		"ASC_REQ_DATAGRAM":     func(l *leg) { l.req = flags.ASC_REQ_DATAGRAM },
		"no room for a result": func(l *leg) { l.out = buffers(buffer(sspi.SECBUFFER_CHANNEL_BINDINGS_RESULT, nil)) },
	} {
		l := s.second(&l.handle, token)
		spoil(l)
		wantCode(t, name, l.call(), status.SEC_E_OUT_OF_SEQUENCE)
	}
	var names sspi.SecPkgContext_Names
	wantCode(t, "query", sspi.QueryContextAttributes(&l.handle, sspi.SECPKG_ATTR_NAMES, &names), status.SEC_E_OK)
	if names.UserName != "alice@EXAMPLE.COM" {
		t.Errorf("client %q", names.UserName)
	}
	other := s.first(token)
	wantCode(t, "the token on another handle", other.call(), status.SEC_E_LOGON_DENIED)
	if got := status.ReasonOf(other.handle.Err()); got != status.ReasonReplay {
		t.Errorf("%v, want a replay", other.handle.Err())
	}
}
