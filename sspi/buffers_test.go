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

func buffers(list ...sspi.SecBuffer) *sspi.SecBufferDesc { return &sspi.SecBufferDesc{Buffers: list} }

func TestBuffers_Input(t *testing.T) {
	const tok = sspi.SECBUFFER_TOKEN
	s := newSite(t)
	filled := func(n int) []sspi.SecBuffer { return make([]sspi.SecBuffer, n) } // buffers of type EMPTY
	for _, row := range []struct {
		name string
		in   func(token []byte) *sspi.SecBufferDesc
		want status.Code
	}{
		{"alone", tokenIn, status.SEC_E_OK},
		{"last of 16", func(b []byte) *sspi.SecBufferDesc {
			return buffers(append(filled(15), sspi.SecBuffer{BufferType: tok, Buffer: b})...)
		}, status.SEC_E_OK},
		{"behind others", func(b []byte) *sspi.SecBufferDesc {
			return buffers(sspi.SecBuffer{BufferType: 5, Buffer: []byte("extra")}, sspi.SecBuffer{BufferType: 16, Buffer: []byte("target host")}, sspi.SecBuffer{BufferType: tok, Buffer: b}, sspi.SecBuffer{BufferType: sspi.SECBUFFER_EMPTY})
		}, status.SEC_E_OK},
		{"READONLY", func(b []byte) *sspi.SecBufferDesc {
			return buffers(sspi.SecBuffer{BufferType: tok | sspi.SECBUFFER_READONLY, Buffer: b})
		}, status.SEC_E_OK},
		{"all attributes", func(b []byte) *sspi.SecBufferDesc {
			return buffers(sspi.SecBuffer{BufferType: tok | 0xF0000000, Buffer: b})
		}, status.SEC_E_OK},
		{"the first of two", func(b []byte) *sspi.SecBufferDesc {
			return buffers(sspi.SecBuffer{BufferType: tok, Buffer: b}, sspi.SecBuffer{BufferType: tok, Buffer: []byte("junk")})
		}, status.SEC_E_OK},
		{"the second of two", func(b []byte) *sspi.SecBufferDesc {
			return buffers(sspi.SecBuffer{BufferType: tok, Buffer: []byte("junk")}, sspi.SecBuffer{BufferType: tok, Buffer: b})
		}, status.SEC_E_INVALID_TOKEN},
		{"a type that only looks like it", func(b []byte) *sspi.SecBufferDesc {
			return buffers(sspi.SecBuffer{BufferType: tok | 0x100, Buffer: b})
		}, status.SEC_E_INVALID_TOKEN},
		{"no buffers", func(b []byte) *sspi.SecBufferDesc { return buffers() }, status.SEC_E_INVALID_TOKEN},
		{"17 buffers", func(b []byte) *sspi.SecBufferDesc {
			return buffers(append(filled(16), sspi.SecBuffer{BufferType: tok, Buffer: b})...)
		}, status.SEC_E_INVALID_TOKEN},
		{"an empty token", func(b []byte) *sspi.SecBufferDesc { return tokenIn(nil) }, status.SEC_E_INVALID_TOKEN},
		{"a cut token", func(b []byte) *sspi.SecBufferDesc { return tokenIn(b[:len(b)-1]) }, status.SEC_E_INVALID_TOKEN},
		{"a byte more", func(b []byte) *sspi.SecBufferDesc { return tokenIn(append(b, 0)) }, status.SEC_E_INVALID_TOKEN},
	} {
		t.Run(row.name, func(t *testing.T) {
			token := s.request().Token()
			kept := bytes.Clone(token)
			l := s.first(token)
			l.in = row.in(token)
			wantCode(t, "accept", l.call(), row.want)
			if !bytes.Equal(token, kept) {
				t.Error("the token was modified")
			}
		})
	}
}

// replyLen returns the length of the reply to a request, which an equal site computes.
func replyLen(t *testing.T, changes ...func(*krbtest.APReq)) int {
	t.Helper()
	s := newSite(t)
	reply, _, err := s.acceptor.NewContext(sspi.ContextConfig{}).Accept(context.Background(), s.request(changes...).Token())
	if err != nil && err != sspi.ErrContinue {
		t.Fatal(err)
	}
	return len(reply)
}

func TestBuffers_OutputRoom(t *testing.T) {
	n := replyLen(t)
	const behind = 0xEE
	for _, extra := range []int{0, 1, 1000} {
		s := newSite(t)
		client := s.request().Start()
		token, _, _ := client.Next(nil)
		l := s.first(token)
		memory := bytes.Repeat([]byte{behind}, n+extra+64)
		l.out.Buffers[0].Buffer = memory[:n+extra] // the slice has 64 bytes of capacity that do not belong to the buffer
		l.out.Buffers[0].Needed = 7
		wantCode(t, "accept", l.call(), status.SEC_E_OK)
		b := l.out.Buffers[0]
		switch {
		case len(b.Buffer) != n || &b.Buffer[0] != &memory[0]:
			t.Errorf("a buffer of %d bytes: a reply of %d bytes, want %d in the same memory", n+extra, len(b.Buffer), n)
		case !bytes.Equal(memory[n:], bytes.Repeat([]byte{behind}, extra+64)):
			t.Error("bytes after the reply were written")
		case b.Needed != 0:
			t.Errorf("Needed %d", b.Needed)
		}
		if _, done, err := client.Next(b.Buffer); !done || err != nil {
			t.Errorf("the client: %v", err)
		}
		if l.attr&flags.ASC_RET_ALLOCATED_MEMORY != 0 {
			t.Error("ASC_RET_ALLOCATED_MEMORY is set for memory of the caller")
		}
	}
}

