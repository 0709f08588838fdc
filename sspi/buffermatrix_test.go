package sspi_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// fate is the effect of a call on the bytes in a buffer beside TOKEN (or STREAM) and DATA.
type fate string

const (
	sealed  fate = "sealed"        // sealed, and therefore signed
	signed  fate = "signed"        // a change is detected
	cutOff  fate = "cut"           // the call sets the length of the buffer to 0
	leftOut fate = "left out"      // the call ignores the buffer, whose mark promises no protection
	refused fate = "INVALID_TOKEN" // the call fails without an effect
)

// functions names the columns of the table below.
var functions = []string{"MakeSignature", "VerifySignature", "EncryptMessage", "DecryptMessage, TOKEN", "DecryptMessage, STREAM"}

const (
	ro  = sspi.SECBUFFER_READONLY
	rwc = sspi.SECBUFFER_READONLY_WITH_CHECKSUM
)

// bufferTable has a row for each type and mark. The type 0xFFFF stands for all types that
// no function uses.
var bufferTable = []struct {
	t    sspi.SECBUFFER
	mark sspi.SECBUFFER
	want [5]fate
}{
	{sspi.SECBUFFER_DATA, 0, [5]fate{signed, signed, sealed, sealed, cutOff}},
	{sspi.SECBUFFER_DATA, ro, [5]fate{leftOut, leftOut, leftOut, leftOut, leftOut}},
	{sspi.SECBUFFER_DATA, rwc, [5]fate{signed, signed, signed, signed, signed}},
	{sspi.SECBUFFER_PADDING, 0, [5]fate{leftOut, leftOut, cutOff, leftOut, leftOut}},
	{sspi.SECBUFFER_PADDING, ro, [5]fate{leftOut, leftOut, cutOff, leftOut, leftOut}},
	{sspi.SECBUFFER_PADDING, rwc, [5]fate{refused, refused, refused, refused, refused}},
	{sspi.SECBUFFER_TOKEN, 0, [5]fate{refused, refused, refused, refused, refused}},
	{sspi.SECBUFFER_TOKEN, ro, [5]fate{refused, refused, refused, refused, refused}},
	{sspi.SECBUFFER_TOKEN, rwc, [5]fate{refused, refused, refused, refused, refused}},
	{sspi.SECBUFFER_STREAM, 0, [5]fate{refused, refused, refused, refused, refused}},
	{sspi.SECBUFFER_STREAM, ro, [5]fate{refused, refused, refused, refused, refused}},
	{sspi.SECBUFFER_STREAM, rwc, [5]fate{refused, refused, refused, refused, refused}},
	{unserved, 0, [5]fate{leftOut, leftOut, leftOut, leftOut, leftOut}},
	{unserved, ro, [5]fate{leftOut, leftOut, leftOut, leftOut, leftOut}},
	{unserved, rwc, [5]fate{refused, refused, refused, refused, refused}},
}

const unserved sspi.SECBUFFER = 0xFFFF

// fateOf returns the value of a row. Bits other than the two marks have no effect. A buffer
// with both marks is refused.
func fateOf(t *testing.T, typ, attributes sspi.SECBUFFER, column int) fate {
	t.Helper()
	mark := attributes & (ro | rwc)
	if mark == ro|rwc {
		return refused
	}
	switch typ {
	case sspi.SECBUFFER_DATA, sspi.SECBUFFER_PADDING, sspi.SECBUFFER_TOKEN, sspi.SECBUFFER_STREAM:
	default:
		typ = unserved
	}
	for _, row := range bufferTable {
		if row.t == typ && row.mark == mark {
			return row.want[column]
		}
	}
	t.Fatalf("no row for %#x", typ|attributes)
	return ""
}

// TestBuffers_EveryTypeAndMark passes a buffer of each type with each combination of
// attribute bits to each function, before and after DATA. No buffer whose mark promises a
// protection may get less.
func TestBuffers_EveryTypeAndMark(t *testing.T) {
	s := newSite(t)
	h, client := s.establish(t, s.ofType(keytab.AES256_CTS_HMAC_SHA1_96))
	x := &matrix{secured: secured{handle: h, client: client, sum: 12}}
	types := []sspi.SECBUFFER{0xFF, 0x0FFFFFFF}
	for typ := range sspi.SECBUFFER(40) {
		types = append(types, typ)
	}
	for column, function := range functions {
		for _, typ := range types {
			for bits := range sspi.SECBUFFER(16) {
				for _, first := range []bool{true, false} {
					attributes := bits << 28
					want := fateOf(t, typ, attributes, column)
					if first && want == cutOff && column == 4 {
						continue // this DATA receives the message: TestDecrypt_StreamBuffers
					}
					got := x.try(t, column, sspi.SecBuffer{BufferType: typ | attributes, Buffer: []byte(extra)}, want, first)
					if got != "" {
						t.Fatalf("%s, buffer of type %#x, first %v: want %s: %s", function, uint32(typ|attributes), first, want, got)
					}
				}
			}
		}
	}
}

