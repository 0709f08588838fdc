package sspi_test

import (
	"context"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// TestRequest_ErrorTokens checks which refused client gets a KRB-ERROR, and its error
// number (RFC 4120, Section 7.5.9).
func TestRequest_ErrorTokens(t *testing.T) {
	expired := func(q *krbtest.APReq) {
		p := &q.Ticket.Part
		p.AuthTime, p.StartTime, p.EndTime = p.AuthTime.Add(-24*60*60e9), p.StartTime.Add(-24*60*60e9), p.EndTime.Add(-24*60*60e9)
	}
	stranger := func(q *krbtest.APReq) { q.Authenticator.CName.NameString = []string{"mallory"} }
	for _, row := range []struct {
		name   string
		change []func(*krbtest.APReq)
		want   status.Code
		code   int32 // the number in the KRB-ERROR, or 0 if there is none
	}{
		{"wrong key", []func(*krbtest.APReq){wrongKey}, status.SEC_E_LOGON_DENIED, 31},
		{"expired", []func(*krbtest.APReq){expired}, status.SEC_E_LOGON_DENIED, 32},
		{"another client", []func(*krbtest.APReq){stranger}, status.SEC_E_LOGON_DENIED, 36},
		{"wrong key, nobody waits", []func(*krbtest.APReq){wrongKey, oneWay}, status.SEC_E_LOGON_DENIED, 0},
		{"late, nobody waits", []func(*krbtest.APReq){late, oneWay}, status.SEC_E_TIME_SKEW, 0},
		{"wrong key, DCE style", []func(*krbtest.APReq){wrongKey, dce}, status.SEC_E_LOGON_DENIED, 31},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, req := range []flags.ASC_REQ{0, extendedError, extendedError | flags.ASC_REQ_ALLOCATE_MEMORY} {
				s := newSite(t)
				client := s.request(row.change...).Start()
				token, _, _ := client.Next(nil)
				l := s.first(token)
				l.req = req
				wantCode(t, "accept", l.call(), row.want)
				if l.attr != 0 || l.stamp != untouchedStamp {
					t.Errorf("outputs %v %v", l.attr, l.stamp)
				}
				if req == 0 || row.code == 0 {
					if len(l.reply()) != 0 {
						t.Errorf("%v: a reply of %d bytes", req, len(l.reply()))
					}
					continue
				}
				_, _, err := client.Next(l.reply())
				refused, ok := err.(*krbtest.Error)
				if !ok {
					t.Fatalf("%v: the client: %v", req, err)
				}
				checkError(t, s, refused, row.code)
			}
		})
	}
}

// checkError checks that a KRB-ERROR contains no text and no client name.
func checkError(t *testing.T, s *site, e *krbtest.Error, code int32) {
	t.Helper()
	if e.ErrorCode != code || !e.Time().Equal(s.realm.Now()) {
		t.Errorf("KRB-ERROR %d at %v, want %d at %v", e.ErrorCode, e.Time(), code, s.realm.Now())
	}
	if e.Realm != "EXAMPLE.COM" || e.SName.PrincipalNameString() != service {
		t.Errorf("from %s of %s", e.SName.PrincipalNameString(), e.Realm)
	}
	if e.EText != "" || e.CRealm != "" || len(e.CName.NameString) != 0 || !e.CTime.IsZero() || len(e.EData) != 0 {
		t.Errorf("the KRB-ERROR has more fields than expected: %+v", e.KRBError)
	}
}

// TestRequest_NoAnswerToMalformed checks that bytes that are not an AP-REQ get no answer,
// whatever the flags are.
func TestRequest_NoAnswerToMalformed(t *testing.T) {
	s := newSite(t)
	token := s.request().Token()
	for name, junk := range map[string][]byte{
		"text": []byte("GET / HTTP/1.1\r\n"), "cut": token[:len(token)-1], "a byte more": append(token[:len(token):len(token)], 0),
		"an AP-REP's identifier": krbtest.Frame(krbtest.OIDKerberos, krbtest.TokAPRep, s.request().Bytes()),
		"user-to-user":           krbtest.Frame(krbtest.OIDUser2User, krbtest.TokAPReq, s.request().Bytes()),
		"NTLM":                   []byte("NTLMSSP\x00\x01\x00\x00\x00"),
	} {
		l := s.first(junk)
		l.req = extendedError
		wantCode(t, name, l.call(), status.SEC_E_INVALID_TOKEN)
		if len(l.reply()) != 0 {
			t.Errorf("%s: a reply of %d bytes", name, len(l.reply()))
		}
		if l.handle.Err() == nil {
			t.Errorf("%s: no reason", name)
		}
	}
}

