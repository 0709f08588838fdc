package interop

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// acceptorPeer is the identity and the facts that an acceptor reports for an accepted
// client.
type acceptorPeer struct {
	Client    string                `json:"client"`
	ASC       uint32                `json:"asc"`                 // the context flags, of this library's acceptor
	Service   int                   `json:"service"`             // the encryption types
	Session   int                   `json:"session"`             //
	Context   int                   `json:"context"`             //
	Binding   authenticator.Binding `json:"binding"`             //
	Delegated string                `json:"delegated,omitempty"` // client and service of the first forwarded ticket
}

// sspiAcceptor serves the protocol of testdata/wire.py in this process with an acceptor of
// package sspi.
type sspiAcceptor struct {
	acceptor *sspi.Acceptor
	windows  bool // uses the Windows API, not the Go API
	config   sspi.ContextConfig
	etypes   []keytab.EType
}

// startOurAcceptor runs this library's acceptor with a keytab until the test ends, and
// returns the port.
func startOurAcceptor(t testing.TB, o sspiAcceptor, keytabFile string) int {
	t.Helper()
	b, err := os.ReadFile(keytabFile)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := keytab.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if o.acceptor, err = sspi.NewAcceptor(sspi.Config{Keys: keys, ETypes: o.etypes}); err != nil {
		t.Fatal(err)
	}
	return o.listen(t)
}

// listen serves o.acceptor until the test ends, and returns the port.
func (o sspiAcceptor) listen(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				if err := o.serve(conn); err != nil {
					t.Errorf("our acceptor: %v", err)
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return l.Addr().(*net.TCPAddr).Port
}

// serve serves one connection: a context and its messages. It returns an error of the
// harness.
func (o *sspiAcceptor) serve(conn net.Conn) error {
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	f := o.face()
	defer f.close()
	accepted, err := authenticate(conn, f)
	if err != nil || !accepted {
		return err
	}
	for {
		op, body, err := readOp(conn)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := answerOp(conn, f, op, body); err != nil {
			return err
		}
	}
}

func (o *sspiAcceptor) face() face {
	if o.windows {
		return newWindowsFace(o)
	}
	return &goFace{c: o.acceptor.NewContext(o.config)}
}

// authenticate exchanges context tokens.
func authenticate(conn net.Conn, f face) (accepted bool, err error) {
	for {
		op, body, err := readOp(conn)
		if err != nil || op != 'T' {
			return false, fmt.Errorf("op %q, want a token: %w", op, err)
		}
		reply, code, reason := f.accept(body)
		if len(reply) > 0 {
			if err := writeOp(conn, 'T', reply); err != nil {
				return false, err
			}
		}
		switch code {
		case status.SEC_E_OK:
			return true, writeJSON(conn, 'A', f.peer())
		case status.SEC_I_CONTINUE_NEEDED:
			err = writeJSON(conn, 'C', struct{}{})
		default:
			return false, writeJSON(conn, 'R', map[string]string{"verdict": code.String(), "reason": reason.String()})
		}
		if err != nil {
			return false, err
		}
	}
}

// answerOp answers a message with the same message under the same protection, or with the
// status of a refusal.
func answerOp(conn net.Conn, f face, op byte, body []byte) error {
	var answer []byte
	var err error
	switch op {
	case 'W':
		var message []byte
		var sealed bool
		if message, sealed, err = f.open(body); err == nil {
			answer, err = f.seal(message, sealed)
		}
	case 'M':
		parts := unpack(body)
		if err = f.verify(parts[1], parts[0]); err == nil {
			answer, err = f.sign(parts[1])
			answer = pack(answer, parts[1])
		}
	case 'V':
		answer, err = f.pieces(unpack(body))
	case 'S':
		return outOfOrder(conn, f)
	default:
		return fmt.Errorf("op %q", op)
	}
	if err != nil {
		return writeOp(conn, 'E', []byte(status.CodeOf(err).String()))
	}
	return writeOp(conn, op, answer)
}

// outOfOrder sends the first message twice, then the third, then the second.
func outOfOrder(conn net.Conn, f face) error {
	var tokens [3][]byte
	for i := range tokens {
		var err error
		if tokens[i], err = f.seal(fmt.Appendf(nil, "message %d", i), true); err != nil {
			return writeOp(conn, 'E', []byte(status.CodeOf(err).String()))
		}
	}
	for _, i := range []int{0, 0, 2, 1} {
		if err := writeOp(conn, 'W', tokens[i]); err != nil {
			return err
		}
	}
	return nil
}

func readOp(r io.Reader) (op byte, body []byte, err error) {
	f, err := readWire(r) // context tokens have the same frames
	return f.flags, f.body, err
}

func writeOp(w io.Writer, op byte, body []byte) error { return writeWire(w, wireFrame{op, body}) }

func writeJSON(w io.Writer, op byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return writeOp(w, op, b)
}

// pack puts its length before each part; unpack is the inverse.
func pack(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(p))), p...)
	}
	return b
}

func unpack(b []byte) [][]byte {
	var parts [][]byte
	for len(b) > 0 {
		n := 4 + int(binary.BigEndian.Uint32(b))
		parts = append(parts, slices.Clone(b[4:n]))
		b = b[n:]
	}
	return parts
}
