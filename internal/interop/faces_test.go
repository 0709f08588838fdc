package interop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// face is a context of this library, in the Go API or the Windows API.
type face interface {
	accept(token []byte) (reply []byte, code status.Code, reason status.Reason)
	peer() acceptorPeer
	open(token []byte) (message []byte, sealed bool, err error)
	seal(message []byte, conf bool) ([]byte, error)
	verify(message, mic []byte) error
	sign(message []byte) ([]byte, error)
	// pieces opens a message in the buffers of an SSPI caller (header, signed only, data),
	// and seals it in the same way.
	pieces(parts [][]byte) ([]byte, error)
	close()
}

// goFace uses the Go API.
type goFace struct{ c *sspi.Context }

func (f *goFace) accept(token []byte) ([]byte, status.Code, status.Reason) {
	reply, peer, err := f.c.Accept(context.Background(), token)
	if (peer != nil) != (err == nil) || (peer == nil) != (f.c.Peer() == nil) {
		panic(fmt.Sprintf("a peer and success did not come together: %v, %v", peer, err))
	}
	return reply, status.CodeOf(err), status.ReasonOf(err)
}

func (f *goFace) peer() acceptorPeer { return describe(f.c) }

func describe(c *sspi.Context) acceptorPeer {
	p := c.Peer()
	out := acceptorPeer{
		Client: p.Client.String(), ASC: uint32(p.Flags), Binding: p.Binding,
		Service: int(p.TicketEType), Session: int(p.SessionEType), Context: int(p.ContextEType),
	}
	if d := c.Delegated(); d != nil {
		out.Delegated = fmt.Sprint(d.Tickets[0].Client, " for ", d.Tickets[0].Service)
	}
	return out
}

func (f *goFace) open(token []byte) ([]byte, bool, error)        { return f.c.Unwrap(nil, token) }
func (f *goFace) seal(message []byte, conf bool) ([]byte, error) { return f.c.Wrap(nil, message, conf) }

func (f *goFace) verify(message, mic []byte) error    { return f.c.VerifyMIC(message, mic) }
func (f *goFace) sign(message []byte) ([]byte, error) { return f.c.GetMIC(nil, message) }
func (f *goFace) close()                              { f.c.Close() }

func (f *goFace) pieces([][]byte) ([]byte, error) {
	return nil, errors.New("the Go API has no buffers")
}

// windowsFace uses the Windows API.
type windowsFace struct {
	cred   sspi.CredHandle
	h      sspi.CtxtHandle
	next   *sspi.CtxtHandle // nil in the first call
	wishes flags.ASC_REQ
	config sspi.ContextConfig
	attr   flags.ASC_RET

	messages int // the number of messages in pieces
}

func newWindowsFace(o *sspiAcceptor) *windowsFace {
	pkg := o.config.Package
	if pkg == "" {
		pkg = sspi.Negotiate
	}
	f := &windowsFace{cred: o.acceptor.CredHandle(pkg), config: o.config}
	f.wishes = flags.ASC_REQ_ALLOCATE_MEMORY | flags.ASC_REQ_EXTENDED_ERROR
	if o.config.BindingPolicy == sspi.BindingAllowMissing {
		f.wishes |= flags.ASC_REQ_ALLOW_MISSING_BINDINGS
	}
	if o.config.AcceptDelegation {
		f.wishes |= flags.ASC_REQ_DELEGATE
	}
	if o.config.UserToUser {
		f.wishes |= flags.ASC_REQ_USE_SESSION_KEY
	}
	return f
}

func (f *windowsFace) accept(token []byte) ([]byte, status.Code, status.Reason) {
	in := sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{{BufferType: sspi.SECBUFFER_TOKEN, Buffer: token}}}
	for _, b := range f.config.ChannelBindings {
		blob, err := b.MarshalBinary()
		if err != nil {
			panic(err)
		}
		in.Buffers = append(in.Buffers, sspi.SecBuffer{BufferType: sspi.SECBUFFER_CHANNEL_BINDINGS, Buffer: blob})
	}
	out := sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{{BufferType: sspi.SECBUFFER_TOKEN}}}
	code := sspi.AcceptSecurityContext(&f.cred, f.next, &in, f.wishes, sspi.SECURITY_NATIVE_DREP, &f.h, &out, &f.attr, nil)
	f.next = &f.h
	return out.Buffers[0].Buffer, code, status.ReasonOf(f.h.Err())
}

func (f *windowsFace) peer() acceptorPeer {
	out := describe(f.h.Context())
	out.ASC = uint32(f.attr &^ flags.ASC_RET_ALLOCATED_MEMORY)
	var names sspi.SecPkgContext_NativeNames
	if code := sspi.QueryContextAttributes(&f.h, sspi.SECPKG_ATTR_NATIVE_NAMES, &names); code != status.SEC_E_OK {
		panic(code.String())
	}
	out.Client = names.ClientName
	return out
}

