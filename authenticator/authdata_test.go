package authenticator_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

func entry(adType int32, data string) types.AuthorizationDataEntry {
	return types.AuthorizationDataEntry{ADType: adType, ADData: []byte(data)}
}

// withAD returns a request with authorization data in the ticket or in the authenticator.
func withAD(d *desk, inTicket bool, entries ...types.AuthorizationDataEntry) *krbtest.APReq {
	return d.request(func(q *krbtest.APReq) {
		q.ETypes = nil
		if inTicket {
			q.Ticket.Part.AuthorizationData = entries
		} else {
			q.Authenticator.AuthorizationData = entries
		}
	})
}

// TestAD_1_Critical checks that an authorization data type that Check does not know refuses
// the client, unless it is in AD-IF-RELEVANT.
func TestAD_1_Critical(t *testing.T) {
	understood := map[int32]bool{1: true, 8: true, 128: true, 129: true, 141: true, 142: true, 143: true, 144: true}
	for _, adType := range []int32{
		1, 2, 3, 4, 5, 6, 7, 8, 9, 64, 65, 66, 71, 96, 97, 127, 128, 129, 130, 140, 141, 142, 143, 144, 145, 512,
		0, -1, 1<<31 - 1, -1 << 31, 0x101, 0x10001,
	} {
		for _, inTicket := range []bool{true, false} {
			want := status.ReasonAuthorizationData
			if understood[adType] {
				want = status.ReasonNone
			}
			e := entry(adType, "\x00\x00\x00\x00")
			d := newDesk(t)
			d.wants("critical", withAD(d, inTicket, e), want)
			d.accepts("relevant", withAD(d, inTicket, krbtest.IfRelevant(e)))
			d.wants("behind another", withAD(d, inTicket, krbtest.IfRelevant(e), e), map[bool]status.Reason{
				true:  status.ReasonAuthorizationData,
				false: want,
			}[adType == 143 && !inTicket]) // AD-AP-OPTIONS twice
			d.params.IgnoreUnknownAuthorizationData = true
			d.accepts("ignored by policy", withAD(d, inTicket, e))
		}
	}
}

// TestAD_1_NestedIsNotLookedInto checks that an AD-IF-RELEVANT inside an AD-IF-RELEVANT has
// no effect.
func TestAD_1_NestedIsNotLookedInto(t *testing.T) {
	target := entry(144, "H\x00")
	options := entry(143, "\x00\x40\x00\x00")
	nested := krbtest.IfRelevant(krbtest.IfRelevant(target, options, entry(4711, "x")))
	d := newDesk(t)
	d.params.Bindings = []authenticator.ChannelBindings{{ApplicationData: []byte("x")}}
	d.params.Policy = authenticator.BindingAllowMissing
	c := d.accepts("nested", withAD(d, false, nested))
	if name, _ := c.Target(); name != "" {
		t.Errorf("Check returned the target %q of a nested element", name)
	}
	d.refuses("one level deep", withAD(d, false, krbtest.IfRelevant(options)), status.ReasonBindingMissing)
}

// TestAD_1_APOptions checks that an AD-AP-OPTIONS that is too short, too long or repeated
// refuses the client, whether it is in AD-IF-RELEVANT or not.
func TestAD_1_APOptions(t *testing.T) {
	const bad = status.ReasonAuthorizationData
	four := entry(143, "\x00\x00\x00\x00")
	for name, x := range map[string]struct {
		in   []types.AuthorizationDataEntry
		want status.Reason
	}{
		"once": {[]types.AuthorizationDataEntry{four}, status.ReasonNone}, "twice": {[]types.AuthorizationDataEntry{four, four}, bad},
		"empty": {[]types.AuthorizationDataEntry{entry(143, "")}, bad}, "3 bytes": {[]types.AuthorizationDataEntry{entry(143, "\x00\x00\x00")}, bad},
		"5 bytes": {[]types.AuthorizationDataEntry{entry(143, "\x00\x00\x00\x00\x00")}, bad},
	} {
		d := newDesk(t)
		d.wants(name, withAD(d, false, x.in...), x.want)
		d.wants(name+", relevant", withAD(d, false, krbtest.IfRelevant(x.in...)), x.want)
	}
	d := newDesk(t)
	d.refuses("in two elements", withAD(d, false, krbtest.IfRelevant(four), krbtest.IfRelevant(four)), bad)
}

