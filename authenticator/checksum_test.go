package authenticator

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/vectors"
	"github.com/gosspi/kerberos/status"
)

// gssSum returns the checksum field of RFC 4121, Section 4.1.1.
func gssSum(bnd [16]byte, f flags.GSS, rest ...byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, 16)
	b = append(b, bnd[:]...)
	b = binary.LittleEndian.AppendUint32(b, uint32(f))
	return append(b, rest...)
}

func TestBIND_5_ChecksumStructure(t *testing.T) {
	const deleg = flags.GSS_C_DELEG_FLAG
	good := gssSum([16]byte{1}, flags.GSS_C_INTEG_FLAG)
	for _, row := range []struct {
		name string
		sum  []byte
		want status.Reason
		cred string
	}{
		{"plain", good, status.ReasonNone, ""},
		{"short", good[:23], status.ReasonBadGSSChecksum, ""},
		{"empty", nil, status.ReasonBadGSSChecksum, ""},
		{"length of bindings", append([]byte{15}, good[1:]...), status.ReasonBadGSSChecksum, ""},
		{"length of bindings, high byte", append([]byte{16, 0, 0, 1}, good[4:]...), status.ReasonBadGSSChecksum, ""},
		{"credentials", gssSum([16]byte{}, deleg, 1, 0, 2, 0, 'K', 'C'), status.ReasonNone, "KC"},
		{"credentials, then an extension", gssSum([16]byte{}, deleg, 1, 0, 1, 0, 'K', 0, 0, 0, 9, 0, 0, 0, 1, 'x'), status.ReasonNone, "K"},
		{"no room for credentials", gssSum([16]byte{}, deleg), status.ReasonBadGSSChecksum, ""},
		{"another delegation option", gssSum([16]byte{}, deleg, 2, 0, 0, 0), status.ReasonBadGSSChecksum, ""},
		{"credentials too long", gssSum([16]byte{}, deleg, 1, 0, 2, 0, 'K'), status.ReasonBadGSSChecksum, ""},
		{"an unknown extension", gssSum([16]byte{}, 0, 0, 0, 0, 9, 0, 0, 0, 1, 'x'), status.ReasonNone, ""},
		{"an extension cut in its head", gssSum([16]byte{}, 0, 0, 0, 0, 9, 0, 0, 0), status.ReasonBadGSSChecksum, ""},
		{"an extension cut in its body", gssSum([16]byte{}, 0, 0, 0, 0, 9, 0, 0, 0, 2, 'x'), status.ReasonBadGSSChecksum, ""},
		{"an extension of 4 GiB", gssSum([16]byte{}, 0, 0, 0, 0, 9, 0xff, 0xff, 0xff, 0xff, 'x'), status.ReasonBadGSSChecksum, ""},
	} {
		var c checksum
		err := c.parse(bytes.Clone(row.sum))
		if got := status.ReasonOf(err); got != row.want {
			t.Errorf("%s: %v, want %v", row.name, err, row.want)
		}
		if err == nil && string(c.cred) != row.cred {
			t.Errorf("%s: credentials %q, want %q", row.name, c.cred, row.cred)
		}
	}
}

func TestBIND_5_DCEStyleImpliesMutual(t *testing.T) {
	var c checksum
	if err := c.parse(gssSum([16]byte{}, flags.GSS_C_DCE_STYLE)); err != nil || c.flags&flags.GSS_C_MUTUAL_FLAG == 0 {
		t.Errorf("%v, %v", c.flags, err)
	}
}

