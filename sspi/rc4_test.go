package sspi_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// withRC4 permits RC4 in addition to the default types.
func withRC4(cfg *sspi.Config) { cfg.ETypes = []keytab.EType{17, 18, 19, 20, keytab.RC4_HMAC} }

func noSubkey(q *krbtest.APReq) {
	q.Authenticator.SubKey.KeyType, q.Authenticator.SubKey.KeyValue = 0, nil
}

func fromAES256(q *krbtest.APReq) { q.ETypes = []keytab.EType{18} }

// TestKEY_5_RC4 checks the key of a context whose session key is RC4. If the client offers
// AES and policy permits it, the acceptor makes an AES subkey. Otherwise the context has
// the client's own key, which the AP-REP repeats. The acceptor never makes a new RC4 key.
func TestKEY_5_RC4(t *testing.T) {
	only := func(list ...keytab.EType) func(*sspi.Config) {
		return func(cfg *sspi.Config) { cfg.ETypes, cfg.TicketETypes = list, []keytab.EType{18} }
	}
	offer := func(list ...keytab.EType) func(*krbtest.APReq) {
		return func(q *krbtest.APReq) { q.ETypes = list }
	}
	for name, row := range map[string]struct {
		policy  func(*sspi.Config)
		changes []func(*krbtest.APReq)
		want    keytab.EType
		sent    bool // the AP-REP has a subkey
	}{
		"mutual":                {withRC4, nil, 23, true},
		"mutual, no subkey":     {withRC4, []func(*krbtest.APReq){noSubkey}, 23, false},
		"DCE style":             {withRC4, []func(*krbtest.APReq){dce}, 23, true},
		"one-way":               {withRC4, []func(*krbtest.APReq){oneWay}, 23, false},
		"one-way, no subkey":    {withRC4, []func(*krbtest.APReq){oneWay, noSubkey}, 23, false},
		"one-way, offers AES":   {withRC4, []func(*krbtest.APReq){oneWay, fromAES256}, 23, false},
		"offers AES":            {withRC4, []func(*krbtest.APReq){fromAES256}, 18, true},
		"offers AES, no subkey": {withRC4, []func(*krbtest.APReq){fromAES256, noSubkey}, 18, true},
		"offers all":            {withRC4, []func(*krbtest.APReq){offer(23, 20, 17, 18)}, 18, true},
		"offers others":         {withRC4, []func(*krbtest.APReq){offer(23, 17, 20)}, 17, true},
		"offers itself":         {withRC4, []func(*krbtest.APReq){offer(23)}, 23, true},
		"RC4 only":              {only(23), []func(*krbtest.APReq){offer(18, 17, 23)}, 23, true},
		"RC4 and 20":            {only(23, 20), []func(*krbtest.APReq){offer(18, 17, 20)}, 20, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, row.policy)
			c, client := s.established(t, sspi.ContextConfig{}, append([]func(*krbtest.APReq){s.ofType(23)}, row.changes...)...)
			if p := c.Peer(); p.ContextEType != row.want || p.SessionEType != 23 || p.TicketEType != 18 {
				t.Errorf("%v, %v, %v", p.TicketEType, p.SessionEType, p.ContextEType)
			}
			key, err := c.SessionKey()
			if err != nil || !bytes.Equal(key, client.Key().KeyValue) {
				t.Errorf("keys differ: %v", err)
			}
			sub := client.Reply.Subkey
			if (sub.KeyValue != nil) != row.sent || row.sent && sub.KeyType != int32(row.want) {
				t.Errorf("sent a subkey of %d bytes, type %d", len(sub.KeyValue), sub.KeyType)
			}
			if row.sent && row.want == 23 && !bytes.Equal(sub.KeyValue, client.Request.Authenticator.SubKey.KeyValue) {
				t.Error("the subkey is not the client's")
			}
			talk(t, c, client)
		})
	}
}

// TestKEY_1_RC4ByKind checks that RC4 is refused by default for each kind of key, and that
// a permission for tickets permits nothing else.
func TestKEY_1_RC4ByKind(t *testing.T) {
	subkey := func(q *krbtest.APReq) {
		q.Authenticator.SubKey.KeyType, q.Authenticator.SubKey.KeyValue = 23, make([]byte, 16)
	}
	tickets := func(cfg *sspi.Config) { cfg.TicketETypes = []keytab.EType{18, 23} }
	for name, row := range map[string]struct {
		policy func(*sspi.Config)
		want   status.Reason
	}{
		"by default":   {func(*sspi.Config) {}, status.ReasonETypeRefused},
		"for tickets":  {tickets, status.ReasonETypeRefused},
		"for all":      {withRC4, status.ReasonNone},
		"for the rest": {func(cfg *sspi.Config) { withRC4(cfg); cfg.TicketETypes = []keytab.EType{18} }, status.ReasonNone},
	} {
		s := newSite(t, row.policy)
		for kind, change := range map[string]func(*krbtest.APReq){"session key": s.ofType(23), "subkey": subkey} {
			_, peer, why := s.accepts(sspi.ContextConfig{}, s.request(change))
			if why != row.want || (peer == nil) != (row.want != status.ReasonNone) {
				t.Errorf("%s, %s: %v", name, kind, why)
			}
		}
	}
}

