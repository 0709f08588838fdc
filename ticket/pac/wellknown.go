package pac

// Well-known SIDs of a PAC ([MS-DTYP], Section 2.4.2.4).
var (
	// AuthenticationAuthorityAsserted: the client authenticated to the KDC.
	AuthenticationAuthorityAsserted = MustParseSID("S-1-18-1")
	// ServiceAsserted: a service obtained the ticket for the client by protocol
	// transition (S4U2Self); the client did not authenticate.
	ServiceAsserted = MustParseSID("S-1-18-2")
	// CompoundedAuthentication: the PAC has information about the client's device.
	CompoundedAuthentication = MustParseSID("S-1-5-21-0-0-0-496")
	// ClaimsValid: the claims of the PAC were issued by the client's own domain.
	ClaimsValid = MustParseSID("S-1-5-21-0-0-0-497")
)

var (
	builtinDomain = MustParseSID("S-1-5-32")
	claimsDomain  = ClaimsValid.Domain()
)

// wellKnown names the SIDs that are the same in all domains.
var wellKnown = map[SID]string{
	MustParseSID("S-1-0-0"):         "Null Authority",
	MustParseSID("S-1-1-0"):         "Everyone",
	MustParseSID("S-1-3-0"):         "Creator Owner",
	MustParseSID("S-1-5-1"):         "Dialup",
	MustParseSID("S-1-5-2"):         "Network",
	MustParseSID("S-1-5-3"):         "Batch",
	MustParseSID("S-1-5-4"):         "Interactive",
	MustParseSID("S-1-5-6"):         "Service",
	MustParseSID("S-1-5-7"):         "Anonymous Logon",
	MustParseSID("S-1-5-9"):         "Enterprise Domain Controllers",
	MustParseSID("S-1-5-10"):        "Principal Self",
	MustParseSID("S-1-5-11"):        "Authenticated Users",
	MustParseSID("S-1-5-12"):        "Restricted Code",
	MustParseSID("S-1-5-13"):        "Terminal Server User",
	MustParseSID("S-1-5-14"):        "Remote Interactive Logon",
	MustParseSID("S-1-5-15"):        "This Organization",
	MustParseSID("S-1-5-18"):        "Local System",
	MustParseSID("S-1-5-19"):        "Local Service",
	MustParseSID("S-1-5-20"):        "Network Service",
	MustParseSID("S-1-5-1000"):      "Other Organization",
	MustParseSID("S-1-5-64-10"):     "NTLM Authentication",
	MustParseSID("S-1-5-65-1"):      "This Organization Certificate",
	MustParseSID("S-1-5-32-544"):    "BUILTIN\\Administrators",
	MustParseSID("S-1-5-32-545"):    "BUILTIN\\Users",
	MustParseSID("S-1-5-32-546"):    "BUILTIN\\Guests",
	MustParseSID("S-1-5-32-547"):    "BUILTIN\\Power Users",
	MustParseSID("S-1-5-32-548"):    "BUILTIN\\Account Operators",
	MustParseSID("S-1-5-32-549"):    "BUILTIN\\Server Operators",
	MustParseSID("S-1-5-32-550"):    "BUILTIN\\Print Operators",
	MustParseSID("S-1-5-32-551"):    "BUILTIN\\Backup Operators",
	MustParseSID("S-1-5-32-554"):    "BUILTIN\\Pre-Windows 2000 Compatible Access",
	MustParseSID("S-1-5-32-555"):    "BUILTIN\\Remote Desktop Users",
	AuthenticationAuthorityAsserted: "Authentication Authority Asserted Identity",
	ServiceAsserted:                 "Service Asserted Identity",
	CompoundedAuthentication:        "Compounded Authentication",
	ClaimsValid:                     "Claims Valid",
}

// domainRIDs names the accounts and groups that every domain has under the same relative
// identifier.
var domainRIDs = map[uint32]string{
	498: "Enterprise Read-only Domain Controllers",
	500: "Administrator",
	501: "Guest",
	502: "krbtgt",
	512: "Domain Admins",
	513: "Domain Users",
	514: "Domain Guests",
	515: "Domain Computers",
	516: "Domain Controllers",
	517: "Cert Publishers",
	518: "Schema Admins",
	519: "Enterprise Admins",
	520: "Group Policy Creator Owners",
	521: "Read-only Domain Controllers",
	522: "Cloneable Domain Controllers",
	525: "Protected Users",
	526: "Key Admins",
	527: "Enterprise Key Admins",
	553: "RAS and IAS Servers",
	571: "Allowed RODC Password Replication Group",
	572: "Denied RODC Password Replication Group",
}

// WellKnownName returns the English name of a SID that is the same in all domains, or of a
// group that every domain has under the same RID, such as "Domain Users". It returns "" for
// all other SIDs. The name is for display: do not decide by it.
func (s SID) WellKnownName() string {
	if name, ok := wellKnown[s]; ok {
		return name
	}
	if s.Domain().IsDomain() {
		return domainRIDs[s.RID()]
	}
	return ""
}
