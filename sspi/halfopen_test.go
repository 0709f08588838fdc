package sspi_test

import (
	"bytes"
	"context"
	"runtime"
	"slices"
	"testing"

	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// halfOpen is the limit of the memory of a half-open context (CTX-8).
const halfOpen = 4096

// longestList returns a list of 1024 bytes, the longest that the acceptor accepts, in which
// Kerberos is the last mechanism.
func longestList(mechanism []byte) [][]byte {
	long := append([]byte{0x2a}, bytes.Repeat([]byte{1}, 61)...)
	list := append(slices.Repeat([][]byte{long}, 15), long[:60-len(mechanism)-4])
	return append(list, mechanism)
}

// holds measures the memory of a context that begin leaves half-open.
func holds(n int, begin func() *sspi.Context) int64 {
	contexts := make([]*sspi.Context, n)
	begin() // allocates the memory that all calls share
	before := heap()
	for i := range contexts {
		contexts[i] = begin()
	}
	each := (int64(heap()) - int64(before)) / int64(n)
	runtime.KeepAlive(contexts)
	runtime.KeepAlive(begin)
	return each
}

// minimalPAC is the limit of the memory of an access token without an account.
const minimalPAC = 2560

// TestCTX_8_HalfOpenMemory checks that a context that expects another token holds less than
// 4 KiB, whatever the client sent, and the PAC of a proven client. It keeps neither tokens
// that arrived whole nor the authorization data around the PAC.
func TestCTX_8_HalfOpenMemory(t *testing.T) {
	big := func(q *krbtest.APReq) { // a token near the greatest length
		filler := types.AuthorizationDataEntry{ADType: 9999, ADData: make([]byte, 60000)}
		q.Ticket.Part.AuthorizationData = types.AuthorizationData{krbtest.IfRelevant(filler)}
	}
	pac := func(q *krbtest.APReq) { q.Ticket.PAC = new(krbtest.PAC) }
	list := longestList(krbtest.OIDKerberos)
	for name, row := range map[string]struct {
		mechanisms [][]byte
		changes    []func(*krbtest.APReq)
		legs       int
		client     int64 // bytes of the client that the AP-REQ proves
	}{
		"a list":                {list, nil, 1, 0},
		"a retry":               {list, []func(*krbtest.APReq){late, big}, 2, 0},
		"a MIC":                 {list, []func(*krbtest.APReq){big}, 2, 0},
		"a third leg":           {list, []func(*krbtest.APReq){dce, big}, 2, 0},
		"a MIC behind a third":  {list, []func(*krbtest.APReq){dce, big}, 2, 0},
		"a third leg, no list":  {onlyKerberos, []func(*krbtest.APReq){dce, big}, 1, 0},
		"a retry without lists": {onlyKerberos, []func(*krbtest.APReq){late, big}, 1, 0},
		"a retry, PAC":          {list, []func(*krbtest.APReq){late, big, pac}, 2, 0},
		"a MIC, PAC":            {list, []func(*krbtest.APReq){big, pac}, 2, minimalPAC},
		"a third leg, PAC":      {list, []func(*krbtest.APReq){dce, big, pac}, 2, minimalPAC},
	} {
		s := newSite(t)
		// The clients of a row have one ticket, which is sealed once.
		var first *krbtest.APReq
		share := func(q *krbtest.APReq) {
			if first == nil {
				first, q.TicketBytes = q, q.Ticket.Bytes()
			}
			q.Ticket, q.Key, q.TicketBytes = first.Ticket, first.Key, first.TicketBytes
		}
		each := holds(50, func() *sspi.Context {
			n := s.client(row.mechanisms, append(slices.Clone(row.changes), share)...)
			n.Kerberos.RetrySkew = true
			c := s.acceptor.NewContext(sspi.ContextConfig{})
			var reply []byte
			for range row.legs {
				token, _, err := n.Next(reply)
				if err != nil {
					t.Fatal(err)
				}
				reply = s.step(t, c, token)
			}
			return c
		})
		t.Logf("waiting after %s: %d bytes", name, each)
		if each >= halfOpen+row.client {
			t.Errorf("a context that waits after %s holds %d bytes", name, each)
		}
	}
}

// TestCTX_8_HalfOpenUserToUser checks that the context does not keep the ticket-granting
// ticket that it sent.
func TestCTX_8_HalfOpenUserToUser(t *testing.T) {
	s := userSite(t)
	token := (&krbtest.NegTokenInit{Mechanisms: longestList(krbtest.OIDUser2User)}).Bytes()
	request := (&krbtest.NegTokenResp{State: krbtest.NegIncomplete, Token: krbtest.TGTRequest("bob", "EXAMPLE.COM")}).Bytes()
	each := holds(50, func() *sspi.Context {
		c := s.acceptor.NewContext(sspi.ContextConfig{})
		s.step(t, c, token)
		s.step(t, c, request)
		return c
	})
	t.Logf("%d bytes", each)
	if each >= halfOpen {
		t.Errorf("a context that sent its ticket holds %d bytes", each)
	}
}

// TestCTX_8_HalfOpenFragments checks that a context that expects the rest of a token holds
// the received bytes and less than 4 KiB more, whatever the fragments are, and no fragments
// with WholeTokens.
func TestCTX_8_HalfOpenFragments(t *testing.T) {
	s := newSite(t)
	token := append([]byte("\x60\x82\xff\x00\x06\x06\x2b\x06\x01\x05\x05\x02"), make([]byte, 65000)...)
	for _, sent := range []int{12, 1000, 33000, len(token)} {
		for _, size := range []int{1, 100, 1 << 15, 1 << 16} {
			if size == 1 && sent > 1000 {
				size = 13 // keeps the test short
			}
			each := holds(20, func() *sspi.Context {
				c := s.acceptor.NewContext(sspi.ContextConfig{})
				for piece := range slices.Chunk(token[:sent], size) {
					s.step(t, c, piece)
				}
				return c
			})
			t.Logf("%5d bytes in fragments of %5d: %d bytes", sent, size, each)
			if each >= int64(sent+halfOpen) {
				t.Errorf("%d bytes in fragments of %d: the context holds %d", sent, size, each)
			}
		}
	}
	each := holds(50, func() *sspi.Context {
		c := s.acceptor.NewContext(sspi.ContextConfig{WholeTokens: true})
		if _, _, err := c.Accept(context.Background(), token); status.ReasonOf(err) != status.ReasonMalformedToken {
			t.Fatal(err)
		}
		return c
	})
	t.Logf("WholeTokens: %d bytes", each)
	if each >= halfOpen {
		t.Errorf("WholeTokens: the context holds %d bytes", each)
	}
}

// TestCTX_8_ClosedHoldsNothing checks that Close releases the client's bytes even if the
// program keeps the context.
func TestCTX_8_ClosedHoldsNothing(t *testing.T) {
	s := newSite(t)
	token := append([]byte("\xa1\x82\xff\x00"), make([]byte, 65000)...)
	each := holds(20, func() *sspi.Context {
		c := s.acceptor.NewContext(sspi.ContextConfig{})
		s.step(t, c, (&krbtest.NegTokenInit{Mechanisms: longestList(krbtest.OIDKerberos)}).Bytes())
		s.step(t, c, token)
		c.Close()
		return c
	})
	fresh := holds(20, func() *sspi.Context { return s.acceptor.NewContext(sspi.ContextConfig{}) })
	t.Logf("%d bytes, a new context %d", each, fresh)
	if each > fresh+512 { // less than the list, and less than a hundredth of the fragments
		t.Errorf("a closed context holds %d bytes, a new one %d", each, fresh)
	}
}
