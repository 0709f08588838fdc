package ad

import (
	"bytes"
	"encoding/asn1"
	"testing"
	"time"

	"github.com/gosspi/kerberos/ticket"
	"github.com/gosspi/kerberos/ticket/pac"
)

// facts are the statements of this library about the client of an exchange, in the words of
// the domain. This file is the only one that knows how the library makes them.
type facts struct {
	account, domain, sid, upn string
	granted, filtered         []string
	claims, deviceClaims      []pac.Claim
	device                    *pac.DeviceInfo
	delegation                *pac.DelegationInfo
}

// facts returns the library's facts, or nil if the ticket has no PAC.
func (x *exchange) facts(t testing.TB, a *acceptor) *facts {
	t.Helper()
	opened, err := ticket.Open(apReq(t, x.token), &ticket.Params{Keys: a.keys, Now: time.Now(), Skew: 5 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	c := opened.Unproven()
	if c.PAC == nil {
		return nil
	}
	p, err := pac.Verify(c.PAC, pac.Ticket{Key: c.ServiceKey, Client: c.Client, AuthTime: c.AuthTime})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Conflict(); err != nil {
		t.Fatal(err)
	}
	logon, err := p.LogonInfo()
	if err != nil || logon == nil {
		t.Fatalf("LOGON_INFO: %v, %v", logon, err)
	}
	origin := pac.OtherForest
	if c.Client.Realm() == a.forest.Realm {
		origin = pac.OwnRealm
	}
	access, err := logon.Filter(origin, pac.MustParseSID(a.forest.sid))
	if err != nil {
		t.Fatal(err)
	}
	f := &facts{account: logon.AccountName, domain: logon.LogonDomain, sid: logon.UserSID.String()}
	for _, sid := range access.Granted {
		f.granted = append(f.granted, sid.String())
	}
	for _, g := range access.Filtered {
		f.filtered = append(f.filtered, g.SID.String())
	}
	f.more(t, p)
	return f
}

// more reads the buffers besides LOGON_INFO.
func (f *facts) more(t testing.TB, p *pac.PAC) {
	t.Helper()
	upn, err := p.UPNDNSInfo()
	if err != nil {
		t.Fatal(err)
	}
	if upn != nil && !upn.Constructed {
		f.upn = upn.UPN
	}
	if f.claims, err = p.ClientClaims(); err != nil {
		t.Fatal(err)
	}
	if f.deviceClaims, err = p.DeviceClaims(); err != nil {
		t.Fatal(err)
	}
	if f.device, err = p.DeviceInfo(); err != nil {
		t.Fatal(err)
	}
	if f.delegation, err = p.DelegationInfo(); err != nil {
		t.Fatal(err)
	}
}

// apReq returns the AP-REQ of a Kerberos token, which may be in a NegTokenInit.
func apReq(t testing.TB, token []byte) []byte {
	t.Helper()
	frame := []byte{6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2, 1, 0}
	_, rest, found := bytes.Cut(token, frame)
	var msg asn1.RawValue
	if _, err := asn1.Unmarshal(rest, &msg); !found || err != nil {
		t.Fatalf("the token has no AP-REQ: %v", err)
	}
	return msg.FullBytes
}
