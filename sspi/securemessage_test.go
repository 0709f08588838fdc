package sspi_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

const noEncrypt = sspi.SECQOP_WRAP_NO_ENCRYPT

// secured is an established context with its client, and the length of a
// checksum of its key's type.
type secured struct {
	handle sspi.CtxtHandle
	client *krbtest.Initiator
	sum    int
	dce    bool
}

// secureEach runs a test for each type of key, with DCE style and without.
func secureEach(t *testing.T, test func(t *testing.T, x *secured)) {
	for _, e := range []struct {
		etype keytab.EType
		sum   int
	}{{17, 12}, {18, 12}, {19, 16}, {20, 24}} {
		for _, inDCE := range []bool{false, true} {
			t.Run(fmt.Sprintf("etype %d, DCE style %v", e.etype, inDCE), func(t *testing.T) {
				s := newSite(t)
				style := nothing
				if inDCE {
					style = dce
				}
				h, client := s.establish(t, s.ofType(e.etype), style)
				test(t, &secured{h, client, e.sum, inDCE})
			})
		}
	}
}

// trailer returns the length of the TOKEN of a sealed message, and the values EC and RRC of
// its header (MS-KILE, Section 3.4.5.4.1).
func (x *secured) trailer() (length, ec, rrc int) {
	if x.dce {
		ec = 16
	}
	return 16 + 16 + 16 + x.sum + ec, ec, 16 + x.sum
}

func buffer(t sspi.SECBUFFER, b []byte) sspi.SecBuffer {
	return sspi.SecBuffer{BufferType: t, Buffer: b}
}

var texts = []string{"", "a", "fifteen bytes..", "sixteen bytes...", "seventeen bytes..", string(bytes.Repeat([]byte("long "), 1000))}

// TestEncrypt_Opens checks that TOKEN, followed by DATA, is a wrap token of RFC 4121,
// Section 4.2.6.2, which the client opens.
func TestEncrypt_Opens(t *testing.T) {
	secureEach(t, func(t *testing.T, x *secured) {
		for _, text := range texts {
			for _, qop := range []uint32{0, noEncrypt} {
				sizes := query[sspi.SecPkgContext_Sizes](t, x.handle, sspi.SECPKG_ATTR_SIZES)
				memory := []byte(text)
				d := buffers(buffer(sspi.SECBUFFER_TOKEN, make([]byte, sizes.SecurityTrailer)), buffer(sspi.SECBUFFER_DATA, memory), buffer(sspi.SECBUFFER_PADDING, make([]byte, sizes.BlockSize)))
				wantCode(t, "encrypt", sspi.EncryptMessage(&x.handle, qop, d, 0), status.SEC_E_OK)
				token, data, padding := d.Buffers[0].Buffer, d.Buffers[1].Buffer, d.Buffers[2].Buffer
				want, _, _ := x.trailer()
				if qop == noEncrypt {
					want = 16 + x.sum
				}
				if len(token) != want || len(data) != len(text) || len(padding) != 0 {
					t.Fatalf("TOKEN of %d bytes, DATA of %d, PADDING of %d; want %d, %d and none", len(token), len(data), len(padding), want, len(text))
				}
				if len(data) > 0 && &data[0] != &memory[0] {
					t.Error("DATA is not in the memory of the token")
				}
				if sealed := !bytes.Equal(memory, []byte(text)); sealed != (qop == 0) && len(text) > 1 {
					t.Errorf("fQOP %#x: the message is sealed: %v", qop, sealed)
				}
				got, conf, err := x.client.Unwrap(slices.Concat(token, data))
				if err != nil || string(got) != text || conf != (qop == 0) {
					t.Errorf("the client: %q, sealed %v, %v", got, conf, err)
				}
			}
		}
	})
}

// TestEncrypt_Needed checks that Needed is the room for the TOKEN if the buffer is too short,
// and that nothing is sealed then.
func TestEncrypt_Needed(t *testing.T) {
	secureEach(t, func(t *testing.T, x *secured) {
		memory := []byte("text")
		d := buffers(buffer(sspi.SECBUFFER_TOKEN, make([]byte, 8)), buffer(sspi.SECBUFFER_DATA, memory))
		wantCode(t, "a short TOKEN", sspi.EncryptMessage(&x.handle, 0, d, 0), status.SEC_E_BUFFER_TOO_SMALL)
		if want, _, _ := x.trailer(); d.Buffers[0].Needed != want || len(d.Buffers[0].Buffer) != 0 || string(memory) != "text" {
			t.Errorf("Needed %d, want %d; TOKEN of %d bytes, DATA %q", d.Buffers[0].Needed, want, len(d.Buffers[0].Buffer), memory)
		}
	})
}

