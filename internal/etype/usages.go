package etype

// The key usages of RFC 4120, Section 7.5.1, RFC 4121, Section 2, MS-PAC, Section 2.8, RFC
// 7751, Section 4, and MS-SFU, Section 2.2.1, that an acceptor needs, or a service that
// requests tickets on behalf of a client. No other package of the library writes a key usage
// as a number.
const (
	UsageTicket                = 2  // encrypted part of a ticket
	UsageTGSReqChecksum        = 6  // checksum in the Authenticator of a TGS-REQ
	UsageTGSReqAuthenticator   = 7  // Authenticator of a TGS-REQ
	UsageTGSRep                = 8  // encrypted part of a TGS-REP, with the session key
	UsageAuthenticatorChecksum = 10 // checksum in the Authenticator of an AP-REQ
	UsageAuthenticator         = 11 // Authenticator of an AP-REQ
	UsageAPRep                 = 12 // encrypted part of an AP-REP
	UsageKRBCred               = 14 // encrypted part of a KRB-CRED
	UsagePACServerChecksum     = 17 // server checksum of a PAC
	UsageForUser               = 17 // checksum of a PA-FOR-USER
	UsageAcceptorSeal          = 22 // wrap tokens of the acceptor, encrypted or not
	UsageAcceptorSign          = 23 // MIC tokens of the acceptor
	UsageInitiatorSeal         = 24 // wrap tokens of the initiator, encrypted or not
	UsageInitiatorSign         = 25 // MIC tokens of the initiator
	UsageCAMMAC                = 64 // verifiers of an AD-CAMMAC
)
