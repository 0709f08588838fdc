package status

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of reasons into OPERATING.md")

// TestTable compares the table with a second copy, so that no code changes by accident:
// programs act on codes, and operators count them.
func TestTable(t *testing.T) {
	want := map[Reason]struct {
		label    string
		code     Code
		kerberos int32
	}{
		ReasonMalformedToken:          {"malformed-token", 0x80090308, 0},
		ReasonTokenTooLong:            {"token-too-long", 0x80090308, 0},
		ReasonWrongVersion:            {"wrong-version", 0x80090308, 39},
		ReasonWrongMessageType:        {"wrong-message-type", 0x80090308, 40},
		ReasonUnsupportedMechanism:    {"unsupported-mechanism", 0x80090308, 0},
		ReasonSPNEGO:                  {"spnego", 0x80090308, 0},
		ReasonNTLM:                    {"ntlm", 0x80090308, 0},
		ReasonNegoEx:                  {"negoex", 0x80090308, 0},
		ReasonIAKERB:                  {"iakerb", 0x80090308, 0},
		ReasonMechListMIC:             {"mech-list-mic", 0x8009030F, 0},
		ReasonMechListMICMissing:      {"mech-list-mic-missing", 0x80090308, 0},
		ReasonNoKey:                   {"no-key", 0x8009030E, 45},
		ReasonWrongKey:                {"wrong-key", 0x8009030C, 31},
		ReasonUnknownKeyVersion:       {"unknown-key-version", 0x8009030C, 44},
		ReasonETypeRefused:            {"etype-refused", 0x8009030C, 14},
		ReasonWrongService:            {"wrong-service", 0x8009030C, 35},
		ReasonTicketExpired:           {"ticket-expired", 0x8009030C, 32},
		ReasonTicketNotYetValid:       {"ticket-not-yet-valid", 0x80090324, 33},
		ReasonTicketInvalid:           {"ticket-invalid", 0x8009030C, 33},
		ReasonAddressMismatch:         {"address-mismatch", 0x8009030C, 38},
		ReasonTransited:               {"transited", 0x8009030C, 51},
		ReasonTransitedType:           {"transited-type", 0x8009030C, 17},
		ReasonAuthorizationData:       {"authorization-data", 0x8009030C, 60},
		ReasonUserToUserRequired:      {"user-to-user-required", 0x8009030C, 69},
		ReasonNoTGT:                   {"no-tgt", 0x8009030E, 67},
		ReasonNameEncoding:            {"name-encoding", 0x80090308, 60},
		ReasonNameMismatch:            {"name-mismatch", 0x8009030C, 36},
		ReasonClockSkew:               {"clock-skew", 0x80090324, 37},
		ReasonReplay:                  {"replay", 0x8009030C, 34},
		ReasonBeforeReplayCache:       {"before-replay-cache", 0x80090324, 37},
		ReasonReplayCacheFull:         {"replay-cache-full", 0x80090300, 60},
		ReasonReplayCacheShare:        {"replay-cache-share", 0x80090300, 60},
		ReasonReplayCacheFailed:       {"replay-cache-failed", 0x80090304, 60},
		ReasonBadChecksum:             {"bad-checksum", 0x8009030C, 50},
		ReasonBadGSSChecksum:          {"bad-gss-checksum", 0x80090308, 50},
		ReasonBindingMismatch:         {"binding-mismatch", 0x80090346, 60},
		ReasonBindingMissing:          {"binding-missing", 0x80090346, 60},
		ReasonBindingUnknown:          {"binding-unknown", 0x80090346, 60},
		ReasonBadDelegation:           {"bad-delegation", 0x8009030C, 41},
		ReasonThirdLeg:                {"third-leg", 0x8009030C, 0},
		ReasonRequirementNotMet:       {"requirement-not-met", 0x80090332, 60},
		ReasonTargetNotAllowed:        {"target-not-allowed", 0x8009030C, 35},
		ReasonAborted:                 {"aborted", 0x8009030C, 0},
		ReasonPACBad:                  {"pac-bad", 0x8009030C, 41},
		ReasonPACRequired:             {"pac-required", 0x8009030C, 60},
		ReasonNotAuthorized:           {"not-authorized", 0x8009030C, 0},
		ReasonSharedConnection:        {"shared-connection", 0x8009030C, 0},
		ReasonMessageAltered:          {"message-altered", 0x8009030F, 0},
		ReasonMessageDuplicate:        {"message-duplicate", 0x80090310, 0},
		ReasonMessageOld:              {"message-old", 0x80090310, 0},
		ReasonMessageUnsequenced:      {"message-unsequenced", 0x80090310, 0},
		ReasonMessageGap:              {"message-gap", 0x80090310, 0},
		ReasonContextExpired:          {"context-expired", 0x80090317, 0},
		ReasonProtectionNotNegotiated: {"protection-not-negotiated", 0x8009030A, 0},
		ReasonContextState:            {"context-state", 0x80090310, 0},
		ReasonInvalidHandle:           {"invalid-handle", 0x80090301, 0},
		ReasonArgument:                {"argument", 0x8009035D, 0},
		ReasonBuffer:                  {"buffer", 0x80090321, 0},
		ReasonNoTokenBuffer:           {"no-token-buffer", 0x80090308, 0},
		ReasonBufferType:              {"buffer-type", 0x80090308, 0},
		ReasonUnsupported:             {"unsupported", 0x80090302, 0},
		ReasonNoCredentials:           {"no-credentials", 0x8009030E, 0},
		ReasonKDCRefused:              {"kdc-refused", 0x8009030E, 0},
		ReasonCanceled:                {"canceled", 0x80090304, 60},
		ReasonInternal:                {"internal", 0x80090304, 60},
	}
	label := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	labels := map[string]bool{ReasonNone.String(): true}
	for r := ReasonNone + 1; r < reasonCount; r++ {
		w, ok := want[r]
		if !ok {
			t.Errorf("%v is not in this test", r)
			continue
		}
		delete(want, r)
		if r.String() != w.label || r.Code() != w.code || r.Kerberos() != w.kerberos {
			t.Errorf("%v: %v %d, want %s %v %d", r, r.Code(), r.Kerberos(), w.label, w.code, w.kerberos)
		}
		if !r.Code().IsError() {
			t.Errorf("%v: a refusal with the code %v", r, r.Code())
		}
		if _, named := codeNames[r.Code()]; !named {
			t.Errorf("%v: %v has no name", r, r.Code())
		}
		if !label.MatchString(r.String()) || labels[r.String()] {
			t.Errorf("%v: the label is not unique, or not in lower case with hyphens", r)
		}
		labels[r.String()] = true
		if h := r.Help(); len(h) < 10 || len(h) > 150 || strings.ContainsAny(h, "\n|") || strings.HasSuffix(h, ".") {
			t.Errorf("%v: help %q", r, h)
		}
	}
	for r := range want {
		t.Errorf("%v is not in the list", r)
	}
}

