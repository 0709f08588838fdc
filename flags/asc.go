package flags

// ASC_REQ is fContextReq: what the caller of AcceptSecurityContext asks for.
type ASC_REQ uint32

// The bits of sspi.h that fit a ULONG (ASC_REQ_MESSAGES does not). Several have
// another value than the ISC_REQ_ bit of the same name.
const (
	ASC_REQ_DELEGATE               ASC_REQ = 0x00000001 // the server wishes the client's credentials
	ASC_REQ_MUTUAL_AUTH            ASC_REQ = 0x00000002 // the client decides, whatever is requested here
	ASC_REQ_REPLAY_DETECT          ASC_REQ = 0x00000004 // detect repeated messages
	ASC_REQ_SEQUENCE_DETECT        ASC_REQ = 0x00000008 // detect messages out of order
	ASC_REQ_CONFIDENTIALITY        ASC_REQ = 0x00000010 // encrypt messages
	ASC_REQ_USE_SESSION_KEY        ASC_REQ = 0x00000020 // user-to-user: the ticket is sealed in a session key
	ASC_REQ_SESSION_TICKET         ASC_REQ = 0x00000040 // TLS session tickets (Schannel); ignored
	ASC_REQ_ALLOCATE_MEMORY        ASC_REQ = 0x00000100 // the function allocates the output token
	ASC_REQ_USE_DCE_STYLE          ASC_REQ = 0x00000200 // three legs are expected
	ASC_REQ_DATAGRAM               ASC_REQ = 0x00000400 // refused: SEC_E_UNSUPPORTED_FUNCTION
	ASC_REQ_CONNECTION             ASC_REQ = 0x00000800 // the context does not format messages; echoed
	ASC_REQ_CALL_LEVEL             ASC_REQ = 0x00001000 // ignored; the returned bit is another
	ASC_REQ_FRAGMENT_SUPPLIED      ASC_REQ = 0x00002000 // ignored: fragments are put together unasked
	ASC_REQ_EXTENDED_ERROR         ASC_REQ = 0x00008000 // answer a refusal with a KRB-ERROR
	ASC_REQ_STREAM                 ASC_REQ = 0x00010000 // stream framing (Schannel); ignored
	ASC_REQ_INTEGRITY              ASC_REQ = 0x00020000 // sign messages
	ASC_REQ_LICENSING              ASC_REQ = 0x00040000 // ignored
	ASC_REQ_IDENTIFY               ASC_REQ = 0x00080000 // the server may identify the client, not impersonate it
	ASC_REQ_ALLOW_NULL_SESSION     ASC_REQ = 0x00100000 // anonymous NTLM logons; ignored
	ASC_REQ_ALLOW_NON_USER_LOGONS  ASC_REQ = 0x00200000 // ignored
	ASC_REQ_ALLOW_CONTEXT_REPLAY   ASC_REQ = 0x00400000 // ignored: the replay cache has no exception
	ASC_REQ_FRAGMENT_TO_FIT        ASC_REQ = 0x00800000 // ignored: no token of ours is long enough to be cut
	ASC_REQ_NO_TOKEN               ASC_REQ = 0x01000000 // ignored
	ASC_REQ_PROXY_BINDINGS         ASC_REQ = 0x04000000 // channel bindings were checked by a proxy in front
	ASC_REQ_ALLOW_MISSING_BINDINGS ASC_REQ = 0x10000000 // clients that know no channel bindings may come in
)

// ASC_RET is pfContextAttr: the properties of an accepted context. They follow
// from what the client asked for, not from fContextReq.
//
// Its bits are not those of [ASC_REQ], of ISC_RET_ or of [GSS], where 0x20 is
// integrity and not USE_SESSION_KEY.
type ASC_RET uint32

// The bits of sspi.h that fit a ULONG (ASC_RET_MESSAGES does not).
const (
	ASC_RET_DELEGATE              ASC_RET = 0x00000001 // the client forwarded credentials, and they were opened
	ASC_RET_MUTUAL_AUTH           ASC_RET = 0x00000002 // the server proved itself to the client
	ASC_RET_REPLAY_DETECT         ASC_RET = 0x00000004 // repeated messages are detected
	ASC_RET_SEQUENCE_DETECT       ASC_RET = 0x00000008 // messages out of order are detected
	ASC_RET_CONFIDENTIALITY       ASC_RET = 0x00000010 // the client asked for encryption
	ASC_RET_USE_SESSION_KEY       ASC_RET = 0x00000020 // user-to-user authentication
	ASC_RET_SESSION_TICKET        ASC_RET = 0x00000040 // Schannel's; never returned
	ASC_RET_ALLOCATED_MEMORY      ASC_RET = 0x00000100 // the output token was allocated by the function
	ASC_RET_USED_DCE_STYLE        ASC_RET = 0x00000200 // the client used three legs
	ASC_RET_DATAGRAM              ASC_RET = 0x00000400 // never returned
	ASC_RET_CONNECTION            ASC_RET = 0x00000800 // as requested
	ASC_RET_CALL_LEVEL            ASC_RET = 0x00002000 // never returned
	ASC_RET_THIRD_LEG_FAILED      ASC_RET = 0x00004000 // never returned: a bad third leg fails the context
	ASC_RET_EXTENDED_ERROR        ASC_RET = 0x00008000 // the client asked for KRB-ERRORs
	ASC_RET_STREAM                ASC_RET = 0x00010000 // Schannel's; never returned
	ASC_RET_INTEGRITY             ASC_RET = 0x00020000 // the client asked for signing
	ASC_RET_LICENSING             ASC_RET = 0x00040000 // never returned
	ASC_RET_IDENTIFY              ASC_RET = 0x00080000 // the client wishes to be identified, not impersonated
	ASC_RET_NULL_SESSION          ASC_RET = 0x00100000 // NTLM's; never returned, an anonymous ticket is named in the peer's facts
	ASC_RET_ALLOW_NON_USER_LOGONS ASC_RET = 0x00200000 // never returned
	ASC_RET_ALLOW_CONTEXT_REPLAY  ASC_RET = 0x00400000 // never returned
	ASC_RET_FRAGMENT_ONLY         ASC_RET = 0x00800000 // never returned: tokens are never sent in fragments
	ASC_RET_NO_TOKEN              ASC_RET = 0x01000000 // never returned
	ASC_RET_NO_ADDITIONAL_TOKEN   ASC_RET = 0x02000000 // never returned
)

// String returns the names joined by '|', unknown bits in hexadecimal, "0" for
// none.
func (f ASC_REQ) String() string { return join(uint32(f), &reqNames) }

// String returns the names joined by '|', unknown bits in hexadecimal, "0" for
// none.
func (f ASC_RET) String() string { return join(uint32(f), &retNames) }

// The names by bit number.
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
