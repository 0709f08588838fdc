package ticket

import (
	"bytes"
	"testing"
)

// TestRelease_WipesThePlaintext checks that release overwrites the whole capacity of the
// buffer that held the decrypted ticket.
func TestRelease_WipesThePlaintext(t *testing.T) {
	for _, size := range []int{64, maxKept, maxKept + 1} {
		secret := bytes.Repeat([]byte{0xaa}, size)
		s := &scratch{plain: secret[:size/2]}
		s.release()
		if !bytes.Equal(secret, make([]byte, size)) {
			t.Errorf("release left bytes in a buffer of %d bytes", size)
		}
	}
}
