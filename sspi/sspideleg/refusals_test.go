package sspideleg_test

import (
	"context"
	"crypto/fips140"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi/sspideleg"
	"github.com/gosspi/kerberos/status"
)

// TestService_Configuration checks that ForUser sends nothing if the client has no KDC, no
// name or no usable ticket-granting ticket.
func TestService_Configuration(t *testing.T) {
	l := newLiar(t)
	l.set(func(*krb5.KDCReq) []byte { l.Error("a request was sent"); return nil })
	conf := l.service.Client.Config
	noKDC := *conf
	noKDC.Realms = nil
	unconfigured := *l.service.Client
	unconfigured.Config = &noKDC
	for name, x := range map[string]struct {
		client *client.Client
		want   status.Reason
		text   string
	}{
		"no KDC":       {&unconfigured, status.ReasonNoCredentials, "the configuration has no KDC"},
		"no name":      {client.NewWithPassword("", "EXAMPLE.COM", "password", &noKDC), status.ReasonArgument, "no principal"},
		"no login":     {client.NewWithPassword("front", "EXAMPLE.COM", "password", &noKDC), status.ReasonNoCredentials, "got no ticket-granting ticket"},
		"a DES key":    {l.holder(types.EncryptionKey{KeyType: 16, KeyValue: make([]byte, 24)}, 5), status.ReasonETypeRefused, "the session key of Service.Client's ticket-granting ticket is unusable"},
		"version four": {l.holder(l.tgt.Part.Key, 4), status.ReasonNoCredentials, "the ticket-granting ticket of Service.Client is malformed"},
	} {
		service := sspideleg.Service{Client: x.client, Keys: l.service.Keys}
		got, err := service.ForUser(t.Context(), l.principal("alice"))
		if status.ReasonOf(err) != x.want || got != nil || !strings.Contains(err.Error(), x.text) {
			t.Errorf("%s: %v, want %v, %s", name, err, x.want, x.text)
		}
	}
}

// holder returns a client that has l.tgt with another session key and tkt-vno.
func (l *liar) holder(key types.EncryptionKey, version int) *client.Client {
	l.Helper()
	var tgt messages.Ticket
	if err := tgt.Unmarshal(l.tgt.Bytes()); err != nil {
		l.Fatal(err)
	}
	tgt.TktVNO = version
	b, err := tgt.Marshal()
	if err != nil {
		l.Fatal(err)
	}
	part := l.tgt.Part
	entry := &credentials.Credential{Key: key, AuthTime: part.AuthTime, StartTime: part.StartTime, EndTime: part.EndTime, Ticket: b}
	entry.Client.Realm, entry.Client.PrincipalName = part.CRealm, part.CName
	entry.Server.Realm, entry.Server.PrincipalName = l.tgt.Realm, l.tgt.SName
	cache := &credentials.CCache{Version: 4, DefaultPrincipal: entry.Client, Credentials: []*credentials.Credential{entry}}
	cl, err := client.NewFromCCache(cache, l.service.Client.Config)
	if err != nil {
		l.Fatal(err)
	}
	return cl
}

// TestService_KeysFail checks that ForUser returns no ticket that it cannot check.
func TestService_KeysFail(t *testing.T) {
	l := newLiar(t)
	l.says("alice", front, lie{})
	cause := errors.New("no keytab")
	l.service.Keys = keytab.SourceFunc(func(context.Context) (*keytab.Table, error) { return nil, cause })
	got, err := l.service.ForUser(t.Context(), l.principal("alice"))
	if status.ReasonOf(err) != status.ReasonNoCredentials || !errors.Is(err, cause) || got != nil {
		t.Errorf("%v, want the error of Keys", err)
	}
}

// TestEnforcedFIPS_ForUser checks that ForUser sends nothing if the mode forbids MD5.
func TestEnforcedFIPS_ForUser(t *testing.T) {
	if !fips140.Enforced() {
		cmd := exec.Command(os.Args[0], "-test.run=^TestEnforcedFIPS_ForUser$", "-test.v")
		cmd.Env = append(os.Environ(), "GODEBUG=fips140=only")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS: TestEnforcedFIPS_ForUser") {
			t.Errorf("under fips140=only: %v\n%s", err, out)
		}
		return
	}
	l := newLiar(t)
	l.set(func(*krb5.KDCReq) []byte { l.Error("a request was sent"); return nil })
	got, err := l.service.ForUser(t.Context(), l.principal("alice"))
	if status.ReasonOf(err) != status.ReasonETypeRefused || got != nil || !strings.Contains(err.Error(), "MD5") {
		t.Errorf("%v, want %v", err, status.ReasonETypeRefused)
	}
}
