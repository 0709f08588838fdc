package message

import (
	"bytes"
	"crypto/rand"
	"testing"

	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/status"
)

// TestRelease checks that the numbers and the window continue at the same position, in one
// Protector only.
func TestRelease(t *testing.T) {
	params := Params{
		EType: 18, Key: bytes.Repeat([]byte{3}, 32), AcceptorSubkey: true, SendSeq: 5, RecvSeq: 1 << 40,
		DetectReplay: true, DetectSequence: true, Rand: rand.Reader,
	}
	var before, after Protector
	before.Init(params)
	first, err := before.GetMIC(nil, []byte("text"))
	if err != nil {
		t.Fatal(err)
	}
	before.window.accept(1<<40, true, true)
	s, err := before.Release()
	if err != nil {
		t.Fatal(err)
	}
	if s.Rand != nil || s.SendSeq != 6 || s.Count != 1 || s.Seen != 1 || s.RecvSeq != 1<<40 || !bytes.Equal(s.Key, params.Key) {
		t.Errorf("%+v", s)
	}
	if _, err := before.GetMIC(nil, nil); status.ReasonOf(err) != status.ReasonInvalidHandle {
		t.Errorf("the released one: %v", err)
	}
	if _, err := before.Release(); status.ReasonOf(err) != status.ReasonInvalidHandle {
		t.Errorf("again: %v", err)
	}
	s.Rand = rand.Reader
	after.Resume(s)
	second, err := after.GetMIC(nil, []byte("text"))
	if err != nil || bytes.Equal(first, second) {
		t.Errorf("the number was used again: %v", err)
	}
	if v, _ := after.window.accept(1<<40, true, true); v == inOrder {
		t.Error("a message from before is accepted again")
	}
	if v, _ := after.window.accept(1<<40+1, true, true); v != inOrder {
		t.Errorf("the next: %v", v)
	}
}

// TestRelease_Exhausted checks that no number follows the last.
func TestRelease_Exhausted(t *testing.T) {
	var before, after Protector
	before.Init(Params{EType: etype.ID(17), Key: make([]byte, 16), SendSeq: 1<<64 - 1, Rand: rand.Reader})
	if _, err := before.GetMIC(nil, nil); err != nil {
		t.Fatal(err)
	}
	s, err := before.Release()
	if err != nil {
		t.Fatal(err)
	}
	s.Rand = rand.Reader
	after.Resume(s)
	if _, err := after.GetMIC(nil, nil); status.ReasonOf(err) != status.ReasonContextState {
		t.Errorf("a number after the last: %v", err)
	}
}
