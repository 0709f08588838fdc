package sspi

import (
	"slices"
	"time"

	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/internal/message"
	"github.com/gosspi/kerberos/status"
)

// ready returns an error if the context may not protect or open a message now.
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
// sealed (RFC 4121, Section 4.2.6.2). Wrap does not depend on the protection that the client
// asked for, which Peer.Flags show. dst may be nil and must not overlap message.
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

// Unwrap checks a token that the client's Wrap made and appends its message to dst; conf
// reports whether the message was sealed. dst may be nil or token[:0], which decrypts in
// place; otherwise they must not overlap. On an error there is no plaintext
// anywhere: a token that was to be opened in place is wiped. A message that
// arrives twice or out of order is an error exactly if the client asked to detect that: ReasonMessageDuplicate, ReasonMessageOld, ReasonMessageUnsequenced, or
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

// UnwrapAfterGap is Unwrap for a protocol that can do without lost messages: it delivers
// a message also where messages before it are missing, and returns their count. 0 means
// that the message follows the highest one that arrived before it. [Context.Unwrap]
// refuses such a message with ReasonMessageGap, and then it is lost.
//
// UnwrapAfterGap refuses duplicate, old and unsequenced messages whatever the client
// asked for. It refuses a gap too in a context without mutual authentication and in an
// RC4 context: there a sequence number does not prove which message it is. It may be
// mixed with Unwrap.
func (c *Context) UnwrapAfterGap(dst, token []byte) (plaintext []byte, conf bool, missing uint64, err error) {
	if err := c.ready(); err != nil {
		return nil, false, 0, err
	}
	u, err := c.protector.Unwrap(message.AfterGap, dst, token, message.Associated{})
	return u.Whole, u.Sealed, u.Missing, err
}

// VerifyMICAfterGap is VerifyMIC with the rules of [Context.UnwrapAfterGap].
func (c *Context) VerifyMICAfterGap(plaintext, mic []byte) (missing uint64, err error) {
	if err := c.ready(); err != nil {
		return 0, err
	}
	return c.protector.VerifyMIC(message.AfterGap, mic, plaintext)
}

// Segment is a part of a message for WrapSegments and UnwrapSegments.
type Segment struct {
	Data     []byte
	SignOnly bool // Data is signed and not encrypted
}

// WrapSegments encrypts, or with conf false only signs, the message that segs form
// together, and appends the message's token to dst (RFC 4121, Section 4.2.6.2; MS-KILE,
// Section 3.4.5.4.1). It encrypts the Data of each segment in place, except where SignOnly
// is set. The token has [Context.SegmentsTokenLen] bytes.
//
// WrapSegments is the core of EncryptMessage, and the peer opens the message with
// DecryptMessage or gss_unwrap_iov. A server of DCE/RPC with header signing wraps a PDU of
// PKT_PRIVACY as three segments: the PDU's header with SignOnly, the stub data with its
// padding, and the security trailer with SignOnly; the token is the auth_value. For
// PKT_INTEGRITY it calls [Context.GetMIC] over the PDU up to the auth_value.
//
// On an error the segments are unchanged. No two of dst and the segments may overlap.
func (c *Context) WrapSegments(dst []byte, segs []Segment, conf bool) (token []byte, err error) {
	if err := c.ready(); err != nil {
		return nil, err
	}
	var room [maxBuffers]etype.Segment
	list := segmentList(room[:0], segs)
	n := c.protector.TrailerLen(list, conf)
	dst = slices.Grow(dst, n)
	n, err = c.protector.SealSegments(dst[len(dst):len(dst)+n], list, conf)
	if err != nil {
		return nil, err
	}
	return dst[:len(dst)+n], nil
}

// UnwrapSegments verifies the message that the peer made of segs with WrapSegments,
// EncryptMessage or gss_wrap_iov, and decrypts in place the segments without SignOnly. conf
// reports whether they were encrypted. UnwrapSegments may overwrite token. The order of
// messages is checked as in [Context.Unwrap]. On an error no decrypted plaintext remains in
// segs.
func (c *Context) UnwrapSegments(token []byte, segs []Segment) (conf bool, err error) {
	if err := c.ready(); err != nil {
		return false, err
	}
	var room [maxBuffers]etype.Segment
	conf, _, err = c.protector.OpenSegments(message.AsGranted, token, segmentList(room[:0], segs))
	return conf, err
}

// SegmentsTokenLen returns the length of the token that WrapSegments makes of segs, and 0
// if the context is not established. A protocol whose signed header contains the length of
// the token, as the header of DCE/RPC does, calls it first.
func (c *Context) SegmentsTokenLen(segs []Segment, conf bool) int {
	if c.usable() != nil {
		return 0
	}
	var room [maxBuffers]etype.Segment
	return c.protector.TrailerLen(segmentList(room[:0], segs), conf)
}

// segmentList appends segs to list, which has memory for most messages.
func segmentList(list []etype.Segment, segs []Segment) []etype.Segment {
	for _, s := range segs {
		list = append(list, etype.Segment{B: s.Data, SignOnly: s.SignOnly})
	}
	return list
}

// WrapSizeLimit is the length of the longest message whose token fits into max
// bytes; 0 if none does, or the context is not established.
func (c *Context) WrapSizeLimit(max int, conf bool) int {
	if c.usable() != nil {
		return 0
	}
	return c.protector.WrapSizeLimit(max, conf)
}
