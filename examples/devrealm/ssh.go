package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/gosspi/kerberos/examples/internal/serve"
	"github.com/gosspi/kerberos/sspi/sspissh"
)

// startSSH starts the SSH server, and writes its host key into the file known_hosts.
func (w *world) startSSH() error {
	acceptor, err := w.acceptor("ssh", "host/")
	if err != nil {
		return err
	}
	method, err := sspissh.New(sspissh.Config{Acceptor: acceptor, Authorize: sspissh.SameUser(realmName)})
	if err != nil {
		return err
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	key, err := ssh.NewSignerFromKey(private)
	if err != nil {
		return err
	}
	base := &ssh.ServerConfig{ServerVersion: "SSH-2.0-devrealm"}
	base.AddHostKey(key)
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		return err
	}
	w.ssh = l.Addr()
	known := fmt.Sprintf("[localhost]:%s %s", portOf(w.ssh.String()), ssh.MarshalAuthorizedKey(key.PublicKey()))
	if err := os.WriteFile(w.knownHosts(), []byte(known), 0o600); err != nil {
		l.Close()
		return err
	}
	server := &serve.Server{
		Handle: func(_ context.Context, c *serve.Conn) { greet(c, method.ServerConfig(base)) },
		Log:    slog.New(slog.DiscardHandler), MaxPending: 16, MaxSessions: 16, LoginTime: 30 * time.Second,
	}
	ctx, end := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(ctx, l); ctx.Err() == nil {
			w.ended <- fmt.Errorf("ssh: %w", err)
		}
	}()
	w.stops = append(w.stops, func() { end(); <-done })
	return nil
}

func (w *world) knownHosts() string { return filepath.Join(w.dir, "known_hosts") }

// greet serves one connection. It answers each command with the client's name.
func greet(c *serve.Conn, config *ssh.ServerConfig) {
	conn, channels, requests, err := ssh.NewServerConn(c, config)
	if err != nil {
		return // the acceptor has reported a refused login
	}
	defer conn.Close()
	if !c.Admit() {
		return
	}
	_ = c.SetDeadline(time.Now().Add(time.Minute)) // fails on a closed connection, which needs no deadline
	go ssh.DiscardRequests(requests)
	principal, err := sspissh.Peer(conn).Principal()
	if err != nil {
		return // unreachable: SameUser admits clients whose ticket proves a name
	}
	greeting := fmt.Sprintf("You are %v, logged in as %s. This server runs no programs.\r\n", principal, conn.User())
	for request := range channels {
		if request.ChannelType() != "session" {
			_ = request.Reject(ssh.UnknownChannelType, "this server has channels of the type session only")
			continue
		}
		channel, requests, err := request.Accept()
		if err != nil {
			continue
		}
		answer(channel, requests, greeting)
	}
}

// answer waits for a command, and writes the greeting.
func answer(channel ssh.Channel, requests <-chan *ssh.Request, greeting string) {
	defer channel.Close()
	for r := range requests {
		run := r.Type == "exec" || r.Type == "shell"
		_ = r.Reply(run || r.Type == "pty-req", nil)
		if run {
			go ssh.DiscardRequests(requests) // ends when channel is closed
			_, _ = channel.Write([]byte(greeting))
			_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{}))
			return
		}
	}
}
