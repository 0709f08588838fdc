package sspisasl_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/iotest"
	"time"

	"github.com/gosspi/kerberos/sspi/sspisasl"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// TestConn_ReadDeadline checks that Read continues at the same position after a deadline.
func TestConn_ReadDeadline(t *testing.T) {
	s, client := newSite(t).session(sspisasl.Confidentiality, 0xffffff, 0)
	conn := s.Conn(wire{Reader: &halting{r: bytes.NewReader(frame(t, client, "hello", true))}})
	got := make([]byte, 10)
	for halts := 0; ; halts++ {
		n, err := conn.Read(got)
		if errors.Is(err, os.ErrDeadlineExceeded) && n == 0 {
			continue
		}
		if string(got[:n]) != "hello" || err != nil || halts < 60 {
			t.Fatalf("%q, %v, halts %d", got[:n], err, halts)
		}
		break
	}
}

// halting returns one byte, then a deadline error, and so on.
type halting struct {
	r    io.Reader
	halt bool
}

func (h *halting) Read(p []byte) (int, error) {
	if h.halt = !h.halt; h.halt {
		return 0, os.ErrDeadlineExceeded
	}
	return h.r.Read(p[:1])
}

// TestConn_WriteDeadline checks that the deadlines are those of the connection. A Write
// that a deadline ends leaves a part of a message behind; it ends all writing, and not
// reading.
func TestConn_WriteDeadline(t *testing.T) {
	s, client := newSite(t).session(sspisasl.Confidentiality, 1000, 0)
	ours, theirs := net.Pipe()
	defer theirs.Close()
	conn := s.Conn(ours)
	if err := conn.SetDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read: %d, %v", n, err)
	}
	if n, err := conn.Write([]byte("hello")); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("write: %d, %v", n, err)
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Write([]byte("hello")); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("write again: %d, %v", n, err)
	}
	go theirs.Write(frame(t, client, "hello", true))
	got := make([]byte, 10)
	if n, err := conn.Read(got); string(got[:n]) != "hello" || err != nil {
		t.Errorf("%q, %v", got[:n], err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if _, err := conn.Read(got); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("closed: %v", err)
	}
}

// TestConn_WriteFails checks that Write counts only whole messages, and that no write
// follows a partial one.
func TestConn_WriteFails(t *testing.T) {
	for name, end := range map[string]error{"error": io.ErrClosedPipe, "short": nil} {
		s, client := newSite(t).session(sspisasl.Confidentiality, 1060, 0)
		w := &failing{left: 1500, err: end}
		conn := s.Conn(wire{Writer: w})
		n, err := conn.Write(make([]byte, 5000))
		if n != 1000 || err == nil {
			t.Errorf("%s: %d, %v", name, n, err)
		}
		if n, again := conn.Write([]byte("x")); n != 0 || again != err || w.calls != 2 {
			t.Errorf("%s, again: %d, %v, %d calls", name, n, again, w.calls)
		}
		_ = client
	}
}

// failing accepts a number of bytes and then returns an error.
type failing struct {
	left, calls int
	err         error
}

func (f *failing) Write(p []byte) (int, error) {
	f.calls++
	n := min(len(p), f.left)
	f.left -= n
	if n < len(p) {
		return n, f.err
	}
	return n, nil
}

// TestConn_NoProgress checks that Read gives up if the connection repeatedly returns no
// bytes and no error.
func TestConn_NoProgress(t *testing.T) {
	s, _ := newSite(t).session(sspisasl.Integrity, 0xffffff, 0)
	conn := s.Conn(wire{Reader: iotest.ErrReader(nil)})
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err != io.ErrNoProgress {
		t.Errorf("%d, %v", n, err)
	}
}

// TestConn_Misuse calls Conn before the end of the exchange, a second time, and after
// Close.
func TestConn_Misuse(t *testing.T) {
	site := newSite(t)
	fails := func(what string, conn net.Conn, reason status.Reason) {
		t.Helper()
		for range 2 {
			if n, err := conn.Read(make([]byte, 1)); n != 0 || status.ReasonOf(err) != reason {
				t.Errorf("%s: read %d, %v", what, n, err)
			}
			if n, err := conn.Write(make([]byte, 1)); n != 0 || status.ReasonOf(err) != reason {
				t.Errorf("%s: write %d, %v", what, n, err)
			}
		}
	}
	var sent bytes.Buffer
	unfinished := newServer(t, site.config(), sspisasl.GSSAPI)
	fails("unfinished", unfinished.Conn(wire{Reader: &sent, Writer: &sent}), status.ReasonContextState)
	next(t, unfinished, nil)
	client := site.client(sspitest.Options{})
	offer(t, unfinished, client)
	next(t, unfinished, choice(t, client, 0x02_ffffff, "")) // the program has not called Conn

	unfinished.Conn(wire{})
	fails("second", unfinished.Conn(wire{Reader: &sent, Writer: &sent}), status.ReasonContextState)

	s, client := site.session(sspisasl.Integrity, 0xffffff, 0)
	conn := s.Conn(wire{Reader: bytes.NewReader(frame(t, client, "x", false)), Writer: &sent})
	s.Close()
	fails("closed", conn, status.ReasonInvalidHandle)
	if sent.Len() > 0 {
		t.Errorf("%d bytes were sent", sent.Len())
	}
}

// TestConn_Bounded checks that the length of a message makes Read allocate at most
// MaxBuffer.
func TestConn_Bounded(t *testing.T) {
	s, _ := newSite(t).session(sspisasl.Integrity, 0xffffff, 4096)
	r := &asking{first: []byte{0, 0, 0x10, 0}}
	if _, err := s.Conn(wire{Reader: r}).Read(make([]byte, 1)); err != io.ErrUnexpectedEOF || r.most > 2*4100 {
		t.Errorf("%v, asked for %d bytes", err, r.most)
	}
}

// asking records the length of the slices that it gets.
type asking struct {
	first []byte
	most  int
}

func (a *asking) Read(p []byte) (int, error) {
	a.most = max(a.most, len(p))
	n := copy(p, a.first)
	a.first = a.first[n:]
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}
