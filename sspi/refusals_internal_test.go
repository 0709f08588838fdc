package sspi

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/secret"
	"github.com/gosspi/kerberos/internal/spnego"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket"
	"github.com/gosspi/kerberos/ticket/pac"
)

// wantDetail checks the Reason and a part of the Detail of err.
func wantDetail(t *testing.T, what string, err error, reason status.Reason, detail string) {
	t.Helper()
	if e := new(status.Error); !errors.As(err, &e) || e.Reason != reason || !strings.Contains(err.Error(), detail) {
		t.Errorf("%s: %v, want %v with %q", what, err, reason, detail)
	}
}

// TestCTX_12_ExportTooLarge checks that a context which cannot be written is not exported:
// with more than 64 delegated tickets, or with a ticket of 16 MiB. The context is closed
// then.
func TestCTX_12_ExportTooLarge(t *testing.T) {
	for name, change := range map[string]func(d *authenticator.Delegated){
		"65 tickets": func(d *authenticator.Delegated) {
			for len(d.Tickets) <= maxTickets {
				d.Tickets = append(d.Tickets, d.Tickets[0])
			}
		},
		"a ticket of 16 MiB": func(d *authenticator.Delegated) { d.Tickets[0].Ticket = secret.New(make([]byte, 1<<24)) },
	} {
		c, _ := begin(t, 0)
		c.acceptor.cfg.ExportKey = NewSecret(make([]byte, 32))
		change(c.delegated)
		b, err := c.Export()
		wantDetail(t, name, err, status.ReasonInternal, "too large to be exported")
		if b != nil || c.at() != stateClosed {
			t.Errorf("%s: %d bytes, state %d", name, len(b), c.at())
		}
		x := exported{delegated: &authenticator.Delegated{Tickets: make([]authenticator.DelegatedTicket, maxTickets+1)}}
		if b, err := x.marshal(); b != nil || err == nil {
			t.Errorf("%s: marshal returned %d bytes, %v", name, len(b), err)
		}
	}
}

