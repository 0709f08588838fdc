package message

import (
	"io"
	"math"
	"sync"

	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/status"
)

// Params holds the results of the authentication exchange that message protection uses.
type Params struct {
	EType          etype.ID
	Key            []byte // copied
	AcceptorSubkey bool   // Key is the acceptor's subkey, sent in the AP-REP

	SendSeq, RecvSeq uint64 // sequence number of each direction's first token

	// DetectReplay refuses duplicates, and tokens too old to be distinguished from
	// duplicates. DetectSequence refuses every token that arrives out of order.
	DetectReplay, DetectSequence bool

	// DCE reports that the context has DCE style: EC counts in rotations, and sealed
	// segments have a filler of EC bytes.
	DCE bool

	// Rand is the source of confounders.
	Rand io.Reader
}

// Protector protects and opens the messages of one context. It is safe for
// concurrent use; calls of the same direction take turns. The zero Protector and a wiped
// Protector refuse everything. A Protector must not be copied.
type Protector struct {
	profile        *etype.Profile // nil: no key
	rc4            bool           // tokens have the format of RFC 4757
	key            [32]byte
	acceptorSubkey bool
	dce            bool
	rand           io.Reader

	send, recv direction
	sent       counter // number of the next token to send
	window     window  // numbers of received tokens
}

// direction holds the keys of one direction. Its lock guards its own fields, and the
// protector's counter or window for that direction.
type direction struct {
	mu         sync.Mutex
	seal, sign *etype.Usage // derived at the first use
	cipher     *etype.MessageCipher
}

// Init prepares p for use; call it before every other method. It derives no keys: the
// first token of each kind does, so that a context without messages costs no
// derivation.
func (p *Protector) Init(params Params) {
	profile, ok := etype.Lookup(params.EType)
	if !ok || len(params.Key) != profile.KeyLen {
		return // p refuses everything
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

// Wipe waits for the running calls and overwrites the keys, except those in memory of
// Go's crypto packages.
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

// usage returns the keys for a key usage. The first call derives them. The caller holds
// the lock of the slot's direction.
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
		return nil, err // unreachable: Init checked the type and the length
	}
	defer k.Wipe()
	*slot, err = k.Usage(number)
	return *slot, err
}

// counter assigns sequence numbers of 64 bits, or of 32 bits for RC4. It does not wrap
// around: after the last number it returns an error.
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
