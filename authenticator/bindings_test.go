package authenticator_test

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/internal/vectors"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket"
)

func channel(data string) authenticator.ChannelBindings {
	return authenticator.ChannelBindings{ApplicationData: []byte(data)}
}

// bareAPReq returns the AP-REQ in a captured token, whatever its frames are.
func bareAPReq(t testing.TB, token []byte) []byte {
	t.Helper()
	i := bytes.Index(token, []byte{0x6e, 0x82})
	if i < 0 {
		t.Fatal("there is no AP-REQ in the token")
	}
	return token[i:][:4+int(token[i+2])<<8+int(token[i+3])]
}

// checkCaptured runs Check with a captured exchange.
func checkCaptured(t testing.TB, name string, p authenticator.Params) (*authenticator.Checked, error) {
	t.Helper()
	keys, err := keytab.Parse(vectors.ADKeytab(t))
	if err != nil {
		t.Fatal(err)
	}
	c := vectors.ADCaseNamed(t, name)
	opened, err := ticket.Open(bareAPReq(t, c.Token), &ticket.Params{Keys: keys, Now: c.Time, Skew: skew})
	if err != nil {
		t.Fatal(err)
	}
	p.Now, p.Skew = c.Time, skew
	return authenticator.Check(opened, &p)
}

// TestBIND_4_Captured checks the bindings of an exchange of MIT's client, which was bound
// to this channel.
func TestBIND_4_Captured(t *testing.T) {
	data := "tls-server-end-point:"
	for i := range 32 {
		data += string(byte(i))
	}
	for name, x := range map[string]struct {
		exchange string
		bindings []authenticator.ChannelBindings
		want     status.Reason
	}{
		"its channel":         {"alice-cb", []authenticator.ChannelBindings{channel(data)}, status.ReasonNone},
		"the last of three":   {"alice-cb", []authenticator.ChannelBindings{channel("a"), channel("b"), channel(data)}, status.ReasonNone},
		"another channel":     {"alice-cb", []authenticator.ChannelBindings{channel(data + "\x00")}, status.ReasonBindingMismatch},
		"another prefix":      {"alice-cb", []authenticator.ChannelBindings{channel(strings.ToUpper(data))}, status.ReasonBindingMismatch},
		"none of three":       {"alice-cb", []authenticator.ChannelBindings{channel("a"), channel("b"), {}}, status.ReasonBindingMismatch},
		"not bound":           {"alice-aes256", []authenticator.ChannelBindings{channel(data)}, status.ReasonBindingMissing},
		"Heimdal's not bound": {"heimdal-alice", []authenticator.ChannelBindings{channel(data)}, status.ReasonBindingMissing},
	} {
		c, err := checkCaptured(t, x.exchange, authenticator.Params{Bindings: x.bindings})
		if got := status.ReasonOf(err); (err != nil || x.want != status.ReasonNone) && got != x.want || (c != nil) != (err == nil) {
			t.Errorf("%s: %v, want %v", name, err, x.want)
		}
	}
}

// layout returns Bnd (RFC 4121, Section 4.1.1.2). It is a second implementation for the
// comparison.
func layout(initiatorType uint32, initiator string, acceptorType uint32, acceptor, data string) [16]byte {
	le := func(n uint32) string { return string(binary.LittleEndian.AppendUint32(nil, n)) }
	return md5.Sum([]byte(le(initiatorType) + le(uint32(len(initiator))) + initiator +
		le(acceptorType) + le(uint32(len(acceptor))) + acceptor + le(uint32(len(data))) + data))
}

