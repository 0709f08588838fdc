package sspi_test

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

func TestCTX_4_AfterDelete(t *testing.T) {
	for _, state := range []string{"new", "retry", "third leg", "negotiating", "MIC", "established", "failed first", "failed later", "closed"} {
		t.Run(state, func(t *testing.T) {
			s := newSite(t)
			x := inState[state](t, s)
			copied := *x.handle
			wantCode(t, "delete", sspi.DeleteSecurityContext(x.handle), status.SEC_E_OK)
			if *x.handle != (sspi.CtxtHandle{}) {
				t.Error("the handle is not zero")
			}
			for _, h := range []*sspi.CtxtHandle{x.handle, &copied} {
				for _, row := range everyCall {
					wantCode(t, row.name, row.call(s, standing{h, x.client, x.expected}), status.SEC_E_INVALID_HANDLE)
				}
				if h.Context() != nil {
					t.Error("a deleted handle returned a Context")
				}
			}
		})
	}
}

// TestCTX_4_OneFateForCopies checks that all copies of a handle refer to one context, which
// ends once.
func TestCTX_4_OneFateForCopies(t *testing.T) {
	s := newSite(t)
	h, _ := s.establish(t)
	a, b := h, h.Context().Handle()
	if a != h || b != h {
		t.Error("handles of one context differ")
	}
	other, _ := s.establish(t)
	if other == h {
		t.Error("handles of two contexts are equal")
	}
	wantCode(t, "delete the first", sspi.DeleteSecurityContext(&a), status.SEC_E_OK)
	wantCode(t, "delete the second", sspi.DeleteSecurityContext(&b), status.SEC_E_INVALID_HANDLE)
	if b != (sspi.CtxtHandle{}) {
		t.Error("the second handle is not zero")
	}
	wantCode(t, "sign with the third", sspi.MakeSignature(&h, 0, message("text", make([]byte, 100)), 0), status.SEC_E_INVALID_HANDLE)
	wantCode(t, "sign with another context", sspi.MakeSignature(&other, 0, message("text", make([]byte, 100)), 0), status.SEC_E_OK)
}

func TestCTX_4_Credentials(t *testing.T) {
	s := newSite(t)
	h, client := s.establish(t)
	half := inState["third leg"](t, s)

	first, second := s.cred, s.cred
	if first.Acceptor() != s.acceptor {
		t.Error("the handle belongs to another Acceptor")
	}
	wantCode(t, "free", sspi.FreeCredentialsHandle(&first), status.SEC_E_OK)
	if first != (sspi.CredHandle{}) {
		t.Error("the handle is not zero")
	}
	wantCode(t, "free again", sspi.FreeCredentialsHandle(&first), status.SEC_E_INVALID_HANDLE)
	wantCode(t, "free a copy", sspi.FreeCredentialsHandle(&second), status.SEC_E_INVALID_HANDLE)
	wantCode(t, "free nothing", sspi.FreeCredentialsHandle(nil), status.SEC_E_INVALID_HANDLE)
	if s.cred.Acceptor() != nil {
		t.Error("a freed handle returned its Acceptor")
	}
	l := s.first(s.request().Token())
	wantCode(t, "accept with freed credentials", l.call(), status.SEC_E_INVALID_HANDLE)
	if l.handle != (sspi.CtxtHandle{}) || s.replay.stores.Load() != 2 {
		t.Error("an exchange began")
	}
	var name sspi.SecPkgCredentials_Names
	wantCode(t, "query", sspi.QueryCredentialsAttributes(&s.cred, sspi.SECPKG_CRED_ATTR_NAMES, &name), status.SEC_E_INVALID_HANDLE)

	// Established and half-open contexts continue.
	wantCode(t, "a message", sspi.DecryptMessage(&h, stream(standing{client: client}.wrap("text")), 0, nil), status.SEC_E_OK)
	l = s.second(half.handle, half.expected)
	wantCode(t, "the third leg", l.call(), status.SEC_E_OK)

	again := s.acceptor.CredHandle("KERBEROS")
	l = s.first(s.request().Token())
	l.cred = &again
	wantCode(t, "new credentials", l.call(), status.SEC_E_OK)
}

