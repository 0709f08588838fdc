package message_test

import (
	"bytes"
	"testing"

	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/internal/message"
	"github.com/gosspi/kerberos/internal/vectors"
	"github.com/gosspi/kerberos/status"

	"github.com/jcmturner/gokrb5/v8/types"
)

// published returns MIT's set of tokens, and a peer with their key.
func published(t *testing.T) (*peer, vectors.CFX, []byte) {
	t.Helper()
	set := vectors.Load(t).GSSMessages
	key := vectors.Hex(t, set.CFX.Key)
	p := newPeer(etype.ID(set.CFX.EType), func(params *message.Params) {
		params.Key, params.AcceptorSubkey, params.RecvSeq = key, false, 0
	})
	p.key = types.EncryptionKey{KeyType: set.CFX.EType, KeyValue: key}
	return p, set.CFX, vectors.Hex(t, set.Message)
}

// TestMSG_1_PublishedTokens checks that MIT's tokens verify, and that no token with a
// changed byte does.
func TestMSG_1_PublishedTokens(t *testing.T) {
	p, set, text := published(t)
	mic := vectors.Hex(t, set.MIC)
	if err := p.VerifyMIC(mic, text); err != nil {
		t.Errorf("MIC: %v", err)
	}
	for i := range mic {
		b := bytes.Clone(mic)
		b[i]++
		if err := p.VerifyMIC(b, text); status.ReasonOf(err) != status.ReasonMessageAltered {
			t.Errorf("MIC, byte %d: %v", i, err)
		}
	}
	for i := range text {
		b := bytes.Clone(text)
		b[i]++
		if err := p.VerifyMIC(mic, b); status.ReasonOf(err) != status.ReasonMessageAltered {
			t.Errorf("message, byte %d: %v", i, err)
		}
	}
	for name, row := range map[string]struct {
		token  string
		sealed bool
	}{"sealed": {set.WrapConfidential, true}, "signed": {set.WrapIntegrity, false}} {
		token := vectors.Hex(t, row.token)
		p.opensAs(t, token, string(text), row.sealed)
		p.reset()
		for i := range token {
			b := bytes.Clone(token)
			b[i]++
			p.refuses(t, name, b, status.ReasonMessageAltered, "")
		}
	}
}

// TestMSG_1_PublishedRefusals makes the invalid tokens that MIT's set describes.
func TestMSG_1_PublishedRefusals(t *testing.T) {
	p, set, text := published(t)
	if len(set.MustFail) != 5 {
		t.Fatalf("%d descriptions, want 5", len(set.MustFail))
	}
	h := p.header(true)
	three := h
	three.ec = 3
	five := h
	five.ec = 5
	sealed := func(h header, plain []byte) []byte {
		return append(h.bytes(), krbtest.Encrypt(p.random, p.key, initiatorSeal, plain)...)
	}
	altered, malformed := status.ReasonMessageAltered, status.ReasonMalformedToken
	for i, row := range []struct {
		token  []byte
		reason status.Reason
	}{
		{sealed(three, append(bytes.Clone(text), h.bytes()...)), altered},
		{sealed(h, []byte{'x'}), altered},
		{sealed(five, append([]byte("four"), five.bytes()...)), altered},
		{append([]byte{0x02, 0x01}, make([]byte, 30)...), altered},
		{[]byte{0x60, 0x88}, malformed},
	} {
		p.refuses(t, set.MustFail[i], row.token, row.reason, string(text))
	}
	p.opensAs(t, sealed(h, append(bytes.Clone(text), h.bytes()...)), string(text), true) // the valid token
}

// TestMSG_6_OtherFamilies checks that tokens of RFC 1964 and RFC 4757, and the deletion
// token of RFC 1964, are refused, and that the context continues.
func TestMSG_6_OtherFamilies(t *testing.T) {
	p, _, _ := published(t)
	tried := 0
	for _, row := range vectors.Load(t).GSSMessages.RFC1964 {
		for _, token := range []string{row.WrapIntegrity, row.WrapConfidential, row.MIC, row.BadPad} {
			b := vectors.Hex(t, token)
			p.refuses(t, row.Name, b, status.ReasonMessageAltered, "")
			if err := p.VerifyMIC(b); status.ReasonOf(err) != status.ReasonMessageAltered {
				t.Errorf("%s: %v", row.Name, err)
			}
			tried++
		}
	}
	if tried != 8 {
		t.Errorf("%d tokens, want 8", tried)
	}
	p.refuses(t, "deletion token", append([]byte{0x04, 0x05}, make([]byte, 26)...), status.ReasonMessageAltered, "")
	if _, _, err := p.Unwrap(nil, p.wrap("text", true, 0)); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
