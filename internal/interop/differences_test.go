package interop

// ourCodes are our names of the verdicts of MIT's library. Where two of MIT's
// are one of ours, SSPI has one code for them.
var ourCodes = map[string]string{
	"OK": "OK",
	// A message that comes after a gap is delivered by MIT's library, with a
	// warning. SSPI has no warnings, so it is refused (the window moves on).
	"GAP":       "SEC_E_OUT_OF_SEQUENCE",
	"DUPLICATE": "SEC_E_OUT_OF_SEQUENCE",
	"UNSEQ":     "SEC_E_OUT_OF_SEQUENCE",
	"OLD":       "SEC_E_OUT_OF_SEQUENCE",

	"BAD_MIC": "SEC_E_MESSAGE_ALTERED",
	// A message token of at least a header's length that is of no kind: nobody can
	// tell whether it was changed or never was one.
	"DEFECTIVE_TOKEN": "SEC_E_MESSAGE_ALTERED",

	"BAD_BINDINGS": "SEC_E_BAD_BINDINGS",
	// Every refusal of a ticket or an authenticator; the Kerberos error number
	// tells them apart on the wire, in both libraries.
	"FAILURE": "SEC_E_LOGON_DENIED",
}
