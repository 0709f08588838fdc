package authenticator_test

import (
	"testing"

	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/internal/vectors"
	"github.com/gosspi/kerberos/status"
)

// TestAPREQ_8_VectorsThroughCheck uses MIT's transited fields in tickets. If all their
// realms are allowed, Check accepts each field that can be expanded. If the KDC has checked
// the path, Check accepts all.
func TestAPREQ_8_VectorsThroughCheck(t *testing.T) {
	for _, row := range vectors.Load(t).TransitedExpand {
		d := deskOf(t, krbtest.NewRealm(row.Server))
		request := func(f flags.Ticket) *krbtest.APReq {
			k := d.realm.Ticket("alice", service)
			k.Part.CRealm = row.Client
			k.Part.CName = types.PrincipalName{NameType: nametype.KRB_NT_PRINCIPAL, NameString: []string{"alice"}}
			k.Part.Transited.Contents = []byte(row.Contents)
			k.Part.Flags = krbtest.TicketFlags(f)
			return k.APReq()
		}
		d.params.TransitedRealms = row.Realms
		want := status.ReasonNone
		if row.Error {
			want = status.ReasonTransited
		}
		d.wants(row.Contents, request(0), want)
		d.accepts(row.Contents+", by the KDC's word", request(flags.TicketTransitedPolicyChecked))
	}
}

// TestAPREQ_8_EveryRealmCounts checks that one realm on the path that is not allowed
// refuses the client, at any position, and that the client cannot change this.
func TestAPREQ_8_EveryRealmCounts(t *testing.T) {
	for contents, want := range map[string]status.Reason{
		"":                      status.ReasonNone,
		"A.ORG,B.ORG":           status.ReasonNone,
		"EVIL.ORG,A.ORG,B.ORG":  status.ReasonTransited,
		"A.ORG,EVIL.ORG,B.ORG":  status.ReasonTransited,
		"A.ORG,B.ORG,EVIL.ORG":  status.ReasonTransited,
		"a.org":                 status.ReasonTransited,
		"A.ORG.":                status.ReasonTransited,
		"A.ORG\x00":             status.ReasonTransited,
		"XA.ORG":                status.ReasonTransited,
		"\xff":                  status.ReasonTransited,
		"EVILEXAMPLE.COM":       status.ReasonTransited,
		"EXAMPLE.COM.EVIL.ORG":  status.ReasonTransited,
		"A.ORG,/EVIL,B.ORG":     status.ReasonTransited,
		" A.ORG":                status.ReasonNone,
		"\\A.ORG":               status.ReasonNone,
		"A.ORG,B.ORG,A.ORG":     status.ReasonNone,
		"EXAMPLE.COM":           status.ReasonNone,
		"DEV.EXAMPLE.COM,A.ORG": status.ReasonNone,
	} {
		d := newDesk(t)
		d.params.TransitedRealms = []string{"A.ORG", "B.ORG"}
		k := d.realm.Ticket("alice@DEV.EXAMPLE.COM", service)
		k.Part.Flags = krbtest.TicketFlags(0)
		k.Part.Transited.Contents = []byte(contents)
		d.wants(contents, k.APReq(), want)
	}
}

// TestAPREQ_8_UpAndDown checks the hierarchical path: up from the client's realm to the
// first realm that contains both, and down to the service's realm. No realm beside the path
// or beyond its ends is allowed.
func TestAPREQ_8_UpAndDown(t *testing.T) {
	good, bad := status.ReasonNone, status.ReasonTransited
	for _, row := range []struct {
		client, server, between string
		want                    status.Reason
	}{
		{"A.B.ORG", "C.D.ORG", "B.ORG,ORG,D.ORG", good},
		{"A.B.ORG", "C.D.ORG", "B.ORG", good},
		{"A.B.ORG", "C.D.ORG", "D.ORG", good},
		{"A.B.ORG", "C.D.ORG", "E.ORG", bad},
		{"A.B.ORG", "C.D.ORG", "E.B.ORG", bad},
		{"A.B.ORG", "C.D.ORG", "E.D.ORG", bad},
		{"A.B.ORG", "C.D.ORG", "E.A.B.ORG", bad},
		{"A.B.ORG", "C.D.ORG", "E.C.D.ORG", bad},
		{"ORG", "C.D.ORG", "D.ORG", good},
		{"C.D.ORG", "ORG", "D.ORG", good},
		{"D.ORG", "C.D.ORG", "ORG", bad}, // this realm is above the realm that contains both
		{"A.B.ORG", "A.C.ORG", "XB.ORG", bad},
		{"A.B.ORG", "A.C.ORG", "RG", bad},
		{"A.B.ORG", "A.C.COM", "B.ORG", good}, // no realm contains both: two trees, and a trust between them
		{"A.B.ORG", "A.C.COM", "B.ORG,ORG,COM,C.COM", good},
		{"A.B.ORG", "A.C.COM", "E.ORG", bad},
		{"A.B.ORG", "A.C.COM", "E.C.COM", bad},
		{"A.B.ORG", "A.C.COM", "E.A.B.ORG", bad},
		{"A.B.ORG", "A.C.COM", "RG", bad},
	} {
		d := deskOf(t, krbtest.NewRealm(row.server))
		k := d.realm.Ticket("alice@"+row.client, service)
		k.Part.Flags = krbtest.TicketFlags(0)
		k.Part.Transited.Contents = []byte(row.between)
		d.wants(row.client+" to "+row.server+" through "+row.between, k.APReq(), row.want)
	}
}
