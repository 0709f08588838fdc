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

// Record is one use of an authenticator: what a [ReplayCache] is asked to
// remember.
type Record struct {
	// Tag is the last checksum-length bytes of the authenticator's ciphertext,
	// padded with zeros. They are the MAC over all of it, so nobody can change
	// them, or what they cover, and leave the authenticator valid; and two
	// authenticators of one client and one microsecond differ in them. MIT's
	// replay file stores the same.
	Tag Tag

	// Time is the client's time stamp, ctime and cusec. The MAC covers it: one
	// Tag always comes with one Time.
	Time time.Time

	// Now is the acceptor's clock. Caches take the time from here; one that has a
	// clock of its own nevertheless goes by TTL.
	Now time.Time

	// Until is the time to which the record must be kept: the last at which the
	// authenticator could pass for recent, and a second more. It follows from
	// Time, not from Now: where a client's clock is ahead, its record is needed
	// longer. It is after Now, or the Record is refused.
	Until time.Time

	// Client tells the records of one client from those of others. A bounded cache uses
	// it to give each client a share, so that no client can fill the cache with
	// authenticators of its own and shut out all others. Other caches may ignore it. One
	// Tag always comes with one Client. All records with the zero ClientDigest count as
	// one client's.
	Client ClientDigest
}

// ClientDigest is the beginning of the SHA-256 digest of a client's principal in lower
// case. Principals that differ in case alone have one digest, and so one share of a
// cache: Active Directory issues tickets under the name as the user writes it, so that a
// user who asks for ALICE, Alice and alice is one client with three principals. The
// digest is not keyed, so that all hosts that share a cache agree. A principal's name is
// no secret: everybody who guesses it can compute its digest.
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

// TTL returns how long the record must be kept by a cache that counts durations by a
// clock of its own, as a store that several hosts share does. It is what is left until
// Until, and a skew more: the clock of another host may be behind ours by as much, and
// the cache's answers may take their time. It is not positive if Until has passed.
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

// ReplayCache remembers the authenticators that were used. It is shared by all
// that accept under the same keys: two caches that do not know of each other,
// on two hosts behind one name say, let an authenticator in once each. Such a
// second use is worth nothing where the client then has to know the session
// key, because messages are protected under the acceptor's subkey, or is bound
// to its channel.
//
// The package replaytest has the tests that an implementation must pass.
type ReplayCache interface {
	// Store reports whether r.Tag is new, and remembers it until r.Until at
	// least. Both are one step: of any number of concurrent calls with one Tag, in
	// all processes that share the cache, exactly one returns true.
	//
	// An error refuses the authenticator as false does; a cache that cannot
	// tell, has no room or runs out of time returns one. It never makes room by
	// forgetting a record before its Until, and it may remember longer. After an
	// error the Tag may or may not be remembered. Store returns soon after ctx
	// ends, with an error; at once if it has ended before.
	//
	// Until may differ between calls with one Tag, if acceptors with different
	// skews share the cache. The cache may compare no more of Tag than the first
	// 12 bytes; no MAC is shorter.
	//
	// An error that is a *status.Error reaches the caller of the acceptor as
	// it is; any other becomes the cause of one with ReasonReplayCacheFailed, or
	// ReasonCanceled where it is ctx's.
	//
	// Store is safe for concurrent use.
	Store(ctx context.Context, r Record) (fresh bool, err error)
}

// StartRule says what a cache that starts empty does with authenticators that
// may have been presented before it was there, to the process that ran here
// until then. RFC 4120, Section 3.2.3, wants them refused.
type StartRule uint8

const (
	// RefuseOlder refuses authenticators stamped before the cache was made, so
	// that a restart locks nobody out. An authenticator that was stamped ahead of time,
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

	// RefuseWithinSkew is the RFC's stricter form. It refuses everything that
	// could have been presented before the start, by a fast clock too: all that
	// is stamped less than a skew after it. Most clients are locked out for some
	// minutes after each restart; and, if the clock is set back later, until it is
	// past the start again: the rule never follows a clock backwards.
	RefuseWithinSkew

	// AcceptOlder takes the risk: after a restart everything presented in the
	// minutes before can be presented once more. It is for tests, and for
	// those who know that nothing was accepted before.
	AcceptOlder
)
