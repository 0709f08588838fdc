package sspitest_test

import (
	"crypto/fips140"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// TestEnforcedFIPS_Realm checks that a realm has keys without SHA-1 and MD5 if the mode
// forbids these, and that its clients use these keys.
func TestEnforcedFIPS_Realm(t *testing.T) {
	if !fips140.Enforced() {
		cmd := exec.Command(os.Args[0], "-test.run=^TestEnforcedFIPS_Realm$", "-test.v")
		cmd.Env = append(os.Environ(), "GODEBUG=fips140=only")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS: TestEnforcedFIPS_Realm") {
			t.Errorf("under fips140=only: %v\n%s", err, out)
		}
		return
	}
	realm := sspitest.NewRealm("EXAMPLE.COM")
	acceptor, err := realm.Acceptor(service)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []sspitest.Options{
		{},
		{SPNEGO: true},
		{DCEStyle: true},
		{OneWay: true},
		{TicketEType: keytab.AES128_CTS_HMAC_SHA256_128},
		{Delegate: true},
		{Delegate: true, SPNEGO: true},
		{Delegate: true, SessionEType: keytab.AES128_CTS_HMAC_SHA256_128},
		{BindingAware: true, Target: service},
		{NoOffer: true},
		{NoSubkey: true},
		{RetrySkew: true, ClockOffset: time.Hour},
	} {
		client, err := realm.User("alice").Initiate(service, o)
		if err != nil {
			t.Fatal(err)
		}
		c := acceptor.NewContext(sspi.ContextConfig{AcceptDelegation: true})
		if _, err := sspitest.Handshake(client, c); err != nil {
			t.Fatalf("%+v: %v", o, err)
		}
		token, err := client.Wrap([]byte("text"), true)
		if err != nil {
			t.Fatal(err)
		}
		if text, conf, err := c.Unwrap(nil, token); string(text) != "text" || !conf || err != nil {
			t.Errorf("%q, %v, %v", text, conf, err)
		}
		if (c.Delegated() != nil) != o.Delegate {
			t.Errorf("%+v: delegated %v", o, c.Delegated())
		}
	}
	for _, o := range []sspitest.Options{
		{TicketEType: keytab.AES256_CTS_HMAC_SHA1_96},
		{SessionEType: keytab.AES128_CTS_HMAC_SHA1_96},
		{SubkeyEType: keytab.RC4_HMAC},
		{ChannelBindings: &sspi.ChannelBindings{ApplicationData: []byte("tls-exporter:x")}},
	} {
		if _, err := realm.User("alice").Initiate(service, o); status.ReasonOf(err) != status.ReasonArgument {
			t.Errorf("%+v: %v, want %v", o, err, status.ReasonArgument)
		}
	}
}
