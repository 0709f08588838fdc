package authenticator_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket"
)

const service = "HTTP/www.example.com"

// desk is an acceptor in a realm. Its clock does not run, and its cache counts the calls.
type desk struct {
	testing.TB
	realm  *krbtest.Realm
	keys   *keytab.Table
	params authenticator.Params
	cache  *counter
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	return deskOf(t, krbtest.NewRealm("EXAMPLE.COM"))
}

func deskOf(t testing.TB, r *krbtest.Realm) *desk {
	return &desk{
		TB: t, realm: r, keys: r.Service(service),
		params: authenticator.Params{Now: r.Now(), Skew: skew},
		cache:  &counter{ReplayCache: authenticator.NewMemoryCache(0, authenticator.AcceptOlder)},
	}
}

// request returns a valid AP-REQ after the changes.
func (d *desk) request(changes ...func(*krbtest.APReq)) *krbtest.APReq {
	q := d.realm.Ticket("alice", service).APReq()
	for _, change := range changes {
		change(q)
	}
	return q
}

// open opens the ticket of an AP-REQ, which must be valid.
func (d *desk) open(apReq []byte) *ticket.Ticket {
	d.Helper()
	every := []keytab.EType{17, 18, 19, 20, 23}
	t, err := ticket.Open(apReq, &ticket.Params{Keys: d.keys, Now: d.params.Now, Skew: d.params.Skew, ETypes: every})
	if err != nil {
		d.Fatalf("Open: %v", err)
	}
	return t
}

func (d *desk) check(q *krbtest.APReq) (*authenticator.Checked, error) {
	d.Helper()
	return authenticator.Check(d.open(q.Bytes()), &d.params)
}

func (d *desk) accepts(what string, q *krbtest.APReq) *authenticator.Checked {
	d.Helper()
	c, err := d.check(q)
	if err != nil {
		d.Fatalf("%s: %v", what, err)
	}
	return c
}

// refuses checks that Check refuses q with the Reason want and returns nothing.
func (d *desk) refuses(what string, q *krbtest.APReq, want status.Reason) {
	d.Helper()
	c, err := d.check(q)
	var e *status.Error
	if !errors.As(err, &e) || e.Reason != want {
		d.Errorf("%s: %v, want the Reason %v", what, err, want)
	}
	if c != nil {
		d.Errorf("%s: Check returned an error and a Checked", what)
	}
}

// wants calls accepts if want is ReasonNone, and refuses otherwise.
func (d *desk) wants(what string, q *krbtest.APReq, want status.Reason) {
	d.Helper()
	if want != status.ReasonNone {
		d.refuses(what, q, want)
		return
	}
	if _, err := d.check(q); err != nil {
		d.Errorf("%s: %v", what, err)
	}
}

// claim runs Open, Check and Claim with an AP-REQ, which may have been sent before.
func (d *desk) claim(apReq []byte) (authenticator.Verified, error) {
	d.Helper()
	c, err := authenticator.Check(d.open(apReq), &d.params)
	if err != nil {
		return authenticator.Verified{}, err
	}
	return c.Claim(context.Background(), d.cache)
}

func (d *desk) verified(what string, q *krbtest.APReq) authenticator.Verified {
	d.Helper()
	v, err := d.claim(q.Bytes())
	if err != nil || v.IsZero() {
		d.Fatalf("%s: %v", what, err)
	}
	return v
}

// counter is a ReplayCache that stores the records of its calls.
type counter struct {
	authenticator.ReplayCache
	records []authenticator.Record
}

func (c *counter) Store(ctx context.Context, r authenticator.Record) (bool, error) {
	c.records = append(c.records, r)
	return c.ReplayCache.Store(ctx, r)
}

// TestAPREQ_11_OnlyAfterSuccess checks that a Checked, which may be a replay, has no method
// that returns the client, and that a Verified returns all fields of the ticket.
func TestAPREQ_11_OnlyAfterSuccess(t *testing.T) {
	var methods []string
	for m := range reflect.TypeFor[*authenticator.Checked]().Methods() {
		methods = append(methods, m.Name)
	}
	want := []string{"Binding", "Claim", "ETypes", "Flags", "Format", "HasSubkey", "KeyEType", "SessionEType", "Target", "Time"}
	if !slices.Equal(methods, want) {
		t.Errorf("a Checked has the methods %v, want %v", methods, want)
	}

	d := newDesk(t)
	q := d.request()
	q.Target, q.TargetUntrusted = "HTTP/ünï😀.example.com", true
	part := &q.Ticket.Part
	part.AuthorizationData = append(part.AuthorizationData, krbtest.IfRelevant())
	v := d.verified("a client", q)
	got := v.Ticket()
	if got.Client.String() != "alice@EXAMPLE.COM" || got.Service.String() != service+"@EXAMPLE.COM" {
		t.Errorf("%v for %v", got.Client, got.Service)
	}
	if !slices.Equal(krbtest.TicketFlags(got.Flags).Bytes, part.Flags.Bytes) {
		t.Errorf("flags %v, want %x", got.Flags, part.Flags.Bytes)
	}
	if !got.AuthTime.Equal(part.AuthTime) || !got.StartTime.Equal(part.StartTime) || !got.EndTime.Equal(part.EndTime) {
		t.Errorf("times %v %v %v", got.AuthTime, got.StartTime, got.EndTime)
	}
	if len(got.AuthorizationData) == 0 {
		t.Error("the Ticket has no authorization data")
	}
	target, untrusted := v.Target()
	if target != q.Target || !untrusted {
		t.Errorf("target %q, untrusted %v", target, untrusted)
	}
	if !v.Time().Equal(q.Time()) || v.SequenceNumber() != uint32(q.Authenticator.SeqNumber) ||
		!slices.Equal(v.Subkey().Bytes(), q.Authenticator.SubKey.KeyValue) || v.Flags() != q.Flags ||
		v.Binding() != authenticator.BindingUnchecked || v.Delegated() != nil {
		t.Errorf("%v, %d, %v, %v", v.Time(), v.SequenceNumber(), v.Flags(), v.Binding())
	}
}

