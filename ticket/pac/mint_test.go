package pac_test

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/ticket/pac"
)

// TestMint_Samba encodes the facts of the captured PACs with the encoder of the tests, and
// compares each buffer with the bytes of Samba's encoder.
func TestMint_Samba(t *testing.T) {
	equal := make(map[uint32]int)
	for _, name := range slices.Sorted(maps.Keys(ad422(t))) {
		if _, refused := refusedByVerify[name]; refused || !ad422(t)[name].PAC {
			continue
		}
		content, fits := captured(t, name)
		p, err := pac.Verify(content.PAC, fits)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range encoded(t, p, content.AuthTime, slices.Collect(content.Client.Components())) {
			start, end := bufferOf(content.PAC, b.Type)
			want := content.PAC[start:end]
			switch {
			case undecodable[name] == b.Type:
			case b.Type == krbtest.PACUPNDNSInfo && alignedSID(name):
			case (b.Type == krbtest.PACClientClaims || b.Type == krbtest.PACDeviceClaims) && compressed(want):
			case bytes.Equal(b.Data, want):
				equal[b.Type]++
			default:
				t.Errorf("%s, type %d:\n%x, want\n%x", name, b.Type, b.Data, want)
			}
		}
	}
	want := map[uint32]int{
		krbtest.PACLogonInfo: 61, krbtest.PACClientInfo: 62, krbtest.PACUPNDNSInfo: 49,
		krbtest.PACClientClaims: 51, krbtest.PACDeviceInfo: 2, krbtest.PACDelegationInfo: 4,
	}
	if !maps.Equal(equal, want) {
		t.Errorf("equal buffers by type: %v, want %v", equal, want)
	}
}

// alignedSID reports whether another program than Samba's KDC made the PAC, which aligns the
// SID in UPN_DNS_INFO.
func alignedSID(name string) bool {
	return strings.HasPrefix(name, "edited-") || name == "extrasids-odd"
}

// undecodable lists the cases with a buffer that does not decode.
var undecodable = map[string]uint32{"edited-claimsgarbage": krbtest.PACClientClaims, "edited-claims-badsize": krbtest.PACClientClaims}

// compressed reports whether the claims in a buffer of Samba are compressed.
func compressed(claims []byte) bool {
	const format = 16 + 4 + 4 + 4 // headers, pointer, size, pointer
	return len(claims) > format && claims[format] == 4
}

// encoded returns the buffers that krbtest makes of the facts of p.
func encoded(t *testing.T, p *pac.PAC, authTime time.Time, name []string) []krbtest.PACBuffer {
	t.Helper()
	minted := new(krbtest.PAC)
	minted.Logon, _ = p.LogonInfo()
	minted.UPN, _ = p.UPNDNSInfo()
	minted.ClientClaims, _ = p.ClientClaims()
	minted.DeviceClaims, _ = p.DeviceClaims()
	minted.Device, _ = p.DeviceInfo()
	minted.Delegation, _ = p.DelegationInfo()
	var out []krbtest.PACBuffer
	minted.Edit = func(all []krbtest.PACBuffer) []krbtest.PACBuffer {
		for _, b := range all {
			switch b.Type {
			case krbtest.PACServerSignature, krbtest.PACKDCSignature, krbtest.PACTicketSignature, krbtest.PACFullSignature:
			default:
				out = append(out, b)
			}
		}
		return all
	}
	ticket := krbtest.NewRealm("EXAMPLE.COM").Ticket("alice", "HTTP/www.example.com")
	ticket.Part.AuthTime, ticket.Part.CName.NameString, ticket.PAC = authTime, name, minted
	ticket.PartBytes()
	return out
}
