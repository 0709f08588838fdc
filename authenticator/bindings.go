package authenticator

import (
	"crypto/fips140"
	"crypto/md5"
	"crypto/subtle"
	"encoding/binary"
	"strconv"

	"github.com/gosspi/kerberos/status"
)

// ChannelBindings identify the channel of an exchange (RFC 2744, Section 3.11;
// SEC_CHANNEL_BINDINGS). For TLS, set only ApplicationData, to the prefix and the value
// of the binding, such as "tls-server-end-point:" and a hash.
type ChannelBindings struct {
	InitiatorAddrType uint32
	InitiatorAddress  []byte
	AcceptorAddrType  uint32
	AcceptorAddress   []byte
	ApplicationData   []byte
}

// BindingPolicy determines whether clients that send no channel bindings are accepted if
// the acceptor has channel bindings. Every policy refuses a client that sends wrong
// bindings, and a client that says it supports bindings and sends none (MS-KILE, Section
// 3.4.5).
type BindingPolicy uint8

const (
	BindingDefault             BindingPolicy = iota // BindingRequired if the acceptor has channel bindings; otherwise no check
	BindingRequired                                 // such clients are refused; an acceptor without channel bindings refuses every client (ReasonBindingUnknown)
	BindingAllowMissing                             // such clients are accepted (ASC_REQ_ALLOW_MISSING_BINDINGS)
	BindingProxied                                  // a proxy has the channel bindings and the acceptor does not: the client must send bindings (ASC_REQ_PROXY_BINDINGS)
	BindingProxiedAllowMissing                      // like BindingProxied, but clients that send no bindings are accepted (both flags)
)

// Binding is the result of the comparison of channel bindings.
type Binding uint8

const (
	BindingUnchecked Binding = iota // the acceptor has no bindings, or the client was refused before the comparison
	BindingMatched
	BindingMissing // the client sent no bindings, which the policy permits
	BindingOfProxy // the client is bound to a channel that ends at the acceptor's proxy

	// The following values belong to refused clients; see [Refused].
	BindingMismatched     // the client is bound to a different channel
	BindingMissingRefused // the client sent no bindings, which the policy requires
	BindingMissingAware   // the client sent no bindings, but says that it supports them
)

var bindingNames = [...]string{
	BindingUnchecked: "unchecked", BindingMatched: "matched", BindingMissing: "missing", BindingOfProxy: "of a proxy",
	BindingMismatched: "mismatched", BindingMissingRefused: "missing, refused", BindingMissingAware: "missing, refused, client supports them",
}

// String returns a short description for a log.
func (b Binding) String() string {
	if int(b) < len(bindingNames) {
		return bindingNames[b]
	}
	return "Binding(" + strconv.Itoa(int(b)) + ")"
}

// Lengths of the structures without their data.
const (
	headerLen   = 32 // SEC_CHANNEL_BINDINGS: eight ULONGs
	exHeaderLen = 48 // SEC_CHANNEL_BINDINGS_EX: four more in front
)

// SEC_CHANNEL_BINDINGS_EX begins with exMagic, which is no address type, so that the
// structures can be told apart.
const (
	exMagic      = 'X'<<24 | 'E'<<16 | 'B'<<8 | 'C'
	exValidFlags = 1 // SEC_CHANNEL_BINDINGS_AUDIT_BINDINGS
)

