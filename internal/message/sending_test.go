package message_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/internal/message"
	"github.com/gosspi/kerberos/status"
)

// numberOf returns the sequence number of a token.
func numberOf(token []byte) uint64 { return binary.BigEndian.Uint64(token[8:]) }

// senders returns every way to send a token. A function returns nil if it sent nothing.
func senders(p *message.Protector) map[string]func() ([]byte, error) {
	segments := func(conf bool) func() ([]byte, error) {
		return func() ([]byte, error) {
			token := make([]byte, p.TrailerLen(nil, conf))
			n, err := p.SealSegments(token, []etype.Segment{{B: []byte(text)}}, conf)
			return token[:n], err
		}
	}
	return map[string]func() ([]byte, error){
		"Wrap":                 func() ([]byte, error) { return p.Wrap(nil, []byte(text), true) },
		"Wrap, signed":         func() ([]byte, error) { return p.Wrap(nil, []byte(text), false) },
		"GetMIC":               func() ([]byte, error) { return p.GetMIC(nil, []byte(text)) },
		"SealSegments":         segments(true),
		"SealSegments, signed": segments(false),
	}
}

// TestMSG_8_LastNumber checks that the last sequence number is used once, and that no
// message follows it.
func TestMSG_8_LastNumber(t *testing.T) {
	for name := range senders(nil) {
		p := newPeer(18, func(params *message.Params) { params.SendSeq = math.MaxUint64 - 1 })
		send := senders(p.Protector)[name]
		for _, want := range []uint64{math.MaxUint64 - 1, math.MaxUint64} {
			token, err := send()
			if err != nil || numberOf(token) != want {
				t.Fatalf("%s: %v, want number %d", name, err, want)
			}
		}
		for range 3 {
			if token, err := send(); status.ReasonOf(err) != status.ReasonContextState || len(token) != 0 {
				t.Errorf("%s after the last number: %d bytes, %v", name, len(token), err)
			}
		}
	}
}

// TestMSG_8_AtOnce checks that concurrent calls get different numbers.
func TestMSG_8_AtOnce(t *testing.T) {
	p := newPeer(18, func(params *message.Params) {
		params.Rand = lockedReader{new(sync.Mutex), params.Rand}
	})
	var mu sync.Mutex
	seen := make(map[uint64]int)
	var all sync.WaitGroup
	for _, send := range senders(p.Protector) {
		for range 2 {
			all.Go(func() {
				for range 100 {
					token, err := send()
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					seen[numberOf(token)]++
					mu.Unlock()
				}
			})
		}
	}
	all.Wait()
	for n := uint64(1000); n < 2000; n++ {
		if seen[n] != 1 {
			t.Errorf("number %d was used %d times", n, seen[n])
		}
	}
}

type lockedReader struct {
	mu   *sync.Mutex
	from io.Reader
}

func (r lockedReader) Read(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.from.Read(b)
}

// TestSEC_5_NoConfounder checks that nothing is sealed without randomness, that the message
// stays unchanged, and that no number is used up.
func TestSEC_5_NoConfounder(t *testing.T) {
	broken := errors.New("broken")
	for _, random := range []io.Reader{iotest.ErrReader(broken), bytes.NewReader(make([]byte, 15))} {
		p := newPeer(20, func(params *message.Params) { params.Rand = random })
		if token, err := p.Wrap(nil, []byte(text), true); status.ReasonOf(err) != status.ReasonInternal || token != nil {
			t.Errorf("Wrap: %q, %v", token, err)
		}
		data := []byte(text)
		if n, err := p.SealSegments(make([]byte, p.TrailerLen(nil, true)), []etype.Segment{{B: data}}, true); status.ReasonOf(err) != status.ReasonInternal || n != 0 || string(data) != text {
			t.Errorf("SealSegments: %d, %v, %q", n, err, data)
		}
		token, err := p.Wrap(nil, []byte(text), false) // a signed message needs no randomness
		if err != nil || numberOf(token) != 1000 {
			t.Errorf("afterwards: %v", err)
		}
	}
}

// TestCTX_9_Wiped checks that everything is refused after Wipe, and without Init.
func TestCTX_9_Wiped(t *testing.T) {
	wiped := newPeer(18)
	token, mic := wiped.wrap(text, true, 0), wiped.mic(wiped.header(false), []byte(text))
	for _, send := range senders(wiped.Protector) {
		if _, err := send(); err != nil {
			t.Fatal(err)
		}
	}
	wiped.Wipe()
	wiped.Wipe()
	for name, p := range map[string]*message.Protector{"wiped": wiped.Protector, "zero": new(message.Protector), "of a wrong key": newPeer(18, func(params *message.Params) { params.Key = params.Key[1:] }).Protector} {
		for call, send := range senders(p) {
			if b, err := send(); status.ReasonOf(err) != status.ReasonInvalidHandle || len(b) != 0 {
				t.Errorf("%s: %s: %d bytes, %v", name, call, len(b), err)
			}
		}
		_, _, err := unwrap(p, nil, token)
		_, _, err2 := p.OpenSegments(message.AsGranted, token, nil)
		_, err3 := p.VerifyMIC(message.AsGranted, mic, []byte(text))
		for _, err := range []error{err, err2, err3} {
			if status.ReasonOf(err) != status.ReasonInvalidHandle {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestCTX_4_WipeBesideCalls calls Wipe concurrently with functions that make and open
// messages.
func TestCTX_4_WipeBesideCalls(t *testing.T) {
	for range 20 {
		p := newPeer(18, unordered, func(params *message.Params) { params.Rand = lockedReader{new(sync.Mutex), params.Rand} })
		token := p.wrap(text, true, 0)
		var all sync.WaitGroup
		for _, send := range senders(p.Protector) {
			all.Go(func() {
				for range 50 {
					if _, err := send(); err != nil && status.ReasonOf(err) != status.ReasonInvalidHandle {
						t.Error(err)
					}
				}
			})
		}
		all.Go(func() {
			for range 50 {
				if got, _, err := p.Unwrap(nil, token); err == nil && string(got) != text || err != nil && status.ReasonOf(err) != status.ReasonInvalidHandle {
					t.Errorf("%q, %v", got, err)
				}
			}
		})
		all.Go(p.Wipe)
		all.Wait()
	}
}
