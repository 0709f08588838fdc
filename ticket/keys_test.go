package ticket_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/internal/vectors"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket"
)

// TestAPREQ_2_ServiceIsTheKeysOwner writes other service names into the unencrypted part of
// a ticket. They change neither the verdict nor the service that Open returns.
func TestAPREQ_2_ServiceIsTheKeysOwner(t *testing.T) {
	r := krbtest.NewRealm("EXAMPLE.COM")
	r.Service(service, "ldap/dc.example.com")
	for _, c := range []struct {
		realm string
		name  []string
	}{
		{"EXAMPLE.COM", []string{"ldap", "dc.example.com"}}, // this service is in the keytab too
		{"EXAMPLE.COM", []string{"krbtgt", "EXAMPLE.COM"}},
		{"EXAMPLE.COM", []string{"HTTP", "www.example.com", "more"}},
		{"EXAMPLE.COM", []string{"HTTP/www.example.com"}},
		{"OTHER.EXAMPLE", []string{"HTTP", "www.example.com"}},
		{"\xff\x00@", []string{"\n", "\xfe"}},
	} {
		k := r.Ticket("alice", service)
		k.Realm, k.SName.NameString = c.realm, c.name
		got := mustOpen(t, fmt.Sprint(c.name), k.APReq().Bytes(), params(r))
		if got.Service.String() != service+"@EXAMPLE.COM" || got.Client.String() != "alice@EXAMPLE.COM" {
			t.Errorf("%q@%q: service %v, client %v", c.name, c.realm, got.Service, got.Client)
		}
	}
}

// services returns the Services that admit names, or nil, which admits all, if names is
// empty.
func services(keys *keytab.Table, names []keytab.Principal) *keytab.Services {
	if len(names) == 0 {
		return nil
	}
	return keys.Only(names...)
}

// TestAPREQ_3_OnlyAdmittedKeys checks that Open does not use a key whose principal is not
// admitted, and uses the keys of krbtgt and kadmin only if the caller names them.
func TestAPREQ_3_OnlyAdmittedKeys(t *testing.T) {
	r := krbtest.NewRealm("EXAMPLE.COM")
	name := func(s string) keytab.Principal { return keytab.MustParsePrincipal(s + "@EXAMPLE.COM") }
	r.Service(service, "ldap/dc.example.com", "krbtgt/EXAMPLE.COM", "kadmin/admin", "kadmin/changepw", "kadmind/x")
	for _, c := range []struct {
		sealedFor string
		services  []keytab.Principal
		want      status.Reason
	}{
		{service, nil, status.ReasonNone},
		{service, []keytab.Principal{}, status.ReasonNone},
		{service, []keytab.Principal{name(service)}, status.ReasonNone},
		{service, []keytab.Principal{name("ldap/dc.example.com"), name(service)}, status.ReasonNone},
		{service, []keytab.Principal{name("ldap/dc.example.com")}, status.ReasonWrongService},
		{service, []keytab.Principal{name("http/www.example.com")}, status.ReasonNoKey},
		{service, []keytab.Principal{keytab.MustParsePrincipal(service + "@OTHER.EXAMPLE")}, status.ReasonNoKey},
		{service, []keytab.Principal{{}}, status.ReasonNoKey},
		{"krbtgt/EXAMPLE.COM", nil, status.ReasonWrongService},
		{"kadmin/admin", nil, status.ReasonWrongService},
		{"kadmin/changepw", nil, status.ReasonWrongService},
		{"kadmind/x", nil, status.ReasonNone},
		{"krbtgt/EXAMPLE.COM", []keytab.Principal{name(service)}, status.ReasonWrongService},
		{"krbtgt/EXAMPLE.COM", []keytab.Principal{name("krbtgt/EXAMPLE.COM")}, status.ReasonNone},
		{"kadmin/admin", []keytab.Principal{name("kadmin/admin")}, status.ReasonNone},
		{"kadmin/changepw", []keytab.Principal{name("kadmin/admin")}, status.ReasonWrongService},
	} {
		p := params(r)
		p.Services = services(p.Keys, c.services)
		what := fmt.Sprintf("sealed for %s, %v admitted", c.sealedFor, c.services)
		k := r.Ticket("alice", c.sealedFor)
		for range 2 { // first with its own name, then with a name that is admitted by default
			if c.want == status.ReasonNone {
				if got := mustOpen(t, what, k.APReq().Bytes(), p); got.Service != name(c.sealedFor) {
					t.Errorf("%s: the service is %v", what, got.Service)
				}
			} else {
				refused(t, what, k.APReq().Bytes(), p, c.want)
			}
			k.SName.NameString = []string{"nobody"}
		}
	}
	// A keytab with these two principals only has no key of the acceptor.
	p := params(r)
	p.Keys = r.Service("krbtgt/EXAMPLE.COM", "kadmin/admin")
	refused(t, "only krbtgt and kadmin", r.Ticket("alice", "krbtgt/EXAMPLE.COM").APReq().Bytes(), p, status.ReasonNoKey)
}

