package sspideleg

import (
	"testing"

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// TestKnown checks that gokrb5 has all encryption types that a Key can have, and does not
// have those of RFC 6803, which a Key may have in the future.
func TestKnown(t *testing.T) {
	for e, want := range map[keytab.EType]status.Reason{
		17: status.ReasonNone, 18: status.ReasonNone, 19: status.ReasonNone, 20: status.ReasonNone, 23: status.ReasonNone,
		25: status.ReasonETypeRefused, 26: status.ReasonETypeRefused, 0: status.ReasonETypeRefused, -1: status.ReasonETypeRefused,
	} {
		if err := known(e); status.ReasonOf(err) != want {
			t.Errorf("%v: %v, want %v", e, err, want)
		}
	}
}
