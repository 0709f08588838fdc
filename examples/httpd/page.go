package main

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspihttp"
	"github.com/gosspi/kerberos/status"
)

//go:embed page.html
var pageHTML string

var pages = template.Must(template.New("page").Funcs(template.FuncMap{
	"when":    func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04:05 MST") },
	"stamp":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"binding": bindingWords,
}).Parse(pageHTML))

// who is what the page shows of a client that is logged in.
type who struct {
	Peer      *sspi.Peer
	Flags     []attribute
	Delegated *authenticator.Delegated
	Address   string
	Protocol  string
	TLS       bool
}

// attribute is one of the context, in words.
type attribute struct {
	Set        bool
	Name, Text string
}

func flagsOf(f flags.ASC_RET) []attribute {
	return []attribute{
		{f&flags.ASC_RET_MUTUAL_AUTH != 0, "MUTUAL_AUTH", "this server has proven itself to you, too"},
		{f&flags.ASC_RET_DELEGATE != 0, "DELEGATE", "you let this server act in your name"},
		{f&flags.ASC_RET_REPLAY_DETECT != 0, "REPLAY_DETECT", "messages that come twice are noticed"},
		{f&flags.ASC_RET_SEQUENCE_DETECT != 0, "SEQUENCE_DETECT", "messages out of order are noticed"},
		{f&flags.ASC_RET_CONFIDENTIALITY != 0, "CONFIDENTIALITY", "messages could be encrypted"},
		{f&flags.ASC_RET_INTEGRITY != 0, "INTEGRITY", "messages could be signed"},
	}
}

func bindingWords(b sspi.Binding) string {
	switch b {
	case sspi.BindingMatched:
		return "Your login is bound to this TLS connection: nobody can relay it."
	case sspi.BindingMissing:
		return "Your client did not bind its login to this TLS connection, as many do not."
	case sspi.BindingOfProxy:
		return "Your login is bound to the TLS connection of a proxy."
	}
	return "Nothing was compared: the connection has no TLS to bind the login to."
}

func whoPage(w http.ResponseWriter, r *http.Request) {
	peer, ok := sspihttp.Peer(r.Context())
	if !ok { // unreachable: the middleware lets nobody pass without
		http.Error(w, "nobody", http.StatusInternalServerError)
		return
	}
	show(w, http.StatusOK, "who", &who{
		Peer: peer, Flags: flagsOf(peer.Flags),
		Delegated: sspihttp.SecurityContext(r.Context()).Delegated(),
		Address:   r.Host, Protocol: r.Proto, TLS: r.TLS != nil,
	})
}

// refusal is what the page shows to somebody who is not.
type refusal struct {
	Code    int
	Address string
	Host    string // without its port
	Scheme  string
	NTLM    bool // the browser tried, and had no ticket
	Tried   bool
}

func refusalPage(w http.ResponseWriter, r *http.Request, code int) {
	err := sspihttp.Refusal(r.Context())
	host := r.Host
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		host = host[:i]
	}
	p := &refusal{Code: code, Address: r.Host, Host: host, Scheme: "http", NTLM: status.ReasonOf(err) == status.ReasonNTLM, Tried: err != nil}
	if r.TLS != nil {
		p.Scheme = "https"
	}
	show(w, code, "refusal", p)
}

// show writes a page whole or not at all.
func show(w http.ResponseWriter, code int, name string, data any) {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, data); err != nil {
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	_, _ = w.Write(b.Bytes()) // an error means that the client has gone
}