// TestBIND_1_Vectors runs MIT's table. MIT accepts clients without bindings, so the test
// uses a policy that accepts them too. Under the strict policy Check must refuse every
// client without bindings if the acceptor has bindings.
func TestBIND_1_Vectors(t *testing.T) {
	rows := vectors.Load(t).ChannelBindings
	if len(rows) != 10 {
		t.Fatalf("%d rows, want 10", len(rows))
	}
	for _, row := range rows {
		var c checksum
		if row.Initiator != "-" {
			c.bindings = (&ChannelBindings{ApplicationData: []byte(row.Initiator)}).sum(false)
		}
		p := &Params{Policy: BindingAllowMissing}
		if row.Acceptor != "-" {
			p.Bindings = []ChannelBindings{{ApplicationData: []byte(row.Acceptor)}}
		}
		got, err := decideBinding(&c, row.ClientAware, p)
		want := map[string]status.Code{"yes": status.SEC_E_OK, "no": status.SEC_E_OK, "BAD_BINDINGS": status.SEC_E_BAD_BINDINGS}[row.Result]
		if status.CodeOf(err) != want || err == nil && (got == BindingMatched) != (row.Result == "yes") {
			t.Errorf("%+v: %v, %v", row, got, err)
		}
		p.Policy = BindingDefault
		_, err = decideBinding(&c, row.ClientAware, p)
		refuse := row.Result == "BAD_BINDINGS" || row.Result == "no" && row.Acceptor != "-"
		if (err != nil) != refuse {
			t.Errorf("%+v, required: %v", row, err)
		}
	}
}

func TestBIND_2_DecisionTable(t *testing.T) {
	own := []ChannelBindings{{ApplicationData: []byte("tls")}}
	match := own[0].sum(false)
	java := own[0].sum(true) // address type 255
	other := [16]byte{1}
	for _, row := range []struct {
		name     string
		bindings []ChannelBindings
		policy   BindingPolicy
		sent     [16]byte
		aware    bool
		want     status.Reason
		got      Binding
	}{
		{"none given", nil, BindingDefault, other, false, status.ReasonNone, BindingUnchecked},
		{"equal", own, BindingDefault, match, false, status.ReasonNone, BindingMatched},
		{"equal, hashed with no address type", own, BindingDefault, java, true, status.ReasonNone, BindingMatched},
		{"different", own, BindingAllowMissing, other, false, status.ReasonBindingMismatch, BindingMismatched},
		{"absent, aware, even if allowed", own, BindingAllowMissing, [16]byte{}, true, status.ReasonBindingMissing, BindingMissingAware},
		{"absent, default", own, BindingDefault, [16]byte{}, false, status.ReasonBindingMissing, BindingMissingRefused},
		{"absent, required", own, BindingRequired, [16]byte{}, false, status.ReasonBindingMissing, BindingMissingRefused},
		{"absent, allowed", own, BindingAllowMissing, [16]byte{}, false, status.ReasonNone, BindingMissing},
		{"proxy, sent", nil, BindingProxied, other, false, status.ReasonNone, BindingOfProxy},
		{"proxy, absent", nil, BindingProxied, [16]byte{}, false, status.ReasonBindingMissing, BindingMissingRefused},
		{"proxy, absent, aware", nil, BindingProxied, [16]byte{}, true, status.ReasonBindingMissing, BindingMissingAware},
		{"proxy, absent, own", own, BindingProxied, [16]byte{}, false, status.ReasonBindingMissing, BindingMissingRefused},
		{"proxy, sent, own", own, BindingProxied, match, false, status.ReasonNone, BindingMatched},
		{"proxy and allowed, absent", nil, BindingProxiedAllowMissing, [16]byte{}, false, status.ReasonNone, BindingMissing},
		{"proxy and allowed, absent, own", own, BindingProxiedAllowMissing, [16]byte{}, false, status.ReasonNone, BindingMissing},
		{"proxy and allowed, absent, aware", nil, BindingProxiedAllowMissing, [16]byte{}, true, status.ReasonBindingMissing, BindingMissingAware},
		{"proxy and allowed, sent", nil, BindingProxiedAllowMissing, other, false, status.ReasonNone, BindingOfProxy},
		{"proxy and allowed, different", own, BindingProxiedAllowMissing, other, false, status.ReasonBindingMismatch, BindingMismatched},
		{"required, none of our own", nil, BindingRequired, [16]byte{}, false, status.ReasonBindingUnknown, BindingMissingRefused},
		{"required, none of our own, sent", nil, BindingRequired, other, false, status.ReasonBindingUnknown, BindingMismatched},
	} {
		got, err := decideBinding(&checksum{bindings: row.sent}, row.aware, &Params{Bindings: row.bindings, Policy: row.policy})
		if status.ReasonOf(err) != row.want || got != row.got {
			t.Errorf("%s: %v, %v", row.name, got, err)
		}
	}
}

