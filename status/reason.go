package status

import "iter"

// Reason is why a token, a message or a call was refused. The list is closed
// and can be counted; labels ([Reason.String]) are stable, numbers are not. A Reason is
// never sent to the peer.
//
// The zero value, ReasonNone, says no more than the code it comes with.
type Reason uint16

// The reasons, by theme; [Reason.Help] explains each.
const (
	ReasonNone Reason = iota

	// The bytes.

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

	// The ticket.

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

	// The authenticator.

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

	// The PAC.

	ReasonPACBad
	ReasonPACRequired
	ReasonPACUnverifiable

	// The program's own rules, for the packages that carry tokens: the client is
	// proven.

	ReasonNotAuthorized
	ReasonSharedConnection

	// Messages under an established context.

	ReasonMessageAltered
	ReasonMessageDuplicate
	ReasonMessageOld
	ReasonMessageUnsequenced
	ReasonMessageGap
	ReasonMessageIncomplete
	ReasonContextExpired
	ReasonProtectionNotNegotiated

	// Of the caller's own making, or this process's; never caused by what a
	// peer sent.

	ReasonContextState
	ReasonInvalidHandle
	ReasonArgument
	ReasonBuffer
	ReasonNoTokenBuffer
	ReasonBufferType
	ReasonUnsupported
	ReasonNoCredentials
	ReasonCanceled
	ReasonInternal

	reasonCount = iota
)

// All yields every Reason but ReasonNone, in order.
func All() iter.Seq[Reason] {
	return func(yield func(Reason) bool) {
		for r := ReasonNone + 1; r < reasonCount; r++ {
			if !yield(r) {
				return
			}
		}
	}
}

// row returns r's row of the table. A number outside the list, which only a
// conversion can make, is treated as ReasonInternal: a refusal all the same.
func (r Reason) row() *row {
	if r >= reasonCount {
		r = ReasonInternal
	}
	return &table[r]
}

// String returns r's label, such as "ticket-expired". It is stable, and fit for
// a metric.
func (r Reason) String() string { return r.row().label }

// Help returns one line: what it means and, where something can be done, what.
func (r Reason) Help() string { return r.row().help }

// Code returns what an SSPI caller sees. It is always an error: where a refusal
// leaves the exchange open for another token, whoever keeps it open answers
// SEC_I_CONTINUE_NEEDED in its place.
func (r Reason) Code() Code { return r.row().code }

// Kerberos returns the error number of RFC 4120, Section 7.5.9, or of
// draft-swift-win2k-krb-user2user-03, that a KRB-ERROR would carry. It is 0 if
// no KRB-ERROR is ever made for r.
func (r Reason) Kerberos() int32 { return r.row().kerberos }
