package sspi

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/message"
	"github.com/gosspi/kerberos/internal/reply"
	"github.com/gosspi/kerberos/internal/spnego"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// state is the state of a context. In each state Accept expects one kind of token and
// refuses every other token.
type state uint32

const (
	stateStart       state = iota // an AP-REQ
	stateThirdLeg                 // DCE style: the client's AP-REP
	stateMIC                      // SPNEGO: the client's MIC over its list of mechanisms
	stateEstablished              // messages
	stateFailed                   // nothing; Err says why
	stateClosed                   // nothing; the keys are wiped
)

// Context is one security context: first an exchange of tokens, then messages.
// It is safe for concurrent use: Accept refuses a second call that runs beside the first,
// Wrap and Unwrap may run side by side, and Close may be called at any time. A nil Context,
// which an invalid handle returns, and the zero Context behave like a closed Context.
//
// A Context that waits for the client's next token holds less than 4 KiB, whatever the
// client sent. To this are added, while it waits for the rest of a fragmented SPNEGO
// token, the bytes of the token that arrived, at most Config.MaxToken, unless
// ContextConfig.WholeTokens is set; and, once it accepted the client's AP-REQ, the
// client's names, its forwarded tickets, its own ticket if ContextConfig.KeepEvidence asks
// for it, and the PAC with its facts. A Context does not know
// its peer, so the number of pending exchanges of a peer is for the program to bound.
type Context struct {
	// fmt and loggers may follow one pointer past a Format method, but not two pointers. The
	// keys are therefore two pointers away from a Context, so that a printed Context, and a
	// printed copy of it, cannot show them.
	*body
}

// body holds the fields of a Context.
type body struct {
	acceptor *Acceptor
	cfg      ContextConfig
	pkg      Package // as Windows spells it; "": none that is here

	// accepting is held by the one Accept that runs. It guards the fields up to the next
	// comment.
	accepting   sync.Mutex
	retried     bool             // the client has used its second try
	hintsSent   bool             // the client has the list of mechanisms
	fragments   spnego.Fragments // of a token
	facts       facts            // of the accepted AP-REQ, for the record that a later leg makes
	negotiation *negotiation     // nil: the client's tokens are not in SPNEGO, or no token has been answered yet
	spare       *vault           // memory for the first vault

	deleted    atomic.Bool           // by DeleteSecurityContext
	attributes atomic.Uint32         // flags.ASC_RET, as AcceptSecurityContext returned them
	messageErr atomic.Pointer[error] // of the message call of the Windows API that failed last

	pending atomic.Pointer[Event] // a record that the caller has not taken yet (DeferReport)

	// mu guards each change of state, and the fields below. A leg writes them in commit,
	// and stores the state last; peer and proven do not change after that.
	mu     sync.Mutex
	state  atomic.Uint32
	err    error
	*vault // nil before the first leg that makes keys
	peer   Peer

	// proven points to peer once the client is proven. It outlives Close.
	proven atomic.Pointer[Peer]
}

// vault holds the secrets of a context. A leg fills a new vault, which commit then gives to
// the context. delegated, evidence and protector do not change after that, except that they are
// wiped.
type vault struct {
	key         contextKey
	third       reply.ThirdLeg
	acceptorTGT TGT // user-to-user: the TGT that the client was sent, without its Ticket
	delegated   *authenticator.Delegated
	evidence    *authenticator.DelegatedTicket
	protector   message.Protector
}

// newVault returns memory for the secrets of a leg: at first the memory that NewContext
// allocated with the context. The caller holds accepting, or is the only user of c.
func (c *Context) newVault() *vault {
	v := c.spare
	c.spare = nil
	if v == nil {
		v = new(vault)
	}
	return v
}

// wipe overwrites the secrets. The caller holds the context's mu if v is the context's
// vault.
func (v *vault) wipe() {
	if v == nil {
		return
	}
	v.key = contextKey{}
	v.third = reply.ThirdLeg{}
	v.acceptorTGT = TGT{}
	v.delegated, v.evidence = nil, nil
	v.protector.Wipe()
}

// contextKey holds the context's key: the acceptor's subkey, or else the initiator's subkey,
// or else the ticket's session key (RFC 4121, Section 2).
type contextKey struct {
	etype keytab.EType
	bytes [32]byte
	n     int
}

// errContinue is the type of ErrContinue.
type errContinue struct{}

func (errContinue) Error() string {
	return "kerberos: the exchange goes on: send the reply and read another token"
}

// Code makes status.CodeOf give SEC_I_CONTINUE_NEEDED.
func (errContinue) Code() status.Code { return status.SEC_I_CONTINUE_NEEDED }

// ErrContinue says that the exchange is not over: send the reply and call
// Accept with the client's next token. It alone is not a *status.Error.
var ErrContinue error = errContinue{}

