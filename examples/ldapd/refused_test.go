package main

import (
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"

	"github.com/gosspi/kerberos/sspi/sspisasl"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// getsIn: the next good client logs in.
func (w *world) getsIn(t *testing.T) {
	t.Helper()
	c := w.dial(t)
	if r := c.gssapi(w, sspisasl.Confidentiality, ""); r.code != success {
		t.Fatalf("a good client: %+v\n%s", r, w.log)
	}
	c.isAlice("GSSAPI", sspisasl.Confidentiality)
}

var ntlm = []byte("NTLMSSP\x00\x01\x00\x00\x00\x97\x82\x08\xe2\x00\x00\x00\x00\x28\x00\x00\x00\x00\x00\x00\x00\x28\x00\x00\x00\x0a\x00\x61\x4a\x00\x00\x00\x0f")

// TestBind_Refused: each is answered, logged, and leaves a session in which a good
// login succeeds.
func TestBind_Refused(t *testing.T) {
	w := start(t, allLayers)
	_, forOther := w.initiate(t, sspitest.Options{})
	if err := w.realm.Rotate(service); err != nil {
		t.Fatal(err)
	}
	_, _ = w.realm.Service("HTTP/localhost")
	web, err := w.realm.User("alice").Initiate("HTTP/localhost", sspitest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	toWeb, _, err := web.Next(nil)
	if err != nil {
		t.Fatal(err)
	}
	_, expired := w.initiate(t, sspitest.Options{EndTime: time.Now().Add(-time.Hour)})
	for name, c := range map[string]struct {
		mechanism string
		token     []byte
		code      int64
		reason    status.Reason // "": not looked at
	}{
		"unknown mechanism":       {"DIGEST-MD5", nil, authMethodNotSupported, status.ReasonUnsupportedMechanism},
		"mechanism without name":  {"", nil, authMethodNotSupported, status.ReasonUnsupportedMechanism},
		"mechanism in lower case": {"gssapi", nil, authMethodNotSupported, status.ReasonUnsupportedMechanism},
		"long mechanism":          {strings.Repeat("\n", 60_000), nil, authMethodNotSupported, status.ReasonUnsupportedMechanism},
		"rubbish":                 {"GSSAPI", []byte("rubbish"), invalidCredentials, status.ReasonMalformedToken},
		"rubbish, SPNEGO":         {"GSS-SPNEGO", []byte("rubbish"), invalidCredentials, 0},
		"rubbish, GS2":            {"GS2-KRB5", []byte("rubbish"), invalidCredentials, status.ReasonMalformedToken},
		"GS2, no token":           {"GS2-KRB5", []byte("n,,"), invalidCredentials, status.ReasonMalformedToken},
		"NTLM":                    {"GSSAPI", ntlm, invalidCredentials, 0},
		"NTLM, SPNEGO":            {"GSS-SPNEGO", ntlm, invalidCredentials, status.ReasonNTLM},
		"60 kB of zeros":          {"GSSAPI", make([]byte, 60_000), invalidCredentials, 0},
		"ticket for another":      {"GSSAPI", toWeb, invalidCredentials, 0},
		"expired ticket":          {"GSSAPI", expired, invalidCredentials, status.ReasonTicketExpired},
		"one bit wrong":           {"GSSAPI", flipped(forOther), invalidCredentials, 0},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(w.log.String())
			client := w.dial(t)
			r := client.sasl(c.mechanism, c.token)
			log := w.log.String()[before:]
			if r.code != c.code || !strings.Contains(log, "refused") || len(log) > 1000 || strings.Count(log, "\n") != 1 {
				t.Errorf("%+v, want %d; log:\n%.2000s", r, c.code, log)
			}
			if c.reason != 0 && !strings.Contains(log, "reason="+c.reason.String()) {
				t.Errorf("want %v; log:\n%s", c.reason, log)
			}
			if id := client.whoAmI(); id != "" {
				t.Errorf("whoami is %q", id)
			}
			if r := client.gssapi(w, sspisasl.Integrity, ""); r.code != success {
				t.Errorf("a good login afterwards: %+v", r)
			}
		})
	}
}

