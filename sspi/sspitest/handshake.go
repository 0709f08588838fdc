package sspitest

import (
	"context"
	"fmt"

	"github.com/gosspi/kerberos/sspi"
)

// Handshake passes tokens between a new client and a new context until both are established,
// and returns the acceptor's Peer.
//
// If the acceptor refuses the client, the error wraps the acceptor's error, so status.ReasonOf
// returns its Reason; if the acceptor's answer contains a KRB-ERROR, the error wraps the
// client's [*Error] too. All other errors are errors of the client. If the client's clock is
// wrong and the client does not accept the acceptor's offer to try again, the error is an
// [*Error] with code 37 or 33, and the acceptor still waits for a token.
func Handshake(i *Initiator, c *sspi.Context) (*sspi.Peer, error) {
	var reply []byte
	var peer *sspi.Peer
	for {
		token, done, err := i.Next(reply)
		switch {
		case err != nil:
			return nil, err
		case token == nil && peer == nil:
			return nil, argument("the client has no further token, and the acceptor waits for a token")
		case token == nil:
			return peer, nil
		}
		reply, peer, err = c.Accept(context.Background(), token)
		switch {
		case err != nil && err != sspi.ErrContinue:
			return nil, refusal(i, reply, err)
		case done && peer != nil && len(reply) == 0:
			return peer, nil
		}
	}
}

// refusal returns err, joined with the error that the client returns for the acceptor's
// answer.
func refusal(i *Initiator, reply []byte, err error) error {
	if len(reply) == 0 {
		return err
	}
	_, _, clientErr := i.Next(reply)
	if clientErr == nil {
		return err
	}
	return fmt.Errorf("%w; the client: %w", err, clientErr)
}