// TestEncrypt_Places checks buffers in any order, with several DATA and with buffers that
// the call ignores. The memory between the buffers must stay unchanged.
func TestEncrypt_Places(t *testing.T) {
	const data, tok, padding = sspi.SECBUFFER_DATA, sspi.SECBUFFER_TOKEN, sspi.SECBUFFER_PADDING
	secureEach(t, func(t *testing.T, x *secured) {
		for name, list := range map[string][]sspi.SECBUFFER{
			"DATA first":    {data, tok},
			"three DATA":    {tok, data, data, data},
			"DATA around":   {data, tok, data},
			"others":        {sspi.SECBUFFER_EMPTY, tok, 5, data, padding},
			"READONLY":      {tok, data | sspi.SECBUFFER_READONLY, data, data | sspi.SECBUFFER_READONLY},
			"16 buffers":    {tok, data, data, data, data, data, data, data, data, data, data, data, data, data, data, padding},
			"PADDING first": {padding, data, tok},
		} {
			t.Run(name, func(t *testing.T) {
				// All buffers are in one array, with other bytes between them.
				const each, gap = 100, 7
				memory := bytes.Repeat([]byte{0xEE}, (each+gap)*len(list))
				d := &sspi.SecBufferDesc{}
				var text []byte
				for i, typ := range list {
					b := memory[i*(each+gap):][:each]
					if typ == data {
						b = b[:3*i+1] // different lengths, and spare capacity
						copy(b, bytes.Repeat([]byte{byte('a' + i)}, each))
						text = append(text, b...)
					}
					d.Buffers = append(d.Buffers, buffer(typ, b))
				}
				image := bytes.Clone(memory)
				wantCode(t, "encrypt", sspi.EncryptMessage(&x.handle, 0, d, 0), status.SEC_E_OK)
				var sent, token []byte
				for i, b := range d.Buffers {
					at, length := i*(each+gap), each
					switch list[i] {
					case data:
						sent = append(sent, b.Buffer...)
						copy(image[at:], b.Buffer)
						length = 3*i + 1
					case tok:
						token = b.Buffer
						length = copy(image[at:], b.Buffer)
					case padding:
						length = 0
					}
					if len(b.Buffer) != length {
						t.Errorf("buffer %d of type %#x has %d bytes", i, list[i], len(b.Buffer))
					}
				}
				if !bytes.Equal(memory, image) {
					t.Error("memory beside TOKEN and DATA was written")
				}
				got, conf, err := x.client.Unwrap(slices.Concat(token, sent))
				if err != nil || !bytes.Equal(got, text) || !conf {
					t.Errorf("the client: %q, sealed %v, %v; want %q", got, conf, err, text)
				}
			})
		}
	})
}

// TestDecrypt_Stream checks a whole token with each rotation. DATA refers to the memory of
// the token.
func TestDecrypt_Stream(t *testing.T) {
	secureEach(t, func(t *testing.T, x *secured) {
		for _, text := range texts {
			for _, conf := range []bool{true, false} {
				for _, rrc := range []int{0, 1, x.sum, 16 + x.sum, 65535} {
					token, err := x.client.WrapShaped([]byte(text), conf, krbtest.Shape{RRC: rrc})
					if err != nil {
						t.Fatal(err)
					}
					qop := uint32(0xAAAA)
					d := stream(token)
					wantCode(t, "decrypt", sspi.DecryptMessage(&x.handle, d, 0, &qop), status.SEC_E_OK)
					got := d.Buffers[1].Buffer
					if string(got) != text {
						t.Fatalf("RRC %d: %q, want %q", rrc, got, text)
					}
					if len(got) > 0 && !within(got, token) {
						t.Error("DATA lies outside the STREAM")
					}
					if want := map[bool]uint32{true: 0, false: noEncrypt}[conf]; qop != want {
						t.Errorf("pfQOP %#x, want %#x", qop, want)
					}
				}
			}
		}
	})
}

