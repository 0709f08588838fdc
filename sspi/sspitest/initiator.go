package sspitest

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/status"
)

// Initiator is the client's side of one security context: first an exchange of tokens, then
// messages. [User.Initiate] creates it; methods of the zero Initiator return an error. It
// holds keys and prints redacted.
type Initiator struct {
	realm   *Realm
	options Options

	mu sync.RWMutex // Next locks it for writing, all later calls lock it for reading
	x  **exchange   // two pointers, see Realm.kdc
}

// exchange holds the secret state of an Initiator.
type exchange struct {
	request *krbtest.APReq
	run     *krbtest.Initiator                 // nil before the first call of Next
	next    func([]byte) ([]byte, bool, error) // run.Next, or Next of the SPNEGO negotiation
	done    bool
}

// Next processes the acceptor's last token, nil at first, and returns the token to send to
// the acceptor. If token is nil, there is nothing to send. If done, the client expects no
// further token, and messages may be exchanged after the token has been sent. The
// authenticator contains the time of the first call of Next.
//
// The error is an [*Error] if reply contains a KRB-ERROR. A KRB-ERROR and an incorrect reply
// end the exchange. A call after the end changes nothing. If the acceptor refuses the client
// without a reply, the caller must stop: the acceptor's own error has the reason.
func (i *Initiator) Next(reply []byte) (token []byte, done bool, err error) {
	if i == nil || i.x == nil {
		return nil, false, errNoInitiator()
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	x := *i.x
	var failed error
	err = guard(func() { token, x.done, failed = i.next(x, reply) })
	if err == nil {
		err = public(failed)
	}
	return token, x.done && err == nil, err
}

func (i *Initiator) next(x *exchange, reply []byte) ([]byte, bool, error) {
	switch {
	case x.run == nil && len(reply) == 0:
		x.start(i.realm.Now(), &i.options)
		return x.next(nil)
	case x.run == nil:
		return nil, false, krbtest.ErrState
	case len(reply) == 0 && !x.done:
		return nil, false, argument("the client waits for an answer; if there is none, the acceptor's error says why")
	case x.done: // in SPNEGO, the acceptor may still send its accept-completed
		_, _, err := x.next(reply)
		return nil, err == nil || err == krbtest.ErrState, err
	}
	return x.next(reply)
}

// start creates the parts of the exchange that contain the time.
func (x *exchange) start(now time.Time, o *Options) {
	x.setTime(now.Add(o.ClockOffset))
	x.run = x.request.Start()
	x.run.RetrySkew, x.run.SetTime = o.RetrySkew, x.setTime
	x.next = x.run.Next
	if o.SPNEGO {
		x.next = x.run.Negotiate().Next
	}
}

func (x *exchange) setTime(at time.Time) {
	x.request.SetTime(at)
	if x.request.Flags&flags.GSS_C_DELEG_FLAG != 0 {
		x.request.Cred = x.request.Forward().Bytes()
	}
}

// SessionKey returns a copy of the context's key, which equals the acceptor's SessionKey.
func (i *Initiator) SessionKey() ([]byte, error) {
	x, unlock, err := i.established()
	if err != nil {
		return nil, err
	}
	defer unlock()
	return bytes.Clone(x.run.Key().KeyValue), nil
}

// established returns the exchange if it is complete. The exchange does not change until the
// caller calls unlock.
func (i *Initiator) established() (x *exchange, unlock func(), err error) {
	if i == nil || i.x == nil {
		return nil, nil, errNoInitiator()
	}
	i.mu.RLock()
	if x = *i.x; !x.done {
		i.mu.RUnlock()
		return nil, nil, errState()
	}
	return x, i.mu.RUnlock, nil
}

// Format prints a fixed text for every verb, so that the keys of an Initiator are not
// printed.
func (i *Initiator) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "sspitest.Initiator{...}") }

func errNoInitiator() error { return argument("User.Initiate did not create this Initiator") }

func errState() error {
	return &status.Error{Reason: status.ReasonContextState, Detail: "sspitest: the state of the client's exchange does not permit this call"}
}
