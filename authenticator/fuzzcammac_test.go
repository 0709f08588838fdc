package authenticator_test

import (
	"encoding/asn1"
	"slices"
	"testing"

	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/internal/krbtest"
)

// FuzzTicketCAMMAC checks that the indicators of a client are exactly those of elements that the
// service's key signed, and that a client has no indicators if the fuzzer chose the whole CAMMAC.
// The corpus has no CAMMAC that the service's key signed.
func FuzzTicketCAMMAC(f *testing.F) {
	f.Add(true, []byte{0x30, 0})
	f.Fuzz(func(t *testing.T, signs bool, data []byte) {
		data = fuzzed(data)
		d := newDesk(t)
		q := d.request(func(q *krbtest.APReq) {
			entry := types.AuthorizationDataEntry{ADType: krbtest.ADCAMMAC, ADData: data}
			if signs { // data is the content of an indicator
				c := q.Ticket.CAMMAC()
				c.Elements = types.AuthorizationData{{ADType: krbtest.ADIndicator, ADData: data}}
				entry = c.Entry()
			}
			q.Ticket.Part.AuthorizationData = types.AuthorizationData{krbtest.IfRelevant(entry)}
		})
		v, ok := d.attempt(q.Bytes())
		if !ok {
			t.Fatal("a CAMMAC inside AD-IF-RELEVANT refuses the client")
		}
		d.isAlice(v)
		got, err := v.Indicators(), v.IndicatorsError()
		switch {
		case err != nil && got != nil, !signs && err == nil:
			t.Fatalf("the indicators %q, %v", got, err)
		case err == nil:
			var list []asn1.RawValue
			if rest, err := asn1.Unmarshal(data, &list); err != nil || len(rest) > 0 {
				t.Fatalf("the indicators %q of %x: %v", got, data, err)
			}
			want := make([]string, 0, len(list))
			for _, s := range list {
				want = append(want, string(s.Bytes))
			}
			if !slices.Equal(got, want) {
				t.Fatalf("the indicators %q, want %q", got, want)
			}
		}
	})
}