// TestCTX_12_Unmarshal checks that an exported context is refused if it is truncated, is
// followed by a byte, or names an unknown package, although ExportKey has sealed it.
func TestCTX_12_Unmarshal(t *testing.T) {
	c, _ := begin(t, 0)
	state, err := c.protector.Release()
	if err != nil {
		t.Fatal(err)
	}
	whole := exported{at: c.acceptor.cfg.Time(), pkg: c.pkg, peer: c.peer, delegated: c.delegated, state: state}
	marshal := func(x exported) []byte {
		t.Helper()
		b, err := x.marshal()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	b := marshal(whole)
	if err := new(exported).unmarshal(b); err != nil {
		t.Fatal(err)
	}
	for n := range b {
		wantDetail(t, "truncated", new(exported).unmarshal(b[:n]), status.ReasonMalformedToken, "no exported context")
	}
	wantDetail(t, "a byte behind it", new(exported).unmarshal(append(bytes.Clone(b), 0)), status.ReasonMalformedToken, "no exported context")
	other := whole
	other.pkg = "NTLM"
	wantDetail(t, "another package", new(exported).unmarshal(marshal(other)), status.ReasonMalformedToken, "no exported context")
	nobody := whole
	nobody.delegated = &authenticator.Delegated{}
	wantDetail(t, "a delegated client without a name", new(exported).unmarshal(marshal(nobody)), status.ReasonMalformedToken, "no exported context")
}

// TestCTX_3_Busy checks that a call beside another call learns whether the context is
// closed or only in use.
func TestCTX_3_Busy(t *testing.T) {
	c, _ := begin(t, 0)
	wantDetail(t, "in use", c.busy(), status.ReasonContextState, "another Accept")
	c.Close()
	wantDetail(t, "closed", c.busy(), status.ReasonInvalidHandle, "closed")
}

// TestAnswer_InPlace checks that an AP-REP without SPNEGO is not copied.
func TestAnswer_InPlace(t *testing.T) {
	a := answer{hasAPRep: true, token: []byte("AP-REP")}
	if got := a.appendTo(nil); &got[0] != &a.token[0] {
		t.Error("the reply is a copy of the token")
	}
	a = answer{inSPNEGO: true, token: []byte("AP-REP"), response: spnego.Response{State: spnego.AcceptCompleted}}
	if got := a.appendTo([]byte("x")); got[0] != 'x' || !bytes.HasSuffix(got, a.token) {
		t.Errorf("%q", got)
	}
}

// TestDOS_2_OwnPAC checks that the access token keeps the PAC in its place if the ticket has
// little other authorization data, and copies the PAC otherwise.
func TestDOS_2_OwnPAC(t *testing.T) {
	memory := make([]byte, 2000)
	little := &ticket.Content{AuthorizationData: memory[:1200], PAC: memory[100:1100]}
	if p := ownPAC(little); &p[0] != &little.PAC[0] {
		t.Error("a PAC with little data around it is copied")
	}
	much := &ticket.Content{AuthorizationData: memory, PAC: memory[100:1100]}
	if p := ownPAC(much); &p[0] == &much.PAC[0] || len(p) != 1000 {
		t.Error("a PAC keeps much data around it in memory")
	}
}

// TestBackendContext checks that only an acceptor whose keys and replay cache may have to
// wait makes a deadline for them.
func TestBackendContext(t *testing.T) {
	c, _ := begin(t, 0)
	for _, immediate := range []bool{true, false} {
		c.acceptor.immediate = immediate
		ctx, cancel := c.acceptor.backendContext()
		if _, bounded := ctx.Deadline(); bounded == immediate {
			t.Errorf("immediate %v: the context has a deadline: %v", immediate, bounded)
		}
		cancel()
	}
}

// TestAcquire_DefaultKeytabText checks that the error for an unreadable default keytab names
// the file.
func TestAcquire_DefaultKeytabText(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none")
	t.Setenv("KRB5_KTNAME", "FILE:"+path)
	_, err := acquire("", nil)
	wantDetail(t, "no file", err, status.ReasonNoCredentials, "does not exist")
}

// TestBuffers_StreamText checks that the error for a STREAM names the only function that
// takes it.
func TestBuffers_StreamText(t *testing.T) {
	d := &SecBufferDesc{Buffers: []SecBuffer{{BufferType: SECBUFFER_STREAM, Buffer: []byte("x")}}}
	wantDetail(t, "EncryptMessage", d.checkMessage(encryptsMessage), status.ReasonBufferType, "only DecryptMessage takes a STREAM")
	if err := d.checkMessage(decryptsMessage); err != nil {
		t.Errorf("DecryptMessage: %v", err)
	}
}

// TestPAC_Origin checks which realms belong to the service's own forest.
func TestPAC_Origin(t *testing.T) {
	p := &PACPolicy{ForestRealms: []string{"CHILD.EXAMPLE.COM"}}
	for client, want := range map[string]pac.Origin{
		"EXAMPLE.COM": pac.OwnRealm, "CHILD.EXAMPLE.COM": pac.OwnForest, "PARTNER.EXAMPLE": pac.OtherForest, "child.example.com": pac.OtherForest,
	} {
		if got := p.origin(client, "EXAMPLE.COM"); got != want {
			t.Errorf("%s: %d, want %d", client, got, want)
		}
	}
}

// TestPAC_DomainWithoutName checks that a PAC without a name of its domain has no name of
// another domain, although that domain has no name either.
func TestPAC_DomainWithoutName(t *testing.T) {
	const own, partner = "EXAMPLE.COM", "PARTNER.EXAMPLE"
	learned := map[string]domain{own: {}}
	if why := otherName("", partner, own, nil, learned); why != "" {
		t.Errorf("no name: %s", why)
	}
	for _, name := range []string{"example.com", "EXAMPLE"} {
		learned[own] = domain{netBIOS: "Example"}
		if why := otherName(name, partner, own, nil, learned); !strings.Contains(why, `the realm "EXAMPLE.COM"`) {
			t.Errorf("%s: %q", name, why)
		}
	}
}
