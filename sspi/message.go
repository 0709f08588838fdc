package sspi

import (
	"time"

	"github.com/gosspi/kerberos/internal/message"
	"github.com/gosspi/kerberos/status"
)

// ready is the error of a message call that may not be made now.
func (c *Context) ready() error {
	if err := c.usable(); err != nil {
		return err
	}
	cfg := &c.acceptor.cfg
	if cfg.EnforceExpiry && c.acceptor.expired(&c.peer, cfg.Time()) { // the clock is not read without need
		return errExpired(&c.peer)
	}
	return nil
}

// expired reports whether a context of p may not be used any more at a time.
func (a *Acceptor) expired(p *Peer, now time.Time) bool {
	return a.cfg.EnforceExpiry && now.After(p.EndTime.Add(a.cfg.Skew))
}

func errExpired(p *Peer) error {
	return &status.Error{Reason: status.ReasonContextExpired, Detail: "the ticket ended " + p.EndTime.Format(time.RFC3339)}
}

// Wrap appends to dst a token that holds message, signed and, if conf is set,
// sealed (RFC 4121, Section 4.2.6.2). It works whatever the client asked for;
// Peer.Flags say what it expects. dst may be nil and must not overlap message.
//
// This and the other calls for messages fail with ReasonInvalidHandle on a context that
// is not established, and with ReasonContextExpired after the ticket's end where
// Config.EnforceExpiry is set.
func (c *Context) Wrap(dst, message []byte, conf bool) ([]byte, error) {
	if err := c.ready(); err != nil {
		return nil, err
	}
	return c.protector.Wrap(dst, message, conf)
}

// Unwrap checks a token of the client's Wrap and appends its message to dst;
// conf says that it was sealed. dst may be nil or token[:0], which decrypts in
// place; otherwise they must not overlap. On an error there is no plaintext
// anywhere: a token that was to be opened in place is wiped. A message that
// came twice, or out of order, is an error exactly if the client asked for that
// to be detected: ReasonMessageDuplicate, ReasonMessageOld, ReasonMessageUnsequenced, or
// ReasonMessageGap, for which there is [Context.UnwrapAfterGap]. All four have the code
// SEC_E_OUT_OF_SEQUENCE.
func (c *Context) Unwrap(dst, token []byte) (plaintext []byte, conf bool, err error) {
	if err := c.ready(); err != nil {
		return nil, false, err
	}
	u, err := c.protector.Unwrap(message.AsGranted, dst, token, message.Associated{})
	return u.Whole, u.Sealed, err
}

// GetMIC appends to dst a signature over message, which travels by itself (RFC
// 4121, Section 4.2.6.1).
func (c *Context) GetMIC(dst, message []byte) ([]byte, error) {
	if err := c.ready(); err != nil {
		return nil, err
	}
	return c.protector.GetMIC(dst, message)
}

// VerifyMIC checks a signature of the client's GetMIC over plaintext. A signature has its
// place in the sequence, as a wrapped message has.
func (c *Context) VerifyMIC(plaintext, mic []byte) error {
	if err := c.ready(); err != nil {
		return err
	}
	_, err := c.protector.VerifyMIC(message.AsGranted, mic, plaintext)
	return err
}

// WrapSizeLimit is the length of the longest message whose token fits into max
// bytes; 0 if none does, or the context is not established.
func (c *Context) WrapSizeLimit(max int, conf bool) int {
	if c.usable() != nil {
		return 0
	}
	return c.protector.WrapSizeLimit(max, conf)
}
