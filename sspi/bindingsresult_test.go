package sspi_test

import (
	"encoding/binary"
	"testing"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// Masks of sspi.h.
const (
	validMask    = sspi.SEC_CHANNEL_BINDINGS_RESULT_VALID_MATCHED | sspi.SEC_CHANNEL_BINDINGS_RESULT_VALID_PROXY | sspi.SEC_CHANNEL_BINDINGS_RESULT_VALID_MISSING
	notValidMask = sspi.SEC_CHANNEL_BINDINGS_RESULT_NOTVALID_MISMATCH | sspi.SEC_CHANNEL_BINDINGS_RESULT_NOTVALID_MISSING
)

// TestBIND_2_Result checks the whole decision table by the content of the result buffer.
func TestBIND_2_Result(t *testing.T) {
	const (
		allow = flags.ASC_REQ_ALLOW_MISSING_BINDINGS
		proxy = flags.ASC_REQ_PROXY_BINDINGS
		both  = allow | proxy

		matched  = sspi.SEC_CHANNEL_BINDINGS_RESULT_VALID_MATCHED
		missing  = sspi.SEC_CHANNEL_BINDINGS_RESULT_ABSENT | sspi.SEC_CHANNEL_BINDINGS_RESULT_VALID_MISSING
		proxied  = sspi.SEC_CHANNEL_BINDINGS_RESULT_VALID_PROXY
		mismatch = sspi.SEC_CHANNEL_BINDINGS_RESULT_NOTVALID_MISMATCH
		absent   = sspi.SEC_CHANNEL_BINDINGS_RESULT_ABSENT | sspi.SEC_CHANNEL_BINDINGS_RESULT_NOTVALID_MISSING
		knows    = sspi.SEC_CHANNEL_BINDINGS_RESULT_CLIENT_SUPPORT | absent
	)
	for _, row := range []struct {
		name   string
		given  bool
		client func(*krbtest.APReq)
		want   map[flags.ASC_REQ]sspi.SEC_CHANNEL_BINDINGS_RESULT // 0 if there is no result
	}{
		{"none given, none sent", false, nothing, map[flags.ASC_REQ]sspi.SEC_CHANNEL_BINDINGS_RESULT{0: 0, allow: 0, proxy: absent, both: missing}},
		{"none given, some sent", false, bound("a"), map[flags.ASC_REQ]sspi.SEC_CHANNEL_BINDINGS_RESULT{0: 0, allow: 0, proxy: proxied, both: proxied}},
		{"none given, none sent, aware", false, aware, map[flags.ASC_REQ]sspi.SEC_CHANNEL_BINDINGS_RESULT{0: 0, allow: 0, proxy: knows, both: knows}},
		{"right", true, bound("a"), map[flags.ASC_REQ]sspi.SEC_CHANNEL_BINDINGS_RESULT{0: matched, allow: matched, proxy: matched, both: matched}},
		{"wrong", true, bound("b"), map[flags.ASC_REQ]sspi.SEC_CHANNEL_BINDINGS_RESULT{0: mismatch, allow: mismatch, proxy: mismatch, both: mismatch}},
		{"missing", true, nothing, map[flags.ASC_REQ]sspi.SEC_CHANNEL_BINDINGS_RESULT{0: absent, allow: missing, proxy: absent, both: missing}},
		{"missing, aware", true, aware, map[flags.ASC_REQ]sspi.SEC_CHANNEL_BINDINGS_RESULT{0: knows, allow: knows, proxy: knows, both: knows}},
		{"no checksum", true, noChecksum, map[flags.ASC_REQ]sspi.SEC_CHANNEL_BINDINGS_RESULT{0: absent, allow: missing, proxy: absent, both: missing}},
	} {
		for req, want := range row.want {
			for _, memory := range []flags.ASC_REQ{0, flags.ASC_REQ_ALLOCATE_MEMORY} {
				s := newSite(t)
				l := s.first(s.request(row.client).Token())
				l.req = req | memory
				if row.given {
					l.in.Buffers = append(l.in.Buffers, channel(t, "a"))
				}
				var room []byte
				if memory == 0 {
					room = make([]byte, 10)
				}
				l.out.Buffers = append(l.out.Buffers, sspi.SecBuffer{BufferType: sspi.SECBUFFER_CHANNEL_BINDINGS_RESULT, Buffer: room})
				code := status.SEC_E_OK
				if want&notValidMask != 0 {
					code = status.SEC_E_BAD_BINDINGS
				}
				wantCode(t, row.name+", "+l.req.String(), l.call(), code)
				got := l.out.Buffers[1].Buffer
				switch {
				case want == 0 && len(got) != 0:
					t.Errorf("%s, %v: %x, want nothing", row.name, l.req, got)
				case want != 0 && (len(got) != 4 || binary.LittleEndian.Uint32(got) != uint32(want)):
					t.Errorf("%s, %v: %x, want %#x", row.name, l.req, got, want)
				case want != 0 && want&(validMask|notValidMask) == 0:
					t.Errorf("%s: the result is neither VALID nor NOTVALID", row.name)
				}
			}
		}
	}
}

// TestBIND_2_ResultRoom checks that a result buffer that is too small causes an error
// without a change.
func TestBIND_2_ResultRoom(t *testing.T) {
	s := newSite(t)
	token := s.request(bound("a")).Token()
	call := func(room int, want status.Code) sspi.SecBuffer {
		l := s.first(token)
		l.in.Buffers = append(l.in.Buffers, channel(t, "a"))
		l.out.Buffers = append(l.out.Buffers, sspi.SecBuffer{BufferType: sspi.SECBUFFER_CHANNEL_BINDINGS_RESULT, Buffer: make([]byte, room)})
		wantCode(t, "a call", l.call(), want)
		return l.out.Buffers[1]
	}
	for n := range 4 {
		if b := call(n, status.SEC_E_BUFFER_TOO_SMALL); b.Needed != 4 || len(b.Buffer) != 0 {
			t.Errorf("%d bytes: Needed %d, %x", n, b.Needed, b.Buffer)
		}
	}
	call(4, status.SEC_E_OK)
	if b := call(4, status.SEC_E_LOGON_DENIED); len(b.Buffer) != 4 || b.Buffer[0] != byte(sspi.SEC_CHANNEL_BINDINGS_RESULT_VALID_MATCHED) {
		t.Errorf("a replay on the right channel: %x", b.Buffer)
	}
}
