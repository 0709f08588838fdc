package program

import (
	"strings"
	"sync"
)

// Transcript holds the output of a process so far. It has standard output and standard
// error in their order of arrival.
type Transcript struct {
	mu      sync.Mutex
	text    strings.Builder
	changed chan struct{} // closed and made anew with each write
}

func newTranscript() *Transcript { return &Transcript{changed: make(chan struct{})} }

// Write appends to the transcript.
func (tr *Transcript) Write(b []byte) (int, error) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.text.Write(b)
	close(tr.changed)
	tr.changed = make(chan struct{})
	return len(b), nil
}

// String returns the output so far.
func (tr *Transcript) String() string {
	out, _ := tr.now()
	return out
}

// now returns the output so far, and a channel that is closed when more arrives.
func (tr *Transcript) now() (out string, changed <-chan struct{}) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.text.String(), tr.changed
}
