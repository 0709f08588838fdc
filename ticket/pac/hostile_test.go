package pac_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket"
	"github.com/gosspi/kerberos/ticket/pac"
)

// hostileCases are five captured PACs of different contents: plain, with claims, with
// device information, with a delegation path and with an RC4 signature.
var hostileCases = []string{"plain-krb5", "claims-compressed", "compound-both", "rbcd-chain", "rc4-service"}

func captured(t testing.TB, name string) (*ticket.Content, pac.Ticket) {
	t.Helper()
	want := ad422(t)[name]
	c := openTicket(t, name, want.Keytab, time.Unix(want.Time, 0))
	return c, pac.Ticket{Key: c.ServiceKey, Client: c.Client, AuthTime: c.AuthTime}
}

// unsigned reports whether a bit of a PAC is not covered by the server signature: the
// signature values of the server and the KDC. A change of the server's value is refused
// anyway; the KDC's value is zero when the server signs.
func unsigned(raw []byte, offset int) bool {
	start, end := bufferOf(raw, 7)
	return offset >= start+4 && offset < end
}

// bufferOf returns where the buffer of a type begins and ends.
func bufferOf(raw []byte, bufferType uint32) (start, end int) {
	for i := 8; i < 8+16*int(le(raw)); i += 16 {
		if le(raw[i:]) == bufferType {
			start = int(le(raw[i+8:]))
			return start, start + int(le(raw[i+4:]))
		}
	}
	return 0, 0
}

func le(b []byte) uint32 {
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

// TestPAC_4_EveryBit flips every bit of five PACs. Each is refused, except for the bits of
// the KDC's signature, which only the KDC can verify.
func TestPAC_4_EveryBit(t *testing.T) {
	for _, name := range hostileCases {
		c, fits := captured(t, name)
		if _, err := pac.Verify(c.PAC, fits); err != nil {
			t.Fatal(err)
		}
		raw := bytes.Clone(c.PAC)
		for i := range raw {
			for bit := range 8 {
				raw[i] ^= 1 << bit
				_, err := pac.Verify(raw, fits)
				if refused := status.ReasonOf(err) == status.ReasonPACBad; refused == unsigned(c.PAC, i) {
					t.Errorf("%s: bit %d of byte %d: %v", name, bit, i, err)
				}
				raw[i] ^= 1 << bit
			}
		}
	}
}

// TestPAC_3_EveryTruncation cuts five PACs after each byte, and appends a byte.
func TestPAC_3_EveryTruncation(t *testing.T) {
	for _, name := range hostileCases {
		c, fits := captured(t, name)
		for n := range c.PAC {
			if _, err := pac.Verify(slices.Clip(bytes.Clone(c.PAC[:n])), fits); status.ReasonOf(err) != status.ReasonPACBad {
				t.Errorf("%s: %d bytes: %v", name, n, err)
			}
		}
		if _, err := pac.Verify(append(bytes.Clone(c.PAC), 0), fits); status.ReasonOf(err) != status.ReasonPACBad {
			t.Errorf("%s: a trailing byte: %v", name, err)
		}
	}
}

// TestPAC_5_ClientInfo refuses a PAC whose name or time is not that of the ticket.
func TestPAC_5_ClientInfo(t *testing.T) {
	c, fits := captured(t, "plain-krb5")
	other, _ := captured(t, "trust-user")
	for name, change := range map[string]func(*pac.Ticket){
		"name":                 func(f *pac.Ticket) { f.Client = other.Client },
		"authentication time":  func(f *pac.Ticket) { f.AuthTime = f.AuthTime.Add(time.Second) },
		"key":                  func(f *pac.Ticket) { f.Key = c.SessionKey },
		"no key":               func(f *pac.Ticket) { f.Key = other.SessionKey },
		"time before the year": func(f *pac.Ticket) { f.AuthTime = time.Unix(0, 0) },
	} {
		changed := fits
		change(&changed)
		if _, err := pac.Verify(c.PAC, changed); status.ReasonOf(err) != status.ReasonPACBad {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPAC_2_SignatureFirst: a PAC whose buffers do not decode is refused for its signature,
// so that nothing was decoded before.
func TestPAC_2_SignatureFirst(t *testing.T) {
	c, fits := captured(t, "plain-krb5")
	raw := bytes.Clone(c.PAC)
	for _, bufferType := range []uint32{1, 10, 12} {
		start, end := bufferOf(raw, bufferType)
		clear(raw[start:end])
	}
	if _, err := pac.Verify(raw, fits); err == nil || !strings.Contains(err.Error(), "server signature") {
		t.Errorf("%v", err)
	}
}

// TestPAC_3_Containers refuses directories that do not fit, whoever signed them.
func TestPAC_3_Containers(t *testing.T) {
	entry := func(bufferType, size uint32, offset uint64) []byte {
		b := binary.LittleEndian.AppendUint32(nil, bufferType)
		return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint32(b, size), offset)
	}
	container := func(count, version uint32, entries ...[]byte) []byte {
		b := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, count), version)
		return append(append(b, bytes.Join(entries, nil)...), make([]byte, 64)...)
	}
	_, fits := captured(t, "plain-krb5")
	for detail, raw := range map[string][]byte{
		"shorter than its header":        {1, 0, 0, 0},
		"version":                        container(0, 1),
		"more than 64 buffers":           container(65, 0),
		"shorter than its list":          container(64, 0),
		"not aligned":                    container(1, 0, entry(1, 4, 25)),
		"outside":                        container(1, 0, entry(1, 65, 24)),
		"lies outside of it":             container(1, 0, entry(1, 1, 1<<63)),
		"buffer of the PAC lies outside": container(1, 0, entry(1, 1, 16)),
		"overlap":                        container(2, 0, entry(1, 16, 40), entry(10, 8, 48)),
		"two buffers of one type":        container(2, 0, entry(1, 8, 40), entry(1, 8, 48)),
		"missing or too short":           container(1, 0, entry(1, 8, 24)),
		"unknown or unkeyed":             container(1, 0, entry(6, 20, 24)),
	} {
		if _, err := pac.Verify(raw, fits); status.ReasonOf(err) != status.ReasonPACBad || !strings.Contains(err.Error(), detail) {
			t.Errorf("%s: %v", detail, err)
		}
	}
	unknown := container(2, 0, entry(99, 8, 40), entry(99, 8, 48))
	if _, err := pac.Verify(unknown, fits); err == nil || !strings.Contains(err.Error(), "signature") {
		t.Errorf("two buffers of an unknown type: %v", err)
	}
}
