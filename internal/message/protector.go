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
	rc4            bool           // the tokens are those of RFC 4757
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
	cipher     *etype.MessageCipher
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
	p.sent = counter{next: params.SendSeq, last: math.MaxUint64}
	p.window = window{base: params.RecvSeq, replay: params.DetectReplay, sequence: params.DetectSequence, own: params.AcceptorSubkey}
	if profile.ID == etype.RC4 {
		p.rc4, p.sent.last, p.window.narrow = true, math.MaxUint32, true
	}
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
	for _, d := range []*direction{&p.send, &p.recv} {
		if d.cipher != nil {
			d.cipher.Wipe()
			d.cipher = nil
		}
	}
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
	if p.rc4 {
		number = saltOf(number)
	}
	k, err := etype.New(p.profile.ID, p.key[:p.profile.KeyLen])
	if err != nil {
		return nil, err // unreachable: Init looked at type and length
	}
	defer k.Wipe()
	*slot, err = k.Usage(number)
	return *slot, err
}

// counter gives out sequence numbers, which are of 64 bits, in RC4 of 32. The last
// one is not followed by the first.
type counter struct {
	next, last uint64
	exhausted  bool
}

func (c *counter) take() (uint64, error) {
	if c.exhausted {
		return 0, &status.Error{Reason: status.ReasonContextState, Detail: "all sequence numbers are used up"}
	}
	n := c.next
	c.next++
	c.exhausted = n >= c.last
	return n, nil
}
