package ticket_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/internal/vectors"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket"
)

const service = "HTTP/www.example.com"

const skew = 5 * time.Minute

// params returns Params that admit all present keys of the realm.
func params(r *krbtest.Realm) *ticket.Params {
	return &ticket.Params{Keys: r.Table(), Now: r.Now(), Skew: skew}
}

func mustOpen(t testing.TB, what string, apReq []byte, p *ticket.Params) *ticket.Content {
	t.Helper()
	got, err := ticket.Open(apReq, p)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	return got.Unproven()
}

// refused checks that Open refuses apReq with the Reason want and returns no Ticket.
func refused(t testing.TB, what string, apReq []byte, p *ticket.Params, want status.Reason) {
	t.Helper()
	got, err := ticket.Open(apReq, p)
	var e *status.Error
	if !errors.As(err, &e) || e.Reason != want {
		t.Errorf("%s: %v, want the Reason %v", what, err, want)
	}
	if got != nil {
		t.Errorf("%s: Open returned an error and a Ticket", what)
	}
}

// bare returns the AP-REQ in a token, whatever its frames are.
func bare(t testing.TB, token []byte) []byte {
	t.Helper()
	i := bytes.Index(token, []byte{0x6e, 0x82})
	if i < 0 || i+4 > len(token) {
		t.Fatal("there is no AP-REQ in the token")
	}
	b := token[i:]
	return b[:4+int(b[2])<<8+int(b[3])]
}

// TestOpen_Captured opens the tickets of an AD domain and compares each field with the
// recorded value.
func TestOpen_Captured(t *testing.T) {
	keys, err := keytab.Parse(vectors.ADKeytab(t))
	if err != nil {
		t.Fatal(err)
	}
	opened := 0
	for _, c := range vectors.AD(t) {
		p := &ticket.Params{Keys: keys, Now: c.Time, Skew: skew}
		if strings.HasPrefix(c.Ticket["ticket.enc-part"], "etype 23") {
			refused(t, c.Name, bare(t, c.Token), p, status.ReasonETypeRefused)
			continue
		}
		opened++
		got := mustOpen(t, c.Name, bare(t, c.Token), p)
		for name, text := range map[string]string{
			"ticket.enc-part": fmt.Sprintf("etype %d kvno %d ", got.EType, got.Kvno),
			"enc.flags":       fmt.Sprintf("%#x", uint32(got.Flags)),
			"enc.client":      fmt.Sprintf("%s (type %d,", got.Client, got.ClientNameType),
			"enc.session":     fmt.Sprintf("etype %d key %x", got.SessionKey.EType(), got.SessionKey.Bytes()),
			"enc.transited":   fmt.Sprintf("type %d %s", got.TransitedType, got.Transited),
			"enc.authtime":    unix(got.AuthTime),
			"enc.starttime":   unix(got.StartTime),
			"enc.endtime":     unix(got.EndTime),
			"enc.renewtill":   unix(got.RenewTill),
		} {
			if want, ok := c.Ticket[name]; !ok || !strings.HasPrefix(want+" ", text) {
				t.Errorf("%s: %s is %q, want %q", c.Name, name, text, want)
			}
		}
		if want := c.Ticket["enc.caddr"]; want != "absent" || got.Addresses != nil {
			t.Errorf("%s: addresses are %x, want %s", c.Name, got.Addresses, want)
		}
		if want := strings.ToLower(c.Target); !strings.HasPrefix(strings.ToLower(got.Service.String()), strings.SplitN(want, "@", 2)[0]) {
			t.Errorf("%s: the service is %v, want %s", c.Name, got.Service, c.Target)
		}
		checkPAC(t, c.Name, got.PAC)
	}
	if opened != 13 {
		t.Errorf("%d tickets were opened, want 13", opened)
	}
}

func unix(at time.Time) string {
	if at.IsZero() {
		return "0 "
	}
	return strconv.FormatInt(at.Unix(), 10) + " "
}

