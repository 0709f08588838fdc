package authenticator_test

import (
	"testing"

	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/status"
)

// who is a client name as a message contains it.
type who struct {
	realm      string
	components []string
}

func (w who) name(nameType int32) types.PrincipalName {
	return types.PrincipalName{NameType: nameType, NameString: w.components}
}

var alice = who{"EXAMPLE.COM", []string{"alice"}}

// names returns a request with the ticket of one client and the authenticator of another.
func names(d *desk, inTicket, inAuthenticator who) *krbtest.APReq {
	k := d.realm.Ticket("alice", service)
	k.Part.CRealm, k.Part.CName = inTicket.realm, inTicket.name(1)
	q := k.APReq()
	q.Authenticator.CRealm, q.Authenticator.CName = inAuthenticator.realm, inAuthenticator.name(1)
	return q
}

// TestAPREQ_1_AnotherClient checks that Check compares realm and name by component, so that
// two names with the same text form are different.
func TestAPREQ_1_AnotherClient(t *testing.T) {
	admin := who{"EXAMPLE.COM", []string{"alice", "admin"}}
	for _, row := range []struct {
		name                    string
		ticket, inAuthenticator who
	}{
		{"another name", alice, who{"EXAMPLE.COM", []string{"bob"}}},
		{"another realm", alice, who{"EXAMPLE.ORG", []string{"alice"}}},
		{"a realm above", alice, who{"COM", []string{"alice"}}},
		{"a longer name", alice, who{"EXAMPLE.COM", []string{"alicea"}}},
		{"a shorter name", alice, who{"EXAMPLE.COM", []string{"alic"}}},
		{"one component more", alice, admin},
		{"one component less", admin, alice},
		{"components in another order", admin, who{"EXAMPLE.COM", []string{"admin", "alice"}}},
		{"two components as one", admin, who{"EXAMPLE.COM", []string{"alice/admin"}}},
		{"one component as two", who{"EXAMPLE.COM", []string{"alice/admin"}}, admin},
		{"the escape written out", admin, who{"EXAMPLE.COM", []string{`alice\/admin`}}},
		{"the realm inside the name", alice, who{"EXAMPLE.COM", []string{"alice@EXAMPLE.COM"}}},
		{"name and realm cut elsewhere", who{"B@C", []string{"a"}}, who{"C", []string{"a@B"}}},
		{"a NUL behind", alice, who{"EXAMPLE.COM", []string{"alice\x00"}}},
		{"a NUL and another behind", alice, who{"EXAMPLE.COM", []string{"alice\x00bob"}}},
		{`a NUL and \0`, who{"EXAMPLE.COM", []string{"alice\x00"}}, who{"EXAMPLE.COM", []string{`alice\0`}}},
		{"a space behind", alice, who{"EXAMPLE.COM", []string{"alice "}}},
		{"a newline behind the realm", alice, who{"EXAMPLE.COM\n", []string{"alice"}}},
		{"no bytes of UTF-8", alice, who{"EXAMPLE.COM", []string{"alice\xff"}}},
	} {
		d := newDesk(t)
		d.refuses(row.name, names(d, row.ticket, row.inAuthenticator), status.ReasonNameMismatch)
		// The name in the ticket is valid; the difference causes the refusal.
		d.accepts(row.name+", the same twice", names(d, row.ticket, row.ticket))
	}
}

// TestAPREQ_1_NothingThere checks that Check refuses an empty name and an empty realm.
func TestAPREQ_1_NothingThere(t *testing.T) {
	d := newDesk(t)
	for name, w := range map[string]who{
		"no realm": {"", []string{"alice"}}, "no component": {"EXAMPLE.COM", []string{}},
		"an empty component": {"EXAMPLE.COM", []string{""}}, "an empty one behind": {"EXAMPLE.COM", []string{"alice", ""}},
	} {
		d.refuses(name, names(d, alice, w), status.ReasonMalformedToken)
	}
}

