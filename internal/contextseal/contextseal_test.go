package contextseal

import (
	"bytes"
	"testing"

	"github.com/gosspi/kerberos/status"
)

var key = bytes.Repeat([]byte{7}, KeyLen)

func TestSeal(t *testing.T) {
	ids := map[[IDLen]byte]bool{}
	for _, n := range []int{0, 1, 100, 70000} {
		for range 3 {
			text := bytes.Repeat([]byte("t"), n)
			sealed, err := Seal(key, text)
			if err != nil {
				t.Fatal(err)
			}
			got, id, err := Open(key, sealed)
			if err != nil || !bytes.Equal(got, text) {
				t.Fatalf("%d bytes: %v, %d", n, err, len(got))
			}
			if ids[id] || id == [IDLen]byte{} {
				t.Errorf("two exports have the ID %x", id)
			}
			ids[id] = true
		}
	}
}

// TestCTX_12_Changed checks that Open refuses a changed bit, a missing byte, an additional
// byte, another key and another version.
func TestCTX_12_Changed(t *testing.T) {
	sealed, err := Seal(key, []byte("text"))
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, key, b []byte) {
		t.Helper()
		if text, id, err := Open(key, b); status.ReasonOf(err) != status.ReasonMalformedToken || text != nil || id != [IDLen]byte{} {
			t.Errorf("%s: %q, %x, %v", what, text, id, err)
		}
	}
	for bit := range 8 * len(sealed) {
		b := bytes.Clone(sealed)
		b[bit/8] ^= 1 << (bit % 8)
		refused("a bit", key, b)
	}
	for n := range sealed {
		refused("cut", key, sealed[:n])
	}
	refused("a byte more", key, append(bytes.Clone(sealed), 0))
	refused("another key", bytes.Repeat([]byte{8}, KeyLen), sealed)
}

func TestKeyLength(t *testing.T) {
	for _, n := range []int{0, 16, 31, 33} {
		if _, err := Seal(make([]byte, n), nil); status.ReasonOf(err) != status.ReasonArgument {
			t.Errorf("Seal, %d: %v", n, err)
		}
		if _, _, err := Open(make([]byte, n), nil); status.ReasonOf(err) != status.ReasonArgument {
			t.Errorf("Open, %d: %v", n, err)
		}
	}
}
