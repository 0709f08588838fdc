package sspi_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// gate is a source of keys whose calls wait until the test opens it.
type gate struct {
	keys    *keytab.Table
	arrived chan struct{}
	open    chan struct{}
}

func (g *gate) Table(ctx context.Context) (*keytab.Table, error) {
	g.arrived <- struct{}{}
	select {
	case <-g.open:
		return g.keys, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// gated returns a site whose exchanges wait for their keys.
func gated(t *testing.T, changes ...func(*sspi.Config)) (*site, *gate) {
	g := &gate{arrived: make(chan struct{}, 100), open: make(chan struct{})}
	s := newSite(t, append(changes, func(cfg *sspi.Config) {
		g.keys = cfg.Keys.(*keytab.Table)
		cfg.Keys = g
	})...)
	return s, g
}

// TestCTX_7_SecondAccept checks that Accept refuses a call at once while another Accept
// runs on the context, and that the refused call leaves none of its request flags behind.
func TestCTX_7_SecondAccept(t *testing.T) {
	s, g := gated(t)
	h := s.acceptor.NewContext(sspi.ContextConfig{}).Handle()
	first := s.second(&h, s.request(bound("a")).Token())
	code := make(chan status.Code)
	go func() { code <- first.call() }()
	<-g.arrived

	for range 3 {
		other := s.second(&h, s.request().Token())
		other.req = flags.ASC_REQ_ALLOW_MISSING_BINDINGS | flags.ASC_REQ_CONNECTION | extendedError
		other.in.Buffers = append(other.in.Buffers, channel(t, "b"))
		wantCode(t, "a second Accept", other.call(), status.SEC_E_OUT_OF_SEQUENCE)
		if other.attr != 0 || len(other.reply()) != 0 || other.handle != h {
			t.Errorf("outputs %v %x %v", other.attr, other.reply(), other.handle)
		}
		if _, peer, err := h.Context().Accept(context.Background(), s.request().Token()); peer != nil || status.ReasonOf(err) != status.ReasonContextState {
			t.Errorf("Go API: %v, %v", peer, err)
		}
	}
	close(g.open)
	wantCode(t, "the first", <-code, status.SEC_E_OK)
	if first.attr&flags.ASC_RET_CONNECTION != 0 || h.Context().Peer().Binding != authenticator.BindingUnchecked {
		t.Errorf("attributes %v, binding %v", first.attr, h.Context().Peer().Binding)
	}
}

// TestCTX_7_ManyAccepts checks that exactly one of many concurrent calls proceeds.
func TestCTX_7_ManyAccepts(t *testing.T) {
	s := newSite(t)
	for range 50 {
		h := s.acceptor.NewContext(sspi.ContextConfig{}).Handle()
		var accepted, refused atomic.Int32
		var wg sync.WaitGroup
		for range 8 {
			token := s.request().Token()
			wg.Go(func() {
				switch s.second(&h, token).call() {
				case status.SEC_E_OK:
					accepted.Add(1)
				case status.SEC_E_OUT_OF_SEQUENCE:
					refused.Add(1)
				}
			})
		}
		wg.Wait()
		if accepted.Load() != 1 || refused.Load() != 7 {
			t.Fatalf("%d accepted, %d refused", accepted.Load(), refused.Load())
		}
	}
}

// TestCTX_4_DeleteDuringAccept checks that an exchange establishes nothing if the context
// is deleted meanwhile.
func TestCTX_4_DeleteDuringAccept(t *testing.T) {
	var events []sspi.Event
	s, g := gated(t, recordEvents(&events))
	h := s.acceptor.NewContext(sspi.ContextConfig{}).Handle()
	c := h.Context()
	l := s.second(&h, s.request().Token())
	l.context = new(sspi.CtxtHandle)
	*l.context = h
	code := make(chan status.Code)
	go func() { code <- l.call() }()
	<-g.arrived
	wantCode(t, "delete", sspi.DeleteSecurityContext(&h), status.SEC_E_OK)
	close(g.open)
	wantCode(t, "accept", <-code, status.SEC_E_INVALID_HANDLE)
	if len(l.reply()) != 0 || l.attr != 0 || l.stamp != untouchedStamp || c.Peer() != nil {
		t.Errorf("outputs %x %v %v, peer %v", l.reply(), l.attr, l.stamp, c.Peer())
	}
	if key, err := c.SessionKey(); key != nil || err == nil {
		t.Error("there is a key")
	}
	for _, e := range events {
		if e.Peer != nil {
			t.Errorf("an event reports %v as accepted", e.Peer.Client)
		}
	}
}

// TestCTX_4_DeleteOnce checks that exactly one of many deletes succeeds.
func TestCTX_4_DeleteOnce(t *testing.T) {
	s := newSite(t)
	h, _ := s.establish(t)
	var contexts, credentials atomic.Int32
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			handle, cred := h, s.cred
			if sspi.DeleteSecurityContext(&handle) == status.SEC_E_OK {
				contexts.Add(1)
			}
			if sspi.FreeCredentialsHandle(&cred) == status.SEC_E_OK {
				credentials.Add(1)
			}
		})
	}
	wg.Wait()
	if contexts.Load() != 1 || credentials.Load() != 1 {
		t.Errorf("%d contexts deleted, %d credentials freed", contexts.Load(), credentials.Load())
	}
}

