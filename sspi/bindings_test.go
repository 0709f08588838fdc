package sspi_test

import (
	"testing"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// channel returns a SEC_CHANNEL_BINDINGS buffer with the application data of a channel.
func channel(t *testing.T, data string) sspi.SecBuffer {
	t.Helper()
	b, err := sspi.ChannelBindings{ApplicationData: []byte(data)}.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return sspi.SecBuffer{BufferType: sspi.SECBUFFER_CHANNEL_BINDINGS, Buffer: b}
}

// bound makes a client bind its token to a channel.
func bound(data string) func(*krbtest.APReq) {
	return func(q *krbtest.APReq) { q.Bnd = krbtest.Bindings(0, []byte(data)) }
}

func aware(q *krbtest.APReq) { q.BindingAware = true }

func nothing(*krbtest.APReq) {}

func noChecksum(q *krbtest.APReq) { q.NoChecksum = true }

// TestBIND_2_Policy checks the decision table of Extended Protection: the bindings that the
// server passes, its flags, and the bindings that the client sends.
func TestBIND_2_Policy(t *testing.T) {
	const (
		allow = flags.ASC_REQ_ALLOW_MISSING_BINDINGS
		proxy = flags.ASC_REQ_PROXY_BINDINGS
	)
	good, refused := status.SEC_E_OK, status.SEC_E_BAD_BINDINGS
	for _, row := range []struct {
		name   string
		given  []string
		client func(*krbtest.APReq)
		plain  status.Code // with no flag, and with two flags
		allow  status.Code
		proxy  status.Code
	}{
		{"none given, none sent", nil, nothing, good, good, refused},
		{"none given, some sent", nil, bound("a"), good, good, good},
		{"none given, none sent, aware", nil, aware, good, good, refused},
		{"right", []string{"a"}, bound("a"), good, good, good},
		{"right, the second of two", []string{"b", "a"}, bound("a"), good, good, good},
		{"right, as Java sends it", []string{"a"}, func(q *krbtest.APReq) { q.Bnd = krbtest.Bindings(255, []byte("a")) }, good, good, good},
		{"wrong", []string{"b"}, bound("a"), refused, refused, refused},
		{"wrong, both of two", []string{"b", "c"}, bound("a"), refused, refused, refused},
		{"missing", []string{"a"}, nothing, refused, good, refused},
		{"missing, and aware", []string{"a"}, aware, refused, refused, refused},
		{"no checksum", []string{"a"}, noChecksum, refused, good, refused},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, x := range []struct {
				req  flags.ASC_REQ
				want status.Code
			}{{0, row.plain}, {allow, row.allow}, {proxy, row.proxy}} {
				s := newSite(t)
				l := s.first(s.request(row.client).Token())
				l.req = x.req
				for _, data := range row.given {
					l.in.Buffers = append(l.in.Buffers, channel(t, data))
				}
				wantCode(t, x.req.String(), l.call(), x.want)
				if claimed := s.replay.stores.Load() != 0; claimed != (x.want == good) {
					t.Errorf("%v: the authenticator claimed: %v", x.req, claimed)
				}
			}
		})
	}
}

// TestBIND_2_BuffersAnywhere checks that a buffer of bindings counts at every position and
// with attribute bits, and that a buffer of another type does not count.
func TestBIND_2_BuffersAnywhere(t *testing.T) {
	s := newSite(t)
	before := s.first(s.request(bound("a")).Token())
	before.in.Buffers = append([]sspi.SecBuffer{channel(t, "b")}, before.in.Buffers...)
	wantCode(t, "wrong ones before the token", before.call(), status.SEC_E_BAD_BINDINGS)

	marked := channel(t, "b")
	marked.BufferType |= sspi.SECBUFFER_READONLY
	l := s.first(s.request(bound("a")).Token())
	l.in.Buffers = append(l.in.Buffers, marked)
	wantCode(t, "wrong ones marked READONLY", l.call(), status.SEC_E_BAD_BINDINGS)

	other := channel(t, "b")
	other.BufferType = 5
	l = s.first(s.request(bound("a")).Token())
	l.in.Buffers = append(l.in.Buffers, other)
	wantCode(t, "in a buffer of another type", l.call(), status.SEC_E_OK)
}