func (f *windowsFace) open(token []byte) ([]byte, bool, error) {
	d := sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{
		{BufferType: sspi.SECBUFFER_STREAM, Buffer: token},
		{BufferType: sspi.SECBUFFER_DATA},
	}}
	var qop uint32
	code := sspi.DecryptMessage(&f.h, &d, 0, &qop)
	return d.Buffers[1].Buffer, qop == 0, code.Err()
}

// seal returns TOKEN and DATA, which together are one token outside DCE style.
func (f *windowsFace) seal(message []byte, conf bool) ([]byte, error) {
	d := sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{
		{BufferType: sspi.SECBUFFER_TOKEN, Buffer: make([]byte, f.sizes().SecurityTrailer)},
		{BufferType: sspi.SECBUFFER_DATA, Buffer: message},
		{BufferType: sspi.SECBUFFER_PADDING, Buffer: make([]byte, f.sizes().BlockSize)},
	}}
	code := sspi.EncryptMessage(&f.h, qop(conf), &d, 0)
	token := append(d.Buffers[0].Buffer, d.Buffers[1].Buffer...)
	return append(token, d.Buffers[2].Buffer...), code.Err()
}

func qop(conf bool) uint32 {
	if conf {
		return 0
	}
	return sspi.SECQOP_WRAP_NO_ENCRYPT
}

func (f *windowsFace) verify(message, mic []byte) error {
	d := sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{
		{BufferType: sspi.SECBUFFER_DATA, Buffer: message},
		{BufferType: sspi.SECBUFFER_TOKEN, Buffer: mic},
	}}
	return sspi.VerifySignature(&f.h, &d, 0, nil).Err()
}

func (f *windowsFace) sign(message []byte) ([]byte, error) {
	d := sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{
		{BufferType: sspi.SECBUFFER_DATA, Buffer: message},
		{BufferType: sspi.SECBUFFER_TOKEN, Buffer: make([]byte, f.sizes().MaxSignature)},
	}}
	code := sspi.MakeSignature(&f.h, 0, &d, 0)
	return d.Buffers[1].Buffer, code.Err()
}

// pieces treats every second pair of messages as a whole token, header and data together,
// in the form of gss_wrap_aead. With RC4 in DCE style they are not a whole token, because
// the frame counts the header alone and there is no padding (MS-KILE, Section 3.4.5.4.1).
func (f *windowsFace) pieces(parts [][]byte) ([]byte, error) {
	const signed = sspi.SECBUFFER_DATA | sspi.SECBUFFER_READONLY_WITH_CHECKSUM
	asStream := f.messages/2%2 == 1 && f.h.Context().Peer().ContextEType != keytab.RC4_HMAC
	f.messages++
	received := func(lead []byte) *sspi.SecBufferDesc {
		d := &sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{
			{BufferType: sspi.SECBUFFER_TOKEN, Buffer: bytes.Clone(parts[0])},
			{BufferType: signed, Buffer: lead},
			{BufferType: sspi.SECBUFFER_DATA, Buffer: bytes.Clone(parts[2])},
		}}
		if asStream {
			d.Buffers[0] = sspi.SecBuffer{BufferType: sspi.SECBUFFER_STREAM, Buffer: slices.Concat(parts[0], parts[2])}
			d.Buffers[2].Buffer = nil
		}
		return d
	}
	altered := bytes.Clone(parts[1])
	altered[0] ^= 1
	if code := sspi.DecryptMessage(&f.h, received(altered), 0, nil); code != status.SEC_E_MESSAGE_ALTERED {
		return nil, fmt.Errorf("an altered piece that is signed and not sealed: %v", code)
	}
	var sealed uint32
	d := received(parts[1])
	if code := sspi.DecryptMessage(&f.h, d, 0, &sealed); code != status.SEC_E_OK {
		return nil, code.Err()
	}
	d.Buffers[0] = sspi.SecBuffer{BufferType: sspi.SECBUFFER_TOKEN, Buffer: make([]byte, f.sizes().SecurityTrailer)}
	code := sspi.EncryptMessage(&f.h, sealed, d, 0)
	return pack(d.Buffers[0].Buffer, d.Buffers[1].Buffer, d.Buffers[2].Buffer), code.Err()
}

func (f *windowsFace) sizes() sspi.SecPkgContext_Sizes {
	var s sspi.SecPkgContext_Sizes
	if code := sspi.QueryContextAttributes(&f.h, sspi.SECPKG_ATTR_SIZES, &s); code != status.SEC_E_OK {
		panic(code.String())
	}
	return s
}

func (f *windowsFace) close() { sspi.DeleteSecurityContext(&f.h) }
