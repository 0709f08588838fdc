package status

// Reason tells why a token, a message or a call was refused. The list of Reasons is
// closed, so a program can count refusals by Reason. The labels ([Reason.String]) are
// stable, the numbers are not. The library never sends a Reason to the peer.
//
// The zero value, ReasonNone, adds nothing to the code of the error.
type Reason uint16

// The Reasons, grouped by the part of the exchange; [Reason.Help] explains each.
const (
	ReasonNone Reason = iota

	// Tokens.

	ReasonMalformedToken
	ReasonTokenTooLong
	ReasonWrongVersion
	ReasonWrongMessageType
	ReasonUnsupportedMechanism
	ReasonSPNEGO
	ReasonNTLM
	ReasonNegoEx
	ReasonIAKERB
	ReasonMechListMIC
	ReasonMechListMICMissing

	// Tickets.

	ReasonNoKey
	ReasonWrongKey
	ReasonUnknownKeyVersion
	ReasonETypeRefused
	ReasonWrongService
	ReasonTicketExpired
	ReasonTicketNotYetValid
	ReasonTicketInvalid
	ReasonAddressMismatch
	ReasonTransited
	ReasonTransitedType
	ReasonAuthorizationData
	ReasonUserToUserRequired
	ReasonNoTGT
	ReasonNameEncoding

	// Authenticators.

	ReasonNameMismatch
	ReasonClockSkew
	ReasonReplay
	ReasonBeforeReplayCache
	ReasonReplayCacheFull
	ReasonReplayCacheShare
	ReasonReplayCacheFailed
	ReasonBadChecksum
	ReasonBadGSSChecksum
	ReasonBindingMismatch
	ReasonBindingMissing
	ReasonBindingUnknown
	ReasonBadDelegation
	ReasonThirdLeg
	ReasonRequirementNotMet
	ReasonTargetNotAllowed
	ReasonAborted

	// PACs.

	ReasonPACBad
	ReasonPACRequired

	// Rules of the program, applied by the integration packages after the client is
	// authenticated.

	ReasonNotAuthorized
	ReasonSharedConnection

	// Messages under an established context.

	ReasonMessageAltered
	ReasonMessageDuplicate
	ReasonMessageOld
	ReasonMessageUnsequenced
	ReasonMessageGap
	ReasonContextExpired
	ReasonProtectionNotNegotiated

	// Errors of the caller or of this process. A peer's token never causes them.

	ReasonContextState
	ReasonInvalidHandle
	ReasonArgument
	ReasonBuffer
	ReasonNoTokenBuffer
	ReasonBufferType
	ReasonUnsupported
	ReasonNoCredentials
	ReasonKDCRefused
	ReasonCanceled
	ReasonInternal // always the last

	reasonCount = iota
)

// row returns r's row of the table. It treats a number outside the list, which only a
// conversion can make, as ReasonInternal, so that it is still a refusal.
func (r Reason) row() *row {
	if r >= reasonCount {
		r = ReasonInternal
	}
	return &table[r]
}

// String returns r's label, such as "ticket-expired". Labels are stable and can be used
// in metrics.
func (r Reason) String() string { return r.row().label }

// Help returns one line that explains r and, where the operator can correct the cause,
// says how.
func (r Reason) Help() string { return r.row().help }

// Code returns the SECURITY_STATUS for r. It is always the code of a failed call. If the
// client may send another token after the refusal, package sspi returns
// SEC_I_CONTINUE_NEEDED in its place.
func (r Reason) Code() Code { return r.row().code }

// Kerberos returns the error code (RFC 4120, Section 7.5.9, or
// draft-swift-win2k-krb-user2user-03) of the KRB-ERROR that reports r to the client. It
// returns 0 if no KRB-ERROR reports r.
func (r Reason) Kerberos() int32 { return r.row().kerberos }