func flipped(token []byte) []byte {
	token = slices.Clone(token)
	token[len(token)-1] ^= 1
	return token
}

// TestBind_OtherThanSASL: what is not SASL, and what is no version 3.
func TestBind_OtherThanSASL(t *testing.T) {
	w := start(t, allLayers)
	c := w.dial(t)
	for _, b := range []struct {
		name, password string
		code           int64
	}{
		{"", "", success},
		{"cn=alice", "secret", authMethodNotSupported},
		{"", "secret", authMethodNotSupported},
		{"cn=alice", "", unwillingToPerform},
	} {
		if r := c.simple(b.name, b.password); r.code != b.code {
			t.Errorf("%q with password %q: %+v, want %d", b.name, b.password, r, b.code)
		}
		if id := c.whoAmI(); id != "" {
			t.Errorf("whoami is %q", id)
		}
	}
	c.write(c.next(bindOp(2, "", tagged(authSimple, ""))))
	if r := c.must(opBindResponse); r.code != protocolError {
		t.Errorf("version 2: %+v", r)
	}
	c.write(c.next(bindOp(ldapVersion, "", tagged(10, "sicily"))))
	if r := c.must(opBindResponse); r.code != authMethodNotSupported {
		t.Errorf("another choice: %+v", r)
	}
	if strings.Contains(w.log.String(), "secret") {
		t.Errorf("the log has a password:\n%s", w.log)
	}
}

// TestBind_NoInitialToken: a client may name the mechanism alone, and is asked.
func TestBind_NoInitialToken(t *testing.T) {
	w := start(t, allLayers)
	for _, mechanism := range []string{"GSSAPI", "GS2-KRB5"} {
		c := w.dial(t)
		r := c.sasl(mechanism, nil)
		if got, ok := r.more[responseSASLCredentials]; r.code != saslBindInProgress || !ok || got != "" {
			t.Errorf("%s: %+v", mechanism, r)
		}
		if r := c.sasl(mechanism, nil); r.code != invalidCredentials {
			t.Errorf("%s, again without a token: %+v", mechanism, r)
		}
		if r := c.gssapi(w, sspisasl.Integrity, ""); r.code != success {
			t.Errorf("a good login afterwards: %+v", r)
		}
	}
}

func TestBind_PolicyRefuses(t *testing.T) {
	w := start(t, sspisasl.Confidentiality)
	for name, login := range map[string]func(c *client) response{
		"no layer":         func(c *client) response { return c.gssapi(w, sspisasl.NoLayer, "") },
		"integrity":        func(c *client) response { return c.gssapi(w, sspisasl.Integrity, "") },
		"somebody else":    func(c *client) response { return c.gssapi(w, sspisasl.Confidentiality, "u:bob") },
		"a DN":             func(c *client) response { return c.gssapi(w, sspisasl.Confidentiality, "dn:cn=alice") },
		"without a prefix": func(c *client) response { return c.gssapi(w, sspisasl.Confidentiality, "alice") },
	} {
		c := w.dial(t)
		if r := login(c); r.code != invalidCredentials {
			t.Errorf("%s: %+v", name, r)
		}
		if id := c.whoAmI(); id != "" {
			t.Errorf("%s: whoami is %q", name, id)
		}
	}
	w.getsIn(t)
}

// TestBind_Replay: a token that logged somebody in logs nobody in on another
// connection, nor on the same.
func TestBind_Replay(t *testing.T) {
	w := start(t, allLayers)
	c := w.dial(t)
	_, token := w.initiate(t, sspitest.Options{})
	if r := c.sasl("GSSAPI", token); r.code != saslBindInProgress {
		t.Fatalf("%+v", r)
	}
	for _, thief := range []*client{w.dial(t), c} {
		thief.simple("", "") // ends what is in progress
		if r := thief.sasl("GSSAPI", token); r.code != invalidCredentials {
			t.Errorf("%+v", r)
		}
	}
	if n := strings.Count(w.log.String(), "reason="+status.ReasonReplay.String()); n != 2 {
		t.Errorf("%d replays were noticed:\n%s", n, w.log)
	}
	w.getsIn(t)
}

