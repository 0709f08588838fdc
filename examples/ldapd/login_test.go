package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspiallow"
	"github.com/gosspi/kerberos/sspi/sspisasl"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/sspi/sspitls"
	"github.com/gosspi/kerberos/ticket/pac"
)

const alice = "alice@EXAMPLE.COM"

// isAlice checks that the server's answers name alice, the mechanism and the layer.
func (c *client) isAlice(mechanism string, layer sspisasl.Layer) {
	c.t.Helper()
	if id := c.whoAmI(); id != "u:"+alice {
		c.t.Errorf("whoami is %q", id)
	}
	e, r := c.search(sessionDN, scopeBase, present("objectClass"))
	if r.code != success || !slices.Equal(e["client"], []string{alice}) || !slices.Equal(e["mechanism"], []string{mechanism}) ||
		!slices.Equal(e["layer"], []string{layer.String()}) || !slices.Equal(e["service"], []string{service + "@EXAMPLE.COM"}) {
		c.t.Errorf("cn=session is %q, %+v", e, r)
	}
}

// TestNAME_8_AuthorizationIdentity checks that the bare name of a user is an authorization
// identity only if -realm names the realm of the user. The realm of the service's key makes
// no difference.
func TestNAME_8_AuthorizationIdentity(t *testing.T) {
	for _, row := range []struct {
		realms  []string
		authzid string
		ok      bool
	}{
		{nil, "u:alice", false},
		{nil, "u:" + alice, true},
		{nil, "", true},
		{[]string{"OTHER.EXAMPLE"}, "u:alice", false},
		{[]string{"EXAMPLE.COM"}, "u:alice", true},
		{[]string{"EXAMPLE.COM"}, "alice", false},
	} {
		w := start(t, allLayers, func(s *server) { s.realms = row.realms })
		if r := w.dial(t).gssapi(w, sspisasl.NoLayer, row.authzid); (r.code == success) != row.ok {
			t.Errorf("realms %v, %q: %+v", row.realms, row.authzid, r)
		}
	}
}

// TestNAME_3_LDAPD checks that a client acts as its account, whatever name it typed, and that
// a ticket without PAC proves no name.
func TestNAME_3_LDAPD(t *testing.T) {
	sid := pac.MustParseSID("S-1-5-21-1-2-3-1105")
	bob := sspitest.Options{Account: &sspitest.Account{Name: "bob", SID: sid}}
	computer := sspitest.Options{Account: &sspitest.Account{Name: "alice$", SID: sid}}
	noPAC := sspitest.Options{NoPAC: true}
	w := start(t, allLayers) // the client types alice
	for _, row := range []struct {
		o       sspitest.Options
		authzid string
		whoami  string // "": the bind is refused
	}{
		{bob, "n,,", "u:bob@EXAMPLE.COM"},
		{bob, "n,a=u:bob,", "u:bob@EXAMPLE.COM"},
		{bob, "n,a=u:bob@EXAMPLE.COM,", "u:bob@EXAMPLE.COM"},
		{bob, "n,a=u:alice,", ""},
		{bob, "n,a=u:alice@EXAMPLE.COM,", ""},
		{computer, "n,a=u:alice,", ""},
		{computer, "n,a=u:alice$,", ""},
		{noPAC, "n,a=u:alice,", ""},
		{noPAC, "n,a=u:alice@EXAMPLE.COM,", ""},
	} {
		c := w.dial(t)
		r := c.gs2(w, row.authzid, row.o, "GS2-KRB5")
		switch {
		case (r.code == success) != (row.whoami != ""):
			t.Errorf("%q: %+v\n%s", row.authzid, r, w.log)
		case row.whoami != "":
			if id := c.whoAmI(); id != row.whoami {
				t.Errorf("%q: whoami is %q", row.authzid, id)
			}
		}
	}
	const undeclared = `if the realm \"EXAMPLE.COM\" issues no PACs, add it to Config.PAC.RealmsWithoutPAC`
	if w.end(); !strings.Contains(w.log.String(), undeclared) {
		t.Errorf("the log does not say %s:\n%s", undeclared, w.log)
	}
}

func TestLogin_GSSAPI(t *testing.T) {
	w := start(t, allLayers)
	for _, layer := range []sspisasl.Layer{sspisasl.NoLayer, sspisasl.Integrity, sspisasl.Confidentiality} {
		for _, authzid := range []string{"", "u:alice", "u:" + alice} {
			t.Run(layer.String()+" "+authzid, func(t *testing.T) {
				c := w.dial(t)
				if r := c.gssapi(w, layer, authzid); r.code != success || len(r.more) != 0 {
					t.Fatalf("%+v", r)
				}
				c.isAlice("GSSAPI", layer)
			})
		}
	}
	if n := strings.Count(w.log.String(), "kerberos: accepted"); n != 9 {
		t.Errorf("%d lines for nine logins:\n%s", n, w.log)
	}
}

