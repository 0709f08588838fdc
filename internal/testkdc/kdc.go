package testkdc

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/jcmturner/gokrb5/v8/iana/errorcode"

	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// skew is the greatest difference of the clocks of client and KDC.
const skew = 5 * time.Minute

// Config configures a KDC.
type Config struct {
	Life, RenewableLife time.Duration // the longest of tickets; both must be positive
	RC4                 bool          // permits RC4 to clients that request it
	Logger              *slog.Logger  // nil: no log
}

// KDC answers requests. It is safe for concurrent use.
type KDC struct {
	db  *Database
	cfg Config

	tgsMu sync.Mutex // one TGS-REQ at a time, so that a retransmission finds its answer
	seen  replays
	sent  lookaside
}

// New returns a KDC of the realm of db.
func New(db *Database, cfg Config) *KDC { return &KDC{db: db, cfg: cfg} }

// Answer returns the answer to a request of a client at the address from: an AS-REP, a TGS-REP
// or a KRB-ERROR. It returns nil, which means that no answer is sent, if the request is not a
// well-formed AS-REQ or TGS-REQ.
func (k *KDC) Answer(request []byte, from netip.Addr) []byte {
	var req krb5.KDCReq
	if err := req.Parse(request); err != nil {
		switch status.ReasonOf(err) {
		case status.ReasonWrongVersion:
			return k.refused(&req, refuse(errorcode.KDC_ERR_BAD_PVNO, "the protocol version is not 5"))
		case status.ReasonWrongMessageType:
			return k.refused(&req, refuse(errorcode.KRB_AP_ERR_MSG_TYPE, "the message is not an AS-REQ or TGS-REQ"))
		}
		k.log(slog.LevelWarn, "malformed request", "error", err.Error())
		return nil
	}
	// The encoder of tickets has no other years.
	if year := k.db.Realm.Now().Year(); year < 1970 || year > 9000 {
		return k.refused(&req, internalError("the realm's clock is outside the years 1970 to 9000"))
	}
	if req.MsgType == krb5.MsgASReq {
		reply, r := k.as(&req)
		if r != nil {
			return k.refused(&req, r)
		}
		return reply
	}
	k.tgsMu.Lock()
	defer k.tgsMu.Unlock()
	now, id := k.db.Realm.Now(), requestID(request, from)
	if reply := k.sent.find(id, now); reply != nil {
		return reply
	}
	reply, r := k.tgs(&req, from)
	if r != nil {
		reply = k.refused(&req, r)
	}
	k.sent.store(id, reply, now)
	return reply
}

// TooBig returns the KRB-ERROR that asks a client to repeat a request over TCP.
func (k *KDC) TooBig() []byte {
	return k.reply(&krb5.KDCReq{}, refuse(errorcode.KRB_ERR_RESPONSE_TOO_BIG, "the answer is too long for UDP"))
}

// TooLong returns the KRB-ERROR that refuses a request above the limit.
func (k *KDC) TooLong() []byte {
	return k.refused(&krb5.KDCReq{}, refuse(errorcode.KRB_ERR_FIELD_TOOLONG, "the request is longer than 64 KiB"))
}

// refused logs a refusal and returns its KRB-ERROR.
func (k *KDC) refused(req *krb5.KDCReq, r *refusal) []byte {
	level := slog.LevelWarn
	if r.code == errorcode.KDC_ERR_PREAUTH_REQUIRED { // the first answer to most clients
		level = slog.LevelDebug
	}
	k.log(level, "refused", "request", kind(req), "client", shown(req.Client), "service", shown(req.Service),
		"code", r.code, "reason", r.text)
	return k.reply(req, r)
}

func (k *KDC) issued(req *krb5.KDCReq, t *krbtest.Ticket, client keytab.Principal) {
	k.log(slog.LevelInfo, "issued", "request", kind(req), "client", quote.Value(client.String()),
		"service", shown(req.Service), "etype", keytab.EType(t.Key.KeyType).String(), "session_etype", keytab.EType(t.Part.Key.KeyType).String())
}

func (k *KDC) log(level slog.Level, text string, args ...any) {
	if k.cfg.Logger != nil {
		k.cfg.Logger.Log(context.Background(), level, "kdc: "+text, append(args, "realm", k.db.Realm.Name)...)
	}
}

func kind(req *krb5.KDCReq) string {
	switch req.MsgType {
	case krb5.MsgASReq:
		return "AS-REQ"
	case krb5.MsgTGSReq:
		return "TGS-REQ"
	}
	return "unknown"
}

func shown(n krb5.Name) string {
	text := krb5.AppendPrincipal(nil, n, nil)
	return quote.Value(text[:len(text)-1]) // without the "@" before the realm
}

// permits reports whether the KDC issues session keys of this type and uses keys of this type.
func (k *KDC) permits(e int32) bool {
	if keytab.EType(e) == keytab.RC4_HMAC && !k.cfg.RC4 {
		return false
	}
	return slices.Contains(k.db.Realm.ETypes, keytab.EType(e))
}

// choose returns the first encryption type in the client's order of preference that the KDC
// permits and that ok accepts.
func (k *KDC) choose(req *krb5.KDCReq, ok func(int32) bool) (keytab.EType, bool) {
	for e := range req.EachEType() {
		if k.permits(e) && ok(e) {
			return keytab.EType(e), true
		}
	}
	return 0, false
}

// keyOf returns the newest key of this type. The newest keys are first.
func keyOf(keys []krbtest.ServiceKey, e int32) (krbtest.ServiceKey, bool) {
	i := slices.IndexFunc(keys, func(k krbtest.ServiceKey) bool { return k.KeyType == e })
	if i < 0 {
		return krbtest.ServiceKey{}, false
	}
	return keys[i], true
}

// decrypt decrypts the ciphertext of a peer with the code of this module, which accepts input
// of every length.
func decrypt(k krbtest.ServiceKey, sealed *krb5.EncryptedData, usage uint32) ([]byte, bool) {
	key, err := keytab.NewKey(keytab.EType(k.KeyType), k.KeyValue)
	if err != nil || sealed.EType != k.KeyType {
		return nil, false
	}
	plaintext, err := key.Decrypt(nil, sealed.Cipher, usage)
	return plaintext, err == nil
}

// near reports whether a client's clock is within the permitted skew.
func (k *KDC) near(unix int64) bool {
	d := k.db.Realm.Now().Unix() - unix
	return -int64(skew.Seconds()) <= d && d <= int64(skew.Seconds())
}
