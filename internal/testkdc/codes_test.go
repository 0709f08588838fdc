package testkdc_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/internal/testkdc"
)

// TestAS_Codes checks the error code of each refusal of an AS-REQ. The numbers are those of
// RFC 4120, Section 7.5.9, and MIT's KDC answers with them too (see internal/interop).
func TestAS_Codes(t *testing.T) {
	w := newWorld(t, testkdc.Config{})
	w.client("mallory", testkdc.Client{Keys: w.realm.NewKeys(1), Disabled: true})
	wrong := w.realm.NewKeys(1)
	for _, c := range []struct {
		name   string
		want   int32
		change func(q *krb5.KDCReq)
	}{
		{"nothing", -1, func(*krb5.KDCReq) {}},
		{"no client", 6, func(q *krb5.KDCReq) { q.Client = krb5.Name{} }},
		{"unknown client", 6, func(q *krb5.KDCReq) { q.Client = name(1, "bob") }},
		{"client with a NUL", 6, func(q *krb5.KDCReq) { q.Client = name(1, "alice\x00") }},
		{"client of another realm", 6, func(q *krb5.KDCReq) { q.Realm = []byte("OTHER.ORG") }},
		{"no service", 7, func(q *krb5.KDCReq) { q.Service = krb5.Name{} }},
		{"unknown service", 7, func(q *krb5.KDCReq) { q.Service = name(2, "HTTP", "nowhere") }},
		{"foreign ticket-granting service", 7, func(q *krb5.KDCReq) { q.Service = name(2, "krbtgt", "OTHER.ORG") }},
		{"disabled client", 18, func(q *krb5.KDCReq) { q.Client = name(1, "mallory") }},
		{"unknown encryption types", 14, func(q *krb5.KDCReq) { q.ETypes = etypes(1, 3, 16, -133) }},
		{"no encryption types", 14, func(q *krb5.KDCReq) { q.ETypes = nil }},
		{"RC4", 14, func(q *krb5.KDCReq) { q.ETypes = etypes(23) }},
		{"postdated", 10, func(q *krb5.KDCReq) { q.Options |= krb5.KDCAllowPostdate }},
		{"renewal", 13, func(q *krb5.KDCReq) { q.Options |= krb5.KDCRenew }},
		{"forwarded", 13, func(q *krb5.KDCReq) { q.Options |= krb5.KDCForwarded }},
		{"anonymous", 13, func(q *krb5.KDCReq) { q.Options |= krb5.KDCAnonymous }},
		{"no timestamp", 25, func(q *krb5.KDCReq) { q.PAData = nil }},
		{"timestamp of another key", 24, func(q *krb5.KDCReq) { q.PAData = nil; w.stamped(q, wrong[0], w.realm.Now()) }},
		{"timestamp of RC4", 24, func(q *krb5.KDCReq) { q.PAData = nil; w.stamped(q, w.alice[4], w.realm.Now()) }},
		{"timestamp that is no EncryptedData", 24, func(q *krb5.KDCReq) { q.PAData = krb5.AppendPAData(nil, 2, []byte{0x30, 0}) }},
		{"timestamp 6 minutes old", 37, func(q *krb5.KDCReq) { q.PAData = nil; w.stamped(q, w.alice[0], w.realm.Now().Add(-6*time.Minute)) }},
		{"timestamp 6 minutes ahead", 37, func(q *krb5.KDCReq) { q.PAData = nil; w.stamped(q, w.alice[0], w.realm.Now().Add(6*time.Minute)) }},
		{"end in the past", 11, func(q *krb5.KDCReq) { q.Till = at(w.realm.Now().Add(-time.Minute)) }},
	} {
		q := w.stamped(w.asReq(), w.alice[0], w.realm.Now())
		c.change(q)
		if got := code(w.kdc.Answer(q.Append(nil), loopback)); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// TestTGS_Codes checks the error code of each refusal of a TGS-REQ.
func TestTGS_Codes(t *testing.T) {
	w := newWorld(t, testkdc.Config{})
	have := w.login(t, w.asReq())
	plain := w.asReq()
	plain.Options = 0
	bare := w.login(t, plain)
	service := w.fetch(t, w.tgsReq("HTTP", "www.example.com"), have)
	for _, c := range []struct {
		name    string
		want    int32
		with    tgt
		request func(q *krb5.KDCReq)
		o       tgsOptions
	}{
		{"nothing", -1, have, nil, tgsOptions{}},
		{"unknown service", 7, have, func(q *krb5.KDCReq) { q.Service = name(2, "HTTP", "nowhere") }, tgsOptions{}},
		{"no service", 7, have, func(q *krb5.KDCReq) { q.Service = krb5.Name{} }, tgsOptions{}},
		{"service of another realm", 7, have, func(q *krb5.KDCReq) { q.Realm = []byte("OTHER.ORG") }, tgsOptions{}},
		{"encryption types", 14, have, func(q *krb5.KDCReq) { q.ETypes = etypes(23, 16) }, tgsOptions{}},
		{"not forwardable", 13, bare, func(q *krb5.KDCReq) { q.Options = krb5.KDCForwarded }, tgsOptions{}},
		{"not proxiable", 13, bare, func(q *krb5.KDCReq) { q.Options = krb5.KDCProxy }, tgsOptions{}},
		{"not renewable", 13, bare, func(q *krb5.KDCReq) { q.Options = krb5.KDCRenew; q.Service = name(2, "krbtgt", realmName) }, tgsOptions{}},
		{"renewal of a service ticket", 13, have, func(q *krb5.KDCReq) { q.Options = krb5.KDCRenew }, tgsOptions{}},
		{"postdated", 13, have, func(q *krb5.KDCReq) { q.Options = krb5.KDCPostdated }, tgsOptions{}},
		{"S4U2Proxy", 13, have, func(q *krb5.KDCReq) { q.Options = krb5.KDCCNAMEInAddlTicket }, tgsOptions{}},
		{"user-to-user without a ticket", 13, have, func(q *krb5.KDCReq) { q.Options = krb5.KDCEncTktInSkey }, tgsOptions{}},
		{"user-to-user with a service ticket", 12, have, func(q *krb5.KDCReq) { q.Options, q.Tickets = krb5.KDCEncTktInSkey, service.ticket }, tgsOptions{}},
		{"user-to-user of another user", 26, have, func(q *krb5.KDCReq) { q.Options, q.Tickets = krb5.KDCEncTktInSkey, bare.ticket }, tgsOptions{}},
		{"end in the past", 11, have, func(q *krb5.KDCReq) { q.Till = at(w.realm.Now().Add(-time.Minute)) }, tgsOptions{}},
		{"S4U2Self", 16, have, nil, tgsOptions{after: func(q *krb5.KDCReq) { q.PAData = krb5.AppendPAData(q.PAData, krb5.PAForUser, nil) }}},
		{"no AP-REQ", 16, have, nil, tgsOptions{after: func(q *krb5.KDCReq) { q.PAData = nil }}},
		{"malformed AP-REQ", 60, have, nil, tgsOptions{after: func(q *krb5.KDCReq) { q.PAData = krb5.AppendPAData(nil, 1, []byte{0x6e, 0}) }}},
		{"user-to-user AP-REQ", 13, have, nil, tgsOptions{ap: func(ap *krb5.APReq) { ap.Options = flags.APUseSessionKey }}},
		{"service ticket", 35, service, nil, tgsOptions{}},
		{"service ticket under another name", 31, service, nil, tgsOptions{ap: func(ap *krb5.APReq) { ap.Ticket.Service = name(2, "krbtgt", realmName) }}},
		{"unknown key version", 44, have, nil, tgsOptions{ap: func(ap *krb5.APReq) { ap.Ticket.EncPart.Kvno = 2 }}},
		{"damaged ticket", 31, have, nil, tgsOptions{ap: func(ap *krb5.APReq) { ap.Ticket.EncPart.Cipher = flipped(ap.Ticket.EncPart.Cipher) }}},
		{"short ticket", 31, have, nil, tgsOptions{ap: func(ap *krb5.APReq) { ap.Ticket.EncPart.Cipher = []byte{1} }}},
		{"damaged authenticator", 31, have, nil, tgsOptions{ap: func(ap *krb5.APReq) { ap.Authenticator.Cipher = flipped(ap.Authenticator.Cipher) }}},
		{"another client", 36, have, nil, tgsOptions{authenticator: func(a *krb5.Authenticator) { a.Client = name(1, "bob") }}},
		{"clock behind", 37, have, nil, tgsOptions{authenticator: func(a *krb5.Authenticator) { a.Ctime -= 301 }}},
		{"clock ahead", 37, have, nil, tgsOptions{authenticator: func(a *krb5.Authenticator) { a.Ctime += 301 }}},
		{"no checksum", 50, have, nil, tgsOptions{noSum: true}},
		{"wrong checksum", 31, have, nil, tgsOptions{authenticator: func(a *krb5.Authenticator) { a.Checksum.Sum = flipped(a.Checksum.Sum) }}},
		{"checksum of another type", 50, have, nil, tgsOptions{authenticator: func(a *krb5.Authenticator) { a.Checksum.Type = 7 }}},
		{"changed request", 31, have, nil, tgsOptions{after: func(q *krb5.KDCReq) { q.Nonce++ }}},
		{"subkey too short", 14, have, nil, tgsOptions{authenticator: func(a *krb5.Authenticator) { a.Subkey = krb5.EncryptionKey{EType: 18, Value: make([]byte, 16)} }}},
		{"subkey of DES", 14, have, nil, tgsOptions{authenticator: func(a *krb5.Authenticator) { a.Subkey = krb5.EncryptionKey{EType: 3, Value: make([]byte, 8)} }}},
		{"authorization data", 31, have, func(q *krb5.KDCReq) {
			q.HasAuthorizationData, q.AuthorizationData = true, krb5.EncryptedData{EType: 18, Cipher: make([]byte, 40)}
		}, tgsOptions{}},
	} {
		q := w.tgsReq("HTTP", "www.example.com")
		if c.request != nil {
			c.request(q)
		}
		if got := code(w.kdc.Answer(w.sealed(t, q, c.with, c.o), loopback)); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

func flipped(b []byte) []byte {
	b = bytes.Clone(b)
	b[len(b)/2] ^= 1
	return b
}

// TestTGS_Clock moves the KDC's clock past the end of a ticket, and before its start.
func TestTGS_Clock(t *testing.T) {
	w := newWorld(t, testkdc.Config{})
	have := w.login(t, w.asReq())
	for _, c := range []struct {
		ahead time.Duration
		want  int32
	}{{11 * time.Hour, 32}, {-6 * time.Minute, 33}, {-4 * time.Minute, -1}, {9 * time.Hour, -1}} {
		w.ahead.Store(int64(c.ahead))
		q := w.tgsReq("HTTP", "www.example.com")
		q.Till = at(krbtest.Epoch.Add(24 * time.Hour))
		if got := code(w.kdc.Answer(w.sealed(t, q, have, tgsOptions{}), loopback)); got != c.want {
			t.Errorf("%v: %d, want %d", c.ahead, got, c.want)
		}
	}
}

// TestTGS_Replay repeats a TGS-REQ: with the same bytes, as over UDP, the client gets the same
// answer, also a refusal. The same authenticator in another message is a replay.
func TestTGS_Replay(t *testing.T) {
	w := newWorld(t, testkdc.Config{})
	request := w.sealed(t, w.tgsReq("HTTP", "www.example.com"), w.login(t, w.asReq()), tgsOptions{})
	first := w.kdc.Answer(request, loopback)
	if again := w.kdc.Answer(request, loopback); code(first) != -1 || !bytes.Equal(first, again) {
		t.Errorf("the same request again: %d, then %d", code(first), code(again))
	}
	unknown := w.sealed(t, w.tgsReq("HTTP", "nowhere"), w.login(t, w.asReq()), tgsOptions{})
	if first, again := code(w.kdc.Answer(unknown, loopback)), code(w.kdc.Answer(unknown, loopback)); first != 7 || again != 7 {
		t.Errorf("the same request for an unknown service again: %d, then %d", first, again)
	}
	var q krb5.KDCReq
	if err := q.Parse(request); err != nil {
		t.Fatal(err)
	}
	q.PAData = krb5.AppendPAData(bytes.Clone(q.PAData), 200, nil)
	if got := code(w.kdc.Answer(q.Append(nil), loopback)); got != 34 {
		t.Errorf("the same authenticator: %d, want 34", got)
	}
	w.ahead.Store(int64(3 * time.Minute)) // the answer is forgotten, the authenticator is not
	if got := code(w.kdc.Answer(request, loopback)); got != 34 {
		t.Errorf("the same request after three minutes: %d, want 34", got)
	}
	w.ahead.Store(int64(6 * time.Minute))
	if got := code(w.kdc.Answer(request, loopback)); got != 37 {
		t.Errorf("the same request after six minutes: %d, want 37", got)
	}
}

// TestAnswer_Other sends messages that are no requests.
func TestAnswer_Other(t *testing.T) {
	w := newWorld(t, testkdc.Config{})
	q := w.asReq().Append(nil)
	wrongVersion := bytes.Replace(q, []byte{0xa1, 3, 2, 1, 5}, []byte{0xa1, 3, 2, 1, 4}, 1)
	wrongType := bytes.Replace(q, []byte{0xa2, 3, 2, 1, 10}, []byte{0xa2, 3, 2, 1, 11}, 1)
	var apReq krb5.APReq
	apReq.Ticket.Realm, apReq.Ticket.Service = []byte("R"), name(1, "s")
	for _, c := range []struct {
		name    string
		request []byte
		want    int32
	}{
		{"nothing", nil, 0},
		{"text", []byte("GET / HTTP/1.1\r\n\r\n"), 0},
		{"version 4", wrongVersion, 3},
		{"wrong type", wrongType, 40},
		{"AP-REQ", apReq.Append(nil), 40},
		{"too long", make([]byte, 70_000), 0},
	} {
		if got := code(w.kdc.Answer(c.request, loopback)); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	w.ahead.Store(int64(290 * 365 * 24 * time.Hour))
	w.realm.Clock = func() time.Time { return time.Date(9500, 1, 1, 0, 0, 0, 0, time.UTC) }
	if got := code(w.kdc.Answer(q, loopback)); got != 60 {
		t.Errorf("in the year 9500: %d, want 60", got)
	}
}

// TestETypes_RC4OnRequest checks that RC4 needs the configuration and the client's request.
func TestETypes_RC4OnRequest(t *testing.T) {
	w := newWorld(t, testkdc.Config{RC4: true, Life: time.Hour, RenewableLife: time.Hour})
	q := w.asReq()
	q.ETypes = etypes(23, 18)
	have := w.login(t, q)
	if have.key.KeyType != 23 {
		t.Errorf("the session key has the type %d", have.key.KeyType)
	}
	for _, c := range []struct {
		list []byte
		want int32
	}{{etypes(23), 23}, {etypes(18, 23), 18}, {etypes(17, 23), 17}} {
		q := w.tgsReq("HTTP", "www.example.com")
		q.ETypes = c.list
		got := w.fetch(t, q, have)
		var ticket krb5.Ticket
		if err := ticket.Parse(got.ticket); err != nil {
			t.Fatal(err)
		}
		if got.key.KeyType != c.want || ticket.EncPart.EType != c.want {
			t.Errorf("session key %d, ticket %d, want %d", got.key.KeyType, ticket.EncPart.EType, c.want)
		}
	}
}
