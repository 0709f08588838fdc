package message_test

import (
	"testing"

	"github.com/gosspi/kerberos/internal/message"
)

// TestMICLen_UnknownType: a type that does not exist has no signatures, and so no length.
func TestMICLen_UnknownType(t *testing.T) {
	if got := message.MICLen(99); got != 0 {
		t.Errorf("%d", got)
	}
}
