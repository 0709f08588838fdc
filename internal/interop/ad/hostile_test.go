package ad

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/internal/interop/program"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket/pac"
)

// TestAD_PlantedSIDs checks clients of a forest whose administrator is hostile: the domain
// controller of the service's domain passes planted SIDs on, and even expands them into its
// own groups. Samba's acceptor grants them; this library lists them as filtered, and grants
// none of the groups into which they may have been expanded.
func TestAD_PlantedSIDs(t *testing.T) {
	l := theLab(t)
	t.Parallel()
	a := l.corp.acceptor(t, "web")
	x := l.login(t, "mallory@"+l.partner.Realm).accepted(t, web, a)
	planted := l.corp.sidOf(t, "Domain Admins")
	expanded := l.corp.sidOf(t, "Denied RODC Password Replication Group")
	for _, sid := range []pac.SID{planted, expanded} {
		if v := l.corp.sambaAccepts(t, "web", web.mech, x.token); !slices.Contains(v.SIDs, sid.String()) {
			t.Fatalf("Samba's acceptor does not see %s, so that the test proves nothing: %+v", sid, v)
		}
		if !slices.ContainsFunc(x.peer.AccessToken.Filtered(), func(g pac.Group) bool { return g.SID == sid }) {
			t.Errorf("filtered %v, want %s among them", x.peer.AccessToken.Filtered(), sid)
		}
	}
	if got := x.peer.Account; got == nil || got.SID != l.partner.sidOf(t, "mallory") {
		t.Errorf("account %+v", got)
	}
	x.grants(t, l.partner, "mallory", "Domain Users")
	x.lacks(t, l.corp, "Domain Admins", "Denied RODC Password Replication Group", "visitors")
}

// TestAD_Impostor checks a client of a hostile forest that has the SID of an account of the
// service's domain: the hostile domain controller made dan the bob of the other forest.
// Samba's acceptor accepts this client as bob.
func TestAD_Impostor(t *testing.T) {
	l := theLab(t)
	t.Parallel()
	bob := l.corp.sidOf(t, "bob")
	if dan := l.partner.sidOf(t, "dan"); dan.RID() != bob.RID() {
		t.Fatalf("dan is %s and bob %s: the test needs the same relative identifiers", dan, bob)
	}
	tgt := l.login(t, "dan@"+l.partner.Realm).crossRealmTicket(t, l.corp.Realm)
	l.forge(t, &tgt, func(b []byte) {
		// The domain of LOGON_INFO, UPN_DNS_INFO and of the groups.
		from, to := domainBytes(t, l.partner), domainBytes(t, l.corp)
		for i := bytes.Index(b, from); i >= 0; i = bytes.Index(b, from) {
			copy(b[i:], to)
		}
	})
	tkt, key := l.corp.serviceTicket(t, tgt, "HTTP/localhost")
	for name, policy := range map[string]sspi.PACPolicy{
		"configured": {DomainSIDs: map[string]pac.SID{l.corp.Realm: l.corp.domainSID()}},
		"learned":    {},
		"unknown":    {},
	} {
		t.Run(name, func(t *testing.T) {
			a := l.corp.acceptorWith(t, "web", policy)
			if name == "learned" {
				l.login(t, "alice").accepted(t, web, a)
			}
			x := a.accept(t, tgt, tkt, key)
			if v := l.corp.sambaAccepts(t, "web", web.mech, x.token); !slices.Contains(v.SIDs, bob.String()) {
				t.Fatalf("Samba's acceptor does not see the SID of bob, so that the test proves nothing: %+v", v)
			}
			if name == "unknown" {
				if x.err != nil || x.peer.Account != nil || x.peer.AccessToken.Grants(bob) {
					t.Errorf("%v, account %v", x.err, x.peer.Account)
				}
				return
			}
			if got := status.ReasonOf(x.err); got != status.ReasonPACBad {
				t.Errorf("%v, want %v", x.err, status.ReasonPACBad)
			}
		})
	}
}

// domainBytes returns the numbers of a domain's SID, as in a PAC.
func domainBytes(t testing.TB, f *forest) []byte {
	t.Helper()
	var b []byte
	for _, n := range strings.Split(f.sid, "-")[4:] {
		b = binary.LittleEndian.AppendUint32(b, uint32(must(strconv.ParseUint(n, 10, 32))(t)))
	}
	return b
}