func TestReasonOutsideTheList(t *testing.T) {
	for _, r := range []Reason{reasonCount, 0xFFFF} {
		if r.Code() != SEC_E_INTERNAL_ERROR || r.String() != "internal" {
			t.Errorf("%d: %v %q", uint16(r), r.Code(), r.String())
		}
	}
	if ReasonMalformedToken != ReasonNone+1 || ReasonInternal != reasonCount-1 {
		t.Error("ReasonMalformedToken is not the first or ReasonInternal not the last")
	}
}

const (
	operating = "../OPERATING.md"
	begin     = "<!-- reasons: written by go test ./status -update -->\n"
	end       = "<!-- reasons end -->"
)

// markdown returns the table of Reasons of OPERATING.md.
func markdown() string {
	var b strings.Builder
	b.WriteString("\n| Reason | SECURITY_STATUS | Kerberos error | meaning, and what to do |\n|---|---|---|---|\n")
	for r := ReasonNone + 1; r < reasonCount; r++ {
		number := ""
		if n := r.Kerberos(); n != 0 {
			number = fmt.Sprint(n)
		}
		fmt.Fprintf(&b, "| `%v` | `%v` | %s | %s |\n", r, r.Code(), number, r.Help())
	}
	b.WriteByte('\n')
	return b.String()
}

// TestOperating_Reasons compares the table of Reasons in OPERATING.md with the code. With
// -update it writes the table.
func TestOperating_Reasons(t *testing.T) {
	file, err := os.ReadFile(operating)
	if os.IsNotExist(err) {
		t.Skip("there is no OPERATING.md")
	}
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(file), begin)
	block, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("OPERATING.md must have a line %q and, below it, %q; -update writes the table between them", begin, end)
	}
	if block == markdown() {
		return
	}
	if !*update {
		t.Fatal("the table of Reasons in OPERATING.md differs from the code: run go test ./status -update")
	}
	if err := os.WriteFile(operating, []byte(before+begin+markdown()+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
