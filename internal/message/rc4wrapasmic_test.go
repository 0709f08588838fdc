package message_test

import (
	"testing"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/status"
)

// TestMSG_5_WrapAsMICRC4 checks that the front of a signed wrap token is refused as a MIC
// of the bytes that the token covers: its confounder, message and padding. No checksum
// covers the frame, so an attacker can put the front into the frame of a MIC. The header
// and the key usage distinguish the two.
func TestMSG_5_WrapAsMICRC4(t *testing.T) {
	p := newRC4Peer()
	front, covered := p.token(krbtest.RC4Signed, text+"\x01").Seal(p.params.Key)
	front, covered = front[:24:24], append(front[24:len(front):len(front)], covered...)
	if err := p.VerifyMIC(krbtest.FrameRC4(front, 0), covered); status.ReasonOf(err) != status.ReasonMessageAltered {
		t.Errorf("%v", err)
	}
	if _, _, err := p.Unwrap(nil, krbtest.FrameRC4(append(front, covered...), 0)); err != nil {
		t.Errorf("the wrap token itself: %v", err)
	}
}
