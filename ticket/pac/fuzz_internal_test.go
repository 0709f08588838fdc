package pac

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gosspi/kerberos/internal/vectors"
	"github.com/gosspi/kerberos/keytab"
)

// pacOf returns a PAC of testdata/ad.
func pacOf(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(vectors.Dir(t), "ad", name+".pac.hex"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// bound is the most that decoding may allocate for an input of n bytes.
func bound(n int) uint64 { return 1<<20 + 16*uint64(n) + 64<<10 }

// FuzzContainer gives the directory of buffers any bytes (F6). Every buffer that it finds
// lies in the input, and the signatures are found without a panic.
func FuzzContainer(f *testing.F) {
	f.Add(pacOf(f, "alice-aes256"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		raw = slices.Clip(bytes.Clone(raw))
		c, err := parseContainer(raw)
		if err != nil {
			return
		}
		for _, bufferType := range c.types() {
			b := c.buffer(bufferType)
			if len(b) > 0 && !bytes.Equal(raw[c.start(bufferType):][:len(b)], b) {
				t.Fatalf("buffer %d is not in the PAC", bufferType)
			}
		}
		key, err := keytab.NewKey(keytab.AES256_CTS_HMAC_SHA1_96, make([]byte, 32))
		if err != nil {
			t.Fatal(err)
		}
		if c.verify(key) == nil {
			t.Fatal("a wrong key verifies the signature")
		}
	})
}

// FuzzBuffers gives every decoder of a buffer any bytes (F7): no panic, bounded memory, and
// an error or facts, never both.
func FuzzBuffers(f *testing.F) {
	for _, name := range []string{"alice-aes256", "erin-enterprise"} {
		c, err := parseContainer(pacOf(f, name))
		if err != nil {
			f.Fatal(err)
		}
		for _, bufferType := range c.types() {
			f.Add(c.buffer(bufferType))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		b = slices.Clip(bytes.Clone(b))
		if n := allocated(func() { decodeAll(t, b) }); n > 6*bound(len(b)) {
			t.Fatalf("%d bytes allocated for %d", n, len(b))
		}
	})
}

func decodeAll(t *testing.T, b []byte) {
	t.Helper()
	l, err := decodeLogonInfo(b)
	if (l == nil) != (err != nil) {
		t.Fatal(l, err)
	}
	if l != nil {
		for _, origin := range []Origin{OtherForest, OwnForest, OwnRealm} {
			for _, domain := range []SID{{}, l.DomainSID, builtinDomain} {
				_, _ = l.Filter(origin, domain)
			}
		}
	}
	u, err := decodeUPNDNSInfo(b)
	if (u == nil) != (err != nil) {
		t.Fatal(u, err)
	}
	if claims, err := decodeClaims(b); err != nil && claims != nil {
		t.Fatal(claims, err)
	}
	if d, err := decodeDeviceInfo(b); (d == nil) != (err != nil) {
		t.Fatal(d, err)
	}
	_, _ = decodeDelegationInfo(b)
	_, _ = decodeClientInfo(b)
	_, _ = decodeAttributes(b)
	if sid, ok := decodeSID(b); ok {
		again, err := ParseSID(sid.String())
		if err != nil || again != sid {
			t.Fatalf("%v, %v, %v", sid, again, err)
		}
	}
}

// TestPAC_10_Bombs decodes inputs whose counts promise more than they hold.
func TestPAC_10_Bombs(t *testing.T) {
	c, err := parseContainer(pacOf(t, "alice-aes256"))
	if err != nil {
		t.Fatal(err)
	}
	logon := c.buffer(typeLogonInfo)
	for i := 0; i+4 <= len(logon); i += 4 {
		for _, n := range []uint32{0xffffffff, 0x7fffffff, 0x10000000, 4096, 4097} {
			b := slices.Clip(bytes.Clone(logon))
			binary.LittleEndian.PutUint32(b[i:], n)
			if got := allocated(func() { _, _ = decodeLogonInfo(b) }); got > bound(len(b)) {
				t.Errorf("%d bytes allocated with %#x at %d", got, n, i)
			}
		}
	}
}

// TestPAC_11_ManyGroups decodes 4096 groups, the limit, and refuses one more.
func TestPAC_11_ManyGroups(t *testing.T) {
	for n, ok := range map[int]bool{4096: true, 4097: false} {
		l, err := decodeLogonInfo(withGroups(t, n))
		if (err == nil) != ok || ok && len(l.Groups) != n {
			t.Errorf("%d groups: %v", n, err)
		}
	}
}

// withGroups returns a LOGON_INFO with n groups.
func withGroups(t testing.TB, n int) []byte {
	t.Helper()
	var w writer
	for range 6 {
		w.u64(1)
	}
	w.text(5)
	for range 5 {
		w.text(0)
	}
	w.u16(0)
	w.u16(0)
	w.u32(1000)
	w.u32(513)
	w.u32(uint32(n))
	w.u32(1)
	w.u32(0)
	w.b = append(w.b, make([]byte, 16)...)
	w.text(0)
	w.text(2)
	w.u32(1) // LogonDomainId
	w.b = append(w.b, make([]byte, 8)...)
	w.u32(16)
	w.u32(0)
	w.u64(0)
	w.u64(0)
	w.u32(0)
	w.u32(0)
	for range 5 {
		w.u32(0)
	}
	w.u32(5)
	w.u32(0)
	w.u32(5)
	w.b = append(w.b, "a\x00l\x00i\x00c\x00e\x00\x00\x00"...)
	w.u32(uint32(n))
	for i := range n {
		w.u32(uint32(1000 + i))
		w.u32(7)
	}
	w.u32(2)
	w.u32(0)
	w.u32(2)
	w.b = append(w.b, "A\x00D\x00"...)
	w.u32(4)
	w.b = append(w.b, 1, 4, 0, 0, 0, 0, 0, 5)
	for _, sub := range []uint32{21, 1, 2, 3} {
		w.u32(sub)
	}
	header := []byte{1, 0x10, 8, 0, 0xcc, 0xcc, 0xcc, 0xcc}
	header = binary.LittleEndian.AppendUint32(header, uint32(len(w.b)+4))
	header = append(header, 0, 0, 0, 0, 1, 0, 2, 0)
	return append(header, w.b...)
}

// writer writes the NDR of a test.
type writer struct{ b []byte }

func (w *writer) u16(v uint16) { w.b = binary.LittleEndian.AppendUint16(w.b, v) }
func (w *writer) u32(v uint32) { w.b = binary.LittleEndian.AppendUint32(w.b, v) }
func (w *writer) u64(v uint64) { w.b = binary.LittleEndian.AppendUint64(w.b, v) }

// text writes the fixed part of an RPC_UNICODE_STRING of n code units.
func (w *writer) text(n int) {
	w.u16(uint16(2 * n))
	w.u16(uint16(2 * n))
	w.u32(uint32(min(n, 1)))
}

// TestFileTime converts the limits of FILETIME.
func TestFileTime(t *testing.T) {
	for in, want := range map[uint64]time.Time{
		0:                  {},
		neverFileTime:      {},
		1<<64 - 1:          {},
		unixFileTime:       time.Unix(0, 0).UTC(),
		134405147620000000: time.Unix(1796041162, 0).UTC(),
		1:                  time.Date(1601, 1, 1, 0, 0, 0, 100, time.UTC),
	} {
		if got := fileTime(in); !got.Equal(want) {
			t.Errorf("%d: %v, want %v", in, got, want)
		}
	}
}

func parseContainer(raw []byte) (*container, error) {
	c := new(container)
	return c, c.parse(raw)
}

// decodeLogonInfo returns nil with an error, as PAC.LogonInfo does.
func decodeLogonInfo(b []byte) (*LogonInfo, error) {
	l := new(logon)
	if err := l.decode(b); err != nil {
		return nil, err
	}
	return l.expand(), nil
}

func decodeUPNDNSInfo(b []byte) (*UPNDNSInfo, error) {
	u := new(UPNDNSInfo)
	if err := u.decode(b); err != nil {
		return nil, err
	}
	return u, nil
}
