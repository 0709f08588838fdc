package krb5_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/status"
)

// repeated returns n copies of an element in a SEQUENCE OF.
func repeated(element []byte, n int) []byte { return der(0x30, bytes.Repeat(element, n)) }

func pair(number int64, value string) []byte {
	return der(0x30, der(0xa0, derInt(number)), der(0xa1, der(4, []byte(value))))
}

// TestPARSE_10_Lists reads lists of the greatest length, and refuses those with
// one element more. The numbers are those of the doc comments.
func TestPARSE_10_Lists(t *testing.T) {
	sealed := der(0x30, der(0xa0, derInt(18)), der(0xa2, der(4, []byte("x"))))
	ticket := der(0x61, der(0x30, der(0xa0, derInt(5)), der(0xa1, derString("R")), der(0xa2, principalName(2, "s")), der(0xa3, sealed)))
	info := der(0x30, der(0xa0, pair(18, "key")))
	for _, c := range []struct {
		name       string
		least, max int
		read       func(n int) error
	}{
		{"AuthorizationData", 0, 1024, func(n int) error {
			_, err := krb5.ReadAuthorizationData(repeated(pair(1, "data"), n))
			return err
		}},
		{"AuthorizationData of an Authenticator", 0, 1024, func(n int) error {
			m, b := authDataIn(repeated(pair(1, "data"), n))
			return m.Parse(b)
		}},
		{"HostAddresses", 0, 256, func(n int) error {
			_, err := krb5.ReadAddresses(repeated(pair(2, "addr"), n))
			return err
		}},
		{"components", 1, 32, func(n int) error {
			b, _ := replaced(t, ticket, "61 30 a2 30 a1 30", repeated(derString("c"), n))
			return new(krb5.Ticket).Parse(b)
		}},
		{"bytes of a component", 1, 1024, func(n int) error {
			b, _ := replaced(t, ticket, "61 30 a2 30 a1 30 1b", derString(strings.Repeat("c", n)))
			return new(krb5.Ticket).Parse(b)
		}},
		{"bytes of a realm", 1, 1024, func(n int) error {
			b, _ := replaced(t, ticket, "61 30 a1 1b", derString(strings.Repeat("R", n)))
			return new(krb5.Ticket).Parse(b)
		}},
		{"tickets", 1, 8, func(n int) error {
			return new(krb5.KRBCred).Parse(der(0x76, der(0x30,
				der(0xa0, derInt(5)), der(0xa1, derInt(22)), der(0xa2, repeated(ticket, n)), der(0xa3, sealed))))
		}},
		{"pre-authentication data", 0, 32, func(n int) error {
			b, _ := replaced(t, asReq(), "6a 30 a3 30", repeated(paData(2, nil), n))
			return new(krb5.KDCReq).Parse(b)
		}},
		{"encryption types", 0, 32, func(n int) error {
			b, _ := replaced(t, asReq(), "6a 30 a4 30 a8 30", repeated(derInt(18), n))
			return new(krb5.KDCReq).Parse(b)
		}},
		{"addresses of a request", 0, 32, func(n int) error {
			b, _ := replaced(t, asReq(), "6a 30 a4 30 a9 30", repeated(pair(2, "addr"), n))
			return new(krb5.KDCReq).Parse(b)
		}},
		{"additional tickets", 0, 32, func(n int) error {
			b, _ := replaced(t, tgsReq(nil), "6c 30 a4 30 ab 30", repeated(ticket, n))
			return new(krb5.KDCReq).Parse(b)
		}},
		{"descriptions of tickets", 1, 8, func(n int) error {
			return new(krb5.EncKRBCredPart).Parse(der(0x7d, der(0x30, der(0xa0, repeated(info, n)))))
		}},
	} {
		for _, n := range []int{c.least, c.max} {
			if err := c.read(n); err != nil {
				t.Errorf("%d %s: %v", n, c.name, err)
			}
		}
		for _, n := range []int{c.least - 1, c.max + 1, 100 * c.max} {
			if n >= 0 {
				wantReason(t, fmt.Sprint(n, " ", c.name), c.read(n), status.ReasonMalformedToken)
			}
		}
	}
}

// TestPARSE_10_Memory limits the allocations of parsing: none, except for the tickets of a
// KRB-CRED, of which there are at most eight. A refusal allocates its error.
func TestPARSE_10_Memory(t *testing.T) {
	for _, k := range kinds(t) {
		for _, sample := range k.samples {
			m := k.new()
			n := testing.AllocsPerRun(20, func() {
				if err := m.Parse(sample); err != nil {
					t.Fatal(err)
				}
			})
			limit := 0.0
			if strings.Contains(strings.ToUpper(k.name), "CRED") {
				limit = 3
			}
			if n > limit {
				t.Errorf("%s: reading allocates %v times", k.name, n)
			}
		}
	}
	for name, many := range map[string][]byte{
		"tickets": der(0x76, der(0x30, der(0xa0, derInt(5)), der(0xa1, derInt(22)), der(0xa2, repeated(der(0x61, nil), 32<<10)), der(0xa3, nil))),
		"authorization data": func() []byte {
			_, b := authDataIn(repeated(pair(1, ""), 5000))
			return b
		}(),
	} {
		for _, m := range []message{new(krb5.KRBCred), new(krb5.Authenticator)} {
			if n := testing.AllocsPerRun(20, func() { _ = m.Parse(many) }); n > 2 {
				t.Errorf("%T, too many %s: the refusal allocates %v times", m, name, n)
			}
		}
	}
}

// TestLists_Readers yields the elements in order, as views.
func TestLists_Readers(t *testing.T) {
	list := der(0x30, pair(1, "one"), pair(-128, ""), pair(1<<31-1, "three"))
	data, err := krb5.ReadAuthorizationData(list)
	if err != nil {
		t.Fatal(err)
	}
	addresses, err := krb5.ReadAddresses(list)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []krb5.AuthDataEntry{{Type: 1, Data: []byte("one")}, {Type: -128, Data: []byte{}}, {Type: 1<<31 - 1, Data: []byte("three")}} {
		e, ok := data.Next()
		a, there := addresses.Next()
		if !ok || e.Type != want.Type || !bytes.Equal(e.Data, want.Data) || cap(e.Data) != len(e.Data) {
			t.Errorf("authorization data: %v %v, want %v", e, ok, want)
		}
		if !there || a.Type != want.Type || !bytes.Equal(a.Address, want.Data) || cap(a.Address) != len(a.Address) {
			t.Errorf("addresses: %v %v, want %v", a, there, want)
		}
	}
	for range 2 {
		if _, ok := data.Next(); ok {
			t.Error("the iteration did not end after the last authorization data")
		}
		if _, ok := addresses.Next(); ok {
			t.Error("the iteration did not end after the last address")
		}
	}
}
