package status

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// leftOut has the reason for each constant of the headers that this package does not have.
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

	"SEC_I_GENERIC_EXTENSION_RECEIVED":    "Schannel",
	"SEC_I_CONTEXT_EXPIRED":               "Schannel",
	"SEC_I_INCOMPLETE_CREDENTIALS":        "Schannel",
	"SEC_I_RENEGOTIATE":                   "Schannel",
	"SEC_I_NO_RENEGOTIATION":              "Schannel",
	"SEC_I_MESSAGE_FRAGMENT":              "Schannel",
	"SEC_I_CONTINUE_NEEDED_MESSAGE_OK":    "Schannel",
	"SEC_I_SIGNATURE_NEEDED":              "Schannel",
	"SEC_E_INCOMPLETE_CREDENTIALS":        "Schannel",
	"SEC_E_UNTRUSTED_ROOT":                "Schannel",
	"SEC_E_ILLEGAL_MESSAGE":               "Schannel",
	"SEC_E_CERT_UNKNOWN":                  "Schannel",
	"SEC_E_CERT_EXPIRED":                  "Schannel",
	"SEC_E_ALGORITHM_MISMATCH":            "Schannel",
	"SEC_E_EXT_BUFFER_TOO_SMALL":          "Schannel",
	"SEC_E_INSUFFICIENT_BUFFERS":          "Schannel",
	"SEC_E_ONLY_HTTPS_ALLOWED":            "Schannel",
	"SEC_I_LOCAL_LOGON":                   "NTLM",
	"SEC_E_POLICY_NLTM_ONLY":              "NTLM",
	"SEC_E_WRONG_PRINCIPAL":               "returned to initiators",
	"SEC_E_NO_TGT_REPLY":                  "returned to initiators",
	"SEC_E_MUTUAL_AUTH_FAILED":            "returned to initiators",
	"SEC_E_DELEGATION_REQUIRED":           "returned to initiators",
	"SEC_E_DELEGATION_POLICY":             "returned to initiators",
	"SEC_E_INVALID_UPN_NAME":              "returned to initiators",
	"SEC_E_TOO_MANY_PRINCIPALS":           "returned to initiators",
	"SEC_E_DOWNGRADE_DETECTED":            "returned to initiators",
	"SEC_E_MUST_BE_KDC":                   "KDCs and domain controllers",
	"SEC_E_NO_S4U_PROT_SUPPORT":           "KDCs and domain controllers",
	"SEC_E_CROSSREALM_DELEGATION_FAILURE": "KDCs and domain controllers",
	"SEC_E_MULTIPLE_ACCOUNTS":             "KDCs and domain controllers",
	"SEC_E_NO_KERB_KEY":                   "KDCs and domain controllers",
	"SEC_I_NO_LSA_CONTEXT":                "the LSA and its packages",
	"SEC_I_ASYNC_CALL_PENDING":            "the LSA and its packages",
	"SEC_E_NOT_OWNER":                     "the LSA and its packages",
	"SEC_E_CANNOT_INSTALL":                "the LSA and its packages",
	"SEC_E_CANNOT_PACK":                   "the LSA and its packages",
	"SEC_E_UNKNOWN_CREDENTIALS":           "the LSA and its packages",
	"SEC_E_BAD_PKGID":                     "the LSA and its packages",
	"SEC_E_WRONG_CREDENTIAL_HANDLE":       "the LSA and its packages",
	"SEC_E_NO_CONTEXT":                    "the LSA and its packages",
	"SEC_E_UNFINISHED_CONTEXT_DELETED":    "the LSA and its packages",
	"SEC_E_CRYPTO_SYSTEM_INVALID":         "the LSA and its packages",
	"SEC_E_STRONG_CRYPTO_NOT_SUPPORTED":   "the LSA and its packages",
	"SEC_E_ENCRYPT_FAILURE":               "SEC_E_MESSAGE_ALTERED tells it",
	"SEC_E_DECRYPT_FAILURE":               "SEC_E_MESSAGE_ALTERED tells it",
	"SEC_E_INCOMPLETE_MESSAGE":            "a wrap token has no length of its own",
	"SEC_E_NOT_SUPPORTED":                 "a second name of SEC_E_UNSUPPORTED_FUNCTION",
	"SEC_E_NO_SPM":                        "a second name of SEC_E_INTERNAL_ERROR",
}

// TestCodesEqualHeaders compares names and values with the Windows headers, as
// extracted into testdata. Each SEC_E_ and SEC_I_ constant of the headers has its value in
// this package, or a reason in leftOut.
func TestCodesEqualHeaders(t *testing.T) {
	known := make(map[string]Code)
	for code, name := range codeNames {
		known[name] = code
	}
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
		{SEC_E_UNSUPPORTED_FUNCTION, "SEC_E_UNSUPPORTED_FUNCTION", true},
		{0xC000006D, "SECURITY_STATUS(0xC000006D)", true}, // STATUS_LOGON_FAILURE, an NTSTATUS
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