// TestBIND_7_EnforceContextReq checks that request flags are required of the client only
// with EnforceContextReq.
func TestBIND_7_EnforceContextReq(t *testing.T) {
	for _, row := range []struct {
		req flags.ASC_REQ
		gss flags.GSS
	}{
		{flags.ASC_REQ_MUTUAL_AUTH, flags.GSS_C_MUTUAL_FLAG},
		{flags.ASC_REQ_REPLAY_DETECT, flags.GSS_C_REPLAY_FLAG},
		{flags.ASC_REQ_SEQUENCE_DETECT, flags.GSS_C_SEQUENCE_FLAG},
		{flags.ASC_REQ_CONFIDENTIALITY, flags.GSS_C_CONF_FLAG},
		{flags.ASC_REQ_INTEGRITY, flags.GSS_C_INTEG_FLAG},
	} {
		t.Run(row.req.String(), func(t *testing.T) {
			lacking := asking(krbtest.DefaultFlags &^ row.gss)
			enforcing := newSite(t, func(cfg *sspi.Config) { cfg.EnforceContextReq = true })
			token := enforcing.request(lacking).Token()
			l := enforcing.first(token)
			l.req = row.req
			wantCode(t, "enforced and lacking", l.call(), status.SEC_E_SECURITY_QOS_FAILED)
			if status.ReasonOf(l.handle.Err()) != status.ReasonRequirementNotMet || enforcing.replay.stores.Load() != 0 {
				t.Errorf("%v, %d authenticators claimed", l.handle.Err(), enforcing.replay.stores.Load())
			}
			l = enforcing.first(token)
			wantCode(t, "not requested", l.call(), status.SEC_E_OK)
			l = enforcing.first(enforcing.request().Token())
			l.req = row.req
			wantCode(t, "enforced and there", l.call(), status.SEC_E_OK)

			s := newSite(t)
			l = s.first(s.request(lacking).Token())
			l.req = row.req
			wantCode(t, "not enforced", l.call(), status.SEC_E_OK)
		})
	}
}

// TestBIND_7_EnforceContextReqIgnores checks that no other request flag is required of the
// client.
func TestBIND_7_EnforceContextReqIgnores(t *testing.T) {
	s := newSite(t, func(cfg *sspi.Config) { cfg.EnforceContextReq = true })
	const demands = flags.ASC_REQ_MUTUAL_AUTH | flags.ASC_REQ_REPLAY_DETECT | flags.ASC_REQ_SEQUENCE_DETECT | flags.ASC_REQ_CONFIDENTIALITY | flags.ASC_REQ_INTEGRITY
	l := s.first(s.request(asking(0)).Token())
	l.req = ^demands &^ (flags.ASC_REQ_DATAGRAM | flags.ASC_REQ_PROXY_BINDINGS)
	wantCode(t, "all but demands", l.call(), status.SEC_E_OK)
}