// TestAPREQ_11_OptionalFields checks that a field that the client omits is zero.
func TestAPREQ_11_OptionalFields(t *testing.T) {
	d := newDesk(t)
	v := d.verified("no subkey, no number", d.request(func(q *krbtest.APReq) {
		q.Authenticator.SubKey.KeyType, q.Authenticator.SubKey.KeyValue = 0, nil
		q.NoSequence, q.ETypes = true, nil
	}))
	if target, untrusted := v.Target(); !v.Subkey().IsZero() || v.SequenceNumber() != 0 || target != "" || untrusted {
		t.Errorf("subkey %v, number %d, target %q", v.Subkey(), v.SequenceNumber(), target)
	}
}

func TestCheck_ZeroTicket(t *testing.T) {
	c, err := authenticator.Check(&ticket.Ticket{}, &authenticator.Params{Now: start, Skew: skew})
	if c != nil || status.ReasonOf(err) != status.ReasonArgument {
		t.Errorf("%v, %v", c, err)
	}
}

// TestCheck_SubkeyRefused checks that Check refuses a subkey whose type is not permitted or
// whose length does not match its type.
func TestCheck_SubkeyRefused(t *testing.T) {
	d := newDesk(t)
	for name, change := range map[string]func(q *krbtest.APReq){
		"RC4":         func(q *krbtest.APReq) { q.Authenticator.SubKey = d.realm.NewKey(keytab.RC4_HMAC) },
		"type 0":      func(q *krbtest.APReq) { q.Authenticator.SubKey.KeyType = 0 },
		"short":       func(q *krbtest.APReq) { q.Authenticator.SubKey.KeyValue = make([]byte, 31) },
		"long":        func(q *krbtest.APReq) { q.Authenticator.SubKey.KeyValue = make([]byte, 33) },
		"of AES-128":  func(q *krbtest.APReq) { q.Authenticator.SubKey.KeyValue = make([]byte, 16) },
		"a megabyte":  func(q *krbtest.APReq) { q.Authenticator.SubKey.KeyValue = make([]byte, 1<<20) },
		"empty bytes": func(q *krbtest.APReq) { q.Authenticator.SubKey.KeyValue = []byte{} },
	} {
		d.refuses(name, d.request(change), status.ReasonETypeRefused)
	}
	d.params.ETypes = []keytab.EType{keytab.AES256_CTS_HMAC_SHA384_192}
	d.refuses("not permitted here", d.request(), status.ReasonETypeRefused)
}

// TestAPREQ_4_Usage checks that Check decrypts an authenticator with key usage 11 and no
// other.
func TestAPREQ_4_Usage(t *testing.T) {
	d := newDesk(t)
	for _, usage := range []uint32{0, 2, 7, 10, 12, 14, 22, 23, 24, 25} {
		d.refuses("another usage", d.request(func(q *krbtest.APReq) { q.Usage = usage }), status.ReasonWrongKey)
	}
}

// TestAPREQ_5_Label checks that Check refuses an authenticator that is labelled with
// another type than that of the session key.
func TestAPREQ_5_Label(t *testing.T) {
	d := newDesk(t)
	for _, label := range []int32{17, 19, 20, 23, 3, -1, 1 << 30} {
		d.refuses("another label", d.request(func(q *krbtest.APReq) { q.EType = label }), status.ReasonWrongKey)
	}
	d.refuses("a key of another type", d.request(func(q *krbtest.APReq) { q.Key = d.realm.NewKey(17) }), status.ReasonWrongKey)
}

// TestKEY_5_ETypes checks that the reply uses the session key, and that the client's
// messages use its subkey if it sent one.
func TestKEY_5_ETypes(t *testing.T) {
	for _, row := range []struct{ session, subkey, want keytab.EType }{
		{17, 0, 17}, {20, 0, 20}, {18, 17, 17}, {17, 20, 20}, {19, 19, 19},
	} {
		d := newDesk(t)
		k := d.realm.Ticket("alice", service)
		k.Part.Key = d.realm.NewKey(row.session)
		q := k.APReq()
		q.Authenticator.SubKey.KeyType, q.Authenticator.SubKey.KeyValue = 0, nil
		if row.subkey != 0 {
			q.Authenticator.SubKey = d.realm.NewKey(row.subkey)
		}
		c := d.accepts("a client", q)
		if c.SessionEType() != row.session || c.KeyEType() != row.want {
			t.Errorf("%v: session %v, key %v", row, c.SessionEType(), c.KeyEType())
		}
	}
}
