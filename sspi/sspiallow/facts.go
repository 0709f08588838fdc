package sspiallow

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket/pac"
)

// verdict is the result of a part of a rule.
type verdict uint8

const (
	unknown verdict = iota
	no
	yes
)

// facts are the facts about a client that a rule needs.
type facts struct {
	peer *sspi.Peer

	room           [2 * 4]uint64 // for grants and denies of up to 256 SIDs
	grants, denies []uint64      // a bit for each SID of the rule

	claims, deviceClaims *claims // nil: not decoded yet
	device               *device // the same
}

// claims are the claims of the client or of its computer.
type claims struct {
	list []pac.Claim
	err  error
}

// device is the computer of the client.
type device struct {
	access *pac.Access // nil: err says why
	err    error
}

// match finds out in which groups of the rule the client is.
func (v *facts) match(sets []*pac.SIDSet) {
	half := len(v.room) / 2
	if n := len(sets); n <= half {
		v.grants, v.denies = v.room[:n], v.room[half:half+n]
	} else {
		v.grants, v.denies = make([]uint64, n), make([]uint64, n)
	}
	for i, set := range sets {
		v.grants[i], v.denies[i] = v.peer.AccessToken.Match(set)
	}
}

// readClaims decodes the claims of the client, once.
func (v *facts) readClaims() *claims {
	if v.claims != nil {
		return v.claims
	}
	c, token := new(claims), v.peer.AccessToken
	v.claims = c
	if c.list, c.err = token.UserClaims(); c.err == nil && !token.Grants(pac.ClaimsValid) {
		c.err = errors.New("its ticket has no valid claims")
	}
	return c
}

// readDevice decodes the computer of the client, once.
func (v *facts) readDevice() *device {
	if v.device != nil {
		return v.device
	}
	d := new(device)
	v.device = d
	if d.access, d.err = v.peer.AccessToken.Device(); d.err == nil && d.access == nil {
		d.err = errors.New("its ticket does not name its computer")
	}
	return d
}

// readDeviceClaims decodes the claims of the client's computer, once.
func (v *facts) readDeviceClaims() *claims {
	if v.deviceClaims != nil {
		return v.deviceClaims
	}
	c, d := new(claims), v.readDevice()
	v.deviceClaims = c
	if c.err = d.err; c.err != nil {
		return c
	}
	token := v.peer.AccessToken
	if c.list, c.err = token.DeviceClaims(); c.err == nil && !(token.Grants(pac.ClaimsValid) && d.access.Grants(pac.ClaimsValid)) {
		c.err = errors.New("its ticket has no valid claims of its computer")
	}
	return c
}

// eval returns the verdict of n about the client.
func (n *node) eval(v *facts) verdict {
	switch n.op {
	case opSID:
		bit := uint64(1) << (n.index % perSet)
		switch {
		case v.grants[n.index/perSet]&bit != 0:
			return yes
		case v.denies[n.index/perSet]&bit == 0:
			return no
		}
		return unknown
	case opRealm:
		return verdictOf(v.peer.Client.Realm() == n.realm)
	case opClaim, opDeviceClaim:
		return n.evalClaim(v)
	case opIndicator:
		if len(v.peer.Indicators) == 0 {
			return unknown
		}
		return verdictOf(slices.Contains(v.peer.Indicators, n.text))
	case opDevice:
		switch d := v.readDevice().access; { // nil denies every SID and grants none
		case d.Grants(n.sid):
			return yes
		case !d.Denies(n.sid):
			return no
		}
		return unknown
	case opAny, opAll:
		return n.evalKids(v)
	case opNot:
		switch n.kids[0].eval(v) {
		case yes:
			return no
		case no:
			return yes
		}
	}
	return unknown
}

// evalKids returns the verdict of any or all. That of any is the greatest of its parts in the
// order no, unknown, yes; that of all the least.
func (n *node) evalKids(v *facts) verdict {
	end := yes
	if n.op == opAll {
		end = no
	}
	result := yes + no - end
	for _, kid := range n.kids {
		switch kid.eval(v) {
		case end:
			return end
		case unknown:
			result = unknown
		}
	}
	return result
}

// claimsOf returns the claims that a rule about a claim is about.
func (n *node) claimsOf(v *facts) *claims {
	if n.op == opDeviceClaim {
		return v.readDeviceClaims()
	}
	return v.readClaims()
}

