package main

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// server serves each client in its own goroutine.
type server struct {
	net.Listener
	credential sspi.CredHandle
	tell       *teller
	running    sync.WaitGroup
}

// listen starts a server on a free port of loopback. All clients share one credential
// handle, which has the service's keys.
func listen(keys *keytab.Table, tell *teller) (*server, error) {
	s := &server{tell: tell}
	code := sspi.AcquireCredentialsHandle("", sspi.Kerberos, sspi.SECPKG_CRED_INBOUND, nil,
		&sspi.Config{Keys: keys}, nil, nil, &s.credential, nil)
	if code != status.SEC_E_OK {
		return nil, fmt.Errorf("AcquireCredentialsHandle: %w", code.Err())
	}
	var err error
	if s.Listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	s.running.Go(s.serve)
	return s, nil
}

// Close stops listening and waits until all connections have ended.
func (s *server) Close() error {
	err := s.Listener.Close()
	s.running.Wait()
	sspi.FreeCredentialsHandle(&s.credential)
	return err
}

// serve accepts connections until the listener is closed.
func (s *server) serve() {
	for {
		conn, err := s.Accept()
		if err != nil {
			return
		}
		s.running.Go(func() { s.handle(conn) })
	}
}

// handle authenticates the client and serves its requests only after that.
func (s *server) handle(conn net.Conn) {
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return
	}
	var context sspi.CtxtHandle
	defer sspi.DeleteSecurityContext(&context) // in every case, also after a refusal
	if !s.authenticate(conn, &context) {
		return
	}
	_ = s.echo(conn, &context)
}

// authenticate passes the client's tokens to AcceptSecurityContext and sends its replies,
// and reports whether AcceptSecurityContext returned SEC_E_OK. The number of tokens
// depends on the client.
func (s *server) authenticate(conn net.Conn, context *sspi.CtxtHandle) bool {
	var previous *sspi.CtxtHandle // nil at the first call
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
		s.tell.say("server", "AcceptSecurityContext: %d bytes in, %v, %d bytes out", len(token), code, len(reply))
		s.report(code, context, attributes, expiry)

		// Send the reply even if code is an error: a refused client waits for the reply too.
		if len(reply) > 0 {
			if err := send(conn, reply); err != nil {
				return false
			}
		}
		switch code {
		case status.SEC_E_OK:
			return true
		case status.SEC_I_CONTINUE_NEEDED:
			previous = context
		default:
			return false
		}
	}
}

// report shows the result of a call. Compare whole names in a server: the realm is part of
// a name. Show the reason of a refusal to the operator only, never to the client.
func (s *server) report(code status.Code, context *sspi.CtxtHandle, attributes flags.ASC_RET, expiry sspi.TimeStamp) {
	switch code {
	case status.SEC_E_OK:
	case status.SEC_I_CONTINUE_NEEDED:
		s.tell.say("server", "waits for another token")
		return
	default:
		err := context.Err()
		if err == nil { // an argument was invalid, and there is no exchange
			err = code.Err()
		}
		s.tell.say("server", "refuses: %v", err)
		return
	}
	var names sspi.SecPkgContext_NativeNames
	var key sspi.SecPkgContext_KeyInfo
	sspi.QueryContextAttributes(context, sspi.SECPKG_ATTR_NATIVE_NAMES, &names)
	sspi.QueryContextAttributes(context, sspi.SECPKG_ATTR_KEY_INFO, &key)
	s.tell.say("server", "has authenticated %s for the service %s", names.ClientName, names.ServerName)
	s.tell.say("server", "grants %s", strings.NewReplacer("ASC_RET_", "", "|", ", ").Replace(attributes.String()))
	s.tell.say("server", "shares a key of type %s with the client", key.EncryptAlgorithmName)
	s.tell.say("server", "may use the context until %v", expiry.Time().Format(time.RFC1123))
}