// TestBuffers_MarkedToken checks that no call writes to the memory of a marked TOKEN.
func TestBuffers_MarkedToken(t *testing.T) {
	h, client := newSite(t).establish(t)
	x := &secured{handle: h, client: client, sum: 12}
	for bits := range sspi.SECBUFFER(16) {
		attributes := bits << 28
		marked, both := attributes&(ro|rwc) != 0, attributes&(ro|rwc) == ro|rwc
		want := map[bool]status.Code{true: status.SEC_E_INVALID_TOKEN, false: status.SEC_E_OK}
		for name, call := range map[string]func(*sspi.SecBufferDesc) status.Code{
			"make":    func(d *sspi.SecBufferDesc) status.Code { return sspi.MakeSignature(&h, 0, d, 0) },
			"encrypt": func(d *sspi.SecBufferDesc) status.Code { return sspi.EncryptMessage(&h, 0, d, 0) },
		} {
			room := bytes.Repeat([]byte{0xEE}, 100)
			wantCode(t, fmt.Sprintf("%s, attributes %#x", name, attributes), call(buffers(buffer(sspi.SECBUFFER_TOKEN|attributes, room), buffer(sspi.SECBUFFER_DATA, []byte("text")))), want[marked])
			if marked && !bytes.Equal(room, bytes.Repeat([]byte{0xEE}, 100)) {
				t.Errorf("%s, attributes %#x: a marked TOKEN was written", name, attributes)
			}
		}
		mic, err := client.GetMIC([]byte("text"))
		if err != nil {
			t.Fatal(err)
		}
		d := buffers(buffer(sspi.SECBUFFER_TOKEN|attributes, mic), buffer(sspi.SECBUFFER_DATA, []byte("text")))
		wantCode(t, fmt.Sprintf("verify, attributes %#x", attributes), sspi.VerifySignature(&h, d, 0, nil), want[both])
		token, data := x.detached(t, "text", true)
		if both { // the numbers of the two refused messages are missing
			wantCode(t, "decrypt", sspi.DecryptMessage(&h, buffers(buffer(sspi.SECBUFFER_TOKEN|attributes, token), buffer(sspi.SECBUFFER_DATA, data)), 0, nil), status.SEC_E_INVALID_TOKEN)
			h, client = newSite(t).establish(t)
			x.handle, x.client = h, client
			continue
		}
		was := bytes.Clone(token)
		d = buffers(buffer(sspi.SECBUFFER_TOKEN|attributes, token), buffer(sspi.SECBUFFER_DATA, data))
		wantCode(t, fmt.Sprintf("decrypt, attributes %#x", attributes), sspi.DecryptMessage(&h, d, 0, nil), status.SEC_E_OK)
		if marked && !bytes.Equal(token, was) {
			t.Error("a marked TOKEN was written")
		}
	}
}

const (
	main  = "the message of this call"
	extra = "and extra bytes"
)

// matrix is a context whose calls get one more buffer.
type matrix struct {
	secured
	number uint64 // the number of the client's next message, relative to its first
}

// try calls a function with the additional buffer b. It returns "" if the effect on the
// bytes of b is want, and a description of the difference otherwise.
func (x *matrix) try(t *testing.T, column int, b sspi.SecBuffer, want fate, first bool) string {
	t.Helper()
	if column == 0 || column == 2 {
		return x.send(t, column == 2, b, want, first)
	}
	if want == signed || want == sealed {
		// The call detects a change of the bytes.
		if code, _ := x.receive(t, column, b, want, first, true); code != status.SEC_E_MESSAGE_ALTERED {
			return "changed bytes give " + code.String()
		}
	}
	code, d := x.receive(t, column, b, want, first, false)
	if want == refused {
		return differs(code, status.SEC_E_INVALID_TOKEN)
	}
	x.number++
	return differs(code, status.SEC_E_OK) + x.left(d, want, first)
}

func differs(got, want status.Code) string {
	if got != want {
		return got.String()
	}
	return ""
}