// TestAPREQ_1_NameTypeSaysNothing checks that the name type may differ (RFC 4120, Section
// 6.2), and that the identity is that of the ticket.
func TestAPREQ_1_NameTypeSaysNothing(t *testing.T) {
	for _, nameType := range []int32{0, 1, 2, 10, 11, -128} {
		d := newDesk(t)
		q := d.request()
		q.Authenticator.CName.NameType = nameType
		v := d.verified("another name-type", q)
		if v.Ticket().Client.String() != "alice@EXAMPLE.COM" || v.Ticket().ClientNameType != 1 {
			t.Errorf("name-type %d: %v of type %d", nameType, v.Ticket().Client, v.Ticket().ClientNameType)
		}
	}
}

// TestNAME_5_ByteForByte checks that names that differ in case or in Unicode normalization
// are different names.
func TestNAME_5_ByteForByte(t *testing.T) {
	for _, row := range []struct{ name, ticket, inAuthenticator string }{
		{"case", "alice", "Alice"},
		{"all capitals", "alice", "ALICE"},
		{"composed and not", "ren\u00e9", "rene\u0301"},
		{"long s", "ross", "ro\u017fs"},
		{"sharp s", "ro\u00df", "ross"},
		{"Kelvin", "k", "\u212a"},
		{"Turkish i", "i", "\u0131"},
		{"full width", "alice", "\uff41lice"},
		{"zero width", "alice", "ali\u200bce"},
		{"Cyrillic a", "alice", "\u0430lice"},
	} {
		d := newDesk(t)
		d.refuses(row.name, names(d, who{"EXAMPLE.COM", []string{row.ticket}}, who{"EXAMPLE.COM", []string{row.inAuthenticator}}), status.ReasonNameMismatch)
		d.refuses(row.name+", realm", names(d, who{row.ticket, []string{"alice"}}, who{row.inAuthenticator, []string{"alice"}}), status.ReasonNameMismatch)
	}
}

// TestAPREQ_12_Anonymous checks that an authenticator must name the anonymous client if the
// ticket does, and must not otherwise, and that the Ticket reports the anonymous client.
func TestAPREQ_12_Anonymous(t *testing.T) {
	nobody := who{"WELLKNOWN:ANONYMOUS", []string{"WELLKNOWN", "ANONYMOUS"}}
	d := newDesk(t)
	q := names(d, nobody, nobody)
	q.Ticket.Part.Flags = krbtest.TicketFlags(flags.TicketAnonymous)
	v := d.verified("anonymous", q)
	if got := v.Ticket().Client.String(); got != "WELLKNOWN/ANONYMOUS@WELLKNOWN:ANONYMOUS" {
		t.Errorf("client %s", got)
	}
	if v.Ticket().Flags&flags.TicketAnonymous == 0 {
		t.Error("the Ticket does not have the flag ANONYMOUS")
	}
	d.refuses("named by the authenticator", names(d, nobody, alice), status.ReasonNameMismatch)
	d.refuses("anonymous by the authenticator", names(d, alice, nobody), status.ReasonNameMismatch)
}

// TestSEC_3_NamesInTextAreShort checks that an error text quotes and truncates a name that
// a peer chose.
func TestSEC_3_NamesInTextAreShort(t *testing.T) {
	d := newDesk(t)
	long := make([]byte, 1024)
	for i := range long {
		long[i] = '\n'
	}
	var w who
	for range 32 {
		w.components = append(w.components, string(long))
	}
	w.realm = string(long)
	_, err := d.check(names(d, alice, w))
	if status.ReasonOf(err) != status.ReasonNameMismatch || len(err.Error()) > 1000 {
		t.Errorf("%v in a text of %d bytes", status.ReasonOf(err), len(err.Error()))
	}
	for _, c := range []byte(err.Error()) {
		if c < ' ' {
			t.Fatal("the text contains a control character")
		}
	}
}
