package authenticator_test

import (
	"bytes"
	"strconv"
	"testing"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/status"
)

// TestChannelBindings_Marshal checks that an empty field has offset 0, and that the other
// fields follow the header in the order of sspi.h.
func TestChannelBindings_Marshal(t *testing.T) {
	for _, row := range []struct {
		name string
		b    authenticator.ChannelBindings
		want string
	}{
		{"nothing", authenticator.ChannelBindings{}, string(make([]byte, 32))},
		{"a TLS channel", channel("tls-unique:"), string(make([]byte, 24)) + "\x0b\x00\x00\x00\x20\x00\x00\x00tls-unique:"},
		{"all", authenticator.ChannelBindings{
			InitiatorAddrType: 2, InitiatorAddress: []byte("IIII"), AcceptorAddrType: 24, AcceptorAddress: []byte("AA"), ApplicationData: []byte("D"),
		}, "\x02\x00\x00\x00\x04\x00\x00\x00\x20\x00\x00\x00" + "\x18\x00\x00\x00\x02\x00\x00\x00\x24\x00\x00\x00" + "\x01\x00\x00\x00\x26\x00\x00\x00" + "IIIIAAD"},
	} {
		if got, err := row.b.MarshalBinary(); err != nil || !bytes.Equal(got, []byte(row.want)) {
			t.Errorf("%s: %q, %v", row.name, got, err)
		}
	}
}

// TestChannelBindings_TooLong checks that MarshalBinary refuses fields whose length or
// offset needs more than 32 bits. The three fields share one piece of memory, which
// MarshalBinary must not read.
func TestChannelBindings_TooLong(t *testing.T) {
	if strconv.IntSize == 32 {
		t.Skip("this processor cannot address such a length")
	}
	part := make([]byte, 800<<20)
	b := authenticator.ChannelBindings{InitiatorAddress: part, AcceptorAddress: part, ApplicationData: part}
	if got, err := b.MarshalBinary(); got != nil || status.ReasonOf(err) != status.ReasonArgument {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}