// TestDecrypt_StreamBuffers checks that the first writable DATA receives the message, that
// READONLY buffers stay unchanged, and that no other buffer seems to contain a part of the
// message.
func TestDecrypt_StreamBuffers(t *testing.T) {
	const data, str, stale = sspi.SECBUFFER_DATA, sspi.SECBUFFER_STREAM, "stale"
	secureEach(t, func(t *testing.T, x *secured) {
		for _, spoilt := range []bool{false, true} { // altered messages come last, because their numbers are missing afterwards
			for _, mark := range []sspi.SECBUFFER{sspi.SECBUFFER_READONLY, sspi.SECBUFFER_READONLY_WITH_CHECKSUM} {
				token, err := x.client.Wrap([]byte("attack at dawn"), true)
				if err != nil {
					t.Fatal(err)
				}
				want, code := "attack at dawn", status.SEC_E_OK
				if spoilt {
					token[20] ^= 1
					want, code = "", status.SEC_E_MESSAGE_ALTERED
				}
				was := bytes.Clone(token)
				d := buffers(buffer(str|mark, token), buffer(data|sspi.SECBUFFER_READONLY, []byte(stale)), buffer(data, []byte(stale)), buffer(data, []byte(stale)))
				wantCode(t, "decrypt", sspi.DecryptMessage(&x.handle, d, 0, nil), code)
				if !bytes.Equal(token, was) {
					t.Error("a READONLY STREAM was written")
				}
				for i, want := range []string{stale, want, ""} {
					if got := string(d.Buffers[1+i].Buffer); got != want {
						t.Errorf("DATA %d: %q, want %q", i, got, want)
					}
				}
			}
			d := buffers(buffer(str, []byte("token")), buffer(data|sspi.SECBUFFER_READONLY, []byte(stale)))
			wantCode(t, "no DATA to write", sspi.DecryptMessage(&x.handle, d, 0, nil), status.SEC_E_INVALID_TOKEN)
		}
	})
}

// within reports whether a is in the memory of b.
func within(a, b []byte) bool {
	for i := range b {
		if &b[i] == &a[0] {
			return len(a) <= len(b)-i
		}
	}
	return false
}

// detached returns a message of the client in the form of EncryptMessage, as TOKEN and
// DATA.
func (x *secured) detached(t *testing.T, text string, conf bool) (token, data []byte) {
	t.Helper()
	n, ec, rrc := x.trailer()
	if !conf {
		n, ec, rrc = 16+x.sum, 0, x.sum
	}
	b, err := x.client.WrapShaped([]byte(text), conf, krbtest.Shape{EC: ec, RRC: rrc})
	if err != nil {
		t.Fatal(err)
	}
	return b[:n:n], b[n:]
}

// TestDecrypt_Detached checks that DecryptMessage decrypts TOKEN and DATA in place.
func TestDecrypt_Detached(t *testing.T) {
	const data, tok = sspi.SECBUFFER_DATA, sspi.SECBUFFER_TOKEN
	secureEach(t, func(t *testing.T, x *secured) {
		for _, text := range texts {
			for _, conf := range []bool{true, false} {
				for _, cuts := range [][]int{{}, {0}, {len(text)}, {len(text) / 3, len(text) / 2}} {
					token, sealed := x.detached(t, text, conf)
					d := buffers(buffer(tok, token))
					at := 0
					for _, cut := range append(cuts, len(text)) {
						d.Buffers = append(d.Buffers, buffer(data, sealed[at:cut:cut]))
						at = cut
					}
					d.Buffers = append(d.Buffers, buffer(sspi.SECBUFFER_PADDING, nil))
					qop := uint32(0xAAAA)
					wantCode(t, "decrypt", sspi.DecryptMessage(&x.handle, d, 0, &qop), status.SEC_E_OK)
					var got []byte
					for _, b := range d.Buffers {
						if b.BufferType == data {
							got = append(got, b.Buffer...)
						}
					}
					if string(got) != text || string(sealed) != text {
						t.Fatalf("%d buffers: %q, want %q in the same memory", len(cuts)+1, got, text)
					}
					if want := map[bool]uint32{true: 0, false: noEncrypt}[conf]; qop != want {
						t.Errorf("pfQOP %#x, want %#x", qop, want)
					}
				}
			}
		}
		// Without pfQOP, and with the buffers in another order.
		token, sealed := x.detached(t, "text", true)
		d := buffers(buffer(data, sealed), buffer(tok|sspi.SECBUFFER_READONLY, token))
		wantCode(t, "decrypt", sspi.DecryptMessage(&x.handle, d, 0, nil), status.SEC_E_OK)
		if string(sealed) != "text" {
			t.Errorf("%q", sealed)
		}
	})
}