// TestPARSE_14_RC4 checks that RC4 MICs protect a SPNEGO list whose first mechanism is not
// Kerberos.
func TestPARSE_14_RC4(t *testing.T) {
	for style, change := range map[string]func(*krbtest.APReq){"mutual": nothing, "one-way": oneWay, "DCE style": dce} {
		t.Run(style, func(t *testing.T) {
			s := newSite(t, withRC4)
			n := s.client(ntlmFirst, s.ofType(23), change)
			c := s.acceptor.NewContext(sspi.ContextConfig{})
			if _, err := negotiate(n, c); err != nil || c.Peer() == nil || c.Peer().ContextEType != 23 {
				t.Fatalf("%v, peer %+v", err, c.Peer())
			}
			talk(t, c, n.Kerberos)
		})
	}
}

// TestRC4Handles_Messages checks each message function of the Windows API with each
// arrangement of buffers.
func TestRC4Handles_Messages(t *testing.T) {
	const tok, data, padding, stream = sspi.SECBUFFER_TOKEN, sspi.SECBUFFER_DATA, sspi.SECBUFFER_PADDING, sspi.SECBUFFER_STREAM
	for _, text := range append(texts, string(bytes.Repeat([]byte("x"), 90)), string(bytes.Repeat([]byte("x"), 70_000))) {
		for _, qop := range []uint32{0, noEncrypt} {
			t.Run(fmt.Sprintf("%d bytes, fQOP %#x", len(text), qop), func(t *testing.T) {
				s := newSite(t, withRC4)
				h, client := s.establish(t, s.ofType(23))
				sizes := query[sspi.SecPkgContext_Sizes](t, h, sspi.SECPKG_ATTR_SIZES)
				if sizes.MaxSignature != 37 || sizes.SecurityTrailer != 49 || sizes.BlockSize != 1 {
					t.Errorf("sizes %+v", sizes)
				}
				memory := []byte(text)
				d := buffers(buffer(tok, make([]byte, sizes.SecurityTrailer)), buffer(data, memory), buffer(padding, make([]byte, sizes.BlockSize)))
				wantCode(t, "encrypt", sspi.EncryptMessage(&h, qop, d, 0), status.SEC_E_OK)
				whole := slices.Concat(d.Buffers[0].Buffer, memory, d.Buffers[2].Buffer)
				if got, conf, err := client.Unwrap(whole); err != nil || string(got) != text || conf != (qop == 0) {
					t.Errorf("the client: %.100q, sealed %v, %v", got, conf, err)
				}
				mic := buffers(buffer(data, []byte(text)), buffer(tok, make([]byte, sizes.MaxSignature)))
				wantCode(t, "sign", sspi.MakeSignature(&h, 0, mic, 0), status.SEC_E_OK)
				if err := client.VerifyMIC([]byte(text), mic.Buffers[1].Buffer); err != nil {
					t.Errorf("the client, of a signature: %v", err)
				}

				token, _ := client.Wrap([]byte(text), qop == 0)
				var got uint32 = 99
				d = buffers(buffer(stream, token), buffer(data, nil))
				wantCode(t, "decrypt a stream", sspi.DecryptMessage(&h, d, 0, &got), status.SEC_E_OK)
				if string(d.Buffers[1].Buffer) != text || got != qop {
					t.Errorf("a stream: %.100q, pfQOP %#x", d.Buffers[1].Buffer, got)
				}
				token, _ = client.Wrap([]byte(text), qop == 0)
				front := len(token) - len(text) - 1
				d = buffers(buffer(padding, token[len(token)-1:]), buffer(tok, token[:front]), buffer(data, token[front:len(token)-1]))
				wantCode(t, "decrypt in parts", sspi.DecryptMessage(&h, d, 0, &got), status.SEC_E_OK)
				if string(d.Buffers[2].Buffer) != text || got != qop {
					t.Errorf("in parts: %.100q, pfQOP %#x", d.Buffers[2].Buffer, got)
				}
				signature, _ := client.GetMIC([]byte(text))
				wantCode(t, "verify", sspi.VerifySignature(&h, buffers(buffer(tok, signature), buffer(data, []byte(text))), 0, &got), status.SEC_E_OK)
			})
		}
	}
}