// TestBIND_9_Unknown checks that an acceptor that does not know the bindings of its channel
// refuses a client that sends or supports bindings, under every policy except those for a
// proxy.
func TestBIND_9_Unknown(t *testing.T) {
	own := []ChannelBindings{{ApplicationData: []byte("tls")}}
	match, other := own[0].sum(false), [16]byte{1}
	unknown := errors.New("the certificate was not recorded")
	for _, row := range []struct {
		name     string
		bindings []ChannelBindings
		policy   BindingPolicy
		sent     [16]byte
		aware    bool
		want     status.Reason
		got      Binding
	}{
		{"sent", nil, BindingDefault, other, false, status.ReasonBindingUnknown, BindingMismatched},
		{"sent, allowed", nil, BindingAllowMissing, other, false, status.ReasonBindingUnknown, BindingMismatched},
		{"sent, aware, allowed", nil, BindingAllowMissing, other, true, status.ReasonBindingUnknown, BindingMismatched},
		{"absent, aware", nil, BindingDefault, [16]byte{}, true, status.ReasonBindingMissing, BindingMissingAware},
		{"absent, aware, allowed", nil, BindingAllowMissing, [16]byte{}, true, status.ReasonBindingMissing, BindingMissingAware},
		{"absent", nil, BindingDefault, [16]byte{}, false, status.ReasonNone, BindingUnchecked},
		{"absent, allowed", nil, BindingAllowMissing, [16]byte{}, false, status.ReasonNone, BindingUnchecked},
		{"absent, required", nil, BindingRequired, [16]byte{}, false, status.ReasonBindingUnknown, BindingMissingRefused},
		{"sent, required", nil, BindingRequired, other, false, status.ReasonBindingUnknown, BindingMismatched},
		{"proxy, sent", nil, BindingProxied, other, false, status.ReasonNone, BindingOfProxy},
		{"proxy and allowed, absent", nil, BindingProxiedAllowMissing, [16]byte{}, false, status.ReasonNone, BindingMissing},
		{"given after all", own, BindingAllowMissing, match, false, status.ReasonNone, BindingMatched},
		{"given after all, different", own, BindingAllowMissing, other, false, status.ReasonBindingMismatch, BindingMismatched},
	} {
		got, err := decideBinding(&checksum{bindings: row.sent}, row.aware, &Params{Bindings: row.bindings, BindingsUnknown: unknown, Policy: row.policy})
		if status.ReasonOf(err) != row.want || got != row.got {
			t.Errorf("%s: %v, %v", row.name, got, err)
		}
		if row.want == status.ReasonBindingUnknown && !errors.Is(err, unknown) {
			t.Errorf("%s: %v does not say why", row.name, err)
		}
	}
}

func TestBIND_4_AddressesAreNotJavas(t *testing.T) {
	// Only bindings without addresses have two forms of the hash.
	b := ChannelBindings{InitiatorAddrType: 2, InitiatorAddress: []byte{127, 0, 0, 1}, ApplicationData: []byte("x")}
	if !b.matches(b.sum(false)) || b.matches(b.sum(true)) {
		t.Error("bindings with addresses must match in one form only")
	}
}

func TestChannelBindings_RoundTrip(t *testing.T) {
	for _, b := range []ChannelBindings{
		{},
		{ApplicationData: []byte("tls-exporter:0123")},
		{InitiatorAddrType: 2, InitiatorAddress: []byte{1, 2, 3, 4}, AcceptorAddrType: 24, AcceptorAddress: make([]byte, 16), ApplicationData: []byte("x")},
	} {
		blob, err := b.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseChannelBindings(blob)
		if err != nil || got.sum(false) != b.sum(false) {
			t.Errorf("%+v: got %+v, %v", b, got, err)
		}
		for i := range blob {
			ParseChannelBindings(bytes.Clone(blob[:i])) // must not panic
			for bit := range 8 {
				flipped := bytes.Clone(blob)
				flipped[i] ^= 1 << bit
				if got, err := ParseChannelBindings(flipped); err == nil && i < headerLen && len(got.ApplicationData) > len(blob) {
					t.Errorf("flip %d.%d: a field is longer than the buffer", i, bit)
				}
			}
		}
	}
}
