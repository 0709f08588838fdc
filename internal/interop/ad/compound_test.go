package ad

import (
	"context"
	"slices"
	"testing"

	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/gssapi"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/spnego"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspiallow"
	"github.com/gosspi/kerberos/ticket/pac"
)

// accept gives a token of gokrb5 with a ticket to an acceptor.
func (a *acceptor) accept(t testing.TB, g grantingTicket, tkt messages.Ticket, key types.EncryptionKey) *exchange {
	t.Helper()
	cl := client.NewWithPassword(g.client.PrincipalNameString(), g.realm, "", config.New())
	token := must(spnego.NewKRB5TokenAPREQ(cl, tkt, key, []int{gssapi.ContextFlagInteg}, nil))(t)
	x := &exchange{token: must(token.Marshal())(t)}
	ctx := a.sspi.NewContext(sspi.ContextConfig{})
	defer ctx.Close()
	_, x.peer, x.err = ctx.Accept(context.Background(), x.token)
	return x
}

// TestAD_CompoundIdentity checks a ticket whose PAC also describes the client's computer: the
// computer's groups and claims are those of the domain, and no groups of the user.
func TestAD_CompoundIdentity(t *testing.T) {
	l := theLab(t)
	t.Parallel()
	a := l.corp.acceptor(t, "compound")
	user := l.login(t, "alice").grantingTicket(t, "")
	tkt, key := l.corp.armoredTicket(t, user, l.login(t, "WS1$").grantingTicket(t, ""), "HTTP/compound.corp.example.test")
	x := a.accept(t, user, tkt, key)
	if x.err != nil {
		t.Fatal(x.err)
	}
	x.sameAsSamba(t, initiator{mech: "krb5"}, a)
	x.grants(t, l.corp, "alice", "staff", "builders")
	x.lacks(t, l.corp, "WS1$", "laptops", "labs")
	token := x.peer.AccessToken
	if !token.Grants(pac.CompoundedAuthentication) {
		t.Errorf("granted %q, without %s", granted(t, x.peer), pac.CompoundedAuthentication)
	}
	device, err := token.Device()
	if err != nil || device == nil {
		t.Fatalf("device %v, %v", device, err)
	}
	if device.User() != l.corp.sidOf(t, "WS1$") {
		t.Errorf("the device is %s", device.User())
	}
	want := []pac.SID{pac.AuthenticationAuthorityAsserted, pac.ClaimsValid}
	for _, g := range []string{"Domain Computers", "laptops", "labs"} {
		want = append(want, l.corp.sidOf(t, g))
	}
	var got []pac.SID
	for _, g := range device.Groups() {
		got = append(got, g.SID)
	}
	if !sameSIDs(got, want) || len(device.Filtered())+len(device.DenyOnly()) > 0 {
		t.Errorf("the device has %v, want %v; filtered %v, for deny-only %v", got, want, device.Filtered(), device.DenyOnly())
	}
	claims, err := token.DeviceClaims()
	department := l.corp.Computers[0].Attributes["department"].(string)
	if err != nil || len(claims) != 1 || claims[0].ID != "department" || !slices.Equal(claims[0].Strings, []string{department}) {
		t.Errorf("claims of the device %+v, %v; want %q", claims, err, department)
	}
	names := must(sspiallow.OpenNames(l.namesFile(t)))(t)
	for text, want := range map[string]bool{
		`device(CORP\laptops)`: true, `device(CORP\labs)`: true, `device(CORP\WS1$)`: true, `device(CORP\staff)`: false, `not(device(CORP\staff))`: true,
		`deviceclaim(CORP.EXAMPLE.TEST, department, "` + department + `")`: true, `deviceclaim(CORP.EXAMPLE.TEST, department, x)`: false,
	} {
		if ok, why := must(sspiallow.Parse(text, names))(t).Explain(x.peer); ok != want {
			t.Errorf("%s: %v, %s", text, ok, why)
		}
	}
}

// TestAD_NoCompoundIdentity checks the same request for a service that does not want compound
// identity.
func TestAD_NoCompoundIdentity(t *testing.T) {
	l := theLab(t)
	t.Parallel()
	user := l.login(t, "alice").grantingTicket(t, "")
	tkt, key := l.corp.armoredTicket(t, user, l.login(t, "WS1$").grantingTicket(t, ""), "HTTP/localhost")
	x := l.corp.acceptor(t, "web").accept(t, user, tkt, key)
	if x.err != nil {
		t.Fatal(x.err)
	}
	if device, err := x.peer.AccessToken.Device(); device != nil || err != nil {
		t.Errorf("device %+v, %v", device, err)
	}
}