// TestAPREQ_4_TicketUsage encrypts a ticket with every other key usage of RFC 4120, Section
// 7.5.1, and some of RFC 4121.
func TestAPREQ_4_TicketUsage(t *testing.T) {
	r := krbtest.NewRealm("EXAMPLE.COM")
	for _, e := range krbtest.Preference {
		r.ETypes = []keytab.EType{e}
		k := r.Ticket("alice", fmt.Sprintf("HTTP/%d", e))
		for usage := range uint32(32) {
			k.Usage = usage
			if usage == 2 {
				mustOpen(t, e.String(), k.APReq().Bytes(), params(r))
			} else if usage > 0 {
				refused(t, fmt.Sprintf("%v, usage %d", e, usage), k.APReq().Bytes(), params(r), status.ReasonWrongKey)
			}
		}
	}
}

// TestAPREQ_5_TypeOfTheKey labels a ciphertext with each encryption type other than that of
// its key. The keytab has keys of all types.
func TestAPREQ_5_TypeOfTheKey(t *testing.T) {
	r := krbtest.NewRealm("EXAMPLE.COM")
	r.Service(service)
	for _, sealed := range krbtest.Preference {
		for _, label := range krbtest.Preference {
			k := r.Ticket("alice", service)
			k.SealWith(r.Key(service, sealed, 0))
			k.EType = int32(label)
			what := fmt.Sprintf("sealed in %v, labelled %v", sealed, label)
			if sealed == label {
				mustOpen(t, what, k.APReq().Bytes(), params(r))
				continue
			}
			refused(t, what, k.APReq().Bytes(), params(r), status.ReasonWrongKey)
			p := params(r) // only the key that encrypted the ticket, whose type differs from the label
			p.Keys = only(p.Keys, func(e keytab.Entry) bool { return e.Key.EType() == sealed })
			refused(t, what+", only the right key", k.APReq().Bytes(), p, status.ReasonUnknownKeyVersion)
		}
	}
}

// TestKEY_1_TypesByPolicy permits each type for the ticket and for the session key
// separately. Open refuses a type that the policy does not permit before it looks for a key
// (R47).
func TestKEY_1_TypesByPolicy(t *testing.T) {
	r := krbtest.NewRealm("EXAMPLE.COM")
	r.Service(service)
	policies := [][]keytab.EType{nil, {}, {23}, {18, 23}, {1, 3, 16, 24, 25, 26}, {0}}
	for _, e := range krbtest.Preference {
		policies = append(policies, []keytab.EType{e}, []keytab.EType{23, e})
	}
	accepted := 0
	for _, policy := range policies {
		in := func(e keytab.EType) bool {
			if policy == nil {
				return e >= 17 && e <= 20
			}
			for _, p := range policy {
				if p == e && e >= 17 && e <= 20 {
					return true
				}
			}
			return false
		}
		for _, sealed := range krbtest.Preference {
			for _, session := range krbtest.Preference {
				k := r.Ticket("alice", service)
				k.SealWith(r.Key(service, sealed, 0))
				k.Part.Key = r.NewKey(session)
				p := params(r)
				p.ETypes = policy
				what := fmt.Sprintf("policy %v, ticket of %v, session key of %v", policy, sealed, session)
				if in(sealed) && in(session) {
					accepted++
					mustOpen(t, what, k.APReq().Bytes(), p)
					continue
				}
				refused(t, what, k.APReq().Bytes(), p, status.ReasonETypeRefused)
				if !in(sealed) {
					p.Keys = nil // Open applies the policy before it looks for a key
					refused(t, what+", no keytab", k.APReq().Bytes(), p, status.ReasonETypeRefused)
				}
			}
		}
	}
	if want := 4*4 + 1 + 4 + 4; accepted != want {
		t.Errorf("%d combinations were accepted, want %d", accepted, want)
	}
}