// checkPAC compares got with the PAC that a reference acceptor extracted.
func checkPAC(t *testing.T, name string, got []byte) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(vectors.Dir(t), "ad", name+".pac.hex"))
	if errors.Is(err, os.ErrNotExist) {
		if name != "alice-nopac" || got != nil {
			t.Errorf("%s: there is a PAC of %d bytes, want none", name, len(got))
		}
		return
	}
	if want := vectors.Hex(t, strings.Join(strings.Fields(string(text)), "")); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s: the PAC has %d bytes and is not the %d that were captured", name, len(got), len(want))
	}
}

// TestOpen_AllFields opens tickets that gokrb5 encrypted, with every optional field and
// with no optional field.
func TestOpen_AllFields(t *testing.T) {
	r := krbtest.NewRealm("EXAMPLE.COM")
	for _, e := range krbtest.Preference {
		r.ETypes = []keytab.EType{e}
		name := fmt.Sprintf("HTTP/%d.example.com", e)
		k := r.Ticket("alice@OTHER.EXAMPLE", name)
		k.Part.CName.NameType = 10
		k.Part.Transited.TRType = 1
		k.Part.Transited.Contents = []byte("EDU,MIT.")
		k.Part.StartTime = time.Time{}
		k.Part.RenewTill = r.Now().Add(time.Hour).Truncate(time.Second)
		k.Part.CAddr = append(k.Part.CAddr, types.HostAddress{AddrType: 2, Address: []byte{192, 0, 2, 7}})
		request := k.APReq()
		options := flags.APMutualRequired
		request.Options = &options
		b := request.Bytes()
		opened, err := ticket.Open(b, params(r))
		if err != nil {
			t.Fatal(err)
		}
		got := opened.Unproven()
		for what, pair := range map[string][2]any{
			"client":     {got.Client.String(), "alice@OTHER.EXAMPLE"},
			"name-type":  {got.ClientNameType, int32(10)},
			"service":    {got.Service.String(), name + "@EXAMPLE.COM"},
			"type":       {got.EType, e},
			"kvno":       {got.Kvno, uint32(1)},
			"key":        {string(got.ServiceKey.Bytes()), string(k.Key.KeyValue)},
			"session":    {string(got.SessionKey.Bytes()), string(k.Part.Key.KeyValue)},
			"flags":      {got.Flags, flags.TicketForwardable | flags.TicketPreAuthent | flags.TicketTransitedPolicyChecked},
			"authtime":   {got.AuthTime, k.Part.AuthTime},
			"starttime":  {got.StartTime, k.Part.AuthTime},
			"endtime":    {got.EndTime, k.Part.EndTime},
			"renew-till": {got.RenewTill, k.Part.RenewTill},
			"transited":  {string(got.Transited), "EDU,MIT."},
			"tr-type":    {got.TransitedType, int32(1)},
			"addresses":  {fmt.Sprintf("%x", got.Addresses), "300f300da003020102a1060404c0000207"},
			"authdata":   {got.AuthorizationData == nil, true},
			"options":    {opened.Options(), options},
		} {
			if pair[0] != pair[1] {
				t.Errorf("%v: %s is %v, want %v", e, what, pair[0], pair[1])
			}
		}
		sealed, cipher := opened.Authenticator()
		if sealed != e || !bytes.HasSuffix(b, cipher) || opened.Service() != got.Service {
			t.Errorf("%v: the authenticator is of %v with %d bytes; service %v", e, sealed, len(cipher), opened.Service())
		}
		if plain, err := krbtest.Decrypt(request.Key, 11, cipher); err != nil || !bytes.Equal(plain, request.AuthenticatorBytes()) {
			t.Errorf("%v: gokrb5 does not open the authenticator: %v", e, err)
		}
	}
}

// TestAPREQ_11_AbsentTimes checks that a ticket without a start time starts at its
// authentication time, and that a ticket without a renew-till time has the zero RenewTill.
func TestAPREQ_11_AbsentTimes(t *testing.T) {
	r := krbtest.NewRealm("EXAMPLE.COM")
	tkt := r.Ticket("alice", service)
	tkt.Part.StartTime = time.Time{}
	got := mustOpen(t, "no start", tkt.APReq().Bytes(), params(r))
	if !got.StartTime.Equal(got.AuthTime) || got.AuthTime.IsZero() || !got.RenewTill.IsZero() {
		t.Errorf("authenticated %v, from %v, renewable until %v", got.AuthTime, got.StartTime, got.RenewTill)
	}
}
