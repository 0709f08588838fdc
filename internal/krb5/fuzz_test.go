package krb5_test

import (
	"bytes"
	"reflect"
	"slices"
	"testing"

	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/status"
)

// fuzz holds a parser to three things. A refusal is one of the three Reasons that
// are documented, and leaves nothing behind. What is read is written again as the
// same, but for the documented freedom of numbers and flags, and with those in
// their one form byte for byte. And gokrb5, where it reads the message too, found
// the same in it.
func fuzz(f *testing.F, kind string, fresh func() message) {
	f.Fuzz(func(t *testing.T, b []byte) {
		b = slices.Clip(bytes.Clone(b))
		before := bytes.Clone(b)
		m := fresh()
		err := m.Parse(b)
		if req, ok := m.(*krb5.APReq); ok {
			checkOutline(t, b, req, err)
		}
		if err != nil {
			if !isVerdict(err) {
				t.Fatalf("%v", err)
			}
			return
		}
		written := m.Append(nil)
		if !bytes.Equal(b, before) {
			t.Fatal("the input was changed")
		}
		if !bytes.Equal(written, b) && meaning(t, written) != meaning(t, b) {
			t.Fatalf("%x is written as %x", b, written)
		}
		again := fresh()
		if err := again.Parse(written); err != nil {
			t.Fatalf("%x, which we wrote, is refused: %v", written, err)
		}
		if twice := again.Append(nil); !bytes.Equal(twice, written) {
			t.Fatalf("%x is written again as %x", written, twice)
		}
		if want, ok := second(kind, b); ok {
			if got := rendered(m); got != want {
				t.Fatalf("read\n%s, gokrb5 reads\n%s", got, want)
			}
		}
	})
}

// FuzzAPReq also compares ParseOutline with Parse, see checkOutline.
func FuzzAPReq(f *testing.F) { fuzz(f, "AP-REQ", func() message { return new(krb5.APReq) }) }

// checkOutline checks that ParseOutline accepts every AP-REQ that Parse accepts, with the
// same result, accepts others only if Parse refuses their numbers, and leaves nothing
// behind on an error.
func checkOutline(t *testing.T, b []byte, parsed *krb5.APReq, err error) {
	t.Helper()
	want := *parsed
	want.Ticket.Raw = nil // no ticket is made of an outline
	var outline krb5.APReq
	outlineErr := outline.ParseOutline(b)
	reason := status.ReasonOf(err)
	switch {
	case err == nil && (outlineErr != nil || !reflect.DeepEqual(outline, want)):
		t.Fatalf("Parse accepts %x, ParseOutline returns %v", b, outlineErr)
	case outlineErr != nil && !reflect.DeepEqual(outline, krb5.APReq{}):
		t.Fatalf("ParseOutline refuses %x and leaves a part of it", b)
	case err != nil && outlineErr == nil && reason != status.ReasonWrongVersion && reason != status.ReasonWrongMessageType:
		t.Fatalf("ParseOutline accepts %x, which Parse refuses: %v", b, err)
	}
}

func FuzzTicket(f *testing.F) { fuzz(f, "Ticket", func() message { return new(krb5.Ticket) }) }
func FuzzEncTicketPart(f *testing.F) {
	fuzz(f, "EncTicketPart", func() message { return new(krb5.EncTicketPart) })
}

func FuzzAuthenticator(f *testing.F) {
	fuzz(f, "Authenticator", func() message { return new(krb5.Authenticator) })
}
func FuzzAPRep(f *testing.F) { fuzz(f, "AP-REP", func() message { return new(krb5.APRep) }) }
func FuzzEncAPRepPart(f *testing.F) {
	fuzz(f, "EncAPRepPart", func() message { return new(krb5.EncAPRepPart) })
}

func FuzzKRBError(f *testing.F) { fuzz(f, "KRB-ERROR", func() message { return new(krb5.KRBError) }) }
func FuzzKRBCred(f *testing.F)  { fuzz(f, "KRB-CRED", func() message { return new(krb5.KRBCred) }) }
func FuzzEncKRBCredPart(f *testing.F) {
	fuzz(f, "EncKrbCredPart", func() message { return new(krb5.EncKRBCredPart) })
}

// FuzzKDCReq reads AS-REQ and TGS-REQ. gokrb5 reads only the first as an AS-REQ.
func FuzzKDCReq(f *testing.F) { fuzz(f, "AS-REQ", func() message { return new(krb5.KDCReq) }) }

func FuzzTGTRequest(f *testing.F) {
	fuzz(f, "KERB-TGT-REQUEST", func() message { return new(krb5.TGTRequest) })
}

func FuzzTGTReply(f *testing.F) {
	fuzz(f, "KERB-TGT-REPLY", func() message { return new(krb5.TGTReply) })
}

// FuzzAuthorizationData puts the elements together again.
func FuzzAuthorizationData(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		b = slices.Clip(bytes.Clone(b))
		r, err := krb5.ReadAuthorizationData(b)
		if err != nil {
			wantReason(t, "refusal", err, status.ReasonMalformedToken)
			return
		}
		var elements [][]byte
		for e, ok := r.Next(); ok; e, ok = r.Next() {
			elements = append(elements, pair(int64(e.Type), string(e.Data)))
		}
		if got := der(0x30, elements...); !bytes.Equal(got, b) {
			t.Fatalf("the elements of %x are %x", b, got)
		}
	})
}

// FuzzCutFrame puts the frame together again.
func FuzzCutFrame(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		b = slices.Clip(bytes.Clone(b))
		frame, err := krb5.CutFrame(b)
		if err != nil {
			wantReason(t, "refusal", err, status.ReasonMalformedToken)
			return
		}
		if !krb5.ValidOID(frame.Mechanism) {
			t.Fatalf("the mechanism %x is not valid", frame.Mechanism)
		}
		// Only the tokens of Kerberos have an id.
		id := []byte{byte(frame.TokID >> 8), byte(frame.TokID)}
		with := der(0x60, der(6, frame.Mechanism), id, frame.Inner)
		without := der(0x60, der(6, frame.Mechanism), frame.Inner)
		if !bytes.Equal(with, b) && (frame.TokID != 0 || !bytes.Equal(without, b)) {
			t.Fatalf("%x is put together as %x or %x", b, with, without)
		}
	})
}
