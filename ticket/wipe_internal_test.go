package ticket

import (
	"bytes"
	"testing"
)

// TestRelease_WipesThePlaintext wants nothing left of a ticket when an Open is
// over, up to its capacity.
func TestRelease_WipesThePlaintext(t *testing.T) {
	for _, size := range []int{64, maxKept, maxKept + 1} {
		secret := bytes.Repeat([]byte{0xaa}, size)
		s := &scratch{plain: secret[:size/2]}
		s.release()
		if !bytes.Equal(secret, make([]byte, size)) {
			t.Errorf("something is left in a buffer of %d bytes", size)
		}
	}
}
