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
	"github.com/gosspi/kerberos/sspi/sspiallow"
	"github.com/gosspi/kerberos/sspi/sspihttp"
	"github.com/gosspi/kerberos/status"
)

//go:embed page.html
var pageHTML string

var pages = template.Must(template.New("page").Funcs(template.FuncMap{
	"when":    func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04:05 MST") },
	"stamp":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"binding": bindingWords,
	"claim":   claimValues,
}).Parse(pageHTML))

// who has the data of the page for an authenticated client.
type who struct {
	Name      string // of the account or, without one, of the principal
	Unproven  bool   // the client typed Name, which proves no identity
	Peer      *sspi.Peer
	Account   *account // nil if the ticket has no PAC that the server uses
	Flags     []attribute
	Delegated *authenticator.Delegated
	Address   string
	Protocol  string
	TLS       bool
}

// attribute describes a flag of the context in words.
type attribute struct {
	Set        bool
	Name, Text string
}

// flagsOf returns the flags that the page shows, set or not.
func flagsOf(f flags.ASC_RET) []attribute {
	return []attribute{
		{f&flags.ASC_RET_MUTUAL_AUTH != 0, "MUTUAL_AUTH", "this server has authenticated itself to you, too"},
		{f&flags.ASC_RET_DELEGATE != 0, "DELEGATE", "you have delegated credentials to this server"},
		{f&flags.ASC_RET_REPLAY_DETECT != 0, "REPLAY_DETECT", "replayed messages are detected"},
		{f&flags.ASC_RET_SEQUENCE_DETECT != 0, "SEQUENCE_DETECT", "messages out of order are detected"},
		{f&flags.ASC_RET_CONFIDENTIALITY != 0, "CONFIDENTIALITY", "messages can be encrypted"},
		{f&flags.ASC_RET_INTEGRITY != 0, "INTEGRITY", "messages can be signed"},
	}
}

// bindingWords describes b for the client.
func bindingWords(b authenticator.Binding) string {
	switch b {
	case authenticator.BindingMatched:
		return "Your login is bound to this TLS connection: it cannot be relayed over another connection."
	case authenticator.BindingMissing:
		return "Your client did not bind its login to this TLS connection. Many clients do not support it."
	case authenticator.BindingOfProxy:
		return "Your login is bound to the TLS connection of a proxy."
	}
	return "Your login is not bound to a TLS connection: this connection does not use TLS."
}

// whoPage returns the handler of the page that shows an authenticated client its name, ticket and
// context. The page has the names of groups that names has.
func whoPage(names *sspiallow.Names) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { showWho(w, r, names) }
}

// showWho writes that page.
func showWho(w http.ResponseWriter, r *http.Request, names *sspiallow.Names) {
	peer, ok := sspihttp.Peer(r.Context())
	if !ok { // unreachable: the middleware admits authenticated clients only
		http.Error(w, "the client is not authenticated", http.StatusInternalServerError)
		return
	}
	_, err := peer.Principal()
	show(w, http.StatusOK, "who", &who{
		Name: nameOf(peer), Unproven: err != nil, Peer: peer, Account: accountOf(peer, names), Flags: flagsOf(peer.Flags),
		Delegated: sspihttp.SecurityContext(r.Context()).Delegated(),
		Address:   r.Host, Protocol: r.Proto, TLS: r.TLS != nil,
	})
}

// refusal has the data of the page for a refused client.
type refusal struct {
	Code    int
	Address string
	Host    string // Address without its port
	Scheme  string
	NTLM    bool // the browser sent an NTLM token, because it had no ticket
	Tried   bool // the browser sent a token
}

// refusalPage explains to a client how it can log in.
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

// show writes a page. If the template fails, show writes an error instead of a part of
// the page.
func show(w http.ResponseWriter, code int, name string, data any) {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, data); err != nil {
		http.Error(w, "the server could not make the page", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	_, _ = w.Write(b.Bytes()) // an error means that the client has closed the connection
}
