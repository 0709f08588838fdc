// Gliderlabs is an SSH server of github.com/gliderlabs/ssh whose only method is
// gssapi-with-mic, for the tests of internal/interop. That library sets NoClientAuth on
// a server of which it knows no method, after sspissh made its ssh.ServerConfig.
package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"flag"
	"fmt"
	"io"
	"log"
	"net"

	"github.com/gliderlabs/ssh"
	gossh "golang.org/x/crypto/ssh"

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspissh"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "the address to listen on")
	file := flag.String("keytab", "", "the keytab with the keys of host/NAME")
	realm := flag.String("realm", "", "the realm whose users may log in as themselves")
	flag.Parse()
	log.Fatal(serve(*addr, *file, *realm))
}

func serve(addr, file, realm string) error {
	keys, err := keytab.OpenFile(file)
	if err != nil {
		return err
	}
	acceptor, err := sspi.NewAcceptor(sspi.Config{Keys: keys})
	if err != nil {
		return err
	}
	srv, err := newServer(acceptor, realm)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Println("listening on", l.Addr())
	return srv.Serve(l)
}

// newServer makes a server that tells each client its name.
func newServer(acceptor *sspi.Acceptor, realm string) (*ssh.Server, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	signer, err := gossh.NewSignerFromKey(key)
	if err != nil {
		return nil, err
	}
	kerberos, err := sspissh.New(sspissh.Config{Acceptor: acceptor, Authorize: sspissh.SameUser(realm)})
	if err != nil {
		return nil, err
	}
	srv := &ssh.Server{
		Handler: whoami,
		// The library adds the host key to this configuration, and so base has none.
		ServerConfigCallback: func(ssh.Context) *gossh.ServerConfig {
			return kerberos.ServerConfig(&gossh.ServerConfig{
				AuthLogCallback: func(conn gossh.ConnMetadata, method string, err error) {
					fmt.Printf("%s as %q: %v\n", method, conn.User(), err)
				},
			})
		},
	}
	srv.AddHostKey(signer)
	return srv, nil
}

// whoami tells the client which principal logged in as which user.
func whoami(s ssh.Session) {
	conn, _ := s.Context().Value(ssh.ContextKeyConn).(*gossh.ServerConn)
	if peer := sspissh.Peer(conn); peer != nil {
		_, _ = fmt.Fprintf(s, "%s is %s\n", s.User(), peer.Client)
		return
	}
	_, _ = io.WriteString(s, s.User()+" is in without a principal\n")
}
