package sspi_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// TestThirdLeg_Checks checks the client's AP-REP in DCE style: the session key decrypts it,
// it repeats the acceptor's sequence number, and it has no subkey (MS-KILE, Section
// 3.4.5.1). Its time may have any value.
func TestThirdLeg_Checks(t *testing.T) {
	type third struct {
		part messages.EncAPRepPart
		key  types.EncryptionKey
	}
	refused, malformed := status.SEC_E_LOGON_DENIED, status.SEC_E_INVALID_TOKEN
	for _, row := range []struct {
		name   string
		change func(s *site, x *third)
		token  func(b []byte) []byte
		want   status.Code
		why    status.Reason
	}{
		{"right", nil, nil, good, status.ReasonNone},
		{"of another time", func(s *site, x *third) { x.part.CTime = x.part.CTime.Add(-24 * time.Hour) }, nil, good, status.ReasonNone},
		{"another number", func(s *site, x *third) { x.part.SequenceNumber++ }, nil, refused, status.ReasonThirdLeg},
		{"no number", func(s *site, x *third) { x.part.SequenceNumber = 0 }, nil, refused, status.ReasonThirdLeg},
		{"a subkey", func(s *site, x *third) { x.part.Subkey = s.realm.NewKey(keytab.AES256_CTS_HMAC_SHA1_96) }, nil, refused, status.ReasonThirdLeg},
		{"another key", func(s *site, x *third) { x.key = s.realm.NewKey(keytab.AES256_CTS_HMAC_SHA1_96) }, nil, refused, status.ReasonThirdLeg},
		{"another type of key", func(s *site, x *third) { x.key = s.realm.NewKey(keytab.AES128_CTS_HMAC_SHA1_96) }, nil, refused, status.ReasonThirdLeg},
		{"cut", nil, func(b []byte) []byte { return b[:len(b)-1] }, malformed, status.ReasonMalformedToken},
		{"a byte more", nil, func(b []byte) []byte { return append(b, 0) }, malformed, status.ReasonMalformedToken},
		{"a changed byte", nil, func(b []byte) []byte { b[len(b)-1] ^= 1; return b }, refused, status.ReasonThirdLeg},
		{"called one of another type", nil, func(b []byte) []byte {
			return bytes.Replace(b, []byte{0xa0, 3, 2, 1, 18}, []byte{0xa0, 3, 2, 1, 17}, 1)
		}, refused, status.ReasonThirdLeg},
		{"framed", nil, func(b []byte) []byte { return krbtest.Frame(krbtest.OIDKerberos, krbtest.TokAPRep, b) }, malformed, status.ReasonMalformedToken},
		{"empty", nil, func(b []byte) []byte { return nil }, malformed, status.ReasonMalformedToken},
		{"too long", nil, func(b []byte) []byte { return make([]byte, 70000) }, malformed, status.ReasonTokenTooLong},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSite(t)
			half := inState["third leg"](t, s)
			q := half.client.Request
			x := third{messages.EncAPRepPart{CTime: s.realm.Now().Truncate(time.Second), SequenceNumber: half.client.Reply.SequenceNumber}, q.Key}
			if row.change != nil {
				row.change(s, &x)
			}
			token := q.ThirdLeg(x.part, x.key)
			if row.token != nil {
				token = row.token(token)
			}
			l := s.second(half.handle, token)
			l.req = extendedError
			wantCode(t, "third leg", l.call(), row.want)
			if got := status.ReasonOf(l.handle.Err()); got != row.why {
				t.Errorf("%v, want %v", l.handle.Err(), row.why)
			}
			if len(l.reply()) != 0 {
				t.Errorf("a reply of %d bytes", len(l.reply()))
			}
			if row.want != good {
				wantCode(t, "the right one then", s.second(half.handle, half.expected).call(), status.SEC_E_INVALID_HANDLE)
			}
		})
	}
}