// TestBind_SecondLegElsewhere: an exchange belongs to its connection.
func TestBind_SecondLegElsewhere(t *testing.T) {
	w := start(t, allLayers)
	one, other := w.dial(t), w.dial(t)
	i, token := w.initiate(t, sspitest.Options{})
	r := one.sasl("GSSAPI", token)
	if _, _, err := i.Next([]byte(r.more[responseSASLCredentials])); err != nil {
		t.Fatal(err)
	}
	offer := one.sasl("GSSAPI", nil)
	if _, _, err := i.Unwrap([]byte(offer.more[responseSASLCredentials])); err != nil {
		t.Fatal(err)
	}
	answer, err := i.Wrap([]byte{byte(sspisasl.NoLayer), 0, 0, 0}, false)
	if err != nil {
		t.Fatal(err)
	}
	if r := other.sasl("GSSAPI", answer); r.code != invalidCredentials {
		t.Errorf("on another connection: %+v", r)
	}
	if r := one.sasl("GSSAPI", answer); r.code != success {
		t.Errorf("on its own: %+v", r)
	}
}

// TestBind_Aborted: a bind of another kind ends one that is in progress (RFC 4511,
// Section 4.2.1).
func TestBind_Aborted(t *testing.T) {
	w := start(t, allLayers)
	for name, other := range map[string]struct {
		auth *ber.Packet
		code int64
	}{
		"anonymous":         {tagged(authSimple, ""), success},
		"password":          {tagged(authSimple, "x"), authMethodNotSupported},
		"another mechanism": {choice(authSASL, octets("GS2-KRB5"), octets("")), saslBindInProgress},
		"unknown mechanism": {choice(authSASL, octets("EXTERNAL")), authMethodNotSupported},
		"none":              {choice(authSASL, octets("")), authMethodNotSupported},
	} {
		t.Run(name, func(t *testing.T) {
			c := w.dial(t)
			_, token := w.initiate(t, sspitest.Options{})
			if r := c.sasl("GSSAPI", token); r.code != saslBindInProgress {
				t.Fatalf("%+v", r)
			}
			c.write(c.next(bindOp(ldapVersion, "", other.auth)))
			if r := c.must(opBindResponse); r.code != other.code {
				t.Fatalf("%+v", r)
			}
			// The next response would have been this empty one.
			if r := c.sasl("GSSAPI", []byte{}); r.code != saslBindInProgress || r.more[responseSASLCredentials] != "" {
				t.Errorf("the exchange went on: %+v", r)
			}
		})
	}
}

// TestBind_Again: a bind makes the client nobody, and what comes of it then
// counts. Under a security layer only an anonymous one is taken.
func TestBind_Again(t *testing.T) {
	w := start(t, allLayers)
	c := w.dial(t)
	for range 3 {
		if r := c.gssapi(w, sspisasl.NoLayer, ""); r.code != success {
			t.Fatalf("%+v", r)
		}
		c.isAlice("GSSAPI", sspisasl.NoLayer)
		if r := c.sasl("GSSAPI", []byte("rubbish")); r.code != invalidCredentials {
			t.Fatalf("%+v", r)
		}
		if id := c.whoAmI(); id != "" {
			t.Fatalf("whoami is %q after a login that failed", id)
		}
	}
	if r := c.gssapi(w, sspisasl.Confidentiality, ""); r.code != success {
		t.Fatalf("%+v", r)
	}
	if r := c.sasl("GSSAPI", nil); r.code != unwillingToPerform {
		t.Errorf("under a layer: %+v", r)
	}
	if id := c.whoAmI(); id != "" {
		t.Errorf("whoami is %q after a login that failed", id)
	}
	if r := c.simple("", ""); r.code != success {
		t.Errorf("anonymous under a layer: %+v", r)
	}
	w.getsIn(t)
}

