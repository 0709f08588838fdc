package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gosspi/kerberos/examples/internal/serve"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

const (
	maxToken   = 1 << 16 // bytes of a context token; the security package accepts no longer ones
	maxMessage = 1 << 20 // bytes of a message
)

// contextReq are the flags that the server passes to AcceptSecurityContext. The client
// decides about mutual authentication, replay detection and protection, so only two of
// them change anything: ASC_REQ_ALLOCATE_MEMORY makes the package allocate replies, and
// ASC_REQ_EXTENDED_ERROR sends a refused client a KRB-ERROR.
const contextReq = flags.ASC_REQ_ALLOCATE_MEMORY | flags.ASC_REQ_EXTENDED_ERROR |
	flags.ASC_REQ_MUTUAL_AUTH | flags.ASC_REQ_REPLAY_DETECT | flags.ASC_REQ_SEQUENCE_DETECT |
	flags.ASC_REQ_CONFIDENTIALITY | flags.ASC_REQ_INTEGRITY

// connection is the connection of one client, with at most one security context.
type connection struct {
	cred sspi.CredHandle
	conn *serve.Conn

	begun   bool   // the first frame was read
	v1      bool   // the client speaks version 1 of the protocol
	held    *frame // a frame that hello read and that read returns again
	session bool   // the deadline is idle for each frame, and no longer pendingTime for all of them

	context sspi.CtxtHandle
	attr    flags.ASC_RET
	log     []any // attributes of the context for the log

	messages, sealed, signed, clear int
}

// run serves the connection from its first frame to its last.
func (c *connection) run() error {
	defer sspi.DeleteSecurityContext(&c.context) // also after a refusal
	contextFollows, err := c.hello()
	if err != nil {
		return err
	}
	if contextFollows {
		if err := c.authenticate(); err != nil {
			return err
		}
		if !c.conn.Admit() {
			return errTooManySessions
		}
		c.session = true
	}
	return c.talk()
}

// hello reads the first frame. It finds out which version of the protocol the client
// speaks, and reports whether the client is going to authenticate. A client of version 1
// always authenticates, and its first frame is a context token.
func (c *connection) hello() (contextFollows bool, err error) {
	first, err := c.read(maxToken)
	switch {
	case errors.Is(err, io.EOF):
		return false, nil // a connection without a byte, as port scanners and health checks open
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
	return false, fmt.Errorf("the first frame has flags %#02x; expected %#02x (a context follows) or %#02x (no context)", first.flags,
		frameNoop|frameContextNext, frameNoop)
}

// authenticate calls AcceptSecurityContext for each token of the client until the context
// is established. AcceptSecurityContext would create the context at its first call; here
// the server creates it, because only ContextConfig.WholeTokens says that each frame
// contains a whole token.
func (c *connection) authenticate() error {
	c.context = c.cred.Acceptor().NewContext(sspi.ContextConfig{WholeTokens: true}).Handle()
	for {
		in, err := c.read(maxToken)
		switch {
		case err != nil:
			return fmt.Errorf("waiting for a context token: %w", truncated(err))
		case !c.v1 && in.flags != frameContext:
			return fmt.Errorf("frame flags %#02x; expected %#02x (a context token)", in.flags, frameContext)
		}
		input := sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{{BufferType: sspi.SECBUFFER_TOKEN, Buffer: in.body}}}
		output := sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{{BufferType: sspi.SECBUFFER_TOKEN}}}
		code := sspi.AcceptSecurityContext(&c.cred, &c.context, &input, contextReq, sspi.SECURITY_NATIVE_DREP,
			&c.context, &output, &c.attr, nil)
		c.log = []any{"status", code.String()}

		// A refusal can have a reply too: the KRB-ERROR with the reason.
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

// refused returns the error of a failed exchange. The context's error has a Reason, which
// is more specific than code.
func (c *connection) refused(code status.Code) error {
	err := c.context.Err()
	if err == nil {
		return code.Err()
	}
	c.log = append(c.log, "reason", status.ReasonOf(err).String())
	return err
}

// identify reads the client's name and the properties of the established context for the
// log.
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
	granted := c.attr &^ flags.ASC_RET_ALLOCATED_MEMORY // describes the reply buffer and not the client
	c.log = append(c.log,
		"client", names.ClientName, "service", names.ServerName, "flags", granted.String(),
		"etype", key.EncryptAlgorithmName, "expires", life.Expiry.Time(),
	)
	return nil
}

// talk answers messages until the client sends a closing frame or closes the connection.
func (c *connection) talk() error {
	for {
		f, err := c.read(maxMessage)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case c.v1: // frames have no flags: each message is sealed and asks for its signature
			f.flags = frameData | frameWrapped | frameEncrypted | frameSendMIC
		case f.flags&frameNoop != 0:
			return nil
		case f.flags&frameData == 0:
			return fmt.Errorf("frame flags %#02x; expected a message, with the bit %#02x", f.flags, frameData)
		}
		if err := c.answer(f); err != nil {
			return err
		}
	}
}

// answer unwraps the message of f if it is wrapped, and sends its signature if the client
// asked for one, and an empty frame otherwise.
func (c *connection) answer(f frame) error {
	message := f.body
	if f.flags&frameWrapped != 0 {
		var err error
		if message, err = c.unwrap(f.body); err != nil {
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

// unwrap decrypts or verifies a wrap token in place, and returns its message.
func (c *connection) unwrap(token []byte) ([]byte, error) {
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

// sign returns the signature of a message.
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

// summary returns the attributes of the connection for the log.
func (c *connection) summary() []any {
	return append(c.log, "messages", c.messages, "sealed", c.sealed, "signed", c.signed, "clear", c.clear)
}

// read reads the next frame. It returns an error if the frame has a different version of
// the protocol than the first one.
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
		return frame{}, errors.New("the version of the frame differs from the version of the first frame")
	}
	c.begun = true
	return f, err
}

// write sends a frame.
func (c *connection) write(flags byte, body []byte) error {
	if err := c.next(); err != nil {
		return err
	}
	return writeFrame(c.conn, frame{flags: flags, body: body, v1: c.v1})
}

// next sets the deadline of the next frame. Before the context is established all frames
// share the deadline of the connection.
func (c *connection) next() error {
	if !c.session {
		return nil
	}
	return c.conn.SetDeadline(time.Now().Add(idle))
}
