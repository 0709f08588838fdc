package pac_test

import (
	"bytes"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
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

// mintedTicket returns a ticket of alice with a PAC, and the Ticket for Verify.
func mintedTicket(t testing.TB, p *krbtest.PAC) (*krbtest.Ticket, pac.Ticket) {
	t.Helper()
	ticket := krbtest.NewRealm("EXAMPLE.COM").Ticket("alice", "HTTP/www.example.com")
	ticket.PAC = p
	return ticket, fitting(t, ticket)
}

// fitting returns the Ticket for Verify.
func fitting(t testing.TB, ticket *krbtest.Ticket) pac.Ticket {
	t.Helper()
	key, err := keytab.NewKey(keytab.EType(ticket.Key.KeyType), ticket.Key.KeyValue)
	if err != nil {
		t.Fatal(err)
	}
	client, err := keytab.NewPrincipal(ticket.Part.CRealm, ticket.Part.CName.NameString...)
	if err != nil {
		t.Fatal(err)
	}
	return pac.Ticket{Key: key, Client: client, AuthTime: ticket.Part.AuthTime}
}

// edited returns a function for PAC.Edit that replaces the buffers of a type.
func edited(bufferType uint32, data func([]byte) []byte) func([]krbtest.PACBuffer) []krbtest.PACBuffer {
	return func(all []krbtest.PACBuffer) []krbtest.PACBuffer {
		for i := range all {
			if all[i].Type == bufferType {
				all[i].Data = data(all[i].Data)
			}
		}
		return all
	}
}

// TestPAC_4_RODC checks that the number of a read-only domain controller behind a signature
// counts as zero for the server signature ([MS-PAC], Section 2.8), with every encryption type.
func TestPAC_4_RODC(t *testing.T) {
	realm := krbtest.NewRealm("EXAMPLE.COM")
	realm.ETypes = append(slices.Clone(krbtest.Preference), keytab.RC4_HMAC)
	for _, e := range realm.ETypes {
		ticket := realm.Ticket("alice", "HTTP/www.example.com")
		ticket.SealWith(realm.Key("HTTP/www.example.com", e, 0))
		for _, rodc := range []uint16{0, 1, 0xfffe} {
			ticket.PAC = &krbtest.PAC{RODC: rodc}
			raw := ticket.PACBytes()
			if _, err := pac.Verify(raw, fitting(t, ticket)); err != nil {
				t.Errorf("%v, number %d: %v", e, rodc, err)
			}
			start, end := bufferOf(raw, krbtest.PACServerSignature)
			raw[(start+4+end)/2] ^= 1
			if _, err := pac.Verify(raw, fitting(t, ticket)); status.ReasonOf(err) != status.ReasonPACBad {
				t.Errorf("%v, number %d, another signature: %v", e, rodc, err)
			}
		}
	}
	// The signature must not cover the number, and nothing else may follow a signature.
	for _, behind := range []string{"\x01\x02", "\x00", "\x00\x00\x00", "\x00\x00\x00\x00"} {
		for _, bufferType := range []uint32{krbtest.PACServerSignature, krbtest.PACKDCSignature} {
			ticket, fits := mintedTicket(t, &krbtest.PAC{Edit: edited(bufferType, func(b []byte) []byte { return append(b, behind...) })})
			if _, err := pac.Verify(ticket.PACBytes(), fits); status.ReasonOf(err) != status.ReasonPACBad {
				t.Errorf("%q behind the signature of type %d: %v", behind, bufferType, err)
			}
		}
	}
}

// TestPAC_9_OtherSignatures checks that the signatures that only the KDC can verify may be
// absent or wrong, and that a PAC then has the same facts.
func TestPAC_9_OtherSignatures(t *testing.T) {
	facts := func(change func([]krbtest.PACBuffer) []krbtest.PACBuffer) (*pac.LogonInfo, []int) {
		sid := pac.MustParseSID("S-1-5-21-1-2-3-1105")
		ticket, fits := mintedTicket(t, &krbtest.PAC{
			Logon: &pac.LogonInfo{AccountName: "alice", LogonDomain: "CORP", UserSID: sid, DomainSID: sid.Domain()},
			Edit:  change,
		})
		p, err := pac.Verify(ticket.PACBytes(), fits)
		if err != nil {
			t.Fatal(err)
		}
		l, err := p.LogonInfo()
		if err != nil {
			t.Fatal(err)
		}
		return l, p.Buffers()
	}
	wantLogon, wantBuffers := facts(nil)
	for _, bufferType := range []uint32{krbtest.PACTicketSignature, krbtest.PACFullSignature} {
		// An empty buffer gets no signature.
		for _, wrong := range []string{"", "\x10\x00\x00\x00", "\x00\x00\x00\x00garbage"} {
			l, buffers := facts(edited(bufferType, func([]byte) []byte { return []byte(wrong) }))
			if !reflect.DeepEqual(l, wantLogon) || !slices.Equal(buffers, wantBuffers) {
				t.Errorf("type %d is %q: %+v, buffers %v", bufferType, wrong, l, buffers)
			}
		}
		l, buffers := facts(func(all []krbtest.PACBuffer) []krbtest.PACBuffer {
			return slices.DeleteFunc(all, func(b krbtest.PACBuffer) bool { return b.Type == bufferType })
		})
		if !reflect.DeepEqual(l, wantLogon) || slices.Contains(buffers, int(bufferType)) || len(buffers) != len(wantBuffers)-1 {
			t.Errorf("without type %d: %+v, buffers %v", bufferType, l, buffers)
		}
	}
	ticket, fits := mintedTicket(t, new(krbtest.PAC))
	raw := ticket.PACBytes()
	start, end := bufferOf(raw, krbtest.PACKDCSignature)
	clear(raw[start+4 : end])
	if _, err := pac.Verify(raw, fits); err != nil {
		t.Errorf("the KDC's signature is zero: %v", err)
	}
}