func (n *node) evalClaim(v *facts) verdict {
	switch {
	case v.peer.Client.Realm() != n.realm:
		return no
	case n.claimsOf(v).err != nil:
		return unknown
	}
	list := n.claimsOf(v).list
	for i := range list {
		if c := &list[i]; c.ID == n.id && n.value.in(c) {
			return yes
		}
	}
	return no
}

func verdictOf(applies bool) verdict {
	if applies {
		return yes
	}
	return no
}

// subject names the client.
func (v *facts) subject() string {
	if a := v.peer.Account; a != nil {
		return "the client " + quote.Text(a.String())
	}
	return "the client " + quote.Text(v.peer.Client.String())
}

// maxReasons is the number of rules that an explanation lists.
const maxReasons = 4

// reason explains the verdict of n in one line.
func (n *node) reason(v *facts) string {
	switch n.op {
	case opSID:
		return n.reasonSID(v)
	case opRealm:
		if n.eval(v) == yes {
			return "it is of the realm " + quote.Value(n.realm)
		}
		return "it is of the realm " + quote.Text(v.peer.Client.Realm()) + " and not of " + quote.Value(n.realm)
	case opClaim, opDeviceClaim:
		return n.reasonClaim(v)
	case opIndicator:
		return n.reasonIndicator(v)
	case opDevice:
		return n.reasonDevice(v)
	case opAny, opAll:
		return n.reasonOfKids(v)
	case opNot:
		return n.kids[0].reason(v)
	}
	return "a part of the rule is empty"
}

func (n *node) reasonSID(v *facts) string {
	token := v.peer.AccessToken
	switch n.eval(v) {
	case yes:
		if token.User() == n.sid {
			return "it is " + n.describe()
		}
		return "it is in " + n.describe()
	case no:
		return "it is not in " + n.describe()
	}
	if err := token.Err(); err != nil {
		return "it is unknown whether it is in " + n.describe() + ": " + detail(err)
	}
	return "it is in " + n.describe() + " for deny-only, or by the word of a domain controller that has no authority over it"
}

// reasonClaim explains the verdict about a claim of the client or of its computer.
func (n *node) reasonClaim(v *facts) string {
	who, claim := "it", quote.Value(n.id)+" = "+quote.Text(n.value.text)
	if n.op == opDeviceClaim {
		who = "its computer"
	}
	switch n.eval(v) {
	case yes:
		return who + " has the claim " + claim
	case unknown:
		return "it is unknown whether " + who + " has the claim " + claim + ": " + detail(n.claimsOf(v).err)
	}
	if v.peer.Client.Realm() != n.realm {
		return "it is of the realm " + quote.Text(v.peer.Client.Realm()) + " and not of " + quote.Value(n.realm) + ", whose claim " + claim + " the rule names"
	}
	return who + " has not the claim " + claim
}

func (n *node) reasonIndicator(v *facts) string {
	indicator := "the indicator " + quote.Value(n.text)
	switch n.eval(v) {
	case yes:
		return "its ticket has " + indicator
	case unknown:
		return "its ticket has no indicators that count, and so not " + indicator
	}
	return "its ticket has not " + indicator
}

func (n *node) reasonDevice(v *facts) string {
	switch n.eval(v) {
	case yes:
		if v.readDevice().access.User() == n.sid {
			return "its computer is " + n.describe()
		}
		return "its computer is in " + n.describe()
	case no:
		return "its computer is not in " + n.describe()
	}
	if err := v.readDevice().err; err != nil {
		return "it is unknown whether its computer is in " + n.describe() + ": " + detail(err)
	}
	return "its computer is in " + n.describe() + " for deny-only, or by the word of a domain controller that has no authority over it"
}

// reasonOfKids explains the verdict of any and all: by the part that decided it, or by all
// parts.
func (n *node) reasonOfKids(v *facts) string {
	verdict := n.eval(v)
	one := verdict == unknown || n.op == opAny && verdict == yes || n.op == opAll && verdict == no
	var reasons []string
	for _, kid := range n.kids {
		if kid.eval(v) != verdict {
			continue
		}
		if len(reasons) == maxReasons {
			return strings.Join(reasons, "; ") + fmt.Sprintf("; and %d more", len(n.kids)-maxReasons)
		}
		reasons = append(reasons, kid.reason(v))
		if one {
			break
		}
	}
	return strings.Join(reasons, "; ")
}

// detail returns the text of an error without the label and the help of its Reason.
func detail(err error) string {
	if e := new(status.Error); errors.As(err, &e) && e.Detail != "" {
		return e.Detail
	}
	return err.Error()
}
