package main

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/gosspi/kerberos/sspi/sspitest"
)

// login is Alice: she proves who she is, makes sure of the server, and has a
// sealed word with it. It returns her first token, as a thief on the wire sees it.
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
			tell.say("alice", "sends %d bytes: her ticket, and proof that it is hers", len(token))
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
	tell.say("alice", "has the server's proof: nobody else could have opened her ticket")

	tell.title("They talk under a key that only the two have")
	return first, converse(conn, client, tell)
}

// converse sends a sealed message and opens the sealed answer.
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
		return errors.New("the answer came in clear")
	}
	tell.say("alice", "opens %q", message)
	return nil
}

// replay is the thief. All of Alice's first token is right, but for its being the
// second time.
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
		return fmt.Errorf("the thief got in: %w", err)
	}
	tell.say("thief", "is told error %d of RFC 4120, and nothing more", refusal.Code)
	return nil
}

// patience is how long either end waits for the other, all in all.
const patience = 10 * time.Second

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
