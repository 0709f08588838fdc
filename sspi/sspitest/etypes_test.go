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

// etypes are in the order of preference of MIT's library.
var etypes = []keytab.EType{
	keytab.AES256_CTS_HMAC_SHA1_96, keytab.AES128_CTS_HMAC_SHA1_96,
	keytab.AES256_CTS_HMAC_SHA384_192, keytab.AES128_CTS_HMAC_SHA256_128,
}

// contextEType returns the expected type of the acceptor's subkey. The client offers the
// types that it does not rank below that of the session key (RFC 4537). The acceptor
// selects the 256-bit type of the subkey's family if the client offers it.
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

// TestETypes_Every checks every combination of ticket, session key and subkey.
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

// TestETypes_NoSubkey checks that the context's key is the session key of the ticket if
// there is no subkey, and differs from it otherwise.
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

// TestETypes_Defaults checks the default types: the session key has the type of the ticket,
// and the subkey that of the session key. Without an AP-REP the subkey is the key of the
// context.
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
