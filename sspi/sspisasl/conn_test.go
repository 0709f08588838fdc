package sspisasl_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/sspi/sspisasl"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// wire is a net.Conn that reads from one place and writes to another.
type wire struct {
	net.Conn // nil, so that calls of other methods panic
	io.Reader
	io.Writer
}

func (w wire) Read(p []byte) (int, error)  { return w.Reader.Read(p) }
func (w wire) Write(p []byte) (int, error) { return w.Writer.Write(p) }

// frame returns a message of the client with its length, as the client sends it.
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

// unframe splits the bytes that the server wrote into messages.
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

// session returns a Server after a GSSAPI login with a layer. size is the greatest message
// that the client can receive.
func (s *site) session(l sspisasl.Layer, size uint32, max int) (*sspisasl.Server, *sspitest.Initiator) {
	s.t.Helper()
	cfg := s.config()
	cfg.MaxBuffer = max
	client := s.client(sspitest.Options{})
	return login(s.t, cfg, client, uint32(l)<<24|size, ""), client
}

// TestConn_NoLayer checks that Conn returns the connection itself if there is no layer.
func TestConn_NoLayer(t *testing.T) {
	s, _ := newSite(t).session(sspisasl.NoLayer, 0, 0)
	nc := wire{}
	if got := s.Conn(nc); got != net.Conn(nc) {
		t.Errorf("%v", got)
	}
}

// TestConn_Read checks messages of every length, in fragments of every size.
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

// TestConn_CutAnywhere splits two messages at every position, and checks that the end of
// the connection within a message is an error.
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
			end = nil // ReadAll returns no error at io.EOF
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

// TestConn_ReadRefused checks that an invalid message ends reading, after Read has returned
// the messages before it.
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
		{"twice", sspisasl.Confidentiality, func(_ *testing.T, _ *sspitest.Initiator, good []byte) []byte { return good }, status.ReasonMessageDuplicate},
		{"one missing", sspisasl.Confidentiality, func(t *testing.T, client *sspitest.Initiator, _ []byte) []byte {
			frame(t, client, "missing", true)
			return frame(t, client, "bad", true)
		}, status.ReasonMessageGap},
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

// TestConn_ReadNothing checks that Read with an empty slice does not wait.
func TestConn_ReadNothing(t *testing.T) {
	s, _ := newSite(t).session(sspisasl.Integrity, 0xffffff, 0)
	conn := s.Conn(wire{Reader: iotest.ErrReader(io.ErrClosedPipe)})
	if n, err := conn.Read(nil); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

// TestConn_SealedWhereSigned checks that a client may seal a message on the layer
// integrity.
func TestConn_SealedWhereSigned(t *testing.T) {
	s, client := newSite(t).session(sspisasl.Integrity, 0xffffff, 0)
	conn := s.Conn(wire{Reader: bytes.NewReader(frame(t, client, "hello", true))})
	if got, err := io.ReadAll(conn); string(got) != "hello" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// TestConn_Write checks that Write fills messages up to the client's limit and the server's
// limit.
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
		{sspisasl.Confidentiality, 512, 0, 512, 23},
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

// TestConn_SPNEGO checks the same layers with GSS-SPNEGO, where the limit is MaxBuffer.
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

// TestConn_Writers checks that the bytes of one Write stay together.
func TestConn_Writers(t *testing.T) {
	s, client := newSite(t).session(sspisasl.Confidentiality, 512, 0)
	var sent bytes.Buffer
	conn := s.Conn(wire{Writer: &sent})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 20 {
				if _, err := conn.Write(bytes.Repeat([]byte{'a' + byte(i)}, 1000)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	got := strings.Join(unframe(t, client, sent.Bytes(), 512, true), "")
	if len(got) != 8*20*1000 {
		t.Fatalf("%d bytes", len(got))
	}
	for i := 0; i < len(got); i += 1000 {
		if got[i:i+1000] != strings.Repeat(got[i:i+1], 1000) {
			t.Fatalf("mixed at %d", i)
		}
	}
}

// TestSASL_2_AnnouncedLength checks that the server allocates little memory for a client
// that announces a message of the greatest length and sends few bytes.
func TestSASL_2_AnnouncedLength(t *testing.T) {
	const longest = 1<<24 - 1
	for _, sent := range []int{0, 1, 4096, 10000, 100_000} {
		s, _ := newSite(t).session(sspisasl.Integrity, longest, longest)
		head := []byte{0x00, 0xff, 0xff, 0xff}
		conn := s.Conn(wire{Reader: bytes.NewReader(append(head, make([]byte, sent)...))})
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := conn.Read(make([]byte, 1)); err != io.ErrUnexpectedEOF {
			t.Errorf("%d bytes: %v", sent, err)
		}
		runtime.ReadMemStats(&after)
		// The buffers of doubling lengths, and the same amount for other values.
		if made := after.TotalAlloc - before.TotalAlloc; made > uint64(4*(sent+4096))+1<<16 {
			t.Errorf("%d bytes were sent, and %d allocated", sent, made)
		}
	}
}
