package interop

// The tests of this folder accept only these differences between MIT's acceptor and this
// library's:
//
// Names: see ourCodes.
//
// Channel bindings: this acceptor refuses a client without channel bindings if the server
// has some, unless the server accepts clients without them; otherwise a relay could omit
// them. MIT accepts such a client (bindingCases).
//
// Clocks: a client whose clock is wrong may try again once. Heimdal's client does so in the
// same exchange. MIT's acceptor ends the exchange (TestInteropHeimdal_ClockRecovery).
//
// SPNEGO: a client whose exchange has one token waits for an answer in SPNEGO, so this
// acceptor sends the cause with its reject. MIT's reject has no cause (checkRejected).
//
// Delegation: DELEGATE is reported if the server requests forwarded credentials. MIT always
// reads them (TestInteropPython_Delegation).
//
// Protection: the Windows API seals only for clients that requested CONFIDENTIALITY, and
// signs only for clients that requested a protection, as Windows does. MIT protects
// messages for all clients (allows).
//
// DCE style: a message of Heimdal's gss_wrap in DCE style, with 15 bytes of EC, is
// accepted, as RFC 4121 says. MIT refuses it (heimdalSeen.check).

// ourCodes maps the status names of MIT's library to the codes of this library. SSPI has
// one code for several of MIT's.
var ourCodes = map[string]string{
	"OK": "OK",
	// MIT's library delivers a message after a gap, with a warning. SSPI has no warnings,
	// so the message is refused, and the window moves on.
	"GAP":       "SEC_E_OUT_OF_SEQUENCE",
	"DUPLICATE": "SEC_E_OUT_OF_SEQUENCE",
	"UNSEQ":     "SEC_E_OUT_OF_SEQUENCE",

	"BAD_MIC": "SEC_E_MESSAGE_ALTERED",
	// A message token with at least the length of a header and an unknown kind. It may have
	// been altered, or may never have been a token.
	"DEFECTIVE_TOKEN": "SEC_E_MESSAGE_ALTERED",

	"BAD_BINDINGS": "SEC_E_BAD_BINDINGS",
	// Every refusal of a ticket or an authenticator. In both libraries the Kerberos error
	// number in the reply distinguishes them.
	"FAILURE": "SEC_E_LOGON_DENIED",
}
