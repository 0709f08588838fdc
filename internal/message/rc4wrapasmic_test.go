package message_test

import (
	"testing"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/status"
)

// TestMSG_5_WrapAsMICRC4: the front of a signed wrap token is no MIC of what the token
// covers, its confounder, message and padding. The frame is under no checksum, so that an
// attacker can put the front into one; the header and the key usage tell the two apart.
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