// TestBIND_4_Layout checks that every field changes the result. In bindings without
// addresses, the address types 0 and 255 (which Java sends) are equal.
func TestBIND_4_Layout(t *testing.T) {
	full := authenticator.ChannelBindings{
		InitiatorAddrType: 2, InitiatorAddress: []byte("\x7f\x00\x00\x01"),
		AcceptorAddrType: 24, AcceptorAddress: []byte("0123456789abcdef"), ApplicationData: []byte("data"),
	}
	good := layout(2, "\x7f\x00\x00\x01", 24, "0123456789abcdef", "data")
	of := func(a, b uint32) authenticator.ChannelBindings {
		return authenticator.ChannelBindings{InitiatorAddrType: a, AcceptorAddrType: b, ApplicationData: []byte("data")}
	}
	null, java, mixed := layout(0, "", 0, "", "data"), layout(255, "", 255, "", "data"), layout(0, "", 255, "", "data")
	for _, row := range []struct {
		name  string
		given authenticator.ChannelBindings
		sent  [16]byte
		match bool
	}{
		{"all fields", full, good, true},
		{"another initiator type", full, layout(0, "\x7f\x00\x00\x01", 24, "0123456789abcdef", "data"), false},
		{"another initiator", full, layout(2, "\x7f\x00\x00\x02", 24, "0123456789abcdef", "data"), false},
		{"another acceptor type", full, layout(2, "\x7f\x00\x00\x01", 2, "0123456789abcdef", "data"), false},
		{"another acceptor", full, layout(2, "\x7f\x00\x00\x01", 24, "0123456789abcdeF", "data"), false},
		{"a byte moved over", full, layout(2, "\x7f\x00\x00\x010", 24, "123456789abcdef", "data"), false},
		{"no addresses sent", full, null, false},
		{"no addresses, Java", full, java, false},
		{"type 0, sent 0", of(0, 0), null, true},
		{"type 0, sent 255", of(0, 0), java, true},
		{"type 255, sent 0", of(255, 255), null, true},
		{"type 255, sent 255", of(255, 255), java, true},
		{"type 0, sent both", of(0, 0), mixed, false},
		{"type 2 without address", of(2, 2), null, false},
		{"type 2 without address, Java", of(2, 2), java, false},
		{"type 2 without address, the same", of(2, 2), layout(2, "", 2, "", "data"), true},
		{"only one type is 2", of(0, 2), null, false},
		{"nothing at all", authenticator.ChannelBindings{}, layout(0, "", 0, "", ""), true},
	} {
		d := newDesk(t)
		d.params.Bindings = []authenticator.ChannelBindings{row.given}
		want := status.ReasonBindingMismatch
		if row.match {
			want = status.ReasonNone
		}
		d.wants(row.name, d.request(func(q *krbtest.APReq) { q.Bnd = row.sent }), want)
	}
}

// TestBIND_4_EveryBit checks that Check refuses every changed bit of the hash.
func TestBIND_4_EveryBit(t *testing.T) {
	d := newDesk(t)
	d.params.Bindings = []authenticator.ChannelBindings{channel("data")}
	for bit := range 128 {
		q := d.request(func(q *krbtest.APReq) { q.Bnd = krbtest.Bindings(0, []byte("data")) })
		q.Bnd[bit/8] ^= 1 << (bit % 8)
		d.refuses("a flipped bit", q, status.ReasonBindingMismatch)
	}
}

// TestBIND_3_Aware checks that a client that declares support for bindings must send them
// under every policy.
func TestBIND_3_Aware(t *testing.T) {
	for _, policy := range []authenticator.BindingPolicy{
		authenticator.BindingDefault, authenticator.BindingRequired, authenticator.BindingAllowMissing, authenticator.BindingProxied, 200,
	} {
		d := newDesk(t)
		d.params.Bindings, d.params.Policy = []authenticator.ChannelBindings{channel("data")}, policy
		aware := func(q *krbtest.APReq) { q.BindingAware = true }
		d.refuses("aware, none sent", d.request(aware), status.ReasonBindingMissing)
		d.refuses("aware, no checksum", d.request(aware, func(q *krbtest.APReq) { q.NoChecksum = true }), status.ReasonBindingMissing)
		d.accepts("aware, right", d.request(aware, func(q *krbtest.APReq) { q.Bnd = krbtest.Bindings(0, []byte("data")) }))
		want := status.ReasonBindingMissing
		if policy == authenticator.BindingAllowMissing {
			want = status.ReasonNone
		}
		d.wants("not aware, none sent", d.request(), want)
		d.wants("not aware, no checksum", d.request(func(q *krbtest.APReq) { q.NoChecksum = true }), want)
		d.wants("not aware, a checksum of another type", d.request(keyed(0, nil)), want)
	}
}

// TestBIND_2_RequiredWithoutOwn checks that a caller who requires bindings without passing
// its own gets an error.
func TestBIND_2_RequiredWithoutOwn(t *testing.T) {
	d := newDesk(t)
	d.params.Policy = authenticator.BindingRequired
	d.refuses("none sent", d.request(), status.ReasonBindingUnknown)
	d.refuses("some sent", d.request(func(q *krbtest.APReq) { q.Bnd = krbtest.Bindings(0, []byte("data")) }), status.ReasonBindingUnknown)
}