func TestLogin_SPNEGO(t *testing.T) {
	w := start(t, allLayers)
	mutual := flags.GSS_C_MUTUAL_FLAG | flags.GSS_C_SEQUENCE_FLAG
	for asked, layer := range map[flags.GSS]sspisasl.Layer{
		mutual:                           sspisasl.NoLayer,
		mutual | flags.GSS_C_INTEG_FLAG:  sspisasl.Integrity,
		flags.GSS(sspitest.DefaultFlags): sspisasl.Confidentiality,
	} {
		t.Run(layer.String(), func(t *testing.T) {
			c := w.dial(t)
			if r := c.spnego(w, sspitest.Options{Flags: asked}); r.code != success {
				t.Fatalf("%+v\n%s", r, w.log)
			}
			c.isAlice("GSS-SPNEGO", layer)
		})
	}
}

func TestLogin_GS2(t *testing.T) {
	w := start(t, allLayers)
	for _, header := range []string{"n,,", "y,,", "n,a=u:alice,"} {
		c := w.dial(t)
		if r := c.gs2(w, header, sspitest.Options{}, "GS2-KRB5"); r.code != success {
			t.Fatalf("%q: %+v\n%s", header, r, w.log)
		}
		c.isAlice("GS2-KRB5", sspisasl.NoLayer)
	}
}

// TestLogin_LargeMessages checks requests that are longer than a message of the security
// layer and longer than maxPDUBefore, and a request that is longer than maxPDU.
func TestLogin_LargeMessages(t *testing.T) {
	w := start(t, allLayers)
	c := w.dial(t)
	if r := c.gssapi(w, sspisasl.Confidentiality, ""); r.code != success {
		t.Fatalf("%+v", r)
	}
	for _, n := range []int{1 << 10, maxPDUBefore + 1, 300_000, maxPDU - 200} {
		filter := choice(filterOr, assertion(filterEquality, "cn", strings.Repeat("a", n)), present("cn"))
		if e, r := c.search(sessionDN, scopeBase, filter, "cn"); r.code != success || len(e) != 1 {
			t.Fatalf("a request of %d bytes: %q, %+v", n, e, r)
		}
	}
	c.write([]byte{sequenceTag, 0x83, 0x10, 0x00, 0x01}) // announces maxPDU+1 bytes
	c.disconnected(protocolError)
}

func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}}}, roots
}

func TestLogin_StartTLS(t *testing.T) {
	config, roots := certificate(t)
	bindings, err := sspitls.EndPoints(config)
	if err != nil {
		t.Fatal(err)
	}
	w := start(t, sspisasl.Confidentiality, func(s *server) { s.tls, s.bindings = config, bindings })
	trust := &tls.Config{RootCAs: roots, ServerName: "localhost"}
	header := "p=tls-server-end-point,,"
	_, end, _ := strings.Cut(string(bindings[0].ApplicationData), ":")
	bound := &sspi.ChannelBindings{ApplicationData: []byte(header + end)}

	for name, login := range map[string]func(c *client) (response, string, sspisasl.Layer){
		"GSSAPI without a layer": func(c *client) (response, string, sspisasl.Layer) {
			return c.gssapi(w, sspisasl.NoLayer, ""), "GSSAPI", sspisasl.NoLayer
		},
		"GSSAPI with a layer": func(c *client) (response, string, sspisasl.Layer) {
			return c.gssapi(w, sspisasl.Confidentiality, ""), "GSSAPI", sspisasl.Confidentiality
		},
		"GS2-KRB5-PLUS": func(c *client) (response, string, sspisasl.Layer) {
			r := c.gs2(w, header, sspitest.Options{ChannelBindings: bound}, "GS2-KRB5-PLUS")
			return r, "GS2-KRB5-PLUS", sspisasl.NoLayer
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := w.dial(t)
			c.startTLS(trust)
			r, mechanism, layer := login(c)
			if r.code != success {
				t.Fatalf("%+v\n%s", r, w.log)
			}
			c.isAlice(mechanism, layer)
			c.write(c.next(extendedOp(oidStartTLS)))
			if r := c.must(opExtendedResponse); r.code != operationsError {
				t.Errorf("StartTLS once more: %+v", r)
			}
		})
	}
	t.Run("a login before TLS does not survive it", func(t *testing.T) {
		w := start(t, sspisasl.NoLayer, func(s *server) { s.tls, s.bindings = config, bindings })
		c := w.dial(t)
		if r := c.gssapi(w, sspisasl.NoLayer, ""); r.code != success || c.whoAmI() != "u:"+alice {
			t.Fatalf("%+v", r)
		}
		c.startTLS(trust)
		if id := c.whoAmI(); id != "" {
			t.Errorf("after StartTLS the client is still %s", id)
		}
		if r := c.gssapi(w, sspisasl.NoLayer, ""); r.code != success || c.whoAmI() != "u:"+alice {
			t.Errorf("a login after StartTLS: %+v", r)
		}
	})
	t.Run("bound to another server", func(t *testing.T) {
		c := w.dial(t)
		c.startTLS(trust)
		other := &sspi.ChannelBindings{ApplicationData: []byte(header + "another certificate's hash......")}
		if r := c.gs2(w, header, sspitest.Options{ChannelBindings: other}, "GS2-KRB5-PLUS"); r.code != invalidCredentials {
			t.Fatalf("%+v", r)
		}
	})
	t.Run("not without TLS", func(t *testing.T) {
		c := w.dial(t)
		if r := c.gssapi(w, sspisasl.NoLayer, ""); r.code != invalidCredentials {
			t.Fatalf("%+v", r)
		}
		if r := c.gs2(w, "n,,", sspitest.Options{}, "GS2-KRB5"); r.code != authMethodNotSupported {
			t.Fatalf("%+v", r)
		}
	})
}