// TestBIND_2_Malformed checks that a structure with offsets outside the buffer is an error
// of the caller. It never means that there are no bindings.
func TestBIND_2_Malformed(t *testing.T) {
	whole := channel(t, "tls-server-end-point:data").Buffer
	change := func(at int, to byte) []byte {
		b := append([]byte(nil), whole...)
		b[at] = to
		return b
	}
	for name, b := range map[string][]byte{
		"nil": nil, "empty": {}, "31 bytes": whole[:31], "cut": whole[:len(whole)-1],
		"a length beyond the end": change(24, 0xFF), "an offset beyond the end": change(28, 0xFF),
		"a huge length": change(27, 0xFF), "a huge offset": change(31, 0xFF), "an offset into the header": change(28, 4),
	} {
		s := newSite(t)
		token := s.request(bound("tls-server-end-point:data")).Token()
		l := s.first(token)
		l.in.Buffers = append(l.in.Buffers, sspi.SecBuffer{BufferType: sspi.SECBUFFER_CHANNEL_BINDINGS, Buffer: b})
		wantCode(t, name, l.call(), status.SEC_E_INVALID_PARAMETER)
		if l.handle != (sspi.CtxtHandle{}) {
			t.Errorf("%s: a handle", name)
		}
		l = s.first(token)
		l.in.Buffers = append(l.in.Buffers, sspi.SecBuffer{BufferType: sspi.SECBUFFER_CHANNEL_BINDINGS, Buffer: whole})
		wantCode(t, "the right ones then", l.call(), status.SEC_E_OK)
	}
}

// TestBIND_2_GivenOnce checks that bindings of the first of two calls also apply to the
// second.
func TestBIND_2_GivenOnce(t *testing.T) {
	for _, row := range []struct {
		name          string
		first, second string
		want          status.Code
	}{
		{"right at first", "a", "", status.SEC_E_OK},
		{"wrong at first", "b", "", status.SEC_E_BAD_BINDINGS},
		{"right at last", "", "a", status.SEC_E_OK},
		{"wrong at last", "", "b", status.SEC_E_BAD_BINDINGS},
		{"either", "b", "a", status.SEC_E_OK},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSite(t)
			l := s.first(s.request(late, bound("a")).Token())
			l.req = extendedError
			if row.first != "" {
				l.in.Buffers = append(l.in.Buffers, channel(t, row.first))
			}
			wantCode(t, "first", l.call(), status.SEC_I_CONTINUE_NEEDED)
			l = s.second(&l.handle, s.request(bound("a")).Token())
			if row.second != "" {
				l.in.Buffers = append(l.in.Buffers, channel(t, row.second))
			}
			wantCode(t, "second", l.call(), row.want)
		})
	}
}

// TestBIND_2_GivenTooLate checks the third token of DCE style, which comes after the
// decision about the bindings. A call that passes the first bindings then gets an error; a
// call that passes the same bindings again succeeds.
func TestBIND_2_GivenTooLate(t *testing.T) {
	s := newSite(t)
	x := inState["third leg"](t, s)
	l := s.second(x.handle, x.expected)
	l.in.Buffers = append(l.in.Buffers, channel(t, "a"))
	wantCode(t, "bindings with the third leg", l.call(), status.SEC_E_INVALID_PARAMETER)
	if l.handle != *x.handle || l.attr != 0 || l.handle.Context().Peer() != nil {
		t.Errorf("outputs %v %v", l.handle, l.attr)
	}
	wantCode(t, "the third leg", s.second(x.handle, x.expected).call(), status.SEC_E_OK)

	client := s.request(dce, bound("a")).Start()
	token, _, _ := client.Next(nil)
	l = s.first(token)
	l.in.Buffers = append(l.in.Buffers, channel(t, "a"))
	wantCode(t, "first leg", l.call(), status.SEC_I_CONTINUE_NEEDED)
	third, _, _ := client.Next(l.reply())
	l = s.second(&l.handle, third)
	l.in.Buffers = append(l.in.Buffers, channel(t, "a"))
	wantCode(t, "third leg", l.call(), status.SEC_E_OK)
	if got := l.handle.Context().Peer().Binding; got != authenticator.BindingMatched {
		t.Errorf("binding %v", got)
	}
}

// TestBIND_2_SameGivenAgain checks that both APIs recognise equal bindings, whatever the
// encoding of empty fields is.
func TestBIND_2_SameGivenAgain(t *testing.T) {
	for name, own := range map[string]sspi.ChannelBindings{
		"nil":   {ApplicationData: []byte("a")},
		"empty": {InitiatorAddress: []byte{}, AcceptorAddress: []byte{}, ApplicationData: []byte("a")},
	} {
		s := newSite(t)
		h := s.acceptor.NewContext(sspi.ContextConfig{ChannelBindings: []sspi.ChannelBindings{own}}).Handle()
		client := s.request(dce, bound("a")).Start()
		token, _, _ := client.Next(nil)
		l := s.second(&h, token)
		wantCode(t, name+", the first leg", l.call(), status.SEC_I_CONTINUE_NEEDED)
		third, _, err := client.Next(l.reply())
		if err != nil {
			t.Fatal(err)
		}
		l = s.second(&l.handle, third)
		l.in.Buffers = append(l.in.Buffers, channel(t, "a"))
		wantCode(t, name+", the same again", l.call(), status.SEC_E_OK)
	}
}
