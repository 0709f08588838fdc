package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"time"

	"github.com/gosspi/kerberos/sspi/sspihttp"
)

func itoa(n int) string { return strconv.Itoa(n) }

// startWeb starts the web server.
func (w *world) startWeb() error {
	acceptor, err := w.acceptor("web", "HTTP/")
	if err != nil {
		return err
	}
	m, err := sspihttp.New(sspihttp.Config{Acceptor: acceptor, Page: refusalPage})
	if err != nil {
		return err
	}
	handler := m.Wrap(http.HandlerFunc(page))
	if w.fault.twice {
		handler = twice(handler)
	}
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		return err
	}
	w.web = l.Addr()
	server := &http.Server{
		Handler:           handler,
		ConnContext:       m.ConnContext,
		MaxHeaderBytes:    256 << 10,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      time.Minute,
		IdleTimeout:       time.Minute,
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(l); err != http.ErrServerClosed {
			w.ended <- fmt.Errorf("web: %w", err)
		}
	}()
	w.stops = append(w.stops, func() { _ = server.Close(); <-done })
	return nil
}

// page writes the facts that Kerberos has proven about the client.
func page(w http.ResponseWriter, r *http.Request) {
	peer, ok := sspihttp.Peer(r.Context())
	if !ok {
		return // unreachable: the middleware admits authenticated clients only
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	name, err := peer.Principal()
	if err != nil {
		fmt.Fprintf(w, "Your ticket proves no name: %v\n", err)
		return
	}
	fmt.Fprintf(w, "You are %v.\n", name)
	if peer.Client != name {
		fmt.Fprintf(w, "You typed:   %v\n", peer.Client)
	}
	if peer.Account != nil {
		fmt.Fprintf(w, "Account:     %v, %v\n", peer.Account, peer.Account.SID)
	}
	if groups, err := peer.AccessToken.Groups(); err == nil {
		for _, g := range groups {
			fmt.Fprintf(w, "Group:       %v\n", g.SID)
		}
	}
	fmt.Fprintf(w, "Service:     %v\n", peer.Service)
	fmt.Fprintf(w, "Encryption:  %v\n", peer.ContextEType)
	fmt.Fprintf(w, "Ticket ends: %s\n", peer.EndTime.Local().Format(time.DateTime))
}

// refusalPage explains to a client how it can log in. Chromium with a new profile loads its
// Kerberos library only after the first refusal, so the page makes a browser try once more.
func refusalPage(w http.ResponseWriter, r *http.Request, code int) {
	text := "The server refused your token. The terminal of devrealm shows the reason."
	if code == http.StatusUnauthorized && sspihttp.Refusal(r.Context()) == nil {
		text = "You are not logged in: your client sent no Kerberos token.\n\n" +
			"curl: paste the lines of devrealm into the terminal, and use the options --negotiate -u :\n" +
			"Chromium: start it in that terminal, with the options that devrealm shows."
		if r.URL.RawQuery != again {
			w.Header().Set("Refresh", "1; url=/?"+again)
		}
	}
	http.Error(w, text, code)
}

// again is the query of a browser that tries once more.
const again = "again"

// twice passes each request to the server two times and answers with the second response, as
// a proxy that repeats requests does.
func twice(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			next.ServeHTTP(httptest.NewRecorder(), r.Clone(context.WithoutCancel(r.Context())))
		}
		next.ServeHTTP(w, r)
	})
}
