package main

import "time"

// fault is an error on purpose in the set-up of a realm. The zero fault changes nothing.
type fault struct {
	name   string
	about  string // the error, and its cause in a real realm
	try    string // commands, with the words URL and SSH for those of the instructions
	expect string // the beginning of the line that explains the error
	mend   string // the remedy in a real realm

	keytab []string      // the services in the servers' keytab; nil: all
	rotate bool          // the KDC gets new keys after the keytab is written
	ahead  time.Duration // the time by which the clock of the servers is ahead
	rc4    bool          // the KDC permits RC4
	conf   string        // lines for krb5.conf of the clients
	twice  bool          // each request reaches the web server two times
	user   string        // a user name that differs from the account's name
}

var faults = []*fault{
	{
		name:   "stale-kvno",
		about:  "The password of the web server's account was changed after its keytab was written. The KDC encrypts tickets in the new key, version 2, and the keytab has version 1.",
		try:    "curl --negotiate -u : URL",
		expect: "REFUSED unknown-key-version",
		mend:   "Write a new keytab. A running server reads it without a restart.",
		rotate: true,
	},
	{
		name:   "wrong-spn",
		about:  "The administrator made the keytab for HTTP/www.example.com, and users open http://localhost. The client takes the name of the service from the URL, so its ticket is for HTTP/localhost.",
		try:    "curl --negotiate -u : URL",
		expect: "REFUSED wrong-service",
		mend:   "Add a key of HTTP/localhost to the keytab, or let users open http://www.example.com.",
		keytab: []string{"HTTP/www.example.com", sshService, ldapService, pgService},
	},
	{
		name:   "clock",
		about:  "The clock of the server is ten minutes ahead of the clocks of the client and of the KDC. Kerberos tolerates five minutes.",
		try:    "curl --negotiate -u : URL",
		expect: "REFUSED clock-skew",
		mend:   "Run an NTP client on each machine.",
		ahead:  10 * time.Minute,
	},
	{
		name:   "ntlm",
		about:  "A Windows client that gets no ticket for the name in the URL, for instance because the URL has an IP address, sends NTLM instead, and many logs show only \"invalid token\". The header in this command is that of such a client.",
		try:    "curl -H 'Authorization: Negotiate " + ntlmToken + "' URL",
		expect: "REFUSED ntlm",
		mend:   "Find out why the client gets no ticket: use the host name of the SPN in the URL, and look for a missing SPN with setspn -Q.",
	},
	{
		name:   "rc4",
		about:  "The KDC encrypts the ticket with RC4, as a domain controller does for a service account without AES keys. (Here the client's krb5.conf asks for RC4 first.) The KDC permits RC4, and the server does not.",
		try:    "curl --negotiate -u : URL",
		expect: "REFUSED etype-refused",
		mend:   "Give the account of the service AES keys. Config.TicketETypes can permit RC4 until then.",
		rc4:    true,
		conf:   " default_tgs_enctypes = arcfour-hmac aes256-cts-hmac-sha1-96\n",
	},
	{
		name:   "no-key",
		about:  "The server opened a keytab that has keys of other services and no key of HTTP, as when /etc/krb5.keytab of the machine is used for a web server.",
		try:    "curl --negotiate -u : URL",
		expect: "REFUSED no-key",
		mend:   "Give the server the keytab of its own service.",
		keytab: []string{sshService, ldapService, pgService},
	},
	{
		name:   "replay",
		about:  "A proxy sends each request to the web server two times, and returns the second response. The acceptor accepts an authenticator once only, because a repeated authenticator is also the sign of a thief.",
		try:    "curl --negotiate -u : URL",
		expect: "REFUSED replay",
		mend:   "Switch off the retries of the proxy for requests with the header Authorization.",
		twice:  true,
	},
	{
		name:   "typed-name",
		about:  "In Active Directory a client may log in with another name than that of its account. Here bob typed root, and the KDC issued tickets with the name root. The PAC in the ticket proves the account bob. A server that uses the typed name would log bob in as root.",
		try:    "SSH root@localhost    # refused\n    SSH bob@localhost     # accepted\n    curl --negotiate -u : URL",
		expect: "REFUSED not-authorized",
		mend:   "Use peer.Principal and peer.User, as these servers do, and never peer.Client.",
		user:   "root",
	},
}

// ntlmToken is the first message of NTLM (MS-NLMP, Section 2.2.1.1) without names.
const ntlmToken = "TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAKAGFKAAAADw=="

func faultNames() (names []string) {
	for _, f := range faults {
		names = append(names, f.name)
	}
	return names
}

// faultNamed returns a fault, and nil if none has the name.
func faultNamed(name string) *fault {
	for _, f := range faults {
		if f.name == name {
			return f
		}
	}
	return nil
}
