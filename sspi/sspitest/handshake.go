package sspitest

import (
	"context"
	"fmt"

	"github.com/gosspi/kerberos/sspi"
)

// Handshake carries tokens between a new client and a new context until both are
// established, and returns what the acceptor knows of the client then.
//
// The error of an acceptor that refuses is its own, and so fit for
// status.ReasonOf; where the client was told, it wraps the client's [*Error] too.
// Any other error is the client's. So is that of a client whose clock is wrong and
// which does not take the acceptor's offer to try again: it is an [*Error] of code
// 37 or 33, and the acceptor still waits.
func Handshake(i *Initiator, c *sspi.Context) (*sspi.Peer, error) {
	var reply []byte
	var peer *sspi.Peer
	for {
		token, done, err := i.Next(reply)
		switch {
		case err != nil:
			return nil, err
		case token == nil && peer == nil:
			return nil, argument("the client is done, and the acceptor waits for another token")
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

// refusal is err, and what the client says to the answer.
func refusal(i *Initiator, reply []byte, err error) error {
	if len(reply) == 0 {
		return err
	}
	_, _, told := i.Next(reply)
	if told == nil {
		return err
	}
	return fmt.Errorf("%w; the client: %w", err, told)
}