// TestCTX_5_WhatIsNoHandle checks that a zero handle is invalid, and that a program cannot
// set the fields of a handle, so that it can make no other one.
func TestCTX_5_WhatIsNoHandle(t *testing.T) {
	s := newSite(t)
	token := s.request().Token()
	for _, row := range []struct {
		name   string
		change func(l *leg)
	}{
		{"zero phContext", func(l *leg) { l.context = new(sspi.CtxtHandle) }},
		{"zero phContext, also as phNewContext", func(l *leg) { l.handle = sspi.CtxtHandle{}; l.context = &l.handle }},
		{"nil phCredential", func(l *leg) { l.cred = nil }},
		{"zero phCredential", func(l *leg) { l.cred = new(sspi.CredHandle) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			l := s.first(token)
			row.change(l)
			wantCode(t, "accept", l.call(), status.SEC_E_INVALID_HANDLE)
			if l.attr != 0 || l.stamp != untouchedStamp || len(l.reply()) != 0 {
				t.Errorf("outputs %v %v %x", l.attr, l.stamp, l.reply())
			}
		})
	}
	if s.replay.stores.Load() != 0 {
		t.Error("an authenticator was claimed")
	}
	wantCode(t, "the token after all that", s.first(token).call(), status.SEC_E_OK)
	for _, typ := range []reflect.Type{reflect.TypeFor[sspi.CtxtHandle](), reflect.TypeFor[sspi.CredHandle]()} {
		for i := range typ.NumField() {
			if typ.Field(i).IsExported() {
				t.Errorf("%v.%s is exported", typ, typ.Field(i).Name)
			}
		}
	}
}

// TestHandles_NewContext checks that phNewContext of a later call may be another variable;
// both variables then refer to one context. A call without phNewContext has no effect.
func TestHandles_NewContext(t *testing.T) {
	s := newSite(t)
	x := inState["third leg"](t, s)
	none := func(phContext *sspi.CtxtHandle, token []byte) status.Code {
		attr, stamp := untouchedAttr, untouchedStamp
		code := sspi.AcceptSecurityContext(&s.cred, phContext, tokenIn(token), 0, 0, nil, room(4096), &attr, &stamp)
		if attr != 0 || stamp != untouchedStamp {
			t.Errorf("outputs %v %v", attr, stamp)
		}
		return code
	}
	wantCode(t, "no phNewContext", none(x.handle, x.expected), status.SEC_E_INVALID_HANDLE)
	token := s.request().Token()
	wantCode(t, "no phNewContext on a first call", none(nil, token), status.SEC_E_INVALID_HANDLE)
	wantCode(t, "that token", s.first(token).call(), status.SEC_E_OK)

	l := s.second(x.handle, x.expected)
	l.handle = s.acceptor.NewContext(sspi.ContextConfig{}).Handle()
	wantCode(t, "the third leg", l.call(), status.SEC_E_OK)
	if l.handle != *x.handle {
		t.Error("phNewContext refers to another context")
	}
	wantCode(t, "delete one", sspi.DeleteSecurityContext(&l.handle), status.SEC_E_OK)
	wantCode(t, "query the other", sspi.QueryContextAttributes(x.handle, sspi.SECPKG_ATTR_NAMES, new(sspi.SecPkgContext_Names)), status.SEC_E_INVALID_HANDLE)
}

// TestHandles_NoExchange checks that a first call with invalid arguments leaves no handle,
// and that a later one leaves the context unchanged.
func TestHandles_NoExchange(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(l *leg)
		want   status.Code
	}{
		{"nil pInput", func(l *leg) { l.in = nil }, status.SEC_E_INVALID_TOKEN},
		{"no TOKEN", func(l *leg) { l.in.Buffers[0].BufferType = sspi.SECBUFFER_DATA }, status.SEC_E_INVALID_TOKEN},
		{"pInput of another version", func(l *leg) { l.in.Version = 1 }, status.SEC_E_INVALID_TOKEN},
		{"pOutput of another version", func(l *leg) { l.out.Version = 1 }, status.SEC_E_INVALID_TOKEN},
		{"17 input buffers", func(l *leg) { l.in.Buffers = append(l.in.Buffers, make([]sspi.SecBuffer, 16)...) }, status.SEC_E_INVALID_TOKEN},
		{"17 output buffers", func(l *leg) { l.out.Buffers = append(l.out.Buffers, make([]sspi.SecBuffer, 16)...) }, status.SEC_E_INVALID_TOKEN},
		{"datagram", func(l *leg) { l.req = flags.ASC_REQ_DATAGRAM }, status.SEC_E_UNSUPPORTED_FUNCTION},
		{"broken bindings", func(l *leg) {
			l.in.Buffers = append(l.in.Buffers, sspi.SecBuffer{BufferType: sspi.SECBUFFER_CHANNEL_BINDINGS, Buffer: make([]byte, 31)})
		}, status.SEC_E_INVALID_PARAMETER},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSite(t)
			l := s.first(s.request().Token())
			row.change(l)
			wantCode(t, "first call", l.call(), row.want)
			if l.handle != (sspi.CtxtHandle{}) {
				t.Error("the call returned a handle")
			}
			if l.attr != 0 || l.stamp != untouchedStamp {
				t.Errorf("outputs %v %v", l.attr, l.stamp)
			}
			for _, state := range []string{"retry", "third leg", "negotiating", "MIC"} {
				x := inState[state](t, s)
				l := s.second(x.handle, x.expected)
				row.change(l)
				wantCode(t, "later call", l.call(), row.want)
				if l.handle != *x.handle {
					t.Error("the handle was changed")
				}
				wantCode(t, "the right call then", s.second(x.handle, x.expected).call(), status.SEC_E_OK)
			}
		})
	}
}