// TestKEY_1_TypesThatDoNotExist labels tickets and session keys with types that are weak,
// not implemented or unknown.
func TestKEY_1_TypesThatDoNotExist(t *testing.T) {
	r := krbtest.NewRealm("EXAMPLE.COM")
	for _, e := range []int32{-1, -133, -1 << 31, 1, 3, 16, 21, 24, 25, 26, 1<<31 - 1} {
		for _, policy := range [][]keytab.EType{nil, {keytab.EType(e)}} {
			k := r.Ticket("alice", service)
			k.EType = e
			p := params(r)
			p.ETypes = policy
			refused(t, fmt.Sprint("ticket of ", e), k.APReq().Bytes(), p, status.ReasonETypeRefused)

			k = r.Ticket("alice", service)
			q := k.APReq()
			k.Part.Key.KeyType = e
			p.ETypes = append(p.ETypes, 18)
			refused(t, fmt.Sprint("session key of ", e), q.Bytes(), p, status.ReasonETypeRefused)
		}
	}
}

// TestKEY_3_SessionKeyLength checks that Open refuses a session key whose length does not
// match its type.
func TestKEY_3_SessionKeyLength(t *testing.T) {
	r := krbtest.NewRealm("EXAMPLE.COM")
	for _, e := range krbtest.Preference {
		for _, n := range []int{0, 1, 15, 16, 17, 24, 31, 32, 33, 64} {
			k := r.Ticket("alice", service)
			q := k.APReq()
			k.Part.Key.KeyType, k.Part.Key.KeyValue = int32(e), make([]byte, n)
			what := fmt.Sprintf("%v, %d bytes", e, n)
			if n == krbtest.KeyLen(e) {
				mustOpen(t, what, q.Bytes(), params(r))
			} else {
				refused(t, what, q.Bytes(), params(r), status.ReasonETypeRefused)
			}
		}
	}
}

// TestKEY_2_RC4KeysDoNotMatter presents RC4 tickets of an AD domain to a keytab that has
// RC4 keys and AES keys of the service. Open uses an RC4 key only if the policy permits
// RC4. The ticket and its session key have separate policies.
func TestKEY_2_RC4KeysDoNotMatter(t *testing.T) {
	keys, err := keytab.Parse(vectors.ADKeytab(t))
	if err != nil {
		t.Fatal(err)
	}
	rc4, aes := 0, 0
	for e := range keys.All() {
		if e.Key.EType() == keytab.RC4_HMAC {
			rc4++
		} else {
			aes++
		}
	}
	if rc4 == 0 || aes == 0 {
		t.Fatalf("the keytab has %d RC4 and %d AES keys", rc4, aes)
	}
	for name, session := range map[string]keytab.EType{"alice-def": 18, "rc4-only": 23} {
		c := vectors.ADCaseNamed(t, name)
		r := krbtest.NewRealm("EXAMPLE.COM")
		for _, row := range []struct {
			general, ticket []keytab.EType
			sealed, aes     bool // the policy permits RC4 for tickets; the session key is AES
			rc4             bool // the policy permits RC4 for tickets and session keys
		}{
			{nil, nil, false, true, false},
			{[]keytab.EType{17, 18, 19, 20}, nil, false, true, false},
			{[]keytab.EType{18, 23}, nil, true, true, true},
			{[]keytab.EType{23}, nil, true, false, true},
			{nil, []keytab.EType{18, 23}, true, true, false},
			{nil, []keytab.EType{18}, false, true, false},
			{nil, []keytab.EType{}, false, true, false},
			{[]keytab.EType{18, 23}, []keytab.EType{18}, false, true, true},
			{[]keytab.EType{23}, []keytab.EType{23}, true, false, true},
			{[]keytab.EType{}, []keytab.EType{23}, true, false, false},
		} {
			p := params(r)
			p.Keys, p.Now, p.ETypes, p.TicketETypes = keys, c.Time, row.general, row.ticket
			what := fmt.Sprint(name, row)
			if row.sealed && (session == 18 && row.aes || session == 23 && row.rc4) {
				if got := mustOpen(t, what, bare(t, c.Token), p); got.EType != 23 || got.SessionKey.EType() != session {
					t.Errorf("%s: %v and %v", what, got.EType, got.SessionKey.EType())
				}
				continue
			}
			refused(t, what, bare(t, c.Token), p, status.ReasonETypeRefused)
		}
	}
}

