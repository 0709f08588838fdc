package main

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/gosspi/kerberos/examples/internal/serve"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspihttp"
)

const (
	maxHeader = 256 << 10   // bytes; the longest token has 87 KiB in base64
	maxBody   = 64 << 20    // bytes
	readTime  = time.Minute // for a whole request
)

// newServer returns a server that admits the clients that o allows. The acceptor logs
// logins and refusals, and net/http logs its errors with logger.
func newServer(o *options, acceptor *sspi.Acceptor, logger *slog.Logger) (*http.Server, error) {
	cfg := sspihttp.Config{
		Acceptor: acceptor,
		Context:  sspi.ContextConfig{AcceptDelegation: o.delegate},
		Page:     refusalPage,
	}
	if o.requireBinding {
		cfg.Context.BindingPolicy = sspi.BindingRequired
	}
	rule, names, err := o.allow.Rule(logger)
	if err != nil {
		return nil, err
	}
	if o.realm != "" || rule != nil {
		cfg.Authorize = func(_ *http.Request, p *sspi.Peer) error {
			if o.realm != "" {
				if _, err := p.User(o.realm); err != nil {
					return err
				}
			}
			return serve.Admit(rule, p)
		}
	}
	m, err := sspihttp.New(cfg)
	if err != nil {
		return nil, err
	}
	members := http.NewServeMux()
	members.HandleFunc("GET /{$}", whoPage(names))
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
		ReadTimeout:       readTime, // also for the rest of the body of a refused request, which net/http reads
		WriteTimeout:      2 * readTime,
		IdleTimeout:       time.Minute,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}, nil
}

// whoami writes the principal that identifies the client, for scripts: in Active Directory
// that of its account. Of a client that proves no such principal, it writes the one that the
// client typed, and a question mark.
func whoami(w http.ResponseWriter, r *http.Request) {
	peer, ok := sspihttp.Peer(r.Context())
	if !ok {
		return // unreachable: the middleware admits authenticated clients only
	}
	if principal, err := peer.Principal(); err == nil {
		fmt.Fprintln(w, principal)
		return
	}
	fmt.Fprintln(w, peer.Client, "?")
}

// count reads the body and writes its length.
func count(w http.ResponseWriter, r *http.Request) {
	n, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "the server could not read the whole body", http.StatusBadRequest)
		return
	}
	fmt.Fprintf(w, "%d bytes\n", n)
}
