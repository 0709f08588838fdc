package flags

// ASC_REQ is the type of fContextReq, in which the caller of AcceptSecurityContext
// requests properties of the context.
type ASC_REQ uint32

// The bits of sspi.h that mean something to a Kerberos acceptor. Several values differ
// from that of the ISC_REQ_ bit with the same name. [ASC_REQ.String] knows the names of
// all bits.
const (
	ASC_REQ_DELEGATE               ASC_REQ = 0x00000001 // the server requests the client's credentials
	ASC_REQ_MUTUAL_AUTH            ASC_REQ = 0x00000002 // request mutual authentication; the client decides, whatever the server requests
	ASC_REQ_REPLAY_DETECT          ASC_REQ = 0x00000004 // detect repeated messages
	ASC_REQ_SEQUENCE_DETECT        ASC_REQ = 0x00000008 // detect messages out of order
	ASC_REQ_CONFIDENTIALITY        ASC_REQ = 0x00000010 // encrypt messages
	ASC_REQ_USE_SESSION_KEY        ASC_REQ = 0x00000020 // user-to-user: the ticket is encrypted with a session key
	ASC_REQ_ALLOCATE_MEMORY        ASC_REQ = 0x00000100 // the function allocates the output token
	ASC_REQ_USE_DCE_STYLE          ASC_REQ = 0x00000200 // expect three legs (DCE style)
	ASC_REQ_DATAGRAM               ASC_REQ = 0x00000400 // refused: SEC_E_UNSUPPORTED_FUNCTION
	ASC_REQ_CONNECTION             ASC_REQ = 0x00000800 // the context does not format messages; echoed as ASC_RET_CONNECTION
	ASC_REQ_FRAGMENT_SUPPLIED      ASC_REQ = 0x00002000 // ignored: fragments are always reassembled
	ASC_REQ_EXTENDED_ERROR         ASC_REQ = 0x00008000 // answer a refusal with a KRB-ERROR
	ASC_REQ_INTEGRITY              ASC_REQ = 0x00020000 // sign messages
	ASC_REQ_FRAGMENT_TO_FIT        ASC_REQ = 0x00800000 // ignored: no output token is long enough to be fragmented
	ASC_REQ_PROXY_BINDINGS         ASC_REQ = 0x04000000 // a proxy in front of the server has checked the channel bindings
	ASC_REQ_ALLOW_MISSING_BINDINGS ASC_REQ = 0x10000000 // accept clients that do not support channel bindings
)

// ASC_RET is the type of pfContextAttr, the properties of an accepted context. They
// follow from the client's request, not from fContextReq.
//
// The bits differ from those of [ASC_REQ], of ISC_RET_ and of [GSS]: 0x20 is
// USE_SESSION_KEY here and integrity in GSS.
type ASC_RET uint32

// The bits of sspi.h that AcceptSecurityContext returns. [ASC_RET.String] knows the names
// of all bits.
const (
	ASC_RET_DELEGATE         ASC_RET = 0x00000001 // the client forwarded credentials, and they were decrypted
	ASC_RET_MUTUAL_AUTH      ASC_RET = 0x00000002 // the server authenticated itself to the client
	ASC_RET_REPLAY_DETECT    ASC_RET = 0x00000004 // repeated messages are detected
	ASC_RET_SEQUENCE_DETECT  ASC_RET = 0x00000008 // messages out of order are detected
	ASC_RET_CONFIDENTIALITY  ASC_RET = 0x00000010 // the client asked for encryption
	ASC_RET_USE_SESSION_KEY  ASC_RET = 0x00000020 // user-to-user authentication
	ASC_RET_ALLOCATED_MEMORY ASC_RET = 0x00000100 // the function allocated the output token
	ASC_RET_USED_DCE_STYLE   ASC_RET = 0x00000200 // the client used three legs (DCE style)
	ASC_RET_CONNECTION       ASC_RET = 0x00000800 // as requested
	ASC_RET_EXTENDED_ERROR   ASC_RET = 0x00008000 // the client asked for KRB-ERROR messages
	ASC_RET_INTEGRITY        ASC_RET = 0x00020000 // the client asked for signing
	ASC_RET_IDENTIFY         ASC_RET = 0x00080000 // the client permits identification, but not impersonation
)

