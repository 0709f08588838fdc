package sspi_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket/pac"
)

// TestAllocations_Accept limits the allocations of Accept: the context, the session key,
// three key schedules, the client's name, its subkey, which is behind a pointer so that
// nothing prints it, and the reply. In the Windows API the reply is in the caller's buffer.
func TestAllocations_Accept(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	const runs = 100
	realm := krbtest.NewRealm("EXAMPLE.COM")
	plain := realm.Ticket("alice", service)
	windows := realm.Ticket("alice", service)
	member := realm.Ticket("alice", service)
	member.PAC = pacWithGroups(24)
	windows.Part.AuthorizationData = append(windows.Part.AuthorizationData, krbtest.IfRelevant())
	for _, row := range []struct {
		name           string
		ticket         *krbtest.Ticket
		target         string
		goFace, buffer float64
	}{
		{"small", plain, "", 8, 7},
		// All byte fields of the ticket share one copy.
		{"with authorization data", windows, "", 9, 8},
		// The target's text, and the value that holds it.
		{"with a target", plain, service, 10, 9},
		// Beside the authorization data: the PAC, its SIDs, its names, the extra SIDs, the
		// access token, and the SIDs that grant.
		{"with 24 groups in a PAC", member, "", 15, 14},
	} {
		t.Run(row.name, func(t *testing.T) {
			request := row.ticket.APReq()
			request.Target = row.target
			tokens := make([][]byte, 2*(runs+1))
			for i := range tokens {
				tokens[i] = request.Token()
			}
			a, err := sspi.NewAcceptor(sspi.Config{
				Keys: realm.Service(service), Time: realm.Now,
				Replay: authenticator.NewMemoryCache(0, authenticator.AcceptOlder),
			})
			if err != nil {
				t.Fatal(err)
			}
			next := 0
			got := testing.AllocsPerRun(runs, func() {
				if _, _, err := a.NewContext(sspi.ContextConfig{}).Accept(context.Background(), tokens[next]); err != nil {
					t.Fatal(err)
				}
				next++
			})
			if got > row.goFace {
				t.Errorf("Go API: %v allocations, the budget is %v", got, row.goFace)
			}
			h := a.CredHandle(sspi.Kerberos)
			in, out, room := message("", nil), message("", nil), make([]byte, 1024)
			got = testing.AllocsPerRun(runs, func() {
				in.Buffers[0].Buffer, out.Buffers[0].Buffer = tokens[next], room
				var ctx sspi.CtxtHandle
				var attr flags.ASC_RET
				if code := sspi.AcceptSecurityContext(&h, nil, in, 0, 0, &ctx, out, &attr, nil); code != status.SEC_E_OK {
					t.Fatal(code, ctx.Err())
				}
				next++
			})
			if got > row.buffer {
				t.Errorf("Windows API, into a buffer: %v allocations, the budget is %v", got, row.buffer)
			}
		})
	}
}

// TestAllocations_Messages checks that functions that protect messages in the caller's
// memory do not allocate.
func TestAllocations_Messages(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	h, client := newSite(t).establish(t, asking(flags.GSS_C_MUTUAL_FLAG|flags.GSS_C_CONF_FLAG|flags.GSS_C_INTEG_FLAG))
	c, text := h.Context(), []byte("a message of some length")
	token, _ := client.Wrap(text, true)
	signed, _ := client.Wrap(text, false)
	mic, _ := client.GetMIC(text)
	dst := make([]byte, 0, 200)
	data := append([]byte(nil), text...)
	trailer := make([]byte, 100)
	d := message("", nil)
	for name, call := range map[string]func() error{
		"Wrap":         func() error { _, err := c.Wrap(dst, text, true); return err },
		"Wrap, signed": func() error { _, err := c.Wrap(dst, text, false); return err },
		"Unwrap":       func() error { _, _, err := c.Unwrap(dst, token); return err },
		"Unwrap, signed": func() error {
			_, _, err := c.Unwrap(dst, signed)
			return err
		},
		"GetMIC":    func() error { _, err := c.GetMIC(dst, text); return err },
		"VerifyMIC": func() error { return c.VerifyMIC(text, mic) },
		"EncryptMessage": func() error {
			d.Buffers[0].Buffer, d.Buffers[1].Buffer = trailer, data
			return sspi.EncryptMessage(&h, 0, d, 0).Err()
		},
		"MakeSignature": func() error {
			d.Buffers[0].Buffer, d.Buffers[1].Buffer = trailer, data
			return sspi.MakeSignature(&h, 0, d, 0).Err()
		},
	} {
		var err error
		got := testing.AllocsPerRun(100, func() {
			if e := call(); e != nil {
				err = e
			}
		})
		if err != nil || got != 0 {
			t.Errorf("%s: %v allocations, %v", name, got, err)
		}
	}
}

// pacWithGroups returns a PAC with n groups of the account's domain.
func pacWithGroups(n int) *krbtest.PAC {
	const domain, enabled = "S-1-5-21-1-2-3", 7
	l := &pac.LogonInfo{
		AccountName: "alice", LogonDomain: "EXAMPLE", UserSID: pac.MustParseSID(domain + "-1104"),
		DomainSID: pac.MustParseSID(domain), PrimaryGroup: pac.MustParseSID(domain + "-513"), UserFlags: pac.LOGON_EXTRA_SIDS,
		ExtraSIDs: []pac.Group{{SID: pac.AuthenticationAuthorityAsserted, Attributes: enabled}},
	}
	for i := range n {
		l.Groups = append(l.Groups, pac.Group{SID: pac.MustParseSID(domain + "-" + strconv.Itoa(513+i)), Attributes: enabled})
	}
	return &krbtest.PAC{Logon: l, UPN: &pac.UPNDNSInfo{UPN: "alice@example.com", DNSDomain: "EXAMPLE.COM", SAMName: "alice", SID: l.UserSID}}
}
