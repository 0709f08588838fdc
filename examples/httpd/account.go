package main

import (
	"fmt"
	"strings"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspiallow"
	"github.com/gosspi/kerberos/ticket/pac"
)

// account has the data of the page about the client's account in Active Directory.
type account struct {
	*sspi.Account        // nil: see Error
	Error         string // the reason why the PAC has no account that counts

	Groups, DenyOnly, Filtered groups
	Device                     groups
	UserClaims, DeviceClaims   []pac.Claim
	Errors                     []string // of parts of the PAC that do not decode
}

// groups is a list of groups, cut to a length that fits a page.
type groups struct {
	Shown []namedGroup
	More  int
}

// namedGroup is a group and its name, "" if the server knows none.
type namedGroup struct {
	pac.Group
	Name string
}

const maxShown = 40

func listed(all []pac.Group, names *sspiallow.Names) groups {
	n := min(len(all), maxShown)
	g := groups{More: len(all) - n}
	for _, one := range all[:n] {
		name := names.Name(one.SID)
		if name == one.SID.String() {
			name = ""
		}
		g.Shown = append(g.Shown, namedGroup{one, name})
	}
	return g
}

// nameOf returns the account as DOMAIN\name or, if the client has none, the name of its
// principal.
func nameOf(p *sspi.Peer) string {
	if p.Account != nil {
		return p.Account.String()
	}
	return p.Client.Name()
}

// accountOf reads the client's access token, with the names of its groups. It returns nil if the client has none.
func accountOf(p *sspi.Peer, names *sspiallow.Names) *account {
	token := p.AccessToken
	if token == nil {
		return nil
	}
	a := &account{Account: p.Account, Filtered: listed(token.Filtered(), names)}
	if err := token.Err(); err != nil {
		a.Error = err.Error()
		return a
	}
	note := func(part string, err error) {
		if err != nil {
			a.Errors = append(a.Errors, part+": "+err.Error())
		}
	}
	granted, err := token.Groups()
	note("groups", err)
	denyOnly, err := token.DenyOnly()
	note("deny-only groups", err)
	a.Groups, a.DenyOnly = listed(granted, names), listed(denyOnly, names)
	device, err := token.Device()
	note("device", err)
	if device != nil {
		a.Device = listed(append([]pac.Group{{SID: device.User()}}, device.Groups()...), names)
	}
	a.UserClaims, err = token.UserClaims()
	note("claims", err)
	a.DeviceClaims, err = token.DeviceClaims()
	note("claims of the device", err)
	return a
}

// claimValues returns the values of a claim for display.
func claimValues(c pac.Claim) string {
	var values []string
	add := func(v any) { values = append(values, fmt.Sprint(v)) }
	for _, v := range c.Int64s {
		add(v)
	}
	for _, v := range c.Uint64s {
		add(v)
	}
	for _, v := range c.Bools {
		add(v)
	}
	for _, v := range c.Strings {
		add(v)
	}
	return strings.Join(values, ", ")
}
