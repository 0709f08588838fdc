package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

const (
	maxToken   = 1 << 16 // of a context: as much as the package takes
	maxMessage = 1 << 20
)

// wishes are what this server asks of a context. What the client asked for
// decides, so they change nothing but where replies are kept and that a refused
// client is told why.
const wishes = flags.ASC_REQ_ALLOCATE_MEMORY | flags.ASC_REQ_EXTENDED_ERROR |
	flags.ASC_REQ_MUTUAL_AUTH | flags.ASC_REQ_REPLAY_DETECT | flags.ASC_REQ_SEQUENCE_DETECT |
	flags.ASC_REQ_CONFIDENTIALITY | flags.ASC_REQ_INTEGRITY

// connection is one client: at most one context, and its messages.
type connection struct {
	cred sspi.CredHandle
	conn net.Conn

	begun   bool   // the first frame was read
	v1      bool   // the client speaks version 1
	held    *frame // read already, to be read again
	session bool   // each frame has idle time, instead of all together guestTime

	context sspi.CtxtHandle
	attr    flags.ASC_RET
	log     []any // of the context

	messages, sealed, signed, clear int
}

// hello finds out which version the client speaks, and whether it means to
// authenticate. In version 1 it always does, and begins at once.
func (c *connection) hello() (contextFollows bool, err error) {
	first, err := c.read(maxToken)
	switch {
	case errors.Is(err, io.EOF):
		return false, nil // somebody looked whether we listen
	case err != nil:
		return false, err
	case first.v1:
		c.v1, c.held = true, &first
		return true, nil
	case first.flags == frameNoop|frameContextNext:
		return true, nil
	case first.flags == frameNoop:
		return false, nil
	}
	return false, fmt.Errorf("frame flags %#02x where a context or none is announced", first.flags)
}

// authenticate is the loop around AcceptSecurityContext. The first call would make the
// context by itself; here it is made before, to say that each frame holds a whole token.
func (c *connection) authenticate() error {
	c.context = c.cred.Acceptor().NewContext(sspi.ContextConfig{WholeTokens: true}).Handle()
	for {
		in, err := c.read(maxToken)
		switch {
		case err != nil:
			return fmt.Errorf("waiting for a context token: %w", truncated(err))
		case !c.v1 && in.flags != frameContext:
			return fmt.Errorf("frame flags %#02x where a context token is due", in.flags)
		}
		input := sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{{BufferType: sspi.SECBUFFER_TOKEN, Buffer: in.body}}}
		output := sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{{BufferType: sspi.SECBUFFER_TOKEN}}}
		code := sspi.AcceptSecurityContext(&c.cred, &c.context, &input, wishes, sspi.SECURITY_NATIVE_DREP,
			&c.context, &output, &c.attr, nil)
		c.log = []any{"status", code.String()}

		// An error can have an answer too: the KRB-ERROR that tells the client why.
		if reply := output.Buffers[0].Buffer; len(reply) > 0 {
			if err := c.write(frameContext, reply); err != nil {
				return err
			}
		}
		switch {
		case code == status.SEC_I_CONTINUE_NEEDED:
		case code != status.SEC_E_OK:
			return c.refused(code)
		default:
			return c.identify()
		}
	}
}

// refused makes the error of a failed exchange. The handle knows what the code
// does not say.
func (c *connection) refused(code status.Code) error {
	err := c.context.Err()
	if err == nil {
		return code.Err()
	}
	c.log = append(c.log, "reason", status.ReasonOf(err).String())
	return err
}

// identify asks the established context who the client is.
func (c *connection) identify() error {
	var names sspi.SecPkgContext_NativeNames
	var key sspi.SecPkgContext_KeyInfo
	var life sspi.SecPkgContext_Lifespan
	for _, q := range []struct {
		attr   sspi.SECPKG_ATTR
		buffer sspi.ContextAttribute
	}{
		{sspi.SECPKG_ATTR_NATIVE_NAMES, &names},
		{sspi.SECPKG_ATTR_KEY_INFO, &key},
		{sspi.SECPKG_ATTR_LIFESPAN, &life},
	} {
		if code := sspi.QueryContextAttributes(&c.context, q.attr, q.buffer); code != status.SEC_E_OK {
			return fmt.Errorf("QueryContextAttributes(%d): %v", q.attr, code)
		}
	}
	granted := c.attr &^ flags.ASC_RET_ALLOCATED_MEMORY // about a buffer, not about the client
	c.log = append(c.log,
		"client", names.ClientName, "service", names.ServerName, "flags", granted.String(),
		"etype", key.EncryptAlgorithmName, "expires", life.Expiry.Time(),
	)
	return nil
}