// keyed replaces the GSS checksum with a checksum of the session key over no data. If
// sumType is not 0, the checksum has that type.
func keyed(sumType int32, options *flags.AP) func(*krbtest.APReq) {
	return func(q *krbtest.APReq) {
		q.Authenticator.Cksum = krbtest.Checksum(q.Key, 10, nil)
		if sumType != 0 {
			q.Authenticator.Cksum.CksumType = sumType
		}
		q.Options = options
	}
}

// TestBIND_5_KeyedChecksum checks requests with a keyed checksum, as old SMB clients send.
// They get the flags REPLAY and SEQUENCE, and the AP options determine MUTUAL.
func TestBIND_5_KeyedChecksum(t *testing.T) {
	const both = flags.GSS_C_REPLAY_FLAG | flags.GSS_C_SEQUENCE_FLAG
	none, mutual := flags.AP(0), flags.APMutualRequired
	for _, e := range krbtest.Preference {
		d := newDesk(t)
		request := func(change func(*krbtest.APReq)) *krbtest.APReq {
			k := d.realm.Ticket("alice", service)
			k.Part.Key = d.realm.NewKey(e)
			q := k.APReq()
			change(q)
			return q
		}
		if got := d.accepts("keyed", request(keyed(0, &none))).Flags(); got != both {
			t.Errorf("%v: flags %v", e, got)
		}
		if got := d.accepts("keyed, mutual", request(keyed(0, &mutual))).Flags(); got != both|flags.GSS_C_MUTUAL_FLAG {
			t.Errorf("%v: flags %v", e, got)
		}
		own := krbtest.Checksum(d.realm.NewKey(e), 10, nil).CksumType
		for _, sumType := range []int32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 15, 16, 19, 20, -138, -1} {
			if sumType != own {
				d.refuses("a type that is not the key's", request(keyed(sumType, &none)), status.ReasonBadChecksum)
			}
		}
		for name, change := range map[string]func(q *krbtest.APReq){
			"another usage": func(q *krbtest.APReq) { q.Authenticator.Cksum = krbtest.Checksum(q.Key, 11, nil) },
			"of something":  func(q *krbtest.APReq) { q.Authenticator.Cksum = krbtest.Checksum(q.Key, 10, []byte("x")) },
			"of the subkey": func(q *krbtest.APReq) {
				q.Authenticator.Cksum = krbtest.Checksum(q.Authenticator.SubKey, 10, nil)
			},
			"cut": func(q *krbtest.APReq) {
				q.Authenticator.Cksum = krbtest.Checksum(q.Key, 10, nil)
				q.Authenticator.Cksum.Checksum = q.Authenticator.Cksum.Checksum[1:]
			},
			"empty": func(q *krbtest.APReq) { q.Authenticator.Cksum = types.Checksum{CksumType: own, Checksum: []byte{}} },
			"MD5 of nothing": func(q *krbtest.APReq) {
				sum := md5.Sum(nil)
				q.Authenticator.Cksum = types.Checksum{CksumType: 7, Checksum: sum[:]}
			},
		} {
			d.refuses(name, request(change), status.ReasonBadChecksum)
		}
	}
}

// TestBIND_5_NoChecksum checks that a request without a checksum gets only the flags of its
// AP options.
func TestBIND_5_NoChecksum(t *testing.T) {
	d := newDesk(t)
	without := func(options flags.AP) *krbtest.APReq {
		return d.request(func(q *krbtest.APReq) { q.NoChecksum, q.Options = true, &options })
	}
	if got := d.accepts("none", without(0)).Flags(); got != 0 {
		t.Errorf("flags %v", got)
	}
	if got := d.accepts("mutual", without(flags.APMutualRequired)).Flags(); got != flags.GSS_C_MUTUAL_FLAG {
		t.Errorf("flags %v", got)
	}
}

// TestBIND_5_OptionsDoNotAdd checks that the AP options, which are not protected, add no
// flags to those of a GSS checksum.
func TestBIND_5_OptionsDoNotAdd(t *testing.T) {
	d := newDesk(t)
	mutual := flags.APMutualRequired
	q := d.request(func(q *krbtest.APReq) { q.Flags, q.Options = flags.GSS_C_CONF_FLAG, &mutual })
	if got := d.accepts("one way", q).Flags(); got != flags.GSS_C_CONF_FLAG {
		t.Errorf("flags %v", got)
	}
}

