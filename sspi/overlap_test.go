package sspi_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// TestMessages_SchannelBuffers checks that the message functions refuse the buffers of a
// TLS record and leave them unchanged.
func TestMessages_SchannelBuffers(t *testing.T) {
	h, client := newSite(t).establish(t)
	header, text, trailer := make([]byte, 100), []byte("text"), make([]byte, 100)
	d := buffers(
		buffer(7, header), buffer(sspi.SECBUFFER_DATA, text),
		buffer(6, trailer), buffer(sspi.SECBUFFER_EMPTY, nil),
	)
	wantCode(t, "encrypt", sspi.EncryptMessage(&h, 0, d, 0), status.SEC_E_INVALID_TOKEN)
	wantCode(t, "sign", sspi.MakeSignature(&h, 0, d, 0), status.SEC_E_INVALID_TOKEN)
	wantCode(t, "verify", sspi.VerifySignature(&h, d, 0, nil), status.SEC_E_INVALID_TOKEN)
	if string(d.Buffers[1].Buffer) != "text" || len(d.Buffers[0].Buffer) != 100 || len(d.Buffers[2].Buffer) != 100 {
		t.Errorf("buffers %+v", d.Buffers)
	}
	wantCode(t, "decrypt", sspi.DecryptMessage(&h, d, 0, nil), status.SEC_E_INVALID_TOKEN)

	// Beside a TOKEN they are ignored.
	d.Buffers[1].Buffer = text
	d.Buffers = append(d.Buffers, buffer(sspi.SECBUFFER_TOKEN, make([]byte, 100)))
	wantCode(t, "encrypt with a TOKEN", sspi.EncryptMessage(&h, 0, d, 0), status.SEC_E_OK)
	got, _, err := client.Unwrap(append(bytes.Clone(d.Buffers[4].Buffer), d.Buffers[1].Buffer...))
	if err != nil || string(got) != "text" || !bytes.Equal(header, make([]byte, 100)) || !bytes.Equal(trailer, header) {
		t.Errorf("%q, %v, header %x, trailer %x", got, err, header, trailer)
	}
}

// TestDecrypt_OtherFiller checks that a message opens with the filler of the other style
// too, because its sealed header contains the length of the filler (RFC 4121, Section
// 4.2.4).
func TestDecrypt_OtherFiller(t *testing.T) {
	secureEach(t, func(t *testing.T, x *secured) {
		_, usual, _ := x.trailer()
		for _, ec := range []int{0, 1, 16, 17, 200} {
			rrc := 16 + x.sum // in DCE style RRC does not count the filler (MS-KILE, Section 3.4.5.4.1)
			if !x.dce {
				rrc += ec
			}
			b, err := x.client.WrapShaped([]byte("some text"), true, krbtest.Shape{EC: ec, RRC: rrc})
			if err != nil {
				t.Fatal(err)
			}
			const rrcAt = 6
			if !x.dce && ec%2 == 0 { // Windows does not count it without DCE style either
				binary.BigEndian.PutUint16(b[rrcAt:], uint16(16+x.sum))
			}
			token, data := b[:48+x.sum+ec:48+x.sum+ec], b[48+x.sum+ec:]
			d := buffers(buffer(sspi.SECBUFFER_TOKEN, token), buffer(sspi.SECBUFFER_DATA, data))
			wantCode(t, fmt.Sprintf("filler of %d, usually %d", ec, usual), sspi.DecryptMessage(&x.handle, d, 0, nil), status.SEC_E_OK)
			if string(data) != "some text" {
				t.Errorf("filler of %d: %q", ec, data)
			}
		}
		for _, change := range []int{4, 5} { // the two bytes of EC
			token, data := x.detached(t, "some text", true)
			token[change] ^= 1
			d := buffers(buffer(sspi.SECBUFFER_TOKEN, token), buffer(sspi.SECBUFFER_DATA, data))
			wantCode(t, "another EC in clear", sspi.DecryptMessage(&x.handle, d, 0, nil), status.SEC_E_MESSAGE_ALTERED)
		}
	})
}

