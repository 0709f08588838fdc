package sspi_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"testing"
	"time"

	gokrb5crypto "github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/crypto/etype"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/vectors"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// The exchanges of this file were captured between other implementations, with their keys.
// Each test takes the acceptor's randomness from the captured AP-REP. This library's AP-REP
// must then be equal to MIT's, byte for byte, and the context must open the captured
// messages.

// captured is the part of an exchange that a test needs.
type captured struct {
	acceptor *sspi.Acceptor
	apRep    []byte
}

func newCaptured(t *testing.T, c vectors.ADCase) captured {
	t.Helper()
	keys, err := keytab.Parse(vectors.ADKeytab(t))
	if err != nil {
		t.Fatal(err)
	}
	cfg := sspi.Config{
		Keys: keys,
		Time: func() time.Time { return c.Time },
		// The captured clock does not run, and its time is before the creation of the
		// cache.
		Replay: authenticator.NewMemoryCache(0, authenticator.AcceptOlder),
	}
	out := captured{}
	if replies := c.ServerSide.Tokens("SEND-TOKEN"); len(replies) > 0 {
		out.apRep = replies[0].Data
		cfg.Rand = bytes.NewReader(acceptorRandomness(t, c, out.apRep))
	}
	if out.acceptor, err = sspi.NewAcceptor(cfg); err != nil {
		t.Fatal(err)
	}
	return out
}

// acceptorRandomness returns the confounder, the subkey and the sequence number of an
// AP-REP, which gokrb5 decrypts.
func acceptorRandomness(t *testing.T, c vectors.ADCase, token []byte) []byte {
	t.Helper()
	key := ticketSessionKey(t, c)
	var rep messages.APRep
	if i := bytes.IndexByte(token[:min(64, len(token))], 0x6f); i < 0 {
		t.Fatal("no AP-REP in the captured token")
	} else if err := rep.Unmarshal(token[i:]); err != nil {
		t.Fatal(err)
	}
	e, err := gokrb5crypto.GetEtype(key.KeyType)
	if err != nil {
		t.Fatal(err)
	}
	var usage [5]byte
	binary.BigEndian.PutUint32(usage[:], 12)
	usage[4] = 0xAA
	ke, err := e.DeriveKey(key.KeyValue, usage[:])
	if err != nil {
		t.Fatal(err)
	}
	plain := decryptCTS(t, e, ke, rep.EncPart.Cipher)
	var part messages.EncAPRepPart
	if err := part.Unmarshal(plain[16:]); err != nil {
		t.Fatal(err)
	}
	random := append([]byte(nil), plain[:16]...)
	random = append(random, part.Subkey.KeyValue...)
	return binary.BigEndian.AppendUint32(random, uint32(part.SequenceNumber))
}