// TestAD_1_TicketDoesNotSpeakForTheClient checks that target, AP options and encryption
// types have no effect in the ticket. The client puts them into the authenticator.
func TestAD_1_TicketDoesNotSpeakForTheClient(t *testing.T) {
	d := newDesk(t)
	list, err := asn1.Marshal([]int32{18, 17})
	if err != nil {
		t.Fatal(err)
	}
	c := d.accepts("in the ticket", withAD(d, true, entry(144, "H\x00"), entry(143, "\x00\xc0\x00\x00"), entry(129, string(list))))
	if name, untrusted := c.Target(); name != "" || untrusted || len(c.ETypes()) != 0 {
		t.Errorf("%q, %v, %v", name, untrusted, c.ETypes())
	}
}

// TestAD_2_BrokenAndEmpty checks that an AD-IF-RELEVANT that is empty or not DER does not
// refuse the client.
func TestAD_2_BrokenAndEmpty(t *testing.T) {
	for _, data := range []string{"", "\x30\x00", "\x30", "\x30\x80", "\x30\x84\xff\xff\xff\xff", "\x30\x02\x30\x00", "junk", "\x31\x00", "\x30\x00\x00"} {
		for _, inTicket := range []bool{true, false} {
			d := newDesk(t)
			d.accepts("in AD-IF-RELEVANT", withAD(d, inTicket, entry(1, data)))
			d.accepts("as a list of types", withAD(d, inTicket, entry(129, data)))
			d.accepts("as a target", withAD(d, inTicket, entry(144, data)))
		}
	}
}

// TestAD_2_Long checks the limit of the number of elements, outside and inside
// AD-IF-RELEVANT.
func TestAD_2_Long(t *testing.T) {
	many := func(n int, e types.AuthorizationDataEntry) []types.AuthorizationDataEntry {
		return slices.Repeat([]types.AuthorizationDataEntry{e}, n)
	}
	d := newDesk(t)
	empty := krbtest.IfRelevant()
	d.accepts("1024", withAD(d, false, many(1024, empty)...))
	d.refuses("1025", withAD(d, false, many(1025, empty)...), status.ReasonMalformedToken)
	d.refuses("10000", withAD(d, false, many(10_000, empty)...), status.ReasonMalformedToken)
	d.accepts("10000 that are not read", withAD(d, false, krbtest.IfRelevant(many(10_000, entry(143, ""))...)))
	d.refuses("1024 that are", withAD(d, false, krbtest.IfRelevant(many(1024, entry(143, ""))...)), status.ReasonAuthorizationData)
	deep := krbtest.IfRelevant()
	for range 500 {
		deep = krbtest.IfRelevant(deep)
	}
	d.accepts("500 deep", withAD(d, false, deep))
	d.accepts("500 deep in the ticket", withAD(d, true, deep))
}

