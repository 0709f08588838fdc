package sspi_test

import (
	"context"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// TestNAME_9_NotUTF8 checks a client name with a byte of Latin-1 (case C17), which MIT's
// acceptor accepts. This acceptor refuses it with a Reason and a KRB-ERROR that name the
// cause, and likewise a service name.
func TestNAME_9_NotUTF8(t *testing.T) {
	for name, change := range map[string]func(q *krbtest.APReq){
		"client": func(q *krbtest.APReq) {
			q.Ticket.Part.CName.NameString = []string{"j\xfcrgen"}
			q.Authenticator.CName.NameString = []string{"j\xfcrgen"}
		},
		"realm": func(q *krbtest.APReq) {
			q.Ticket.Part.CRealm, q.Authenticator.CRealm = "EX\xc4MPLE", "EX\xc4MPLE"
		},
	} {
		s := newSite(t)
		c := s.acceptor.NewContext(sspi.ContextConfig{})
		reply, peer, err := c.Accept(context.Background(), s.request(change).Token())
		if peer != nil || status.ReasonOf(err) != status.ReasonNameEncoding || status.CodeOf(err) != status.SEC_E_INVALID_TOKEN {
			t.Fatalf("%s: %v, %v", name, peer, err)
		}
		for _, want := range []string{"not valid UTF-8", `\x`} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: no %s in %v", name, want, err)
			}
		}
		if strings.Contains(err.Error(), "configuration") || strings.Contains(err.Error(), "\xfc") || strings.Contains(err.Error(), "\xc4") {
			t.Errorf("%s: %q", name, err)
		}
		if e, err := sspitest.ParseError(reply); err != nil || e.Code != 60 {
			t.Errorf("%s: the client is answered with %+v, %v", name, e, err)
		}
	}
}