// ParseChannelBindings reads a SEC_CHANNEL_BINDINGS: eight little-endian ULONGs,
// whose offsets count from the start of b, and the data they point to. The
// result shares nothing with b.
//
// ParseChannelBindings also reads the newer form of the structure,
// SEC_CHANNEL_BINDINGS_EX. It ignores the flag that requests auditing in place of
// enforcement: the acceptor enforces the bindings.
func ParseChannelBindings(b []byte) (ChannelBindings, error) {
	if len(b) < headerLen {
		return ChannelBindings{}, badBuffer("it is shorter than its header")
	}
	if binary.LittleEndian.Uint32(b) != exMagic {
		return parseFields(b, headerLen)
	}
	// The older header, which is longer than these four fields, fits in b.
	options, header, whole := binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint32(b[8:]), binary.LittleEndian.Uint32(b[12:])
	switch {
	case options&^exValidFlags != 0:
		return ChannelBindings{}, badBuffer("it is a SEC_CHANNEL_BINDINGS_EX with unknown flags")
	case header != exHeaderLen:
		return ChannelBindings{}, badBuffer("it is a SEC_CHANNEL_BINDINGS_EX whose header has the wrong length")
	case whole < exHeaderLen || uint64(whole) > uint64(len(b)):
		return ChannelBindings{}, badBuffer("it is a SEC_CHANNEL_BINDINGS_EX whose length field is wrong")
	}
	return parseFields(b[:whole], exHeaderLen)
}

// parseFields reads the eight ULONGs at the end of a header, and the data behind it.
func parseFields(b []byte, header uint32) (ChannelBindings, error) {
	field := func(i uint32) uint32 { return binary.LittleEndian.Uint32(b[header-headerLen+4*i:]) }
	take := func(length, offset uint32) ([]byte, bool) {
		if length == 0 {
			return nil, true
		}
		if offset < header || uint64(offset) > uint64(len(b)) || uint64(length) > uint64(len(b))-uint64(offset) {
			return nil, false
		}
		return append([]byte(nil), b[offset:][:length]...), true
	}
	initiator, ok1 := take(field(1), field(2))
	acceptor, ok2 := take(field(4), field(5))
	data, ok3 := take(field(6), field(7))
	if !ok1 || !ok2 || !ok3 {
		return ChannelBindings{}, badBuffer("a part of it lies outside the buffer")
	}
	return ChannelBindings{
		InitiatorAddrType: field(0), InitiatorAddress: initiator,
		AcceptorAddrType: field(3), AcceptorAddress: acceptor,
		ApplicationData: data,
	}, nil
}

// MarshalBinary returns b as a SEC_CHANNEL_BINDINGS.
func (b ChannelBindings) MarshalBinary() ([]byte, error) {
	if b.InitiatorAddrType == exMagic {
		return nil, badBuffer("its InitiatorAddrType would make it a SEC_CHANNEL_BINDINGS_EX")
	}
	total := uint64(headerLen) + uint64(len(b.InitiatorAddress)) + uint64(len(b.AcceptorAddress)) + uint64(len(b.ApplicationData))
	if total > 1<<31 {
		return nil, badBuffer("it is too long")
	}
	out := make([]byte, headerLen, total)
	put := func(i int, v uint32) { binary.LittleEndian.PutUint32(out[4*i:], v) }
	add := func(i int, data []byte) {
		put(i, uint32(len(data)))
		if len(data) > 0 {
			put(i+1, uint32(len(out)))
			out = append(out, data...)
		}
	}
	put(0, b.InitiatorAddrType)
	add(1, b.InitiatorAddress)
	put(3, b.AcceptorAddrType)
	add(4, b.AcceptorAddress)
	add(6, b.ApplicationData)
	return out, nil
}

func badBuffer(detail string) error {
	return &status.Error{Reason: status.ReasonArgument, Detail: "SEC_CHANNEL_BINDINGS: " + detail}
}

// sum returns Bnd of RFC 4121, Section 4.1.1.2: the MD5 digest of the fields, with
// little-endian integers. The RFC permits two address types for a structure without
// addresses: zero and, if nullAddr is set, GSS_C_AF_NULLADDR.
func (b *ChannelBindings) sum(nullAddr bool) [16]byte {
	const afNullAddr = 255
	initiator, acceptor := b.InitiatorAddrType, b.AcceptorAddrType
	if nullAddr {
		initiator, acceptor = afNullAddr, afNullAddr
	} else if b.plain() {
		initiator, acceptor = 0, 0
	}
	h := md5.New()
	var word [4]byte
	put := func(v uint32) {
		binary.LittleEndian.PutUint32(word[:], v)
		h.Write(word[:])
	}
	put(initiator)
	put(uint32(len(b.InitiatorAddress)))
	h.Write(b.InitiatorAddress)
	put(acceptor)
	put(uint32(len(b.AcceptorAddress)))
	h.Write(b.AcceptorAddress)
	put(uint32(len(b.ApplicationData)))
	h.Write(b.ApplicationData)
	return [16]byte(h.Sum(nil))
}

