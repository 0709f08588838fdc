package ticket

import (
	"slices"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// unseal decrypts the ticket into s.plain and returns the entry whose key decrypted it.
// The unencrypted service name in the ticket only determines the order of the trials:
// it is not authenticated, so it decides nothing.
func (s *scratch) unseal(req *krb5.APReq, p *Params) (keytab.Entry, error) {
	sealed := &req.Ticket.EncPart
	s.plain = slices.Grow(s.plain, len(sealed.Cipher)) // once, not for each key that fails
	if req.Options&flags.APUseSessionKey != 0 {
		return s.unsealUserToUser(sealed, p.UserToUser, p.UserToUserService)
	}
	services, err := p.services()
	if err != nil {
		return keytab.Entry{}, err
	}
	s.name = krb5.AppendPrincipal(s.name[:0], req.Ticket.Service, req.Ticket.Realm)
	hint := keytab.Sealed{Service: s.name, EType: keytab.EType(sealed.EType), Kvno: sealed.Kvno, Len: len(sealed.Cipher)}
	tried := 0
	for entry := range services.Candidates(hint) {
		if s.decrypt(entry.Key, sealed.Cipher) == nil {
			return entry, nil
		}
		tried++
	}
	err = services.WhyNot(hint, tried)
	if status.ReasonOf(err) == status.ReasonWrongService {
		if _, bad := keytab.ParsePrincipal(string(s.name)); bad != nil {
			err = badName("service", s.name, bad)
		}
	}
	return keytab.Entry{}, err
}

// services returns the principals whose keys may open tickets.
func (p *Params) services() (*keytab.Services, error) {
	switch {
	case p.Services == nil:
		return p.Keys.Admit()
	case p.Services.Table() != p.Keys:
		return nil, &status.Error{Reason: status.ReasonArgument, Detail: "Params.Services are principals of another Table than Params.Keys"}
	}
	return p.Services, nil
}

func (s *scratch) unsealUserToUser(sealed *krb5.EncryptedData, key keytab.Key, service keytab.Principal) (keytab.Entry, error) {
	if key.IsZero() {
		return keytab.Entry{}, &status.Error{Reason: status.ReasonNoTGT, Detail: "the client asks for user-to-user authentication, which this server does not configure"}
	}
	if keytab.EType(sealed.EType) != key.EType() || s.decrypt(key, sealed.Cipher) != nil {
		return keytab.Entry{}, &status.Error{Reason: status.ReasonWrongKey, Detail: "the session key of the acceptor's TGT does not decrypt the ticket"}
	}
	return keytab.Entry{Principal: service, Key: key}, nil
}

func (s *scratch) decrypt(key keytab.Key, cipher []byte) error {
	plain, err := key.Decrypt(s.plain[:0], cipher, etype.UsageTicket)
	if err == nil {
		s.plain = plain
	}
	return err
}
