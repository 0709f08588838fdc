package keytab

// storedVersions returns the numbers under which a keytab may hold the key of a ticket's
// key version: the whole number first and then its low eight bits, because some keytabs
// keep no more than those. It returns n = 1 if the two are equal, and n = 0 for a ticket
// without a version.
func storedVersions(ticket uint32) (versions [2]uint32, n int) {
	versions = [2]uint32{ticket, ticket & 0xff}
	switch {
	case ticket == 0:
		return versions, 0
	case versions[0] == versions[1]:
		return versions, 1
	}
	return versions, 2
}

// isVersion reports whether entry, the version of a keytab's entry, may be the version
// that a ticket has. Every version may be the version of a ticket without one.
func isVersion(entry, ticket uint32) bool {
	versions, n := storedVersions(ticket)
	return n == 0 || entry == versions[0] || entry == versions[1]
}
