package main

import (
	"fmt"
	"io"
	"os"
	"sync"
)

// teller writes the story. Server and client tell their parts from goroutines of
// their own, a line at a time.
type teller struct {
	mu    sync.Mutex
	w     io.Writer
	color bool
}

// tellOn uses colours on a terminal, unless the user's NO_COLOR is set
// (no-color.org).
func tellOn(f *os.File) *teller {
	info, err := f.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	return &teller{w: f, color: terminal && os.Getenv("NO_COLOR") == ""}
}

// title begins a part of the story.
func (t *teller) title(text string) { t.print("\n" + t.in("1", text) + "\n") }

// say is one line of it: who does what.
func (t *teller) say(who, format string, a ...any) {
	t.print("  " + t.in("36", fmt.Sprintf("%-8s", who)) + fmt.Sprintf(format, a...) + "\n")
}

func (t *teller) print(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = io.WriteString(t.w, line) // nobody is left to tell if that fails
}

// in sets text in a style of ECMA-48: 1 is bold, 36 cyan.
func (t *teller) in(style, text string) string {
	if !t.color {
		return text
	}
	return "\033[" + style + "m" + text + "\033[0m"
}