func decryptCTS(t *testing.T, e etype.EType, ke, cipher []byte) []byte {
	t.Helper()
	plain, err := e.DecryptData(ke, cipher[:len(cipher)-e.GetHMACBitLength()/8])
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func ticketSessionKey(t *testing.T, c vectors.ADCase) types.EncryptionKey {
	t.Helper()
	var k types.EncryptionKey
	text := bytes.Fields([]byte(c.Ticket["enc.session"]))
	if len(text) != 4 {
		t.Fatalf("enc.session: %q", c.Ticket["enc.session"])
	}
	k.KeyType = map[string]int32{"17": 17, "18": 18, "23": 23}[string(text[1])]
	k.KeyValue = vectors.Hex(t, string(text[3]))
	return k
}

func TestCaptured_RawKerberosAES(t *testing.T) {
	for _, name := range []string{
		"alice-aes256", "alice-cb", "alice-nopac", "alice-upcase-spn", "alice-deleg",
		"many-groups", "taro", "erin-enterprise", "s4u2self-alice", "heimdal-alice", "heimdal-deleg",
	} {
		t.Run(name, func(t *testing.T) {
			c := vectors.ADCaseNamed(t, name)
			x := newCaptured(t, c)
			ctx := x.acceptor.NewContext(sspi.ContextConfig{})
			reply, peer, err := ctx.Accept(context.Background(), c.Token)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(reply, x.apRep) {
				t.Errorf("AP-REP\n got %x\nwant %x", reply, x.apRep)
			}
			checkCapturedPeer(t, c, peer)
			openCapturedMessages(t, c, ctx)
		})
	}
}

func checkCapturedPeer(t *testing.T, c vectors.ADCase, peer *sspi.Peer) {
	t.Helper()
	if got := peer.Client.String(); got != c.Client {
		t.Errorf("client %q, want %q", got, c.Client)
	}
	// The flags that the other acceptor granted, without its local flags and those that
	// this acceptor did not request.
	const local = 0x100 | 0x80 | 0x800 | flags.GSS_C_DELEG_FLAG // TRANS, PROT_READY and CHANNEL_BOUND
	if want := (flags.GSS(c.ClientSide.Granted) &^ local).ASC(); peer.Flags != want {
		t.Errorf("flags %v, want %v", peer.Flags, want)
	}
}

func openCapturedMessages(t *testing.T, c vectors.ADCase, ctx *sspi.Context) {
	t.Helper()
	key, err := ctx.SessionKey()
	if err != nil {
		t.Fatal(err)
	}
	if want := c.ClientSide.SessionKey; want != nil && !bytes.Equal(key, want) {
		t.Fatalf("context key %x, want %x", key, want)
	}
	n := 0
	for _, l := range c.ClientSide.Lines {
		switch l.Kind {
		case "SEND-WRAP":
			message, conf, err := ctx.Unwrap(nil, l.Data)
			if err != nil {
				t.Fatalf("unwrap: %v", err)
			}
			if conf != l.Conf || string(message) != l.Plaintext && "echo:"+string(message) != l.Plaintext {
				t.Errorf("unwrapped %q conf %v, want %q conf %v", message, conf, l.Plaintext, l.Conf)
			}
			n++
		case "SEND-MIC":
			if err := ctx.VerifyMIC([]byte(l.Plaintext), l.Data); err != nil {
				t.Errorf("MIC of %q: %v", l.Plaintext, err)
			}
			n++
		}
	}
	if n < 2 {
		t.Errorf("only %d messages in the transcript", n)
	}
}

func TestCaptured_DCEStyle(t *testing.T) {
	c := vectors.ADCaseNamed(t, "alice-dce")
	x := newCaptured(t, c)
	ctx := x.acceptor.NewContext(sspi.ContextConfig{})
	reply, peer, err := ctx.Accept(context.Background(), c.Token)
	if err != sspi.ErrContinue || peer != nil || ctx.Peer() != nil {
		t.Fatalf("first leg: peer %v, %v", peer, err)
	}
	if !bytes.Equal(reply, x.apRep) {
		t.Errorf("AP-REP\n got %x\nwant %x", reply, x.apRep)
	}
	third := c.ClientSide.Tokens("SEND-TOKEN")[1].Data
	if _, peer, err = ctx.Accept(context.Background(), third); err != nil {
		t.Fatalf("third leg: %v", err)
	}
	checkCapturedPeer(t, c, peer)
}

// TestCaptured_SPNEGO checks that the reply is equal to that of the other acceptor, byte
// for byte.
func TestCaptured_SPNEGO(t *testing.T) {
	c := vectors.ADCaseNamed(t, "alice-spnego")
	x := newCaptured(t, c)
	ctx := x.acceptor.NewContext(sspi.ContextConfig{RequireSPNEGO: true})
	reply, peer, err := ctx.Accept(context.Background(), c.Token)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(reply, x.apRep) {
		t.Errorf("NegTokenResp\n got %x\nwant %x", reply, x.apRep)
	}
	checkCapturedPeer(t, c, peer)
	openCapturedMessages(t, c, ctx)
}

// TestCaptured_Refused checks the Reason for exchanges that the policy or the package
// refuses.
func TestCaptured_Refused(t *testing.T) {
	for _, row := range []struct {
		name string
		want status.Reason
	}{
		{"rc4-only", status.ReasonETypeRefused},
		{"alice-def", status.ReasonETypeRefused}, // an RC4 ticket with an AES session key
		{"alice-spnego", status.ReasonSPNEGO},    // SPNEGO, in package Kerberos
	} {
		t.Run(row.name, func(t *testing.T) {
			c := vectors.ADCaseNamed(t, row.name)
			keys, err := keytab.Parse(vectors.ADKeytab(t))
			if err != nil {
				t.Fatal(err)
			}
			acceptor, err := sspi.NewAcceptor(sspi.Config{Keys: keys, Time: func() time.Time { return c.Time }})
			if err != nil {
				t.Fatal(err)
			}
			_, peer, err := acceptor.NewContext(sspi.ContextConfig{Package: sspi.Kerberos}).Accept(context.Background(), c.Token)
			if peer != nil || status.ReasonOf(err) != row.want {
				t.Errorf("peer %v, %v, want %v", peer, err, row.want)
			}
		})
	}
}

// TestCaptured_ChannelBindings checks one token under each policy.
func TestCaptured_ChannelBindings(t *testing.T) {
	c := vectors.ADCaseNamed(t, "alice-cb")
	data := append([]byte("tls-server-end-point:"), capturedBinding(t, c)...)
	for _, row := range []struct {
		name string
		cc   sspi.ContextConfig
		want status.Reason
		got  authenticator.Binding
	}{
		{"right", sspi.ContextConfig{ChannelBindings: []sspi.ChannelBindings{{ApplicationData: data}}}, status.ReasonNone, authenticator.BindingMatched},
		{"one of two", sspi.ContextConfig{ChannelBindings: []sspi.ChannelBindings{{ApplicationData: []byte("other")}, {ApplicationData: data}}}, status.ReasonNone, authenticator.BindingMatched},
		{"wrong", sspi.ContextConfig{ChannelBindings: []sspi.ChannelBindings{{ApplicationData: []byte("other")}}}, status.ReasonBindingMismatch, 0},
		{"wrong, missing allowed", sspi.ContextConfig{ChannelBindings: []sspi.ChannelBindings{{ApplicationData: []byte("other")}}, BindingPolicy: sspi.BindingAllowMissing}, status.ReasonBindingMismatch, 0},
		{"proxied", sspi.ContextConfig{BindingPolicy: sspi.BindingProxied}, status.ReasonNone, authenticator.BindingOfProxy},
		{"unchecked", sspi.ContextConfig{}, status.ReasonNone, authenticator.BindingUnchecked},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, peer, err := newCaptured(t, c).acceptor.NewContext(row.cc).Accept(context.Background(), c.Token)
			if status.ReasonOf(err) != row.want {
				t.Fatalf("%v, want %v", err, row.want)
			}
			if err == nil && peer.Binding != row.got {
				t.Errorf("binding %v, want %v", peer.Binding, row.got)
			}
		})
	}
}

// capturedBinding returns the hash of the certificate, which the transcripts show as the 32
// bytes 00 to 1f. The captured Bnd proves it.
func capturedBinding(t *testing.T, c vectors.ADCase) []byte {
	t.Helper()
	hash := make([]byte, 32)
	for i := range hash {
		hash[i] = byte(i)
	}
	return hash
}
