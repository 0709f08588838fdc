package main

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/gosspi/kerberos/sspi/sspitest"
)

// TestStartup_Malformed checks that the server closes a connection that begins with
// something other than a startup packet. It sends an error first if the packet has a
// possible length.
func TestStartup_Malformed(t *testing.T) {
	w := start(t, allowEncryption)
	// code returns a packet. The length 0 stands for the correct length.
	code := func(n, code uint32, body string) []byte {
		if n == 0 {
			n = 8 + uint32(len(body))
		}
		return append(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, n), code), body...)
	}
	const v3 = pgproto3.ProtocolVersion30
	for name, b := range map[string][]byte{
		"HTTP":     []byte("GET / HTTP/1.1\r\n\r\n"),
		"short":    code(7, codeSSL, ""),
		"1 MiB":    code(1<<20, pgproto3.ProtocolVersion30, ""),
		"4 GiB":    code(1<<32-1, pgproto3.ProtocolVersion30, ""),
		"negative": code(1<<31, codeGSSEnc, ""),
	} {
		p := w.dial()
		p.write(b)
		p.closed()
		if t.Failed() {
			t.Fatal(name)
		}
	}
	for name, row := range map[string]struct {
		packet     []byte
		code, text string
	}{
		"version 2":       {code(0, 2<<16, "\x00"), "0A000", "unsupported frontend protocol 2.0"},
		"rubbish version": {code(0, 1234<<16|5555, "\x00"), "0A000", "1234.5555"},
		"no value":        {code(0, v3, "user\x00"), "08P01", "malformed"},
		"no end":          {code(0, v3, "user\x00alice\x00"), "08P01", "malformed"},
		"nothing":         {code(0, v3, ""), "08P01", "malformed"},
		"empty":           {code(0, v3, "\x00"), "08P01", "malformed"},
		"no user":         {code(0, v3, "database\x00db\x00\x00"), "28000", "no PostgreSQL user name"},
		"user is empty":   {code(0, v3, "user\x00\x00\x00"), "28000", "no PostgreSQL user name"},
		"replication":     {code(0, v3, "user\x00alice\x00replication\x00true\x00\x00"), "0A000", "replication"},
	} {
		p := w.dial()
		p.write(row.packet)
		p.refused(row.code, row.text)
		if t.Failed() {
			t.Fatal(name)
		}
	}
	w.login("alice")
}

func TestStartup_Order(t *testing.T) {
	w := start(t, allowEncryption)
	p := w.dial()
	p.ask(&pgproto3.SSLRequest{}, 'N')
	p.send(&pgproto3.SSLRequest{})
	p.refused("08P01", "SSLRequest")

	p = w.dial()
	p.encrypt(w.initiate("alice", sspitest.Options{}))
	p.send(&pgproto3.SSLRequest{})
	p.refused("08P01", "SSLRequest")

	p = w.dial()
	p.encrypt(w.initiate("alice", sspitest.Options{}))
	p.send(&pgproto3.GSSEncRequest{})
	p.refused("08P01", "GSSENCRequest")

	p = w.dial()
	p.startup("alice")
	expect[*pgproto3.AuthenticationGSS](p)
	p.send(&pgproto3.Query{String: "select current_user"})
	p.refused("08P01", "GSSAPI response")
	w.log.await(t, `msg="kerberos: refused"`, "error.type=aborted", "user.name=alice")

	p = w.dial()
	p.send(&pgproto3.CancelRequest{ProcessID: 1, SecretKey: []byte{0, 0, 0, 2}})
	p.closed()
}

// TestStartup_InjectedBeforeEncryption checks that the server does not use unencrypted
// messages after a GSSENCRequest, which an attacker in the network could have inserted.
func TestStartup_InjectedBeforeEncryption(t *testing.T) {
	w := start(t, allowEncryption)
	p := w.dial()
	p.Send(&pgproto3.GSSEncRequest{})
	p.Send(&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{"user": "alice"}})
	p.send(&pgproto3.Query{String: "select current_user"})
	p.text("GEGSSAPI authentication failed\x00") // the server reads the StartupMessage as a token
}

// TestStartup_Negotiate checks that the server sends its version of the protocol to a
// client of a newer version.
func TestStartup_Negotiate(t *testing.T) {
	w := start(t, allowEncryption)
	p := w.dial()
	p.send(&pgproto3.StartupMessage{
		ProtocolVersion: pgproto3.ProtocolVersion32,
		Parameters:      map[string]string{"user": "alice", "_pq_.new": "x"},
	})
	n := expect[*pgproto3.NegotiateProtocolVersion](p)
	if n.NewestMinorProtocol != pgproto3.ProtocolVersion30 || strings.Join(n.UnrecognizedOptions, " ") != "_pq_.new" {
		t.Errorf("%+v", n)
	}
	p.gss(w.initiate("alice", sspitest.Options{}))
	p.in()
}

// FuzzReadStartup checks that readStartup reads the whole packet, also from a reader that
// returns single bytes, and no byte after it.
func FuzzReadStartup(f *testing.F) {
	startup, err := (&pgproto3.StartupMessage{
		ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{"user": "alice"},
	}).Encode(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(startup)
	f.Add([]byte{0, 0, 0, 8, 4, 0xd2, 0x16, 0x30, 'x'})
	f.Add([]byte{0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f})
	f.Add([]byte{0, 0, 0, 16, 4, 0xd2, 0x16, 0x2e, 0, 0, 0, 1, 0, 0, 0, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		msg, err := readStartup(r)
		if read := len(b) - r.Len(); read > 4 && read > int(binary.BigEndian.Uint32(b)) {
			t.Errorf("%d bytes are read of a packet of %d", read, binary.BigEndian.Uint32(b))
		}
		slow, slowErr := readStartup(iotest.OneByteReader(bytes.NewReader(b)))
		if (err == nil) != (slowErr == nil) || !reflect.DeepEqual(msg, slow) {
			t.Errorf("at once %+v, %v; byte by byte %+v, %v", msg, err, slow, slowErr)
		}
	})
}
