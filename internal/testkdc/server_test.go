package testkdc_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/internal/testkdc"
	"github.com/gosspi/kerberos/ticket/pac"
)

// TestListen_LoopbackOnly checks that the KDC refuses every other address, also names that
// resolve to a loopback address, since DNS may change them.
func TestListen_LoopbackOnly(t *testing.T) {
	w := newWorld(t, testkdc.Config{})
	for _, a := range []string{
		"0.0.0.0:0", "[::]:0", ":0", ":88", "", "localhost:0", "192.0.2.1:0", "10.0.0.1:88", "[fe80::1]:0", "[::ffff:192.0.2.1]:0", "127.0.0.1", "128.0.0.1:0",
		"[::ffff:0.0.0.0]:0", "[::ffff:10.0.0.1]:0", "[::127.0.0.1]:0", "[fe80::1%lo]:0", "[::%lo]:0", "localhost.:0", "127.1:0", "0x7f.0.0.1:0", "2130706433:0",
		"127.0.0.1:0,0.0.0.0:0", " 127.0.0.1:0", "127.0.0.1:99999", "127.0.0.1:kerberos", "/tmp/socket",
	} {
		s, err := testkdc.Listen(w.kdc, a)
		if !errors.Is(err, testkdc.ErrNotLoopback) {
			t.Errorf("%q: %v", a, err)
		}
		if s != nil {
			s.Close()
		}
	}
}

// TestListen_Loopback checks that the KDC listens on the loopback address that it is given, also
// in the form of IPv4-mapped IPv6, and on no other.
func TestListen_Loopback(t *testing.T) {
	w := newWorld(t, testkdc.Config{})
	for _, a := range []string{"127.0.0.1:0", "127.0.0.2:0", "[::1]:0", "[::ffff:127.0.0.1]:0"} {
		s, err := testkdc.Listen(w.kdc, a)
		if err != nil {
			if errors.Is(err, testkdc.ErrNotLoopback) {
				t.Errorf("%s: %v", a, err)
			}
			t.Logf("%s: %v", a, err) // a machine without IPv6, or macOS, which has no 127.0.0.2
			continue
		}
		if got, want := s.Addr().Addr().Unmap(), netip.MustParseAddrPort(a).Addr().Unmap(); got != want || !got.IsLoopback() {
			t.Errorf("%s: listens on %v", a, got)
		}
		if _, err := testkdc.Listen(w.kdc, s.Addr().String()); err == nil || errors.Is(err, testkdc.ErrNotLoopback) {
			t.Errorf("%s: a second KDC on the same port: %v", a, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestListen_BusyUDP checks that the KDC gives up a port that another program uses for UDP.
func TestListen_BusyUDP(t *testing.T) {
	w := newWorld(t, testkdc.Config{})
	busy, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	if s, err := testkdc.Listen(w.kdc, busy.LocalAddr().String()); err == nil {
		s.Close()
		t.Error("the KDC has no UDP port and no error")
	}
}

func serve(t *testing.T, w *world) *testkdc.Server {
	t.Helper()
	s, err := testkdc.Listen(w.kdc, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("the second Close: %v", err)
		}
	})
	return s
}

func dial(t *testing.T, s *testkdc.Server, network string) net.Conn {
	t.Helper()
	c, err := net.Dial(network, s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return c
}

func overUDP(t *testing.T, s *testkdc.Server, request []byte) []byte {
	t.Helper()
	c := dial(t, s, "udp")
	if _, err := c.Write(request); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1<<16)
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n]
}

func overTCP(t *testing.T, s *testkdc.Server, length uint32, request []byte) []byte {
	t.Helper()
	c := dial(t, s, "tcp")
	if _, err := c.Write(append(binary.BigEndian.AppendUint32(nil, length), request...)); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(c)
	switch {
	case err != nil:
		t.Fatal(err)
	case len(b) == 0:
		return nil
	case len(b) < 4 || int(binary.BigEndian.Uint32(b)) != len(b)-4:
		t.Fatalf("the answer %x has a wrong length", b)
	}
	return b[4:]
}

// TestServer_Ports asks over TCP and UDP. The answer that is too long for UDP is fetched over
// TCP with the same bytes, which is no replay.
func TestServer_Ports(t *testing.T) {
	w := newWorld(t, testkdc.Config{})
	groups := make([]pac.Group, 400)
	for i := range groups {
		groups[i] = pac.Group{SID: pac.MustParseSID("S-1-5-21-1-2-3-" + string(rune('1'+i%9)) + "00")}
	}
	sid := pac.MustParseSID("S-1-5-21-1-2-3-1000")
	w.client("alice", testkdc.Client{Keys: w.alice, Salt: "salt", PAC: &krbtest.PAC{Logon: &pac.LogonInfo{UserSID: sid, DomainSID: sid.Domain(), PrimaryGroup: sid, Groups: groups}}})
	s := serve(t, w)
	as := w.asReq().Append(nil)
	tgs := w.sealed(t, w.tgsReq("HTTP", "www.example.com"), w.login(t, w.asReq()), tgsOptions{})
	for _, c := range []struct {
		name string
		got  []byte
		want int32
	}{
		{"AS over UDP", overUDP(t, s, as), 25},
		{"AS over TCP", overTCP(t, s, uint32(len(as)), as), 25},
		{"long answer over UDP", overUDP(t, s, tgs), 52},
		{"the same over TCP", overTCP(t, s, uint32(len(tgs)), tgs), -1},
		{"too long", overTCP(t, s, 1<<16+1, nil), 61},
		{"reserved bit", overTCP(t, s, 1<<31|5, nil), 61},
		{"garbage", overTCP(t, s, 5, []byte("hello")), 0},
	} {
		if got := code(c.got); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// TestServer_Close ends a connection that waits for its request, and frees the port.
func TestServer_Close(t *testing.T) {
	w := newWorld(t, testkdc.Config{})
	s := serve(t, w)
	as := w.asReq().Append(nil)
	for range 100 { // more than the server serves at a time
		c := dial(t, s, "tcp")
		if _, err := c.Write([]byte{0, 0}); err != nil {
			t.Fatal(err)
		}
	}
	if got := code(overUDP(t, s, as)); got != 25 {
		t.Errorf("UDP beside idle connections: %d", got)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	again, err := testkdc.Listen(w.kdc, s.Addr().String())
	if err != nil {
		t.Fatalf("the port is not free: %v", err)
	}
	again.Close()
}
