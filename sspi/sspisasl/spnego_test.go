package sspisasl_test

import (
	"testing"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/sspi/sspisasl"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// TestSPNEGO_Layers checks that the client's context flags determine the layer, and that
// policy can only refuse it.
func TestSPNEGO_Layers(t *testing.T) {
	const none, integrity, confidentiality = sspisasl.NoLayer, sspisasl.Integrity, sspisasl.Confidentiality
	const signs, seals = plain | flags.GSS_C_INTEG_FLAG, plain | flags.GSS_C_INTEG_FLAG | flags.GSS_C_CONF_FLAG
	for _, c := range []struct {
		name   string
		layers sspisasl.Layer
		flags  flags.GSS
		want   sspisasl.Layer // 0 if the client is refused
	}{
		{"maxssf=0", all, plain, none},
		{"REPLAY is no INTEG", all, plain | flags.GSS_C_REPLAY_FLAG, none},
		{"maxssf=1", all, signs, integrity},
		{"maxssf=256", all, seals, confidentiality},
		{"without SEQUENCE", all, seals &^ flags.GSS_C_SEQUENCE_FLAG, 0},
		{"without SEQUENCE, nor a layer", all, flags.GSS_C_MUTUAL_FLAG, none},
		{"default, without SEQUENCE", 0, signs&^flags.GSS_C_SEQUENCE_FLAG | flags.GSS_C_REPLAY_FLAG, 0},
		{"default", 0, seals, confidentiality},
		{"default, client signs", 0, signs, integrity},
		{"default, client does neither", 0, plain, 0},
		{"none permitted, client seals", none, seals, 0},
		{"none permitted, client signs", none, signs, 0},
		{"none permitted, client does neither", none, plain, none},
		{"integrity permitted, client seals", none | integrity, seals, 0},
		{"integrity due, client does neither", integrity, plain, 0},
		{"confidentiality due, client signs", confidentiality, signs, 0},
		{"confidentiality due", confidentiality, seals, confidentiality},
	} {
		t.Run(c.name, func(t *testing.T) {
			site := newSite(t)
			cfg := &sspisasl.Config{Acceptor: site.acceptor, Layers: c.layers, SuccessData: true}
			s := newServer(t, cfg, sspisasl.GSSSPNEGO)
			client := site.client(sspitest.Options{SPNEGO: true, Flags: c.flags})
			token := say(t, client, nil)
			if c.want == 0 {
				refused(t, s, token, status.ReasonRequirementNotMet, "")
				return
			}
			challenge, done := next(t, s, token)
			if !done || s.Layer() != c.want || s.Peer().Client.String() != "alice@EXAMPLE.COM" || s.AuthorizationID() != "alice@EXAMPLE.COM" {
				t.Errorf("%v, %v", done, s.Layer())
			}
			if _, finished, err := client.Next(challenge); !finished || err != nil {
				t.Errorf("the client: %v, %v", finished, err)
			}
			over(t, s)
		})
	}
}

// TestSPNEGO_SuccessData checks that the last token is one more challenge if the protocol
// cannot carry it with its success message.
func TestSPNEGO_SuccessData(t *testing.T) {
	site := newSite(t)
	s := newServer(t, site.config(), sspisasl.GSSSPNEGO)
	client := site.client(sspitest.Options{SPNEGO: true})
	challenge, done := next(t, s, say(t, client, nil))
	if _, finished, err := client.Next(challenge); done || !finished || err != nil || s.Peer() != nil {
		t.Fatalf("%v, %v, %v, %v", done, finished, err, s.Peer())
	}
	if challenge, done := next(t, s, []byte{}); !done || challenge != nil || s.Layer() != sspisasl.Confidentiality {
		t.Fatalf("%x, %v, %v", challenge, done, s.Layer())
	}
}

// TestSPNEGO_NoInitialResponse checks that an absent response differs from an empty one,
// which requests the server's list of mechanisms.
func TestSPNEGO_NoInitialResponse(t *testing.T) {
	site := newSite(t)
	s := newServer(t, site.config(), sspisasl.GSSSPNEGO)
	if challenge, done := next(t, s, nil); done || challenge == nil || len(challenge) != 0 {
		t.Fatalf("%x, %v", challenge, done)
	}
	next(t, s, say(t, site.client(sspitest.Options{SPNEGO: true}), nil))
	next(t, s, nil)

	s = newServer(t, site.config(), sspisasl.GSSSPNEGO)
	if challenge, done := next(t, s, []byte{}); done || len(challenge) == 0 || challenge[0] != 0x60 {
		t.Fatalf("%x, %v", challenge, done)
	}
	next(t, s, say(t, site.client(sspitest.Options{SPNEGO: true}), nil))
	if _, done := next(t, s, nil); !done {
		t.Error("not done")
	}
}

// TestSPNEGO_RawKerberos checks that the mechanism GSS-SPNEGO also accepts raw Kerberos
// tokens, as Windows does, unless the policy forbids it, and that the mechanism GSSAPI
// accepts no SPNEGO.
func TestSPNEGO_RawKerberos(t *testing.T) {
	site := newSite(t)
	cfg := site.config()
	next(t, newServer(t, cfg, sspisasl.GSSSPNEGO), say(t, site.client(sspitest.Options{}), nil))
	cfg.Context.RequireSPNEGO = true
	if _, _, err := newServer(t, cfg, sspisasl.GSSSPNEGO).Next(say(t, site.client(sspitest.Options{}), nil)); err == nil {
		t.Error("accepted")
	}
	cfg.Context.RequireSPNEGO = false
	refused(t, newServer(t, cfg, sspisasl.GSSAPI), say(t, site.client(sspitest.Options{SPNEGO: true}), nil), status.ReasonSPNEGO, "")
}
