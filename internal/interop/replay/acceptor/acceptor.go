// Package acceptor is the main function of an acceptor process for the tests of
// internal/interop/replay. Each replay cache has a program that calls Main.
package acceptor

import (
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

const (
	maxFrame  = 1 << 16          // the greatest length of a token
	openLimit = 30 * time.Second // of the opening of the replay cache
)

// The first byte of each answer.
const (
	Accepted    = 'A' // followed by the client's name
	Replayed    = 'D' // the replay cache knows the authenticator
	Unavailable = 'U' // the replay cache gave no answer
	TryAgain    = 'S' // the time stamp: it is not recent, or is from before the replay cache
	Refused     = 'R' // any other refusal
)

// Main accepts clients with the replay cache that open makes of the arguments after the
// flags, until the process is killed. It prints "listening on ADDRESS". A client of this
// process sends frames of four bytes of length, big-endian, and a token. The answer is a
// frame with a byte and a text.
//
//	PROGRAM -keytab FILE [-timeout 1s] ARGUMENT...
//	PROGRAM -bench COUNT ARGUMENT...
//
// The second form measures the replay cache and prints a Timing.
func Main(open func(ctx context.Context, args []string) (authenticator.ReplayCache, error)) {
	if err := run(open); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(open func(ctx context.Context, args []string) (authenticator.ReplayCache, error)) error {
	file := flag.String("keytab", "", "the keytab file")
	timeout := flag.Duration("timeout", time.Second, "the limit of each accept")
	count := flag.Int("bench", 0, "the number of records with which to measure the replay cache")
	flag.Parse()
	if *count > 0 {
		return measure(open, *count)
	}
	keys, err := keytab.OpenFile(*file)
	if err != nil {
		return err
	}
	cache, err := opened(open)
	if err != nil {
		return err
	}
	a, err := sspi.NewAcceptor(sspi.Config{Keys: keys, Replay: cache})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("listening on", l.Addr())
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			if err := serve(conn, a, *timeout); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}()
	}
}

// opened opens the replay cache. On a busy machine a try can exceed the limit of the cache, so
// opened tries again for openLimit while the cache does not answer.
func opened(open func(ctx context.Context, args []string) (authenticator.ReplayCache, error)) (authenticator.ReplayCache, error) {
	ctx, cancel := context.WithTimeout(context.Background(), openLimit)
	defer cancel()
	for {
		cache, err := open(ctx, flag.Args())
		if err == nil {
			return cache, nil
		}
		if status.ReasonOf(err) != status.ReasonReplayCacheFailed || ctx.Err() != nil {
			return nil, fmt.Errorf("the replay cache: %w", err)
		}
	}
}

// measure prints the Timing of the replay cache.
func measure(open func(ctx context.Context, args []string) (authenticator.ReplayCache, error), count int) error {
	one, err := opened(open)
	if err != nil {
		return err
	}
	other, err := opened(open)
	if err != nil {
		return err
	}
	t, err := bench(one, other, count)
	if err != nil {
		return err
	}
	fmt.Print(t)
	return nil
}

// serve answers the tokens of a connection. Each token begins a new context.
func serve(conn net.Conn, a *sspi.Acceptor, timeout time.Duration) error {
	defer conn.Close()
	for {
		token, err := ReadFrame(conn)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := WriteFrame(conn, answer(a, timeout, token)); err != nil {
			return err
		}
	}
}

func answer(a *sspi.Acceptor, timeout time.Duration, token []byte) []byte {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	_, peer, err := a.NewContext(sspi.ContextConfig{}).Accept(ctx, token)
	if err == nil {
		return append([]byte{Accepted}, peer.Client.String()...)
	}
	if errors.Is(err, sspi.ErrContinue) {
		return []byte{TryAgain}
	}
	kind := byte(Refused)
	switch status.ReasonOf(err) {
	case status.ReasonReplay:
		kind = Replayed
	case status.ReasonReplayCacheFailed, status.ReasonCanceled:
		kind = Unavailable
	}
	return append([]byte{kind}, err.Error()...)
}

// ReadFrame reads a frame. It returns io.EOF if the connection ends before the frame.
func ReadFrame(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxFrame {
		return nil, fmt.Errorf("a frame of %d bytes, above %d", n, maxFrame)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, errors.Join(errors.New("a frame is cut"), err)
	}
	return b, nil
}

// WriteFrame writes a frame.
func WriteFrame(w io.Writer, b []byte) error {
	_, err := w.Write(append(binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(b)), uint32(len(b))), b...))
	return err
}
