package sspitest

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// Initiator is a client's side of one security context: first an exchange of
// tokens, then messages. It is from [User.Initiate]; the zero Initiator is none.
// It holds keys, which it does not print.
type Initiator struct {
	realm   *Realm
	options Options

	mu sync.RWMutex // held by Next, shared by the calls after it
	x  **exchange   // see Realm.kdc
}

// exchange is what an Initiator hides.
type exchange struct {
	request *krbtest.APReq
	run     *krbtest.Initiator                 // nil: not begun
	next    func([]byte) ([]byte, bool, error) // run's, or that of SPNEGO around it
	done    bool
}

// Next takes the acceptor's last token, nil at first, and returns what to send to
// it, if that is not nil. The authenticator is stamped with the time of the first
// call. done: the client expects nothing more of the acceptor, and messages may be
// exchanged as soon as the token has been sent.
//
// The error is an [*Error] if the acceptor refuses the client and says why; that, and an answer
// that is not right, end the exchange. A call that comes too late changes nothing.
// An acceptor that refuses without a word is for the caller to notice: its own
// error says why.
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
	case x.done: // in SPNEGO, the acceptor may still say that it is too
		_, _, err := x.next(reply)
		return nil, err == nil || err == krbtest.ErrState, err
	}
	return x.next(reply)
}

// start makes everything that has a time in it.
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

// Facts are what a client knows of an established context.
type Facts struct {
	Flags  flags.GSS // what it asked for
	Mutual bool      // the acceptor proved that it has the service's key

	// EType is the encryption type of the context's key. That is the acceptor's
	// subkey, where there is one, else the client's, else the session key.
	EType          keytab.EType
	AcceptorSubkey bool
}

// Facts are there when Next was done.
func (i *Initiator) Facts() (Facts, error) {
	x, unlock, err := i.established()
	if err != nil {
		return Facts{}, err
	}
	defer unlock()
	return Facts{
		Flags:          x.request.Flags,
		Mutual:         x.request.Mutual(),
		EType:          keytab.EType(x.run.Key().KeyType),
		AcceptorSubkey: x.run.Reply.Subkey.KeyValue != nil,
	}, nil
}

// SessionKey is a copy of the context's key. It is what the acceptor's SessionKey
// is.
func (i *Initiator) SessionKey() ([]byte, error) {
	x, unlock, err := i.established()
	if err != nil {
		return nil, err
	}
	defer unlock()
	return bytes.Clone(x.run.Key().KeyValue), nil
}

// established is the exchange when it is over. It does not change any more while
// the caller holds it.
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

// Format keeps a printed Initiator from showing its keys, whatever the verb.
func (i *Initiator) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "sspitest.Initiator{...}") }

func errNoInitiator() error { return argument("the Initiator is not from User.Initiate") }

func errState() error {
	return &status.Error{Reason: status.ReasonContextState, Detail: "sspitest: the client's exchange is in another state"}
}
