package main

import (
	"testing"

	"github.com/gosspi/kerberos/sspi/sspiallow"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/ticket/pac"
)

// TestRULE_7_PGD checks that a client must satisfy the rule of -allow, and is still the database
// user of its own name only.
func TestRULE_7_PGD(t *testing.T) {
	staff := pac.MustParseSID("S-1-5-21-1-2-3-1201")
	rule := sspiallow.SID(staff)
	account := func(groups ...pac.Group) sspitest.Options {
		return sspitest.Options{Account: &sspitest.Account{SID: pac.MustParseSID("S-1-5-21-1-2-3-1105"), Groups: groups}}
	}
	const notStaff = `the client \"EXAMPLE\\\\bob\" is not admitted: it is not in S-1-5-21-1-2-3-1201`
	for _, row := range []struct {
		user, refusal string // "": the login succeeds
		o             sspitest.Options
	}{
		{"bob", "", account(pac.Group{SID: staff})},
		{"alice", `is the database user \"bob\"`, account(pac.Group{SID: staff})},
		{"bob", notStaff, account()},
		{"bob", "it is unknown whether it is in S-1-5-21-1-2-3-1201", sspitest.Options{}},
	} {
		w := start(t, allowEncryption, func(s *server) { s.rule = &rule })
		for _, encrypted := range []bool{false, true} {
			p := w.dial()
			if encrypted {
				p.encrypt(w.initiate("bob", row.o))
			}
			p.startup(row.user)
			if !encrypted {
				p.gss(w.initiate("bob", row.o))
			}
			if row.refusal == "" {
				p.in()
				continue
			}
			p.refused("28000", "GSSAPI authentication failed for user")
			w.log.await(t, `msg="kerberos: refused"`, "error.type=not-authorized", row.refusal)
		}
	}
}
