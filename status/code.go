package status

import "fmt"

// Code is a SECURITY_STATUS: the result of an SSPI call, with the number that
// Windows gives it. It is not an error, because SEC_E_OK and
// SEC_I_CONTINUE_NEEDED are Codes too; [Code.Err] makes one of it.
type Code uint32

// The codes that an acceptor, its caller, or a program that is an initiator too
// can meet, in numeric order, with the values of winerror.h. Those of PKINIT,
// smart cards, PKU2U and KDCs are left out.
const (
	SEC_E_OK Code = 0x00000000 // the call succeeded; an output token, if there is one, must still be sent

	SEC_I_CONTINUE_NEEDED            Code = 0x00090312 // send the output token, if any, and call again with the peer's answer
	SEC_I_COMPLETE_NEEDED            Code = 0x00090313 // never returned here; see CompleteAuthToken
	SEC_I_COMPLETE_AND_CONTINUE      Code = 0x00090314 // never returned here; see CompleteAuthToken
	SEC_I_LOCAL_LOGON                Code = 0x00090315 // the logon was local (NTLM)
	SEC_I_GENERIC_EXTENSION_RECEIVED Code = 0x00090316 // an extension arrived before the handshake ended (Schannel)
	SEC_I_CONTEXT_EXPIRED            Code = 0x00090317 // the peer closed the context (Schannel)
	SEC_I_INCOMPLETE_CREDENTIALS     Code = 0x00090320 // the server asks for credentials (Schannel)
	SEC_I_RENEGOTIATE                Code = 0x00090321 // the peer asks for a new handshake (Schannel)
	SEC_I_NO_LSA_CONTEXT             Code = 0x00090323 // there is no LSA context for this context
	SEC_I_SIGNATURE_NEEDED           Code = 0x0009035C // the buffer must be signed before it is sent
	SEC_I_NO_RENEGOTIATION           Code = 0x00090360 // the peer refuses a new handshake (Schannel)
	SEC_I_MESSAGE_FRAGMENT           Code = 0x00090364 // the message is a fragment
	SEC_I_CONTINUE_NEEDED_MESSAGE_OK Code = 0x00090366 // go on with the handshake; messages may already be sent (Schannel)
	SEC_I_ASYNC_CALL_PENDING         Code = 0x00090368 // an asynchronous call is under way

	SEC_E_INSUFFICIENT_MEMORY           Code = 0x80090300 // no room: here, a replay cache full of records that still count
	SEC_E_INVALID_HANDLE                Code = 0x80090301 // the handle is zero, deleted, failed or not ready for this call
	SEC_E_UNSUPPORTED_FUNCTION          Code = 0x80090302 // the function or option is not supported
	SEC_E_TARGET_UNKNOWN                Code = 0x80090303 // the client named no target
	SEC_E_INTERNAL_ERROR                Code = 0x80090304 // something failed that has no code of its own
	SEC_E_SECPKG_NOT_FOUND              Code = 0x80090305 // no security package of that name
	SEC_E_NOT_OWNER                     Code = 0x80090306 // the caller does not own the credentials
	SEC_E_CANNOT_INSTALL                Code = 0x80090307 // the package cannot be installed
	SEC_E_INVALID_TOKEN                 Code = 0x80090308 // the token is malformed, or a buffer for it is missing
	SEC_E_CANNOT_PACK                   Code = 0x80090309 // the package cannot marshal the buffer
	SEC_E_QOP_NOT_SUPPORTED             Code = 0x8009030A // the protection asked for was not negotiated
	SEC_E_NO_IMPERSONATION              Code = 0x8009030B // the client cannot be impersonated
	SEC_E_LOGON_DENIED                  Code = 0x8009030C // the peer was refused
	SEC_E_UNKNOWN_CREDENTIALS           Code = 0x8009030D // the credentials were not recognised
	SEC_E_NO_CREDENTIALS                Code = 0x8009030E // there are no credentials (keys) to accept with
	SEC_E_MESSAGE_ALTERED               Code = 0x8009030F // a message or its signature was changed
	SEC_E_OUT_OF_SEQUENCE               Code = 0x80090310 // a message or a call came out of its order, or twice
	SEC_E_NO_AUTHENTICATING_AUTHORITY   Code = 0x80090311 // no domain controller could be asked
	SEC_E_BAD_PKGID                     Code = 0x80090316 // the package identifier is unknown
	SEC_E_CONTEXT_EXPIRED               Code = 0x80090317 // the context's lifetime is over; never the result of an accept
	SEC_E_INCOMPLETE_MESSAGE            Code = 0x80090318 // more bytes of the message are needed
	SEC_E_INCOMPLETE_CREDENTIALS        Code = 0x80090320 // the credentials are incomplete
	SEC_E_BUFFER_TOO_SMALL              Code = 0x80090321 // a buffer is too small; nothing else changed
	SEC_E_WRONG_PRINCIPAL               Code = 0x80090322 // the target is not who it should be (initiators)
	SEC_E_TIME_SKEW                     Code = 0x80090324 // the clocks of client and server differ too much
	SEC_E_UNTRUSTED_ROOT                Code = 0x80090325 // the certificate chain has no trusted root (Schannel)
	SEC_E_ILLEGAL_MESSAGE               Code = 0x80090326 // the message was unexpected or badly formatted
	SEC_E_CERT_UNKNOWN                  Code = 0x80090327 // the certificate could not be processed (Schannel)
	SEC_E_CERT_EXPIRED                  Code = 0x80090328 // the certificate has expired (Schannel)
	SEC_E_ENCRYPT_FAILURE               Code = 0x80090329 // the message could not be encrypted
	SEC_E_DECRYPT_FAILURE               Code = 0x80090330 // the message could not be decrypted
	SEC_E_ALGORITHM_MISMATCH            Code = 0x80090331 // the two sides have no algorithm in common
	SEC_E_SECURITY_QOS_FAILED           Code = 0x80090332 // a property that this side requires was not asked for by the peer
	SEC_E_UNFINISHED_CONTEXT_DELETED    Code = 0x80090333 // the context was deleted before it was complete
	SEC_E_NO_TGT_REPLY                  Code = 0x80090334 // the server gave no ticket-granting ticket (user-to-user, initiators)
	SEC_E_WRONG_CREDENTIAL_HANDLE       Code = 0x80090336 // the handle is not the one the context was made with
	SEC_E_CRYPTO_SYSTEM_INVALID         Code = 0x80090337 // the cipher is not available
	SEC_E_MUST_BE_KDC                   Code = 0x80090339 // only a KDC may do that
	SEC_E_STRONG_CRYPTO_NOT_SUPPORTED   Code = 0x8009033A // the key is longer than the system allows
	SEC_E_TOO_MANY_PRINCIPALS           Code = 0x8009033B // the KDC reply holds more than one principal name
	SEC_E_DELEGATION_REQUIRED           Code = 0x80090345 // the server must be trusted for delegation
	SEC_E_BAD_BINDINGS                  Code = 0x80090346 // the channel bindings differ, or required ones are missing
	SEC_E_MULTIPLE_ACCOUNTS             Code = 0x80090347 // the name belongs to several accounts
	SEC_E_NO_KERB_KEY                   Code = 0x80090348 // there is no Kerberos key
	SEC_E_DOWNGRADE_DETECTED            Code = 0x80090350 // an attempt to weaken the negotiation was seen
	SEC_E_NO_S4U_PROT_SUPPORT           Code = 0x80090356 // the domain controller does not support S4U
	SEC_E_CROSSREALM_DELEGATION_FAILURE Code = 0x80090357 // delegation across the realms failed
	SEC_E_INVALID_PARAMETER             Code = 0x8009035D // an argument is wrong
	SEC_E_DELEGATION_POLICY             Code = 0x8009035E // policy forbids the delegation
	SEC_E_POLICY_NLTM_ONLY              Code = 0x8009035F // policy admits NTLM alone; the spelling is Windows' own
	SEC_E_NO_CONTEXT                    Code = 0x80090361 // there is no context to use
	SEC_E_MUTUAL_AUTH_FAILED            Code = 0x80090363 // mutual authentication failed (initiators)
	SEC_E_ONLY_HTTPS_ALLOWED            Code = 0x80090365 // the target accepts HTTPS only
	SEC_E_INVALID_UPN_NAME              Code = 0x80090369 // the user principal name is malformed
	SEC_E_EXT_BUFFER_TOO_SMALL          Code = 0x8009036A // the extension buffer is too small
	SEC_E_INSUFFICIENT_BUFFERS          Code = 0x8009036B // too few buffers

	STATUS_LOGON_FAILURE Code = 0xC000006D // an NTSTATUS, not an SSPI code: the general page on AcceptSecurityContext names it for a call on a finished context. Never returned here, where that is SEC_E_OUT_OF_SEQUENCE
)

