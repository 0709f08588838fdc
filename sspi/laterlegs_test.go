package sspi_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// half returns the last call of an exchange in DCE style.
func (s *site) half(t *testing.T, first func(l *leg), changes ...func(*krbtest.APReq)) (last *leg) {
	t.Helper()
	client := s.request(append(changes, func(q *krbtest.APReq) { q.Flags |= flags.GSS_C_DCE_STYLE })...).Start()
	token, _, _ := client.Next(nil)
	l := s.first(token)
	first(l)
	wantCode(t, "the first leg", l.call(), status.SEC_I_CONTINUE_NEEDED)
	third, _, err := client.Next(l.reply())
	if err != nil {
		t.Fatal(err)
	}
	return s.second(&l.handle, third)
}

// TestBIND_2_OthersGivenTooLate checks that a call with bindings after the decision gets an
// error, whatever the decision was, because the bindings were not checked.
func TestBIND_2_OthersGivenTooLate(t *testing.T) {
	for name, row := range map[string]struct {
		client func(*krbtest.APReq)
		given  string
		req    flags.ASC_REQ
	}{
		"matched":         {bound("a"), "a", 0},
		"of a proxy":      {bound("a"), "", flags.ASC_REQ_PROXY_BINDINGS},
		"missing allowed": {nothing, "", flags.ASC_REQ_PROXY_BINDINGS | flags.ASC_REQ_ALLOW_MISSING_BINDINGS},
	} {
		s := newSite(t)
		last := s.half(t, func(l *leg) {
			l.req = row.req
			if row.given != "" {
				l.in.Buffers = append(l.in.Buffers, channel(t, row.given))
			}
		}, row.client)
		l := *last
		l.in = buffers(append([]sspi.SecBuffer{channel(t, "b")}, last.in.Buffers...)...)
		wantCode(t, name+", others with the third leg", l.call(), status.SEC_E_INVALID_PARAMETER)
		wantCode(t, name+", the third leg", last.call(), status.SEC_E_OK)
	}
}

// TestBIND_7_DemandedLater checks that a required flag of any call counts, and ends the
// exchange if the client cannot meet it any more.
func TestBIND_7_DemandedLater(t *testing.T) {
	lacking := asking(krbtest.DefaultFlags &^ flags.GSS_C_INTEG_FLAG)
	for _, row := range []struct {
		enforced bool
		req      flags.ASC_REQ
		want     status.Code
	}{
		{true, flags.ASC_REQ_INTEGRITY, status.SEC_E_SECURITY_QOS_FAILED},
		{true, flags.ASC_REQ_CONFIDENTIALITY, status.SEC_E_OK},
		{true, 0, status.SEC_E_OK},
		{false, flags.ASC_REQ_INTEGRITY, status.SEC_E_OK},
	} {
		s := newSite(t, func(cfg *sspi.Config) { cfg.EnforceContextReq = row.enforced })
		check := func(at string, l *leg) {
			t.Helper()
			l.req = row.req | extendedError
			wantCode(t, at, l.call(), row.want)
			if got := l.handle.Context().Peer() != nil; got != (row.want == status.SEC_E_OK) {
				t.Errorf("%s: a peer: %v", at, got)
			}
		}
		check("with the third leg", s.half(t, func(*leg) {}, lacking))

		h, mic, _ := s.dueMIC(t, s.acceptor.CredHandle(sspi.Negotiate), lacking)
		check("with the MIC", s.second(&h, (&krbtest.NegTokenResp{State: krbtest.NegCompleted, MIC: mic}).Bytes()))

		retry := inState["retry"](t, s)
		check("with the second AP-REQ", s.second(retry.handle, s.request(lacking).Token()))
	}
}

// TestBIND_2_ResultOfLastLeg checks that the last call returns the result of the bindings
// that an earlier call decided, also if it refuses.
func TestBIND_2_ResultOfLastLeg(t *testing.T) {
	for name, row := range map[string]struct {
		spoil func([]byte)
		want  status.Code
	}{
		"good": {func([]byte) {}, status.SEC_E_OK},
		"bad":  {func(b []byte) { b[len(b)-1] ^= 1 }, status.SEC_E_LOGON_DENIED},
	} {
		s := newSite(t)
		l := s.half(t, func(l *leg) { l.in.Buffers = append(l.in.Buffers, channel(t, "a")) }, bound("a"))
		third := bytes.Clone(l.in.Buffers[0].Buffer)
		row.spoil(third)
		l = s.second(&l.handle, third)
		l.out.Buffers = append(l.out.Buffers, sspi.SecBuffer{BufferType: sspi.SECBUFFER_CHANNEL_BINDINGS_RESULT, Buffer: make([]byte, 4)})
		wantCode(t, name, l.call(), row.want)
		if got := l.out.Buffers[1].Buffer; len(got) != 4 || binary.LittleEndian.Uint32(got) != uint32(sspi.SEC_CHANNEL_BINDINGS_RESULT_VALID_MATCHED) {
			t.Errorf("%s: the result is %x", name, got)
		}
		l.out.Buffers[1].Buffer = make([]byte, 4)
		l.call()
		if got := l.out.Buffers[1].Buffer; row.want != status.SEC_E_OK && len(got) != 0 {
			t.Errorf("a call on the failed context: %x", got)
		}
	}
}

// TestBIND_2_ResultWithTheMIC checks the same for an exchange whose last token is the
// mechListMIC. Earlier calls return no result.
func TestBIND_2_ResultWithTheMIC(t *testing.T) {
	s := newSite(t)
	h := s.acceptor.NewContext(sspi.ContextConfig{ChannelBindings: []sspi.ChannelBindings{{ApplicationData: []byte("a")}}}).Handle()
	n := s.client(ntlmFirst, bound("a"))
	var mic []byte
	n.EditResp = func(r *krbtest.NegTokenResp) { mic = r.MIC }
	send := func(token []byte) *leg {
		l := s.second(&h, token)
		l.out.Buffers = append(l.out.Buffers, sspi.SecBuffer{BufferType: sspi.SECBUFFER_CHANNEL_BINDINGS_RESULT, Buffer: make([]byte, 4)})
		return l
	}
	token, _, _ := n.Next(nil)
	for mic == nil {
		l := send(token)
		wantCode(t, "a leg", l.call(), status.SEC_I_CONTINUE_NEEDED)
		if got := l.out.Buffers[1].Buffer; len(got) != 0 {
			t.Errorf("before the end: %x", got)
		}
		var err error
		if token, _, err = n.Next(l.reply()); err != nil {
			t.Fatal(err)
		}
	}
	l := send((&krbtest.NegTokenResp{State: krbtest.NegIncomplete, MIC: mic}).Bytes())
	l.out.Buffers[0].Buffer = l.out.Buffers[0].Buffer[:1]
	wantCode(t, "no room for the answer", l.call(), status.SEC_E_BUFFER_TOO_SMALL)
	if got := l.out.Buffers[1].Buffer; len(got) != 0 {
		t.Errorf("with too little room: %x", got)
	}
	mic[len(mic)-1] ^= 1
	l = send((&krbtest.NegTokenResp{State: krbtest.NegCompleted, MIC: mic}).Bytes())
	wantCode(t, "the MIC", l.call(), status.SEC_E_MESSAGE_ALTERED)
	if got := l.out.Buffers[1].Buffer; len(got) != 4 || binary.LittleEndian.Uint32(got) != uint32(sspi.SEC_CHANNEL_BINDINGS_RESULT_VALID_MATCHED) {
		t.Errorf("the result is %x", got)
	}
}
