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

// serveChannels returns when the connection has ended.
func serveChannels(channels <-chan ssh.NewChannel, conn *ssh.ServerConn) {
	var wg sync.WaitGroup
	defer wg.Wait()
	places := make(chan struct{}, maxChannels)
	for c := range channels {
		select {
		case places <- struct{}{}:
			wg.Go(func() {
				defer func() { <-places }()
				serveChannel(c, conn)
			})
		default:
			_ = c.Reject(ssh.ResourceShortage, "too many sessions")
		}
	}
}

// serveChannel serves what a client opens, which must be a session (RFC 4254,
// Section 6). An error ends the session, and the client sees it end.
func serveChannel(c ssh.NewChannel, conn *ssh.ServerConn) {
	if c.ChannelType() != "session" {
		_ = c.Reject(ssh.UnknownChannelType, "sessions only")
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
		case "pty-req": // there is none, but the client's terminal wants its line ends
			terminal = true
			_ = r.Reply(true, nil)
		case "exec", "shell":
			out, errs, code := answer(r, conn)
			_ = r.Reply(true, nil)
			go ssh.DiscardRequests(requests) // ends with channel
			write(channel, out, terminal)
			write(channel.Stderr(), errs, terminal)
			exit(channel, code)
			return
		default:
			_ = r.Reply(false, nil)
		}
	}
}

// answer is all that this server does: it runs nothing.
func answer(r *ssh.Request, conn *ssh.ServerConn) (out, errs string, code uint32) {
	if r.Type == "shell" {
		return "Hello, " + conn.User() + ". You are logged in, and there is no shell here: try the commands whoami and id.\n", "", 0
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
	return "", fmt.Sprintf("%.100q: there are only whoami and id\n", exec.Command), 127
}

// id is what Kerberos says of the user.
func id(conn *ssh.ServerConn) string {
	peer := sspissh.Peer(conn)
	var b strings.Builder
	fmt.Fprintf(&b, "user: %s\n", conn.User())
	fmt.Fprintf(&b, "principal: %v\n", peer.Client)
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

// write writes text. What fails, fails for a client that has gone.
func write(w io.Writer, text string, terminal bool) {
	if terminal {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	_, _ = io.WriteString(w, text)
}

// exit tells the client how its command ended.
func exit(channel ssh.Channel, code uint32) {
	_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{code}))
}
