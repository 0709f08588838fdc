package sspi_test

import (
	"testing"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// TestAccept_LaterCredentials: a context knows its credentials; what a later call
// brings is not looked at.
func TestAccept_LaterCredentials(t *testing.T) {
	foreign := newSite(t).cred
	freed := newSite(t).cred
	copied := freed
	wantCode(t, "free", sspi.FreeCredentialsHandle(&copied), status.SEC_E_OK)
	for name, cred := range map[string]*sspi.CredHandle{"nil": nil, "zero": {}, "foreign": &foreign, "freed": &freed} {
		s := newSite(t)
		x := inState["third leg"](t, s)
		l := s.second(x.handle, x.due)
		l.cred = cred
		wantCode(t, name, l.call(), status.SEC_E_OK)
	}
}

// TestAccept_DataRepresentation: TargetDataRep changes nothing.
func TestAccept_DataRepresentation(t *testing.T) {
	for _, rep := range []uint32{sspi.SECURITY_NETWORK_DREP, sspi.SECURITY_NATIVE_DREP, 0xFFFFFFFF} {
		s := newSite(t)
		l := s.first(s.request().Token())
		code := sspi.AcceptSecurityContext(l.cred, nil, l.in, 0, rep, &l.handle, l.out, &l.attr, nil)
		wantCode(t, "accept", code, status.SEC_E_OK)
	}
}

// TestAccept_FragmentToFit: an answer is never cut to the room there is.
func TestAccept_FragmentToFit(t *testing.T) {
	s := newSite(t)
	token := s.request().Token()
	l := s.first(token)
	l.req, l.out = flags.ASC_REQ_FRAGMENT_TO_FIT, room(20)
	wantCode(t, "little room", l.call(), status.SEC_E_BUFFER_TOO_SMALL)
	needed := l.out.Buffers[0].Needed
	l = s.first(token)
	l.req, l.out = flags.ASC_REQ_FRAGMENT_TO_FIT, room(needed)
	wantCode(t, "room", l.call(), status.SEC_E_OK)
	if l.attr&flags.ASC_RET_FRAGMENT_ONLY != 0 {
		t.Errorf("attributes %v", l.attr)
	}
}

// TestPackages_Exact: each capability is one that is there, and all that are there
// are said.
func TestPackages_Exact(t *testing.T) {
	const both = sspi.SECPKG_FLAG_INTEGRITY | sspi.SECPKG_FLAG_PRIVACY | // MakeSignature, EncryptMessage
		sspi.SECPKG_FLAG_CONNECTION | sspi.SECPKG_FLAG_MULTI_REQUIRED | // three legs of DCE style, five of SPNEGO
		sspi.SECPKG_FLAG_EXTENDED_ERROR | // ASC_REQ_EXTENDED_ERROR
		sspi.SECPKG_FLAG_NEGOTIABLE | sspi.SECPKG_FLAG_GSS_COMPATIBLE
	for name, want := range map[sspi.Package]sspi.SecPkgInfo{
		sspi.Kerberos: {
			RPCID: 16, Capabilities: both | sspi.SECPKG_FLAG_TOKEN_ONLY | sspi.SECPKG_FLAG_MUTUAL_AUTH |
				sspi.SECPKG_FLAG_DELEGATION | sspi.SECPKG_FLAG_READONLY_WITH_CHECKSUM,
		},
		sspi.Negotiate: {RPCID: 9, Capabilities: both},
	} {
		var info *sspi.SecPkgInfo
		wantCode(t, string(name), sspi.QuerySecurityPackageInfo(name, &info), status.SEC_E_OK)
		if info.Capabilities != want.Capabilities || info.RPCID != want.RPCID || info.Version != 1 || info.MaxToken != 48000 {
			t.Errorf("%s: %+v, want capabilities %#x", name, info, want.Capabilities)
		}
	}
}

// TestNegotiate_WithoutIntegrity: the MIC over the list is demanded of a client too
// that asked for no integrity.
func TestNegotiate_WithoutIntegrity(t *testing.T) {
	bare := func(q *krbtest.APReq) { q.Flags = flags.GSS_C_MUTUAL_FLAG }
	s := newSite(t)
	c := s.acceptor.NewContext(sspi.ContextConfig{})
	if _, err := negotiate(s.client(ntlmFirst, bare), c); err != nil || c.Peer() == nil {
		t.Errorf("with it: %v", err)
	}
	n := s.client(ntlmFirst, bare)
	n.MIC = func([]byte) ([]byte, error) { return nil, nil }
	c = s.acceptor.NewContext(sspi.ContextConfig{})
	_, _ = negotiate(n, c)
	if status.ReasonOf(c.Err()) != status.ReasonMechListMICMissing || c.Peer() != nil {
		t.Errorf("without it: %v, %v", c.Err(), c.Peer())
	}
}

// TestEncrypt_StreamHeaders: the buffers of Schannel, which the page on EncryptMessage
// names, are passed over.
func TestEncrypt_StreamHeaders(t *testing.T) {
	s := newSite(t)
	h, _ := s.establish(t)
	d := &sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{
		{BufferType: sspi.SECBUFFER_STREAM_HEADER, Buffer: make([]byte, 100)},
		{BufferType: sspi.SECBUFFER_DATA, Buffer: []byte("text")},
		{BufferType: sspi.SECBUFFER_STREAM_TRAILER, Buffer: make([]byte, 100)},
	}}
	wantCode(t, "encrypt", sspi.EncryptMessage(&h, 0, d, 0), status.SEC_E_INVALID_TOKEN)
	if string(d.Buffers[1].Buffer) != "text" {
		t.Errorf("the message became %q", d.Buffers[1].Buffer)
	}
}

