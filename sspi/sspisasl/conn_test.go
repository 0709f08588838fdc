package sspisasl_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/sspi/sspisasl"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// wire is a net.Conn that reads from one place and writes to another.
type wire struct {
	net.Conn // nil: nothing else is called
	io.Reader
	io.Writer
}

func (w wire) Read(p []byte) (int, error)  { return w.Reader.Read(p) }
func (w wire) Write(p []byte) (int, error) { return w.Writer.Write(p) }

// frame is a message of the client's as it travels.
func frame(t testing.TB, client *sspitest.Initiator, message string, sealed bool) []byte {
	t.Helper()
	token, err := client.Wrap([]byte(message), sealed)
	if err != nil {
		t.Fatal(err)
	}
	return framed(token)
}

func framed(token []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(token))), token...)
}

// unframe takes what the server wrote apart, message by message.
func unframe(t testing.TB, client *sspitest.Initiator, b []byte, longest int, sealed bool) (messages []string) {
	t.Helper()
	for len(b) > 0 {
		n := int(binary.BigEndian.Uint32(b))
		if n > longest {
			t.Fatalf("a token of %d bytes", n)
		}
		message, was, err := client.Unwrap(b[4 : 4+n])
		if err != nil || was != sealed {
			t.Fatalf("sealed %v, %v", was, err)
		}
		messages = append(messages, string(message))
		b = b[4+n:]
	}
	return messages
}

// session is a login by GSSAPI with a layer; size is what the client can receive.
func (s *site) session(l sspisasl.Layer, size uint32, max int) (*sspisasl.Server, *sspitest.Initiator) {
	s.t.Helper()
	cfg := s.config()
	cfg.MaxBuffer = max
	client := s.client(sspitest.Options{})
	return login(s.t, cfg, client, uint32(l)<<24|size, ""), client
}

// TestConn_NoLayer: without a layer nothing comes between.
func TestConn_NoLayer(t *testing.T) {
	s, _ := newSite(t).session(sspisasl.NoLayer, 0, 0)
	nc := wire{}
	if got := s.Conn(nc); got != net.Conn(nc) {
		t.Errorf("%v", got)
	}
}