// TestCTX_4_CloseDuringMessages checks that a message function that runs concurrently with
// Close has its whole effect or none. Nine goroutines begin together. After a number of
// calls that differs from round to round, the goroutine that made the last of them calls
// Close. The others continue until they see the closed context.
func TestCTX_4_CloseDuringMessages(t *testing.T) {
	for round := range 40 {
		h, client := newSite(t).establish(t, asking(krbtest.DefaultFlags&^flags.GSS_C_SEQUENCE_FLAG&^flags.GSS_C_REPLAY_FLAG))
		x := standing{client: client}
		var incoming [2][]byte
		incoming[0], incoming[1] = x.wrap("text"), x.mic("text")
		c := h.Context()
		var wg sync.WaitGroup
		var calls atomic.Int32
		begin := make(chan struct{})
		untilClosed := func(call func() (open bool)) {
			wg.Go(func() {
				<-begin
				for call() {
					if calls.Add(1) == int32(1+5*round) {
						c.Close()
					}
				}
			})
		}
		var sealed [4][][]byte
		for i := range sealed {
			untilClosed(func() bool {
				token, err := c.Wrap(nil, []byte("text"), true)
				if refusedAsClosed(t, err) {
					return false
				}
				sealed[i] = append(sealed[i], token)
				return true
			})
			untilClosed(func() bool {
				message, _, err := c.Unwrap(nil, incoming[0])
				if refusedAsClosed(t, err) {
					return false
				}
				if string(message) != "text" {
					t.Errorf("unwrapped %q", message)
				}
				return true
			})
		}
		untilClosed(func() bool {
			code := sspi.VerifySignature(&h, message("text", incoming[1]), 0, nil)
			sign := sspi.MakeSignature(&h, 0, message("text", make([]byte, 100)), 0)
			sizes := sspi.QueryContextAttributes(&h, sspi.SECPKG_ATTR_SIZES, new(sspi.SecPkgContext_Sizes))
			for _, got := range []status.Code{code, sign, sizes} {
				if got != status.SEC_E_OK && got != status.SEC_E_INVALID_HANDLE {
					t.Errorf("concurrently with Close: %v", got)
				}
			}
			return sizes == status.SEC_E_OK
		})
		close(begin)
		wg.Wait()
		distinctNumbers(t, sealed[:])
		for _, tokens := range sealed {
			for _, token := range tokens {
				if got, conf, err := client.Unwrap(token); string(got) != "text" || !conf || err != nil {
					t.Fatalf("the client: %q, %v, %v", got, conf, err)
				}
			}
		}
	}
}

// refusedAsClosed reports whether err says that the context is closed. It fails the test
// for every other error.
func refusedAsClosed(t *testing.T, err error) bool {
	if err != nil && status.ReasonOf(err) != status.ReasonInvalidHandle {
		t.Errorf("concurrently with Close: %v", err)
	}
	return err != nil
}

func distinctNumbers(t *testing.T, all [][][]byte) {
	t.Helper()
	seen := make(map[uint64]bool)
	for _, tokens := range all {
		for _, token := range tokens {
			n := binary.BigEndian.Uint64(token[8:])
			if seen[n] {
				t.Errorf("the number %d was used twice", n)
			}
			seen[n] = true
		}
	}
}

// TestCTX_7_OneAcceptor checks that one acceptor serves many goroutines, with DCE style and
// without.
func TestCTX_7_OneAcceptor(t *testing.T) {
	s := newSite(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 25 {
				h, client, err := s.exchange([]func(*krbtest.APReq){nothing, dce, oneWay}[(i+j)%3])
				if err != nil {
					t.Error(err)
					return
				}
				text := bytes.Repeat([]byte{byte(i)}, j)
				token, err := client.Wrap(text, true)
				if err != nil {
					t.Error(err)
				}
				d := stream(token)
				if code := sspi.DecryptMessage(&h, d, 0, nil); code != status.SEC_E_OK || !bytes.Equal(d.Buffers[1].Buffer, text) {
					t.Errorf("%v, %x", code, d.Buffers[1].Buffer)
					return
				}
				if code := sspi.DeleteSecurityContext(&h); code != status.SEC_E_OK {
					t.Error(code)
				}
			}
		})
	}
	wg.Wait()
}

// TestDOS_4_BackendTimeout checks that Accept stops waiting for keys when the caller's
// context ends, and AcceptSecurityContext after BackendTimeout.
func TestDOS_4_BackendTimeout(t *testing.T) {
	s, g := gated(t, func(cfg *sspi.Config) { cfg.BackendTimeout = 10 * time.Millisecond })
	l := s.first(s.request().Token())
	wantCode(t, "keys that do not come", l.call(), status.SEC_E_INTERNAL_ERROR)
	if status.ReasonOf(l.handle.Err()) != status.ReasonCanceled {
		t.Errorf("%v", l.handle.Err())
	}
	<-g.arrived

	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error)
	go func() {
		_, _, err := s.acceptor.NewContext(sspi.ContextConfig{}).Accept(ctx, s.request().Token())
		result <- err
	}()
	<-g.arrived
	cancel()
	if err := <-result; status.ReasonOf(err) != status.ReasonCanceled {
		t.Errorf("%v", err)
	}
}
