package sspi_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

const (
	allowMissing = flags.ASC_REQ_ALLOW_MISSING_BINDINGS
	proxyBound   = flags.ASC_REQ_PROXY_BINDINGS
)

// TestBindingPolicy_OfTheGoFace checks that a flag of AcceptSecurityContext does not weaken
// the binding policy of a ContextConfig.
func TestBindingPolicy_OfTheGoFace(t *testing.T) {
	for _, row := range []struct {
		policy sspi.BindingPolicy
		req    flags.ASC_REQ
		want   status.Code
	}{
		{sspi.BindingRequired, allowMissing, status.SEC_E_BAD_BINDINGS},
		{sspi.BindingRequired, proxyBound, status.SEC_E_BAD_BINDINGS},
		{sspi.BindingRequired, allowMissing | proxyBound, status.SEC_E_BAD_BINDINGS},
		{sspi.BindingProxied, 0, status.SEC_E_BAD_BINDINGS},
		{sspi.BindingProxied, allowMissing, status.SEC_E_BAD_BINDINGS},
		{sspi.BindingProxied, allowMissing | proxyBound, status.SEC_E_OK},
		{sspi.BindingProxiedAllowMissing, 0, status.SEC_E_BAD_BINDINGS},
		{sspi.BindingDefault, allowMissing, status.SEC_E_OK},
	} {
		s := newSite(t)
		h := s.acceptor.NewContext(sspi.ContextConfig{BindingPolicy: row.policy}).Handle()
		l := s.second(&h, s.request().Token())
		l.req = row.req
		wantCode(t, row.req.String(), l.call(), row.want)
	}
}

// TestBIND_9_BothFaces checks that a context that does not know the bindings of its channel
// refuses bound clients, also if AcceptSecurityContext continues the exchange, and accepts
// them after a buffer with the bindings.
func TestBIND_9_BothFaces(t *testing.T) {
	unknown := errors.New("the certificate was not recorded")
	for _, row := range []struct {
		name   string
		change []func(*krbtest.APReq)
		given  string
		want   status.Reason
	}{
		{"bound", []func(*krbtest.APReq){bound("a")}, "", status.ReasonBindingUnknown},
		{"not bound", nil, "", status.ReasonNone},
		{"bound, and given by a buffer", []func(*krbtest.APReq){bound("a")}, "a", status.ReasonNone},
		{"bound, and others given by a buffer", []func(*krbtest.APReq){bound("a")}, "b", status.ReasonBindingMismatch},
	} {
		s := newSite(t)
		token := s.request(row.change...).Token()
		if row.given == "" {
			c := s.acceptor.NewContext(sspi.ContextConfig{BindingsUnknown: unknown, BindingPolicy: sspi.BindingAllowMissing})
			_, peer, err := c.Accept(t.Context(), token)
			if status.ReasonOf(err) != row.want || (peer == nil) != (err != nil) || errors.Is(err, unknown) != (row.want == status.ReasonBindingUnknown) {
				t.Errorf("%s: %v, %v", row.name, peer, err)
			}
			token = s.request(row.change...).Token()
		}
		h := s.acceptor.NewContext(sspi.ContextConfig{BindingsUnknown: unknown}).Handle()
		l := s.second(&h, token)
		l.req = allowMissing
		if row.given != "" {
			l.in.Buffers = append(l.in.Buffers, channel(t, row.given))
		}
		if code := l.call(); code.IsError() != (row.want != status.ReasonNone) || status.ReasonOf(l.handle.Err()) != row.want {
			t.Errorf("%s, Windows API: %v, %v", row.name, code, l.handle.Err())
		}
	}
}