// TestHandles_Nil checks that no function panics if arguments are nil.
func TestHandles_Nil(t *testing.T) {
	wantCode(t, "accept", sspi.AcceptSecurityContext(nil, nil, nil, 0, 0, nil, nil, nil, nil), status.SEC_E_INVALID_HANDLE)
	wantCode(t, "acquire", sspi.AcquireCredentialsHandle("", "", 0, nil, nil, nil, nil, nil, nil), status.SEC_E_INVALID_HANDLE)
	wantCode(t, "free", sspi.FreeCredentialsHandle(nil), status.SEC_E_INVALID_HANDLE)
	wantCode(t, "query credentials", sspi.QueryCredentialsAttributes(nil, 0, nil), status.SEC_E_INVALID_HANDLE)
	wantCode(t, "complete", sspi.CompleteAuthToken(nil, nil), status.SEC_E_INVALID_HANDLE)
	wantCode(t, "delete", sspi.DeleteSecurityContext(nil), status.SEC_E_INVALID_HANDLE)
	wantCode(t, "free buffer", sspi.FreeContextBuffer(nil), status.SEC_E_OK)
	wantCode(t, "query context", sspi.QueryContextAttributes(nil, 0, nil), status.SEC_E_INVALID_HANDLE)
	wantCode(t, "sign", sspi.MakeSignature(nil, 0, nil, 0), status.SEC_E_INVALID_HANDLE)
	wantCode(t, "verify", sspi.VerifySignature(nil, nil, 0, nil), status.SEC_E_INVALID_HANDLE)
	wantCode(t, "encrypt", sspi.EncryptMessage(nil, 0, nil, 0), status.SEC_E_INVALID_HANDLE)
	wantCode(t, "decrypt", sspi.DecryptMessage(nil, nil, 0, nil), status.SEC_E_INVALID_HANDLE)
	wantCode(t, "enumerate", sspi.EnumerateSecurityPackages(nil, nil), status.SEC_E_INVALID_PARAMETER)
	wantCode(t, "query package", sspi.QuerySecurityPackageInfo("", nil), status.SEC_E_INVALID_PARAMETER)
	var h sspi.CtxtHandle
	if h.Context() != nil || h.Err() != nil {
		t.Error("the zero CtxtHandle returned a Context")
	}

	s := newSite(t)
	x := inState["established"](t, s)
	wantCode(t, "sign nothing", sspi.MakeSignature(x.handle, 0, nil, 0), status.SEC_E_INVALID_TOKEN)
	wantCode(t, "verify nothing", sspi.VerifySignature(x.handle, nil, 0, nil), status.SEC_E_INVALID_TOKEN)
	wantCode(t, "encrypt nothing", sspi.EncryptMessage(x.handle, 0, nil, 0), status.SEC_E_INVALID_TOKEN)
	wantCode(t, "decrypt nothing", sspi.DecryptMessage(x.handle, nil, 0, nil), status.SEC_E_INVALID_TOKEN)
	wantCode(t, "complete nothing", sspi.CompleteAuthToken(x.handle, nil), status.SEC_E_UNSUPPORTED_FUNCTION)

	// Every argument that may be nil is nil.
	var established sspi.CtxtHandle
	in := tokenIn(s.request(oneWay).Token())
	wantCode(t, "accept the least", sspi.AcceptSecurityContext(&s.cred, nil, in, 0, 0, &established, nil, nil, nil), status.SEC_E_OK)
}

// TestHandles_Printed checks that a printed handle shows only whether it is valid.
func TestHandles_Printed(t *testing.T) {
	h, _ := newSite(t).establish(t)
	for got, want := range map[string]string{
		fmt.Sprint(sspi.CredHandle{}): "sspi.CredHandle{}",
		fmt.Sprint(sspi.CtxtHandle{}): "sspi.CtxtHandle{}",
		fmt.Sprint(newSite(t).cred):   "sspi.CredHandle{...}",
		fmt.Sprintf("%v %#v", h, h):   "sspi.CtxtHandle{...} sspi.CtxtHandle{...}",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
