package main

import (
	"fmt"
	"net"
	"sync"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// server accepts one connection after the other.
type server struct {
	net.Listener
	credential sspi.CredHandle
	done       sync.WaitGroup
}

func listen(keys *keytab.Table) (*server, error) {
	s := new(server)
	code := sspi.AcquireCredentialsHandle("", sspi.Kerberos, sspi.SECPKG_CRED_INBOUND, nil,
		&sspi.Config{Keys: keys}, nil, nil, &s.credential, nil)
	if code != status.SEC_E_OK {
		return nil, fmt.Errorf("AcquireCredentialsHandle: %v", code)
	}
	var err error
	if s.Listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	s.done.Go(s.serve)
	return s, nil
}

// Close ends the listener and waits for the connection that is served.
func (s *server) Close() error {
	err := s.Listener.Close()
	s.done.Wait()
	return err
}

func (s *server) serve() {
	for {
		conn, err := s.Accept()
		if err != nil {
			return
		}
		s.handle(conn)
	}
}

// handle is the loop of every SSPI server, and then an echo.
func (s *server) handle(conn net.Conn) {
	defer conn.Close()
	var context sspi.CtxtHandle
	if !s.authenticate(conn, &context) {
		return
	}
	defer sspi.DeleteSecurityContext(&context)
	for {
		message, err := receive(conn)
		if err != nil {
			return
		}
		stream := sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{
			{BufferType: sspi.SECBUFFER_STREAM, Buffer: message}, {BufferType: sspi.SECBUFFER_DATA},
		}}
		if code := sspi.DecryptMessage(&context, &stream, 0, nil); code != status.SEC_E_OK {
			say("server", "DecryptMessage: %v", code)
			return
		}
		text := string(stream.Buffers[1].Buffer)
		say("server", "opened %q", text)
		if err := s.answer(conn, &context, "you said: "+text); err != nil {
			return
		}
	}
}

// authenticate runs AcceptSecurityContext until it is done.
func (s *server) authenticate(conn net.Conn, context *sspi.CtxtHandle) bool {
	var previous *sspi.CtxtHandle
	for {
		token, err := receive(conn)
		if err != nil {
			return false
		}
		in := sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{{BufferType: sspi.SECBUFFER_TOKEN, Buffer: token}}}
		out := sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{{BufferType: sspi.SECBUFFER_TOKEN}}}
		var attributes flags.ASC_RET
		var expiry sspi.TimeStamp
		code := sspi.AcceptSecurityContext(&s.credential, previous, &in,
			flags.ASC_REQ_ALLOCATE_MEMORY|flags.ASC_REQ_EXTENDED_ERROR, sspi.SECURITY_NETWORK_DREP,
			context, &out, &attributes, &expiry)
		reply := out.Buffers[0].Buffer
		say("server", "AcceptSecurityContext: %d bytes in, %v, %d bytes out", len(token), code, len(reply))
		if len(reply) > 0 {
			if err := send(conn, reply); err != nil {
				return false
			}
		}
		switch code {
		case status.SEC_E_OK:
			introduce(context, attributes, expiry)
			return true
		case status.SEC_I_CONTINUE_NEEDED:
			previous = context
		default:
			say("server", "refused: %v", context.Err())
			sspi.DeleteSecurityContext(context)
			return false
		}
	}
}

// introduce prints what the server knows now.
func introduce(context *sspi.CtxtHandle, attributes flags.ASC_RET, expiry sspi.TimeStamp) {
	var names sspi.SecPkgContext_NativeNames
	var key sspi.SecPkgContext_KeyInfo
	sspi.QueryContextAttributes(context, sspi.SECPKG_ATTR_NATIVE_NAMES, &names)
	sspi.QueryContextAttributes(context, sspi.SECPKG_ATTR_KEY_INFO, &key)
	say("server", "the client is %s, and came to %s", names.ClientName, names.ServerName)
	say("server", "granted %v", attributes)
	say("server", "key of %s, %d bits; until %v", key.EncryptAlgorithmName, key.KeySize, expiry.Time())
}

// answer seals a message: the trailer goes before the text.
func (s *server) answer(conn net.Conn, context *sspi.CtxtHandle, text string) error {
	var sizes sspi.SecPkgContext_Sizes
	if code := sspi.QueryContextAttributes(context, sspi.SECPKG_ATTR_SIZES, &sizes); code != status.SEC_E_OK {
		return code.Err()
	}
	message := sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{
		{BufferType: sspi.SECBUFFER_TOKEN, Buffer: make([]byte, sizes.SecurityTrailer)},
		{BufferType: sspi.SECBUFFER_DATA, Buffer: []byte(text)},
	}}
	if code := sspi.EncryptMessage(context, 0, &message, 0); code != status.SEC_E_OK {
		return code.Err()
	}
	return send(conn, append(message.Buffers[0].Buffer, message.Buffers[1].Buffer...))
}