// talk answers messages until the client says that it is done, or leaves.
func (c *connection) talk() error {
	for {
		f, err := c.read(maxMessage)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case c.v1: // a message without flags is sealed, and wants its signature
			f.flags = frameData | frameWrapped | frameEncrypted | frameSendMIC
		case f.flags&frameNoop != 0:
			return nil
		case f.flags&frameData == 0:
			return fmt.Errorf("frame flags %#02x where a message is due", f.flags)
		}
		if err := c.answer(f); err != nil {
			return err
		}
	}
}

func (c *connection) answer(f frame) error {
	message := f.body
	if f.flags&frameWrapped != 0 {
		var err error
		if message, err = c.open(f.body); err != nil {
			return err
		}
	} else {
		c.clear++
	}
	c.messages++
	if f.flags&frameSendMIC == 0 {
		return c.write(frameNoop, nil)
	}
	mic, err := c.sign(message)
	if err != nil {
		return err
	}
	return c.write(frameMIC, mic)
}

// open takes a message out of its wrap token, in place.
func (c *connection) open(token []byte) ([]byte, error) {
	desc := sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{
		{BufferType: sspi.SECBUFFER_STREAM, Buffer: token},
		{BufferType: sspi.SECBUFFER_DATA},
	}}
	var qop uint32
	if code := sspi.DecryptMessage(&c.context, &desc, 0, &qop); code != status.SEC_E_OK {
		return nil, fmt.Errorf("DecryptMessage: %v", code)
	}
	if qop == sspi.SECQOP_WRAP_NO_ENCRYPT {
		c.signed++
	} else {
		c.sealed++
	}
	return desc.Buffers[1].Buffer, nil
}

// sign makes the signature of a message.
func (c *connection) sign(message []byte) ([]byte, error) {
	var sizes sspi.SecPkgContext_Sizes
	if code := sspi.QueryContextAttributes(&c.context, sspi.SECPKG_ATTR_SIZES, &sizes); code != status.SEC_E_OK {
		return nil, fmt.Errorf("QueryContextAttributes: %v", code)
	}
	desc := sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{
		{BufferType: sspi.SECBUFFER_DATA, Buffer: message},
		{BufferType: sspi.SECBUFFER_TOKEN, Buffer: make([]byte, sizes.MaxSignature)},
	}}
	if code := sspi.MakeSignature(&c.context, 0, &desc, 0); code != status.SEC_E_OK {
		return nil, fmt.Errorf("MakeSignature: %v", code)
	}
	return desc.Buffers[1].Buffer, nil
}

// summary is what the log says about the connection.
func (c *connection) summary() []any {
	return append(c.log, "messages", c.messages, "sealed", c.sealed, "signed", c.signed, "clear", c.clear)
}

// read reads a frame. Only the first can say which version the client speaks.
func (c *connection) read(limit int) (frame, error) {
	if c.held != nil {
		f := *c.held
		c.held = nil
		return f, nil
	}
	if err := c.next(); err != nil {
		return frame{}, err
	}
	f, err := readFrame(c.conn, limit)
	if err == nil && c.begun && f.v1 != c.v1 {
		return frame{}, errors.New("a frame of another version of the protocol")
	}
	c.begun = true
	return f, err
}

func (c *connection) write(flags byte, body []byte) error {
	if err := c.next(); err != nil {
		return err
	}
	return writeFrame(c.conn, frame{flags: flags, body: body, v1: c.v1})
}

// next begins a new frame.
func (c *connection) next() error {
	if !c.session {
		return nil // its time goes on
	}
	return c.conn.SetDeadline(time.Now().Add(idle))
}
