package sspideleg

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

const fuzzTarget = "HTTP/back.example.com"

// fuzzKey is the session key of the ticket-granting ticket, and fuzzNow the time of the request.
var (
	fuzzKey = types.EncryptionKey{KeyType: 20, KeyValue: bytes.Repeat([]byte{7}, 32)}
	fuzzNow = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
)

// fuzzRequest returns a request on behalf of alice, and a ticket with which a KDC answers it.
func fuzzRequest(t testing.TB) (*request, *krbtest.Ticket) {
	t.Helper()
	realm := krbtest.NewRealm("EXAMPLE.COM")
	realm.Clock = func() time.Time { return fuzzNow }
	realm.ETypes = []keytab.EType{keytab.AES256_CTS_HMAC_SHA384_192} // FIPS 140 forbids SHA-1
	key, err := keytab.NewKey(keytab.EType(fuzzKey.KeyType), fuzzKey.KeyValue)
	if err != nil {
		t.Fatal(err)
	}
	r := &request{
		client: keytab.MustParsePrincipal("alice@EXAMPLE.COM"), target: keytab.MustParsePrincipal(fuzzTarget + "@EXAMPLE.COM"),
		key: key, now: fuzzNow, nonce: 0x12345678, etypes: []keytab.EType{18, 17, 20, 19}, limit: fuzzNow.Add(12 * time.Hour),
	}
	k := realm.Ticket("alice", fuzzTarget)
	k.Part.EndTime = fuzzNow.Add(10 * time.Hour)
	return r, k
}

// refusedAnswer checks that an answer is refused for what it is, without a ticket.
func refusedAnswer(t *testing.T, got *authenticator.DelegatedTicket, err error) {
	t.Helper()
	e, refused := errors.AsType[*KDCError](err)
	reason := status.ReasonOf(err)
	if got != nil || reason != status.ReasonBadDelegation && reason != status.ReasonKDCRefused || refused != (reason == status.ReasonKDCRefused) {
		t.Fatalf("%v, %v, %v", got, err, e)
	}
}

// FuzzAnswer checks that no answer of a KDC that does not have the session key is used. A
// KRB-ERROR, which nothing protects, is a refusal with its number.
func FuzzAnswer(f *testing.F) {
	f.Fuzz(func(t *testing.T, answer []byte) {
		r, _ := fuzzRequest(t)
		got, err := r.open(slices.Clip(bytes.Clone(answer)))
		refusedAnswer(t, got, err)
	})
}

// FuzzAnswerPart checks answers of a KDC that has the session key: the ticket is used only if
// gokrb5 reads in the encrypted part the nonce, the service, an end and a key that fit the request.
func FuzzAnswerPart(f *testing.F) {
	f.Fuzz(func(t *testing.T, plain []byte) {
		plain = slices.Clip(bytes.Clone(plain))
		r, k := fuzzRequest(t)
		if plain == nil {
			return
		}
		m := k.TGSRep()
		m.Key, m.Usage, m.Plaintext = fuzzKey, uint32(etype.UsageTGSRep), plain
		got, err := r.open(m.Bytes())
		if err != nil {
			refusedAnswer(t, got, err)
			return
		}
		var part messages.EncKDCRepPart
		if err := part.Unmarshal(plain); err != nil {
			t.Skip("gokrb5 does not read it")
		}
		service := fmt.Sprint(part.SName.PrincipalNameString(), "@", part.SRealm)
		if uint32(part.Nonce) != r.nonce || service != r.target.String() || !got.EndTime.Equal(part.EndTime) || !bytes.Equal(got.SessionKey.Bytes(), part.Key.KeyValue) ||
			got.EndTime.After(r.limit) || !got.EndTime.After(r.now) || got.Client != r.client || got.Service != r.target {
			t.Fatalf("%+v of %+v", got, part)
		}
	})
}
