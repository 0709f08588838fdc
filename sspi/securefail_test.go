package sspi_test

import (
	"bytes"
	"testing"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// TestMessages_Statuses checks the codes of the message functions for invalid calls. TOKEN
// and DATA never keep content that a caller could use as a result.
func TestMessages_Statuses(t *testing.T) {
	const data, tok = sspi.SECBUFFER_DATA, sspi.SECBUFFER_TOKEN
	const readonly = data | sspi.SECBUFFER_READONLY
	bytes100 := func() []byte { return make([]byte, 100) }
	both := func() *sspi.SecBufferDesc { return message("text", bytes100()) }
	for _, row := range []struct {
		name string
		qop  uint32
		d    *sspi.SecBufferDesc
		// SEC_E_OK means a valid call. Verify and Decrypt then return another code, because
		// TOKEN contains zeros here.
		sign, verify, encrypt, decrypt status.Code
	}{
		{"right", 0, both(), good, altered, good, altered},
		{"signing alone", noEncrypt, both(), noQOP, altered, good, altered},
		{"fQOP 1", 1, both(), noQOP, altered, noQOP, altered},
		{"fQOP 0x80000000", 0x80000000, both(), noQOP, altered, noQOP, altered},
		{"out of band", 0x40000000, both(), noQOP, altered, noQOP, altered},
		{"all of fQOP", 0xFFFFFFFF, both(), noQOP, altered, noQOP, altered},
		{"no DATA", 0, buffers(buffer(tok, bytes100())), badToken, badToken, badToken, badToken},
		{"no TOKEN", 0, buffers(buffer(data, []byte("text"))), badToken, badToken, badToken, badToken},
		{"no buffers", 0, buffers(), badToken, badToken, badToken, badToken},
		{"nil", 0, nil, badToken, badToken, badToken, badToken},
		{"version 1", 0, &sspi.SecBufferDesc{Version: 1, Buffers: both().Buffers}, badToken, badToken, badToken, badToken},
		{"17 buffers", 0, &sspi.SecBufferDesc{Buffers: append(both().Buffers, make([]sspi.SecBuffer, 15)...)}, badToken, badToken, badToken, badToken},
		{"only READONLY", 0, buffers(buffer(tok, bytes100()), buffer(readonly, []byte("text"))), good, altered, good, altered},
		{"STREAM without DATA", 0, buffers(buffer(sspi.SECBUFFER_STREAM, bytes100())), badToken, badToken, badToken, badToken},
	} {
		t.Run(row.name, func(t *testing.T) {
			h, _ := newSite(t).establish(t)
			qop := uint32(0xAAAA)
			for _, call := range []struct {
				name string
				want status.Code
				call func(d *sspi.SecBufferDesc) status.Code
				cut  sspi.SECBUFFER
			}{
				{"sign", row.sign, func(d *sspi.SecBufferDesc) status.Code { return sspi.MakeSignature(&h, row.qop, d, 0) }, tok},
				{"verify", row.verify, func(d *sspi.SecBufferDesc) status.Code { return sspi.VerifySignature(&h, d, 0, &qop) }, 0},
				{"encrypt", row.encrypt, func(d *sspi.SecBufferDesc) status.Code { return sspi.EncryptMessage(&h, row.qop, d, 0) }, tok},
				{"decrypt", row.decrypt, func(d *sspi.SecBufferDesc) status.Code { return sspi.DecryptMessage(&h, d, 0, &qop) }, data},
			} {
				d := cloneDesc(row.d)
				wantCode(t, call.name, call.call(d), call.want)
				if d == nil || !call.want.IsError() {
					continue
				}
				for i, b := range d.Buffers {
					if was := len(row.d.Buffers[i].Buffer); b.BufferType == call.cut && len(b.Buffer) != 0 || b.BufferType != call.cut && len(b.Buffer) != was {
						t.Errorf("%s: buffer %d has %d bytes, had %d", call.name, i, len(b.Buffer), was)
					}
				}
			}
			if qop != 0xAAAA {
				t.Errorf("pfQOP was written: %#x", qop)
			}
		})
	}
}

const (
	altered  = status.SEC_E_MESSAGE_ALTERED
	badToken = status.SEC_E_INVALID_TOKEN
	noQOP    = status.SEC_E_QOP_NOT_SUPPORTED
)

func cloneDesc(d *sspi.SecBufferDesc) *sspi.SecBufferDesc {
	if d == nil {
		return nil
	}
	c := &sspi.SecBufferDesc{Version: d.Version}
	for _, b := range d.Buffers {
		c.Buffers = append(c.Buffers, sspi.SecBuffer{BufferType: b.BufferType, Buffer: bytes.Clone(b.Buffer)})
	}
	return c
}

// TestMessages_NotNegotiated checks that the message functions refuse a protection that the
// client did not request.
func TestMessages_NotNegotiated(t *testing.T) {
	for _, row := range []struct {
		gss        flags.GSS
		sign, seal status.Code
	}{
		{0, noQOP, noQOP},
		{flags.GSS_C_IDENTIFY_FLAG, noQOP, noQOP},
		{flags.GSS_C_INTEG_FLAG, good, noQOP},
		{flags.GSS_C_REPLAY_FLAG, good, noQOP},
		{flags.GSS_C_SEQUENCE_FLAG, good, noQOP},
		{flags.GSS_C_CONF_FLAG, good, good},
	} {
		t.Run(row.gss.String(), func(t *testing.T) {
			h, client := newSite(t).establish(t, asking(row.gss|flags.GSS_C_MUTUAL_FLAG))
			x := standing{client: client}
			d := message("text", make([]byte, 100))
			wantCode(t, "sign", sspi.MakeSignature(&h, 0, d, 0), row.sign)
			if row.sign != good && len(d.Buffers[0].Buffer) != 0 {
				t.Error("there is a signature")
			}
			wantCode(t, "verify", sspi.VerifySignature(&h, message("text", x.mic("text")), 0, nil), row.sign)
			wantCode(t, "encrypt, signing", sspi.EncryptMessage(&h, noEncrypt, message("text", make([]byte, 100)), 0), row.sign)
			d = message("text", make([]byte, 100))
			wantCode(t, "encrypt", sspi.EncryptMessage(&h, 0, d, 0), row.seal)
			if row.seal != good && (len(d.Buffers[0].Buffer) != 0 || string(d.Buffers[1].Buffer) != "text") {
				t.Errorf("TOKEN of %d bytes, DATA %q", len(d.Buffers[0].Buffer), d.Buffers[1].Buffer)
			}
			// A client may seal a message without having requested it; pfQOP shows that.
			d = stream(x.wrap("text"))
			wantCode(t, "decrypt", sspi.DecryptMessage(&h, d, 0, nil), row.sign)
			if opened := len(d.Buffers[1].Buffer) != 0; opened != (row.sign == good) {
				t.Errorf("DATA %q", d.Buffers[1].Buffer)
			}
			// The Go API protects messages in every case.
			if token, err := h.Context().Wrap(nil, []byte("text"), true); err != nil {
				t.Errorf("Wrap: %v", err)
			} else if got, conf, err := client.Unwrap(token); string(got) != "text" || !conf && err == nil {
				t.Errorf("the client: %q, %v, %v", got, conf, err)
			}
		})
	}
}

// TestMessages_TooSmall checks that a buffer of Needed bytes is enough and a shorter one is
// not. A call with a shorter buffer changes nothing and uses up no sequence number.
func TestMessages_TooSmall(t *testing.T) {
	secureEach(t, func(t *testing.T, x *secured) {
		sealed, _, _ := x.trailer()
		for _, row := range []struct {
			name   string
			needed int
			call   func(d *sspi.SecBufferDesc) status.Code
			check  func(d *sspi.SecBufferDesc) error
		}{
			{"sign", 16 + x.sum, func(d *sspi.SecBufferDesc) status.Code { return sspi.MakeSignature(&x.handle, 0, d, 0) }, func(d *sspi.SecBufferDesc) error {
				return x.client.VerifyMIC([]byte("text"), d.Buffers[0].Buffer)
			}},
			{"encrypt", sealed, func(d *sspi.SecBufferDesc) status.Code { return sspi.EncryptMessage(&x.handle, 0, d, 0) }, x.unwrap},
			{"encrypt, signing", 16 + x.sum, func(d *sspi.SecBufferDesc) status.Code { return sspi.EncryptMessage(&x.handle, noEncrypt, d, 0) }, x.unwrap},
		} {
			for _, room := range []int{row.needed - 1, 1, 0} {
				d := message("text", make([]byte, room, 200))
				wantCode(t, row.name, row.call(d), status.SEC_E_BUFFER_TOO_SMALL)
				b := d.Buffers[0]
				if b.Needed != row.needed || len(b.Buffer) != 0 || !bytes.Equal(b.Buffer[:200], make([]byte, 200)) || string(d.Buffers[1].Buffer) != "text" {
					t.Fatalf("%s: Needed %d, want %d; %d bytes of TOKEN, DATA %q", row.name, b.Needed, row.needed, len(b.Buffer), d.Buffers[1].Buffer)
				}
				d.Buffers[0].Buffer = make([]byte, b.Needed)
				wantCode(t, row.name, row.call(d), status.SEC_E_OK)
				if err := row.check(d); err != nil { // the client also checks the sequence number
					t.Errorf("%s: the client: %v", row.name, err)
				}
				if d.Buffers[0].Needed != 0 {
					t.Errorf("%s: Needed %d after success", row.name, d.Buffers[0].Needed)
				}
			}
		}
	})
}

func (x *secured) unwrap(d *sspi.SecBufferDesc) error {
	_, _, err := x.client.Unwrap(append(bytes.Clone(d.Buffers[0].Buffer), d.Buffers[1].Buffer...))
	return err
}

// TestMSG_11_AlteredMessages checks that a change of any bit of token or message is
// detected, and that no memory of the call then contains the message.
func TestMSG_11_AlteredMessages(t *testing.T) {
	const text = "attack at dawn, or rather at noon"
	secureEach(t, func(t *testing.T, x *secured) {
		for _, conf := range []bool{true, false} {
			token, data := x.detached(t, text, conf)
			whole := append(bytes.Clone(token), data...)
			for i := range whole {
				if i == 6 || i == 7 {
					continue // RRC is not protected: see below
				}
				b := bytes.Clone(whole)
				b[i] ^= 0x10
				n := len(token)
				d := message("", b[:n])
				d.Buffers[1].Buffer = b[n:]
				wantCode(t, "detached", sspi.DecryptMessage(&x.handle, d, 0, nil), status.SEC_E_MESSAGE_ALTERED)
				x.nothingLeft(t, d, b, text, conf)
				b = bytes.Clone(whole)
				b[i] ^= 0x10
				d = stream(b)
				wantCode(t, "stream", sspi.DecryptMessage(&x.handle, d, 0, nil), status.SEC_E_MESSAGE_ALTERED)
				x.nothingLeft(t, d, b, text, conf)
			}
			for n := range whole {
				want := status.SEC_E_MESSAGE_ALTERED
				if n < 16 {
					want = status.SEC_E_INVALID_TOKEN
				}
				b := bytes.Clone(whole[:n])
				d := stream(b)
				wantCode(t, "cut stream", sspi.DecryptMessage(&x.handle, d, 0, nil), want)
				x.nothingLeft(t, d, b, text, conf)
			}
			d := stream(whole) // the unchanged message is accepted, because its number is not used up
			wantCode(t, "the message itself", sspi.DecryptMessage(&x.handle, d, 0, nil), status.SEC_E_OK)
			if string(d.Buffers[1].Buffer) != text {
				t.Errorf("%q", d.Buffers[1].Buffer)
			}
		}
	})
}

// TestMSG_11_AlteredSignatures checks that a change of any bit of MIC or message is
// detected, and likewise a MIC of another length.
func TestMSG_11_AlteredSignatures(t *testing.T) {
	const text = "attack at dawn"
	secureEach(t, func(t *testing.T, x *secured) {
		mic := standing{client: x.client}.mic(text)
		verify := func(text string, mic []byte) status.Code {
			return sspi.VerifySignature(&x.handle, message(text, mic), 0, nil)
		}
		for i := range mic {
			b := bytes.Clone(mic)
			b[i] ^= 0x10
			wantCode(t, "signature", verify(text, b), status.SEC_E_MESSAGE_ALTERED)
		}
		for i := range text {
			b := []byte(text)
			b[i] ^= 1
			wantCode(t, "message", verify(string(b), mic), status.SEC_E_MESSAGE_ALTERED)
		}
		for n := range mic {
			want := status.SEC_E_MESSAGE_ALTERED
			if n < 16 {
				want = status.SEC_E_INVALID_TOKEN
			}
			wantCode(t, "cut signature", verify(text, mic[:n]), want)
		}
		wantCode(t, "longer signature", verify(text, append(bytes.Clone(mic), 0)), status.SEC_E_MESSAGE_ALTERED)
		wantCode(t, "shorter message", verify(text[1:], mic), status.SEC_E_MESSAGE_ALTERED)
		wantCode(t, "the signature itself", verify(text, mic), status.SEC_E_OK)
	})
}

// nothingLeft checks that DATA is empty and, if the message was sealed, that no memory
// contains its text.
func (x *secured) nothingLeft(t *testing.T, d *sspi.SecBufferDesc, memory []byte, text string, sealed bool) {
	t.Helper()
	if len(d.Buffers[1].Buffer) != 0 {
		t.Errorf("DATA of %d bytes", len(d.Buffers[1].Buffer))
	}
	if sealed && bytes.Contains(memory[:cap(memory)], []byte(text[8:16])) {
		t.Error("the memory contains the message")
	}
}

// TestMSG_10_SealedOrNot checks that a signed message is never reported as sealed.
func TestMSG_10_SealedOrNot(t *testing.T) {
	h, client := newSite(t).establish(t)
	for _, conf := range []bool{true, false} {
		token, _ := client.Wrap([]byte("text"), conf)
		var qop uint32
		wantCode(t, "decrypt", sspi.DecryptMessage(&h, stream(token), 0, &qop), status.SEC_E_OK)
		if (qop == 0) != conf {
			t.Errorf("sealed %v: pfQOP %#x", conf, qop)
		}
	}
}

// TestREFL_2_OwnMessages checks that the context refuses its own messages.
func TestREFL_2_OwnMessages(t *testing.T) {
	h, _ := newSite(t).establish(t)
	d := message("text", make([]byte, 100))
	wantCode(t, "sign", sspi.MakeSignature(&h, 0, d, 0), status.SEC_E_OK)
	wantCode(t, "verify our own", sspi.VerifySignature(&h, d, 0, nil), status.SEC_E_MESSAGE_ALTERED)
	for _, qop := range []uint32{0, noEncrypt} {
		d = message("text", make([]byte, 100))
		wantCode(t, "encrypt", sspi.EncryptMessage(&h, qop, d, 0), status.SEC_E_OK)
		whole := append(bytes.Clone(d.Buffers[0].Buffer), d.Buffers[1].Buffer...)
		wantCode(t, "decrypt our own", sspi.DecryptMessage(&h, d, 0, nil), status.SEC_E_MESSAGE_ALTERED)
		wantCode(t, "decrypt our own as a stream", sspi.DecryptMessage(&h, stream(whole), 0, nil), status.SEC_E_MESSAGE_ALTERED)
	}
}

// TestREFL_2_OtherContexts checks that the context refuses messages of another context of
// the same client.
func TestREFL_2_OtherContexts(t *testing.T) {
	s := newSite(t)
	h, _ := s.establish(t)
	_, other := s.establish(t)
	wrapped, _ := other.Wrap([]byte("text"), true)
	wantCode(t, "decrypt", sspi.DecryptMessage(&h, stream(wrapped), 0, nil), status.SEC_E_MESSAGE_ALTERED)
	mic, _ := other.GetMIC([]byte("text"))
	wantCode(t, "verify", sspi.VerifySignature(&h, message("text", mic), 0, nil), status.SEC_E_MESSAGE_ALTERED)
}

// TestMessages_SequenceNumbersIgnored checks that MessageSeqNo has no effect.
func TestMessages_SequenceNumbersIgnored(t *testing.T) {
	h, client := newSite(t).establish(t)
	for _, n := range []uint32{0, 0, 7, 0xFFFFFFFF, 3} {
		d := message("text", make([]byte, 100))
		wantCode(t, "sign", sspi.MakeSignature(&h, 0, d, n), status.SEC_E_OK)
		if err := client.VerifyMIC([]byte("text"), d.Buffers[0].Buffer); err != nil {
			t.Errorf("the client: %v", err)
		}
		wantCode(t, "verify", sspi.VerifySignature(&h, message("text", standing{client: client}.mic("text")), n, nil), status.SEC_E_OK)
	}
}
