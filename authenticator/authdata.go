package authenticator

import (
	"encoding/binary"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// Authorization data types (RFC 4120, Section 7.5.4; RFC 4537; MS-KILE,
// Section 3.1.5.5).
const (
	adIfRelevant         = 1
	adMandatoryForKDC    = 8
	adWin2kPAC           = 128
	adETypeNegotiation   = 129
	adTokenRestrictions  = 141
	adLocal              = 142
	adAPOptions          = 143
	adClientTarget       = 144
	apOptionsCBT         = 0x4000 // the client supports channel bindings
	apOptionsUnverified  = 0x8000 // it had the service's name from an untrusted source
	maxTargetBytes       = 4096
	maxNegotiatedInAList = 64
)

// authData is what ticket and authenticator say beside their fields, as far as
// an acceptor acts on it.
type authData struct {
	offer           [maxOffer]keytab.EType
	offered         int
	bindingAware    bool
	target          string
	targetUntrusted bool
	seenAPOptions   bool
}

// read walks the authorization data of the ticket, for its critical elements,
// and of the authenticator, for what the client says about itself.
func (ad *authData) read(ofTicket, ofAuthenticator []byte, p *Params) error {
	if err := ad.walk(ofTicket, p, false, false); err != nil {
		return err
	}
	return ad.walk(ofAuthenticator, p, true, false)
}

// walk reads one AuthorizationData. What stands outside AD-IF-RELEVANT and is
// not understood refuses the client (RFC 4120, Section 5.2.6); inside, one
// level deep, it is passed over.
func (ad *authData) walk(seq []byte, p *Params, client, relevant bool) error {
	if seq == nil {
		return nil
	}
	r, err := krb5.ReadAuthorizationData(seq)
	if err != nil {
		if relevant {
			return nil
		}
		return err
	}
	for {
		e, ok := r.Next()
		if !ok {
			return nil
		}
		switch {
		case e.Type == adIfRelevant && !relevant:
			err = ad.walk(e.Data, p, client, true)
		case client:
			err = ad.clientElement(e, p, relevant)
		default:
			err = critical(e.Type, p, relevant)
		}
		if err != nil {
			return err
		}
	}
}

// clientElement takes what the authenticator says. The client wrote it, so it
// can only ever ask, never grant.
func (ad *authData) clientElement(e krb5.AuthDataEntry, p *Params, relevant bool) error {
	switch e.Type {
	case adETypeNegotiation:
		if ad.offered == 0 {
			ad.readOffer(e.Data, p.ETypes)
		}
	case adAPOptions:
		if len(e.Data) != 4 || ad.seenAPOptions {
			return &status.Error{Reason: status.ReasonAuthorizationData, Detail: "AD-AP-OPTIONS is malformed or there twice"}
		}
		options := binary.LittleEndian.Uint32(e.Data)
		ad.seenAPOptions = true
		ad.bindingAware = options&apOptionsCBT != 0
		ad.targetUntrusted = options&apOptionsUnverified != 0
	case adClientTarget:
		if ad.target == "" {
			ad.target = decodeUTF16(e.Data)
		}
	default:
		return critical(e.Type, p, relevant)
	}
	return nil
}

func critical(adType int32, p *Params, relevant bool) error {
	switch adType {
	case adMandatoryForKDC, adWin2kPAC, adETypeNegotiation, adTokenRestrictions, adLocal, adAPOptions, adClientTarget:
		return nil // understood, and nothing in it for an acceptor on its own
	case adIfRelevant:
		return nil // nested: not looked into
	}
	if relevant || p.IgnoreUnknownAuthorizationData {
		return nil
	}
	return &status.Error{Reason: status.ReasonAuthorizationData, Detail: "critical authorization data of type " + adName(adType) +
		", which this library does not understand; IgnoreUnknownAuthorizationData accepts such clients, as Windows does (MS-KILE, Section 3.1.5.5)"}
}

// adName returns a type's number, with its name if RFC 4120, RFC 4556, RFC 6113 or RFC
// 7751 gives it one.
func adName(adType int32) string {
	n := strconv.Itoa(int(adType))
	switch adType {
	case 4:
		return n + " (AD-KDCIssued)"
	case 5:
		return n + " (AD-AND-OR)"
	case 9:
		return n + " (AD-INITIAL-VERIFIED-CAS)"
	case 71:
		return n + " (AD-fx-fast-armor)"
	case 72:
		return n + " (AD-fx-fast-used)"
	case 96:
		return n + " (AD-CAMMAC)"
	}
	return n
}

// readOffer keeps the permitted types of a client's list, in its order. A list
// that does not parse is no list.
func (ad *authData) readOffer(b []byte, permitted []keytab.EType) {
	input, list := cryptobyte.String(b), cryptobyte.String(nil)
	if !input.ReadASN1(&list, asn1.SEQUENCE) || !input.Empty() {
		return
	}
	for n := 0; !list.Empty() && n < maxNegotiatedInAList && ad.offered < maxOffer; n++ {
		var e int32
		if !list.ReadASN1Integer(&e) {
			ad.offered = 0
			return
		}
		if etype.Permitted(permitted, e) {
			ad.offer[ad.offered] = keytab.EType(e)
			ad.offered++
		}
	}
}

// decodeUTF16 reads the service name that the client says it asked for. What is
// not text is no name.
func decodeUTF16(b []byte) string {
	if len(b)%2 != 0 || len(b) > maxTargetBytes {
		return ""
	}
	var text [2 * maxTargetBytes]byte // a unit of two bytes is at most three bytes of UTF-8
	out := text[:0]
	for len(b) > 0 {
		r := rune(binary.LittleEndian.Uint16(b))
		b = b[2:]
		if utf16.IsSurrogate(r) && len(b) > 0 {
			r = utf16.DecodeRune(r, rune(binary.LittleEndian.Uint16(b)))
			b = b[2:]
		}
		if r == 0 || r == utf8.RuneError || utf16.IsSurrogate(r) {
			return ""
		}
		out = utf8.AppendRune(out, r)
	}
	return string(out)
}