// TestBIND_6_GrantedAttributes checks that the granted attributes are those that the client
// requests, whatever the server requests.
func TestBIND_6_GrantedAttributes(t *testing.T) {
	for _, row := range []struct {
		gss flags.GSS
		ret flags.ASC_RET
	}{
		{0, 0},
		{flags.GSS_C_MUTUAL_FLAG, flags.ASC_RET_MUTUAL_AUTH},
		{flags.GSS_C_REPLAY_FLAG, flags.ASC_RET_REPLAY_DETECT},
		{flags.GSS_C_SEQUENCE_FLAG, flags.ASC_RET_SEQUENCE_DETECT},
		{flags.GSS_C_CONF_FLAG, flags.ASC_RET_CONFIDENTIALITY},
		{flags.GSS_C_INTEG_FLAG, flags.ASC_RET_INTEGRITY},
		{flags.GSS_C_IDENTIFY_FLAG, flags.ASC_RET_IDENTIFY},
		{0x4000, flags.ASC_RET_EXTENDED_ERROR}, // GSS_C_EXTENDED_ERROR_FLAG
		{flags.GSS_C_DELEG_FLAG, 0},            // the client sent no credentials
		{krbtest.DefaultFlags, flags.ASC_RET_MUTUAL_AUTH | flags.ASC_RET_REPLAY_DETECT | flags.ASC_RET_SEQUENCE_DETECT | flags.ASC_RET_CONFIDENTIALITY | flags.ASC_RET_INTEGRITY},
	} {
		t.Run(row.gss.String(), func(t *testing.T) {
			for _, req := range []flags.ASC_REQ{0, ^flags.ASC_REQ(0) &^ (flags.ASC_REQ_DATAGRAM | flags.ASC_REQ_PROXY_BINDINGS | flags.ASC_REQ_CONNECTION | flags.ASC_REQ_ALLOCATE_MEMORY)} {
				s := newSite(t)
				q := s.request(asking(row.gss))
				if row.gss == flags.GSS_C_DELEG_FLAG {
					q.Cred = q.Forward().Bytes()
					req &^= flags.ASC_REQ_DELEGATE // then the acceptor does not read them
				}
				l := s.first(q.Token())
				l.req = req
				wantCode(t, "accept", l.call(), status.SEC_E_OK)
				if l.attr != row.ret {
					t.Errorf("requested %v: granted %v, want %v", req, l.attr, row.ret)
				}
				if got := query[sspi.SecPkgContext_Flags](t, l.handle, sspi.SECPKG_ATTR_FLAGS).Flags; got != l.attr {
					t.Errorf("SECPKG_ATTR_FLAGS %v, pfContextAttr %v", got, l.attr)
				}
			}
		})
	}
}

func TestRequest_Connection(t *testing.T) {
	s := newSite(t)
	l := s.first(s.request(asking(0)).Token())
	l.req = flags.ASC_REQ_CONNECTION
	wantCode(t, "accept", l.call(), status.SEC_E_OK)
	if l.attr != flags.ASC_RET_CONNECTION {
		t.Errorf("granted %v", l.attr)
	}
	l = s.first(s.request().Token())
	l.req = flags.ASC_REQ_CONNECTION | flags.ASC_REQ_ALLOCATE_MEMORY
	wantCode(t, "accept", l.call(), status.SEC_E_OK)
	if got := query[sspi.SecPkgContext_Flags](t, l.handle, sspi.SECPKG_ATTR_FLAGS).Flags; got != l.attr {
		t.Errorf("SECPKG_ATTR_FLAGS %v, pfContextAttr %v", got, l.attr)
	}
	l = s.first(s.request(dce).Token())
	l.req = flags.ASC_REQ_CONNECTION | flags.ASC_REQ_ALLOCATE_MEMORY
	wantCode(t, "first leg", l.call(), status.SEC_I_CONTINUE_NEEDED)
	if l.attr != flags.ASC_RET_ALLOCATED_MEMORY {
		t.Errorf("before the end: %v", l.attr)
	}
}

// TestRequest_Delegate checks that the acceptor reads forwarded credentials only if the
// server requests them, and that only then malformed ones refuse the client.
func TestRequest_Delegate(t *testing.T) {
	for _, row := range []struct {
		name   string
		req    flags.ASC_REQ
		cred   func(q *krbtest.APReq) []byte
		want   status.Code
		handed bool
	}{
		{"requested", flags.ASC_REQ_DELEGATE, func(q *krbtest.APReq) []byte { return q.Forward().Bytes() }, status.SEC_E_OK, true},
		{"not requested", 0, func(q *krbtest.APReq) []byte { return q.Forward().Bytes() }, status.SEC_E_OK, false},
		{"bad", flags.ASC_REQ_DELEGATE, func(q *krbtest.APReq) []byte { return []byte("bad") }, status.SEC_E_LOGON_DENIED, false},
		{"bad and not requested", 0, func(q *krbtest.APReq) []byte { return []byte("bad") }, status.SEC_E_OK, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSite(t)
			q := s.request()
			q.Flags |= flags.GSS_C_DELEG_FLAG
			q.Cred = row.cred(q)
			l := s.first(q.Token())
			l.req = row.req
			wantCode(t, "accept", l.call(), row.want)
			if row.want != status.SEC_E_OK || t.Failed() {
				return
			}
			if got := l.attr&flags.ASC_RET_DELEGATE != 0; got != row.handed {
				t.Errorf("granted %v", l.attr)
			}
			if got := l.handle.Context().Delegated(); (got != nil) != row.handed {
				t.Errorf("delegated %v", got)
			}
		})
	}
}

