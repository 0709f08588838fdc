package sspi_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// unprotected returns the bits of a first token that no checksum covers, with the result
// for a token in which the bit is changed. ReasonNone means that the acceptor accepts the
// token, because the bit has no effect.
func unprotected(t *testing.T, token []byte) map[int]status.Reason {
	t.Helper()
	bits := make(map[int]status.Reason)
	find := func(pattern string) int {
		i := bytes.Index(token, []byte(pattern))
		if i < 0 || bytes.Count(token, []byte(pattern)) != 1 {
			t.Fatalf("the token does not contain %q exactly once", pattern)
		}
		return i
	}
	all := func(at, n int) {
		for bit := 8 * at; bit < 8*(at+n); bit++ {
			bits[bit] = status.ReasonNone
		}
	}
	// One bit turns the OID of Kerberos into the OID that Microsoft uses for Kerberos:
	// 113554 is encoded as 86 f7 12, 48018 as 82 f7 12.
	bits[8*(find("\x2a\x86\x48\x86\xf7\x12")+3)+2] = status.ReasonNone
	// The AP options begin with the number of unused bits, 0. It may be 1, 2 or 4, because
	// the last bits are 0. Of the options, USE-SESSION-KEY requests user-to-user, which is
	// not configured. MUTUAL-REQUIRED is in the checksum too. The others have no effect.
	options := find("\x03\x05\x00\x20\x00\x00\x00") + 2
	for bit := range 3 {
		bits[8*options+bit] = status.ReasonNone
	}
	all(options+1, 4)
	bits[8*(options+1)+6] = status.ReasonNoTGT
	// The service name and the key version of the ticket only determine the order in which
	// keys are tried.
	all(find("EXAMPLE.COM"), len("EXAMPLE.COM"))
	all(find("HTTP"), len("HTTP"))
	all(find("www.example.com"), len("www.example.com"))
	all(find("\x02\x01\x03\xa1\x19")+2, 1) // the name type
	all(find("\xa1\x03\x02\x01\x01\xa2")+4, 1)
	return bits
}

// TestPARSE_1_EveryBit checks that the acceptor refuses a first token with one changed bit,
// or that the bit is in the list above and has the listed result. An accepted token has the
// same client.
func TestPARSE_1_EveryBit(t *testing.T) {
	for e := keytab.EType(17); e <= 20; e++ {
		t.Run(e.String(), func(t *testing.T) {
			s := newSite(t)
			token := s.request(s.ofType(e)).Token()
			list := unprotected(t, token)
			for bit := range 8 * len(token) {
				b := bytes.Clone(token)
				b[bit/8] ^= 1 << (bit % 8)
				_, peer, err := fresh(t, s).Accept(context.Background(), b)
				want, listed := list[bit]
				switch {
				case listed && status.ReasonOf(err) != want:
					t.Errorf("byte %d, bit %d: %v, want %v", bit/8, bit%8, err, want)
				case !listed && err == nil:
					t.Errorf("byte %d, bit %d: accepted", bit/8, bit%8)
				case err == nil && (peer.Client.String() != "alice@EXAMPLE.COM" || peer.Service.Name() != service):
					t.Errorf("byte %d, bit %d: %v at %v", bit/8, bit%8, peer.Client, peer.Service)
				case err != nil && status.ReasonOf(err) == status.ReasonInternal:
					t.Errorf("byte %d, bit %d: %v", bit/8, bit%8, err)
				}
			}
		})
	}
}

// fresh returns a context of an acceptor that has seen no token.
func fresh(t *testing.T, s *site) *sspi.Context {
	t.Helper()
	return freshAcceptor(t, s).NewContext(sspi.ContextConfig{})
}