// TestBIND_8_Extensions checks that Check skips complete extensions after the GSS checksum,
// and refuses truncated ones.
func TestBIND_8_Extensions(t *testing.T) {
	d := newDesk(t)
	one := "\x00\x00\x00\x09\x00\x00\x00\x01x"
	for ext, want := range map[string]status.Reason{
		one: status.ReasonNone, one + one: status.ReasonNone, "\x00\x00\x00\x00\x00\x00\x00\x00": status.ReasonNone,
		one[:len(one)-1]: status.ReasonBadGSSChecksum, one + one[:7]: status.ReasonBadGSSChecksum, "x": status.ReasonBadGSSChecksum,
		"\x00\x00\x00\x09\xff\xff\xff\xffx": status.ReasonBadGSSChecksum,
	} {
		d.wants("extension", d.request(func(q *krbtest.APReq) { q.Extensions = []byte(ext) }), want)
		q := d.request(func(q *krbtest.APReq) { q.Extensions = []byte(ext) })
		q.Flags |= flags.GSS_C_DELEG_FLAG
		q.Cred = []byte("skipped")
		d.wants("extension behind credentials", q, want)
	}
}

// TestChannelBindings_Layout writes a SEC_CHANNEL_BINDINGS with the offsets of sspi.h.
func TestChannelBindings_Layout(t *testing.T) {
	blob := []byte("\x02\x00\x00\x00\x04\x00\x00\x00\x21\x00\x00\x00" + // initiator: type, length, offset
		"\x18\x00\x00\x00\x02\x00\x00\x00\x26\x00\x00\x00" + // acceptor
		"\x05\x00\x00\x00\x28\x00\x00\x00" + // application data
		"_IIII_AADDDDD")
	got, err := authenticator.ParseChannelBindings(slices.Clip(bytes.Clone(blob)))
	if err != nil {
		t.Fatal(err)
	}
	if got.InitiatorAddrType != 2 || string(got.InitiatorAddress) != "IIII" || got.AcceptorAddrType != 24 ||
		string(got.AcceptorAddress) != "AA" || string(got.ApplicationData) != "DDDDD" {
		t.Errorf("%+v", got)
	}
	for n := range blob {
		if _, err := authenticator.ParseChannelBindings(slices.Clip(bytes.Clone(blob[:n]))); status.ReasonOf(err) != status.ReasonArgument {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// TestChannelBindings_EveryBit changes each bit of the header. Every field must then be
// between the header and the end.
func TestChannelBindings_EveryBit(t *testing.T) {
	whole, err := authenticator.ChannelBindings{
		InitiatorAddrType: 2, InitiatorAddress: []byte("IIII"), AcceptorAddrType: 2, AcceptorAddress: []byte("AAAA"), ApplicationData: []byte("DDDDD"),
	}.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	for bit := range 8 * 32 {
		b := bytes.Clone(whole)
		b[bit/8] ^= 1 << (bit % 8)
		word := func(i int) uint64 { return uint64(binary.LittleEndian.Uint32(b[4*i:])) }
		inside := true
		for _, i := range []int{1, 4, 6} {
			if word(i) > 0 && (word(i+1) < 32 || word(i)+word(i+1) > uint64(len(b))) {
				inside = false
			}
		}
		got, err := authenticator.ParseChannelBindings(slices.Clip(b))
		switch {
		case !inside && status.ReasonOf(err) != status.ReasonArgument:
			t.Errorf("bit %d: %v, want a refusal", bit, err)
		case inside && err != nil:
			t.Errorf("bit %d: %v", bit, err)
		case inside && (!bytes.Equal(got.ApplicationData, cut(b, word(6), word(7))) || !bytes.Equal(got.InitiatorAddress, cut(b, word(1), word(2))) ||
			!bytes.Equal(got.AcceptorAddress, cut(b, word(4), word(5))) || uint64(got.InitiatorAddrType) != word(0) || uint64(got.AcceptorAddrType) != word(3)):
			t.Errorf("bit %d: %+v", bit, got)
		}
	}
}

func cut(b []byte, length, offset uint64) []byte {
	if length == 0 {
		return nil
	}
	return b[offset : offset+length]
}

// TestChannelBindings_Copies checks that the result does not change if the caller changes
// the buffer.
func TestChannelBindings_Copies(t *testing.T) {
	blob, err := channel("data").MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	got, err := authenticator.ParseChannelBindings(blob)
	clear(blob)
	if err != nil || string(got.ApplicationData) != "data" {
		t.Errorf("%q, %v", got.ApplicationData, err)
	}
}
