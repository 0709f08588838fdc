package krbtest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/iana"
	"github.com/jcmturner/gokrb5/v8/iana/asnAppTag"
	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/iana/msgtype"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/flags"
)

// Initiator sends an APReq and processes the acceptor's answers. It is safe for
// concurrent use; for example, Wrap and Unwrap may run at the same time.
type Initiator struct {
	Request *APReq

	// RetrySkew makes the initiator answer a clock error that offers recovery (MS-KILE,
	// Section 2.2.2) with one more AP-REQ that has the server's time. Windows and Heimdal
	// do so, MIT does not.
	RetrySkew bool

	// SetTime sets the server's time in Request before the retry. If nil, the initiator
	// calls Request.SetTime.
	SetTime func(time.Time)

	// Reply is the decrypted part of the AP-REP, and zero before the AP-REP arrives.
	Reply messages.EncAPRepPart

	mu      sync.Mutex
	state   state
	retried bool
	protection
}

type state uint8

const (
	stateStart state = iota
	stateWaiting
	stateDone
	stateFailed
)

// Start returns an initiator that sends q.
func (q *APReq) Start() *Initiator { return &Initiator{Request: q} }

// ErrState is returned by a method that does not fit the state of the exchange.
var ErrState = errors.New("krbtest: the exchange is in another state")

// Next takes the acceptor's last token, which is nil in the first call, and returns the
// next token to send; nil means that no token follows. done reports that the initiator
// expects no further token and can protect messages. Next returns a KRB-ERROR as an
// *[Error]. Every error ends the exchange.
func (i *Initiator) Next(reply []byte) (token []byte, done bool, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	token, err = i.next(reply)
	if err != nil {
		i.state = stateFailed
	}
	return token, i.state == stateDone, err
}

func (i *Initiator) next(reply []byte) ([]byte, error) {
	switch {
	case i.state == stateStart && len(reply) == 0:
		return i.request()
	case i.state == stateWaiting:
		return i.answer(reply)
	}
	return nil, ErrState
}

func (i *Initiator) request() ([]byte, error) {
	q := i.Request
	i.state = stateWaiting
	if !q.Mutual() {
		// Both directions count from the sequence number of the AP-REQ, because
		// the acceptor sends no message with a number of its own.
		i.established(q.initialKey(), false, q.sequence())
	}
	return q.Token(), nil
}

func (i *Initiator) established(key types.EncryptionKey, acceptorSubkey bool, theirs uint64) {
	i.state = stateDone
	i.protection.start(i.Request, key, acceptorSubkey, theirs)
}

// initialKey returns the context's key before the acceptor sends a subkey.
func (q *APReq) initialKey() types.EncryptionKey {
	if q.Authenticator.SubKey.KeyValue != nil {
		return q.Authenticator.SubKey
	}
	return q.Ticket.Part.Key
}

func (q *APReq) sequence() uint64 {
	if q.NoSequence {
		return 0
	}
	return uint64(uint32(q.Authenticator.SeqNumber))
}

// answer processes an AP-REP or a KRB-ERROR.
func (i *Initiator) answer(reply []byte) ([]byte, error) {
	q := i.Request
	tokID, inner := TokAPRep, reply
	framed := len(reply) > 0 && reply[0] == 0x60
	if framed {
		var err error
		if tokID, inner, err = Unframe(reply, q.OID); err != nil {
			return nil, err
		}
	}
	switch {
	case tokID == TokError:
		return i.refused(inner)
	case tokID != TokAPRep:
		return nil, fmt.Errorf("krbtest: the answer to the AP-REQ has token type %04x", tokID)
	case framed == q.bare():
		return nil, errors.New("krbtest: the frame of the AP-REP differs from the frame of the AP-REQ")
	}
	if err := i.open(inner); err != nil {
		return nil, err
	}
	key, fresh := q.initialKey(), i.Reply.Subkey.KeyValue != nil
	if fresh {
		key = i.Reply.Subkey
	}
	i.established(key, fresh, uint64(i.Reply.SequenceNumber))
	if q.Flags&flags.GSS_C_DCE_STYLE != 0 {
		return i.ThirdLeg(), nil
	}
	return nil, nil
}

// bare reports whether AP-REQ and AP-REP have no GSS frame.
func (q *APReq) bare() bool { return q.Raw || q.Flags&flags.GSS_C_DCE_STYLE != 0 && !q.Framed }

// open checks the AP-REP (RFC 4120, Section 3.2.5).
func (i *Initiator) open(b []byte) error {
	var rep messages.APRep
	if err := decode(b, &rep, asnAppTag.APREP); err != nil {
		return err
	}
	key := i.Request.Key
	switch {
	case rep.PVNO != iana.PVNO || rep.MsgType != msgtype.KRB_AP_REP:
		return fmt.Errorf("krbtest: the AP-REP has version %d and message type %d", rep.PVNO, rep.MsgType)
	case rep.EncPart.EType != key.KeyType:
		return fmt.Errorf("krbtest: the AP-REP has encryption type %d, and the session key has type %d", rep.EncPart.EType, key.KeyType)
	}
	plaintext, err := Decrypt(key, keyusage.AP_REP_ENCPART, rep.EncPart.Cipher)
	if err != nil {
		return err
	}
	var part messages.EncAPRepPart
	if err := decode(plaintext, &part, asnAppTag.EncAPRepPart); err != nil {
		return err
	}
	a := &i.Request.Authenticator
	if !part.CTime.Equal(a.CTime) || part.Cusec != a.Cusec {
		return errors.New("krbtest: the AP-REP does not repeat the time of the authenticator")
	}
	i.Reply = part
	return nil
}

