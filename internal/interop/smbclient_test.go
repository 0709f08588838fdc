package interop

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
)

// smbServer is the beginning of an SMB server (MS-SMB2, dialect 2.0.2): it negotiates, takes the
// first token of a session, and disconnects.
type smbServer struct {
	acceptor *sspi.Acceptor
	listener net.Listener
	ended    chan error // the result of one connection
	peer     *sspi.Peer // after ended
}

const (
	smbHeader       = 64
	smbNegotiate    = 0
	smbSessionSetup = 1
)

func startSMB(t *testing.T, acceptor *sspi.Acceptor) *smbServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s := &smbServer{acceptor: acceptor, listener: l, ended: make(chan error, 1)}
	go func() { s.ended <- s.serve(t) }()
	return s
}

func (s *smbServer) port() int { return s.listener.Addr().(*net.TCPAddr).Port }

func (s *smbServer) serve(t *testing.T) error {
	conn, err := s.listener.Accept()
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	from := bufio.NewReader(conn)
	request, err := smbMessage(from, smbNegotiate)
	if err != nil {
		return err
	}
	c := s.acceptor.NewContext(sspi.ContextConfig{})
	hint, _, err := c.Accept(t.Context(), nil) // the server's first token, with the list of mechanisms
	if err != sspi.ErrContinue {
		return err
	}
	if _, err := conn.Write(smbNegotiated(request, hint)); err != nil {
		return err
	}
	if request, err = smbMessage(from, smbSessionSetup); err != nil {
		return err
	}
	token, err := smbToken(request)
	if err != nil {
		return err
	}
	_, s.peer, err = c.Accept(t.Context(), token)
	return err
}

// smbMessage reads a request, which follows its length in four bytes.
func smbMessage(r io.Reader, command uint16) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n < smbHeader+24 || n > 1<<16 {
		return nil, fmt.Errorf("a message of %d bytes", n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, err
	}
	if string(b[:4]) != "\xfeSMB" || binary.LittleEndian.Uint16(b[12:]) != command {
		return nil, fmt.Errorf("%x is not the SMB2 command %d", b[:smbHeader], command)
	}
	return b, nil
}

// smbNegotiated returns the NEGOTIATE response with a token (MS-SMB2, Section 2.2.4).
func smbNegotiated(request, token []byte) []byte {
	const fixed = 64 // of the response before the token
	b := make([]byte, smbHeader+fixed)
	copy(b, request[:smbHeader])
	le := binary.LittleEndian
	le.PutUint32(b[8:], 0)  // status
	le.PutUint16(b[14:], 1) // credits
	le.PutUint32(b[16:], 1) // a response
	body := b[smbHeader:]
	le.PutUint16(body, fixed+1)
	le.PutUint16(body[2:], 1) // signing enabled
	le.PutUint16(body[4:], 0x0202)
	for _, at := range []int{28, 32, 36} { // the longest transfers
		le.PutUint32(body[at:], 1<<16)
	}
	le.PutUint16(body[56:], smbHeader+fixed)
	le.PutUint16(body[58:], uint16(len(token)))
	b = append(b, token...)
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
}

// smbToken returns the token of a SESSION_SETUP request (MS-SMB2, Section 2.2.5).
func smbToken(request []byte) ([]byte, error) {
	at := int(binary.LittleEndian.Uint16(request[smbHeader+12:]))
	n := int(binary.LittleEndian.Uint16(request[smbHeader+14:]))
	if at > len(request) || n > len(request)-at {
		return nil, errors.New("the token is outside the message")
	}
	return request[at : at+n], nil
}

// TestInteropSMBClient runs smbclient, whose Kerberos library is that of Samba. It gets a ticket
// for cifs from the KDC and sends it, and an acceptor accepts it. This project has no server with
// files, so that smbclient then fails.
func TestInteropSMBClient(t *testing.T) {
	worked(t, "sspi", "smbclient", "SPNEGO", "as far as the ticket")
	r := theRealm(t, "smbclient")
	t.Parallel()
	host := unique("files") + ".interop.test" // smbclient does not use Kerberos for localhost
	principal := "cifs/" + host
	r.admins(t, "addprinc", "-randkey", principal)
	dir := t.TempDir()
	file, conf := filepath.Join(dir, "keytab"), filepath.Join(dir, "smb.conf")
	r.admins(t, "ktadd", "-norandkey", "-q", "-k", file, principal)
	if err := os.WriteFile(conf, fmt.Appendf(nil, "[global]\nlock directory = %[1]s\nstate directory = %[1]s\ncache directory = %[1]s\nprivate dir = %[1]s\n", dir), 0o600); err != nil {
		t.Fatal(err)
	}
	keys, err := keytab.OpenFile(file)
	if err != nil {
		t.Fatal(err)
	}
	acceptor, err := sspi.NewAcceptor(sspi.Config{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	s := startSMB(t, acceptor)
	login := r.login(t)
	res := run(t, login.env(), "", "smbclient", "-s", conf, "-I", "127.0.0.1", "-p", strconv.Itoa(s.port()),
		"--use-kerberos=required", "--use-krb5-ccache=FILE:"+login.cache, "-c", "exit", "//"+host+"/share")
	s.listener.Close() // if smbclient did not connect
	if err := <-s.ended; err != nil {
		t.Fatalf("%v\n%s", err, res.out)
	}
	who, err := s.peer.Principal()
	if err != nil || who.String() != user+"@"+realmName || s.peer.Service.String() != principal+"@"+realmName {
		t.Errorf("%v for %v, %v", who, s.peer.Service, err)
	}
	if res.code != 1 {
		t.Errorf("exit %d\n%s", res.code, res.out)
	}
}