// TestRequest_DelegateInThreeLegs checks that the context returns credentials only after
// the third token.
func TestRequest_DelegateInThreeLegs(t *testing.T) {
	s := newSite(t)
	q := s.request(dce)
	q.Flags |= flags.GSS_C_DELEG_FLAG
	q.Cred = q.Forward().Bytes()
	client := q.Start()
	token, _, _ := client.Next(nil)
	l := s.first(token)
	l.req = flags.ASC_REQ_DELEGATE
	wantCode(t, "first leg", l.call(), status.SEC_I_CONTINUE_NEEDED)
	if l.handle.Context().Delegated() != nil {
		t.Error("credentials before the third leg")
	}
	third, _, _ := client.Next(l.reply())
	l = s.second(&l.handle, third)
	wantCode(t, "third leg", l.call(), status.SEC_E_OK)
	if d := l.handle.Context().Delegated(); d == nil || l.attr&flags.ASC_RET_DELEGATE == 0 {
		t.Errorf("credentials %v, attributes %v", d, l.attr)
	}
	h := l.handle
	c := h.Context()
	wantCode(t, "delete", sspi.DeleteSecurityContext(&h), status.SEC_E_OK)
	if c.Delegated() != nil {
		t.Error("credentials after delete")
	}
}

// TestTargets_Untrusted checks that a target name which the client marks as untrusted
// satisfies ContextConfig.Targets only with AllowUntrustedTarget. The refusal quotes the
// name.
func TestTargets_Untrusted(t *testing.T) {
	for _, row := range []struct {
		named            string
		untrusted, allow bool
		want             status.Reason
		detail           string
	}{
		{"HTTP/www", false, false, status.ReasonNone, ""},
		{"HTTP/www", false, true, status.ReasonNone, ""},
		{"HTTP/www", true, true, status.ReasonNone, ""},
		{"HTTP/www", true, false, status.ReasonTargetNotAllowed, `"HTTP/www" and says that it had this name from an untrusted source`},
		{"HTTP/x\x1b[2J\u202e", false, true, status.ReasonTargetNotAllowed, `"HTTP/x\x1b[2J\u202e"`},
		{"", true, true, status.ReasonTargetNotAllowed, "names no service"},
	} {
		s := newSite(t)
		c := s.acceptor.NewContext(sspi.ContextConfig{Targets: []string{"HTTP/www"}, AllowUntrustedTarget: row.allow})
		_, peer, err := c.Accept(context.Background(), s.request(naming(row.named), func(q *krbtest.APReq) { q.TargetUntrusted = row.untrusted }).Token())
		if status.ReasonOf(err) != row.want || (peer == nil) != (err != nil) || err != nil && !strings.Contains(err.Error(), row.detail) {
			t.Errorf("%+v: %v, %v", row, peer, err)
		}
	}
}

// TestPeer_TargetUntrusted checks that Peer has the client's mark on its target name.
func TestPeer_TargetUntrusted(t *testing.T) {
	for _, untrusted := range []bool{false, true} {
		h, _ := newSite(t).establish(t, naming("HTTP/www"), func(q *krbtest.APReq) { q.TargetUntrusted = untrusted })
		if p := h.Context().Peer(); p.Target != "HTTP/www" || p.TargetUntrusted != untrusted {
			t.Errorf("%q, untrusted: %v", p.Target, p.TargetUntrusted)
		}
	}
}