// plain reports whether b has no addresses. Java computes the hash of such bindings with
// address type 255, all other clients with 0. The acceptor accepts both, since the
// application data identifies the channel.
func (b *ChannelBindings) plain() bool {
	null := func(t uint32) bool { return t == 0 || t == 255 }
	return len(b.InitiatorAddress) == 0 && len(b.AcceptorAddress) == 0 && null(b.InitiatorAddrType) && null(b.AcceptorAddrType)
}

// matches compares the hash of b with bnd in constant time.
func (b *ChannelBindings) matches(bnd [16]byte) bool {
	own := b.sum(false)
	ok := subtle.ConstantTimeCompare(own[:], bnd[:])
	if b.plain() {
		other := b.sum(true)
		ok |= subtle.ConstantTimeCompare(other[:], bnd[:])
	}
	return ok == 1
}

// decideBinding contains the complete binding policy. aware reports whether the client
// says that it supports bindings (KERB_AP_OPTIONS_CBT). A client without a checksum
// counts as a client that sends no bindings. decideBinding returns a Binding for refused
// clients too, unless it did not compare their bindings.
func decideBinding(c *checksum, aware bool, p *Params) (Binding, error) {
	sent, given := c.bindings != [16]byte{}, len(p.Bindings) > 0
	proxied := p.Policy == BindingProxied || p.Policy == BindingProxiedAllowMissing
	switch {
	case !given && p.Policy == BindingRequired:
		return unmatched(sent, aware), &status.Error{Reason: status.ReasonBindingUnknown, Detail: "BindingRequired is set, and the acceptor has no ChannelBindings", Err: p.BindingsUnknown}
	case !given && !proxied && p.BindingsUnknown != nil && sent:
		return unmatched(sent, aware), &status.Error{Reason: status.ReasonBindingUnknown, Detail: "the client sent channel bindings, and the acceptor does not know those of the channel", Err: p.BindingsUnknown}
	case !given && !proxied && p.BindingsUnknown != nil && aware:
		return unmatched(sent, aware), errAwareSentNone()
	case !given && !proxied:
		return BindingUnchecked, nil
	case !given && sent:
		return BindingOfProxy, nil
	case sent && fips140.Enforced():
		return BindingUnchecked, &status.Error{Reason: status.ReasonUnsupported, Detail: "channel bindings are compared by MD5, which the FIPS 140-3 mode of this program forbids"}
	case sent:
		for i := range p.Bindings {
			if p.Bindings[i].matches(c.bindings) {
				return BindingMatched, nil
			}
		}
		return unmatched(sent, aware), &status.Error{Reason: status.ReasonBindingMismatch, Detail: "the client is bound to another channel than this one; if a proxy in front ends TLS, ChannelBindings must be those of the proxy's certificate"}
	case aware:
		return unmatched(sent, aware), errAwareSentNone()
	case p.Policy == BindingAllowMissing || p.Policy == BindingProxiedAllowMissing:
		return BindingMissing, nil
	}
	return unmatched(sent, aware), &status.Error{Reason: status.ReasonBindingMissing, Detail: "the client sent no channel bindings"}
}

// errAwareSentNone returns the refusal of a client that says it supports channel
// bindings and sends none (MS-KILE, Section 3.4.5).
func errAwareSentNone() error {
	return &status.Error{Reason: status.ReasonBindingMissing, Detail: "the client supports channel bindings but sent none; the connection may be intercepted, or TLS may be terminated by a proxy"}
}

// unmatched returns the Binding of a client that is refused because of its bindings.
func unmatched(sent, aware bool) Binding {
	switch {
	case sent:
		return BindingMismatched
	case aware:
		return BindingMissingAware
	}
	return BindingMissingRefused
}