// TestPipelined_DuringTheHandshake: nothing but a bind counts until it is over.
func TestPipelined_DuringTheHandshake(t *testing.T) {
	w := start(t, allLayers)
	c := w.dial(t)
	i, token := w.initiate(t, sspitest.Options{})
	c.write(slices.Concat(c.next(saslOp("GSSAPI", token)), c.next(extendedOp(oidWhoAmI)),
		c.next(searchOp("", scopeBase, present("objectClass"))), c.next(ber.NewString(ber.ClassApplication, ber.TypePrimitive, opAbandonRequest, "\x01", ""))))
	reply, err := c.read()
	if err != nil || reply.code != saslBindInProgress {
		t.Fatalf("%+v, %v", reply, err)
	}
	for _, op := range []ber.Tag{opExtendedResponse, opSearchResultDone} {
		if r, err := c.read(); err != nil || r.op != op || r.code != operationsError {
			t.Errorf("%+v, %v; want operationsError", r, err)
		}
	}
	if _, _, err := i.Next([]byte(reply.more[responseSASLCredentials])); err != nil {
		t.Fatal(err)
	}
	if r := c.sasl("GSSAPI", nil); r.code != saslBindInProgress || len(r.more[responseSASLCredentials]) == 0 {
		t.Errorf("the exchange did not go on: %+v", r)
	}
}

// TestPipelined_ClearBehindTheLogin: what was sent in clear behind a login is not
// taken for a protected request.
func TestPipelined_ClearBehindTheLogin(t *testing.T) {
	w := start(t, allLayers)
	c := w.dial(t)
	i, token := w.initiate(t, sspitest.Options{})
	r := c.sasl("GSSAPI", token)
	if _, _, err := i.Next([]byte(r.more[responseSASLCredentials])); err != nil {
		t.Fatal(err)
	}
	if _, _, err := i.Unwrap([]byte(c.sasl("GSSAPI", nil).more[responseSASLCredentials])); err != nil {
		t.Fatal(err)
	}
	answer, err := i.Wrap([]byte{byte(sspisasl.Integrity), 0, 0xff, 0xff}, false)
	if err != nil {
		t.Fatal(err)
	}
	c.write(slices.Concat(c.next(saslOp("GSSAPI", answer)), envelope(c.id+1, extendedOp(oidWhoAmI))))
	if r := c.must(opBindResponse); r.code != success {
		t.Fatalf("%+v", r)
	}
	c.ended()
	w.end()
	if !strings.Contains(w.log.String(), "session ended") {
		t.Errorf("nothing was logged about it:\n%s", w.log)
	}
}

// TestLayer_Tampered: a message that somebody changed ends the session.
func TestLayer_Tampered(t *testing.T) {
	w := start(t, allLayers)
	c := w.dial(t)
	if r := c.gssapi(w, sspisasl.Integrity, ""); r.code != success {
		t.Fatalf("%+v", r)
	}
	l := c.conn.(*layered)
	token, err := l.initiator.Wrap(c.next(extendedOp(oidWhoAmI)), false)
	if err != nil {
		t.Fatal(err)
	}
	token[20] ^= 1
	if _, err := l.Conn.Write(append([]byte{0, 0, byte(len(token) >> 8), byte(len(token))}, token...)); err != nil {
		t.Fatal(err)
	}
	c.conn = l.Conn
	c.ended()
	w.getsIn(t)
}