// TestAD_2_ETypeList checks that Checked.ETypes has the permitted types of the client's
// list in the client's order, and a limited number of them.
func TestAD_2_ETypeList(t *testing.T) {
	list := func(types ...int32) string {
		b, err := asn1.Marshal(types)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, row := range []struct {
		name      string
		list      string
		permitted []keytab.EType
		want      []keytab.EType
	}{
		{"all", list(20, 19, 18, 17), nil, []keytab.EType{20, 19, 18, 17}},
		{"the client's order", list(17, 20), nil, []keytab.EType{17, 20}},
		{"unknown and refused ones", list(23, 3, 18, -133, 1<<31-1), nil, []keytab.EType{18}},
		{"policy", list(20, 19, 18, 17), []keytab.EType{17, 18}, []keytab.EType{18, 17}},
		{"an empty policy", list(20, 18), []keytab.EType{}, nil},
		{"repeated", list(slices.Repeat([]int32{18}, 60)...), nil, slices.Repeat([]keytab.EType{18}, 8)},
		{"behind 64 others", list(append(slices.Repeat([]int32{23}, 64), 18)...), nil, nil},
		{"behind 63 others", list(append(slices.Repeat([]int32{23}, 63), 18)...), nil, []keytab.EType{18}},
		{"more bytes", list(18) + "\x00", nil, nil},
		{"no number in it", "\x30\x05\x02\x01\x12\x04\x00", nil, nil},
		{"beyond 32 bits", "\x30\x07\x02\x05\x01\x00\x00\x00\x12", nil, nil},
	} {
		d := newDesk(t)
		q := withAD(d, false, krbtest.IfRelevant(entry(129, row.list)))
		if row.permitted != nil {
			q.Authenticator.SubKey = types.EncryptionKey{}
			d.params.ETypes = row.permitted
		}
		if got := d.accepts(row.name, q).ETypes(); !slices.Equal(got, row.want) {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
}

// TestAD_2_ETypeListTwice checks that the first valid list counts. The same rule holds for
// targets.
func TestAD_2_ETypeListTwice(t *testing.T) {
	d := newDesk(t)
	const of17, of18, broken = "\x30\x03\x02\x01\x11", "\x30\x03\x02\x01\x12", "\x30\x06\x02\x01\x14\x04\x01\x00"
	for _, lists := range [][]string{{of17, of18}, {broken, of17, of18}, {of17, broken}, {"", of17, ""}} {
		var entries []types.AuthorizationDataEntry
		for _, list := range lists {
			entries = append(entries, entry(129, list))
		}
		if got := d.accepts("lists", withAD(d, false, entries...)).ETypes(); !slices.Equal(got, []keytab.EType{17}) {
			t.Errorf("%x: %v", lists, got)
		}
	}
}

// TestAD_2_Target checks that a target that is not valid UTF-16 text gives no name.
func TestAD_2_Target(t *testing.T) {
	utf16 := func(units ...uint16) string {
		var b []byte
		for _, u := range units {
			b = binary.LittleEndian.AppendUint16(b, u)
		}
		return string(b)
	}
	for _, row := range []struct{ name, data, want string }{
		{"ASCII", utf16('H', '/', 'h'), "H/h"},
		{"three bytes each", utf16(0x20ac, 0x65e5), "\u20ac\u65e5"},
		{"a pair", utf16(0xd83d, 0xde00), "\U0001f600"},
		{"half a pair in front", utf16(0xd83d, 'x'), ""},
		{"half a pair at the end", utf16('x', 0xd83d), ""},
		{"the other half", utf16(0xde00, 'x'), ""},
		{"the halves exchanged", utf16(0xde00, 0xd83d), ""},
		{"a NUL in it", utf16('H', 0, 'h'), ""},
		{"an odd number of bytes", utf16('H') + "h", ""},
		{"nothing", "", ""},
		{"2048 long ones", string(bytes.Repeat([]byte("\xac\x20"), 2048)), string(bytes.Repeat([]byte("\u20ac"), 2048))},
		{"one more", string(bytes.Repeat([]byte("\xac\x20"), 2049)), ""},
	} {
		d := newDesk(t)
		got, _ := d.accepts(row.name, withAD(d, false, krbtest.IfRelevant(entry(144, row.data)))).Target()
		if got != row.want {
			t.Errorf("%s: %q", row.name, got)
		}
	}
	d := newDesk(t)
	if got, _ := d.accepts("two", withAD(d, false, entry(144, "a\x00"), entry(144, "b\x00"))).Target(); got != "a" {
		t.Errorf("two targets: Check returned %q", got)
	}
}
