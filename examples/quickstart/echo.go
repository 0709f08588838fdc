package main

import (
	"errors"
	"net"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// echo answers sealed messages until the client closes the connection.
func (s *server) echo(conn net.Conn, context *sspi.CtxtHandle) error {
	for {
		token, err := receive(conn)
		if err != nil {
			return err
		}
		text, err := unseal(context, token)
		if err != nil {
			s.tell.say("server", "closes the connection: %v", err)
			return err
		}
		answer, err := seal(context, "you said: "+text)
		if err != nil {
			return err
		}
		s.tell.say("server", "decrypts %q, seals an answer into %d bytes", text, len(answer))
		if err := send(conn, answer); err != nil {
			return err
		}
	}
}

// unseal decrypts a token in place: DecryptMessage sets the DATA buffer to the message,
// which lies in the STREAM buffer. unseal refuses a message that is signed and not
// encrypted.
func unseal(context *sspi.CtxtHandle, token []byte) (string, error) {
	stream := sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{
		{BufferType: sspi.SECBUFFER_STREAM, Buffer: token}, {BufferType: sspi.SECBUFFER_DATA},
	}}
	var qop uint32
	if code := sspi.DecryptMessage(context, &stream, 0, &qop); code != status.SEC_E_OK {
		return "", code.Err()
	}
	if qop == sspi.SECQOP_WRAP_NO_ENCRYPT {
		return "", errors.New("the message is not encrypted")
	}
	return string(stream.Buffers[1].Buffer), nil
}

// seal encrypts a copy of text in place. The token begins with the buffer that SSPI calls
// the security trailer.
func seal(context *sspi.CtxtHandle, text string) ([]byte, error) {
	var sizes sspi.SecPkgContext_Sizes
	if code := sspi.QueryContextAttributes(context, sspi.SECPKG_ATTR_SIZES, &sizes); code != status.SEC_E_OK {
		return nil, code.Err()
	}
	message := sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{
		{BufferType: sspi.SECBUFFER_TOKEN, Buffer: make([]byte, sizes.SecurityTrailer)},
		{BufferType: sspi.SECBUFFER_DATA, Buffer: []byte(text)},
	}}
	if code := sspi.EncryptMessage(context, 0, &message, 0); code != status.SEC_E_OK {
		return nil, code.Err()
	}
	return append(message.Buffers[0].Buffer, message.Buffers[1].Buffer...), nil
}
