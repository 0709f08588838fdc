package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/gosspi/kerberos/sspi/sspissh"
)

// serveChannels serves the channels of a connection until it ends. At most maxChannels are
// open at the same time.
func serveChannels(channels <-chan ssh.NewChannel, conn *ssh.ServerConn) {
	var wg sync.WaitGroup
	defer wg.Wait()
	open := make(chan struct{}, maxChannels)
	for c := range channels {
		select {
		case open <- struct{}{}:
			wg.Go(func() {
				defer func() { <-open }()
				serveChannel(c, conn)
			})
		default:
			_ = c.Reject(ssh.ResourceShortage, "too many sessions")
		}
	}
}

// serveChannel serves a channel, which must be a session (RFC 4254, Section 6). It ends the
// session when an error occurs.
func serveChannel(c ssh.NewChannel, conn *ssh.ServerConn) {
	if c.ChannelType() != "session" {
		_ = c.Reject(ssh.UnknownChannelType, "this server has channels of the type session only")
		return
	}
	channel, requests, err := c.Accept()
	if err != nil {
		return
	}
	defer channel.Close()
	terminal := false
	for r := range requests {
		switch r.Type {
		case "pty-req": // there is no terminal, but the client expects CR LF line ends
			terminal = true
			_ = r.Reply(true, nil)
		case "exec", "shell":
			out, errs, code := answer(r, conn)
			_ = r.Reply(true, nil)
			go ssh.DiscardRequests(requests) // ends when channel is closed
			write(channel, out, terminal)
			write(channel.Stderr(), errs, terminal)
			exit(channel, code)
			return
		default:
			_ = r.Reply(false, nil)
		}
	}
}

// answer returns the output and the exit code of an exec or shell request. It runs no
// program.
func answer(r *ssh.Request, conn *ssh.ServerConn) (out, errs string, code uint32) {
	if r.Type == "shell" {
		return "Hello, " + conn.User() + ". You are logged in. This server has no shell: try the commands whoami and id.\n", "", 0
	}
	var exec struct{ Command string }
	if err := ssh.Unmarshal(r.Payload, &exec); err != nil {
		return "", "malformed request\n", 1
	}
	switch exec.Command {
	case "whoami":
		return conn.User() + "\n", "", 0
	case "id":
		return id(conn), "", 0
	}
	return "", fmt.Sprintf("%.100q: this server has only whoami and id\n", exec.Command), 127
}

// id returns the facts that Kerberos has proven about the user.
func id(conn *ssh.ServerConn) string {
	peer := sspissh.Peer(conn)
	var b strings.Builder
	fmt.Fprintf(&b, "user: %s\n", conn.User())
	fmt.Fprintf(&b, "principal: %v\n", peer.Client)
	if peer.Account != nil {
		fmt.Fprintf(&b, "account: %v, %v\n", peer.Account, peer.Account.SID)
	}
	fmt.Fprintf(&b, "service: %v\n", peer.Service)
	fmt.Fprintf(&b, "flags: %v\n", peer.Flags)
	fmt.Fprintf(&b, "encryption: %v\n", peer.ContextEType)
	fmt.Fprintf(&b, "ticket ends: %s\n", peer.EndTime.Format(time.RFC3339))
	if d := sspissh.Delegated(conn); d != nil {
		fmt.Fprint(&b, "delegation: yes\n")
		for _, t := range d.Tickets {
			fmt.Fprintf(&b, "delegated ticket: %v for %v\n", t.Service, t.Client)
		}
	} else {
		fmt.Fprint(&b, "delegation: no\n")
	}
	return b.String()
}

// write writes text. It ignores errors, which mean that the client has closed the channel.
func write(w io.Writer, text string, terminal bool) {
	if terminal {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	_, _ = io.WriteString(w, text)
}

// exit sends the exit code of a command.
func exit(channel ssh.Channel, code uint32) {
	_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{code}))
}
