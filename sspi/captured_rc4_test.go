package sspi_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/crypto/rfc4757"
	"github.com/jcmturner/gokrb5/v8/messages"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/vectors"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// capturedRC4 returns a context with these policies, and the captured AP-REP. If the
// session key is RC4, the acceptor's randomness is taken from the captured AP-REP: a
// confounder and a sequence number, and no subkey.
func capturedRC4(t *testing.T, c vectors.ADCase, etypes, tickets []keytab.EType) (*sspi.Context, []byte) {
	t.Helper()
	keys, err := keytab.Parse(vectors.ADKeytab(t))
	if err != nil {
		t.Fatal(err)
	}
	apRep := c.ServerSide.Tokens("SEND-TOKEN")[0].Data
	cfg := sspi.Config{
		Keys: keys, ETypes: etypes, TicketETypes: tickets, Time: func() time.Time { return c.Time },
		Replay: authenticator.NewMemoryCache(0, authenticator.AcceptOlder),
	}
	if key := ticketSessionKey(t, c); key.KeyType == 23 {
		cfg.Rand = bytes.NewReader(rc4Randomness(t, key.KeyValue, apRep))
	} else {
		cfg.Rand = bytes.NewReader(acceptorRandomness(t, c, apRep))
	}
	acceptor, err := sspi.NewAcceptor(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return acceptor.NewContext(sspi.ContextConfig{}), apRep
}

func rc4Randomness(t *testing.T, key, token []byte) []byte {
	t.Helper()
	var rep messages.APRep
	if err := rep.Unmarshal(token[bytes.IndexByte(token[:64], 0x6f):]); err != nil {
		t.Fatal(err)
	}
	et, err := crypto.GetEtype(23)
	if err != nil {
		t.Fatal(err)
	}
	usage := rfc4757.HMAC(key, rfc4757.UsageToMSMsgType(12))
	plain, err := rfc4757.DecryptData(rfc4757.HMAC(usage, rep.EncPart.Cipher[:16]), rep.EncPart.Cipher[16:], et)
	if err != nil {
		t.Fatal(err)
	}
	var part messages.EncAPRepPart
	if err := part.Unmarshal(plain[8:]); err != nil {
		t.Fatal(err)
	}
	return binary.BigEndian.AppendUint32(plain[:8:8], uint32(part.SequenceNumber))
}

// TestCaptured_RC4Context checks an exchange whose ticket, session key and context are RC4.
// The AP-REP is equal to that of the other acceptor, byte for byte, and contains the
// client's subkey.
func TestCaptured_RC4Context(t *testing.T) {
	c := vectors.ADCaseNamed(t, "rc4-only")
	ctx, apRep := capturedRC4(t, c, []keytab.EType{keytab.RC4_HMAC}, nil)
	reply, peer, err := ctx.Accept(context.Background(), c.Token)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(reply, apRep) {
		t.Errorf("AP-REP\n got %x\nwant %x", reply, apRep)
	}
	if peer.TicketEType != 23 || peer.SessionEType != 23 || peer.ContextEType != 23 {
		t.Errorf("types %v, %v, %v", peer.TicketEType, peer.SessionEType, peer.ContextEType)
	}
	checkCapturedPeer(t, c, peer)
	openCapturedMessages(t, c, ctx)
}

// TestCaptured_RC4Ticket checks an exchange whose ticket is RC4 and whose other keys are
// AES. A policy for tickets is enough for it.
func TestCaptured_RC4Ticket(t *testing.T) {
	c := vectors.ADCaseNamed(t, "alice-def")
	for _, row := range []struct{ etypes, tickets []keytab.EType }{
		{nil, []keytab.EType{17, 18, 23}}, {[]keytab.EType{18, 23}, nil}, {[]keytab.EType{18}, []keytab.EType{23}},
	} {
		ctx, apRep := capturedRC4(t, c, row.etypes, row.tickets)
		reply, peer, err := ctx.Accept(context.Background(), c.Token)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(reply, apRep) {
			t.Errorf("AP-REP\n got %x\nwant %x", reply, apRep)
		}
		if peer.TicketEType != 23 || peer.SessionEType != 18 || peer.ContextEType != 18 {
			t.Errorf("types %v, %v, %v", peer.TicketEType, peer.SessionEType, peer.ContextEType)
		}
		checkCapturedPeer(t, c, peer)
		openCapturedMessages(t, c, ctx)
	}
}

// TestCaptured_RC4TicketOnly checks that the policy for tickets admits no RC4 session key.
func TestCaptured_RC4TicketOnly(t *testing.T) {
	c := vectors.ADCaseNamed(t, "rc4-only")
	ctx, _ := capturedRC4(t, c, nil, []keytab.EType{18, 23})
	if _, peer, err := ctx.Accept(context.Background(), c.Token); status.ReasonOf(err) != status.ReasonETypeRefused || peer != nil {
		t.Errorf("%v, %v", peer, err)
	}
}
