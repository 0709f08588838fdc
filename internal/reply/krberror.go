package reply

import (
	"time"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/status"
)

// skewRecovery is KERB-ERROR-DATA with data-type KERB_AP_ERR_TYPE_SKEW_RECOVERY
// and no value (MS-KILE, Section 2.2.2): it asks the client to send another AP-REQ on the
// same context, with the time of this message.
var skewRecovery = []byte{0x30, 0x05, 0xa1, 0x03, 0x02, 0x01, 0x02}

// Error holds the contents of a KRB-ERROR.
type Error struct {
	Err error // wraps a *status.Error
	Now time.Time
	// Retry asks the client to correct its clock and try again.
	Retry bool
	// Asked are the flags of the client's checksum, if they were read.
	Asked flags.GSS
	// Always builds a KRB-ERROR also for a client that does not wait for an answer.
	Always bool
}

// Append builds the KRB-ERROR that answers apReq (RFC 4120, Section 5.9.1): the acceptor's
// time, the error code of the Reason, and the service name from apReq, since an acceptor may
// have many names. The KRB-ERROR contains neither a text nor the client's name. Append
// appends nothing if apReq does not parse, if the Reason has no Kerberos error code, or if
// the client does not wait for an answer. A KRB-ERROR always has a GSS frame, also in DCE
// style, so that mechanism must not be nil.
func (e *Error) Append(dst, apReq, mechanism []byte) []byte {
	var req krb5.APReq
	code := status.ReasonOf(e.Err).Kerberos()
	if code == 0 || e.read(&req, apReq) != nil {
		return dst
	}
	if !e.Always && !e.waits(&req) {
		return dst
	}
	return e.append(dst, code, req.Ticket.Realm, &req.Ticket.Service, mechanism)
}

// Waits reports whether the sender of apReq waits for an answer and can receive a
// KRB-ERROR, as Append does without Always.
func (e *Error) Waits(apReq []byte) bool {
	var req krb5.APReq
	return status.ReasonOf(e.Err).Kerberos() != 0 && e.read(&req, apReq) == nil && e.waits(&req)
}

func (e *Error) waits(req *krb5.APReq) bool {
	const waits = flags.GSS_C_MUTUAL_FLAG | flags.GSS_C_DCE_STYLE
	return req.Options&flags.APMutualRequired != 0 || e.Asked&waits != 0
}

// read parses the AP-REQ that is refused. Where its version or message type is the reason,
// read compares neither: RFC 4120, Section 3.2.3, has errors 39 and 40 for them.
func (e *Error) read(req *krb5.APReq, b []byte) error {
	switch status.ReasonOf(e.Err) {
	case status.ReasonWrongVersion, status.ReasonWrongMessageType:
		return req.ParseOutline(b)
	}
	return req.Parse(b)
}

// AppendTo builds the KRB-ERROR that answers a KERB-TGT-REQUEST, whose sender always waits
// for an answer. Realm and service are empty if the request has none.
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
