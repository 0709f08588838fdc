package main

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspihttp"
)

const (
	maxHeader = 256 << 10 // a token of the longest kind is 87 KiB in base64
	maxBody   = 64 << 20
	toRead    = time.Minute // a whole request
)

// newServer makes the server: who may see what. Logins and refusals are in the log of
// the acceptor; logger gets what net/http says.
func newServer(o *options, acceptor *sspi.Acceptor, logger *slog.Logger) (*http.Server, error) {
	cfg := sspihttp.Config{
		Acceptor: acceptor,
		Context:  sspi.ContextConfig{AcceptDelegation: o.delegate},
		Page:     refusalPage,
	}
	if o.requireBinding {
		cfg.Context.BindingPolicy = sspi.BindingRequired
	}
	if o.realm != "" {
		cfg.Authorize = func(_ *http.Request, p *sspi.Peer) error {
			_, err := p.Client.User(o.realm)
			return err
		}
	}
	m, err := sspihttp.New(cfg)
	if err != nil {
		return nil, err
	}
	members := http.NewServeMux()
	members.HandleFunc("GET /{$}", whoPage)
	members.HandleFunc("GET /whoami", whoami)
	members.HandleFunc("POST /", count)

	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.Handle("/", m.Wrap(members))
	return &http.Server{
		Handler:           mux,
		ConnContext:       m.ConnContext,
		MaxHeaderBytes:    maxHeader,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       toRead, // net/http waits for the rest of a body before it refuses, too
		WriteTimeout:      2 * toRead,
		IdleTimeout:       time.Minute,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}, nil
}

// whoami is who the client is, for scripts.
func whoami(w http.ResponseWriter, r *http.Request) {
	if peer, ok := sspihttp.Peer(r.Context()); ok {
		fmt.Fprintln(w, peer.Client)
	}
}

// count reads the body and says how long it was.
func count(w http.ResponseWriter, r *http.Request) {
	n, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "the body did not come whole", http.StatusBadRequest)
		return
	}
	fmt.Fprintf(w, "%d bytes\n", n)
}