// TestRC4Handles_Padding checks that a message has no padding without a PADDING buffer,
// without room in it, and in DCE style.
func TestRC4Handles_Padding(t *testing.T) {
	for name, row := range map[string]struct {
		style   func(*krbtest.APReq)
		padding []byte
		want    string
	}{
		"none":      {nothing, nil, ""},
		"no room":   {nothing, []byte{}, ""},
		"room":      {nothing, []byte{9}, "\x01"},
		"more room": {nothing, []byte{9, 9, 9}, "\x01"},
		"DCE style": {dce, []byte{9}, ""},
	} {
		s := newSite(t, withRC4)
		h, client := s.establish(t, s.ofType(23), row.style)
		memory := []byte("a message")
		d := buffers(buffer(sspi.SECBUFFER_TOKEN, make([]byte, 49)), buffer(sspi.SECBUFFER_DATA, memory))
		if row.padding != nil {
			d.Buffers = append(d.Buffers, buffer(sspi.SECBUFFER_PADDING, row.padding))
		}
		wantCode(t, name, sspi.EncryptMessage(&h, 0, d, 0), status.SEC_E_OK)
		sealed := memory
		if row.padding != nil {
			sealed = append(sealed, d.Buffers[2].Buffer...)
		}
		front := d.Buffers[0].Buffer
		if len(front) != 45 {
			t.Errorf("%s: a TOKEN of %d bytes", name, len(front))
		}
		x, err := krbtest.OpenRC4(client.Key().KeyValue, front[13:], sealed, nil)
		if err != nil || string(x.Text) != "a message"+row.want {
			t.Errorf("%s: %q, %v", name, x.Text, err)
		}
	}
}

// TestRC4Handles_ReadonlyPadding checks that a read-only PADDING buffer is not part of the
// message.
func TestRC4Handles_ReadonlyPadding(t *testing.T) {
	const padding = sspi.SECBUFFER_PADDING | sspi.SECBUFFER_READONLY
	s := newSite(t, withRC4)
	h, client := s.establish(t, s.ofType(23))
	memory := []byte{9}
	d := buffers(buffer(sspi.SECBUFFER_TOKEN, make([]byte, 49)), buffer(sspi.SECBUFFER_DATA, []byte("text")), buffer(padding, memory))
	wantCode(t, "encrypt", sspi.EncryptMessage(&h, 0, d, 0), status.SEC_E_OK)
	if len(d.Buffers[2].Buffer) != 0 || memory[0] != 9 {
		t.Errorf("the padding became %x, in memory %x", d.Buffers[2].Buffer, memory)
	}
	token, err := client.Wrap([]byte("text"), true)
	if err != nil {
		t.Fatal(err)
	}
	n := len(token) - len("text") - 1
	last := bytes.Clone(token[len(token)-1:])
	d = buffers(buffer(sspi.SECBUFFER_TOKEN, token[:n]), buffer(sspi.SECBUFFER_DATA, token[n:len(token)-1]), buffer(padding, token[len(token)-1:]))
	wantCode(t, "decrypt", sspi.DecryptMessage(&h, d, 0, nil), status.SEC_E_MESSAGE_ALTERED)
	if !bytes.Equal(token[len(token)-1:], last) {
		t.Error("the padding was written")
	}
}

// TestRC4Handles_KeyInfo compares with the numbers of the registries.
func TestRC4Handles_KeyInfo(t *testing.T) {
	s := newSite(t, withRC4)
	h, _ := s.establish(t, s.ofType(23))
	got := query[sspi.SecPkgContext_KeyInfo](t, h, sspi.SECPKG_ATTR_KEY_INFO)
	want := sspi.SecPkgContext_KeyInfo{SignatureAlgorithmName: "hmac-md5", EncryptAlgorithmName: "rc4-hmac", KeySize: 128, SignatureAlgorithm: 0xffffff76, EncryptAlgorithm: 23}
	if got != want {
		t.Errorf("%+v", got)
	}
}

// TestCTX_12_ExportRC4 checks that an RC4 context continues in another process at the same
// sequence numbers.
func TestCTX_12_ExportRC4(t *testing.T) {
	s := newSite(t, exporting, withRC4)
	c, client := s.established(t, sspi.ContextConfig{}, s.ofType(23))
	talk(t, c, client)
	b, err := c.Export()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.worker(t).Import(t.Context(), b); status.ReasonOf(err) != status.ReasonETypeRefused {
		t.Errorf("RC4 is not in Config.ETypes: %v", err)
	}
	again, err := s.worker(t, withRC4).Import(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	talk(t, again, client)
}
