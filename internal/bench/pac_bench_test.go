package bench

import (
	"fmt"
	"testing"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/ticket/pac"
)

// withGroups gives the tickets of x a PAC with n groups of the account's domain, as a domain
// controller makes it, and makes new tokens.
func (x *traffic) withGroups(n int) {
	domain := "S-1-5-21-1004336348-1177238915-682003330"
	const mandatory = pac.SE_GROUP_MANDATORY | pac.SE_GROUP_ENABLED_BY_DEFAULT | pac.SE_GROUP_ENABLED
	l := &pac.LogonInfo{
		AccountName: "alice", FullName: "Alice Liddell", LogonServer: "DC1", LogonDomain: "EXAMPLE",
		UserSID: pac.MustParseSID(domain + "-1104"), DomainSID: pac.MustParseSID(domain), PrimaryGroup: pac.MustParseSID(domain + "-513"),
		UserFlags: pac.LOGON_EXTRA_SIDS,
		ExtraSIDs: []pac.Group{{SID: pac.AuthenticationAuthorityAsserted, Attributes: mandatory}, {SID: pac.ClaimsValid, Attributes: mandatory}},
	}
	for i := range n {
		l.Groups = append(l.Groups, pac.Group{SID: pac.MustParseSID(fmt.Sprintf("%s-%d", domain, 513+i)), Attributes: mandatory})
	}
	x.ticket.PAC = &krbtest.PAC{Logon: l, UPN: &pac.UPNDNSInfo{
		UPN: "alice@example.com", DNSDomain: "EXAMPLE.COM", SAMName: "alice", SID: l.UserSID,
	}}
	request := x.ticket.APReq()
	for i := range x.tokens {
		x.tokens[i] = request.Token()
	}
}

// BenchmarkPACOverIgnored reports the cost of an accept that verifies the PAC and decodes all
// its SIDs as a multiple of the same accept with the PAC ignored. They take turns.
func BenchmarkPACOverIgnored(b *testing.B) {
	for _, groups := range []int{24, 374} {
		b.Run(fmt.Sprintf("%d groups", groups), func(b *testing.B) {
			x := newTraffic(2000)
			x.withGroups(groups)
			var used, ignored, n float64
			for b.Loop() {
				used += x.acceptWith(b, sspi.PACUse)
				ignored += x.acceptWith(b, sspi.PACIgnore)
				n += float64(len(x.tokens))
			}
			b.ReportMetric(used/ignored, "used/ignored")
			b.ReportMetric(used/n/1e3, "µs/used")
			b.ReportMetric(ignored/n/1e3, "µs/ignored")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// acceptWith is the time that a new acceptor with a mode of PACs takes for all tokens.
func (x *traffic) acceptWith(b *testing.B, mode sspi.PACMode) float64 {
	x.pac = mode
	defer func() { x.pac = sspi.PACUse }()
	return x.acceptAll(b, x.tokens)
}
