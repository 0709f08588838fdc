package reply

import (
	"time"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/status"
)

// skewRecovery is KERB-ERROR-DATA with data-type KERB_AP_ERR_TYPE_SKEW_RECOVERY
// and no value (MS-KILE, Section 2.2.2): it tells the client to try again on
// the same context, by the clock in this message.
var skewRecovery = []byte{0x30, 0x05, 0xa1, 0x03, 0x02, 0x01, 0x02}

// Error is what goes into a KRB-ERROR.
type Error struct {
	Err error // wraps a *status.Error
	Now time.Time
	// Retry asks the client to correct its clock and try again.
	Retry bool
	// Asked are the flags of the client's checksum, if they were read.
	Asked flags.GSS
	// Always answers clients too that do not seem to wait.
	Always bool
}

// Append makes the KRB-ERROR that answers apReq (RFC 4120, Section 5.9.1): the
// acceptor's clock, the code of the reason, and the service as the client named
// it, since an acceptor may have many names, and patterns for them. It says nothing
// else: no text, no client name. It appends nothing when apReq does not parse, when the
// reason has no code, or when the client does not wait for an answer. The token is
// framed also where an AP-REP would not be, so mechanism is never nil.
func (e *Error) Append(dst, apReq, mechanism []byte) []byte {
	var req krb5.APReq
	code := status.ReasonOf(e.Err).Kerberos()
	if code == 0 || req.Parse(apReq) != nil {
		return dst
	}
	const waits = flags.GSS_C_MUTUAL_FLAG | flags.GSS_C_DCE_STYLE
	if !e.Always && req.Options&flags.APMutualRequired == 0 && e.Asked&waits == 0 {
		return dst
	}
	return e.append(dst, code, req.Ticket.Realm, &req.Ticket.Service, mechanism)
}

// AppendTo is Append for the request of a user-to-user exchange, whose sender always
// waits. What it left out is empty in the KRB-ERROR.
func (e *Error) AppendTo(dst []byte, req *krb5.TGTRequest, mechanism []byte) []byte {
	code := status.ReasonOf(e.Err).Kerberos()
	if code == 0 {
		return dst
	}
	return e.append(dst, code, req.Realm, &req.Service, mechanism)
}

func (e *Error) append(dst []byte, code int32, realm []byte, service *krb5.Name, mechanism []byte) []byte {
	message := krb5.KRBError{
		Stime: e.Now.Unix(), Susec: int32(e.Now.Nanosecond() / 1000), Code: code,
		Realm: realm, Service: *service,
	}
	if e.Retry {
		message.EData = skewRecovery
	}
	return krb5.AppendFrame(dst, mechanism, krb5.TokError, message.Append(nil))
}
