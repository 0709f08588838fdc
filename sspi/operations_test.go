package sspi_test

import (
	"testing"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// modelled is the expected state of a context.
type modelled struct {
	state    string // "zero", "retry", "third leg", "negotiating", "established", "failed", "closed", "deleted"
	client   *krbtest.Initiator
	expected []byte

	bargain // for package Negotiate
}

// machine has four handles, with a model for each.
type machine struct {
	*site
	handles [4]sspi.CtxtHandle
	models  [4]*modelled

	closing *sspi.Context // is closed during the next call of the replay cache
	closed  bool          // that call has closed it
}

// FuzzCTX_1_Operations makes calls of both APIs in any order, on four handles and copies of
// them, and compares every result with a model.
func FuzzCTX_1_Operations(f *testing.F) {
	f.Add([]byte{0, 0, 5, 0, 6, 0, 7, 0, 8, 0, 2, 0, 2, 0})
	f.Add([]byte{0, 4, 1, 0, 0, 8, 1, 4, 3, 4, 2, 0, 2, 1})
	for variant := range byte(64) { // every kind of negotiation, each until its end
		f.Add([]byte{11, 4 * variant, 12, 0, 12, 4 * (variant % 4), 12, 0, 12, 4, 12, 0, 12, 0, 12, 0, 12, 4, 12, 8, 12, 4, 12, 0, 12, 0, 8, 0, 7, 0})
		f.Add([]byte{11, 4 * variant, 12, 0, 6, 0, 13, 0, 12, 0, 13, 0, 13, 4, 13, 0, 13, 0, 10, 0, 5, 0})
		f.Add([]byte{11, 4 * variant, 12, 0, 14, 4 * variant, 12, 4, 10, 0, 4, 0})
	}
	f.Fuzz(func(t *testing.T, program []byte) {
		if len(program) > 64 {
			return // each exchange takes a millisecond
		}
		m := new(machine)
		m.site = newSite(t, m.watch)
		for i := range m.models {
			m.models[i] = &modelled{state: "zero"}
		}
		for ; len(program) >= 2; program = program[2:] {
			m.step(t, program[0]%15, int(program[1]%4), int(program[1]/4))
		}
	})
}

func (m *machine) step(t *testing.T, op byte, slot, variant int) {
	h, x := &m.handles[slot], m.models[slot]
	usable := x.state == "retry" || x.state == "third leg" || x.state == "negotiating" || x.state == "established"
	whenUsable, whenEstablished := status.SEC_E_INVALID_HANDLE, status.SEC_E_INVALID_HANDLE
	if usable {
		whenUsable = status.SEC_E_OK
	}
	if x.state == "established" {
		whenEstablished = status.SEC_E_OK
	}
	switch op {
	case 0:
		m.begin(t, slot, variant)
	case 1:
		m.later(t, slot, variant)
	case 2:
		want := status.SEC_E_OK
		if x.state == "zero" || x.state == "deleted" {
			want = status.SEC_E_INVALID_HANDLE
		}
		wantCode(t, "delete", sspi.DeleteSecurityContext(h), want)
		if *h != (sspi.CtxtHandle{}) {
			t.Error("the handle is valid after Delete")
		}
		if x.state != "zero" {
			x.state = "deleted" // for the copies of the handle
		}
		m.models[slot] = &modelled{state: "zero"}
	case 3:
		m.handles[variant%4], m.models[variant%4] = *h, x
	case 4:
		if (h.Context() != nil) != usable {
			t.Errorf("Context of a %s handle: %v", x.state, h.Context())
		}
		h.Context().Close()
		if usable {
			x.state = "closed"
		}
	case 5:
		wantCode(t, "query names", sspi.QueryContextAttributes(h, sspi.SECPKG_ATTR_NAMES, new(sspi.SecPkgContext_Names)), whenEstablished)
	case 6:
		wantCode(t, "query package", sspi.QueryContextAttributes(h, sspi.SECPKG_ATTR_PACKAGE_INFO, new(sspi.SecPkgContext_PackageInfo)), whenUsable)
		var last sspi.SecPkgContext_LastClientTokenStatus
		wantCode(t, "query the last token", sspi.QueryContextAttributes(h, sspi.SECPKG_ATTR_LAST_CLIENT_TOKEN_STATUS, &last), whenUsable)
		if is := last.LastClientTokenStatus == sspi.SecPkgAttrLastClientTokenYes; usable && is != (x.state == "established") {
			t.Errorf("the last token of a %s handle: %d", x.state, last.LastClientTokenStatus)
		}
	case 7:
		wantCode(t, "sign", sspi.MakeSignature(h, 0, message("text", make([]byte, 100)), 0), whenEstablished)
	case 8:
		var from standing
		if x.state == "established" { // otherwise the client would use up a sequence number
			from.client = x.client
		}
		wantCode(t, "decrypt", sspi.DecryptMessage(h, stream(from.wrap("text")), 0, nil), whenEstablished)
	case 9:
		want := status.SEC_E_INVALID_HANDLE
		if usable {
			want = status.SEC_E_UNSUPPORTED_FUNCTION
		}
		wantCode(t, "complete", sspi.CompleteAuthToken(h, nil), want)
	case 10:
		if failed := h.Err() != nil; failed != (x.state == "failed") && x.state != "deleted" {
			t.Errorf("Err of a %s handle: %v", x.state, h.Err())
		}
	case 11:
		m.offer(t, slot, variant)
	case 12:
		m.goOn(t, slot, variant)
	case 13: // the program closes the context while Accept calls the replay cache
		m.closing = h.Context()
		m.goOn(t, slot, variant)
		m.closing = nil
	case 14:
		m.disturb(t, slot, variant)
	}
}

// begin makes the first call for one of several clients, with an output buffer that fits or
// does not.
func (m *machine) begin(t *testing.T, slot, variant int) {
	clients := []struct {
		change func(*krbtest.APReq)
		code   status.Code
		state  string
	}{
		{nothing, status.SEC_E_OK, "established"},
		{dce, status.SEC_I_CONTINUE_NEEDED, "third leg"},
		{late, status.SEC_I_CONTINUE_NEEDED, "retry"},
		{wrongKey, status.SEC_E_LOGON_DENIED, "failed"},
		{oneWay, status.SEC_E_OK, "established"},
	}
	c := clients[variant%len(clients)]
	client := m.request(c.change).Start()
	client.RetrySkew = true
	token, _, _ := client.Next(nil)
	l := m.first(token)
	l.req = extendedError
	if short := variant/len(clients)%2 == 1; short && (variant%len(clients) < 2) {
		l.out = room(3)
		wantCode(t, "too little room", l.call(), status.SEC_E_BUFFER_TOO_SMALL)
		m.handles[slot], m.models[slot] = l.handle, &modelled{state: "zero"}
		return
	}
	wantCode(t, "accept", l.call(), c.code)
	x := &modelled{state: c.state, client: client}
	if c.code == status.SEC_I_CONTINUE_NEEDED || c.state == "established" && len(l.reply()) > 0 {
		var err error
		if x.expected, _, err = client.Next(l.reply()); err != nil {
			t.Errorf("the client: %v", err)
		}
	}
	m.handles[slot], m.models[slot] = l.handle, x
}

// later makes a further call with the expected token, a new client's token or invalid
// bytes.
func (m *machine) later(t *testing.T, slot, variant int) {
	h, x := &m.handles[slot], m.models[slot]
	if x.state == "negotiating" {
		m.disturb(t, slot, variant)
		return
	}
	token, client, expected := []byte("junk"), x.client, false
	switch variant % 3 {
	case 0:
		if x.expected != nil {
			token, expected = x.expected, true
		}
	case 1:
		expected = x.state == "retry"
		client = m.request().Start() // the context also accepts another client
		token, _, _ = client.Next(nil)
	}
	l := m.second(h, token)
	code := l.call()
	switch x.state {
	case "established":
		wantCode(t, "a token after the end", code, status.SEC_E_OUT_OF_SEQUENCE)
	case "retry", "third leg":
		want, state := status.SEC_E_INVALID_TOKEN, "failed"
		if expected {
			want, state = status.SEC_E_OK, "established"
		}
		wantCode(t, "a later token in "+x.state, code, want)
		if x.state == "retry" && expected {
			if _, done, err := client.Next(l.reply()); !done || err != nil {
				t.Errorf("the client: %v", err)
			}
			x.client = client
		}
		x.state, x.expected = state, nil
	default:
		wantCode(t, "a token for a "+x.state+" handle", code, status.SEC_E_INVALID_HANDLE)
	}
	if l.handle != *h {
		t.Error("the handle was changed")
	}
}