// TestMessages_SharedMemory: pieces that overlap, or are the same, have no defined
// result, and never panic.
func TestMessages_SharedMemory(t *testing.T) {
	s := newSite(t)
	for _, offset := range []int{0, 1, 16, 40, 75} {
		memory := make([]byte, 300)
		pieces := func() *sspi.SecBufferDesc {
			return &sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{
				{BufferType: sspi.SECBUFFER_TOKEN, Buffer: memory[:100]},
				{BufferType: sspi.SECBUFFER_DATA, Buffer: memory[offset:][:50]},
				{BufferType: sspi.SECBUFFER_DATA, Buffer: memory[offset:][:50]},
				{BufferType: sspi.SECBUFFER_DATA | sspi.SECBUFFER_READONLY_WITH_CHECKSUM, Buffer: memory[offset+25:][:50]},
			}}
		}
		h, _ := s.establish(t)
		_ = sspi.EncryptMessage(&h, 0, pieces(), 0)
		_ = sspi.EncryptMessage(&h, sspi.SECQOP_WRAP_NO_ENCRYPT, pieces(), 0)
		_ = sspi.MakeSignature(&h, 0, pieces(), 0)
		if code := sspi.DecryptMessage(&h, pieces(), 0, nil); code == status.SEC_E_OK {
			t.Errorf("offset %d: junk was decrypted", offset)
		}
		if code := sspi.VerifySignature(&h, pieces(), 0, nil); code == status.SEC_E_OK {
			t.Errorf("offset %d: junk was verified", offset)
		}
	}
}

// TestDecrypt_ExtraCount: the extra count is what the sealed header confirms, the style
// of the context decides nothing: 16 outside DCE style with a rotation of 44, none in
// DCE style with one of 28 (for the keys of RFC 3962).
func TestDecrypt_ExtraCount(t *testing.T) {
	for name, row := range map[string]struct {
		style  func(*krbtest.APReq)
		ec, rr int
	}{"outside DCE style": {nothing, 16, 44}, "in DCE style": {dce, 0, 28}} {
		s := newSite(t)
		c, client := s.established(t, sspi.ContextConfig{}, s.ofType(keytab.AES256_CTS_HMAC_SHA1_96), row.style)
		whole, err := client.WrapShaped([]byte("text"), true, krbtest.Shape{EC: row.ec, RRC: row.rr})
		if err != nil {
			t.Fatal(err)
		}
		h := c.Handle()
		n := len(whole) - len("text")
		d := &sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{
			{BufferType: sspi.SECBUFFER_TOKEN, Buffer: whole[:n]},
			{BufferType: sspi.SECBUFFER_DATA, Buffer: whole[n:]},
		}}
		wantCode(t, name, sspi.DecryptMessage(&h, d, 0, nil), status.SEC_E_OK)
		if string(d.Buffers[1].Buffer) != "text" {
			t.Errorf("%s: %q", name, d.Buffers[1].Buffer)
		}
	}
}
