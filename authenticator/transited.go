package authenticator

import (
	"slices"
	"strings"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket"
)

const (
	transitedX500Compress = 1    // DOMAIN-X500-COMPRESS
	maxTransited          = 4096 // bytes; arbitrary, enough for a hundred realms
	maxTransitedRealms    = 128
)

// checkTransited checks the realms between the client's realm and the service's realm,
// unless the KDC of that realm has set TRANSITED-POLICY-CHECKED (RFC 4120,
// Sections 2.7 and 3.3.3.2). Each realm must lie on the hierarchical path between the
// two, or allowed must name it. With a direct trust there is no realm between.
func checkTransited(c *ticket.Content, allowed []string) error {
	if len(c.Transited) == 0 {
		return nil
	}
	if c.TransitedType != transitedX500Compress {
		return &status.Error{Reason: status.ReasonTransitedType, Detail: "the ticket's path is in an unknown encoding"}
	}
	if c.Flags&flags.TicketTransitedPolicyChecked != 0 {
		return nil
	}
	from, to := c.Client.Realm(), c.Service.Realm()
	realms, ok := expandTransited(string(c.Transited), from, to)
	if !ok {
		return &status.Error{Reason: status.ReasonTransited, Detail: "the ticket's path does not parse"}
	}
	common, related := commonDomain(from, to)
	for _, r := range realms {
		if !slices.Contains(allowed, r) && !onPath(r, from, to, common, related) {
			return &status.Error{Reason: status.ReasonTransited, Detail: "the client's realm " + quote.Text(from) + " is trusted through " + quote.Text(r) +
				", which is not on the hierarchical path to " + quote.Text(to) + " and not in Config.TransitedRealms, and the KDC did not check the path"}
		}
	}
	return nil
}

// expandTransited decompresses the list of realms (RFC 4120, Section 3.3.3.2). It returns
// the realms in the order of the list, which is not the order of the path.
func expandTransited(contents, client, server string) (realms []string, ok bool) {
	if len(contents) > maxTransited {
		return nil, false
	}
	if contents == "" {
		return nil, true
	}
	last, previous, gap := client, "", false
	for _, field := range splitFields(contents) {
		if field == "" { // everything between its neighbours
			gap = true
			continue
		}
		realm, ok := expandField(field, previous)
		if !ok {
			return nil, false
		}
		if gap {
			between, ok := betweenRealms(last, realm)
			if !ok {
				return nil, false
			}
			realms, gap = append(realms, between...), false
		}
		realms = append(realms, realm)
		last, previous = realm, realm
		if len(realms) > maxTransitedRealms {
			return nil, false
		}
	}
	if gap {
		between, ok := betweenRealms(last, server)
		if !ok {
			return nil, false
		}
		realms = append(realms, between...)
	}
	return realms, len(realms) <= maxTransitedRealms
}

// splitFields splits s at commas that no backslash escapes. It does not remove the
// backslashes.
func splitFields(s string) []string {
	var fields []string
	start := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case ',':
			fields = append(fields, s[start:i])
			start = i + 1
		}
	}
	return append(fields, s[start:])
}

// expandField returns the complete realm of one field: "MIT." means "MIT." followed by
// the previous realm, "/HP" means the previous realm followed by "/HP", and a leading
// space marks a complete realm.
func expandField(field, previous string) (realm string, ok bool) {
	name, quotedEnd, ok := unquote(field)
	switch {
	case !ok || name == "":
		return "", false
	case field[0] == ' ':
		return name[1:], len(name) > 1
	case field[0] == '/':
		return previous + name, true
	case name[len(name)-1] == '.' && !quotedEnd:
		return name + previous, previous != ""
	}
	return name, true
}

// unquote removes backslashes. quotedEnd reports whether a backslash preceded the last
// character.
func unquote(s string) (out string, quotedEnd, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		quotedEnd = s[i] == '\\'
		if quotedEnd {
			if i++; i == len(s) {
				return "", false, false
			}
		}
		b.WriteByte(s[i])
	}
	return b.String(), quotedEnd, true
}

// betweenRealms lists the realms strictly between a realm and a realm above it, in either
// style of name.
func betweenRealms(a, b string) (realms []string, ok bool) {
	long, short := a, b
	if len(long) < len(short) {
		long, short = short, long
	}
	up := parentDomain
	if strings.HasPrefix(long, "/") {
		up = parentX500
	}
	for r := long; r != short; {
		parent, ok := up(r)
		if !ok || len(realms) > maxTransitedRealms {
			return nil, false
		}
		if parent != short {
			realms = append(realms, parent)
		}
		r = parent
	}
	return realms, true
}

// commonDomain returns the nearest domain-style realm that contains from and to;
// ok is false if no realm contains both.
func commonDomain(from, to string) (common string, ok bool) {
	for common, ok = from, true; ok && !isWithin(to, common); {
		common, ok = parentDomain(common)
	}
	return common, ok
}

// onPath reports whether the domain-style realm lies on the hierarchical path between
// from and to. The path goes up from the first realm to common, the nearest realm that
// contains both, and down to the second. If no realm contains both (related is false),
// the path goes up to the root of each tree, and a trust joins the trees. The forest
// trusts of Active Directory have such paths, and MIT's krb5_walk_realm_tree computes
// them likewise.
func onPath(realm, from, to, common string, related bool) bool {
	return (!related || isWithin(realm, common)) && (isWithin(from, realm) || isWithin(to, realm))
}

// isWithin reports whether realm is equal to domain or below it.
func isWithin(realm, domain string) bool {
	above, ok := strings.CutSuffix(realm, domain)
	return ok && (above == "" || strings.HasSuffix(above, ".") && above[0] != '/')
}

func parentDomain(r string) (string, bool) {
	_, parent, ok := strings.Cut(r, ".")
	return parent, ok && parent != ""
}

func parentX500(r string) (string, bool) {
	i := strings.LastIndexByte(r, '/')
	if i <= 0 {
		return "", false
	}
	return r[:i], true
}