func freshAcceptor(t *testing.T, s *site) *sspi.Acceptor {
	t.Helper()
	a, err := sspi.NewAcceptor(sspi.Config{
		Keys: s.keys, Time: s.realm.Now, Replay: authenticator.NewMemoryCache(1000, authenticator.AcceptOlder), Rand: s.random,
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestPARSE_1_EveryTruncation checks that a truncated or extended token is malformed,
// framed or bare.
func TestPARSE_1_EveryTruncation(t *testing.T) {
	for name, change := range map[string]func(*krbtest.APReq){"framed": nothing, "DCE style": dce} {
		s := newSite(t)
		token := s.request(change).Token()
		for n := range token {
			cut := freshAcceptor(t, s).NewContext(sspi.ContextConfig{Package: sspi.Kerberos})
			if _, _, err := cut.Accept(context.Background(), token[:n]); status.ReasonOf(err) != status.ReasonMalformedToken {
				t.Fatalf("%s, %d bytes: %v", name, n, err)
			}
		}
		for _, more := range []string{"\x00", "\x00\x00", "x", string(token)} {
			if _, _, err := fresh(t, s).Accept(context.Background(), append(bytes.Clone(token), more...)); status.ReasonOf(err) != status.ReasonMalformedToken {
				t.Errorf("%s, %d bytes more: %v", name, len(more), err)
			}
		}
	}
}

// TestPARSE_9_OtherMessages checks that the acceptor refuses other Kerberos messages as a
// first token, whatever their frame is.
func TestPARSE_9_OtherMessages(t *testing.T) {
	s := newSite(t)
	request := s.request()
	whole := request.Token()
	inner := request.Bytes()
	apRep := s.request(dce).Start().ThirdLeg()
	krbError := []byte("\x7e\x06\x30\x04\xa0\x02\x02\x00")
	changed := func(change func(*krbtest.APReq)) []byte { return s.request(change).Token() }
	for name, row := range map[string]struct {
		token []byte
		want  status.Reason
	}{
		"AP-REP, framed":         {krbtest.Frame(krbtest.OIDKerberos, krbtest.TokAPRep, apRep), status.ReasonWrongMessageType},
		"AP-REP as AP-REQ":       {krbtest.Frame(krbtest.OIDKerberos, krbtest.TokAPReq, apRep), status.ReasonWrongMessageType},
		"KRB-ERROR, framed":      {krbtest.Frame(krbtest.OIDKerberos, krbtest.TokError, krbError), status.ReasonWrongMessageType},
		"KRB-ERROR as AP-REQ":    {krbtest.Frame(krbtest.OIDKerberos, krbtest.TokAPReq, krbError), status.ReasonWrongMessageType},
		"AP-REQ as AP-REP":       {krbtest.Frame(krbtest.OIDKerberos, krbtest.TokAPRep, inner), status.ReasonWrongMessageType},
		"unknown token id":       {krbtest.Frame(krbtest.OIDKerberos, 0x0105, inner), status.ReasonWrongMessageType},
		"a wrap token":           {append([]byte{5, 4, 2, 0xff}, make([]byte, 60)...), status.ReasonMalformedToken},
		"a frame in a frame":     {krbtest.Frame(krbtest.OIDKerberos, krbtest.TokAPReq, whole), status.ReasonMalformedToken},
		"pvno 4":                 {changed(func(q *krbtest.APReq) { q.PVNO = 4 }), status.ReasonWrongVersion},
		"pvno 6":                 {changed(func(q *krbtest.APReq) { q.PVNO = 6 }), status.ReasonWrongVersion},
		"tkt-vno 4":              {changed(func(q *krbtest.APReq) { q.Ticket.VNO = 4 }), status.ReasonWrongVersion},
		"authenticator-vno 4":    {changed(func(q *krbtest.APReq) { q.Authenticator.AVNO = 4 }), status.ReasonWrongVersion},
		"msg-type of an AP-REP":  {changed(func(q *krbtest.APReq) { q.MsgType = 15 }), status.ReasonWrongMessageType},
		"msg-type of a KRB-SAFE": {changed(func(q *krbtest.APReq) { q.MsgType = 20 }), status.ReasonWrongMessageType},
	} {
		reply, peer, err := fresh(t, s).Accept(context.Background(), row.token)
		if status.ReasonOf(err) != row.want || peer != nil {
			t.Errorf("%s: %v, want %v", name, err, row.want)
		}
		if row.want == status.ReasonMalformedToken && len(reply) > 0 {
			t.Errorf("%s: answered with %d bytes", name, len(reply))
		}
	}
}

// TestPARSE_3_Empty checks that an empty token has a defined result in every call, and ends
// an exchange that expects a token.
func TestPARSE_3_Empty(t *testing.T) {
	for _, token := range [][]byte{nil, {}} {
		s := newSite(t)
		l := s.first(token)
		wantCode(t, "first call", l.call(), status.SEC_E_INVALID_TOKEN)
		if err := l.handle.Err(); status.ReasonOf(err) != status.ReasonMalformedToken {
			t.Error(err)
		}
		client := s.request(dce).Start()
		first, _, _ := client.Next(nil)
		l = s.first(first)
		wantCode(t, "DCE style", l.call(), status.SEC_I_CONTINUE_NEEDED)
		second := s.second(&l.handle, token)
		wantCode(t, "second call", second.call(), status.SEC_E_INVALID_TOKEN)
	}
}