// overlaps are positions of a TOKEN, three DATA and a PADDING in 256 bytes.
var overlaps = map[string][5][2]int{ // from, to
	"DATA twice":                       {{0, 100}, {100, 150}, {100, 150}, {200, 210}, {255, 256}},
	"DATA over DATA":                   {{0, 100}, {100, 160}, {101, 161}, {150, 210}, {255, 256}},
	"DATA backwards":                   {{0, 100}, {200, 250}, {175, 225}, {150, 200}, {255, 256}},
	"DATA within DATA":                 {{0, 100}, {100, 250}, {120, 130}, {130, 131}, {255, 256}},
	"TOKEN over DATA":                  {{50, 150}, {100, 160}, {160, 170}, {170, 180}, {255, 256}},
	"DATA over TOKEN":                  {{100, 200}, {60, 110}, {160, 170}, {170, 180}, {255, 256}},
	"DATA within TOKEN":                {{0, 200}, {16, 32}, {32, 48}, {48, 76}, {255, 256}},
	"TOKEN within DATA":                {{20, 120}, {0, 256}, {0, 0}, {256, 256}, {255, 256}},
	"all of it, five times":            {{0, 256}, {0, 256}, {0, 256}, {0, 256}, {0, 256}},
	"PADDING over all, DATA one apart": {{0, 100}, {100, 132}, {101, 133}, {102, 134}, {0, 256}},
}

// TestMessages_Overlap passes buffers that overlap. The result is not defined, but no
// function panics or writes outside the buffers, no altered message is accepted, and the
// context continues.
func TestMessages_Overlap(t *testing.T) {
	const data, checksum, readonly = sspi.SECBUFFER_DATA, sspi.SECBUFFER_READONLY_WITH_CHECKSUM, sspi.SECBUFFER_READONLY
	secureEach(t, func(t *testing.T, x *secured) {
		text := bytes.Repeat([]byte("0123456789abcdef"), 16)
		wrapped, err := x.client.Wrap(text, true)
		if err != nil {
			t.Fatal(err)
		}
		mic, err := x.client.GetMIC(text[:60])
		if err != nil {
			t.Fatal(err)
		}
		for name, at := range overlaps {
			for _, attributes := range []sspi.SECBUFFER{0, checksum, readonly} { // the attributes of the second DATA
				const margin = 16
				memory := bytes.Repeat([]byte{0xEE}, 256+2*margin)
				lay := func(content []byte) *sspi.SecBufferDesc {
					m := memory[margin:][:256:256]
					copy(m, content)
					d := &sspi.SecBufferDesc{}
					for i, typ := range []sspi.SECBUFFER{sspi.SECBUFFER_TOKEN, data, data | attributes, data, sspi.SECBUFFER_PADDING} {
						d.Buffers = append(d.Buffers, buffer(typ, m[at[i][0]:at[i][1]]))
					}
					return d
				}
				wantCode(t, name+": encrypt", sspi.EncryptMessage(&x.handle, 0, lay(text), 0), status.SEC_E_OK)
				wantCode(t, name+": sign by wrapping", sspi.EncryptMessage(&x.handle, noEncrypt, lay(text), 0), status.SEC_E_OK)
				wantCode(t, name+": sign", sspi.MakeSignature(&x.handle, 0, lay(text), 0), status.SEC_E_OK)

				for _, content := range [][]byte{text, wrapped, mic} { // the content of the 256 bytes
					d := lay(content)
					if code := sspi.DecryptMessage(&x.handle, d, 0, nil); !code.IsError() {
						t.Errorf("%s: decrypted %v", name, d.Buffers)
					}
					if code := sspi.VerifySignature(&x.handle, lay(content), 0, nil); !code.IsError() {
						t.Errorf("%s: verified", name)
					}
				}
				if beside := append(memory[:margin:margin], memory[margin+256:]...); !bytes.Equal(beside, bytes.Repeat([]byte{0xEE}, 2*margin)) {
					t.Errorf("%s: memory beside the buffers was written", name)
				}
			}
		}
		// Set the client's sequence number back by two, as if the client had sent nothing.
		again, err := x.client.WrapShaped(text, true, krbtest.Shape{Skip: ^uint64(1)})
		if err != nil {
			t.Fatal(err)
		}
		wantCode(t, "a message", sspi.DecryptMessage(&x.handle, stream(again), 0, nil), status.SEC_E_OK)
	})
}

// TestSignature_RepeatedData checks that a message may contain the same memory several
// times, because MakeSignature and VerifySignature only read it.
func TestSignature_RepeatedData(t *testing.T) {
	h, client := newSite(t).establish(t)
	text := []byte("again ")
	d := buffers(buffer(sspi.SECBUFFER_DATA, text), buffer(sspi.SECBUFFER_TOKEN, make([]byte, 100)), buffer(sspi.SECBUFFER_DATA, text), buffer(sspi.SECBUFFER_DATA, text[:5]))
	wantCode(t, "sign", sspi.MakeSignature(&h, 0, d, 0), status.SEC_E_OK)
	if err := client.VerifyMIC([]byte("again again again"), d.Buffers[1].Buffer); err != nil {
		t.Errorf("the client: %v", err)
	}
}
