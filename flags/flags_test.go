package flags

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// leftOut has the reason for each constant of the headers that this package does not have.
var leftOut = map[string]string{
	"ASC_REQ_MESSAGES":                    "does not fit a ULONG",
	"ASC_RET_MESSAGES":                    "does not fit a ULONG",
	"KERB_TICKET_FLAGS_reserved":          "bit 0 of RFC 4120, without a meaning",
	"KERB_TICKET_FLAGS_reserved1":         "bit 31 of RFC 4120, without a meaning",
	"KERB_TICKET_FLAGS_name_canonicalize": "an old name of enc_pa_rep",
}

// TestEqualHeaders compares names and values with the Windows headers, as
// extracted into testdata.
func TestEqualHeaders(t *testing.T) {
	constants := map[string]uint64{}
	for bit := range 32 {
		constants[reqNames[bit]] = 1 << bit
		constants[retNames[bit]] = 1 << bit
		constants["KERB_TICKET_FLAGS_"+strings.ReplaceAll(ticketNames[bit], "-", "_")] = 1 << bit
	}
	delete(constants, "") // bits without a name
	delete(constants, "KERB_TICKET_FLAGS_")
	delete(constants, "KERB_TICKET_FLAGS_transited_policy_checked") // not in the headers
	delete(constants, "KERB_TICKET_FLAGS_anonymous")                // not in the headers
	file, err := os.ReadFile("../testdata/constants.tsv")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for line := range strings.Lines(string(file)) {
		field := strings.Split(strings.TrimSpace(line), "\t")
		if len(field) != 5 || field[0] != "const" {
			continue
		}
		name, group := field[1], field[4]
		if strings.HasPrefix(name, "KERB_TICKET_FLAGS_") {
			group = "KERB_TICKET_FLAGS"
		} else if group != "ASC_REQ" && group != "ASC_RET" {
			continue
		}
		seen[group]++
		want, err := strconv.ParseUint(field[2], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		got, have := constants[name]
		_, left := leftOut[name]
		switch {
		case have == left:
			t.Errorf("%s = %s must be either here or left out with a reason", name, field[3])
		case have && got != want:
			t.Errorf("%s = %#x, the header has %s", name, got, field[3])
		}
		delete(constants, name)
	}
	if seen["ASC_REQ"] != 26 || seen["ASC_RET"] != 25 || seen["KERB_TICKET_FLAGS"] < 15 {
		t.Errorf("constants.tsv holds %v", seen)
	}
	for name := range constants {
		t.Errorf("%s is not in the headers", name)
	}
}

// TestConstantsHaveTheirNames ties each constant to the name at its bit, which
// the test above compares with the headers.
func TestConstantsHaveTheirNames(t *testing.T) {
	for _, c := range []struct {
		flag  fmt.Stringer
		value uint32
		want  string
	}{
		{ASC_REQ_DELEGATE, 0, "ASC_REQ_DELEGATE"},
		{ASC_REQ_MUTUAL_AUTH, 0, "ASC_REQ_MUTUAL_AUTH"},
		{ASC_REQ_REPLAY_DETECT, 0, "ASC_REQ_REPLAY_DETECT"},
		{ASC_REQ_SEQUENCE_DETECT, 0, "ASC_REQ_SEQUENCE_DETECT"},
		{ASC_REQ_CONFIDENTIALITY, 0, "ASC_REQ_CONFIDENTIALITY"},
		{ASC_REQ_USE_SESSION_KEY, 0, "ASC_REQ_USE_SESSION_KEY"},
		{ASC_REQ_ALLOCATE_MEMORY, 0, "ASC_REQ_ALLOCATE_MEMORY"},
		{ASC_REQ_USE_DCE_STYLE, 0, "ASC_REQ_USE_DCE_STYLE"},
		{ASC_REQ_DATAGRAM, 0, "ASC_REQ_DATAGRAM"},
		{ASC_REQ_CONNECTION, 0, "ASC_REQ_CONNECTION"},
		{ASC_REQ_FRAGMENT_SUPPLIED, 0, "ASC_REQ_FRAGMENT_SUPPLIED"},
		{ASC_REQ_EXTENDED_ERROR, 0, "ASC_REQ_EXTENDED_ERROR"},
		{ASC_REQ_INTEGRITY, 0, "ASC_REQ_INTEGRITY"},
		{ASC_REQ(0x00080000), 0, "ASC_REQ_IDENTIFY"},
		{ASC_REQ_FRAGMENT_TO_FIT, 0, "ASC_REQ_FRAGMENT_TO_FIT"},
		{ASC_REQ_PROXY_BINDINGS, 0, "ASC_REQ_PROXY_BINDINGS"},
		{ASC_REQ_ALLOW_MISSING_BINDINGS, 0, "ASC_REQ_ALLOW_MISSING_BINDINGS"},

		{ASC_RET_DELEGATE, 0, "ASC_RET_DELEGATE"},
		{ASC_RET_MUTUAL_AUTH, 0, "ASC_RET_MUTUAL_AUTH"},
		{ASC_RET_REPLAY_DETECT, 0, "ASC_RET_REPLAY_DETECT"},
		{ASC_RET_SEQUENCE_DETECT, 0, "ASC_RET_SEQUENCE_DETECT"},
		{ASC_RET_CONFIDENTIALITY, 0, "ASC_RET_CONFIDENTIALITY"},
		{ASC_RET_USE_SESSION_KEY, 0, "ASC_RET_USE_SESSION_KEY"},
		{ASC_RET_ALLOCATED_MEMORY, 0, "ASC_RET_ALLOCATED_MEMORY"},
		{ASC_RET_USED_DCE_STYLE, 0, "ASC_RET_USED_DCE_STYLE"},
		{ASC_RET_CONNECTION, 0, "ASC_RET_CONNECTION"},
		{ASC_RET_EXTENDED_ERROR, 0, "ASC_RET_EXTENDED_ERROR"},
		{ASC_RET_INTEGRITY, 0, "ASC_RET_INTEGRITY"},
		{ASC_RET_IDENTIFY, 0, "ASC_RET_IDENTIFY"},

		// RFC 4121, Section 4.1.1.1; RFC 4757, Section 7.1; RFC 5896; MIT's
		// and Heimdal's headers for CHANNEL_BOUND.
		{GSS_C_DELEG_FLAG, 1, "GSS_C_DELEG_FLAG"},
		{GSS_C_MUTUAL_FLAG, 2, "GSS_C_MUTUAL_FLAG"},
		{GSS_C_REPLAY_FLAG, 4, "GSS_C_REPLAY_FLAG"},
		{GSS_C_SEQUENCE_FLAG, 8, "GSS_C_SEQUENCE_FLAG"},
		{GSS_C_CONF_FLAG, 16, "GSS_C_CONF_FLAG"},
		{GSS_C_INTEG_FLAG, 32, "GSS_C_INTEG_FLAG"},
		{GSS(0x40), 64, "GSS_C_ANON_FLAG"},
		{GSS(0x80), 128, "GSS_C_PROT_READY_FLAG"},
		{GSS(0x100), 256, "GSS_C_TRANS_FLAG"},
		{GSS(0x800), 2048, "GSS_C_CHANNEL_BOUND_FLAG"},
		{GSS_C_DCE_STYLE, 4096, "GSS_C_DCE_STYLE"},
		{GSS_C_IDENTIFY_FLAG, 8192, "GSS_C_IDENTIFY_FLAG"},
		{gssExtendedError, 16384, "GSS_C_EXTENDED_ERROR_FLAG"},
		{GSS(0x8000), 32768, "GSS_C_DELEG_POLICY_FLAG"},

		// RFC 4120, Sections 5.5.1 and 5.3; RFC 6806; RFC 8062.
		{APUseSessionKey, 0x40000000, "use-session-key"},
		{APMutualRequired, 0x20000000, "mutual-required"},
		{TicketForwardable, 0x40000000, "forwardable"},
		{TicketForwarded, 0x20000000, "forwarded"},
		{Ticket(1 << (31 - 3)), 0x10000000, "proxiable"},
		{Ticket(1 << (31 - 4)), 0x08000000, "proxy"},
		{Ticket(1 << (31 - 5)), 0x04000000, "may-postdate"},
		{Ticket(1 << (31 - 6)), 0x02000000, "postdated"},
		{TicketInvalid, 0x01000000, "invalid"},
		{TicketRenewable, 0x00800000, "renewable"},
		{Ticket(1 << (31 - 9)), 0x00400000, "initial"},
		{TicketPreAuthent, 0x00200000, "pre-authent"},
		{Ticket(1 << (31 - 11)), 0x00100000, "hw-authent"},
		{TicketTransitedPolicyChecked, 0x00080000, "transited-policy-checked"},
		{Ticket(1 << (31 - 13)), 0x00040000, "ok-as-delegate"},
		{Ticket(1 << (31 - 15)), 0x00010000, "enc-pa-rep"},
		{TicketAnonymous, 0x00008000, "anonymous"},
	} {
		if got := c.flag.String(); got != c.want {
			t.Errorf("%#x is %q, want %q", number(c.flag), got, c.want)
		}
		// If the value is 0, the test above checks it.
		if got := number(c.flag); c.value != 0 && got != c.value {
			t.Errorf("%s = %#x, want %#x", c.want, got, c.value)
		}
	}
}

func number(flag fmt.Stringer) uint32 {
	switch f := flag.(type) {
	case ASC_REQ:
		return uint32(f)
	case ASC_RET:
		return uint32(f)
	case GSS:
		return uint32(f)
	case AP:
		return uint32(f)
	case Ticket:
		return uint32(f)
	}
	return 0
}

func TestString(t *testing.T) {
	for _, c := range []struct {
		flag fmt.Stringer
		want string
	}{
		{ASC_REQ(0), "0"},
		{ASC_RET(0), "0"},
		{GSS(0), "0"},
		{AP(0), "0"},
		{Ticket(0), "0"},
		{ASC_REQ_INTEGRITY | ASC_REQ_DELEGATE, "ASC_REQ_DELEGATE|ASC_REQ_INTEGRITY"},
		{ASC_RET_MUTUAL_AUTH | 0x80, "ASC_RET_MUTUAL_AUTH|0x80"},
		{GSS(0x413e), "GSS_C_MUTUAL_FLAG|GSS_C_REPLAY_FLAG|GSS_C_SEQUENCE_FLAG|GSS_C_CONF_FLAG|GSS_C_INTEG_FLAG|GSS_C_TRANS_FLAG|GSS_C_EXTENDED_ERROR_FLAG"},
		{GSS(0x80000200), "0x80000200"},
		{AP(0x80000001), "0x80000001"},
		{TicketForwardable | Ticket(1<<(31-9)) | 1, "initial|forwardable|0x1"},
	} {
		if got := c.flag.String(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// TestGSSToASC checks all 32 bits: each maps to the bit that the table gives, or to no
// bit, and all together map to the union.
func TestGSSToASC(t *testing.T) {
	want := map[GSS]ASC_RET{
		0x1:    0x1,     // DELEG
		0x2:    0x2,     // MUTUAL
		0x4:    0x4,     // REPLAY
		0x8:    0x8,     // SEQUENCE
		0x10:   0x10,    // CONF
		0x20:   0x20000, // INTEG: not 0x20, which is USE_SESSION_KEY
		0x1000: 0x200,   // DCE_STYLE
		0x2000: 0x80000, // IDENTIFY
		0x4000: 0x8000,  // EXTENDED_ERROR
	}
	var all ASC_RET
	for bit := range 32 {
		f := GSS(1) << bit
		if got := f.ASC(); got != want[f] {
			t.Errorf("%v.ASC() = %v, want %v", f, got, want[f])
		}
		all |= want[f]
	}
	if got := GSS(0xFFFFFFFF).ASC(); got != all {
		t.Errorf("all bits: %v, want %v", got, all)
	}
	if got := GSS(0).ASC(); got != 0 {
		t.Errorf("no bits: %v", got)
	}
	// ldapsearch sends these flags for SASL without a layer. INTEGRITY must not be added.
	if got := (GSS_C_MUTUAL_FLAG | GSS_C_SEQUENCE_FLAG).ASC(); got != ASC_RET_MUTUAL_AUTH|ASC_RET_SEQUENCE_DETECT {
		t.Errorf("MUTUAL and SEQUENCE: %v", got)
	}
}

func TestASCDoesNotAllocate(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { sink = GSS(0x413e).ASC() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

var sink ASC_RET
