package sspi_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/crypto/common"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// These tests use messages with parts that are signed and not sealed, as DCE/RPC has them
// for its header and trailer (MS-KILE, Section 3.4.5.4.1). krbtest does not have such
// messages, so the tests make and verify them with functions of gokrb5, for encryption type
// 18. In the functions below, sealed is the concatenation of the sealed parts, and signed
// is the concatenation of all parts.

const (
	acceptorFlags  = krbtest.FlagSentByAcceptor | krbtest.FlagSealed | krbtest.FlagAcceptorSubkey
	initiatorFlags = krbtest.FlagSealed | krbtest.FlagAcceptorSubkey
)

// associatedHeader returns the header of a token; ec is 16 in DCE style.
func associatedHeader(flag byte, ec, rrc uint16, number uint64) []byte {
	b := []byte{0x05, 0x04, flag, 0xff}
	b = binary.BigEndian.AppendUint16(b, ec)
	b = binary.BigEndian.AppendUint16(b, rrc)
	return binary.BigEndian.AppendUint64(b, number)
}

// sealAssociated returns the TOKEN and the sealed parts of a message of the client.
func sealAssociated(t *testing.T, key types.EncryptionKey, inDCE bool, number uint64, sealed, signed []byte) (token, data []byte) {
	t.Helper()
	ec := uint16(0)
	if inDCE {
		ec = 16
	}
	et, err := crypto.GetEtype(key.KeyType)
	if err != nil {
		t.Fatal(err)
	}
	ke, err := et.DeriveKey(key.KeyValue, common.GetUsageKe(keyusage.GSSAPI_INITIATOR_SEAL))
	if err != nil {
		t.Fatal(err)
	}
	confounder := bytes.Repeat([]byte{0xC0}, 16)
	tail := append(bytes.Repeat([]byte{0xFF}, int(ec)), associatedHeader(initiatorFlags, ec, 0, number)...)
	_, c, err := et.EncryptData(ke, slices.Concat(confounder, sealed, tail))
	if err != nil {
		t.Fatal(err)
	}
	mac, err := common.GetIntegrityHash(slices.Concat(confounder, signed, tail), key.KeyValue, keyusage.GSSAPI_INITIATOR_SEAL, et)
	if err != nil {
		t.Fatal(err)
	}
	body := 16 + len(sealed)
	token = slices.Concat(associatedHeader(initiatorFlags, ec, 28, number), c[body:], mac, c[:16])
	return token, c[16:body]
}

// openAssociated verifies a message of the acceptor: between are the sealed parts, plain is
// their expected content, and signed is the content of all parts.
func openAssociated(t *testing.T, key types.EncryptionKey, token, between, plain, signed []byte) {
	t.Helper()
	et, err := crypto.GetEtype(key.KeyType)
	if err != nil {
		t.Fatal(err)
	}
	ke, err := et.DeriveKey(key.KeyValue, common.GetUsageKe(keyusage.GSSAPI_ACCEPTOR_SEAL))
	if err != nil {
		t.Fatal(err)
	}
	ec := int(binary.BigEndian.Uint16(token[4:]))
	if token[2] != acceptorFlags || binary.BigEndian.Uint16(token[6:]) != 28 || len(token) != 60+ec {
		t.Fatalf("TOKEN %x", token)
	}
	tail, mac, confounder := token[16:32+ec], token[32+ec:44+ec], token[44+ec:]
	got, err := et.DecryptData(ke, slices.Concat(confounder, between, tail))
	if err != nil {
		t.Fatal(err)
	}
	text, clearTail := got[16:16+len(between)], got[16+len(between):]
	if !bytes.Equal(text, plain) {
		t.Errorf("sealed %q, want %q", text, plain)
	}
	if want := associatedHeader(acceptorFlags, uint16(ec), 0, binary.BigEndian.Uint64(token[8:])); !bytes.Equal(clearTail[ec:], want) {
		t.Errorf("sealed header %x, want %x", clearTail[ec:], want)
	}
	want, err := common.GetIntegrityHash(slices.Concat(got[:16], signed, clearTail), key.KeyValue, keyusage.GSSAPI_ACCEPTOR_SEAL, et)
	if err != nil || !bytes.Equal(mac, want) {
		t.Errorf("checksum %x, want %x, %v", mac, want, err)
	}
}

// piece is a DATA buffer of a message.
type piece struct {
	attr sspi.SECBUFFER
	text string
}

