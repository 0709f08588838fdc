package sspisasl

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// gs2Header is the header of a client's first message (RFC 5801, Section 4).
type gs2Header struct {
	raw     []byte // the bytes of the header, part of the message
	flag    byte   // 'n', 'y' or 'p'
	binding string // the type of the channel binding if flag is 'p'
	authzid string
}

// parseGS2Header returns the header of message and the bytes after the header.
func parseGS2Header(message []byte) (h gs2Header, rest []byte, err error) {
	flag, rest, _ := bytes.Cut(message, comma)
	switch name, bound := bytes.CutPrefix(flag, []byte("p=")); {
	case bound && validBindingName(name):
		h.flag, h.binding = 'p', string(name)
	case string(flag) == "n", string(flag) == "y":
		h.flag = flag[0]
	case string(flag) == "F":
		// gs2-nonstd-flag marks mechanisms whose tokens have no GSS frame. Kerberos tokens
		// have a frame.
		return h, nil, malformed("the GS2 header has the flag for mechanisms without a GSS frame, but Kerberos tokens have a frame")
	default:
		return h, nil, malformed("the message has no GS2 header, or the flag of its GS2 header is unknown")
	}
	identity, rest, ok := bytes.Cut(rest, comma)
	if !ok {
		return h, nil, malformed("the GS2 header is incomplete")
	}
	if len(identity) > 0 {
		name, named := bytes.CutPrefix(identity, []byte("a="))
		if !named || len(name) == 0 {
			return h, nil, malformed("the GS2 header contains neither an authorization identity nor an empty field after its flag")
		}
		if h.authzid, err = unescape(name); err != nil {
			return h, nil, err
		}
	}
	h.raw = message[:len(message)-len(rest)]
	return h, rest, nil
}

var comma = []byte(",")

// validBindingName reports whether name is a cb-name: letters, digits, '.' and '-'.
func validBindingName(name []byte) bool {
	for _, c := range name {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '-':
		default:
			return false
		}
	}
	return len(name) > 0
}

// unescape decodes a saslname, in which "=2C" represents ',' and "=3D" represents '='.
func unescape(name []byte) (string, error) {
	plain := make([]byte, 0, len(name))
	for len(name) > 0 {
		before, after, escaped := bytes.Cut(name, []byte("="))
		plain = append(plain, before...)
		if !escaped {
			break
		}
		switch {
		case bytes.HasPrefix(after, []byte("2C")):
			plain = append(plain, ',')
		case bytes.HasPrefix(after, []byte("3D")):
			plain = append(plain, '=')
		default:
			return "", malformed("the authorization identity has an '=' that begins neither =2C nor =3D")
		}
		name = after[2:]
	}
	return checkAuthzid(plain)
}

// beginGS2 creates the context for the client's first message, and returns the token in that
// message (RFC 5801, Sections 3.1 and 5).
func (s *Server) beginGS2(message []byte) ([]byte, error) {
	h, rest, err := parseGS2Header(message)
	if err != nil {
		return nil, err
	}
	if err := s.cfg.checkFlag(s.mechanism, &h); err != nil {
		return nil, err
	}
	if len(rest) < 2 {
		return nil, malformed("the message has no token after the GS2 header")
	}
	s.result.authzid = h.authzid
	cc := s.cfg.Context
	cc.ChannelBindings = h.bindings(cc.ChannelBindings)
	cc.BindingPolicy = sspi.BindingRequired
	cc.Require |= flags.ASC_RET_MUTUAL_AUTH // RFC 5801 requires clients to request it
	s.begin(sspi.Kerberos, cc)
	return krb5.AppendFrame(nil, krb5.OIDKerberos, binary.BigEndian.Uint16(rest), rest[2:]), nil
}

// checkFlag compares the client's flag about channel bindings with the mechanisms that the
// server offered.
func (c *Config) checkFlag(m Mechanism, h *gs2Header) error {
	switch plus := m == GS2KRB5Plus; {
	case plus && h.flag != 'p':
		return missing("the client chose GS2-KRB5-PLUS but uses no channel binding")
	case !plus && h.flag == 'p':
		return malformed("the client uses a channel binding without GS2-KRB5-PLUS")
	case h.flag == 'p' && len(h.bindings(c.Context.ChannelBindings)) == 0:
		return &status.Error{Reason: status.ReasonBindingMismatch, Detail: "the server does not have the type of channel binding that the client uses"}
	case h.flag == 'y' && c.offersPlus():
		return missing("the client supports channel bindings and did not see GS2-KRB5-PLUS, which the server offers: an attacker may have changed the list of mechanisms")
	case h.flag != 'p' && c.demandsBinding():
		return missing("the client uses no channel binding")
	}
	return nil
}

// bindings returns the channel bindings that the client's token may have: the header, followed
// by the data of a channel binding of the header's type (RFC 5801, Section 5.1).
func (h *gs2Header) bindings(channels []sspi.ChannelBindings) []sspi.ChannelBindings {
	if h.flag != 'p' {
		return []sspi.ChannelBindings{{ApplicationData: bytes.Clone(h.raw)}}
	}
	var bindings []sspi.ChannelBindings
	for i := range channels {
		if name, data, ok := typedBinding(&channels[i]); ok && name == h.binding {
			bindings = append(bindings, sspi.ChannelBindings{ApplicationData: slices.Concat(h.raw, data)})
		}
	}
	return bindings
}

// typedBinding splits the application data of a channel binding into type and data.
func typedBinding(b *sspi.ChannelBindings) (name string, data []byte, ok bool) {
	before, data, ok := bytes.Cut(b.ApplicationData, []byte(":"))
	return string(before), data, ok && validBindingName(before) && len(data) > 0
}

// offersPlus reports whether Context has a channel binding that GS2-KRB5-PLUS can use.
func (c *Config) offersPlus() bool {
	for i := range c.Context.ChannelBindings {
		if _, _, ok := typedBinding(&c.Context.ChannelBindings[i]); ok {
			return true
		}
	}
	return false
}

// demandsBinding reports whether a client must be bound to the channel.
func (c *Config) demandsBinding() bool {
	switch c.Context.BindingPolicy {
	case sspi.BindingDefault:
		return len(c.Context.ChannelBindings) > 0
	case sspi.BindingAllowMissing:
		return false
	}
	return true
}

// channelOf returns a copy of peer whose Binding describes the channel. The context's Binding
// describes the header, which always matches.
func (s *Server) channelOf(peer *sspi.Peer) *sspi.Peer {
	p := *peer
	switch {
	case s.mechanism == GS2KRB5Plus:
		p.Binding = authenticator.BindingMatched
	case len(s.cfg.Context.ChannelBindings) > 0:
		p.Binding = authenticator.BindingMissing
	default:
		p.Binding = authenticator.BindingUnchecked
	}
	return &p
}

func missing(detail string) error {
	return &status.Error{Reason: status.ReasonBindingMissing, Detail: detail}
}
