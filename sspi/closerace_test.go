package sspi_test

import (
	"context"
	"sync"
	"testing"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// TestCTX_4_CloseInEachLeg calls Close concurrently with the Accept of each token of a
// negotiation. The context must be closed afterwards, and only an Accept that succeeded may
// return a peer.
func TestCTX_4_CloseInEachLeg(t *testing.T) {
	for name, style := range map[string]func(*krbtest.APReq){"mutual": nothing, "one-way": oneWay, "DCE style": dce} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			for round := range 120 {
				n := s.client(ntlmFirst, style)
				c := s.acceptor.NewContext(sspi.ContextConfig{})
				h := c.Handle()
				var reply []byte
				for leg := 0; ; leg++ {
					token, _, err := n.Next(reply)
					if err != nil || token == nil {
						t.Fatal(token, err)
					}
					if leg < round%4 {
						var done bool
						reply, done = acceptLeg(t, c, token)
						if !done {
							continue
						}
					}
					var wg sync.WaitGroup
					var peers [2]*sspi.Peer
					for i := range peers {
						wg.Go(func() {
							_, peer, err := c.Accept(context.Background(), token)
							switch r := status.ReasonOf(err); r {
							case status.ReasonNone, status.ReasonContextState, status.ReasonInvalidHandle:
							case status.ReasonMalformedToken, status.ReasonWrongMessageType: // the concurrent call has accepted the token, and the next state refuses it
							default:
								t.Error(err)
							}
							peers[i] = peer
						})
					}
					wg.Go(func() {
						_, _ = c.SessionKey()
						_, _ = c.Wrap(nil, []byte("m"), true)
						var info sspi.SecPkgContext_NegotiationInfo
						_ = sspi.QueryContextAttributes(&h, sspi.SECPKG_ATTR_NEGOTIATION_INFO, &info)
						var names sspi.SecPkgContext_Names
						_ = sspi.QueryContextAttributes(&h, sspi.SECPKG_ATTR_NAMES, &names)
						_, _, _ = c.Delegated(), c.Err(), c.Peer()
					})
					wg.Go(c.Close)
					wg.Wait()
					if p := c.Peer(); p != peers[0] && p != peers[1] && leg >= round%4 {
						t.Errorf("peer %v, Accept returned %v", p, peers)
					}
					if key, err := c.SessionKey(); key != nil || err == nil {
						t.Error("a closed context has a key")
					}
					break
				}
			}
		})
	}
}

// acceptLeg calls Accept, which must succeed. done reports whether the exchange has ended.
func acceptLeg(t *testing.T, c *sspi.Context, token []byte) (reply []byte, done bool) {
	reply, _, err := c.Accept(context.Background(), token)
	if err != nil && err != sspi.ErrContinue {
		t.Fatal(err)
	}
	return reply, err == nil
}
