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

// Bits of AD-AP-OPTIONS (MS-KILE), and limits.
const (
	apOptionsCBT         = 0x4000 // the client supports channel bindings
	apOptionsUnverified  = 0x8000 // the client got the service's name from an untrusted source
	maxTargetBytes       = 4096
	maxNegotiatedInAList = 64
)

// authData contains the authorization data of ticket and authenticator that an acceptor
// acts on.
type authData struct {
	offer           [maxOffer]keytab.EType
	offered         int
	bindingAware    bool
	target          string
	targetUntrusted bool
	seenAPOptions   bool
	cammac          cammac
}

// read reads the authorization data of the ticket, to find critical elements and
// indicators, and of the authenticator, in which the client describes itself. key is the key
// that decrypted the ticket.
func (ad *authData) read(ofTicket, ofAuthenticator []byte, key keytab.Key, p *Params) error {
	ad.cammac.key = key
	if err := ad.walk(ofTicket, p, false); err != nil {
		return err
	}
	return ad.walk(ofAuthenticator, p, true)
}

// walk reads one AuthorizationData, from the authenticator if client is set. An element of
// an unknown type outside AD-IF-RELEVANT refuses the client (RFC 4120, Section 5.2.6);
// inside AD-IF-RELEVANT walk ignores such an element.
func (ad *authData) walk(seq []byte, p *Params, client bool) error {
	walk, err := krb5.WalkAuthorizationData(seq)
	if err != nil {
		return err
	}
	for {
		e, relevant, ok := walk.Next()
		switch {
		case !ok:
			return nil
		case client:
			err = ad.clientElement(e, p, relevant)
		case e.Type == krb5.ADCAMMAC:
			err = ad.cammac.element(e, p, relevant)
		default:
			err = critical(e.Type, p, relevant)
		}
		if err != nil {
			return err
		}
	}
}

// clientElement reads one element of the authenticator. The client wrote it, so it can
// request properties but never grant rights.
func (ad *authData) clientElement(e krb5.AuthDataEntry, p *Params, relevant bool) error {
	switch e.Type {
	case krb5.ADETypeNegotiation:
		if ad.offered == 0 {
			ad.readOffer(e.Data, p.ETypes)
		}
	case krb5.ADAPOptions:
		if len(e.Data) != 4 || ad.seenAPOptions {
			return &status.Error{Reason: status.ReasonAuthorizationData, Detail: "AD-AP-OPTIONS is malformed or present twice"}
		}
		options := binary.LittleEndian.Uint32(e.Data)
		ad.seenAPOptions = true
		ad.bindingAware = options&apOptionsCBT != 0
		ad.targetUntrusted = options&apOptionsUnverified != 0
	case krb5.ADClientTarget:
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
	case krb5.ADMandatoryForKDC, krb5.ADWin2kPAC, krb5.ADETypeNegotiation, krb5.ADTokenRestrictions, krb5.ADLocal, krb5.ADAPOptions, krb5.ADClientTarget:
		return nil // known; requires nothing of the acceptor here
	case krb5.ADIfRelevant:
		return nil // nested: its elements are not read
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

// readOffer stores the permitted types of the client's list in the client's order. It
// ignores a list that cannot be parsed.
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

// decodeUTF16 decodes the service name that the client says it requested. It returns ""
// if b is not valid UTF-16.
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
