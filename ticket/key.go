package ticket

import (
	"slices"
	"strconv"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// unseal decrypts the ticket into s.plain and says which key did it. The name
// in clear on the ticket only orders the trials: nothing protects it, so it
// decides nothing.
func (s *scratch) unseal(req *krb5.APReq, p *Params) (keytab.Entry, error) {
	sealed := &req.Ticket.EncPart
	s.plain = slices.Grow(s.plain, len(sealed.Cipher)) // once, not for each key that fails
	if req.Options&flags.APUseSessionKey != 0 {
		return s.unsealUserToUser(sealed, p.UserToUser, p.UserToUserService)
	}
	s.name = krb5.AppendPrincipal(s.name[:0], req.Ticket.Service, req.Ticket.Realm)
	wanted := p.Keys.Principal(s.name)
	for entry := range p.Keys.Candidates(p.Services, wanted, keytab.EType(sealed.EType), sealed.Kvno) {
		if s.decrypt(entry.Key, sealed.Cipher) == nil {
			return entry, nil
		}
	}
	return keytab.Entry{}, whyNoKey(req, p, wanted, s.name)
}

func (s *scratch) unsealUserToUser(sealed *krb5.EncryptedData, key keytab.Key, service keytab.Principal) (keytab.Entry, error) {
	if key.IsZero() {
		return keytab.Entry{}, &status.Error{Reason: status.ReasonNoTGT, Detail: "the client asks for user-to-user authentication, which is not configured here"}
	}
	if keytab.EType(sealed.EType) != key.EType() || s.decrypt(key, sealed.Cipher) != nil {
		return keytab.Entry{}, &status.Error{Reason: status.ReasonWrongKey, Detail: "the ticket is not sealed in the session key of our TGT"}
	}
	return keytab.Entry{Principal: service, Key: key}, nil
}

func (s *scratch) decrypt(key keytab.Key, cipher []byte) error {
	plain, err := key.Decrypt(s.plain[:0], cipher, usageTicket)
	if err == nil {
		s.plain = plain
	}
	return err
}

// whyNoKey tells apart, for the operator and for the client's error message,
// the ways in which no key opened a ticket. MIT's acceptor draws the same lines.
func whyNoKey(req *krb5.APReq, p *Params, wanted keytab.Principal, name []byte) error {
	sealed := &req.Ticket.EncPart
	var named, exact bool
	for entry := range p.Keys.All() {
		if entry.Principal != wanted || !named && !admits(p, &entry) {
			continue
		}
		named = true
		if entry.Key.EType() == keytab.EType(sealed.EType) && (sealed.Kvno == 0 || isVersion(entry.Kvno, sealed.Kvno)) {
			exact = true
		}
	}
	what := "the ticket is for " + quote.Text(name) + ", kvno " + strconv.FormatUint(uint64(sealed.Kvno), 10) + ", " + keytab.EType(sealed.EType).String()
	switch {
	case !named && !anyAdmitted(p):
		return &status.Error{Reason: status.ReasonNoKey, Detail: "the keytab has no key under the acceptor's name"}
	case !named:
		return &status.Error{Reason: status.ReasonWrongService, Detail: what + "; " + served(p)}
	case !exact:
		return &status.Error{Reason: status.ReasonUnknownKeyVersion, Detail: what + "; " + held(p.Keys, wanted)}
	}
	return &status.Error{Reason: status.ReasonWrongKey, Detail: what + "; the keytab has that key version, with another key"}
}

// anyAdmitted reports whether there is any key that may open tickets. A stranger
// can ask for it with every token: it goes through the services once, or through
// the keytab, and not through both for each other.
func anyAdmitted(p *Params) bool {
	for _, service := range p.Services {
		if !p.Keys.Principal([]byte(service.String())).IsZero() {
			return true
		}
	}
	if len(p.Services) > 0 {
		return false
	}
	for entry := range p.Keys.All() {
		if admits(p, &entry) {
			return true
		}
	}
	return false
}

// admits reports whether the entry may open tickets. That is decided in keytab,
// where an entry that may is the first candidate for its own name.
func admits(p *Params, entry *keytab.Entry) bool {
	for first := range p.Keys.Candidates(p.Services, entry.Principal, entry.Key.EType(), entry.Kvno) {
		return first.Principal == entry.Principal
	}
	return false
}

// isVersion compares the version of a keytab's entry, of which the file may have
// kept eight bits, with a ticket's.
func isVersion(entry, ticket uint32) bool { return entry == ticket || entry == ticket&0xff }

// served lists services whose tickets are taken, so that a misspelt name, or one in
// another case, can be told from another service.
func served(p *Params) string {
	const few = 4
	names := slices.Clone(p.Services)
	if len(names) == 0 {
		for entry := range p.Keys.All() {
			if len(names) > few {
				break
			}
			if !slices.Contains(names, entry.Principal) && admits(p, &entry) {
				names = append(names, entry.Principal)
			}
		}
	}
	s := "served here:"
	for i, name := range names {
		if i == few {
			return s + " ..."
		}
		s += " " + name.String()
	}
	return s
}

// held lists the keys of one principal, so that a stale keytab can be told from
// a wrong one at a glance.
func held(t *keytab.Table, p keytab.Principal) string {
	s := "the keytab has"
	n := 0
	for entry := range t.All() {
		if entry.Principal != p {
			continue
		}
		if n++; n > 8 {
			return s + " ..."
		}
		s += " kvno " + strconv.FormatUint(uint64(entry.Kvno), 10) + " " + entry.Key.EType().String()
	}
	return s
}
