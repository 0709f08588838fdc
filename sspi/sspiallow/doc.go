// Package sspiallow decides which clients a program admits, by rules about the groups, the
// accounts, the claims and the realms of clients. The rules need no LDAP: the groups of a client
// are in the PAC of its ticket, as SIDs, and a file gives the SIDs names.
//
//	names, err := sspiallow.OpenNames("/etc/http.names")
//	...
//	rule, err := sspiallow.Parse(`all(CORP\staff, not(CORP\interns))`, names)
//	...
//	cfg := sspihttp.Config{
//		Authorize: func(_ *http.Request, p *sspi.Peer) error { return rule.Check(p) },
//	}
//
// Authorize of package sspisasl calls [Rule.Check] in the same way. Authorize of package sspissh
// calls it before a function that decides about the name of the user, such as
// sspissh.SameUser. OnEvent of sspi.Config can log [Rule.Explain] of the Peer of an event.
//
// # Text of rules
//
// A rule is one of these. Spaces around its parts do not count.
//
//	CORP\staff                        an account or a group, by its name in the file of names
//	S-1-5-21-1-2-3-1104               the same by its SID
//	realm(CORP.EXAMPLE)               the clients of a realm
//	claim(CORP.EXAMPLE, department, Research)
//	                                  the clients of a realm that have a claim with a value
//	indicator(otp)                    the clients whose ticket has an authentication indicator
//	device(CORP\laptops)              the clients whose computer is in a group (compound identity)
//	deviceclaim(CORP.EXAMPLE, location, Berlin)
//	                                  the clients of a realm whose computer has a claim with a value
//	any(RULE, RULE, ...)              one of the rules admits the client
//	all(RULE, RULE, ...)              all of the rules admit the client
//	not(RULE)                         the rule certainly does not apply to the client
//
// A name, realm, claim, value or indicator with a comma, a parenthesis or a double quote is written in
// double quotes, in which two double quotes mean one: "Research, Development". A backslash has
// no special meaning.
//
// Neither a rule nor a line of the file of names refers to another one, so no loop can be
// written: a name in the text of another name is plain text.
//
// # Unknown facts
//
// Each rule applies to a client, does not apply, or it is unknown whether it applies: whether a
// client is in a group is unknown if its ticket has no PAC, and if the client has the group for
// deny-only or by the word of a domain controller that has no authority over it. It is also
// unknown whether a client has an indicator if its ticket has none that count, and whether its
// computer is in a group or has a claim if its ticket does not name the computer. Neither a rule
// nor its negation with not admits a client about which it is unknown. A client that is
// anonymous or that proves no name (sspi.Peer.Principal) is never admitted.
package sspiallow