var pieces = map[string][]piece{
	"RPC":         {{sspi.SECBUFFER_READONLY_WITH_CHECKSUM, "a header of 24 bytes...."}, {0, "a body of any length at all"}, {sspi.SECBUFFER_READONLY_WITH_CHECKSUM, "trailer."}},
	"left out":    {{sspi.SECBUFFER_READONLY, "not looked at"}, {0, "a body"}},
	"all kinds":   {{0, "one"}, {sspi.SECBUFFER_READONLY, "two"}, {sspi.SECBUFFER_READONLY_WITH_CHECKSUM, "three"}, {0, "four"}, {sspi.SECBUFFER_READONLY_WITH_CHECKSUM, ""}, {0, ""}},
	"signed only": {{sspi.SECBUFFER_READONLY_WITH_CHECKSUM, "nothing is sealed"}},
}

func assemble(list []piece) (d []sspi.SecBuffer, sealed, signed []byte) {
	for _, p := range list {
		d = append(d, buffer(sspi.SECBUFFER_DATA|p.attr, []byte(p.text)))
		if p.attr == 0 {
			sealed = append(sealed, p.text...)
		}
		if p.attr != sspi.SECBUFFER_READONLY {
			signed = append(signed, p.text...)
		}
	}
	return d, sealed, signed
}

// associatedEach runs a test for each list of pieces, with DCE style and without.
func associatedEach(t *testing.T, test func(t *testing.T, x *secured, list []piece)) {
	for name, list := range pieces {
		for _, inDCE := range []bool{true, false} {
			style := nothing
			if inDCE {
				name, style = name+", DCE style", dce
			}
			t.Run(name, func(t *testing.T) {
				s := newSite(t)
				h, client := s.establish(t, s.ofType(keytab.AES256_CTS_HMAC_SHA1_96), style)
				test(t, &secured{h, client, 12, inDCE}, list)
			})
		}
	}
}

func TestAssociated_Encrypt(t *testing.T) {
	associatedEach(t, func(t *testing.T, x *secured, list []piece) {
		data, sealed, signed := assemble(list)
		d := buffers(append(data, buffer(sspi.SECBUFFER_TOKEN, make([]byte, 76)))...)
		wantCode(t, "encrypt", sspi.EncryptMessage(&x.handle, 0, d, 0), status.SEC_E_OK)
		var between []byte
		for i, p := range list {
			b := d.Buffers[i].Buffer
			if len(b) != len(p.text) || p.attr != 0 && string(b) != p.text {
				t.Errorf("buffer %d is %q, was %q", i, b, p.text)
			}
			if p.attr == 0 {
				between = append(between, b...)
			}
		}
		openAssociated(t, x.client.Key(), d.Buffers[len(list)].Buffer, between, sealed, signed)
	})
}

func TestAssociated_Decrypt(t *testing.T) {
	associatedEach(t, func(t *testing.T, x *secured, list []piece) {
		data, sealed, signed := assemble(list)
		number := uint64(uint32(x.client.Request.Authenticator.SeqNumber))
		token, body := sealAssociated(t, x.client.Key(), x.dce, number, sealed, signed)
		fill := func() *sspi.SecBufferDesc {
			rest := bytes.Clone(body)
			d := buffers(buffer(sspi.SECBUFFER_TOKEN, bytes.Clone(token)))
			for i, p := range list {
				b := data[i]
				b.Buffer = []byte(p.text)
				if p.attr == 0 {
					b.Buffer, rest = rest[:len(p.text):len(p.text)], rest[len(p.text):]
				}
				d.Buffers = append(d.Buffers, b)
			}
			return d
		}
		// A change of a signed piece is detected. A change of a piece outside the signature
		// is not.
		for i, p := range list {
			if p.text == "" {
				continue
			}
			d := fill()
			d.Buffers[i+1].Buffer[0] ^= 1
			if p.attr == sspi.SECBUFFER_READONLY {
				continue
			}
			wantCode(t, "altered", sspi.DecryptMessage(&x.handle, d, 0, nil), status.SEC_E_MESSAGE_ALTERED)
			for i, p := range list {
				if b := d.Buffers[i+1].Buffer; p.attr == 0 && len(b) != 0 || p.attr != 0 && len(b) != len(p.text) {
					t.Errorf("buffer %d has %d bytes after a failure", i, len(b))
				}
			}
		}
		d := fill()
		for i, p := range list {
			if p.attr == sspi.SECBUFFER_READONLY {
				d.Buffers[i+1].Buffer[0] ^= 1
			}
		}
		qop := uint32(0xAAAA)
		wantCode(t, "decrypt", sspi.DecryptMessage(&x.handle, d, 0, &qop), status.SEC_E_OK)
		for i, p := range list {
			if b := d.Buffers[i+1].Buffer; p.attr != sspi.SECBUFFER_READONLY && string(b) != p.text {
				t.Errorf("buffer %d is %q, want %q", i, b, p.text)
			}
		}
		if qop != 0 {
			t.Errorf("pfQOP %#x", qop)
		}
	})
}