// TestStartTLS_NothingInClearCounts checks that the server does not answer an unencrypted
// request after StartTLS inside TLS.
func TestStartTLS_NothingInClearCounts(t *testing.T) {
	config, _ := certificate(t)
	w := start(t, allLayers, func(s *server) { s.tls = config })
	c := w.dial(t)
	c.write(slices.Concat(c.next(extendedOp(oidStartTLS)), envelope(2, extendedOp(oidWhoAmI))))
	if r := c.must(opExtendedResponse); r.code != success {
		t.Fatalf("%+v", r)
	}
	// The server answers with a TLS alert, because the bytes are not a ClientHello.
	if r, err := c.read(); err == nil {
		t.Fatalf("the server answered without TLS: %+v", r)
	}
}

func TestRoot(t *testing.T) {
	w := start(t, allLayers)
	c := w.dial(t)
	e, r := c.search("", scopeBase, present("objectClass"), "*", "+")
	want := map[string][]string{
		"objectClass":             {"top"},
		"namingContexts":          {sessionDN},
		"supportedLDAPVersion":    {"3"},
		"supportedSASLMechanisms": {"GS2-KRB5", "GSSAPI", "GSS-SPNEGO"},
		"supportedExtension":      {oidWhoAmI},
	}
	if r.code != success || fmt.Sprint(e) != fmt.Sprint(want) {
		t.Errorf("%v, %+v; want %v", e, r, want)
	}
	for name, s := range map[string]struct {
		base  string
		scope int
		code  int64
	}{
		"the tree below the root":      {"", scopeSubtree, noSuchObject},
		"an entry that does not exist": {"dc=example,dc=com", scopeBase, noSuchObject},
		"cn=session, anonymous client": {sessionDN, scopeBase, insufficientAccessRights},
	} {
		if e, r := c.search(s.base, s.scope, present("objectClass")); e != nil || r.code != s.code {
			t.Errorf("%s: %q, %+v", name, e, r)
		}
	}
	if e, r := c.search("", scopeBase, present("cn")); e != nil || r.code != success {
		t.Errorf("a filter that does not match: %q, %+v", e, r)
	}
}

// TestRULE_7_LDAPD checks that a client must satisfy the rule of -allow, and still acts as itself
// only.
func TestRULE_7_LDAPD(t *testing.T) {
	for _, row := range []struct {
		rule    sspiallow.Rule
		authzid string
		ok      bool
	}{
		{sspiallow.Realm("EXAMPLE.COM"), "", true},
		{sspiallow.Realm("EXAMPLE.COM"), "u:alice", true},
		{sspiallow.Realm("EXAMPLE.COM"), "u:bob", false},
		{sspiallow.Realm("OTHER.EXAMPLE"), "", false},
		{sspiallow.Realm("OTHER.EXAMPLE"), "u:alice", false},
		{sspiallow.SID(pac.MustParseSID("S-1-5-21-1-2-3-1201")), "", false},
	} {
		w := start(t, allLayers, func(s *server) { s.rule = &row.rule })
		if r := w.dial(t).gssapi(w, sspisasl.NoLayer, row.authzid); (r.code == success) != row.ok || !row.ok && r.code != invalidCredentials {
			t.Errorf("%s, %q: %+v", row.rule, row.authzid, r)
		}
		w.end()
		if refused := strings.Contains(w.log.String(), "is not admitted: "); refused != (!row.ok && row.authzid != "u:bob") {
			t.Errorf("%s, %q: %s", row.rule, row.authzid, w.log)
		}
	}
}
