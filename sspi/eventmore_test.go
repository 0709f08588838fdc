package sspi_test

import (
	"context"
	"slices"
	"testing"

	"github.com/jcmturner/gokrb5/v8/messages"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// TestLOG_1_Import checks that the refusal of an exported context has a record. An error of
// the caller and a successful import have none.
func TestLOG_1_Import(t *testing.T) {
	var log logged
	s := newSite(t, log.into, exporting)
	h, _ := s.establish(t)
	sealed, err := h.Context().Export()
	if err != nil {
		t.Fatal(err)
	}
	log.take(t)
	c, err := s.acceptor.Import(context.Background(), sealed)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	//lint:ignore SA1012 the test makes this mistake of a caller
	if _, err := s.acceptor.Import(nil, sealed); status.ReasonOf(err) != status.ReasonArgument {
		t.Fatal(err)
	}
	if lines := log.take(t); len(lines) != 0 {
		t.Fatalf("records without a refusal: %v", lines)
	}
	for name, row := range map[string]struct {
		sealed []byte
		want   line
	}{
		"again":   {sealed, line{"error.type": "replay", "kerberos.client.unproven_name": aliceAt, "kerberos.service.name": serverAt}},
		"changed": {append(slices.Clone(sealed), 0), line{"error.type": "malformed-token", "kerberos.client.unproven_name": nil}},
	} {
		if _, err := s.acceptor.Import(context.Background(), row.sealed); err == nil {
			t.Fatalf("%s: imported", name)
		}
		got := log.one(t)
		got.wants(t, row.want)
		got.wants(t, line{"kerberos.operation": "import", "kerberos.client.name": nil})
	}
}

// TestPeer_GSSFlags checks that Peer has the unchanged flags of the checksum beside the
// flags that they imply, also after an export and import.
func TestPeer_GSSFlags(t *testing.T) {
	s := newSite(t, exporting)
	const asked = flags.GSS_C_MUTUAL_FLAG | flags.GSS_C_INTEG_FLAG | 0x40 | 0x8000 | 1<<30 // the last three are ANON, DELEG_POLICY and an unknown flag
	h, _ := s.establish(t, asking(asked))
	if p := h.Context().Peer(); p.GSSFlags != asked || p.Flags != flags.ASC_RET_MUTUAL_AUTH|flags.ASC_RET_INTEGRITY {
		t.Errorf("flags %v and %v", p.GSSFlags, p.Flags)
	}
	sealed, err := h.Context().Export()
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.acceptor.Import(context.Background(), sealed)
	if err != nil {
		t.Fatal(err)
	}
	if p := c.Peer(); p.GSSFlags != asked {
		t.Errorf("imported flags %v", p.GSSFlags)
	}
}

// TestDefaultETypes checks that the default is the types 17 to 20, without RC4, that each
// caller gets a new slice, and that an acceptor with these ETypes accepts the same clients
// as one with nil.
func TestDefaultETypes(t *testing.T) {
	first := sspi.DefaultETypes()
	if want := []int32{17, 18, 19, 20}; len(first) != len(want) || int32(first[0]) != 17 || int32(first[3]) != 20 {
		t.Fatalf("%v, want %v", first, want)
	}
	first[0] = 23
	_ = append(first[:2], 23)
	if again := sspi.DefaultETypes(); again[0] != 17 || again[2] != 19 {
		t.Errorf("changed by a caller: %v", again)
	}
	for _, e := range sspi.DefaultETypes() {
		s := newSite(t, func(cfg *sspi.Config) { cfg.ETypes = sspi.DefaultETypes() })
		q := s.request()
		q.Ticket.Part.Key = s.realm.NewKey(e)
		q.Key, q.Authenticator.SubKey = q.Ticket.Part.Key, s.realm.NewKey(e)
		if _, _, err := s.acceptor.NewContext(sspi.ContextConfig{}).Accept(context.Background(), q.Token()); err != nil {
			t.Errorf("%v: %v", e, err)
		}
	}
}

// TestAPREQ_14_VersionAndType checks an AP-REQ with a wrong pvno, tkt-vno,
// authenticator-vno or msg-type. The acceptor answers with error 39 or 40 if the client
// waits for a reply and the rest of its AP-REQ parses (RFC 4120, Section 3.2.3), and with
// nothing otherwise.
func TestAPREQ_14_VersionAndType(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*krbtest.APReq)
		code   int32 // 0 if there is no answer
	}{
		"pvno 4":                    {func(q *krbtest.APReq) { q.PVNO = 4 }, 39},
		"tkt-vno 6":                 {func(q *krbtest.APReq) { q.Ticket.VNO = 6 }, 39},
		"authenticator-vno 4":       {func(q *krbtest.APReq) { q.Authenticator.AVNO = 4 }, 39},
		"msg-type of an AP-REP":     {func(q *krbtest.APReq) { q.MsgType = 15 }, 40},
		"pvno 4, nobody waits":      {func(q *krbtest.APReq) { q.PVNO = 4; oneWay(q) }, 0},
		"msg-type 15, nobody waits": {func(q *krbtest.APReq) { q.MsgType = 15; oneWay(q) }, 0},
		"a broken ticket":           {func(q *krbtest.APReq) { q.PVNO, q.TicketBytes = 4, []byte("\x61\x02\x30\x00") }, 0},
	} {
		s := newSite(t)
		reply, peer, err := s.acceptor.NewContext(sspi.ContextConfig{}).Accept(context.Background(), s.request(row.change).Token())
		if err == nil || err == sspi.ErrContinue || peer != nil {
			t.Errorf("%s: %v", name, err)
		}
		if row.code == 0 {
			if len(reply) != 0 {
				t.Errorf("%s: answered with %x", name, reply)
			}
			continue
		}
		framed, err := krb5.CutFrame(reply)
		if err != nil || framed.TokID != krb5.TokError {
			t.Errorf("%s: the answer is %x", name, reply)
			continue
		}
		var m messages.KRBError
		if err := m.Unmarshal(framed.Inner); err != nil || m.ErrorCode != row.code || m.SName.PrincipalNameString() != service || m.Realm != "EXAMPLE.COM" {
			t.Errorf("%s: %v, code %d, %v@%s", name, err, m.ErrorCode, m.SName, m.Realm)
		}
	}
}
