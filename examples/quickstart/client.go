package main

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/gosspi/kerberos/sspi/sspitest"
)

// login logs Alice in: she authenticates herself, verifies the server's reply and
// exchanges sealed messages with the server. login returns her first token, which a thief
// on the network can read.
func login(addr net.Addr, alice *sspitest.User, tell *teller) (first []byte, err error) {
	conn, err := dial(addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	client, err := alice.Initiate(service, sspitest.Options{})
	if err != nil {
		return nil, err
	}

	tell.title("Alice logs in")
	var reply []byte
	for {
		token, done, err := client.Next(reply)
		if err != nil {
			return nil, err
		}
		if token != nil {
			tell.say("alice", "sends %d bytes: her ticket, and an authenticator that proves that she may use it", len(token))
			if err := send(conn, token); err != nil {
				return nil, err
			}
		}
		if first == nil {
			first = token
		}
		if done {
			break
		}
		if reply, err = receive(conn); err != nil {
			return nil, err
		}
	}
	tell.say("alice", "has the server's proof: only a server with the service's key can decrypt her ticket")

	tell.title("Alice and the server exchange messages under their session key")
	return first, converse(conn, client, tell)
}

// converse sends a sealed message and decrypts the sealed answer.
func converse(conn net.Conn, client *sspitest.Initiator, tell *teller) error {
	const text = "is anybody there?"
	token, err := client.Wrap([]byte(text), true)
	if err != nil {
		return err
	}
	tell.say("alice", "seals %q into %d bytes", text, len(token))
	if err := send(conn, token); err != nil {
		return err
	}
	answer, err := receive(conn)
	if err != nil {
		return err
	}
	message, sealed, err := client.Unwrap(answer)
	if err != nil {
		return err
	}
	if !sealed {
		return errors.New("the answer is not encrypted")
	}
	tell.say("alice", "decrypts %q", message)
	return nil
}

// replay sends Alice's first token again, as a thief would. The server must refuse the
// token although all of it is valid, because it has accepted the token before.
func replay(addr net.Addr, stolen []byte, tell *teller) error {
	conn, err := dial(addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	tell.title("A thief sends Alice's first token again")
	tell.say("thief", "sends the same %d bytes", len(stolen))
	if err := send(conn, stolen); err != nil {
		return err
	}
	reply, err := receive(conn)
	if err != nil {
		return err
	}
	refusal, err := sspitest.ParseError(reply)
	if err != nil {
		return fmt.Errorf("the server did not refuse the replay: %w", err)
	}
	tell.say("thief", "receives error %d of RFC 4120, and no other information", refusal.Code)
	return nil
}

// patience limits the duration of a connection, for the client and for the server.
const patience = 10 * time.Second

// dial connects to the server.
func dial(addr net.Addr) (net.Conn, error) {
	conn, err := net.DialTimeout(addr.Network(), addr.String(), patience)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}