// TestAPREQ_10_UserToUser checks that Open decrypts a ticket with USE-SESSION-KEY only with
// the key of the TGT, and every other ticket only with keys of the keytab.
func TestAPREQ_10_UserToUser(t *testing.T) {
	r := krbtest.NewRealm("EXAMPLE.COM")
	tgt := r.NewKey(18)
	sessionKey, err := keytab.NewKey(18, tgt.KeyValue)
	if err != nil {
		t.Fatal(err)
	}
	r.Service(service)
	withTGT, without, alone := params(r), params(r), params(r)
	withTGT.UserToUser, alone.UserToUser, alone.Keys = sessionKey, sessionKey, nil
	alone.UserToUserService = keytab.MustParsePrincipal("bob@EXAMPLE.COM")

	useSessionKey := flags.APUseSessionKey | flags.APMutualRequired
	normal := r.Ticket("alice", service)
	q := normal.APReq()
	mustOpen(t, "an ordinary ticket", q.Bytes(), withTGT)
	refused(t, "an ordinary ticket, no keytab", q.Bytes(), alone, status.ReasonNoKey)
	q.Options = &useSessionKey
	refused(t, "an ordinary ticket, flag set on the way", q.Bytes(), withTGT, status.ReasonWrongKey)
	refused(t, "an ordinary ticket, flag set on the way, no TGT", q.Bytes(), without, status.ReasonNoTGT)

	u2u := r.Ticket("alice", service)
	u2u.Key, u2u.Kvno = tgt, 0
	q = u2u.APReq()
	refused(t, "flag cleared on the way", q.Bytes(), withTGT, status.ReasonWrongKey)
	q.Options = &useSessionKey
	refused(t, "no TGT", q.Bytes(), without, status.ReasonNoTGT)
	for _, p := range []*ticket.Params{withTGT, alone} {
		got := mustOpen(t, "user-to-user", q.Bytes(), p)
		if got.Service != p.UserToUserService || got.Kvno != 0 || got.EType != 18 || !got.ServiceKey.Equal(sessionKey) || got.Client.String() != "alice@EXAMPLE.COM" {
			t.Errorf("user-to-user: service %v, kvno %d, %v, client %v", got.Service, got.Kvno, got.EType, got.Client)
		}
	}
	u2u.Key = r.NewKey(18)
	refused(t, "sealed in another TGT's key", q.Bytes(), withTGT, status.ReasonWrongKey)
	u2u.Key, u2u.EType = tgt, 20
	refused(t, "labelled as of another type", q.Bytes(), withTGT, status.ReasonWrongKey)
	u2u.EType = 23
	refused(t, "labelled as RC4", q.Bytes(), withTGT, status.ReasonETypeRefused)
	u2u.EType = 0
	u2u.Part.EndTime = r.Now().Add(-2 * skew)
	refused(t, "expired", q.Bytes(), withTGT, status.ReasonTicketExpired)
}

// TestWrongService_Served checks that the error for a wrong service name lists the services
// of the keytab, or a few of them if there are many.
func TestWrongService_Served(t *testing.T) {
	name := func(s string) keytab.Principal { return keytab.MustParsePrincipal(s + "@EXAMPLE.COM") }
	many := []string{"a/h", "b/h", "c/h", "d/h", "e/h"}
	for _, c := range []struct {
		keys     []string
		services []keytab.Principal
		want     string
	}{
		{[]string{"HTTP/www", "krbtgt/EXAMPLE.COM"}, nil, `"HTTP/www@EXAMPLE.COM", which differs in case alone, do not open it; served here: "HTTP/www@EXAMPLE.COM"`},
		{[]string{"HTTP/www", "ldap/dc"}, []keytab.Principal{name("ldap/dc")}, `; served here: "ldap/dc@EXAMPLE.COM"`},
		{many[:4], nil, `; served here: "a/h@EXAMPLE.COM", "b/h@EXAMPLE.COM", "c/h@EXAMPLE.COM", "d/h@EXAMPLE.COM"`},
		{many, nil, `; served here: "a/h@EXAMPLE.COM", "b/h@EXAMPLE.COM", "c/h@EXAMPLE.COM", "d/h@EXAMPLE.COM" and 1 more`},
	} {
		r := krbtest.NewRealm("EXAMPLE.COM")
		p := params(r)
		p.Keys = r.Service(c.keys...)
		p.Services = services(p.Keys, c.services)
		_, err := ticket.Open(r.Ticket("alice", "http/WWW").APReq().Bytes(), p)
		if status.ReasonOf(err) != status.ReasonWrongService || !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("%v; want ... %s", err, c.want)
		}
	}
}
