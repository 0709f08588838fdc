package sspitest_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/ticket"
)

// etypes in the order in which MIT's libraries like them.
var etypes = []keytab.EType{
	keytab.AES256_CTS_HMAC_SHA1_96, keytab.AES128_CTS_HMAC_SHA1_96,
	keytab.AES256_CTS_HMAC_SHA384_192, keytab.AES128_CTS_HMAC_SHA256_128,
}

// contextEType is what the acceptor's subkey must be. The client offers what it
// likes no less than the session key's type (RFC 4537); the acceptor takes the
// 256-bit type of the subkey's family where that is offered.
func contextEType(session, subkey keytab.EType) keytab.EType {
	offer := etypes[:slices.Index(etypes, session)+1]
	better := map[keytab.EType]keytab.EType{
		keytab.AES128_CTS_HMAC_SHA1_96:    keytab.AES256_CTS_HMAC_SHA1_96,
		keytab.AES128_CTS_HMAC_SHA256_128: keytab.AES256_CTS_HMAC_SHA384_192,
	}[subkey]
	if slices.Contains(offer, better) {
		return better
	}
	return subkey
}

// TestETypes_Every combination of ticket, session key and subkey.
func TestETypes_Every(t *testing.T) {
	for _, ticket := range etypes {
		for _, session := range etypes {
			for _, subkey := range etypes {
				t.Run(fmt.Sprintf("%d/%d/%d", ticket, session, subkey), func(t *testing.T) {
					o := sspitest.Options{TicketEType: ticket, SessionEType: session, SubkeyEType: subkey}
					peer, c, client, err := login(t, o, sspi.ContextConfig{})
					if err != nil {
						t.Fatal(err)
					}
					if peer.TicketEType != ticket || peer.SessionEType != session || peer.ContextEType != contextEType(session, subkey) {
						t.Errorf("the acceptor has %v, %v, %v", peer.TicketEType, peer.SessionEType, peer.ContextEType)
					}
					sameContext(t, c, client, peer)
				})
			}
		}
	}
}

// TestETypes_NoSubkey: the context's key is the ticket's session key then, and
// another one otherwise.
func TestETypes_NoSubkey(t *testing.T) {
	for _, without := range []bool{true, false} {
		realm := sspitest.NewDeterministicRealm("EXAMPLE.COM")
		keys := table(t, realm)
		client, err := realm.User("alice").Initiate(service, sspitest.Options{NoSubkey: without, OneWay: true, Raw: true})
		if err != nil {
			t.Fatal(err)
		}
		token, _, err := client.Next(nil)
		if err != nil {
			t.Fatal(err)
		}
		opened, err := ticket.Open(token, &ticket.Params{Keys: keys, Now: realm.Now(), Skew: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		key, err := client.SessionKey()
		if err != nil || bytes.Equal(key, opened.Unproven().SessionKey.Bytes()) != without {
			t.Errorf("without a subkey: %v; %v", without, err)
		}
	}
}

// TestETypes_Defaults: the session key is of the ticket's type, the subkey of the
// session key's, and without an answer the subkey is the context's key.
func TestETypes_Defaults(t *testing.T) {
	for _, e := range etypes {
		peer, c, client, err := login(t, sspitest.Options{TicketEType: e, OneWay: true}, sspi.ContextConfig{})
		if err != nil {
			t.Fatal(err)
		}
		if peer.TicketEType != e || peer.SessionEType != e || peer.ContextEType != e {
			t.Errorf("%v: the acceptor has %v, %v, %v", e, peer.TicketEType, peer.SessionEType, peer.ContextEType)
		}
		sameContext(t, c, client, peer)
	}
}
