package message

import (
	"io"
	"math"
	"sync"

	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/status"
)

// Key usages of RFC 4121, Section 2. SEAL is for wrap tokens, sealed or not.
const (
	usageAcceptorSeal  = 22
	usageAcceptorSign  = 23
	usageInitiatorSeal = 24
	usageInitiatorSign = 25
)

// Params is what the exchange agreed on.
type Params struct {
	EType          etype.ID
	Key            []byte // copied
	AcceptorSubkey bool   // Key came with the AP-REP

	SendSeq, RecvSeq uint64 // of each direction's first token

	// DetectReplay refuses tokens that came before, and those too old to tell.
	// DetectSequence refuses all that do not come in order.
	DetectReplay, DetectSequence bool

	// DCE is the style of the context: EC counts in rotations, and sealed
	// segments have one.
	DCE bool

	// Rand is where confounders come from.
	Rand io.Reader
}

// Protector protects and opens the messages of one context. It is safe for
// concurrent use; calls of the same direction take turns. The zero Protector, and
// a wiped one, refuse everything. A Protector must not be copied.
type Protector struct {
	profile        *etype.Profile // nil: no key
	key            [32]byte
	acceptorSubkey bool
	dce            bool
	rand           io.Reader

	send, recv direction
	sent       counter // of send's next token
	window     window  // of recv's tokens
}

// direction is what tokens of one direction need. Its lock guards everything in
// it, and the protector's counter or window for that direction.
type direction struct {
	mu         sync.Mutex
	seal, sign *etype.Usage // made when they are needed first
}

// Init makes p ready. It derives nothing: the first token of each kind does, so
// that a context without messages costs no derivation. It must come before every
// other use.
func (p *Protector) Init(params Params) {
	profile, ok := etype.Lookup(params.EType)
	if !ok || len(params.Key) != profile.KeyLen {
		return // refuses everything
	}
	p.profile = profile
	copy(p.key[:], params.Key)
	p.acceptorSubkey, p.dce, p.rand = params.AcceptorSubkey, params.DCE, params.Rand
	p.sent = counter{next: params.SendSeq}
	p.window = window{base: params.RecvSeq, replay: params.DetectReplay, sequence: params.DetectSequence}
}

// Wipe overwrites the keys as far as they can be, after the calls that run.
func (p *Protector) Wipe() {
	p.send.mu.Lock()
	defer p.send.mu.Unlock()
	p.recv.mu.Lock()
	defer p.recv.mu.Unlock()
	for _, u := range []*etype.Usage{p.send.seal, p.send.sign, p.recv.seal, p.recv.sign} {
		if u != nil {
			u.Wipe()
		}
	}
	p.send.seal, p.send.sign, p.recv.seal, p.recv.sign = nil, nil, nil, nil
	clear(p.key[:])
	p.profile = nil
}

// usage is the keys for a key usage, which are derived the first time. The caller
// holds the lock of the slot's direction.
func (p *Protector) usage(slot **etype.Usage, number uint32) (*etype.Usage, error) {
	if p.profile == nil {
		return nil, &status.Error{Reason: status.ReasonInvalidHandle, Detail: "the context has no key any more"}
	}
	if *slot != nil {
		return *slot, nil
	}
	k, err := etype.New(p.profile.ID, p.key[:p.profile.KeyLen])
	if err != nil {
		return nil, err // unreachable: Init looked at type and length
	}
	defer k.Wipe()
	*slot, err = k.Usage(number)
	return *slot, err
}

// counter gives out sequence numbers. They are of 64 bits; the last one is not
// followed by the first.
type counter struct {
	next      uint64
	exhausted bool
}

func (c *counter) take() (uint64, error) {
	if c.exhausted {
		return 0, &status.Error{Reason: status.ReasonContextState, Detail: "all sequence numbers are used up"}
	}
	n := c.next
	c.next++
	c.exhausted = n == math.MaxUint64
	return n, nil
}

// MICLen is the length of a signature.
func (p *Protector) MICLen() int { return headerLen + p.checksumLen() }

// MICLen is the length of a signature under a key of type e; 0 if there is no such
// type.
func MICLen(e etype.ID) int {
	profile, ok := etype.Lookup(e)
	if !ok {
		return 0
	}
	return headerLen + profile.ChecksumLen
}

// TrailerLen is the length of the token of [Protector.SealSegments].
func (p *Protector) TrailerLen(conf bool) int {
	if !conf {
		return headerLen + p.checksumLen()
	}
	return headerLen + p.extraCount() + headerLen + p.checksumLen() + etype.ConfounderLen
}

// MaxTrailerLen is at least TrailerLen: it is what Windows reports, 16 bytes of
// filler included.
func (p *Protector) MaxTrailerLen() int {
	return headerLen + dceFiller + headerLen + p.checksumLen() + etype.ConfounderLen
}

// WrapSizeLimit is the length of the longest message whose wrap token has at most
// max bytes; 0 if there is none.
func (p *Protector) WrapSizeLimit(max int, conf bool) int {
	overhead := headerLen + p.checksumLen()
	if conf {
		overhead += etype.ConfounderLen + headerLen
	}
	if max < overhead {
		return 0
	}
	return max - overhead
}

// checksumLen is 0 without a key. Sizes may be asked for while another goroutine
// wipes, so it takes a lock.
func (p *Protector) checksumLen() int {
	p.send.mu.Lock()
	defer p.send.mu.Unlock()
	if p.profile == nil {
		return 0
	}
	return p.profile.ChecksumLen
}

// dceFiller is the extra count of sealed segments in DCE style, where MS-KILE
// demands that there is one.
const dceFiller = 16

func (p *Protector) extraCount() int {
	if p.dce {
		return dceFiller
	}
	return 0
}
