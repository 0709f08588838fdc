package krb5_test

import (
	"bytes"
	stdasn1 "encoding/asn1"
	"fmt"
	"slices"
	"testing"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/test/testdata"

	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/internal/vectors"
)

// read is a parser that has no writer, with the facts that gokrb5 or another decoder reads too.
type read struct {
	parse  func([]byte) (facts string, err error)
	theirs func([]byte) string // "" if the other decoder does not read the input
}

// check checks that a refusal has a documented Reason and leaves nothing behind, that the parser
// does not change its input, and that the other decoder reads the same facts.
func (r read) check(t *testing.T, b []byte) {
	t.Helper()
	b = slices.Clip(bytes.Clone(b))
	before := bytes.Clone(b)
	facts, err := r.parse(b)
	if !bytes.Equal(b, before) {
		t.Fatal("the input was changed")
	}
	if err != nil {
		if !isVerdict(err) || facts != "" {
			t.Fatalf("%v, and the facts %s", err, facts)
		}
		return
	}
	if theirs := safely(r.theirs, b); theirs != "" && theirs != facts {
		t.Fatalf("read\n%s, the other decoder reads\n%s", facts, theirs)
	}
}

// safely returns "" if f panics, as gokrb5 does at some messages.
func safely(f func([]byte) string, b []byte) (s string) {
	defer func() {
		if recover() != nil {
			s = ""
		}
	}()
	return f(bytes.Clone(b))
}

var tgsRep = read{
	parse: func(b []byte) (string, error) {
		var m krb5.TGSRep
		err := m.Parse(b)
		if err != nil {
			return left(m, krb5.TGSRep{}), err
		}
		return fmt.Sprintf("%q %q %s %s", m.ClientRealm, ourName(m.Client), ourTicket(&m.Ticket), ourSealed(m.EncPart)), nil
	},
	theirs: func(b []byte) string {
		var m messages.TGSRep
		if m.Unmarshal(b) != nil {
			return ""
		}
		return fmt.Sprintf("%q %q %s %s", m.CRealm, theirName(m.CName), theirTicket(m.Ticket), theirSealed(m.EncPart))
	},
}

var encTGSRepPart = read{
	parse: func(b []byte) (string, error) {
		var m krb5.EncTGSRepPart
		err := m.Parse(b)
		if err != nil {
			return left(m, krb5.EncTGSRepPart{}), err
		}
		return fmt.Sprintf("%s %d %v %v %v %v %v %q %s", ourKey(m.Key), m.Nonce, uint32(m.Flags), ourTime(m.AuthTime.Unix),
			ourTime(m.StartTime.Unix), ourTime(m.EndTime.Unix), ourTime(m.RenewTill.Unix), m.Realm, ourName(m.Service)), nil
	},
	theirs: func(b []byte) string {
		var m messages.EncKDCRepPart
		if m.Unmarshal(b) != nil {
			return ""
		}
		return fmt.Sprintf("%s %d %v %v %v %v %v %q %s", theirKey(m.Key), uint32(m.Nonce), theirFlags(m.Flags), theirTime(m.AuthTime),
			theirTime(m.StartTime), theirTime(m.EndTime), theirTime(m.RenewTill), m.SRealm, theirName(m.SName))
	},
}

var cammac = read{
	parse: func(b []byte) (string, error) {
		var m krb5.CAMMAC
		err := m.Parse(b)
		if err != nil {
			return left(m, krb5.CAMMAC{}), err
		}
		return fmt.Sprintf("%s %d %d %x", ourAuthData(m.Elements), m.Service.EType, m.Service.MAC.Type, m.Service.MAC.Sum), nil
	},
	theirs: func(b []byte) string {
		var m krbtest.CAMMACFields
		if rest, err := asn1.Unmarshal(b, &m); err != nil || len(rest) > 0 {
			return ""
		}
		return fmt.Sprintf("%s %d %d %x", theirAuthData(m.Elements), m.Service.EType, m.Service.MAC.CksumType, m.Service.MAC.Checksum)
	},
}

var indicators = read{
	parse: func(b []byte) (string, error) {
		list, err := krb5.AppendIndicators(nil, b)
		if err != nil {
			return "", err // the strings before the malformed one are no result
		}
		return fmt.Sprintf("%q", list), nil
	},
	theirs: func(b []byte) string {
		var list []stdasn1.RawValue // gofork reads none
		if rest, err := stdasn1.Unmarshal(b, &list); err != nil || len(rest) > 0 {
			return ""
		}
		texts := make([]string, 0, len(list))
		for _, v := range list {
			texts = append(texts, string(v.Bytes))
		}
		if len(texts) == 0 {
			texts = nil
		}
		return fmt.Sprintf("%q", texts)
	},
}

// left returns what a parser left behind in a message that it refused, or "".
func left[T any](m, zero T) string {
	if got := fmt.Sprintf("%+v", m); got != fmt.Sprintf("%+v", zero) {
		return got
	}
	return ""
}

func FuzzTGSRep(f *testing.F)        { f.Fuzz(tgsRep.check) }
func FuzzEncTGSRepPart(f *testing.F) { f.Fuzz(encTGSRepPart.check) }
func FuzzCAMMAC(f *testing.F)        { f.Fuzz(cammac.check) }
func FuzzIndicators(f *testing.F)    { f.Fuzz(indicators.check) }

// TestKDCAnswers_Agree reads the samples of MIT's encoder tests, as gokrb5 reads them.
func TestKDCAnswers_Agree(t *testing.T) {
	for sample, r := range map[string]read{
		testdata.MarshaledKRB5tgs_rep: tgsRep, testdata.MarshaledKRB5tgs_repOptionalsNULL: tgsRep,
		testdata.MarshaledKRB5enc_kdc_rep_part: encTGSRepPart, testdata.MarshaledKRB5enc_kdc_rep_partOptionalsNULL: encTGSRepPart,
	} {
		b := vectors.Hex(t, sample)
		facts, err := r.parse(b)
		if theirs := safely(r.theirs, b); err != nil || facts == "" || theirs != facts {
			t.Errorf("%v, read\n%s, gokrb5 reads\n%s", err, facts, theirs)
		}
	}
}