func TestMalformed(t *testing.T) {
	w := start(t, allLayers)
	for name, wire := range map[string]string{
		"HTTP":               "GET / HTTP/1.1\r\n\r\n",
		"1 MiB of a bind":    wrap(sequenceTag, strings.Repeat("\x00", 1<<20))[:5], // told by its length, so that nothing is left to be read
		"a response":         wrap(sequenceTag, "\x02\x01\x02\x61\x07\x0a\x01\x00\x04\x00\x04\x00"),
		"bind without more":  wrap(sequenceTag, "\x02\x01\x01"+wrap(0x60, "")),
		"bind, bad version":  wrap(sequenceTag, "\x02\x01\x01"+wrap(0x60, "\x02\x00\x04\x00\x80\x00")),
		"bind, no choice":    wrap(sequenceTag, "\x02\x01\x01"+wrap(0x60, "\x02\x01\x03\x04\x00\x04\x00")),
		"simple, nested":     wrap(sequenceTag, "\x02\x01\x01"+wrap(0x60, "\x02\x01\x03\x04\x00\xa0\x00")),
		"SASL, empty":        wrap(sequenceTag, "\x02\x01\x01"+wrap(0x60, "\x02\x01\x03\x04\x00\xa3\x00")),
		"SASL, primitive":    wrap(sequenceTag, "\x02\x01\x01"+wrap(0x60, "\x02\x01\x03\x04\x00\x83\x02\x04\x00")),
		"SASL, bad token":    wrap(sequenceTag, "\x02\x01\x01"+wrap(0x60, "\x02\x01\x03\x04\x00\xa3\x05\x04\x00\x02\x01\x00")),
		"extended, empty":    wrap(sequenceTag, "\x02\x01\x01"+wrap(0x77, "")),
		"search, empty":      wrap(sequenceTag, "\x02\x01\x01"+wrap(0x63, "")),
		"search, bad scope":  wrap(sequenceTag, "\x02\x01\x01"+wrap(0x63, "\x04\x00\x0a\x01\x09\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\x87\x02cn\x30\x00")),
		"search, bad filter": wrap(sequenceTag, "\x02\x01\x01"+wrap(0x63, "\x04\x00\x0a\x01\x00\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\xa2\x00\x30\x00")),
		"search, no list":    wrap(sequenceTag, "\x02\x01\x01"+wrap(0x63, "\x04\x00\x0a\x01\x00\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\x87\x02cn\x04\x00")),
		"search, bad name":   wrap(sequenceTag, "\x02\x01\x01"+wrap(0x63, "\x04\x00\x0a\x01\x00\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\x87\x02cn\x30\x02\x05\x00")),
	} {
		t.Run(name, func(t *testing.T) {
			c := w.dial(t)
			if name == "HTTP" { // it goes on behind the byte that gives it away
				wire = wire[:1]
			}
			c.write([]byte(wire))
			c.disconnected(protocolError)
		})
	}
	w.getsIn(t)
}

// TestOther: what is understood and not done.
func TestOther(t *testing.T) {
	w := start(t, allLayers)
	c := w.dial(t)
	for _, op := range []ber.Tag{opModifyRequest, opAddRequest, opDelRequest, opModifyDNRequest, opCompareRequest} {
		form := ber.TypeConstructed
		if op == opDelRequest {
			form = ber.TypePrimitive
		}
		c.write(c.next(ber.Encode(ber.ClassApplication, form, op, nil, "")))
		if r := c.must(responses[op]); r.code != unwillingToPerform {
			t.Errorf("operation %d: %+v", op, r)
		}
	}
	for _, oid := range []string{"1.2.3", oidStartTLS, oidDisconnection} {
		c.write(c.next(extendedOp(oid)))
		if r := c.must(opExtendedResponse); r.code != protocolError {
			t.Errorf("extended operation %s: %+v", oid, r)
		}
	}
	withValue := extendedOp(oidWhoAmI)
	withValue.AppendChild(tagged(1, ""))
	c.write(c.next(withValue))
	if r := c.must(opExtendedResponse); r.code != protocolError {
		t.Errorf("whoami with a value: %+v", r)
	}
	for _, critical := range []string{"\x01\x01\xff", "\x01\x01\x00", ""} {
		c.id++
		c.write([]byte(wrap(sequenceTag, "\x02\x01"+string(rune(c.id))+wrap(0x77, wrap(0x80, oidWhoAmI))+wrap(0xa0, wrap(0x30, wrap(0x04, "1.2.3")+critical)))))
		want := int64(success)
		if critical == "\x01\x01\xff" {
			want = unavailableCriticalExtension
		}
		if r := c.must(opExtendedResponse); r.code != want {
			t.Errorf("a control, criticality %q: %+v", critical, r)
		}
	}
	c.write(c.next(ber.Encode(ber.ClassApplication, ber.TypePrimitive, opUnbindRequest, nil, "")))
	c.ended()
}

