package flags

// AP is the type of the ap-options of an AP-REQ (RFC 4120, Section 5.5.1). They are
// neither encrypted nor authenticated.
//
// Kerberos numbers bits from the most significant bit, so bit n is 1<<(31-n).
type AP uint32

// The bits of RFC 4120, Section 5.5.1.
const (
	APUseSessionKey  AP = 1 << (31 - 1) // user-to-user: the ticket is encrypted with the session key of the server's TGT
	APMutualRequired AP = 1 << (31 - 2) // the client waits for an AP-REP
)

// Ticket is the type of a ticket's flags (RFC 4120, Section 5.3), numbered like [AP].
type Ticket uint32

// The bits of RFC 4120, Section 5.3, and of RFC 8062 that matter to a service.
// [Ticket.String] knows the names of all bits.
const (
	TicketForwardable            Ticket = 1 << (31 - 1)
	TicketForwarded              Ticket = 1 << (31 - 2)
	TicketInvalid                Ticket = 1 << (31 - 7) // the KDC must validate the ticket first; such a ticket is never accepted
	TicketRenewable              Ticket = 1 << (31 - 8)
	TicketPreAuthent             Ticket = 1 << (31 - 10)
	TicketTransitedPolicyChecked Ticket = 1 << (31 - 12) // the KDC has checked the path of realms
	TicketAnonymous              Ticket = 1 << (31 - 16) // RFC 8062, Section 3
)

// String returns the names of f's bits in the RFCs joined by '|', with unknown bits as
// one hexadecimal number. It returns "0" if no bit is set.
func (f AP) String() string { return join(uint32(f), &apNames) }

// String returns the names of f's bits in the RFCs joined by '|', with unknown bits as
// one hexadecimal number. It returns "0" if no bit is set.
func (f Ticket) String() string { return join(uint32(f), &ticketNames) }

var apNames = [32]string{
	31 - 1: "use-session-key",
	31 - 2: "mutual-required",
}

var ticketNames = [32]string{
	31 - 1:  "forwardable",
	31 - 2:  "forwarded",
	31 - 3:  "proxiable",
	31 - 4:  "proxy",
	31 - 5:  "may-postdate",
	31 - 6:  "postdated",
	31 - 7:  "invalid",
	31 - 8:  "renewable",
	31 - 9:  "initial",
	31 - 10: "pre-authent",
	31 - 11: "hw-authent",
	31 - 12: "transited-policy-checked",
	31 - 13: "ok-as-delegate",
	31 - 15: "enc-pa-rep",
	31 - 16: "anonymous",
}