// String returns the names of f's bits in sspi.h joined by '|', with unknown bits as one
// hexadecimal number. It returns "0" if no bit is set.
func (f ASC_REQ) String() string { return join(uint32(f), &reqNames) }

// String returns the names of f's bits in sspi.h joined by '|', with unknown bits as one
// hexadecimal number. It returns "0" if no bit is set.
func (f ASC_RET) String() string { return join(uint32(f), &retNames) }

// The names of sspi.h by bit number. ASC_REQ_MESSAGES and ASC_RET_MESSAGES do not fit a
// ULONG and are left out.
var reqNames = [32]string{
	0:  "ASC_REQ_DELEGATE",
	1:  "ASC_REQ_MUTUAL_AUTH",
	2:  "ASC_REQ_REPLAY_DETECT",
	3:  "ASC_REQ_SEQUENCE_DETECT",
	4:  "ASC_REQ_CONFIDENTIALITY",
	5:  "ASC_REQ_USE_SESSION_KEY",
	6:  "ASC_REQ_SESSION_TICKET",
	8:  "ASC_REQ_ALLOCATE_MEMORY",
	9:  "ASC_REQ_USE_DCE_STYLE",
	10: "ASC_REQ_DATAGRAM",
	11: "ASC_REQ_CONNECTION",
	12: "ASC_REQ_CALL_LEVEL",
	13: "ASC_REQ_FRAGMENT_SUPPLIED",
	15: "ASC_REQ_EXTENDED_ERROR",
	16: "ASC_REQ_STREAM",
	17: "ASC_REQ_INTEGRITY",
	18: "ASC_REQ_LICENSING",
	19: "ASC_REQ_IDENTIFY",
	20: "ASC_REQ_ALLOW_NULL_SESSION",
	21: "ASC_REQ_ALLOW_NON_USER_LOGONS",
	22: "ASC_REQ_ALLOW_CONTEXT_REPLAY",
	23: "ASC_REQ_FRAGMENT_TO_FIT",
	24: "ASC_REQ_NO_TOKEN",
	26: "ASC_REQ_PROXY_BINDINGS",
	28: "ASC_REQ_ALLOW_MISSING_BINDINGS",
}

var retNames = [32]string{
	0:  "ASC_RET_DELEGATE",
	1:  "ASC_RET_MUTUAL_AUTH",
	2:  "ASC_RET_REPLAY_DETECT",
	3:  "ASC_RET_SEQUENCE_DETECT",
	4:  "ASC_RET_CONFIDENTIALITY",
	5:  "ASC_RET_USE_SESSION_KEY",
	6:  "ASC_RET_SESSION_TICKET",
	8:  "ASC_RET_ALLOCATED_MEMORY",
	9:  "ASC_RET_USED_DCE_STYLE",
	10: "ASC_RET_DATAGRAM",
	11: "ASC_RET_CONNECTION",
	13: "ASC_RET_CALL_LEVEL",
	14: "ASC_RET_THIRD_LEG_FAILED",
	15: "ASC_RET_EXTENDED_ERROR",
	16: "ASC_RET_STREAM",
	17: "ASC_RET_INTEGRITY",
	18: "ASC_RET_LICENSING",
	19: "ASC_RET_IDENTIFY",
	20: "ASC_RET_NULL_SESSION",
	21: "ASC_RET_ALLOW_NON_USER_LOGONS",
	22: "ASC_RET_ALLOW_CONTEXT_REPLAY",
	23: "ASC_RET_FRAGMENT_ONLY",
	24: "ASC_RET_NO_TOKEN",
	25: "ASC_RET_NO_ADDITIONAL_TOKEN",
}
