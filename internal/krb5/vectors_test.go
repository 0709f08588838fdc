package krb5_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/vectors"
)

// published are MIT's encodings that a message of this package reads, and inside
// what: some are only parts of messages.
var published = map[string]func(b []byte) (m message, whole []byte){
	"authenticator":                   as(func() message { return new(krb5.Authenticator) }),
	"authenticator(optionals empty)":  as(func() message { return new(krb5.Authenticator) }),
	"authenticator(optionals NULL)":   as(func() message { return new(krb5.Authenticator) }),
	"ticket":                          as(func() message { return new(krb5.Ticket) }),
	"enc_tkt_part":                    as(func() message { return new(krb5.EncTicketPart) }),
	"enc_tkt_part(optionals NULL)":    as(func() message { return new(krb5.EncTicketPart) }),
	"ap_req":                          as(func() message { return new(krb5.APReq) }),
	"ap_rep":                          as(func() message { return new(krb5.APRep) }),
	"ap_rep_enc_part":                 as(func() message { return new(krb5.EncAPRepPart) }),
	"ap_rep_enc_part(optionals NULL)": as(func() message { return new(krb5.EncAPRepPart) }),
	"cred":                            as(func() message { return new(krb5.KRBCred) }),
	"enc_cred_part":                   as(func() message { return new(krb5.EncKRBCredPart) }),
	"enc_cred_part(optionals NULL)":   as(func() message { return new(krb5.EncKRBCredPart) }),
	"error":                           as(func() message { return new(krb5.KRBError) }),
	"error(optionals NULL)":           as(func() message { return new(krb5.KRBError) }),
	"as_req(optionals NULL except second_ticket)":       as(func() message { return new(krb5.KDCReq) }),
	"tgs_req(optionals NULL except second_ticket)":      as(func() message { return new(krb5.KDCReq) }),
	"kdc_req_body(optionals NULL except second_ticket)": bodyIn,
	"enc_data":               sealedIn,
	"enc_data(MSB-set kvno)": sealedIn,
	"enc_data(kvno=-1)":      sealedIn,
	"authorization_data":     authDataIn,
	"keyblock":               keyIn,
}

// outOfScope are the vectors of messages that an acceptor never meets.
var outOfScope = map[string]string{
	"ad_kdcissued": "AD-KDCIssued is not looked into",
}

func as(make func() message) func([]byte) (message, []byte) {
	return func(b []byte) (message, []byte) { return make(), b }
}

// An EncryptedData, an AuthorizationData and an EncryptionKey have no Parse of
// their own: they are read as part of the message that brings them.

func sealedIn(b []byte) (message, []byte) {
	return new(krb5.APRep), der(0x6f, der(0x30, der(0xa0, derInt(5)), der(0xa1, derInt(15)), der(0xa2, b)))
}

func bodyIn(b []byte) (message, []byte) {
	return new(krb5.KDCReq), der(0x6a, der(0x30, der(0xa1, derInt(5)), der(0xa2, derInt(10)), der(0xa4, b)))
}

func authDataIn(b []byte) (message, []byte) {
	return new(krb5.Authenticator), der(0x62, der(0x30,
		der(0xa0, derInt(5)), der(0xa1, derString("R")), der(0xa2, principalName(1, "c")),
		der(0xa4, derInt(0)), der(0xa5, der(24, []byte("19940610060317Z"))), der(0xa8, b)))
}

func keyIn(b []byte) (message, []byte) {
	return new(krb5.EncAPRepPart), der(0x7b, der(0x30,
		der(0xa0, der(24, []byte("19940610060317Z"))), der(0xa1, derInt(0)), der(0xa2, b)))
}

// TestVectors_RoundTrip reads every published encoding of our messages and writes
// it again, byte for byte. "kvno=-1" is in the list for that: kvno is written in
// the form that MIT gives it. "MSB-set kvno" is an MIT encoding of the positive
// number 0xff000000 as a negative one.
func TestVectors_RoundTrip(t *testing.T) {
	rows := vectors.Load(t).ASN1
	if got := len(published) + len(outOfScope); len(rows) != got || len(published) != 23 {
		t.Errorf("the file has %d rows; %d are read here, %d are out of scope", len(rows), len(published), len(outOfScope))
	}
	for name, wrap := range published {
		row, ok := rows["encode_krb5_"+name]
		if !ok {
			t.Errorf("there is no vector %s", name)
			continue
		}
		m, b := wrap(vectors.Hex(t, row))
		if err := m.Parse(slices.Clip(b)); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := m.Append(nil); !bytes.Equal(got, b) {
			t.Errorf("%s is written as\n%x, want\n%x", name, got, b)
		}
	}
	for name := range outOfScope {
		if _, ok := rows["encode_krb5_"+name]; !ok {
			t.Errorf("there is no vector %s", name)
		}
	}
}

// TestSamples_RoundTrip does the same with what an AD domain and gokrb5 made, and
// holds Append to its promises: behind what is there, with no memory where there
// is room.
func TestSamples_RoundTrip(t *testing.T) {
	for _, k := range kinds(t) {
		for _, sample := range k.samples {
			m := k.new()
			if err := m.Parse(sample); err != nil {
				t.Fatalf("%s: %v", k.name, err)
			}
			if got := m.Append([]byte("before")); string(got) != "before"+string(sample) {
				t.Errorf("%s is written as\n%x, want\n%x", k.name, got[6:], sample)
			}
			room := make([]byte, 0, len(sample)+16)
			if n := testing.AllocsPerRun(10, func() { m.Append(room) }); n != 0 {
				t.Errorf("%s: Append allocates %v times", k.name, n)
			}
			if p, ok := m.(*krb5.EncAPRepPart); ok && p.Len() != len(sample) {
				t.Errorf("%s: Len is %d, want %d", k.name, p.Len(), len(sample))
			}
		}
	}
}
