package interop

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
)

// TestInteropNegotiation_OurClient checks that MIT's acceptor accepts the SPNEGO client on
// which other tests rely: both verify each other's mechListMIC, and use the same sequence
// numbers afterwards.
func TestInteropNegotiation_OurClient(t *testing.T) {
	r := theRealm(t, pythonGSSAPI)
	kdc := krbtest.NewRealm(realmName)
	kdc.Clock, kdc.Rand = time.Now, rand.Reader
	const service = "negotiation/localhost"
	keys, err := kdc.Service(service).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "keytab")
	if err := os.WriteFile(file, keys, 0o600); err != nil {
		t.Fatal(err)
	}
	mit := address(startMITAcceptor(t, r, file))

	const (
		mutual = krbtest.DefaultFlags
		oneWay = krbtest.DefaultFlags &^ flags.GSS_C_MUTUAL_FLAG
		dce    = krbtest.DefaultFlags | flags.GSS_C_DCE_STYLE
	)
	alone := [][]byte{krbtest.OIDKerberos}
	first := [][]byte{krbtest.OIDKerberos, krbtest.OIDNTLM}
	second := [][]byte{krbtest.OIDNTLM, krbtest.OIDOther, krbtest.OIDKerberos}
	windows := [][]byte{krbtest.OIDMSKerberos, krbtest.OIDKerberos, krbtest.OIDIAKERB, krbtest.OIDNegoEx, krbtest.OIDNTLM}
	late := func(n *krbtest.Negotiation) { n.Kerberos.Request.SetTime(time.Now().Add(-time.Hour)) }
	for name, row := range map[string]struct {
		flags   flags.GSS
		offer   [][]byte
		prepare func(*krbtest.Negotiation)
		refused int32
		tokens  int // of the client
	}{
		"mutual":                       {mutual, alone, nil, 0, 1},
		"one-way":                      {oneWay, alone, nil, 0, 1},
		"DCE style":                    {dce, alone, nil, 0, 2},
		"mutual, NTLM first":           {mutual, second, nil, 0, 3},
		"one-way, NTLM first":          {oneWay, second, nil, 0, 2},
		"DCE style, NTLM first":        {dce, second, nil, 0, 3},
		"mutual, as Windows":           {mutual, windows, nil, 0, 1},
		"DCE style, as Windows":        {dce, windows, nil, 0, 2},
		"mutual, no optimistic token":  {mutual, first, func(n *krbtest.Negotiation) { n.NoToken = true }, 0, 2},
		"DCE style, a MIC of our will": {dce, first, func(n *krbtest.Negotiation) { n.SendMIC = true }, 0, 2},
		"mutual, an hour late":         {mutual, alone, late, 37, 1},
		"DCE style, an hour late":      {dce, alone, late, 37, 1},
	} {
		t.Run(name, func(t *testing.T) {
			q := kdc.Ticket("alice", service).APReq()
			q.Flags = row.flags
			n := q.Start().Negotiate()
			n.Mechanisms = row.offer
			if row.prepare != nil {
				row.prepare(n)
			}
			conn, err := net.Dial("tcp", mit)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			tokens, err := negotiate(conn, n)
			if tokens != row.tokens {
				t.Errorf("%d tokens, want %d", tokens, row.tokens)
			}
			if row.refused != 0 {
				if e, ok := errors.AsType[*krbtest.Error](err); !ok || e.ErrorCode != row.refused {
					t.Errorf("%v, want the KRB-ERROR %d", err, row.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			echo(t, conn, n.Kerberos)
		})
	}
}

// negotiate is the client's side of an exchange with acceptor.py, which sends its token, if
// it has one, and then the state of the context.
func negotiate(conn net.Conn, n *krbtest.Negotiation) (tokens int, err error) {
	token, done, err := n.Next(nil)
	for err == nil && token != nil {
		tokens++
		if err := writeOp(conn, 'T', token); err != nil {
			return tokens, err
		}
		op, body, err := readOp(conn)
		token = nil
		if err == nil && op == 'T' {
			if token, done, err = n.Next(body); err != nil {
				return tokens, err
			}
			op, body, err = readOp(conn)
		}
		switch {
		case err != nil:
			return tokens, err
		case op == 'R':
			return tokens, fmt.Errorf("the acceptor: %s", body)
		case op == 'A' && token == nil && done:
			return tokens, nil
		case op != 'C':
			return tokens, fmt.Errorf("the client is done: %v; the acceptor: %c %s", done, op, body)
		}
	}
	if err == nil {
		err = errors.New("the acceptor waits for another token")
	}
	return tokens, err
}

// echo sends a sealed message and reads the same message.
func echo(t *testing.T, conn net.Conn, i *krbtest.Initiator) {
	t.Helper()
	token, err := i.Wrap([]byte("hello"), true)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeOp(conn, 'W', token); err != nil {
		t.Fatal(err)
	}
	op, body, err := readOp(conn)
	if err != nil || op != 'W' {
		t.Fatalf("%c %s, %v", op, body, err)
	}
	if m, sealed, err := i.Unwrap(body); err != nil || !sealed || string(m) != "hello" {
		t.Errorf("%q, sealed %v, %v", m, sealed, err)
	}
}
