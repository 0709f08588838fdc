package status

// row is what is decided about one Reason.
type row struct {
	code     Code
	kerberos int32 // 0: no KRB-ERROR
	label    string
	help     string
}

// table is the only place where a Reason gets its code and its Kerberos error
// number. Every refusal of a ticket or its proof is SEC_E_LOGON_DENIED, as the
// page on AcceptSecurityContext (Kerberos) has it; a code of its own stands only
// where the caller would act differently. Where RFC 4120 has no number that
// fits, it is 60 KRB_ERR_GENERIC.
var table = [reasonCount]row{
	ReasonNone: {SEC_E_INTERNAL_ERROR, 0, "none", "no more is known than the code"},

	ReasonMalformedToken:       {SEC_E_INVALID_TOKEN, 0, "malformed-token", "the token is not what it should be, or bytes follow it; check that the transport neither cuts nor re-encodes it"},
	ReasonTokenTooLong:         {SEC_E_INVALID_TOKEN, 0, "token-too-long", "the token exceeds the limit; a user in very many groups has a long one, raise MaxToken"},
	ReasonWrongVersion:         {SEC_E_INVALID_TOKEN, 39, "wrong-version", "a Kerberos protocol version other than 5"},
	ReasonWrongMessageType:     {SEC_E_INVALID_TOKEN, 40, "wrong-message-type", "a Kerberos message, but not the one that is due"},
	ReasonUnsupportedMechanism: {SEC_E_INVALID_TOKEN, 0, "unsupported-mechanism", "the client offers no mechanism that is served here"},
	ReasonSPNEGO:               {SEC_E_INVALID_TOKEN, 0, "spnego", "the client sent SPNEGO where a Kerberos token is due; the package Negotiate takes it, at the beginning"},
	ReasonNTLM:                 {SEC_E_INVALID_TOKEN, 0, "ntlm", "the client sent NTLM, which is not served: it has no ticket for this service; check DNS and the SPN"},
	ReasonNegoEx:               {SEC_E_INVALID_TOKEN, 0, "negoex", "the client insists on NegoEx, which is not served"},
	ReasonIAKERB:               {SEC_E_INVALID_TOKEN, 0, "iakerb", "the client wants this server to relay it to a KDC (IAKERB), which is not served"},
	ReasonMechListMIC:          {SEC_E_MESSAGE_ALTERED, 0, "mech-list-mic", "the list of mechanisms was changed on its way, or its MIC is broken"},
	ReasonMechListMICMissing:   {SEC_E_INVALID_TOKEN, 0, "mech-list-mic-missing", "the MIC over the list of mechanisms is required and was not sent"},

	ReasonNoKey:              {SEC_E_NO_CREDENTIALS, 45, "no-key", "the server has no key at all under its name; is the keytab readable, is it the right one?"},
	ReasonWrongKey:           {SEC_E_LOGON_DENIED, 31, "wrong-key", "the ticket or its authenticator does not open with the key; was the password changed without a new keytab?"},
	ReasonUnknownKeyVersion:  {SEC_E_LOGON_DENIED, 44, "unknown-key-version", "the keytab has no key of that version or encryption type; add it, or let the client get a new ticket"},
	ReasonETypeRefused:       {SEC_E_LOGON_DENIED, 14, "etype-refused", "an encryption type that policy does not admit"},
	ReasonWrongService:       {SEC_E_LOGON_DENIED, 35, "wrong-service", "the ticket is for a service that this server is not; check the SPN and the configured names"},
	ReasonTicketExpired:      {SEC_E_LOGON_DENIED, 32, "ticket-expired", "the ticket's end time has passed; the client must get a new one"},
	ReasonTicketNotYetValid:  {SEC_E_TIME_SKEW, 33, "ticket-not-yet-valid", "the ticket starts in the future; compare this clock with the KDC's"},
	ReasonTicketInvalid:      {SEC_E_LOGON_DENIED, 33, "ticket-invalid", "a postdated ticket that the KDC has not validated"},
	ReasonAddressMismatch:    {SEC_E_LOGON_DENIED, 38, "address-mismatch", "the ticket is bound to addresses, and the client's is not one of them; is there NAT between?"},
	ReasonTransited:          {SEC_E_LOGON_DENIED, 51, "transited", "the ticket came through realms that are not trusted on this path; see TransitedRealms"},
	ReasonTransitedType:      {SEC_E_LOGON_DENIED, 17, "transited-type", "the realms that the ticket came through are written in an unknown form"},
	ReasonAuthorizationData:  {SEC_E_LOGON_DENIED, 60, "authorization-data", "authorization data restricts the ticket in a way that is not understood here"},
	ReasonUserToUserRequired: {SEC_E_LOGON_DENIED, 69, "user-to-user-required", "this server accepts by user-to-user authentication only, and the client did not use it"},
	ReasonNoTGT:              {SEC_E_NO_CREDENTIALS, 67, "no-tgt", "the client asks for user-to-user authentication, and the server has no ticket-granting ticket for it"},

	ReasonNameEncoding: {SEC_E_INVALID_TOKEN, 60, "name-encoding", "a client or service name is not UTF-8 or has no text form; rename the account or repair its name in the KDC"},

	ReasonNameMismatch:      {SEC_E_LOGON_DENIED, 36, "name-mismatch", "ticket and authenticator name different clients"},
	ReasonClockSkew:         {SEC_E_TIME_SKEW, 37, "clock-skew", "the clocks of client and server differ too much; synchronise both"},
	ReasonReplay:            {SEC_E_LOGON_DENIED, 34, "replay", "this authenticator was presented before; a client that sends again must make a new one"},
	ReasonBeforeReplayCache: {SEC_E_TIME_SKEW, 37, "before-replay-cache", "the authenticator is older than the replay cache, which cannot vouch for it; seen right after a start, or when the client's clock is behind"},
	ReasonReplayCacheFull:   {SEC_E_INSUFFICIENT_MEMORY, 60, "replay-cache-full", "the replay cache is full of records that still count; give it more room"},
	ReasonReplayCacheShare:  {SEC_E_INSUFFICIENT_MEMORY, 60, "replay-cache-share", "the client exceeds its share of the replay cache, and it alone is refused; for a busy service account, give the cache more room"},
	ReasonReplayCacheFailed: {SEC_E_INTERNAL_ERROR, 60, "replay-cache-failed", "the replay cache gave no answer, so the client was refused"},
	ReasonBadChecksum:       {SEC_E_LOGON_DENIED, 50, "bad-checksum", "the authenticator's checksum is wrong, or of a kind that proves nothing"},
	ReasonBadGSSChecksum:    {SEC_E_INVALID_TOKEN, 50, "bad-gss-checksum", "the authenticator's GSS-API checksum field (0x8003) is malformed"},
	ReasonBindingMismatch:   {SEC_E_BAD_BINDINGS, 60, "binding-mismatch", "the client is bound to another channel; a proxy ends its TLS, or somebody relays it"},
	ReasonBindingMissing:    {SEC_E_BAD_BINDINGS, 60, "binding-missing", "channel bindings are required and the client sent none; see BindingAllowMissing for clients that cannot"},
	ReasonBindingUnknown:    {SEC_E_BAD_BINDINGS, 60, "binding-unknown", "the server was not given the channel bindings of its own channel, so it cannot compare the client's; the error names the wiring that is missing"},
	ReasonBadDelegation:     {SEC_E_LOGON_DENIED, 41, "bad-delegation", "the forwarded credentials are malformed or do not open"},
	ReasonThirdLeg:          {SEC_E_LOGON_DENIED, 0, "third-leg", "the client's last message of the DCE style does not answer the server's"},
	ReasonRequirementNotMet: {SEC_E_SECURITY_QOS_FAILED, 60, "requirement-not-met", "the client did not ask for a property that the server requires"},
	ReasonTargetNotAllowed:  {SEC_E_LOGON_DENIED, 35, "target-not-allowed", "the client says it meant another service, or does not say which; see Targets"},
	ReasonAborted:           {SEC_E_LOGON_DENIED, 0, "aborted", "the client ended the exchange before it was over, or was lost; its own error names the cause, most often a server name without a ticket"},

	ReasonPACBad:          {SEC_E_LOGON_DENIED, 41, "pac-bad", "the ticket has more than one PAC"},
	ReasonPACRequired:     {SEC_E_LOGON_DENIED, 60, "pac-required", "reserved: a PAC is required and the ticket has none"},
	ReasonPACUnverifiable: {SEC_E_NO_AUTHENTICATING_AUTHORITY, 60, "pac-unverifiable", "reserved: nobody could be asked whether the KDC made the PAC"},

	ReasonNotAuthorized:    {SEC_E_LOGON_DENIED, 0, "not-authorized", "the client is proven, and the program's own rule keeps it out"},
	ReasonSharedConnection: {SEC_E_LOGON_DENIED, 0, "shared-connection", "a proxy sends requests over this connection, so the login of an earlier request does not count for this one"},

	ReasonMessageAltered:          {SEC_E_MESSAGE_ALTERED, 0, "message-altered", "a message was changed on its way, or belongs to another context"},
	ReasonMessageDuplicate:        {SEC_E_OUT_OF_SEQUENCE, 0, "message-duplicate", "the message arrived before; it was sent twice or replayed"},
	ReasonMessageOld:              {SEC_E_OUT_OF_SEQUENCE, 0, "message-old", "the message is too old to be told from a replayed one"},
	ReasonMessageUnsequenced:      {SEC_E_OUT_OF_SEQUENCE, 0, "message-unsequenced", "a later message arrived before this one; use a transport that keeps the order"},
	ReasonMessageGap:              {SEC_E_OUT_OF_SEQUENCE, 0, "message-gap", "messages before this one are missing; use UnwrapAfterGap or DecryptMessageAfterGap to accept that"},
	ReasonMessageIncomplete:       {SEC_E_INCOMPLETE_MESSAGE, 0, "message-incomplete", "reserved: a message was cut; read more and try again"},
	ReasonContextExpired:          {SEC_E_CONTEXT_EXPIRED, 0, "context-expired", "the ticket behind the context has ended, and EnforceExpiry is set; or the context was exported too long ago"},
	ReasonProtectionNotNegotiated: {SEC_E_QOP_NOT_SUPPORTED, 0, "protection-not-negotiated", "the client did not ask for the protection that this call needs, or fQOP is not supported"},

	ReasonContextState:  {SEC_E_OUT_OF_SEQUENCE, 0, "context-state", "the call does not fit the state of the context: too early, again, or beside another"},
	ReasonInvalidHandle: {SEC_E_INVALID_HANDLE, 0, "invalid-handle", "the handle or context is zero, closed or failed; its first error says why"},
	ReasonArgument:      {SEC_E_INVALID_PARAMETER, 0, "argument", "an argument or a configuration is wrong"},
	ReasonBuffer:        {SEC_E_BUFFER_TOO_SMALL, 0, "buffer", "a buffer is too small; nothing was changed, call again with more room"},
	ReasonNoTokenBuffer: {SEC_E_INVALID_TOKEN, 0, "no-token-buffer", "the descriptor lacks the buffer that the call needs"},
	ReasonBufferType:    {SEC_E_INVALID_TOKEN, 0, "buffer-type", "a buffer's type or mark asks for protection that the call does not give"},
	ReasonUnsupported:   {SEC_E_UNSUPPORTED_FUNCTION, 0, "unsupported", "the function or option is not supported, or not configured"},
	ReasonNoCredentials: {SEC_E_NO_CREDENTIALS, 0, "no-credentials", "the key source could not be read"},
	ReasonCanceled:      {SEC_E_INTERNAL_ERROR, 60, "canceled", "the caller's context ended before the exchange did"},
	ReasonInternal:      {SEC_E_INTERNAL_ERROR, 60, "internal", "something failed on this side that has no reason of its own; the cause is in the error"},
}
