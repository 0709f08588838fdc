package krb5

import "golang.org/x/crypto/cryptobyte/asn1"

// Limits on lists. They are arbitrary, far above what is met, and keep the work
// that one token causes in proportion.
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

// ReadAuthorizationData checks a whole AuthorizationData: a SEQUENCE of at most
// 1024 well-formed elements, which may be none, and nothing behind it. What the
// elements hold is not looked into. RFC 4120, Section 5.2.6.
func ReadAuthorizationData(seq []byte) (AuthDataReader, error) {
	list, ok := readList(seq, maxAuthData)
	if !ok {
		return AuthDataReader{}, malformed("AuthorizationData")
	}
	return AuthDataReader{list}, nil
}

// Next returns the next element, a view, and false behind the last.
func (r *AuthDataReader) Next() (AuthDataEntry, bool) {
	var e AuthDataEntry
	ok := r.rest.next(&e.Type, &e.Data)
	return e, ok
}

// HostAddress is an address of a client (RFC 4120, Sections 5.2.5 and 7.5.3).
type HostAddress struct {
	Type    int32
	Address []byte
}

// AddressReader yields the elements of a HostAddresses. The zero AddressReader
// has none.
type AddressReader struct{ rest reader }

// ReadAddresses checks a whole HostAddresses: a SEQUENCE of at most 256
// well-formed elements, which may be none, and nothing behind it. RFC 4120,
// Section 5.2.5.
func ReadAddresses(seq []byte) (AddressReader, error) {
	list, ok := readList(seq, maxAddresses)
	if !ok {
		return AddressReader{}, malformed("HostAddresses")
	}
	return AddressReader{list}, nil
}

// Next returns the next address, a view, and false behind the last.
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

// next reads one element of such a list.
func (r *reader) next(number *int32, value *[]byte) bool {
	var seq reader
	return r.element(&seq, asn1.SEQUENCE) && seq.pair(number, value)
}

func (r *reader) authorizationData(n uint8, v *[]byte) bool { return r.list(n, v, maxAuthData) }

func (r *reader) addresses(n uint8, v *[]byte) bool { return r.list(n, v, maxAddresses) }

// list reads field n, of which v gets the whole SEQUENCE OF once it is checked.
func (r *reader) list(n uint8, v *[]byte, limit int) bool {
	if !r.wholeField(n, (*reader)(v), asn1.SEQUENCE) {
		return false
	}
	_, ok := readList(*v, limit)
	return ok
}

func (r *reader) address(n uint8, v *HostAddress) bool { return r.typed(n, &v.Type, &v.Address) }

func (w *writer) optionalAddress(n uint8, v *HostAddress) {
	if v.Address != nil {
		w.typed(n, v.Type, v.Address)
	}
}

// optionalRaw writes field n around an element that is DER already.
func (w *writer) optionalRaw(n uint8, element []byte) {
	if element != nil {
		w.raw(n, element)
	}
}
