package sspi_test

import (
	"bytes"
	"testing"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// TestCTX_11_TooLittleRoom checks that a call with an output buffer that is too small
// changes nothing, and that the same token is not a replay then.
func TestCTX_11_TooLittleRoom(t *testing.T) {
	n := replyLen(t)
	for _, row := range []struct {
		name string
		out  *sspi.SecBufferDesc
		req  flags.ASC_REQ
		want status.Code
	}{
		{"a byte short", room(n - 1), 0, status.SEC_E_BUFFER_TOO_SMALL},
		{"one byte", room(1), 0, status.SEC_E_BUFFER_TOO_SMALL},
		{"no memory", room(0), 0, status.SEC_E_BUFFER_TOO_SMALL},
		{"no memory but capacity", buffers(sspi.SecBuffer{BufferType: sspi.SECBUFFER_TOKEN, Buffer: make([]byte, 0, 4096)}), 0, status.SEC_E_BUFFER_TOO_SMALL},
		{"no TOKEN", buffers(sspi.SecBuffer{BufferType: sspi.SECBUFFER_DATA, Buffer: make([]byte, 4096)}), 0, status.SEC_E_INVALID_TOKEN},
		{"no TOKEN to allocate", buffers(), flags.ASC_REQ_ALLOCATE_MEMORY, status.SEC_E_INVALID_TOKEN},
		{"nil pOutput", nil, 0, status.SEC_E_INVALID_TOKEN},
		{"nil pOutput to allocate", nil, flags.ASC_REQ_ALLOCATE_MEMORY, status.SEC_E_INVALID_TOKEN},
		{"error tokens wanted", room(n - 1), extendedError, status.SEC_E_BUFFER_TOO_SMALL},
	} {
		t.Run(row.name, func(t *testing.T) {
			var events []sspi.Event
			s := newSite(t, recordEvents(&events))
			client := s.request().Start()
			token, _, _ := client.Next(nil)
			l := s.first(token)
			l.out, l.req = row.out, row.req
			wantCode(t, "accept", l.call(), row.want)
			if l.handle != (sspi.CtxtHandle{}) || l.attr != 0 || l.stamp != untouchedStamp {
				t.Errorf("outputs %v %v %v", l.handle, l.attr, l.stamp)
			}
			if s.replay.stores.Load() != 0 || len(events) != 0 {
				t.Errorf("%d authenticators claimed, events %v", s.replay.stores.Load(), events)
			}
			if row.want == status.SEC_E_BUFFER_TOO_SMALL {
				b := l.out.Buffers[0]
				if b.Needed != n || len(b.Buffer) != 0 {
					t.Errorf("Needed %d and %d bytes, want %d and none", b.Needed, len(b.Buffer), n)
				}
				if !bytes.Equal(b.Buffer[:cap(b.Buffer)], make([]byte, cap(b.Buffer))) {
					t.Error("the buffer was written")
				}
			}
			drawn := s.random.bytes
			again := s.first(token)
			again.out = room(n)
			wantCode(t, "the same token again", again.call(), status.SEC_E_OK)
			if _, done, err := client.Next(again.reply()); !done || err != nil {
				t.Errorf("the client: %v", err)
			}
			if s.random.bytes != 2*drawn || drawn == 0 {
				t.Errorf("%d and then %d random bytes were read: the acceptor used a subkey twice", drawn, s.random.bytes-drawn)
			}
			wantCode(t, "and once more", s.first(token).call(), status.SEC_E_LOGON_DENIED)
		})
	}
}

// TestCTX_11_NeededIsEnough checks that, for each type of key and each framing, a buffer of
// Needed bytes is enough and a shorter one is not.
func TestCTX_11_NeededIsEnough(t *testing.T) {
	s := newSite(t)
	for _, row := range []struct {
		name   string
		change func(*krbtest.APReq)
	}{
		{"etype 17", s.ofType(keytab.AES128_CTS_HMAC_SHA1_96)},
		{"etype 18", s.ofType(keytab.AES256_CTS_HMAC_SHA1_96)},
		{"etype 19", s.ofType(keytab.AES128_CTS_HMAC_SHA256_128)},
		{"etype 20", s.ofType(keytab.AES256_CTS_HMAC_SHA384_192)},
		{"etype 17 to 18", func(q *krbtest.APReq) {
			s.ofType(keytab.AES128_CTS_HMAC_SHA1_96)(q)
			q.ETypes = []keytab.EType{keytab.AES256_CTS_HMAC_SHA1_96, keytab.AES128_CTS_HMAC_SHA1_96}
		}},
		{"Microsoft's mechanism", func(q *krbtest.APReq) { q.OID = krbtest.OIDMSKerberos }},
		{"bare", dce},
	} {
		t.Run(row.name, func(t *testing.T) {
			client := s.request(row.change).Start()
			token, _, _ := client.Next(nil)
			l := s.first(token)
			l.out = room(0)
			wantCode(t, "no room", l.call(), status.SEC_E_BUFFER_TOO_SMALL)
			n := l.out.Buffers[0].Needed
			l = s.first(token)
			l.out = room(n - 1)
			wantCode(t, "a byte short", l.call(), status.SEC_E_BUFFER_TOO_SMALL)
			if l.out.Buffers[0].Needed != n {
				t.Errorf("Needed %d, then %d", n, l.out.Buffers[0].Needed)
			}
			l = s.first(token)
			l.out = room(n)
			if code := l.call(); code.IsError() {
				t.Fatalf("enough room: %v", code)
			}
			if len(l.reply()) != n {
				t.Errorf("a reply of %d bytes, Needed was %d", len(l.reply()), n)
			}
			if _, _, err := client.Next(l.reply()); err != nil {
				t.Errorf("the client: %v", err)
			}
		})
	}
}

// TestCTX_11_RetryOfTheClient checks the same for the second try of a client whose clock
// was wrong: the existing context continues.
func TestCTX_11_RetryOfTheClient(t *testing.T) {
	n := replyLen(t)
	s := newSite(t)
	x := inState["retry"](t, s)
	l := s.second(x.handle, x.expected)
	l.out = room(n - 1)
	wantCode(t, "a byte short", l.call(), status.SEC_E_BUFFER_TOO_SMALL)
	if l.handle != *x.handle || l.out.Buffers[0].Needed != n {
		t.Errorf("handle %v, Needed %d, want %d", l.handle, l.out.Buffers[0].Needed, n)
	}
	l = s.second(x.handle, x.expected)
	l.out = nil
	l.handle = sspi.CtxtHandle{}
	wantCode(t, "no output, and phNewContext another variable", l.call(), status.SEC_E_INVALID_TOKEN)
	if l.handle != *x.handle {
		t.Errorf("phNewContext is %v", l.handle)
	}
	wantCode(t, "enough", s.second(x.handle, x.expected).call(), status.SEC_E_OK)
}

// TestCTX_11_RefusedFirst checks that the acceptor checks the size of the output buffer
// after all other checks except the replay cache, so that a client with an error is refused
// whatever the size is.
func TestCTX_11_RefusedFirst(t *testing.T) {
	s := newSite(t)
	for _, out := range []*sspi.SecBufferDesc{room(0), nil} {
		l := s.first(s.request(wrongKey).Token())
		l.out = out
		wantCode(t, "a wrong key and no room", l.call(), status.SEC_E_LOGON_DENIED)
		if status.ReasonOf(l.handle.Err()) != status.ReasonWrongKey {
			t.Errorf("%v", l.handle.Err())
		}
	}
}

// TestBuffers_ErrorTokenDoesNotFit checks that a refusal keeps its code if its reply does
// not fit. The reply is lost, and with it the second try of the client.
func TestBuffers_ErrorTokenDoesNotFit(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*krbtest.APReq)
		want   status.Code
		fits   status.Code
	}{
		"refused": {wrongKey, status.SEC_E_LOGON_DENIED, status.SEC_E_LOGON_DENIED},
		"late":    {late, status.SEC_E_TIME_SKEW, status.SEC_I_CONTINUE_NEEDED},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			l := s.first(s.request(row.change).Token())
			l.req = extendedError
			wantCode(t, "with room", l.call(), row.fits)
			n := len(l.reply())
			if n == 0 {
				t.Fatal("no KRB-ERROR")
			}
			for _, out := range []*sspi.SecBufferDesc{room(n - 1), room(0), nil, buffers()} {
				l := s.first(s.request(row.change).Token())
				l.req, l.out = extendedError, out
				wantCode(t, "without room", l.call(), row.want)
				if out != nil && len(out.Buffers) > 0 && (len(l.reply()) != 0 || out.Buffers[0].Needed != 0) {
					t.Errorf("a reply of %d bytes, Needed %d", len(l.reply()), out.Buffers[0].Needed)
				}
				wantCode(t, "a second attempt", s.second(&l.handle, s.request().Token()).call(), status.SEC_E_INVALID_HANDLE)
			}
			l = s.first(s.request(row.change).Token())
			memory := bytes.Repeat([]byte{0xEE}, n+64)
			l.req, l.out.Buffers[0].Buffer = extendedError, memory[:n]
			wantCode(t, "with just enough", l.call(), row.fits)
			if len(l.reply()) != n || !bytes.Equal(memory[n:], bytes.Repeat([]byte{0xEE}, 64)) {
				t.Errorf("a reply of %d bytes, want %d and no bytes after it", len(l.reply()), n)
			}
			l = s.first(s.request(row.change).Token())
			l.req, l.out = extendedError|flags.ASC_REQ_ALLOCATE_MEMORY, room(0)
			wantCode(t, "allocated", l.call(), row.fits)
			if len(l.reply()) != n {
				t.Errorf("a reply of %d bytes, want %d", len(l.reply()), n)
			}
		})
	}
}