// TestBindingPolicy_TwoCalls checks that a flag that allows clients without bindings
// applies to its call only, and that a later call does not remove PROXY_BINDINGS.
func TestBindingPolicy_TwoCalls(t *testing.T) {
	for _, row := range []struct {
		first, second flags.ASC_REQ
		given         string
		want          status.Code
	}{
		{allowMissing, 0, "a", status.SEC_E_BAD_BINDINGS},
		{allowMissing | proxyBound, 0, "a", status.SEC_E_BAD_BINDINGS},
		{allowMissing | proxyBound, 0, "", status.SEC_E_BAD_BINDINGS},
		{proxyBound, 0, "", status.SEC_E_BAD_BINDINGS},
		{proxyBound, allowMissing, "", status.SEC_E_BAD_BINDINGS},
		{0, allowMissing, "a", status.SEC_E_OK},
		{0, allowMissing | proxyBound, "", status.SEC_E_OK},
	} {
		s := newSite(t)
		l := s.first(s.request(late).Token())
		l.req = extendedError | row.first
		if row.given != "" {
			l.in.Buffers = append(l.in.Buffers, channel(t, row.given))
		}
		wantCode(t, "first", l.call(), status.SEC_I_CONTINUE_NEEDED)
		l = s.second(&l.handle, s.request().Token())
		l.req = row.second
		wantCode(t, row.first.String()+", then "+row.second.String(), l.call(), row.want)
	}
}

// TestBindingsResult_Allocated checks that ASC_RET_ALLOCATED_MEMORY is set if the result of
// the bindings is the only allocated buffer.
func TestBindingsResult_Allocated(t *testing.T) {
	s := newSite(t)
	l := s.first(s.request(oneWay, bound("a")).Token())
	l.req = flags.ASC_REQ_ALLOCATE_MEMORY
	l.in.Buffers = append(l.in.Buffers, channel(t, "a"))
	l.out.Buffers = append(l.out.Buffers, sspi.SecBuffer{BufferType: sspi.SECBUFFER_CHANNEL_BINDINGS_RESULT})
	wantCode(t, "accept", l.call(), status.SEC_E_OK)
	if len(l.reply()) != 0 || l.attr&flags.ASC_RET_ALLOCATED_MEMORY == 0 {
		t.Errorf("a reply of %d bytes, attributes %v", len(l.reply()), l.attr)
	}
}

// TestBindingsBuffer_EveryBit changes each bit of a bindings buffer, of the header and of
// the data, in both forms. The acceptor accepts the client only if the bit has no meaning:
// the offset of an empty field, or the audit flag.
func TestBindingsBuffer_EveryBit(t *testing.T) {
	const data = "tls-server-end-point:0123"
	plain := channel(t, data).Buffer
	var ex []byte
	for _, word := range []uint32{0x58454243, 0, 48, uint32(16 + len(plain))} {
		ex = binary.LittleEndian.AppendUint32(ex, word)
	}
	ex = append(ex, plain...)
	binary.LittleEndian.PutUint32(ex[44:], 48)
	for _, form := range []struct {
		name   string
		whole  []byte
		fields int // the offset of the eight fields
	}{{"SEC_CHANNEL_BINDINGS", plain, 0}, {"SEC_CHANNEL_BINDINGS_EX", ex, 16}} {
		for bit := range 8 * len(form.whole) {
			s := newSite(t)
			b := bytes.Clone(form.whole)
			b[bit/8] ^= 1 << (bit % 8)
			l := s.first(s.request(bound(data)).Token())
			l.in.Buffers = append(l.in.Buffers, sspi.SecBuffer{BufferType: sspi.SECBUFFER_CHANNEL_BINDINGS, Buffer: b})
			word := bit/32*4 - form.fields
			idle := word == 8 || word == 20 || form.fields > 0 && bit == 32
			switch code := l.call(); {
			case idle && code != status.SEC_E_OK:
				t.Errorf("%s, bit %d: %v", form.name, bit, code)
			case !idle && code != status.SEC_E_BAD_BINDINGS && code != status.SEC_E_INVALID_PARAMETER:
				t.Errorf("%s, bit %d: %v, want a refusal", form.name, bit, code)
			}
		}
	}
}
