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

// server answers each client in a goroutine of its own.
type server struct {
	net.Listener
	credential sspi.CredHandle
	tell       *teller
	running    sync.WaitGroup
}

// listen serves on a free port of loopback. The credential is the service's keys;
// one is enough for all clients.
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

// Close stops listening and waits for the clients that are there.
func (s *server) Close() error {
	err := s.Listener.Close()
	s.running.Wait()
	sspi.FreeCredentialsHandle(&s.credential)
	return err
}

func (s *server) serve() {
	for {
		conn, err := s.Accept()
		if err != nil {
			return // the listener is closed
		}
		s.running.Go(func() { s.handle(conn) })
	}
}

// handle is what every server does with a client: find out who it is, and only
// then do what it wants.
func (s *server) handle(conn net.Conn) {
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return
	}
	var context sspi.CtxtHandle
	defer sspi.DeleteSecurityContext(&context) // right in every case, also after a refusal
	if !s.authenticate(conn, &context) {
		return
	}
	_ = s.echo(conn, &context) // until the client hangs up
}

// authenticate carries tokens between client and AcceptSecurityContext, and
// reports whether that said SEC_E_OK. How many tokens there are is for the client
// to decide.
func (s *server) authenticate(conn net.Conn, context *sspi.CtxtHandle) bool {
	var previous *sspi.CtxtHandle // nil the first time
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

		// A reply goes out whatever the code is: a refused client waits for it too.
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

// report tells what the server knows after a call. A name counts as a whole: the
// realm is a part of it. The reason of a refusal is for the operator, and never
// for the client.
func (s *server) report(code status.Code, context *sspi.CtxtHandle, attributes flags.ASC_RET, expiry sspi.TimeStamp) {
	switch code {
	case status.SEC_E_OK:
	case status.SEC_I_CONTINUE_NEEDED:
		s.tell.say("server", "waits for another token")
		return
	default:
		err := context.Err()
		if err == nil { // the call was wrong, and no exchange began
			err = code.Err()
		}
		s.tell.say("server", "refuses: %v", err)
		return
	}
	var names sspi.SecPkgContext_NativeNames
	var key sspi.SecPkgContext_KeyInfo
	sspi.QueryContextAttributes(context, sspi.SECPKG_ATTR_NATIVE_NAMES, &names)
	sspi.QueryContextAttributes(context, sspi.SECPKG_ATTR_KEY_INFO, &key)
	s.tell.say("server", "knows %s, who came for %s", names.ClientName, names.ServerName)
	s.tell.say("server", "grants %s", strings.NewReplacer("ASC_RET_", "", "|", ", ").Replace(attributes.String()))
	s.tell.say("server", "shares a key of %s with the client", key.EncryptAlgorithmName)
	s.tell.say("server", "may trust the ticket until %v", expiry.Time().Format(time.RFC1123))
}
