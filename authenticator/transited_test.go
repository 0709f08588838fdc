package authenticator

import (
	"slices"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/vectors"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket"
)

func TestAPREQ_8_TransitedVectors(t *testing.T) {
	rows := vectors.Load(t).TransitedExpand
	if len(rows) != 9 {
		t.Fatalf("%d rows, want 9", len(rows))
	}
	for _, row := range rows {
		got, ok := expandTransited(row.Contents, row.Client, row.Server)
		if ok == row.Error {
			t.Errorf("%+v: ok %v", row, ok)
			continue
		}
		// The vectors list the realms of a gap after their neighbour. Only the set matters,
		// not the order.
		want := slices.Clone(row.Realms)
		slices.Sort(got)
		slices.Sort(want)
		if ok && !slices.Equal(got, want) {
			t.Errorf("%+v: got %q", row, got)
		}
	}
}

func TestAPREQ_8_TransitedMalformed(t *testing.T) {
	for _, s := range []string{
		`EDU\`, "MIT.", " ", ",A,B.C,", // a quoted nothing, an abbreviation of nothing, an empty name, no path between
		strings.Repeat("A", maxTransited+1), strings.Repeat("A,", maxTransitedRealms+1),
	} {
		if realms, ok := expandTransited(s, "X.Y", "Z.Y"); ok {
			t.Errorf("%.40q: got %q", s, realms)
		}
	}
	if got, ok := expandTransited(`A\,B,C\.`, "X", "Y"); !ok || !slices.Equal(got, []string{"A,B", "C."}) {
		t.Errorf("quoted: got %q, %v", got, ok)
	}
}

// TestAPREQ_8_TransitedBounds checks the limits of 4096 bytes and 128 realms, also for
// realms in a gap.
func TestAPREQ_8_TransitedBounds(t *testing.T) {
	deep := strings.Repeat("A.", maxTransitedRealms+1) + "B" // there are 128 realms between deep and B
	for _, row := range []struct {
		name, contents, client, server string
		realms                         int // -1 if the field is refused
	}{
		{"nothing", "", "X.Y", "Z.Y", 0},
		{"4096 bytes", strings.Repeat("A", maxTransited), "X", "Y", 1},
		{"4097 bytes", strings.Repeat("A", maxTransited+1), "X", "Y", -1},
		{"128 realms", strings.Repeat("A,", maxTransitedRealms-1) + "A", "X", "Y", maxTransitedRealms},
		{"129 realms", strings.Repeat("A,", maxTransitedRealms) + "A", "X", "Y", -1},
		{"128 in a gap", ",", deep, "B", maxTransitedRealms},
		{"129 in a gap", ",", "A." + deep, "B", -1},
		{"127 in a gap and one", ",B", strings.TrimPrefix(deep, "A."), "Y", maxTransitedRealms},
		{"128 in a gap and one", ",B", deep, "Y", -1},
		{"a gap between strangers", "A.B,,C.D", "X", "Y", -1},
		{"a gap from a stranger", ",A.B", "C.D", "Y", -1},
	} {
		got, ok := expandTransited(row.contents, row.client, row.server)
		if ok != (row.realms >= 0) || ok && len(got) != row.realms {
			t.Errorf("%s: %d realms, %v", row.name, len(got), ok)
		}
	}
}

func TestAPREQ_8_TransitedPolicy(t *testing.T) {
	const checked = flags.TicketTransitedPolicyChecked
	for _, row := range []struct {
		name      string
		client    string
		typ       int32
		transited string
		flags     flags.Ticket
		allowed   []string
		want      status.Reason
	}{
		{"direct trust", "u@OTHER.COM", 1, "", 0, nil, status.ReasonNone},
		{"old TGT without a type", "u@OTHER.COM", 0, "", 0, nil, status.ReasonNone},
		{"on the path", "u@A.EXAMPLE.COM", 1, "EXAMPLE.COM", 0, nil, status.ReasonNone},
		{"our parent's other child", "u@A.EXAMPLE.COM", 1, "X.EXAMPLE.COM", 0, nil, status.ReasonTransited},
		{"off the path", "u@A.EXAMPLE.COM", 1, "EVIL.ORG", 0, nil, status.ReasonTransited},
		{"off the path, by the KDC's word", "u@A.EXAMPLE.COM", 1, "EVIL.ORG", checked, nil, status.ReasonNone},
		{"allowed by name", "u@A.EXAMPLE.COM", 1, "PARTNER.ORG", 0, []string{"PARTNER.ORG"}, status.ReasonNone},
		{"one of two allowed", "u@A.EXAMPLE.COM", 1, "PARTNER.ORG,EVIL.ORG", 0, []string{"PARTNER.ORG"}, status.ReasonTransited},
		{"parent and no suffix in common", "u@A.ORG", 1, "ORG", 0, nil, status.ReasonNone},
		{"a sibling and no suffix in common", "u@A.ORG", 1, "B.ORG", 0, nil, status.ReasonTransited},
		{"unknown type with contents", "u@A.EXAMPLE.COM", 2, "EXAMPLE.COM", 0, nil, status.ReasonTransitedType},
		{"unknown type, by the KDC's word", "u@A.EXAMPLE.COM", 2, "EXAMPLE.COM", checked, nil, status.ReasonTransitedType},
	} {
		c := &ticket.Content{
			Client: keytab.MustParsePrincipal(row.client), Service: keytab.MustParsePrincipal("HTTP/h@B.EXAMPLE.COM"),
			TransitedType: row.typ, Transited: []byte(row.transited), Flags: row.flags,
		}
		if got := status.ReasonOf(checkTransited(c, row.allowed)); got != row.want {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
}

// TestAPREQ_8_ForestTrust checks clients of a domain below the root of a trusted forest of
// Active Directory. Their path contains ancestors of the client's realm and of the
// service's realm, the two realms have no common suffix, and the KDC has not checked the
// path. No other realm may be on the path, however it is written.
func TestAPREQ_8_ForestTrust(t *testing.T) {
	for _, row := range []struct {
		client, service, transited string
		want                       status.Reason
	}{
		{"CHILD.PARTNER.TEST", "EXAMPLE.COM", "PARTNER.TEST", status.ReasonNone},
		{"A.CHILD.PARTNER.TEST", "EXAMPLE.COM", "CHILD.PARTNER.TEST,PARTNER.TEST", status.ReasonNone},
		{"A.CHILD.PARTNER.TEST", "EXAMPLE.COM", "PARTNER.TEST,CHILD.", status.ReasonNone},
		{"A.CHILD.PARTNER.TEST", "EXAMPLE.COM", ",PARTNER.TEST", status.ReasonNone},
		{"CHILD.PARTNER.TEST", "SUB.EXAMPLE.COM", "PARTNER.TEST,EXAMPLE.COM", status.ReasonNone},
		{"PARTNER.TEST", "SUB.EXAMPLE.COM", "EXAMPLE.COM", status.ReasonNone},
		{"CHILD.PARTNER.TEST", "EXAMPLE.COM", "STRANGER.TEST", status.ReasonTransited},
		{"CHILD.PARTNER.TEST", "EXAMPLE.COM", "PARTNER.TEST,STRANGER.TEST", status.ReasonTransited},
		{"CHILD.PARTNER.TEST", "EXAMPLE.COM", "OTHER.PARTNER.TEST", status.ReasonTransited},
		{"CHILD.PARTNER.TEST", "EXAMPLE.COM", "B.CHILD.PARTNER.TEST", status.ReasonTransited},
		{"CHILD.PARTNER.TEST", "EXAMPLE.COM", "SUB.EXAMPLE.COM", status.ReasonTransited},
		{"CHILD.PARTNER.TEST", "EXAMPLE.COM", "ARTNER.TEST", status.ReasonTransited}, // a suffix of the text, and not of the labels
		{"CHILD.PARTNER.TEST", "EXAMPLE.COM", "partner.test", status.ReasonTransited},
		{"CHILD.PARTNER.TEST", "EXAMPLE.COM", "XPARTNER.TEST", status.ReasonTransited},
		// A name in X.500 style has no parent domain, whatever its end is.
		{`\/C=DE\/O=CHILD.PARTNER.TEST`, "EXAMPLE.COM", "PARTNER.TEST", status.ReasonTransited},
		{`\/C=DE\/O=CHILD.PARTNER.TEST`, `\/C=DE\/O=EXAMPLE.TEST`, "TEST", status.ReasonTransited},
		{`\/C=DE\/O=CHILD.PARTNER.TEST`, "SUB.EXAMPLE.COM", "EXAMPLE.COM", status.ReasonNone},
	} {
		c := &ticket.Content{
			Client: keytab.MustParsePrincipal("u@" + row.client), Service: keytab.MustParsePrincipal("HTTP/h@" + row.service),
			TransitedType: 1, Transited: []byte(row.transited),
		}
		err := checkTransited(c, nil)
		if got := status.ReasonOf(err); got != row.want {
			t.Errorf("%s to %s through %s: %v, want %v", row.client, row.service, row.transited, err, row.want)
		}
		if err != nil && !strings.Contains(err.Error(), "Config.TransitedRealms") {
			t.Errorf("the error does not name TransitedRealms: %v", err)
		}
	}
}