// Accept takes the client's next token (RFC 4121, Section 4.1). Send reply if it
// is not empty, whatever err is. peer is not nil exactly when err is nil; then
// the context is established. ErrContinue asks for another token. Any other
// error ends the exchange and is what Err returns from then on, unless it says
// that the call did not fit the state of the context (ReasonContextState,
// ReasonInvalidHandle), or was made without a ctx or for a package that is not here
// (ReasonArgument), which changes nothing. Errors are, or wrap, *status.Error.
//
// token is neither kept nor modified; reply belongs to the caller. ctx bounds
// the wait for keys and for the replay cache.
func (c *Context) Accept(ctx context.Context, token []byte) (reply []byte, peer *Peer, err error) {
	switch {
	case c.isZero():
		return nil, nil, c.usable()
	case ctx == nil:
		return nil, nil, &status.Error{Reason: status.ReasonArgument, Detail: "Accept without a context.Context"}
	}
	reply, _, err = c.accept(ctx, token, replyRoom{}, nil)
	if err != nil {
		return reply, nil, err
	}
	return reply, c.proven.Load(), nil
}

// Peer returns the proven client, and nil before Accept returned it. Peer works after Close
// too.
func (c *Context) Peer() *Peer {
	if c.isZero() {
		return nil
	}
	return c.proven.Load()
}

// Err returns the error that ended the exchange, and nil if the exchange has not failed.
func (c *Context) Err() error {
	if c.isZero() {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Delegated returns the client's forwarded credentials, which are secret. It returns nil
// unless ContextConfig.AcceptDelegation was set, the client sent credentials, and the context
// is established.
func (c *Context) Delegated() *authenticator.Delegated {
	if c.at() != stateEstablished {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.delegated
}

// Evidence returns the ticket with which the client authenticated, if
// ContextConfig.KeepEvidence asked for it. It is the evidence with which a server asks the KDC
// for tickets on behalf of this client (S4U2Proxy, MS-SFU): see sspi/sspideleg. It returns
// nil before the context is established, after Close, and in a user-to-user exchange, whose
// ticket no KDC accepts as evidence. The caller must not modify it.
func (c *Context) Evidence() *authenticator.DelegatedTicket {
	if c.at() != stateEstablished {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.evidence
}

// SessionKey returns a copy of the whole key of the context. Protocols that need fewer bytes
// truncate it.
func (c *Context) SessionKey() ([]byte, error) {
	if err := c.usable(); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.usable(); err != nil { // closed meanwhile
		return nil, err
	}
	return append([]byte(nil), c.key.bytes[:c.key.n]...), nil
}

// MaxToken returns the greatest length of a token, in bytes: Config.MaxToken. A transport that
// decodes tokens can refuse longer tokens before it decodes them.
func (c *Context) MaxToken() int {
	if c.isZero() || !c.acceptor.made() {
		return defaultMaxToken
	}
	return c.acceptor.cfg.MaxToken
}

// Close wipes the context's keys, as well as Go lets it. Every later call but
// Peer, Err and Close fails. It is idempotent, and a context that is forgotten
// without it leaks nothing. With ContextConfig.DeferReport it reports a record that the
// caller has not taken.
func (c *Context) Close() {
	if c.isZero() {
		return
	}
	defer c.flushEvent(context.Background()) // after the lock is released
	c.mu.Lock()
	c.state.Store(uint32(stateClosed))
	c.vault.wipe()
	c.mu.Unlock()
	if c.accepting.TryLock() { // otherwise the Accept that runs drops them
		c.dropTokens()
		c.accepting.Unlock()
	}
}

// dropIfClosed drops the tokens of a context that was closed while Accept ran. The caller holds
// accepting.
func (c *Context) dropIfClosed() {
	if c.at() == stateClosed {
		c.dropTokens()
	}
}

// dropTokens releases the memory of the client's tokens. The caller holds
// accepting.
func (c *Context) dropTokens() {
	c.fragments.Drop()
	c.negotiation = nil
}

// Format keeps a printed Context from showing its keys, whatever the verb.
func (c *Context) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "sspi.Context{...}") }

// isZero reports whether no Acceptor made c.
func (c *Context) isZero() bool { return c == nil || c.body == nil }

func (c *Context) at() state {
	if c.isZero() {
		return stateClosed
	}
	return state(c.state.Load())
}

// usable returns the error of a call that needs an established context.
func (c *Context) usable() error {
	switch c.at() {
	case stateEstablished:
		return nil
	case stateFailed, stateClosed:
		return &status.Error{Reason: status.ReasonInvalidHandle, Detail: "the context is closed or its exchange failed"}
	}
	return &status.Error{Reason: status.ReasonInvalidHandle, Detail: "the exchange is not over"}
}