func TestSignature_BothWays(t *testing.T) {
	const data, tok = sspi.SECBUFFER_DATA, sspi.SECBUFFER_TOKEN
	secureEach(t, func(t *testing.T, x *secured) {
		for _, text := range texts {
			half := len(text) / 2
			room := bytes.Repeat([]byte{0xEE}, 100)
			d := buffers(buffer(data, []byte(text[:half])), buffer(tok, room[:16+x.sum:100]), buffer(data|sspi.SECBUFFER_READONLY, []byte("left out")), buffer(data|sspi.SECBUFFER_READONLY_WITH_CHECKSUM, []byte(text[half:])))
			wantCode(t, "sign", sspi.MakeSignature(&x.handle, 0, d, 7), status.SEC_E_OK)
			if err := x.client.VerifyMIC([]byte(text), d.Buffers[1].Buffer); err != nil {
				t.Errorf("the client: %v", err)
			}
			if !bytes.Equal(room[16+x.sum:], bytes.Repeat([]byte{0xEE}, 100-16-x.sum)) {
				t.Error("memory after the token was written")
			}

			mic, err := x.client.GetMIC([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			qop := uint32(0xAAAA)
			d.Buffers[1].Buffer = mic
			wantCode(t, "verify", sspi.VerifySignature(&x.handle, d, 7, &qop), status.SEC_E_OK)
			if qop != 0 {
				t.Errorf("pfQOP %#x", qop)
			}
		}
	})
}

// TestSignature_IsNoSignedMessage checks that a MIC is not accepted as a signed message,
// and a signed message not as a MIC.
func TestSignature_IsNoSignedMessage(t *testing.T) {
	s := newSite(t)
	h, client := s.establish(t, asking(flags.GSS_C_MUTUAL_FLAG|flags.GSS_C_INTEG_FLAG))
	mic, _ := client.GetMIC([]byte("text"))
	wantCode(t, "decrypt a signature", sspi.DecryptMessage(&h, message("text", mic), 0, nil), status.SEC_E_MESSAGE_ALTERED)
	x := &secured{handle: h, client: client, sum: 12}
	token, data := x.detached(t, "text", false)
	wantCode(t, "verify a signed message", sspi.VerifySignature(&h, message(string(data), token), 0, nil), status.SEC_E_MESSAGE_ALTERED)
}

// TestEncrypt_ReadonlyPadding checks that the message is a whole token, and that the call
// writes to no marked buffer.
func TestEncrypt_ReadonlyPadding(t *testing.T) {
	secureEach(t, func(t *testing.T, x *secured) {
		memory := []byte{1, 2, 3, 4}
		d := buffers(buffer(sspi.SECBUFFER_TOKEN, make([]byte, 200)), buffer(sspi.SECBUFFER_DATA, []byte("text")),
			buffer(sspi.SECBUFFER_PADDING|sspi.SECBUFFER_READONLY, memory))
		wantCode(t, "encrypt", sspi.EncryptMessage(&x.handle, 0, d, 0), status.SEC_E_OK)
		if string(memory) != "\x01\x02\x03\x04" {
			t.Errorf("the memory is %x", memory)
		}
		var whole []byte
		for _, b := range d.Buffers {
			whole = append(whole, b.Buffer...)
		}
		if x.dce {
			return // in DCE style the message is not a token of gss_wrap
		}
		if _, _, err := x.client.Unwrap(whole); err != nil {
			t.Error(err)
		}
	})
}

// TestDecrypt_ReadonlyToken checks that DecryptMessage decrypts a read-only TOKEN in a
// copy.
func TestDecrypt_ReadonlyToken(t *testing.T) {
	secureEach(t, func(t *testing.T, x *secured) {
		token, data := x.detached(t, "text", true)
		was := bytes.Clone(token)
		d := buffers(buffer(sspi.SECBUFFER_TOKEN|sspi.SECBUFFER_READONLY, token), buffer(sspi.SECBUFFER_DATA, data))
		wantCode(t, "decrypt", sspi.DecryptMessage(&x.handle, d, 0, nil), status.SEC_E_OK)
		if !bytes.Equal(was, token) {
			t.Error("a READONLY TOKEN was written")
		}
	})
}

// TestDecrypt_Padding checks that bytes in PADDING are not part of a message, because AES
// has no padding.
func TestDecrypt_Padding(t *testing.T) {
	secureEach(t, func(t *testing.T, x *secured) {
		token, data := x.detached(t, "text", true)
		d := buffers(buffer(sspi.SECBUFFER_TOKEN, token), buffer(sspi.SECBUFFER_DATA, data), buffer(sspi.SECBUFFER_PADDING, []byte{1}))
		wantCode(t, "decrypt", sspi.DecryptMessage(&x.handle, d, 0, nil), status.SEC_E_OK)
		if string(data) != "text" {
			t.Errorf("%q", data)
		}
	})
}