// left returns the difference between the additional buffer and want, or "".
func (x *matrix) left(d *sspi.SecBufferDesc, want fate, first bool) string {
	i := len(d.Buffers) - 1
	if first {
		i = 0
	}
	expected := extra
	if want == cutOff {
		expected = ""
	}
	if got := string(d.Buffers[i].Buffer); got != expected {
		return fmt.Sprintf("the buffer holds %q", got)
	}
	if got := string(d.Buffers[1].Buffer); got != main && want != cutOff {
		return fmt.Sprintf("the message is %q", got)
	}
	return ""
}

// arranged returns the buffers with b before or after DATA. TOKEN or STREAM is in the
// middle.
func arranged(b, data, token sspi.SecBuffer, first bool) *sspi.SecBufferDesc {
	if first {
		return buffers(b, data, token)
	}
	return buffers(token, data, b)
}

// covered returns the sealed and the signed content if the additional bytes have the effect
// want.
func covered(want fate, first bool) (sealedPart, signedPart string) {
	both := main + extra
	if first {
		both = extra + main
	}
	switch want {
	case sealed:
		return both, both
	case signed:
		return main, both
	}
	return main, main
}

func (x *matrix) send(t *testing.T, seal bool, b sspi.SecBuffer, want fate, first bool) string {
	t.Helper()
	room := make([]byte, 100)
	d := arranged(b, buffer(sspi.SECBUFFER_DATA, []byte(main)), buffer(sspi.SECBUFFER_TOKEN, room), first)
	var code status.Code
	if seal {
		code = sspi.EncryptMessage(&x.handle, 0, d, 0)
	} else {
		code = sspi.MakeSignature(&x.handle, 0, d, 0)
	}
	token, other := 2, 0
	if !first {
		token, other = 0, 2
	}
	if want == refused {
		if !bytes.Equal(room, make([]byte, 100)) {
			return "a token was made"
		}
		return differs(code, status.SEC_E_INVALID_TOKEN)
	}
	if code != status.SEC_E_OK {
		return code.String()
	}
	plain, all := covered(want, first)
	if !seal {
		if err := x.client.VerifyMIC([]byte(all), d.Buffers[token].Buffer); err != nil {
			return err.Error()
		}
		return x.left(d, want, first)
	}
	between := d.Buffers[1].Buffer
	switch rest := d.Buffers[other].Buffer; {
	case want == sealed && first:
		between = slices.Concat(rest, between)
	case want == sealed:
		between = slices.Concat(between, rest)
	case want == cutOff && len(rest) != 0 || want != cutOff && string(rest) != extra:
		return fmt.Sprintf("the buffer holds %q", rest)
	}
	openAssociated(t, x.client.Key(), d.Buffers[token].Buffer, between, []byte(plain), []byte(all))
	return ""
}

// receive passes a message of the client to a receiving function, with the additional bytes
// as they were signed, or changed.
func (x *matrix) receive(t *testing.T, column int, b sspi.SecBuffer, want fate, first, changed bool) (status.Code, *sspi.SecBufferDesc) {
	t.Helper()
	b.Buffer = bytes.Clone(b.Buffer)
	plain, all := covered(want, first)
	number := uint64(uint32(x.client.Request.Authenticator.SeqNumber)) + x.number
	if column == 1 {
		token := micOf(x.client.Key(), number, all)
		if changed {
			b.Buffer[0] ^= 1
		}
		d := arranged(b, buffer(sspi.SECBUFFER_DATA, []byte(main)), buffer(sspi.SECBUFFER_TOKEN, token), first)
		return sspi.VerifySignature(&x.handle, d, 0, nil), d
	}
	token, body := sealAssociated(t, x.client.Key(), false, number, []byte(plain), []byte(all))
	data := body
	if want == sealed {
		data, b.Buffer = body[:len(main):len(main)], body[len(main):]
		if first {
			b.Buffer, data = body[:len(extra):len(extra)], body[len(extra):]
		}
	}
	if changed {
		b.Buffer[0] ^= 1
	}
	holder := buffer(sspi.SECBUFFER_TOKEN, token)
	if column == 4 {
		holder, data = buffer(sspi.SECBUFFER_STREAM, slices.Concat(token, body)), nil
	}
	d := arranged(b, buffer(sspi.SECBUFFER_DATA, data), holder, first)
	return sspi.DecryptMessage(&x.handle, d, 0, nil), d
}

// micOf returns the client's MIC of a message, with a sequence number that the test
// chooses.
func micOf(key types.EncryptionKey, number uint64, text string) []byte {
	h := []byte{0x04, 0x04, krbtest.FlagAcceptorSubkey, 0xff, 0xff, 0xff, 0xff, 0xff}
	h = binary.BigEndian.AppendUint64(h, number)
	return append(h, krbtest.Checksum(key, keyusage.GSSAPI_INITIATOR_SIGN, append([]byte(text), h...)).Checksum...)
}
