package krb5_test

import (
	"errors"
	"testing"

	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/internal/vectors"
	"github.com/gosspi/kerberos/status"
)

type message interface {
	Parse([]byte) error
	Append([]byte) []byte
}

// kind is a sort of message, with samples that come from elsewhere: MIT's encoder
// tests, an AD domain, gokrb5's encoder.
type kind struct {
	name    string
	new     func() message
	samples [][]byte
}

// kinds are all messages that have a Parse.
func kinds(t testing.TB) []kind {
	t.Helper()
	f := vectors.Load(t)
	mit := func(names ...string) (out [][]byte) {
		for _, name := range names {
			row, ok := f.ASN1["encode_krb5_"+name]
			if !ok {
				t.Fatalf("there is no vector %s", name)
			}
			out = append(out, vectors.Hex(t, row))
		}
		return out
	}
	ad, made := alice(t), requested(t)
	return []kind{
		{"AP-REQ", func() message { return new(krb5.APReq) }, append(mit("ap_req"), ad.apReq, made.Bytes())},
		{"Ticket", func() message { return new(krb5.Ticket) }, append(mit("ticket"), made.Ticket.Bytes())},
		{"EncTicketPart", func() message { return new(krb5.EncTicketPart) }, append(mit("enc_tkt_part", "enc_tkt_part(optionals NULL)"), ad.encTicketPart, made.Ticket.PartBytes())},
		{"Authenticator", func() message { return new(krb5.Authenticator) }, append(mit("authenticator", "authenticator(optionals empty)", "authenticator(optionals NULL)"), ad.authenticator, made.AuthenticatorBytes())},
		{"AP-REP", func() message { return new(krb5.APRep) }, mit("ap_rep")},
		{"EncAPRepPart", func() message { return new(krb5.EncAPRepPart) }, mit("ap_rep_enc_part", "ap_rep_enc_part(optionals NULL)")},
		{"KRB-ERROR", func() message { return new(krb5.KRBError) }, mit("error", "error(optionals NULL)")},
		{"KRB-CRED", func() message { return new(krb5.KRBCred) }, append(mit("cred"), made.Forward().Bytes())},
		{"EncKrbCredPart", func() message { return new(krb5.EncKRBCredPart) }, mit("enc_cred_part", "enc_cred_part(optionals NULL)")},
		{"AS-REQ", func() message { return new(krb5.KDCReq) }, append(mit("as_req(optionals NULL except second_ticket)"), asReq())},
		{"TGS-REQ", func() message { return new(krb5.KDCReq) }, append(mit("tgs_req(optionals NULL except second_ticket)"), tgsReq(made.Bytes()))},
		{"KERB-TGT-REQUEST", func() message { return new(krb5.TGTRequest) }, [][]byte{tgtRequest(), tgtRequestBare()}},
		{"KERB-TGT-REPLY", func() message { return new(krb5.TGTReply) }, [][]byte{tgtReply(mit("ticket")[0])}},
	}
}

func requested(t testing.TB) *krbtest.APReq {
	t.Helper()
	r := krbtest.NewRealm("EXAMPLE.COM")
	r.Service("HTTP/www.example.com")
	return r.Ticket("alice", "HTTP/www.example.com").APReq()
}

// The messages of draft-swift-win2k-krb-user2user-03, Section 2, for which there
// are no published ones.

func tgtRequest() []byte {
	return der(0x30,
		der(0xa0, derInt(5)), der(0xa1, derInt(16)),
		der(0xa2, principalName(2, "HTTP", "www.example.com")),
		der(0xa3, derString("EXAMPLE.COM")))
}

func tgtRequestBare() []byte { return der(0x30, der(0xa0, derInt(5)), der(0xa1, derInt(16))) }

func tgtReply(ticket []byte) []byte {
	return der(0x30, der(0xa0, derInt(5)), der(0xa1, derInt(17)), der(0xa2, ticket))
}

// asReq is an AS-REQ with every field that clients send.
func asReq() []byte {
	sealed := der(0x30, der(0xa0, derInt(18)), der(0xa2, der(4, []byte("sealed timestamp"))))
	body := der(0x30,
		der(0xa0, der(3, []byte{0, 0x50, 0x81, 0, 0x10})),
		der(0xa1, principalName(1, "alice")), der(0xa2, derString("EXAMPLE.COM")), der(0xa3, principalName(2, "krbtgt", "EXAMPLE.COM")),
		der(0xa4, der(24, []byte("20310517083015Z"))), der(0xa5, der(24, []byte("20310518083015Z"))), der(0xa6, der(24, []byte("20310524083015Z"))),
		der(0xa7, derInt(0x7fabcdef)), der(0xa8, der(0x30, derInt(18), derInt(17), derInt(-133))),
		der(0xa9, der(0x30, pair(2, "\x7f\x00\x00\x01"))))
	return der(0x6a, der(0x30, der(0xa1, derInt(5)), der(0xa2, derInt(10)),
		der(0xa3, der(0x30, paData(2, sealed), paData(149, nil))), der(0xa4, body)))
}

// tgsReq is a TGS-REQ with an AP-REQ, encrypted authorization data and an additional ticket.
func tgsReq(apReq []byte) []byte {
	sealed := der(0x30, der(0xa0, derInt(18)), der(0xa1, derInt(1)), der(0xa2, der(4, []byte("sealed data"))))
	ticket := der(0x61, der(0x30, der(0xa0, derInt(5)), der(0xa1, derString("R")), der(0xa2, principalName(2, "krbtgt", "R")), der(0xa3, sealed)))
	body := der(0x30,
		der(0xa0, der(3, []byte{0, 0x40, 0x81, 0, 0x08})),
		der(0xa2, derString("EXAMPLE.COM")), der(0xa3, principalName(3, "HTTP", "www.example.com")),
		der(0xa5, der(24, []byte("20310518083015Z"))), der(0xa7, derInt(1)), der(0xa8, der(0x30, derInt(18))),
		der(0xaa, sealed), der(0xab, der(0x30, ticket)))
	return der(0x6c, der(0x30, der(0xa1, derInt(5)), der(0xa2, derInt(12)), der(0xa3, der(0x30, paData(1, apReq))), der(0xa4, body)))
}

func paData(paType int64, value []byte) []byte {
	return der(0x30, der(0xa1, derInt(paType)), der(0xa2, der(4, value)))
}

func principalName(nameType int64, components ...string) []byte {
	var list [][]byte
	for _, c := range components {
		list = append(list, derString(c))
	}
	return der(0x30, der(0xa0, derInt(nameType)), der(0xa1, der(0x30, list...)))
}

// wantReason fails unless err is a *status.Error of that Reason.
func wantReason(t testing.TB, what string, err error, want status.Reason) {
	t.Helper()
	var e *status.Error
	if !errors.As(err, &e) || e.Reason != want {
		t.Errorf("%s: %v, want the Reason %v", what, err, want)
	}
}

// refused fails unless m refuses b as malformed.
func refused(t testing.TB, what string, m message, b []byte) {
	t.Helper()
	wantReason(t, what, m.Parse(b), status.ReasonMalformedToken)
}