func TestBuffers_OutputPlace(t *testing.T) {
	s := newSite(t)
	client := s.request().Start()
	token, _, _ := client.Next(nil)
	l := s.first(token)
	l.out = buffers(sspi.SecBuffer{}, sspi.SecBuffer{BufferType: sspi.SECBUFFER_DATA, Buffer: []byte("data")}, sspi.SecBuffer{BufferType: sspi.SECBUFFER_TOKEN, Buffer: make([]byte, 500)})
	wantCode(t, "accept", l.call(), status.SEC_E_OK)
	if string(l.out.Buffers[1].Buffer) != "data" {
		t.Error("another buffer was changed")
	}
	if _, done, err := client.Next(l.out.Buffers[2].Buffer); !done || err != nil {
		t.Errorf("the client: %v", err)
	}
}

func TestBuffers_Allocate(t *testing.T) {
	own := bytes.Repeat([]byte{0xEE}, 4096)
	for name, supplied := range map[string][]byte{"nothing": nil, "too little": own[:1:1], "enough": own} {
		t.Run(name+" supplied", func(t *testing.T) {
			s := newSite(t)
			client := s.request().Start()
			token, _, _ := client.Next(nil)
			l := s.first(token)
			l.req = flags.ASC_REQ_ALLOCATE_MEMORY
			l.out.Buffers[0].Buffer = supplied
			wantCode(t, "accept", l.call(), status.SEC_E_OK)
			if _, done, err := client.Next(l.reply()); !done || err != nil {
				t.Errorf("the client: %v", err)
			}
			if l.attr&flags.ASC_RET_ALLOCATED_MEMORY == 0 {
				t.Error("no ALLOCATED_MEMORY")
			}
			if !bytes.Equal(own, bytes.Repeat([]byte{0xEE}, 4096)) {
				t.Error("the supplied memory was written")
			}
			wantCode(t, "free", sspi.FreeContextBuffer(l.reply()), status.SEC_E_OK)
		})
	}
}

// TestBuffers_NothingToSend checks that an exchange without mutual authentication returns
// no reply and needs no output buffer.
func TestBuffers_NothingToSend(t *testing.T) {
	for _, row := range []struct {
		name string
		out  *sspi.SecBufferDesc
		req  flags.ASC_REQ
	}{
		{"nil pOutput", nil, 0},
		{"no TOKEN", buffers(sspi.SecBuffer{BufferType: sspi.SECBUFFER_DATA, Buffer: make([]byte, 9)}), 0},
		{"an empty TOKEN", room(0), 0},
		{"room", room(100), 0},
		{"ALLOCATE_MEMORY", room(100), flags.ASC_REQ_ALLOCATE_MEMORY},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSite(t)
			l := s.first(s.request(oneWay).Token())
			l.out, l.req = row.out, row.req
			wantCode(t, "accept", l.call(), status.SEC_E_OK)
			if l.out != nil && l.out.Buffers[0].BufferType == sspi.SECBUFFER_TOKEN && len(l.reply()) != 0 {
				t.Errorf("a reply of %d bytes", len(l.reply()))
			}
			if l.attr&(flags.ASC_RET_ALLOCATED_MEMORY|flags.ASC_RET_MUTUAL_AUTH) != 0 {
				t.Errorf("attributes %v", l.attr)
			}
			if s.random.bytes != 0 {
				t.Errorf("%d random bytes were read", s.random.bytes)
			}
		})
	}
}

// TestBuffers_ThirdLegWithoutOutput checks that the third token of DCE style needs no
// output buffer.
func TestBuffers_ThirdLegWithoutOutput(t *testing.T) {
	s := newSite(t)
	x := inState["third leg"](t, s)
	l := s.second(x.handle, x.expected)
	l.out = nil
	wantCode(t, "the third leg", l.call(), status.SEC_E_OK)

	x = inState["third leg"](t, s)
	l = s.second(x.handle, x.expected)
	wantCode(t, "the third leg", l.call(), status.SEC_E_OK)
	if len(l.reply()) != 0 {
		t.Errorf("a reply of %d bytes", len(l.reply()))
	}
}

// TestBuffers_OneMemory checks that the reply may be written to the memory of the token, or
// to memory that overlaps it.
func TestBuffers_OneMemory(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*krbtest.APReq)
		want   status.Code
	}{
		"framed":  {func(*krbtest.APReq) {}, status.SEC_E_OK},
		"bare":    {dce, status.SEC_I_CONTINUE_NEEDED},
		"refused": {wrongKey, status.SEC_E_LOGON_DENIED},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			for shift := range 24 {
				client := s.request(row.change).Start()
				token, _, _ := client.Next(nil)
				memory := make([]byte, 2048)
				copy(memory[12:], token)
				l := s.first(memory[12:][:len(token)])
				l.req, l.out.Buffers[0].Buffer = extendedError, memory[shift:]
				wantCode(t, "accept", l.call(), row.want)
				_, _, err := client.Next(l.reply())
				if _, refused := err.(*krbtest.Error); refused != row.want.IsError() || !refused && err != nil {
					t.Errorf("at %+d, the client: %v", shift-12, err)
				}
			}
		})
	}
}
