package sspi_test

import (
	"testing"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// TestArguments_LaterCredential checks that AcceptSecurityContext uses phCredential in the
// first call only.
func TestArguments_LaterCredential(t *testing.T) {
	for name, credential := range map[string]func(s *site) *sspi.CredHandle{
		"nil":  func(*site) *sspi.CredHandle { return nil },
		"zero": func(*site) *sspi.CredHandle { return new(sspi.CredHandle) },
		"freed": func(s *site) *sspi.CredHandle {
			copied, cred := s.cred, s.cred
			sspi.FreeCredentialsHandle(&cred)
			return &copied
		},
		"of another package": func(s *site) *sspi.CredHandle {
			cred := s.acceptor.CredHandle(sspi.Negotiate)
			return &cred
		},
		"of another service": func(*site) *sspi.CredHandle {
			other := newSite(t, func(cfg *sspi.Config) { cfg.Services = []string{"HTTP/elsewhere.example.com@EXAMPLE.COM"} })
			return &other.cred
		},
	} {
		for _, state := range []string{"new", "retry", "third leg", "negotiating", "MIC"} {
			t.Run(name+"/"+state, func(t *testing.T) {
				s := newSite(t)
				x := inState[state](t, s)
				l := s.second(x.handle, x.expected)
				l.cred = credential(s)
				wantCode(t, "the due token", l.call(), status.SEC_E_OK)
				if peer := x.handle.Context().Peer(); peer == nil || peer.Service.Name() != service {
					t.Errorf("peer %+v", peer)
				}
			})
		}
	}
}

// TestArguments_DataRep checks that TargetDataRep has no effect.
func TestArguments_DataRep(t *testing.T) {
	for _, drep := range []uint32{sspi.SECURITY_NATIVE_DREP, sspi.SECURITY_NETWORK_DREP, 1, 0xFFFFFFFF} {
		s := newSite(t)
		client := s.request(dce).Start()
		token, _, _ := client.Next(nil)
		l := s.first(token)
		accept := func(l *leg) status.Code {
			return sspi.AcceptSecurityContext(l.cred, l.context, l.in, l.req, drep, &l.handle, l.out, &l.attr, &l.stamp)
		}
		wantCode(t, "the first leg", accept(l), status.SEC_I_CONTINUE_NEEDED)
		third, _, err := client.Next(l.reply())
		if err != nil {
			t.Fatalf("%#x: %v", drep, err)
		}
		h := l.handle
		l = s.second(&h, third)
		wantCode(t, "the third leg", accept(l), status.SEC_E_OK)
		talk(t, h.Context(), client)
	}
}

// TestArguments_FragmentToFit checks that AcceptSecurityContext returns a whole reply or
// none, although the caller asks for fragments.
func TestArguments_FragmentToFit(t *testing.T) {
	for _, p := range []sspi.Package{sspi.Kerberos, sspi.Negotiate} {
		s := newSite(t)
		s.cred = s.acceptor.CredHandle(p)
		client := s.request().Start()
		n := client.Negotiate()
		next := client.Next
		if p == sspi.Negotiate {
			next = n.Next
		}
		token, _, _ := next(nil)
		for _, small := range []int{0, 4, 5, 6, 50} {
			l := s.first(token)
			l.req, l.out = flags.ASC_REQ_FRAGMENT_TO_FIT, room(small)
			wantCode(t, "little room", l.call(), status.SEC_E_BUFFER_TOO_SMALL)
			if len(l.reply()) != 0 || l.out.Buffers[0].Needed <= small || l.handle != (sspi.CtxtHandle{}) {
				t.Errorf("%s, %d bytes of room: %x, Needed %d, %v", p, small, l.reply(), l.out.Buffers[0].Needed, l.handle)
			}
		}
		l := s.first(token)
		l.req = flags.ASC_REQ_FRAGMENT_TO_FIT | flags.ASC_REQ_FRAGMENT_SUPPLIED
		wantCode(t, "enough room", l.call(), status.SEC_E_OK)
		if l.attr&0x00800000 != 0 { // ASC_RET_FRAGMENT_ONLY
			t.Errorf("%s: attributes %v", p, l.attr)
		}
		if _, done, err := next(l.reply()); err != nil || !done {
			t.Errorf("%s: the client: %v", p, err)
		}
	}
}
