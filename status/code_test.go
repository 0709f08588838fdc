package status

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// leftOut says why a constant of the headers is not carried over.
var leftOut = map[string]string{
	"SEC_E_NO_IP_ADDRESSES":               "KDC location",
	"SEC_E_MAX_REFERRALS_EXCEEDED":        "KDC referrals",
	"SEC_E_NO_PA_DATA":                    "PKINIT",
	"SEC_E_PKINIT_NAME_MISMATCH":          "PKINIT",
	"SEC_E_SMARTCARD_LOGON_REQUIRED":      "smart cards",
	"SEC_E_SHUTDOWN_IN_PROGRESS":          "the operating system's",
	"SEC_E_KDC_INVALID_REQUEST":           "sent to a KDC",
	"SEC_E_KDC_UNABLE_TO_REFER":           "sent by a KDC",
	"SEC_E_KDC_UNKNOWN_ETYPE":             "sent by a KDC",
	"SEC_E_UNSUPPORTED_PREAUTH":           "sent by a KDC",
	"SEC_E_CERT_WRONG_USAGE":              "certificates",
	"SEC_E_SMARTCARD_CERT_REVOKED":        "smart cards",
	"SEC_E_ISSUING_CA_UNTRUSTED":          "certificates",
	"SEC_E_REVOCATION_OFFLINE_C":          "certificates",
	"SEC_E_PKINIT_CLIENT_FAILURE":         "PKINIT",
	"SEC_E_SMARTCARD_CERT_EXPIRED":        "smart cards",
	"SEC_E_REVOCATION_OFFLINE_KDC":        "certificates",
	"SEC_E_ISSUING_CA_UNTRUSTED_KDC":      "certificates",
	"SEC_E_KDC_CERT_EXPIRED":              "certificates",
	"SEC_E_KDC_CERT_REVOKED":              "certificates",
	"SEC_E_PKU2U_CERT_FAILURE":            "PKU2U",
	"SEC_E_APPLICATION_PROTOCOL_MISMATCH": "TLS protocol negotiation",
}

// TestCodesEqualHeaders compares names and values with the Windows headers, as
// extracted into testdata: every SEC_E_ and SEC_I_ there is here with its
// value, or left out with a reason.
func TestCodesEqualHeaders(t *testing.T) {
	known := map[string]Code{
		"SEC_E_NOT_SUPPORTED": SEC_E_NOT_SUPPORTED,
		"SEC_E_NO_SPM":        SEC_E_NO_SPM,
	}
	for code, name := range codeNames {
		known[name] = code
	}
	delete(known, "STATUS_LOGON_FAILURE") // an NTSTATUS, not in sspi.h
	file, err := os.ReadFile("../testdata/constants.tsv")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for line := range strings.Lines(string(file)) {
		field := strings.Split(strings.TrimSpace(line), "\t")
		if len(field) != 5 || field[0] != "const" || field[4] != "SEC_E" && field[4] != "SEC_I" {
			continue
		}
		seen++
		name := field[1]
		want, err := strconv.ParseUint(field[2], 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		got, have := known[name]
		_, left := leftOut[name]
		switch {
		case have == left:
			t.Errorf("%s = %s must be either here or left out with a reason", name, field[3])
		case have && got != Code(want):
			t.Errorf("%s = %#x, the header has %s", name, uint32(got), field[3])
		}
		delete(known, name)
	}
	if seen < 90 {
		t.Errorf("only %d codes in constants.tsv", seen)
	}
	for name := range known {
		t.Errorf("%s is not in the headers", name)
	}
}

func TestCodeString(t *testing.T) {
	for _, c := range []struct {
		code  Code
		want  string
		error bool
	}{
		{SEC_E_OK, "SEC_E_OK", false},
		{SEC_I_CONTINUE_NEEDED, "SEC_I_CONTINUE_NEEDED", false},
		{SEC_E_LOGON_DENIED, "SEC_E_LOGON_DENIED", true},
		{SEC_E_NOT_SUPPORTED, "SEC_E_UNSUPPORTED_FUNCTION", true},
		{STATUS_LOGON_FAILURE, "STATUS_LOGON_FAILURE", true},
		{0x80090399, "SECURITY_STATUS(0x80090399)", true},
		{0x80100003, "SECURITY_STATUS(0x80100003)", true}, // SCARD_E_INVALID_HANDLE, a misprint on the page
	} {
		if got := c.code.String(); got != c.want {
			t.Errorf("%#x: %q, want %q", uint32(c.code), got, c.want)
		}
		if got := c.code.IsError(); got != c.error {
			t.Errorf("%v: IsError = %v", c.code, got)
		}
		err := c.code.Err()
		if (err != nil) != c.error {
			t.Errorf("%v: Err() = %v", c.code, err)
		}
		if err != nil && (CodeOf(err) != c.code || ReasonOf(err) != ReasonNone || err.Error() != "kerberos: "+c.want) {
			t.Errorf("%v: Err() gives %v, %v, %q", c.code, CodeOf(err), ReasonOf(err), err)
		}
	}
}
