package reply_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/internal/reply"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket"
)

const service = "HTTP/www.example.com"

// kinds are the encryption types of an exchange. If subkey is 0, the client sends none.
type kinds struct {
	session, subkey keytab.EType
	offer           []keytab.EType
}

func request(r *krbtest.Realm, k kinds) *krbtest.APReq {
	t := r.Ticket("alice", service)
	t.Part.Key = r.NewKey(k.session)
	q := t.APReq()
	q.Authenticator.SubKey.KeyType, q.Authenticator.SubKey.KeyValue = 0, nil
	if k.subkey != 0 {
		q.Authenticator.SubKey = r.NewKey(k.subkey)
	}
	q.ETypes = k.offer
	return q
}

func checked(t testing.TB, r *krbtest.Realm, apReq []byte) *authenticator.Checked {
	t.Helper()
	opened, err := ticket.Open(apReq, &ticket.Params{Keys: r.Service(service), Now: r.Now(), Skew: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	c, err := authenticator.Check(opened, &authenticator.Params{Now: r.Now(), Skew: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func verified(t testing.TB, c *authenticator.Checked) authenticator.Verified {
	t.Helper()
	v, err := c.Claim(t.Context(), authenticator.NewMemoryCache(0, authenticator.AcceptOlder))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// answered completes an exchange: gokrb5's cryptography decrypts the AP-REP, and the client
// checks it.
func answered(t testing.TB, r *krbtest.Realm, q *krbtest.APReq, permitted []keytab.EType, rand io.Reader, mechanism []byte) (*reply.APRep, *krbtest.Initiator) {
	t.Helper()
	client := q.Start()
	token, _, err := client.Next(nil)
	if err != nil {
		t.Fatal(err)
	}
	if mechanism != nil {
		if _, token, err = krbtest.Unframe(token, mechanism); err != nil {
			t.Fatal(err)
		}
	}
	c := checked(t, r, token)
	var a reply.APRep
	if err := a.Draw(c, permitted, rand); err != nil {
		t.Fatal(err)
	}
	// Append after other bytes, without spare capacity.
	got, err := a.Append([]byte("in front"), verified(t, c), mechanism)
	if err != nil || !bytes.HasPrefix(got, []byte("in front")) {
		t.Fatalf("%q, %v", got[:min(len(got), 8)], err)
	}
	got = got[len("in front"):]
	if len(got) != a.Len(mechanism) {
		t.Errorf("the reply has %d bytes, Len said %d", len(got), a.Len(mechanism))
	}
	if _, done, err := client.Next(got); err != nil || !done {
		t.Fatalf("the client: done %v, %v", done, err)
	}
	return &a, client
}

// fixed returns the bytes 1, 2, 3 and so on, and counts its reads.
type fixed struct {
	next  byte
	reads int
}

func (f *fixed) Read(b []byte) (int, error) {
	f.reads++
	for i := range b {
		f.next++
		b[i] = f.next
	}
	return len(b), nil
}

func numbers(first, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(first + i)
	}
	return b
}

// TestKEY_5_Fresh checks that confounder, subkey and sequence number are the bytes of one
// read, of which none is used twice, that the subkey has the full length, and that the
// client uses it.
func TestKEY_5_Fresh(t *testing.T) {
	for e, n := range map[keytab.EType]int{17: 16, 18: 32, 19: 16, 20: 32} {
		r := krbtest.NewRealm("EXAMPLE.COM")
		rand := new(fixed)
		a, client := answered(t, r, request(r, kinds{session: e, subkey: e}), nil, rand, krbtest.OIDKerberos)
		key := numbers(17, n)
		if a.KeyEType() != e || !bytes.Equal(a.Subkey(), key) || client.Reply.Subkey.KeyType != int32(e) || !bytes.Equal(client.Reply.Subkey.KeyValue, key) {
			t.Errorf("%v: subkey %x, sent %x of %d, want %x", e, a.Subkey(), client.Reply.Subkey.KeyValue, client.Reply.Subkey.KeyType, key)
		}
		number := numbers(17+n, 4)
		want := (uint32(number[0])<<24 | uint32(number[1])<<16 | uint32(number[2])<<8 | uint32(number[3])) & 0x3fffffff
		if a.SequenceNumber() != want || uint32(client.Reply.SequenceNumber) != want {
			t.Errorf("%v: number %d, sent %d, want %d", e, a.SequenceNumber(), client.Reply.SequenceNumber, want)
		}
		if rand.reads != 1 || int(rand.next) != 16+n+4 {
			t.Errorf("%v: %d bytes in %d reads", e, rand.next, rand.reads)
		}
		a.Wipe()
		if len(a.Subkey()) != 0 || a.SequenceNumber() != 0 {
			t.Errorf("%v: wiped, and it still has a key", e)
		}
	}
}

// TestKEY_5_Confounder checks that the first block of the plaintext is the confounder, so
// that two replies with the same content have no common ciphertext.
func TestKEY_5_Confounder(t *testing.T) {
	r := krbtest.NewRealm("EXAMPLE.COM")
	c := checked(t, r, request(r, kinds{session: 18}).Bytes())
	v := verified(t, c)
	var a, b reply.APRep
	for _, x := range []struct {
		a    *reply.APRep
		rand io.Reader
	}{{&a, new(fixed)}, {&b, io.MultiReader(bytes.NewReader(make([]byte, 16)), bytes.NewReader(numbers(17, 36)))}} {
		if err := x.a.Draw(c, nil, x.rand); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(a.Subkey(), b.Subkey()) || a.SequenceNumber() != b.SequenceNumber() {
		t.Fatal("the two differ in more than the confounder")
	}
	first, err1 := a.Append(nil, v, nil)
	again, err2 := a.Append(nil, v, nil)
	second, err3 := b.Append(nil, v, nil)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, again) {
		t.Error("one APRep gives two replies")
	}
	equal := 0
	for i := len(first) - 96; i < len(first)-12; i++ {
		if first[i] == second[i] {
			equal++
		}
	}
	if equal > 16 {
		t.Errorf("%d of 84 bytes of ciphertext are alike under two confounders", equal)
	}
}

// TestKEY_5_SubkeyType checks the table of R57: the subkey is never weaker than the key
// that the client would use without it, and has the 256-bit type of the family if the
// client offers it.
func TestKEY_5_SubkeyType(t *testing.T) {
	all := []keytab.EType{20, 19, 18, 17}
	for _, row := range []struct {
		kinds
		permitted []keytab.EType
		want      keytab.EType
	}{
		{kinds{18, 0, nil}, nil, 18},
		{kinds{20, 0, nil}, nil, 20},
		{kinds{17, 0, nil}, nil, 17},
		{kinds{19, 0, nil}, nil, 19},
		{kinds{18, 0, all}, nil, 18}, // 256 bits stay, even if the list prefers other types
		{kinds{20, 0, []keytab.EType{17, 18}}, nil, 20},
		{kinds{17, 0, all}, nil, 18},
		{kinds{19, 0, all}, nil, 20},
		{kinds{17, 17, []keytab.EType{17, 18}}, nil, 18}, // the last type of the list
		{kinds{17, 0, []keytab.EType{20, 17}}, nil, 17},  // the 256-bit type is of the other family
		{kinds{19, 0, []keytab.EType{18, 19}}, nil, 19},
		{kinds{17, 0, []keytab.EType{17}}, nil, 17},
		{kinds{17, 0, all}, []keytab.EType{17, 20}, 17}, // the acceptor's policy
		{kinds{19, 0, all}, []keytab.EType{19, 18}, 19},
		{kinds{17, 0, all}, []keytab.EType{17, 18}, 18},
		{kinds{17, 18, nil}, nil, 18}, // the client's subkey has priority over the session key
		{kinds{18, 17, nil}, nil, 17},
		{kinds{18, 17, all}, nil, 18},
		{kinds{18, 20, nil}, nil, 20},
		{kinds{20, 18, all}, nil, 18},
		{kinds{18, 19, all}, nil, 20},
		{kinds{17, 0, []keytab.EType{23, 3, 18}}, nil, 18},
	} {
		r := krbtest.NewRealm("EXAMPLE.COM")
		a, client := answered(t, r, request(r, row.kinds), row.permitted, r, krbtest.OIDKerberos)
		if got := client.Reply.Subkey.KeyType; a.KeyEType() != row.want || got != int32(row.want) {
			t.Errorf("%+v under %v: %v, sent %d, want %v", row.kinds, row.permitted, a.KeyEType(), got, row.want)
		}
		if want := krbtest.KeyLen(row.want); len(client.Reply.Subkey.KeyValue) != want {
			t.Errorf("%+v: %d bytes, want %d", row.kinds, len(client.Reply.Subkey.KeyValue), want)
		}
	}
}

// TestKEY_5_SequenceNumber checks that the number has 30 bits, because old peers read bit
// 31 as a sign, is never 0, and always has the same length.
func TestKEY_5_SequenceNumber(t *testing.T) {
	r := krbtest.NewRealm("EXAMPLE.COM")
	length := 0
	for drawn, want := range map[string]uint32{
		"\x00\x00\x00\x00": 1 << 29, "\xc0\x00\x00\x00": 1 << 29, "\x40\x00\x00\x00": 1 << 29,
		"\xff\xff\xff\xff": 0x3fffffff, "\x3f\xff\xff\xff": 0x3fffffff, "\x80\x00\x00\x02": 1<<29 | 2,
		"\x00\x7f\xff\xff": 1<<29 | 0x7fffff, "\x00\x80\x00\x00": 0x800000,
	} {
		rand := append(make([]byte, 48), drawn...)
		a, client := answered(t, r, request(r, kinds{session: 18}), nil, bytes.NewReader(rand), krbtest.OIDKerberos)
		if a.SequenceNumber() != want || uint32(client.Reply.SequenceNumber) != want {
			t.Errorf("%x: %d, sent %d, want %d", drawn, a.SequenceNumber(), client.Reply.SequenceNumber, want)
		}
		n := a.Len(krbtest.OIDKerberos)
		if length == 0 {
			length = n
		}
		if n != length {
			t.Errorf("%x: %d bytes, another has %d", drawn, n, length)
		}
	}
}

// TestSEC_5_Randomness checks that no reply is made if the source of randomness fails, ends
// early or returns nothing, and that the error blames the acceptor.
func TestSEC_5_Randomness(t *testing.T) {
	r := krbtest.NewRealm("EXAMPLE.COM")
	c := checked(t, r, request(r, kinds{session: 18}).Bytes())
	v := verified(t, c)
	boom := errors.New("boom")
	for name, rand := range map[string]io.Reader{
		"nothing":     bytes.NewReader(nil),
		"a byte less": bytes.NewReader(make([]byte, 16+32+4-1)),
		"an error":    io.MultiReader(bytes.NewReader(make([]byte, 30)), failing{boom}),
		"only errors": failing{boom},
	} {
		var a reply.APRep
		if err := a.Draw(c, nil, rand); status.ReasonOf(err) != status.ReasonInternal || name == "an error" && !errors.Is(err, boom) {
			t.Errorf("%s: %v", name, err)
		}
		if got, err := a.Append([]byte("x"), v, nil); status.ReasonOf(err) != status.ReasonInternal || len(got) != 0 {
			t.Errorf("%s: a reply nevertheless: %x, %v", name, got, err)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestREFL_3_Zero checks that only a Verified makes an AP-REP.
func TestREFL_3_Zero(t *testing.T) {
	r := krbtest.NewRealm("EXAMPLE.COM")
	c := checked(t, r, request(r, kinds{session: 18}).Bytes())
	var a reply.APRep
	if err := a.Draw(c, nil, r); err != nil {
		t.Fatal(err)
	}
	if got, err := a.Append(nil, authenticator.Verified{}, nil); status.ReasonOf(err) != status.ReasonInternal || got != nil {
		t.Errorf("of the zero Verified: %x, %v", got, err)
	}
	if got, err := new(reply.APRep).Append(nil, verified(t, c), nil); status.ReasonOf(err) != status.ReasonInternal || got != nil {
		t.Errorf("nothing drawn: %x, %v", got, err)
	}
	if err := a.Draw(new(authenticator.Checked), nil, r); status.ReasonOf(err) != status.ReasonInternal {
		t.Errorf("of the zero Checked: %v", err)
	}
}

// TestREFL_3_RepeatsTheTime checks that the AP-REP repeats the client's time, whatever it
// is. The krbtest client compares it, and decrypts only with the session key and key usage
// 12.
func TestREFL_3_RepeatsTheTime(t *testing.T) {
	for _, at := range []time.Time{
		krbtest.Epoch, krbtest.Epoch.Truncate(time.Second), krbtest.Epoch.Truncate(time.Second).Add(999_999 * time.Microsecond),
		time.Date(1969, 12, 31, 23, 59, 59, 1000, time.UTC), time.Date(2107, 1, 1, 0, 0, 0, 127_000, time.UTC), time.Date(2038, 1, 19, 3, 14, 8, 128_000, time.UTC),
		time.Date(2031, 1, 1, 0, 0, 0, 32_767_000, time.UTC), time.Date(2031, 1, 1, 0, 0, 0, 32_768_000, time.UTC),
	} {
		r := krbtest.NewRealm("EXAMPLE.COM")
		r.Clock = func() time.Time { return at }
		answered(t, r, request(r, kinds{session: 18, subkey: 18}), nil, r, krbtest.OIDKerberos)
	}
}

// TestPARSE_16_Frame checks that the AP-REP has the frame of the client's AP-REQ, or none,
// and the length that Len returned.
func TestPARSE_16_Frame(t *testing.T) {
	for _, session := range krbtest.Preference {
		for _, subkey := range append(slices.Clone(krbtest.Preference), 0) {
			for name, oid := range map[string][]byte{"MIT's": krbtest.OIDKerberos, "Microsoft's": krbtest.OIDMSKerberos, "bare": nil} {
				t.Run(fmt.Sprintf("%d,%d,%s", session, subkey, name), func(t *testing.T) {
					r := krbtest.NewRealm("EXAMPLE.COM")
					q := request(r, kinds{session: session, subkey: subkey})
					q.OID, q.Raw = oid, oid == nil
					answered(t, r, q, nil, r, oid)
				})
			}
		}
	}
}

// TestLen_Numbers checks the length of the DER of numbers.
func TestLen_Numbers(t *testing.T) {
	r := krbtest.NewRealm("EXAMPLE.COM")
	for _, n := range []uint32{1, 0x7f, 0x80, 0x7fff, 0x8000, 0x7fffff, 0x800000, 0x3fffffff} {
		rand := append(make([]byte, 48), byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
		answered(t, r, request(r, kinds{session: 18}), nil, bytes.NewReader(rand), krbtest.OIDKerberos)
	}
	for _, us := range []time.Duration{0, 1, 0x7f, 0x80, 0x7fff, 0x8000, 999_999} {
		q := request(r, kinds{session: 18})
		q.SetTime(krbtest.Epoch.Truncate(time.Second).Add(us * time.Microsecond))
		answered(t, r, q, nil, r, krbtest.OIDKerberos)
	}
}
