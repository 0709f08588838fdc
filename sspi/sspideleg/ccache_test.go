package sspideleg_test

import (
	"bytes"
	"encoding/hex"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/credentials"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspideleg"
	"github.com/gosspi/kerberos/status"
)

// TestMarshalCCache_Layout compares with a cache that the test writes field by field.
func TestMarshalCCache_Layout(t *testing.T) {
	alice := keytab.MustParsePrincipal("alice@R")
	d := &authenticator.Delegated{Client: alice, Tickets: []authenticator.DelegatedTicket{{
		Client: alice, Service: keytab.MustParsePrincipal("krbtgt/R@R"), Ticket: sspi.NewSecret([]byte("ticket")),
		SessionKey: key(t, keytab.AES128_CTS_HMAC_SHA256_128), Flags: forwarded,
		AuthTime: time.Unix(0x60000001, 0), StartTime: time.Unix(0x60000002, 999), EndTime: time.Unix(0x90000003, 0),
	}}}
	const user = "00000001 00000001 00000001 52 00000005 616c696365"
	want := strings.ReplaceAll("0504 0000 "+user+ // the default principal
		user+
		"00000002 00000002 00000001 52 00000006 6b7262746774 00000001 52"+
		"0013 00000010 c0c1c2c3c4c5c6c7c8c9cacbcccdcecf"+
		"60000001 60000002 90000003 00000000"+
		"00 60200000 00000000 00000000"+
		"00000006 7469636b6574 00000000", " ", "")
	got, err := sspideleg.MarshalCCache(d)
	if err != nil {
		t.Fatal(err)
	}
	if hex.EncodeToString(got) != want {
		t.Errorf("%x\nwant\n%s", got, want)
	}
}

// TestMarshalCCache_Read checks that gokrb5 reads every field of a marshaled cache.
func TestMarshalCCache_Read(t *testing.T) {
	for _, user := range []string{"alice", "alice/admin", `a\/b\@c\\\n`, "élise"} {
		d := delegate(t, user)
		second := d.Tickets[0]
		second.Service = keytab.MustParsePrincipal(`HTTP/x\/y/z@EXAMPLE.ORG`)
		second.Ticket, second.Flags, second.SessionKey = sspi.NewSecret([]byte("another")), 0x80000001, key(t, keytab.AES256_CTS_HMAC_SHA384_192)
		second.StartTime, second.RenewTill = time.Time{}, second.EndTime.Add(time.Hour)
		d.Tickets = append(d.Tickets, second)
		readBack(t, d)
	}
	readBack(t, captured(t))
}

func readBack(t *testing.T, d *authenticator.Delegated) {
	t.Helper()
	b, err := sspideleg.MarshalCCache(d)
	if err != nil {
		t.Fatal(err)
	}
	var got credentials.CCache
	if err := got.Unmarshal(b); err != nil {
		t.Fatal(err)
	}
	if got.Version != 4 || len(got.Credentials) != len(d.Tickets) {
		t.Fatalf("version %d, %d tickets", got.Version, len(got.Credentials))
	}
	named := func(what string, p keytab.Principal, realm string, parts []string) {
		if p.Realm() != realm || !slices.Equal(slices.Collect(p.Components()), parts) {
			t.Errorf("%s: %q of %q, want %v", what, parts, realm, p)
		}
	}
	named("default", d.Client, got.DefaultPrincipal.Realm, got.DefaultPrincipal.PrincipalName.NameString)
	for i, c := range got.Credentials {
		want := d.Tickets[i]
		named("client", d.Client, c.Client.Realm, c.Client.PrincipalName.NameString)
		named("service", want.Service, c.Server.Realm, c.Server.PrincipalName.NameString)
		if !bytes.Equal(c.Ticket, want.Ticket.Bytes()) || !want.SessionKey.Equal(newKey(t, c.Key.KeyType, c.Key.KeyValue)) {
			t.Errorf("ticket %d is another", i)
		}
		if f := c.TicketFlags.Bytes; uint32(f[0])<<24|uint32(f[1])<<16|uint32(f[2])<<8|uint32(f[3]) != uint32(want.Flags) {
			t.Errorf("ticket %d: flags %x, want %v", i, f, want.Flags)
		}
		for j, at := range []time.Time{c.AuthTime, c.StartTime, c.EndTime, c.RenewTill} {
			was := []time.Time{want.AuthTime, want.StartTime, want.EndTime, want.RenewTill}[j]
			if was.IsZero() {
				was = time.Unix(0, 0)
			}
			if !at.Equal(was) {
				t.Errorf("ticket %d: time %d is %v, want %v", i, j, at, was)
			}
		}
		if c.IsSKey || len(c.Addresses) != 0 || len(c.AuthData) != 0 || len(c.SecondTicket) != 0 {
			t.Errorf("ticket %d: %v, %v, %v, %x", i, c.IsSKey, c.Addresses, c.AuthData, c.SecondTicket)
		}
	}
}

// TestMarshalCCache_Times checks that a time outside the range of the format becomes the
// nearest time in the range.
func TestMarshalCCache_Times(t *testing.T) {
	d := delegate(t, "alice")
	for _, row := range []struct {
		end  time.Time
		want uint32
	}{
		{time.Unix(1, 0), 1},
		{time.Unix(math.MaxInt32+1, 0), math.MaxInt32 + 1},
		{time.Unix(math.MaxUint32, 0), math.MaxUint32},
		{time.Unix(math.MaxUint32+1, 0), math.MaxUint32},
		{time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), math.MaxUint32},
		{time.Date(1601, 1, 1, 0, 0, 0, 0, time.UTC), 0},
	} {
		mark := time.Unix(0x12345678, 0)
		got, err := sspideleg.MarshalCCache(with(d, func(k *authenticator.DelegatedTicket) {
			k.AuthTime, k.StartTime, k.EndTime, k.RenewTill = mark, mark, row.end, mark
		}))
		if err != nil {
			t.Fatal(err)
		}
		w := row.want
		mark4 := []byte{0x12, 0x34, 0x56, 0x78}
		want := slices.Concat(mark4, mark4, []byte{byte(w >> 24), byte(w >> 16), byte(w >> 8), byte(w)}, mark4)
		if !bytes.Contains(got, want) {
			t.Errorf("%v: not %x", row.end, want)
		}
	}
}

// TestMarshalCCache_Refusals checks credentials that no exchange returns.
func TestMarshalCCache_Refusals(t *testing.T) {
	d := delegate(t, "alice")
	for _, row := range incomplete {
		if b, err := sspideleg.MarshalCCache(with(d, row.change)); status.ReasonOf(err) != row.want || b != nil {
			t.Errorf("%s: %v, want %v", row.name, err, row.want)
		}
	}
	if _, err := sspideleg.MarshalCCache(nil); status.ReasonOf(err) != status.ReasonNoCredentials {
		t.Errorf("nil: %v", err)
	}
	if _, err := sspideleg.MarshalCCache(&authenticator.Delegated{Client: d.Client}); status.ReasonOf(err) != status.ReasonArgument {
		t.Errorf("no tickets: %v", err)
	}
}
