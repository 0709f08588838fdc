package pac_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/internal/vectors"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
	"github.com/gosspi/kerberos/ticket"
	"github.com/gosspi/kerberos/ticket/pac"
)

// published is a PAC that MIT or Microsoft published with its key.
type published struct {
	pac  []byte
	fits pac.Ticket
	// realm is set if CLIENT_INFO has the realm of the client behind its name. Only referrals
	// of S4U2Self between KDCs have this form.
	realm   bool
	account string // DOMAIN\name
}

func keyOf(t *testing.T, k vectors.Key) keytab.Key {
	t.Helper()
	key, err := keytab.NewKey(keytab.EType(k.EType), vectors.Hex(t, k.Key))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// publishedPACs returns the PACs of the set "pac" of testdata/vectors.
func publishedPACs(t *testing.T) map[string]published {
	t.Helper()
	v := vectors.Load(t).PAC
	out := map[string]published{
		"saved": {
			pac: vectors.Hex(t, v.Saved.PAC), account: `WIN2K3THINK\W2003FINAL$`,
			fits: pac.Ticket{Key: keyOf(t, v.Saved.ServerKey), Client: keytab.MustParsePrincipal(v.Saved.Client), AuthTime: time.Unix(v.Saved.AuthTime, 0)},
		},
	}
	for _, s := range v.S4U {
		name := "w2k8u@ACME.COM"
		if s.Enterprise {
			name = `w2k8u\@abc@ACME.COM`
		}
		out[s.Name] = published{
			pac: vectors.Hex(t, s.PAC), realm: s.XRealm, account: `ACME\w2k8u`,
			fits: pac.Ticket{Key: keyOf(t, s.ServerKey), Client: keytab.MustParsePrincipal(name), AuthTime: time.Unix(s.AuthTime, 0)},
		}
	}
	out["Windows Server 2022"] = windowsTicket(t)
	return out
}

// windowsTicket returns the PAC of the published ticket of Windows Server 2022.
func windowsTicket(t *testing.T) published {
	t.Helper()
	v := vectors.Load(t).PAC.ADTicket
	keys, err := keytab.NewTable(keytab.Entry{Principal: keytab.MustParsePrincipal(v.Server), Kvno: 1, Key: keyOf(t, v.ServerKey)})
	if err != nil {
		t.Fatal(err)
	}
	q := krbtest.NewRealm("W2022-L7.BASE").Ticket("administrator", v.Server).APReq()
	q.TicketBytes = vectors.Hex(t, v.Ticket)
	const long = 100 * 365 * 24 * time.Hour // the ticket has expired
	opened, err := ticket.Open(q.Bytes(), &ticket.Params{Keys: keys, Now: krbtest.Epoch, Skew: long})
	if err != nil {
		t.Fatal(err)
	}
	c := opened.Unproven()
	return published{
		pac: c.PAC, account: `W2022-L7\Administrator`,
		fits: pac.Ticket{Key: c.ServiceKey, Client: c.Client, AuthTime: c.AuthTime},
	}
}

// TestPAC_4_Published verifies the PACs that MIT's tests have, and that of a ticket of Windows
// Server 2022, with the keys that were published with them.
func TestPAC_4_Published(t *testing.T) {
	all := publishedPACs(t)
	if len(all) != 6 {
		t.Fatalf("%d PACs, want 6", len(all))
	}
	for name, x := range all {
		p, err := pac.Verify(x.pac, x.fits)
		if x.realm {
			if status.ReasonOf(err) != status.ReasonPACBad || !strings.Contains(err.Error(), "the name in CLIENT_INFO") {
				t.Errorf("%s: %v", name, err)
			}
			x.fits.Client = withRealm(t, x.fits.Client)
			p, err = pac.Verify(x.pac, x.fits)
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		a, err := p.Account()
		if a == nil || a.Domain+`\`+a.Name != x.account || p.Conflict() != nil {
			t.Errorf("%s: %+v, %v, %v", name, a, err, p.Conflict())
		}
		for other, y := range all {
			if !bytes.Equal(y.fits.Key.Bytes(), x.fits.Key.Bytes()) {
				f := x.fits
				f.Key = y.fits.Key
				_, err := pac.Verify(x.pac, f)
				if status.ReasonOf(err) != status.ReasonPACBad || !strings.Contains(err.Error(), "server signature") || strings.Contains(err.Error(), "authenticator") {
					t.Errorf("%s with the key of %s: %v", name, other, err)
				}
			}
		}
	}
}

// withRealm returns a client whose name is the whole of another one.
func withRealm(t *testing.T, p keytab.Principal) keytab.Principal {
	t.Helper()
	name := slices.Collect(p.Components())[0]
	whole, err := keytab.NewPrincipal(p.Realm(), name+"@"+p.Realm())
	if err != nil {
		t.Fatal(err)
	}
	return whole
}

// TestPAC_3_MITFuzzSamples refuses the two byte strings on which MIT's parser of PACs failed.
func TestPAC_3_MITFuzzSamples(t *testing.T) {
	samples := vectors.Load(t).PAC.MustNotParse
	if len(samples) != 2 {
		t.Fatalf("%d samples, want 2", len(samples))
	}
	for _, s := range samples {
		raw := slices.Clip(vectors.Hex(t, s))
		for name, x := range publishedPACs(t) {
			p, err := pac.Verify(raw, x.fits)
			if p != nil || status.ReasonOf(err) != status.ReasonPACBad || strings.Contains(err.Error(), "signature of") {
				t.Errorf("%s with the key of %s: %v", s, name, err)
			}
		}
	}
}
