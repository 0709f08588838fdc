package interop

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/gssapi"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/spnego"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// These are flags of a message token (RFC 4121, Section 4.2.2).
const (
	byAcceptor     = 1
	sealedFlag     = 2
	acceptorSubkey = 4
)

// gokrb5Messages is the initiator's side of an established context, with gokrb5.
type gokrb5Messages struct {
	key       types.EncryptionKey
	flags     byte // of the client's tokens
	out, back uint64
}

// established checks the acceptor's reply by RFC 4121 and RFC 4120, Section 3.2.4.
func (p *gokrb5Peer) established(t *testing.T, tok *spnego.KRB5Token, reply []byte, gss int) *gokrb5Messages {
	t.Helper()
	auth := &tok.APReq.Authenticator
	m := &gokrb5Messages{key: p.session, out: uint64(auth.SeqNumber), back: uint64(auth.SeqNumber)}
	if auth.SubKey.KeyType != 0 {
		m.key = auth.SubKey
	}
	if gss&gssMutual == 0 {
		if len(reply) != 0 {
			t.Fatalf("an unexpected reply: %x", reply)
		}
		return m
	}
	var answer spnego.KRB5Token
	if err := answer.Unmarshal(reply); err != nil || !answer.IsAPRep() {
		t.Fatalf("the answer is no AP-REP: %v", err)
	}
	plain, err := crypto.DecryptEncPart(answer.APRep.EncPart, p.session, keyusage.AP_REP_ENCPART)
	if err != nil {
		t.Fatal(err)
	}
	var part messages.EncAPRepPart
	if err := part.Unmarshal(plain); err != nil {
		t.Fatal(err)
	}
	if !part.CTime.Equal(auth.CTime) || part.Cusec != auth.Cusec {
		t.Errorf("the answer is to %v %d, want %v %d", part.CTime, part.Cusec, auth.CTime, auth.Cusec)
	}
	if part.Subkey.KeyType == 0 || bytes.Equal(part.Subkey.KeyValue, m.key.KeyValue) {
		t.Errorf("the AP-REP has no subkey")
	}
	m.key, m.flags, m.back = part.Subkey, acceptorSubkey, uint64(part.SequenceNumber)
	return m
}

// exchange sends messages of each kind in both directions.
func (m *gokrb5Messages) exchange(t *testing.T, c *sspi.Context) {
	t.Helper()
	for _, size := range []int{0, 1, 16, 100, 70000} {
		message := make([]byte, size)
		for i := range message {
			message[i] = byte(i * 7)
		}
		for _, conf := range []bool{false, true} {
			token := m.wrap(t, message, conf)
			got, sealed, err := c.Unwrap(nil, token)
			if err != nil || sealed != conf || !bytes.Equal(got, message) {
				t.Errorf("Unwrap of %d bytes: sealed %v, want %v; %v", size, sealed, conf, err)
			}
			token[len(token)-1] ^= 1
			if _, _, err := c.Unwrap(nil, token); status.ReasonOf(err) != status.ReasonMessageAltered {
				t.Errorf("Unwrap of a changed token: %v", err)
			}
			if token, err = c.Wrap(nil, message, conf); err != nil {
				t.Fatal(err)
			}
			m.unwrap(t, token, message, conf)
		}
		if err := c.VerifyMIC(message, m.sign(t, message)); err != nil {
			t.Errorf("VerifyMIC of %d bytes: %v", size, err)
		}
		mic, err := c.GetMIC(nil, message)
		if err != nil {
			t.Fatal(err)
		}
		m.verify(t, mic, message)
	}
}

// wrap signs with gokrb5's WrapToken. gokrb5 has no sealed tokens, so wrap makes these
// itself.
func (m *gokrb5Messages) wrap(t *testing.T, message []byte, conf bool) []byte {
	t.Helper()
	defer func() { m.out++ }()
	et, err := crypto.GetEtype(m.key.KeyType)
	if err != nil {
		t.Fatal(err)
	}
	if conf {
		head := binary.BigEndian.AppendUint64([]byte{5, 4, m.flags | sealedFlag, 0xff, 0, 0, 0, 0}, m.out)
		_, sealed, err := et.EncryptMessage(m.key.KeyValue, append(bytes.Clone(message), head...), keyusage.GSSAPI_INITIATOR_SEAL)
		if err != nil {
			t.Fatal(err)
		}
		return append(head, sealed...)
	}
	w := gssapi.WrapToken{Flags: m.flags, EC: uint16(et.GetHMACBitLength() / 8), SndSeqNum: m.out, Payload: message}
	if err := w.SetCheckSum(m.key, keyusage.GSSAPI_INITIATOR_SEAL); err != nil {
		t.Fatal(err)
	}
	token, err := w.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func (m *gokrb5Messages) unwrap(t *testing.T, token, message []byte, conf bool) {
	t.Helper()
	var w gssapi.WrapToken
	if err := w.Unmarshal(token, true); err != nil {
		t.Fatal(err)
	}
	want := byte(byAcceptor) | m.flags
	if conf {
		want |= sealedFlag
	}
	if w.Flags != want || w.SndSeqNum != m.back || w.RRC != 0 {
		t.Errorf("our token has flags %#x, number %d, RRC %d; want %#x, %d, 0", w.Flags, w.SndSeqNum, w.RRC, want, m.back)
	}
	m.back++
	if !conf {
		if ok, err := w.Verify(m.key, keyusage.GSSAPI_ACCEPTOR_SEAL); !ok || !bytes.Equal(w.Payload, message) {
			t.Errorf("our signed message of %d bytes: %v", len(message), err)
		}
		return
	}
	et, err := crypto.GetEtype(m.key.KeyType)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := et.DecryptMessage(m.key.KeyValue, token[gssapi.HdrLen:], keyusage.GSSAPI_ACCEPTOR_SEAL)
	if err != nil || !bytes.Equal(plain, append(bytes.Clone(message), token[:gssapi.HdrLen]...)) {
		t.Errorf("our sealed message of %d bytes: %v", len(message), err)
	}
}

func (m *gokrb5Messages) sign(t *testing.T, message []byte) []byte {
	t.Helper()
	mic := gssapi.MICToken{Flags: m.flags, SndSeqNum: m.out, Payload: message}
	m.out++
	if err := mic.SetChecksum(m.key, keyusage.GSSAPI_INITIATOR_SIGN); err != nil {
		t.Fatal(err)
	}
	token, err := mic.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func (m *gokrb5Messages) verify(t *testing.T, token, message []byte) {
	t.Helper()
	var mic gssapi.MICToken
	if err := mic.Unmarshal(token, true); err != nil {
		t.Fatal(err)
	}
	mic.Payload = message
	if ok, err := mic.Verify(m.key, keyusage.GSSAPI_ACCEPTOR_SIGN); !ok || mic.SndSeqNum != m.back {
		t.Errorf("our signature of %d bytes, number %d, want %d: %v", len(message), mic.SndSeqNum, m.back, err)
	}
	m.back++
}