// crossRealmTicket gets a ticket-granting ticket for another realm.
func (s *session) crossRealmTicket(t testing.TB, realm string) grantingTicket {
	t.Helper()
	own := s.grantingTicket(t, "")
	if res := program.Run(t, s.env(), "", "kvno", "krbtgt/"+realm+"@"+own.realm); res.Code != 0 {
		t.Fatalf("kvno: exit %d\n%s", res.Code, res.Out)
	}
	return s.grantingTicket(t, realm)
}

// serviceTicket gets a ticket for a service with an ordinary request.
func (f *forest) serviceTicket(t testing.TB, g grantingTicket, service string) (messages.Ticket, types.EncryptionKey) {
	t.Helper()
	req := newRequest(t, g, f.Realm, service)
	proof, subkey := g.proof(t, must(req.ReqBody.Marshal())(t), usageTGSProof)
	req.PAData = types.PADataSequence{{PADataType: paTGSReq, PADataValue: proof}}
	reply := f.ask(t, must(req.Marshal())(t))
	return reply.Ticket, replyKey(t, &reply, subkey)
}

// forge edits the PAC of a ticket-granting ticket for corp in place, and signs it with the
// key of the trust, as the domain controller of partner can.
func (l *lab) forge(t testing.TB, g *grantingTicket, edit func(pac []byte)) {
	t.Helper()
	const usageTicket = 2
	key := l.trustKey(t)
	plain := must(crypto.DecryptEncPart(g.ticket.EncPart, key, usageTicket))(t)
	b := pacIn(t, plain)
	edit(b)
	resign(t, b, key)
	kvno := g.ticket.EncPart.KVNO
	g.ticket.EncPart = must(crypto.GetEncryptedData(plain, key, usageTicket, kvno))(t)
}

// trustKey makes the key that partner's domain controller shares with corp's, for tickets of
// partner's clients ([MS-ADTS], Section 6.1.6.9.1).
func (l *lab) trustKey(t testing.TB) types.EncryptionKey {
	t.Helper()
	const aes256 = 18
	etype := must(crypto.GetEtype(aes256))(t)
	salt := l.partner.Realm + "krbtgt" + l.corp.Realm
	return types.EncryptionKey{KeyType: aes256, KeyValue: must(etype.StringToKey(l.secret, salt, etype.GetDefaultStringToKeyParams()))(t)}
}

// pacIn returns the PAC of a decrypted ticket: a part of plain.
func pacIn(t testing.TB, plain []byte) []byte {
	t.Helper()
	const ifRelevant, win2kPAC = 1, 128
	var part messages.EncTicketPart
	if err := part.Unmarshal(plain); err != nil {
		t.Fatal(err)
	}
	for _, outer := range part.AuthorizationData {
		var inner types.AuthorizationData
		if outer.ADType != ifRelevant || inner.Unmarshal(outer.ADData) != nil {
			continue
		}
		for _, e := range inner {
			if i := bytes.Index(plain, e.ADData); e.ADType == win2kPAC && i >= 0 {
				return plain[i:][:len(e.ADData)]
			}
		}
	}
	t.Fatal("the ticket has no PAC")
	return nil
}

// resign makes the server signature of a PAC anew ([MS-PAC], Section 2.8.1). It leaves the
// signature of the KDC as it is: the other forest cannot verify it.
func resign(t testing.TB, b []byte, key types.EncryptionKey) {
	t.Helper()
	const header, entry, serverSignature, kdcSignature, usage = 8, 16, 6, 7, 17
	var server, kdc []byte
	for i := range int(binary.LittleEndian.Uint32(b)) {
		e := b[header+i*entry:]
		buffer := b[binary.LittleEndian.Uint64(e[8:]):][:binary.LittleEndian.Uint32(e[4:])]
		switch binary.LittleEndian.Uint32(e) {
		case serverSignature:
			server = buffer[4:] // behind its type
		case kdcSignature:
			kdc = buffer[4:]
		}
	}
	kept := slices.Clone(kdc)
	clear(server)
	clear(kdc)
	etype := must(crypto.GetEtype(key.KeyType))(t)
	copy(server, must(etype.GetChecksumHash(key.KeyValue, b, usage))(t))
	copy(kdc, kept)
}
