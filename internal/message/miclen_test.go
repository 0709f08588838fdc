package message_test

import (
	"testing"

	"github.com/gosspi/kerberos/internal/message"
)

// TestMICLen_UnknownType checks that an unknown type has no MICs, and so no length of them.
func TestMICLen_UnknownType(t *testing.T) {
	if got := message.MICLen(99); got != 0 {
		t.Errorf("%d", got)
	}
}