// Second names in sspi.h for codes above.
const (
	SEC_E_NOT_SUPPORTED = SEC_E_UNSUPPORTED_FUNCTION
	SEC_E_NO_SPM        = SEC_E_INTERNAL_ERROR
)

var codeNames = map[Code]string{
	SEC_E_OK:                            "SEC_E_OK",
	SEC_I_CONTINUE_NEEDED:               "SEC_I_CONTINUE_NEEDED",
	SEC_I_COMPLETE_NEEDED:               "SEC_I_COMPLETE_NEEDED",
	SEC_I_COMPLETE_AND_CONTINUE:         "SEC_I_COMPLETE_AND_CONTINUE",
	SEC_I_LOCAL_LOGON:                   "SEC_I_LOCAL_LOGON",
	SEC_I_GENERIC_EXTENSION_RECEIVED:    "SEC_I_GENERIC_EXTENSION_RECEIVED",
	SEC_I_CONTEXT_EXPIRED:               "SEC_I_CONTEXT_EXPIRED",
	SEC_I_INCOMPLETE_CREDENTIALS:        "SEC_I_INCOMPLETE_CREDENTIALS",
	SEC_I_RENEGOTIATE:                   "SEC_I_RENEGOTIATE",
	SEC_I_NO_LSA_CONTEXT:                "SEC_I_NO_LSA_CONTEXT",
	SEC_I_SIGNATURE_NEEDED:              "SEC_I_SIGNATURE_NEEDED",
	SEC_I_NO_RENEGOTIATION:              "SEC_I_NO_RENEGOTIATION",
	SEC_I_MESSAGE_FRAGMENT:              "SEC_I_MESSAGE_FRAGMENT",
	SEC_I_CONTINUE_NEEDED_MESSAGE_OK:    "SEC_I_CONTINUE_NEEDED_MESSAGE_OK",
	SEC_I_ASYNC_CALL_PENDING:            "SEC_I_ASYNC_CALL_PENDING",
	SEC_E_INSUFFICIENT_MEMORY:           "SEC_E_INSUFFICIENT_MEMORY",
	SEC_E_INVALID_HANDLE:                "SEC_E_INVALID_HANDLE",
	SEC_E_UNSUPPORTED_FUNCTION:          "SEC_E_UNSUPPORTED_FUNCTION",
	SEC_E_TARGET_UNKNOWN:                "SEC_E_TARGET_UNKNOWN",
	SEC_E_INTERNAL_ERROR:                "SEC_E_INTERNAL_ERROR",
	SEC_E_SECPKG_NOT_FOUND:              "SEC_E_SECPKG_NOT_FOUND",
	SEC_E_NOT_OWNER:                     "SEC_E_NOT_OWNER",
	SEC_E_CANNOT_INSTALL:                "SEC_E_CANNOT_INSTALL",
	SEC_E_INVALID_TOKEN:                 "SEC_E_INVALID_TOKEN",
	SEC_E_CANNOT_PACK:                   "SEC_E_CANNOT_PACK",
	SEC_E_QOP_NOT_SUPPORTED:             "SEC_E_QOP_NOT_SUPPORTED",
	SEC_E_NO_IMPERSONATION:              "SEC_E_NO_IMPERSONATION",
	SEC_E_LOGON_DENIED:                  "SEC_E_LOGON_DENIED",
	SEC_E_UNKNOWN_CREDENTIALS:           "SEC_E_UNKNOWN_CREDENTIALS",
	SEC_E_NO_CREDENTIALS:                "SEC_E_NO_CREDENTIALS",
	SEC_E_MESSAGE_ALTERED:               "SEC_E_MESSAGE_ALTERED",
	SEC_E_OUT_OF_SEQUENCE:               "SEC_E_OUT_OF_SEQUENCE",
	SEC_E_NO_AUTHENTICATING_AUTHORITY:   "SEC_E_NO_AUTHENTICATING_AUTHORITY",
	SEC_E_BAD_PKGID:                     "SEC_E_BAD_PKGID",
	SEC_E_CONTEXT_EXPIRED:               "SEC_E_CONTEXT_EXPIRED",
	SEC_E_INCOMPLETE_MESSAGE:            "SEC_E_INCOMPLETE_MESSAGE",
	SEC_E_INCOMPLETE_CREDENTIALS:        "SEC_E_INCOMPLETE_CREDENTIALS",
	SEC_E_BUFFER_TOO_SMALL:              "SEC_E_BUFFER_TOO_SMALL",
	SEC_E_WRONG_PRINCIPAL:               "SEC_E_WRONG_PRINCIPAL",
	SEC_E_TIME_SKEW:                     "SEC_E_TIME_SKEW",
	SEC_E_UNTRUSTED_ROOT:                "SEC_E_UNTRUSTED_ROOT",
	SEC_E_ILLEGAL_MESSAGE:               "SEC_E_ILLEGAL_MESSAGE",
	SEC_E_CERT_UNKNOWN:                  "SEC_E_CERT_UNKNOWN",
	SEC_E_CERT_EXPIRED:                  "SEC_E_CERT_EXPIRED",
	SEC_E_ENCRYPT_FAILURE:               "SEC_E_ENCRYPT_FAILURE",
	SEC_E_DECRYPT_FAILURE:               "SEC_E_DECRYPT_FAILURE",
	SEC_E_ALGORITHM_MISMATCH:            "SEC_E_ALGORITHM_MISMATCH",
	SEC_E_SECURITY_QOS_FAILED:           "SEC_E_SECURITY_QOS_FAILED",
	SEC_E_UNFINISHED_CONTEXT_DELETED:    "SEC_E_UNFINISHED_CONTEXT_DELETED",
	SEC_E_NO_TGT_REPLY:                  "SEC_E_NO_TGT_REPLY",
	SEC_E_WRONG_CREDENTIAL_HANDLE:       "SEC_E_WRONG_CREDENTIAL_HANDLE",
	SEC_E_CRYPTO_SYSTEM_INVALID:         "SEC_E_CRYPTO_SYSTEM_INVALID",
	SEC_E_MUST_BE_KDC:                   "SEC_E_MUST_BE_KDC",
	SEC_E_STRONG_CRYPTO_NOT_SUPPORTED:   "SEC_E_STRONG_CRYPTO_NOT_SUPPORTED",
	SEC_E_TOO_MANY_PRINCIPALS:           "SEC_E_TOO_MANY_PRINCIPALS",
	SEC_E_DELEGATION_REQUIRED:           "SEC_E_DELEGATION_REQUIRED",
	SEC_E_BAD_BINDINGS:                  "SEC_E_BAD_BINDINGS",
	SEC_E_MULTIPLE_ACCOUNTS:             "SEC_E_MULTIPLE_ACCOUNTS",
	SEC_E_NO_KERB_KEY:                   "SEC_E_NO_KERB_KEY",
	SEC_E_DOWNGRADE_DETECTED:            "SEC_E_DOWNGRADE_DETECTED",
	SEC_E_NO_S4U_PROT_SUPPORT:           "SEC_E_NO_S4U_PROT_SUPPORT",
	SEC_E_CROSSREALM_DELEGATION_FAILURE: "SEC_E_CROSSREALM_DELEGATION_FAILURE",
	SEC_E_INVALID_PARAMETER:             "SEC_E_INVALID_PARAMETER",
	SEC_E_DELEGATION_POLICY:             "SEC_E_DELEGATION_POLICY",
	SEC_E_POLICY_NLTM_ONLY:              "SEC_E_POLICY_NLTM_ONLY",
	SEC_E_NO_CONTEXT:                    "SEC_E_NO_CONTEXT",
	SEC_E_MUTUAL_AUTH_FAILED:            "SEC_E_MUTUAL_AUTH_FAILED",
	SEC_E_ONLY_HTTPS_ALLOWED:            "SEC_E_ONLY_HTTPS_ALLOWED",
	SEC_E_INVALID_UPN_NAME:              "SEC_E_INVALID_UPN_NAME",
	SEC_E_EXT_BUFFER_TOO_SMALL:          "SEC_E_EXT_BUFFER_TOO_SMALL",
	SEC_E_INSUFFICIENT_BUFFERS:          "SEC_E_INSUFFICIENT_BUFFERS",
	STATUS_LOGON_FAILURE:                "STATUS_LOGON_FAILURE",
}

// String returns the name in sspi.h, or "SECURITY_STATUS(0x8009....)" for a
// code that is not listed here. Of two names for one code it is the one with a
// value of its own above.
func (c Code) String() string {
	if name, ok := codeNames[c]; ok {
		return name
	}
	return fmt.Sprintf("SECURITY_STATUS(0x%08X)", uint32(c))
}

// IsError reports whether the call failed: the high bit is set. SEC_E_OK and
// the SEC_I_ codes are no errors.
func (c Code) IsError() bool { return c&0x80000000 != 0 }

// Err returns nil unless c is an error, and otherwise an [*Error] with no
// Reason whose Code is c.
func (c Code) Err() error {
	if !c.IsError() {
		return nil
	}
	return &Error{code: c}
}
