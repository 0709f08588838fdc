package krb5

import "golang.org/x/crypto/cryptobyte/asn1"

// Limits on lists. They are arbitrary and far above the lists of real clients. They keep
// the work for one token proportional to its length.
const (
	maxAuthData  = 1024
	maxAddresses = 256
)

// AuthDataEntry is an element of AuthorizationData (RFC 4120, Section 5.2.6).
type AuthDataEntry struct {
	Type int32
	Data []byte
}

// AuthDataReader yields the elements of an AuthorizationData. The zero
// AuthDataReader has none.
type AuthDataReader struct{ rest reader }

// ReadAuthorizationData checks a whole AuthorizationData: a SEQUENCE of 0 to 1024
// well-formed elements, without trailing bytes. It does not parse the contents of the
// elements. RFC 4120, Section 5.2.6.
func ReadAuthorizationData(seq []byte) (AuthDataReader, error) {
	list, ok := readList(seq, maxAuthData)
	if !ok {
		return AuthDataReader{}, malformed("AuthorizationData")
	}
	return AuthDataReader{list}, nil
}

// Next returns the next element as a view, and false after the last element.
func (r *AuthDataReader) Next() (AuthDataEntry, bool) {
	var e AuthDataEntry
	ok := r.rest.next(&e.Type, &e.Data)
	return e, ok
}

// Types of authorization data (RFC 4120, Section 7.5.4; RFC 4537; MS-KILE, Section
// 3.1.5.5; RFC 7751; RFC 8129).
const (
	ADIfRelevant        = 1
	ADMandatoryForKDC   = 8
	ADCAMMAC            = 96
	ADIndicator         = 97
	ADWin2kPAC          = 128
	ADETypeNegotiation  = 129
	ADTokenRestrictions = 141
	ADLocal             = 142
	ADAPOptions         = 143
	ADClientTarget      = 144
)

// AuthDataWalk yields the elements of an AuthorizationData and, in place of each
// AD-IF-RELEVANT, the elements inside it. The zero AuthDataWalk has no elements.
type AuthDataWalk struct{ outer, inner AuthDataReader }

// WalkAuthorizationData checks a whole AuthorizationData as [ReadAuthorizationData] does
// and returns a walk over its elements. A nil seq is an AuthorizationData that is absent.
func WalkAuthorizationData(seq []byte) (w AuthDataWalk, err error) {
	if seq != nil {
		w.outer, err = ReadAuthorizationData(seq)
	}
	return w, err
}

// Next returns the next element as a view, and ok = false after the last element. relevant
// reports whether the element is inside an AD-IF-RELEVANT, so that an acceptor that does
// not know its type ignores it (RFC 4120, Section 5.2.6.1). Next looks into AD-IF-RELEVANT
// one level deep: it returns a nested AD-IF-RELEVANT as an element, and it skips an
// AD-IF-RELEVANT whose content is malformed.
func (w *AuthDataWalk) Next() (e AuthDataEntry, relevant, ok bool) {
	for {
		if e, ok = w.inner.Next(); ok {
			return e, true, true
		}
		if e, ok = w.outer.Next(); !ok || e.Type != ADIfRelevant {
			return e, false, ok
		}
		w.inner, _ = ReadAuthorizationData(e.Data) // the zero reader if it is malformed
	}
}

// HostAddress is an address of a client (RFC 4120, Sections 5.2.5 and 7.5.3).
type HostAddress struct {
	Type    int32
	Address []byte
}

// AddressReader yields the elements of a HostAddresses. The zero AddressReader
// has none.
type AddressReader struct{ rest reader }

// ReadAddresses checks a whole HostAddresses: a SEQUENCE of 0 to 256 well-formed
// elements, without trailing bytes. RFC 4120, Section 5.2.5.
func ReadAddresses(seq []byte) (AddressReader, error) {
	list, ok := readList(seq, maxAddresses)
	if !ok {
		return AddressReader{}, malformed("HostAddresses")
	}
	return AddressReader{list}, nil
}

// Next returns the next address as a view, and false after the last address.
func (r *AddressReader) Next() (HostAddress, bool) {
	var a HostAddress
	ok := r.rest.next(&a.Type, &a.Address)
	return a, ok
}

// readList checks a SEQUENCE OF SEQUENCE { [0] Int32, [1] OCTET STRING } of at
// most limit elements, and returns its content.
func readList(b []byte, limit int) (list reader, ok bool) {
	in := reader(b)
	if !in.element(&list, asn1.SEQUENCE) || !in.empty() {
		return nil, false
	}
	var number int32
	var value []byte
	rest := list
	for i := 0; !rest.empty(); i++ {
		if i == limit || !rest.next(&number, &value) {
			return nil, false
		}
	}
	return list, true
}

// next reads one element of a list that readList has checked.
func (r *reader) next(number *int32, value *[]byte) bool {
	var seq reader
	return r.element(&seq, asn1.SEQUENCE) && seq.pair(number, value)
}

func (r *reader) authorizationData(n uint8, v *[]byte) bool { return r.list(n, v, maxAuthData) }

func (r *reader) addresses(n uint8, v *[]byte) bool { return r.list(n, v, maxAddresses) }

// list reads field n and sets v to the whole SEQUENCE OF after checking it.
func (r *reader) list(n uint8, v *[]byte, limit int) bool {
	if !r.wholeField(n, (*reader)(v), asn1.SEQUENCE) {
		return false
	}
	_, ok := readList(*v, limit)
	return ok
}

func (r *reader) address(n uint8, v *HostAddress) bool { return r.typed(n, &v.Type, &v.Address) }
