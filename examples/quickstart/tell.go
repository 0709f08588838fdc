package main

import (
	"fmt"
	"io"
	"os"
	"sync"
)

// teller writes the story. Server and client write their lines from different goroutines.
type teller struct {
	mu    sync.Mutex
	w     io.Writer
	color bool
}

// tellOn returns a teller that writes to f. It writes in color if f is a terminal and the
// environment variable NO_COLOR is empty (no-color.org).
func tellOn(f *os.File) *teller {
	info, err := f.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	return &teller{w: f, color: terminal && os.Getenv("NO_COLOR") == ""}
}

// title writes the title of a part of the story.
func (t *teller) title(text string) { t.print("\n" + t.in("1", text) + "\n") }

// say writes one line: an actor, and its action.
func (t *teller) say(actor, format string, a ...any) {
	t.print("  " + t.in("36", fmt.Sprintf("%-8s", actor)) + fmt.Sprintf(format, a...) + "\n")
}

// print writes one line.
func (t *teller) print(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = io.WriteString(t.w, line) // an error cannot be reported: w is the output
}

// in returns text in a style of ECMA-48: 1 is bold, 36 is cyan.
func (t *teller) in(style, text string) string {
	if !t.color {
		return text
	}
	return "\033[" + style + "m" + text + "\033[0m"
}