// TestThirdLeg_SealedJunk encrypts bytes that are not an EncAPRepPart.
func TestThirdLeg_SealedJunk(t *testing.T) {
	for _, junk := range []string{"", "x", "ten bytes.", "\x7b\x02\x30\x00"} {
		s := newSite(t)
		half := inState["third leg"](t, s)
		cipher := krbtest.Encrypt(s.realm, half.client.Request.Key, 12, []byte(junk))
		wrap := func(tag byte, b ...[]byte) []byte {
			content := bytes.Join(b, nil)
			return append([]byte{tag, byte(len(content))}, content...)
		}
		token := wrap(0x6f, wrap(0x30, []byte{0xa0, 3, 2, 1, 5, 0xa1, 3, 2, 1, 15}, wrap(0xa2, wrap(0x30, []byte{0xa0, 3, 2, 1, 18}, wrap(0xa2, wrap(0x04, cipher))))))
		l := s.second(half.handle, token)
		wantCode(t, "third leg", l.call(), status.SEC_E_INVALID_TOKEN)
		if got := status.ReasonOf(l.handle.Err()); got != status.ReasonMalformedToken {
			t.Errorf("%q: %v", junk, l.handle.Err())
		}
	}
}

// TestREFL_2_OwnReply checks that the acceptor refuses its own AP-REP as a third token and
// as a first token. It has the same key as a third token, and the right number.
func TestREFL_2_OwnReply(t *testing.T) {
	s := newSite(t)
	for name, change := range map[string]func(*krbtest.APReq){"framed": nothing, "bare": dce} {
		l := s.first(s.request(change).Token())
		l.call()
		reply := bytes.Clone(l.reply())
		wantCode(t, name+", as a first token", s.first(reply).call(), status.SEC_E_INVALID_TOKEN)
		if name != "bare" {
			continue
		}
		l = s.second(&l.handle, reply)
		wantCode(t, "as a third leg", l.call(), status.SEC_E_LOGON_DENIED)
		if status.ReasonOf(l.handle.Err()) != status.ReasonThirdLeg {
			t.Errorf("%v", l.handle.Err())
		}
	}
}

// TestREFL_2_OwnReplyRC4 checks the same for RC4, where the AP-REP has no subkey that would
// distinguish it.
func TestREFL_2_OwnReplyRC4(t *testing.T) {
	s := newSite(t, withRC4)
	client := s.request(s.ofType(23), noSubkey, dce).Start()
	token, _, _ := client.Next(nil)
	l := s.first(token)
	wantCode(t, "first leg", l.call(), status.SEC_I_CONTINUE_NEEDED)
	reply := bytes.Clone(l.reply())
	if _, _, err := client.Next(reply); err != nil || len(client.Reply.Subkey.KeyValue) != 0 {
		t.Fatalf("the AP-REP has a subkey of %d bytes, %v", len(client.Reply.Subkey.KeyValue), err)
	}
	l = s.second(&l.handle, reply)
	wantCode(t, "our own AP-REP as a third leg", l.call(), status.SEC_E_LOGON_DENIED)
	if p := l.handle.Context().Peer(); p != nil || status.ReasonOf(l.handle.Err()) != status.ReasonThirdLeg {
		t.Errorf("%v, %v", p, l.handle.Err())
	}
}

// TestREFL_1_TheServiceItself checks that a client may be the service itself.
func TestREFL_1_TheServiceItself(t *testing.T) {
	s := newSite(t)
	q := s.realm.Ticket(service, service).APReq()
	l := s.first(q.Token())
	wantCode(t, "accept", l.call(), status.SEC_E_OK)
	names := query[sspi.SecPkgContext_NativeNames](t, l.handle, sspi.SECPKG_ATTR_NATIVE_NAMES)
	if names.ClientName != service+"@EXAMPLE.COM" || names.ServerName != names.ClientName {
		t.Errorf("%+v", names)
	}
}

// TestThirdLeg_EveryBit checks that the acceptor refuses each changed bit of the client's
// AP-REP, bare or in SPNEGO. In SPNEGO, changed bits of the negotiation's state are
// accepted.
func TestThirdLeg_EveryBit(t *testing.T) {
	s := newSite(t)
	half := inState["third leg"](t, s)
	for bit := range 8 * len(half.expected) {
		x := inState["third leg"](t, s)
		b := bytes.Clone(x.expected)
		b[bit/8] ^= 1 << (bit % 8)
		l := s.second(x.handle, b)
		if code := l.call(); !code.IsError() || l.handle.Context() != nil {
			t.Errorf("byte %d, bit %d: %v", bit/8, bit%8, code)
		}
	}
}
