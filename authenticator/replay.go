package authenticator

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// Record describes one use of an authenticator for a [ReplayCache].
type Record struct {
	// Tag is the last checksum-length bytes of the authenticator's ciphertext,
	// padded with zeros. They are the MAC of the ciphertext, so an authenticator with a
	// changed Tag or changed ciphertext is not valid, and two authenticators of one client
	// and one microsecond have different Tags. MIT's replay file stores the same bytes.
	Tag Tag

	// Time is the client's time stamp, ctime and cusec. The MAC covers it, so
	// equal Tags have equal Times.
	Time time.Time

	// Now is the time of the acceptor's clock, which caches use. A cache with a clock of
	// its own uses TTL.
	Now time.Time

	// Until is the time until which the cache must keep the record: one second after the
	// last time at which the acceptor would accept the authenticator as recent. It depends
	// on Time and not on Now: the record of a client whose clock is ahead is needed longer.
	// A Record whose Until is not after Now is refused.
	Until time.Time

	// Client tells the records of one client from those of others. A bounded cache uses
	// it to give each client a share, so that no client can fill the cache with
	// authenticators of its own and shut out all others. Other caches may ignore it. Equal
	// Tags have equal Clients. All records with the zero ClientDigest count as records of
	// one client.
	Client ClientDigest
}

// ClientDigest is the beginning of the SHA-256 digest of a client's principal in lower
// case. Principals that differ in case alone have one digest, and so one share of a
// cache: Active Directory issues tickets under the name as the user writes it, so that a
// user who asks for ALICE, Alice and alice is one client with three principals. The
// digest is not keyed, so that all hosts that share a cache agree. A principal's name is
// no secret: the digest of a guessed name can be computed.
type ClientDigest [16]byte

// DigestClient returns the digest of a client.
func DigestClient(client keytab.Principal) ClientDigest { return digestClient([]byte(client.String())) }

// digestClient returns the digest of a principal's text. It may overwrite text.
func digestClient(text []byte) ClientDigest {
	for i, c := range text {
		switch {
		case c >= utf8.RuneSelf:
			sum := sha256.Sum256(bytes.ToLower(bytes.ToUpper(text)))
			return ClientDigest(sum[:])
		case 'A' <= c && c <= 'Z':
			text[i] = c + 'a' - 'A'
		}
	}
	sum := sha256.Sum256(text)
	return ClientDigest(sum[:])
}

// TTL returns the time for which a cache with a clock of its own must keep the record,
// such as a store that several hosts share. It is the time left until Until, and one skew
// more, because the clock of another host may be behind this host's clock by one skew,
// and the cache may answer late. It is not positive if Until has passed.
func (r Record) TTL() time.Duration {
	left := r.Until.Sub(r.Now)
	if left <= 0 {
		return left
	}
	return r.Until.Add(max(0, r.Until.Sub(r.Time))).Sub(r.Now) // both stop at the greatest Duration
}

// Claim stores r in cache, and fails unless it is new there: with ReasonReplay, with the
// cache's own reason, and with ReasonReplayCacheFailed or ReasonCanceled when the cache
// gave no answer; a cache that cannot tell refuses.
func (r Record) Claim(ctx context.Context, cache ReplayCache) error {
	if ctx == nil || cache == nil {
		return &status.Error{Reason: status.ReasonArgument, Detail: "Claim needs a context.Context and a replay cache"}
	}
	switch fresh, err := cache.Store(ctx, r); {
	case err != nil:
		return noAnswer(ctx, err)
	case !fresh:
		return &status.Error{Reason: status.ReasonReplay, Detail: "the authenticator of " + moment(r.Time.UnixMicro()) +
			" was presented before, the clock here says " + moment(r.Now.UnixMicro()) +
			"; a client that repeats a request must make a new authenticator. If the client did not repeat it, the request was captured and sent again"}
	}
	return nil
}

func noAnswer(ctx context.Context, err error) error {
	known, ok := errors.AsType[*status.Error](err)
	switch {
	case ok && known != nil:
		return err
	case ctx.Err() != nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &status.Error{Reason: status.ReasonCanceled, Detail: "while asking the replay cache", Err: err}
	}
	return &status.Error{Reason: status.ReasonReplayCacheFailed, Err: err}
}

// ReplayCache stores the authenticators that were used. All acceptors with the same keys
// should share a cache: if two hosts have separate caches, an authenticator can be replayed
// once to each host. The replay gives an attacker nothing if the protocol then requires
// messages protected with the acceptor's subkey, or if channel bindings are enforced.
//
// The package replaytest has the tests that an implementation must pass.
type ReplayCache interface {
	// Store reports whether r.Tag is new, and stores it until r.Until or longer. It does
	// both in one atomic step: of any number of concurrent calls with one Tag, in all
	// processes that share the cache, exactly one returns true.
	//
	// An error refuses the authenticator, as false does. A cache that cannot decide, has
	// no room or exceeds its time limit returns an error. It never makes room by dropping
	// a record before its Until. After an error the Tag may or may not be stored. If ctx
	// ends, Store returns an error soon; if ctx has ended before the call, immediately.
	//
	// Until may differ between calls with one Tag, if acceptors with different
	// skews share the cache. The cache may compare no more of Tag than the first
	// 12 bytes; no MAC is shorter.
	//
	// The acceptor returns a *status.Error unchanged. It wraps any other error in a
	// *status.Error with ReasonReplayCacheFailed, or with ReasonCanceled if ctx has ended.
	//
	// Store is safe for concurrent use.
	Store(ctx context.Context, r Record) (fresh bool, err error)
}

// StartRule determines whether a cache that starts empty refuses authenticators that may
// have been used before the cache existed, with an earlier process on this host. RFC
// 4120, Section 3.2.3, requires that.
type StartRule uint8

const (
	// RefuseOlder refuses authenticators whose time stamp is before the creation of the
	// cache, so a restart locks no client out. An authenticator that was stamped ahead of time,
	// by a client whose clock is fast, and accepted by an earlier process is accepted
	// once more after the restart. Only a ReplayCache that outlives the process, as a
	// shared one does, or RefuseWithinSkew closes that.
	//
	// If the clock was ahead when the cache was made and is then corrected, the rule
	// compares with the time at which the corrected clock would have shown the making
	// of the cache, so that the correction does not lock out the clients. By the
	// corrected clock, authenticators that an earlier process accepted under the wrong
	// clock are stamped ahead of time: see above.
	RefuseOlder StartRule = iota

	// RefuseWithinSkew is the stricter rule of the RFC. It refuses every authenticator that
	// a client, even with a fast clock, could have used before the start: all whose time
	// stamp is less than one skew after the start. It locks out most clients for some
	// minutes after each restart and, if the clock is set back later, until the clock has
	// passed the start again: this rule never follows a clock backwards.
	RefuseWithinSkew

	// AcceptOlder refuses no authenticator because of the start: after a restart, an
	// authenticator from the minutes before can be replayed once. It is for tests, and for
	// services that accepted no client before the start.
	AcceptOlder
)
