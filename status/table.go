package status

// row contains everything that this package knows of one Reason.
type row struct {
	code     Code
	kerberos int32 // 0: no KRB-ERROR reports the Reason
	label    string
	help     string
}

// table is the only place that assigns a code and a Kerberos error code to a Reason.
// Every refusal of a ticket or of its proof has the code SEC_E_LOGON_DENIED, as the page
// on AcceptSecurityContext (Kerberos) demands; a Reason has a different code only if the
// caller would act differently. If RFC 4120 has no error code that fits, the table has 60
// (KRB_ERR_GENERIC).
var table = [reasonCount]row{
	ReasonNone: {SEC_E_INTERNAL_ERROR, 0, "none", "only the code is known"},

	ReasonMalformedToken:       {SEC_E_INVALID_TOKEN, 0, "malformed-token", "the token is malformed, or bytes follow it; check that the transport neither cuts nor re-encodes tokens"},
	ReasonTokenTooLong:         {SEC_E_INVALID_TOKEN, 0, "token-too-long", "the token is longer than Config.MaxToken; users in very many groups have long tokens: raise MaxToken"},
	ReasonWrongVersion:         {SEC_E_INVALID_TOKEN, 39, "wrong-version", "the message is of a Kerberos protocol version other than 5"},
	ReasonWrongMessageType:     {SEC_E_INVALID_TOKEN, 40, "wrong-message-type", "the client sent a Kerberos message of a type that this step of the exchange does not expect"},
	ReasonUnsupportedMechanism: {SEC_E_INVALID_TOKEN, 0, "unsupported-mechanism", "the client offers no mechanism that this server supports"},
	ReasonSPNEGO:               {SEC_E_INVALID_TOKEN, 0, "spnego", "the client sent SPNEGO where the server expects a Kerberos token; the package Negotiate accepts SPNEGO in the first token"},
	ReasonNTLM:                 {SEC_E_INVALID_TOKEN, 0, "ntlm", "the client sent NTLM, which this server does not support, because it has no ticket for this service; check DNS and the SPN"},
	ReasonNegoEx:               {SEC_E_INVALID_TOKEN, 0, "negoex", "the client requires NegoEx, which this server does not support"},
	ReasonIAKERB:               {SEC_E_INVALID_TOKEN, 0, "iakerb", "the client asks this server to relay its messages to a KDC (IAKERB), which this server does not support"},
	ReasonMechListMIC:          {SEC_E_MESSAGE_ALTERED, 0, "mech-list-mic", "the list of mechanisms was changed in transit, or its MIC is wrong"},
	ReasonMechListMICMissing:   {SEC_E_INVALID_TOKEN, 0, "mech-list-mic-missing", "the client did not send the MIC over the list of mechanisms, which this negotiation requires"},

	ReasonNoKey:              {SEC_E_NO_CREDENTIALS, 45, "no-key", "the server has no key for its name; check that it can read the keytab, and that the keytab is the right file"},
	ReasonWrongKey:           {SEC_E_LOGON_DENIED, 31, "wrong-key", "the key does not decrypt the ticket or its authenticator; after a password change the service needs a new keytab"},
	ReasonUnknownKeyVersion:  {SEC_E_LOGON_DENIED, 44, "unknown-key-version", "the keytab has no key of the ticket's version or encryption type; add the key, or let the client get a new ticket"},
	ReasonETypeRefused:       {SEC_E_LOGON_DENIED, 14, "etype-refused", "the configuration does not permit the encryption type"},
	ReasonWrongService:       {SEC_E_LOGON_DENIED, 35, "wrong-service", "the ticket was issued for a different service; check the SPN and Config.Services"},
	ReasonTicketExpired:      {SEC_E_LOGON_DENIED, 32, "ticket-expired", "the ticket has expired; the client must get a new ticket"},
	ReasonTicketNotYetValid:  {SEC_E_TIME_SKEW, 33, "ticket-not-yet-valid", "the ticket's start time is in the future; compare this server's clock with the KDC's clock"},
	ReasonTicketInvalid:      {SEC_E_LOGON_DENIED, 33, "ticket-invalid", "the ticket is postdated, and the KDC has not validated it"},
	ReasonAddressMismatch:    {SEC_E_LOGON_DENIED, 38, "address-mismatch", "the ticket is bound to addresses, and the client's address is not among them; check for NAT between client and server"},
	ReasonTransited:          {SEC_E_LOGON_DENIED, 51, "transited", "the ticket was issued through a realm that this server does not trust on this path; see Config.TransitedRealms"},
	ReasonTransitedType:      {SEC_E_LOGON_DENIED, 17, "transited-type", "the ticket lists the realms between client and service in an unknown encoding"},
	ReasonAuthorizationData:  {SEC_E_LOGON_DENIED, 60, "authorization-data", "the authorization data is malformed, or restricts the ticket in a way that this library does not understand"},
	ReasonUserToUserRequired: {SEC_E_LOGON_DENIED, 69, "user-to-user-required", "this server accepts only user-to-user authentication, and the client did not use it"},
	ReasonNoTGT:              {SEC_E_NO_CREDENTIALS, 67, "no-tgt", "the client asks for user-to-user authentication, and this server has no ticket-granting ticket"},

	ReasonNameEncoding: {SEC_E_INVALID_TOKEN, 60, "name-encoding", "a client or service name is not UTF-8 or has no text form; rename the account or repair its name in the KDC"},

	ReasonNameMismatch:      {SEC_E_LOGON_DENIED, 36, "name-mismatch", "the ticket and the authenticator name different clients"},
	ReasonClockSkew:         {SEC_E_TIME_SKEW, 37, "clock-skew", "the client's clock and the server's clock differ too much; synchronize both"},
	ReasonReplay:            {SEC_E_LOGON_DENIED, 34, "replay", "this authenticator was used before; a client that repeats a request must make a new authenticator"},
	ReasonBeforeReplayCache: {SEC_E_TIME_SKEW, 37, "before-replay-cache", "the authenticator is older than the replay cache and may be a replay; seen after a restart, or if the client's clock is behind"},
	ReasonReplayCacheFull:   {SEC_E_INSUFFICIENT_MEMORY, 60, "replay-cache-full", "the replay cache is full of records that are still needed; make the cache larger"},
	ReasonReplayCacheShare:  {SEC_E_INSUFFICIENT_MEMORY, 60, "replay-cache-share", "the client has used up its share of the replay cache, and only this client is refused; for a busy client make the cache larger"},
	ReasonReplayCacheFailed: {SEC_E_INTERNAL_ERROR, 60, "replay-cache-failed", "the replay cache did not answer, so the client was refused"},
	ReasonBadChecksum:       {SEC_E_LOGON_DENIED, 50, "bad-checksum", "the authenticator's checksum is wrong, or its type proves nothing"},
	ReasonBadGSSChecksum:    {SEC_E_INVALID_TOKEN, 50, "bad-gss-checksum", "the authenticator's GSS-API checksum field (0x8003) is malformed"},
	ReasonBindingMismatch:   {SEC_E_BAD_BINDINGS, 60, "binding-mismatch", "the client is bound to a different channel; a proxy terminates its TLS, or an attacker relays its login"},
	ReasonBindingMissing:    {SEC_E_BAD_BINDINGS, 60, "binding-missing", "channel bindings are required and the client sent none; for clients that do not support them see BindingAllowMissing"},
	ReasonBindingUnknown:    {SEC_E_BAD_BINDINGS, 60, "binding-unknown", "the server does not know its channel bindings and cannot compare the client's bindings; the error names the missing configuration"},
	ReasonBadDelegation:     {SEC_E_LOGON_DENIED, 41, "bad-delegation", "the forwarded credentials are malformed, cannot be decrypted, or must not be used"},
	ReasonThirdLeg:          {SEC_E_LOGON_DENIED, 0, "third-leg", "the client's last message of the DCE style does not answer the server's message"},
	ReasonRequirementNotMet: {SEC_E_SECURITY_QOS_FAILED, 60, "requirement-not-met", "the client did not request a property that the server requires"},
	ReasonTargetNotAllowed:  {SEC_E_LOGON_DENIED, 35, "target-not-allowed", "the client names a different service as its target, or names no target; see Config.Targets"},
	ReasonAborted:           {SEC_E_LOGON_DENIED, 0, "aborted", "the client ended the exchange or lost its connection; the client's own error names the cause, most often a server name without a ticket"},

	ReasonPACBad:      {SEC_E_LOGON_DENIED, 41, "pac-bad", "the ticket's PAC is wrong: its signature, its form, or the account that it names; see Config.PAC"},
	ReasonPACRequired: {SEC_E_LOGON_DENIED, 60, "pac-required", "the client has no account in a PAC; see Config.PAC"},

	ReasonNotAuthorized:    {SEC_E_LOGON_DENIED, 0, "not-authorized", "the client is authenticated, and the program's own rule refuses it"},
	ReasonSharedConnection: {SEC_E_LOGON_DENIED, 0, "shared-connection", "a proxy sends several requests over this connection, so the login of an earlier request does not apply to this request"},

	ReasonMessageAltered:          {SEC_E_MESSAGE_ALTERED, 0, "message-altered", "the message was changed in transit, or belongs to a different context"},
	ReasonMessageDuplicate:        {SEC_E_OUT_OF_SEQUENCE, 0, "message-duplicate", "the message was received before; it was sent twice or replayed"},
	ReasonMessageOld:              {SEC_E_OUT_OF_SEQUENCE, 0, "message-old", "the message is too old to be distinguished from a replay"},
	ReasonMessageUnsequenced:      {SEC_E_OUT_OF_SEQUENCE, 0, "message-unsequenced", "the message arrived after a later message; use a transport that keeps the order"},
	ReasonMessageGap:              {SEC_E_OUT_OF_SEQUENCE, 0, "message-gap", "messages before this message are missing; to accept that, use UnwrapAfterGap or DecryptMessageAfterGap"},
	ReasonContextExpired:          {SEC_E_CONTEXT_EXPIRED, 0, "context-expired", "the context's ticket has expired and EnforceExpiry is set, or the context was exported too long ago"},
	ReasonProtectionNotNegotiated: {SEC_E_QOP_NOT_SUPPORTED, 0, "protection-not-negotiated", "the client did not request the protection that this call needs, or fQOP is not supported"},

	ReasonContextState:  {SEC_E_OUT_OF_SEQUENCE, 0, "context-state", "the call does not fit the context's state: it is too early, repeated, or concurrent with another call"},
	ReasonInvalidHandle: {SEC_E_INVALID_HANDLE, 0, "invalid-handle", "the handle or context is zero, closed or failed; the first error of the context has the cause"},
	ReasonArgument:      {SEC_E_INVALID_PARAMETER, 0, "argument", "an argument or a configuration is invalid"},
	ReasonBuffer:        {SEC_E_BUFFER_TOO_SMALL, 0, "buffer", "a buffer is too small, and the call changed nothing; call again with a larger buffer"},
	ReasonNoTokenBuffer: {SEC_E_INVALID_TOKEN, 0, "no-token-buffer", "the buffer descriptor lacks the buffer that the call needs"},
	ReasonBufferType:    {SEC_E_INVALID_TOKEN, 0, "buffer-type", "a buffer's type or attribute requests protection that the call does not provide"},
	ReasonUnsupported:   {SEC_E_UNSUPPORTED_FUNCTION, 0, "unsupported", "the function or option is not supported or not configured"},
	ReasonNoCredentials: {SEC_E_NO_CREDENTIALS, 0, "no-credentials", "keys or credentials that the call needs are missing or could not be read; the error says which"},
	ReasonKDCRefused:    {SEC_E_NO_CREDENTIALS, 0, "kdc-refused", "the KDC refuses a ticket on behalf of a client; the error explains the KDC's number; with 13 check the delegation of the service and of the user"},
	ReasonCanceled:      {SEC_E_INTERNAL_ERROR, 60, "canceled", "the caller's context.Context ended before the exchange ended"},
	ReasonInternal:      {SEC_E_INTERNAL_ERROR, 60, "internal", "an error on this side has no Reason of its own; the error wraps the cause"},
}
