package krb5_test

import (
	"testing"

	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/vectors"
)

// captured is one exchange of the AD domain, its encrypted parts opened by
// gokrb5.
type captured struct {
	token, apReq, encTicketPart, authenticator []byte
}

func alice(t testing.TB) captured {
	t.Helper()
	return open(t, vectors.ADCaseNamed(t, "alice-aes256").Token)
}

func open(t testing.TB, token []byte) captured {
	t.Helper()
	c := captured{token: token, apReq: unwrap(t, token)}
	var req messages.APReq
	if err := req.Unmarshal(c.apReq); err != nil {
		t.Fatal(err)
	}
	kt := keytab.New()
	if err := kt.Unmarshal(vectors.ADKeytab(t)); err != nil {
		t.Fatal(err)
	}
	sealed := req.Ticket.EncPart
	for _, e := range kt.Entries {
		if e.Key.KeyType != sealed.EType || len(sealed.Cipher) < 32 {
			continue
		}
		if plain, err := crypto.DecryptEncPart(sealed, e.Key, 2); err == nil {
			c.encTicketPart = plain
		}
	}
	if c.encTicketPart == nil {
		t.Fatal("no key of the keytab opens the ticket")
	}
	var part messages.EncTicketPart
	if err := part.Unmarshal(c.encTicketPart); err != nil {
		t.Fatal(err)
	}
	c.authenticator = decrypt(t, req.EncryptedAuthenticator, part.Key)
	return c
}

func decrypt(t testing.TB, sealed types.EncryptedData, key types.EncryptionKey) []byte {
	t.Helper()
	plain, err := crypto.DecryptEncPart(sealed, key, 11)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func unwrap(t testing.TB, token []byte) []byte {
	t.Helper()
	if token[0] == 0x6e {
		return token
	}
	f, err := krb5.CutFrame(token)
	if err != nil {
		t.Fatal(err)
	}
	return f.Inner
}
