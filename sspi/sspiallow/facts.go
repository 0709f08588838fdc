package sspiallow

import (
	"errors"
	"fmt"
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

	claims     []pac.Claim
	claimsErr  error
	claimsRead bool
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
func (v *facts) readClaims() error {
	if v.claimsRead {
		return v.claimsErr
	}
	v.claimsRead = true
	token := v.peer.AccessToken
	v.claims, v.claimsErr = token.UserClaims()
	if v.claimsErr == nil && !token.Grants(pac.ClaimsValid) {
		v.claimsErr = errors.New("its ticket has no valid claims")
	}
	return v.claimsErr
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
	case opClaim:
		return n.evalClaim(v)
	case opAny, opAll:
		// The verdict of any is the greatest in the order no, unknown, yes; that of all
		// the least.
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

func (n *node) evalClaim(v *facts) verdict {
	switch {
	case v.peer.Client.Realm() != n.realm:
		return no
	case v.readClaims() != nil:
		return unknown
	}
	for i := range v.claims {
		if c := &v.claims[i]; c.ID == n.id && n.value.in(c) {
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
	case opClaim:
		return n.reasonClaim(v)
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

func (n *node) reasonClaim(v *facts) string {
	claim := "the claim " + quote.Value(n.id) + " = " + quote.Text(n.value.text)
	switch n.eval(v) {
	case yes:
		return "it has " + claim
	case unknown:
		return "it is unknown whether it has " + claim + ": " + detail(v.readClaims())
	}
	if v.peer.Client.Realm() != n.realm {
		return "it is of the realm " + quote.Text(v.peer.Client.Realm()) + " and not of " + quote.Value(n.realm) + ", whose " + strings.TrimPrefix(claim, "the ") + " the rule names"
	}
	return "it has not " + claim
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