// TestConn_Read: messages of every length, however they are cut on their way.
func TestConn_Read(t *testing.T) {
	messages := []string{"a", "", "bc", strings.Repeat("d", 5000), "", "e", strings.Repeat("f", 60000), "g"}
	want := strings.Join(messages, "")
	for _, l := range []sspisasl.Layer{sspisasl.Integrity, sspisasl.Confidentiality} {
		for name, cut := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r }, "one byte": iotest.OneByteReader, "half": iotest.HalfReader, "data with EOF": iotest.DataErrReader,
		} {
			t.Run(fmt.Sprint(l, " ", name), func(t *testing.T) {
				s, client := newSite(t).session(l, 0xffffff, 0)
				var sent []byte
				for _, m := range messages {
					sent = append(sent, frame(t, client, m, l == sspisasl.Confidentiality)...)
				}
				conn := s.Conn(wire{Reader: cut(bytes.NewReader(sent))})
				if err := iotest.TestReader(conn, []byte(want)); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestConn_CutAnywhere: two messages that come in two pieces are the same two
// messages, and an end within one is no end.
func TestConn_CutAnywhere(t *testing.T) {
	site := newSite(t)
	_, probe := site.session(sspisasl.Confidentiality, 0xffffff, 0)
	first := len(frame(t, probe, "first", true))
	total := first + len(frame(t, probe, "second", true))
	for cut := range total + 1 {
		s, client := site.session(sspisasl.Confidentiality, 0xffffff, 0)
		sent := append(frame(t, client, "first", true), frame(t, client, "second", true)...)
		conn := s.Conn(wire{Reader: io.MultiReader(bytes.NewReader(sent[:cut]), bytes.NewReader(sent[cut:]))})
		if got, err := io.ReadAll(conn); string(got) != "firstsecond" || err != nil {
			t.Fatalf("cut at %d: %q, %v", cut, got, err)
		}
		s, client = site.session(sspisasl.Confidentiality, 0xffffff, 0)
		sent = append(frame(t, client, "first", true), frame(t, client, "second", true)...)
		want, end := "", error(io.ErrUnexpectedEOF)
		if cut >= first {
			want = "first"
		}
		if cut == 0 || cut == first || cut == total {
			end = nil // io.EOF, which ReadAll expects
		}
		if cut == total {
			want = "firstsecond"
		}
		conn = s.Conn(wire{Reader: bytes.NewReader(sent[:cut])})
		got, err := io.ReadAll(conn)
		if string(got) != want || err != end {
			t.Fatalf("ended at %d: %q, %v, want %q, %v", cut, got, err, want, end)
		}
	}
}

// TestConn_ReadRefused: a message that is not right ends reading, and what came
// before it is there.
func TestConn_ReadRefused(t *testing.T) {
	const malformed, altered = status.ReasonMalformedToken, status.ReasonMessageAltered
	for _, c := range []struct {
		name   string
		layer  sspisasl.Layer
		bad    func(t *testing.T, client *sspitest.Initiator, good []byte) []byte
		reason status.Reason
	}{
		{"no length", sspisasl.Integrity, func(*testing.T, *sspitest.Initiator, []byte) []byte { return make([]byte, 4) }, malformed},
		{"too long", sspisasl.Integrity, func(*testing.T, *sspitest.Initiator, []byte) []byte { return []byte{0, 0, 0x10, 0x01} }, malformed},
		{"much too long", sspisasl.Integrity, func(*testing.T, *sspitest.Initiator, []byte) []byte { return []byte{0xff, 0xff, 0xff, 0xff} }, malformed},
		{"not wrapped", sspisasl.Integrity, func(*testing.T, *sspitest.Initiator, []byte) []byte { return framed([]byte("hello")) }, malformed},
		{"altered", sspisasl.Integrity, func(t *testing.T, client *sspitest.Initiator, _ []byte) []byte {
			b := frame(t, client, "bad", false)
			b[4+16] ^= 1
			return b
		}, altered},
		{"another signature", sspisasl.Integrity, func(t *testing.T, client *sspitest.Initiator, _ []byte) []byte {
			b := frame(t, client, "bad", false)
			b[len(b)-1] ^= 1
			return b
		}, altered},
		{"altered and sealed", sspisasl.Confidentiality, func(t *testing.T, client *sspitest.Initiator, _ []byte) []byte {
			b := frame(t, client, "bad", true)
			b[len(b)-1] ^= 1
			return b
		}, altered},
		{"not sealed", sspisasl.Confidentiality, func(t *testing.T, client *sspitest.Initiator, _ []byte) []byte {
			return frame(t, client, "bad", false)
		}, altered},
		{"twice", sspisasl.Confidentiality, func(_ *testing.T, _ *sspitest.Initiator, good []byte) []byte { return good }, status.ReasonMessageOutOfSequence},
		{"one missing", sspisasl.Confidentiality, func(t *testing.T, client *sspitest.Initiator, _ []byte) []byte {
			frame(t, client, "missing", true)
			return frame(t, client, "bad", true)
		}, status.ReasonMessageOutOfSequence},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, client := newSite(t).session(c.layer, 0xffffff, 4096)
			good := frame(t, client, "good", c.layer == sspisasl.Confidentiality)
			sent := append(bytes.Clone(good), c.bad(t, client, good)...)
			sent = append(sent, frame(t, client, "more", c.layer == sspisasl.Confidentiality)...)
			conn := s.Conn(wire{Reader: bytes.NewReader(sent)})
			got, err := io.ReadAll(conn)
			if string(got) != "good" || status.ReasonOf(err) != c.reason {
				t.Errorf("%q, %v", got, err)
			}
			if n, again := conn.Read(make([]byte, 10)); n != 0 || again != err {
				t.Errorf("again: %d, %v", n, again)
			}
		})
	}
}

// TestConn_ReadNothing does not wait for anything.
func TestConn_ReadNothing(t *testing.T) {
	s, _ := newSite(t).session(sspisasl.Integrity, 0xffffff, 0)
	conn := s.Conn(wire{Reader: iotest.ErrReader(io.ErrClosedPipe)})
	if n, err := conn.Read(nil); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

// TestConn_SealedWhereSigned: a message may be sealed on a layer that signs.
func TestConn_SealedWhereSigned(t *testing.T) {
	s, client := newSite(t).session(sspisasl.Integrity, 0xffffff, 0)
	conn := s.Conn(wire{Reader: bytes.NewReader(frame(t, client, "hello", true))})
	if got, err := io.ReadAll(conn); string(got) != "hello" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// TestConn_Write: messages are as long as the client can receive them, and no
// longer than our own limit.
func TestConn_Write(t *testing.T) {
	text := strings.Repeat("0123456789", 1000)
	for _, c := range []struct {
		layer   sspisasl.Layer
		size    uint32
		max     int
		longest int
		count   int
	}{
		{sspisasl.Integrity, 0xffffff, 0, 65536, 1},
		{sspisasl.Confidentiality, 0xffffff, 0, 65536, 1},
		{sspisasl.Confidentiality, 1000, 0, 1000, 11},
		{sspisasl.Confidentiality, 0xffffff, 2000, 2000, 6},
		{sspisasl.Integrity, 10028, 0, 10028, 1},
		{sspisasl.Integrity, 10027, 0, 10027, 2},
		{sspisasl.Confidentiality, 61, 0, 61, 10000},
	} {
		s, client := newSite(t).session(c.layer, c.size, c.max)
		var sent bytes.Buffer
		conn := s.Conn(wire{Writer: &sent})
		if n, err := conn.Write(nil); n != 0 || err != nil || sent.Len() > 0 {
			t.Errorf("nothing: %d, %v, %d", n, err, sent.Len())
		}
		if n, err := conn.Write([]byte(text)); n != len(text) || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
		got := unframe(t, client, sent.Bytes(), c.longest, c.layer == sspisasl.Confidentiality)
		if strings.Join(got, "") != text || len(got) != c.count {
			t.Errorf("%v, %d, %d: %d messages", c.layer, c.size, c.max, len(got))
		}
	}
}

// TestConn_SPNEGO: GSS-SPNEGO's layer is the same, up to MaxBuffer.
func TestConn_SPNEGO(t *testing.T) {
	site := newSite(t)
	cfg := site.config()
	cfg.MaxBuffer, cfg.SuccessData = 2000, true
	s := newServer(t, cfg, sspisasl.GSSSPNEGO)
	client := site.client(sspitest.Options{SPNEGO: true, Flags: plain | flags.GSS_C_INTEG_FLAG})
	challenge, _ := next(t, s, say(t, client, nil))
	say(t, client, challenge)
	var sent bytes.Buffer
	conn := s.Conn(wire{Reader: bytes.NewReader(frame(t, client, "hello", false)), Writer: &sent})
	if got, err := io.ReadAll(conn); string(got) != "hello" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := conn.Write(make([]byte, 3000)); err != nil {
		t.Error(err)
	}
	if got := unframe(t, client, sent.Bytes(), 2000, false); len(got) != 2 {
		t.Errorf("%d messages", len(got))
	}
}

// TestConn_Writers: what one Write is given stays together.
func TestConn_Writers(t *testing.T) {
	s, client := newSite(t).session(sspisasl.Confidentiality, 100, 0)
	var sent bytes.Buffer
	conn := s.Conn(wire{Writer: &sent})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 20 {
				if _, err := conn.Write(bytes.Repeat([]byte{'a' + byte(i)}, 200)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	got := strings.Join(unframe(t, client, sent.Bytes(), 100, true), "")
	if len(got) != 8*20*200 {
		t.Fatalf("%d bytes", len(got))
	}
	for i := 0; i < len(got); i += 200 {
		if got[i:i+200] != strings.Repeat(got[i:i+1], 200) {
			t.Fatalf("mixed at %d", i)
		}
	}
}

// TestConn_ReadDeadline: a read that a deadline ended goes on where it was.
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

// halting gives one byte, then a deadline, and so on.
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

// TestConn_WriteDeadline: deadlines are the connection's. A write that one ended
// leaves a part of a message behind, and so ends writing, and not reading.
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

// TestConn_WriteFails: whole messages count as written, and nothing follows a part
// of one.
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

// failing takes so many bytes.
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

// TestConn_NoProgress: a connection that returns nothing for ever is not waited
// for.
func TestConn_NoProgress(t *testing.T) {
	s, _ := newSite(t).session(sspisasl.Integrity, 0xffffff, 0)
	conn := s.Conn(wire{Reader: iotest.ErrReader(nil)})
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err != io.ErrNoProgress {
		t.Errorf("%d, %v", n, err)
	}
}

// TestConn_Misuse: before the end, a second time, and after Close.
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
	next(t, unfinished, choice(t, client, 0x02_ffffff, "")) // and there was no Conn yet

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

// TestConn_Bounded: a length alone costs no more than MaxBuffer.
func TestConn_Bounded(t *testing.T) {
	s, _ := newSite(t).session(sspisasl.Integrity, 0xffffff, 4096)
	r := &asking{first: []byte{0, 0, 0x10, 0}}
	if _, err := s.Conn(wire{Reader: r}).Read(make([]byte, 1)); err != io.ErrUnexpectedEOF || r.most > 2*4100 {
		t.Errorf("%v, asked for %d bytes", err, r.most)
	}
}

// asking remembers how much it was asked for.
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