// ThirdLeg returns the client's AP-REP of DCE style (MS-KILE, Section 3.4.5.1), with the
// client's present time and the acceptor's sequence number.
func (i *Initiator) ThirdLeg() []byte {
	q := i.Request
	now := q.kdc.Now()
	return q.ThirdLeg(messages.EncAPRepPart{
		CTime: now.Truncate(time.Second), Cusec: now.Nanosecond() / 1000,
		SequenceNumber: i.Reply.SequenceNumber,
	}, q.Ticket.Part.Key)
}

// ThirdLeg seals and encodes any AP-REP.
func (q *APReq) ThirdLeg(part messages.EncAPRepPart, key types.EncryptionKey) []byte {
	return application(asnAppTag.APREP, apRepSeq{
		PVNO: iana.PVNO, MsgType: msgtype.KRB_AP_REP,
		EncPart: q.kdc.seal(key, keyusage.AP_REP_ENCPART, application(asnAppTag.EncAPRepPart, part), 0, 0),
	})
}

type apRepSeq struct {
	PVNO    int           `asn1:"explicit,tag:0"`
	MsgType int           `asn1:"explicit,tag:1"`
	EncPart encryptedData `asn1:"explicit,tag:2"`
}

// Error is a KRB-ERROR that the acceptor sent.
type Error struct{ messages.KRBError }

func (e *Error) Error() string {
	return "krbtest: the acceptor answered " + strconv.Itoa(int(e.ErrorCode)) + ", " + errorcode.Lookup(e.ErrorCode)
}

// Time returns the time in stime and susec.
func (e *Error) Time() time.Time {
	return e.STime.Add(time.Duration(e.Susec) * time.Microsecond)
}

// ParseError reads a KRB-ERROR.
func ParseError(b []byte) (*Error, error) {
	var e Error
	if err := decode(b, &e.KRBError, asnAppTag.KRBError); err != nil {
		return nil, err
	}
	if e.PVNO != iana.PVNO || e.MsgType != msgtype.KRB_ERROR {
		return nil, fmt.Errorf("krbtest: the KRB-ERROR has version %d and message type %d", e.PVNO, e.MsgType)
	}
	return &e, nil
}

// refused processes a KRB-ERROR. It returns the token of a retry, if RetrySkew permits a
// retry, and otherwise the KRB-ERROR as an error.
func (i *Initiator) refused(b []byte) ([]byte, error) {
	e, err := ParseError(b)
	if err != nil {
		return nil, err
	}
	if i.RetrySkew && !i.retried && e.Recoverable() {
		i.retried = true
		if i.SetTime != nil {
			i.SetTime(e.Time())
		} else {
			i.Request.SetTime(e.Time())
		}
		return i.Request.Token(), nil
	}
	return nil, e
}

// Recoverable reports whether the acceptor offers a retry with its own time, by
// KERB-ERROR-DATA with data-type SKEW_RECOVERY (MS-KILE, Section 2.2.2).
func (e *Error) Recoverable() bool {
	if e.ErrorCode != errorcode.KRB_AP_ERR_SKEW && e.ErrorCode != errorcode.KRB_AP_ERR_TKT_NYV {
		return false
	}
	var data struct {
		DataType  int    `asn1:"explicit,tag:1"`
		DataValue []byte `asn1:"explicit,optional,tag:2"`
	}
	rest, err := asn1.Unmarshal(e.EData, &data)
	return err == nil && len(rest) == 0 && data.DataType == 2
}

// decode reads v from the [APPLICATION tag] element b, and refuses bytes after it.
func decode(b []byte, v any, tag int) error {
	rest, err := asn1.UnmarshalWithParams(b, v, "application,explicit,tag:"+strconv.Itoa(tag))
	if err == nil && len(rest) > 0 {
		err = errors.New("krbtest: there are bytes after the message")
	}
	return err
}

// Unframe returns the token identifier and the content of a GSS frame, and refuses a
// frame of a mechanism other than oid.
func Unframe(token, oid []byte) (tokID uint16, inner []byte, err error) {
	var frame, mech asn1.RawValue
	rest, err := asn1.Unmarshal(token, &frame)
	if err != nil || len(rest) > 0 || frame.Class != asn1.ClassApplication || frame.Tag != 0 || !frame.IsCompound {
		return 0, nil, errors.New("krbtest: the token has no GSS frame")
	}
	inner, err = asn1.Unmarshal(frame.Bytes, &mech)
	if err != nil || mech.Class != asn1.ClassUniversal || mech.Tag != asn1.TagOID || string(mech.Bytes) != string(oid) || len(inner) < 2 {
		return 0, nil, errors.New("krbtest: the token belongs to a different mechanism")
	}
	return binary.BigEndian.Uint16(inner), inner[2:], nil
}