// TestGone: clients that leave in the middle of something leave nothing behind:
// start's cleanup waits for every goroutine.
func TestGone(t *testing.T) {
	w := start(t, allLayers)
	for n := range 8 {
		c := w.dial(t)
		_, token := w.initiate(t, sspitest.Options{})
		bind := c.next(saslOp("GSSAPI", token))
		if n < 7 { // in the middle of the first leg
			c.write(bind[:len(bind)*n/7])
		} else { // after it
			c.write(bind)
			c.must(opBindResponse)
		}
		c.conn.Close()
	}
	w.getsIn(t)
}

// TestHalfOpen: a thousand clients that begin and do not go on, and a good one.
func TestHalfOpen(t *testing.T) {
	w := start(t, allLayers)
	for range 1000 {
		c := w.dial(t)
		_, token := w.initiate(t, sspitest.Options{})
		c.write(c.next(saslOp("GSSAPI", token)))
		if r := c.must(opBindResponse); r.code != saslBindInProgress {
			t.Fatalf("%+v", r)
		}
	}
	w.getsIn(t)
	w.srv.door.mu.Lock()
	waiting := len(w.srv.door.waiting)
	w.srv.door.mu.Unlock()
	if waiting > maxWaiting {
		t.Errorf("%d connections wait to log in", waiting)
	}
}

// TestHalfOpen_AtOnce: the same, all at a time.
func TestHalfOpen_AtOnce(t *testing.T) {
	w := start(t, allLayers)
	in := w.dial(t)
	if r := in.gssapi(w, sspisasl.Confidentiality, ""); r.code != success {
		t.Fatalf("%+v", r)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				conn, err := net.Dial("tcp", w.addr)
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
			}
		})
	}
	wg.Wait()
	w.getsIn(t)
	in.isAlice("GSSAPI", sspisasl.Confidentiality) // who is in stays
}

func TestDoor_Full(t *testing.T) {
	w := start(t, allLayers)
	w.srv.door.mu.Lock()
	w.srv.door.inside = map[net.Conn]bool{}
	for range maxInside - 1 {
		one, _ := net.Pipe()
		w.srv.door.inside[one] = true
	}
	w.srv.door.mu.Unlock()
	last := w.dial(t)
	if r := last.gssapi(w, sspisasl.NoLayer, ""); r.code != success {
		t.Fatalf("%+v", r)
	}
	if r := w.dial(t).gssapi(w, sspisasl.NoLayer, ""); r.code != busy {
		t.Fatalf("%+v", r)
	}
	last.simple("", "") // makes room
	if r := w.dial(t).gssapi(w, sspisasl.NoLayer, ""); r.code != success {
		t.Fatalf("%+v", r)
	}
}

// TestShutdown: clients are told, whether they have logged in or not.
func TestShutdown(t *testing.T) {
	w := start(t, allLayers)
	waiting, in := w.dial(t), w.dial(t)
	waiting.whoAmI()
	if r := in.gssapi(w, sspisasl.Confidentiality, ""); r.code != success {
		t.Fatalf("%+v", r)
	}
	w.end()
	waiting.disconnected(unavailable)
	in.disconnected(unavailable)
}

// TestDeadlines: with a clock of its own. Nobody has to wait for a client that
// does not go on, nor does one that drips its bytes get more time.
func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, srv, _ := newServer(t, allLayers)
		ours, theirs := net.Pipe()
		begin := time.Now()
		var took time.Duration
		go func() {
			srv.handle(t.Context(), theirs)
			took = time.Since(begin)
		}()
		for _, b := range []byte("\x30\x84\x00\x00\x00\x40") {
			time.Sleep(time.Second)
			if _, err := ours.Write([]byte{b}); err != nil {
				t.Error(err)
			}
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if took != toLogIn {
			t.Errorf("the session ended after %v, want %v", took, toLogIn)
		}
	})
}
