package authenticator

import (
	"net/netip"
	"testing"

	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/status"
)

// broken are lists that Open refuses. The checks of this package must refuse them too, and
// must not treat them as empty, in case Open ever omits its check.

var broken = [][]byte{{}, {0x30}, {0x30, 0x80}, {0x30, 0x02, 0x30, 0x00}, {0x31, 0x00}, {0x30, 0x00, 0x00}, []byte("junk")}

func TestAPREQ_9_BrokenList(t *testing.T) {
	peer := netip.MustParseAddr("192.0.2.7")
	for _, b := range broken {
		if err := checkAddresses(b, peer); status.ReasonOf(err) != status.ReasonMalformedToken {
			t.Errorf("%x: %v", b, err)
		}
	}
	// An empty list of addresses, which RFC 4120, Section 5.2.5 advises against, has the
	// meaning of no list.
	if err := checkAddresses([]byte{0x30, 0x00}, peer); err != nil {
		t.Errorf("an empty list: %v", err)
	}
}

// inIfRelevant returns an AuthorizationData with b as the content of an AD-IF-RELEVANT.
func inIfRelevant(b []byte) []byte {
	element := func(tag byte, content ...byte) []byte {
		return append([]byte{tag, byte(len(content))}, content...)
	}
	adType := element(0xa0, element(0x02, krb5.ADIfRelevant)...)
	adData := element(0xa1, element(0x04, b...)...)
	return element(0x30, element(0x30, append(adType, adData...)...)...)
}

func TestAD_2_BrokenList(t *testing.T) {
	for _, b := range broken {
		for _, client := range []bool{false, true} {
			var ad authData
			if err := ad.walk(b, &Params{}, client); status.ReasonOf(err) != status.ReasonMalformedToken {
				t.Errorf("%x: %v", b, err)
			}
			if err := ad.walk(inIfRelevant(b), &Params{}, client); err != nil {
				t.Errorf("%x in AD-IF-RELEVANT: %v", b, err)
			}
		}
	}
}
