package interop

// The differences between the verdicts of MIT's acceptor and ours are these, and
// no others come up in this folder's tests:
//
//   - Names: ourCodes, below.
//   - A client without channel bindings is refused by a server that has some,
//     unless the server says that none will do: otherwise a relay gets in by
//     leaving them out. MIT accepts it (bindingCases).
//   - A client whose clock is wrong is asked once to come again: Heimdal's does, at
//     once. MIT ends the exchange (TestInteropHeimdal_ClockRecovery).
//   - A client of one leg that comes through SPNEGO waits for an answer, so ours says
//     why it is rejected. MIT's reject is bare (checkRejected).
//   - DELEGATE is reported if the server wants forwarded credentials. MIT always
//     reads them (TestInteropPython_Delegation).
//   - The Windows face seals only for clients that asked for CONFIDENTIALITY, and
//     signs only for those that asked for some protection, as Windows does. MIT
//     does it for all (allows).
//   - gss_wrap of Heimdal's in DCE style, with 15 bytes of EC, is opened, as RFC
//     4121 has it. MIT refuses it (heimdalSeen.check).

// ourCodes are our names of the verdicts of MIT's library. Where several of MIT's
// are one of ours, SSPI has one code for them.
var ourCodes = map[string]string{
	"OK": "OK",
	// A message that comes after a gap is delivered by MIT's library, with a
	// warning. SSPI has no warnings, so it is refused (the window moves on).
	"GAP":       "SEC_E_OUT_OF_SEQUENCE",
	"DUPLICATE": "SEC_E_OUT_OF_SEQUENCE",
	"UNSEQ":     "SEC_E_OUT_OF_SEQUENCE",

	"BAD_MIC": "SEC_E_MESSAGE_ALTERED",
	// A message token of at least a header's length that is of no kind: nobody can
	// tell whether it was changed or never was one.
	"DEFECTIVE_TOKEN": "SEC_E_MESSAGE_ALTERED",

	"BAD_BINDINGS": "SEC_E_BAD_BINDINGS",
	// Every refusal of a ticket or an authenticator; the Kerberos error number
	// tells them apart on the wire, in both libraries.
	"FAILURE": "SEC_E_LOGON_DENIED",
}
