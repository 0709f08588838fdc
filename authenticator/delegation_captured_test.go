package authenticator_test

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/vectors"
	"github.com/gosspi/kerberos/keytab"
)

// TestDELEG_1_Captured reads the ticket-granting tickets that MIT's client (sealed) and
// Heimdal's client (encryption type 0, RFC 6448) forwarded in an AD domain.
func TestDELEG_1_Captured(t *testing.T) {
	for _, name := range []string{"alice-deleg", "heimdal-deleg"} {
		c, err := checkCaptured(t, name, authenticator.Params{Delegate: true})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		v, err := c.Claim(t.Context(), authenticator.NewMemoryCache(0, authenticator.AcceptOlder))
		if err != nil {
			t.Fatal(err)
		}
		got := v.Delegated()
		if got == nil || len(got.Tickets) != 1 || got.Tickets[0].Service.String() != "krbtgt/AD.EXAMPLE.TEST@AD.EXAMPLE.TEST" ||
			got.Client.String() != "alice@AD.EXAMPLE.TEST" || got.Tickets[0].SessionKey.IsZero() || v.Flags()&flags.GSS_C_DELEG_FLAG == 0 || v.DelegationError() != nil {
			t.Errorf("%s: %v, flags %v, %v", name, got, v.Flags(), v.DelegationError())
		}
	}
}

// TestDELEG_1_HeimdalCaptured compares each field of the credentials that Heimdal's
// client forwarded with the bytes of its checksum, which another implementation
// decrypted.
func TestDELEG_1_HeimdalCaptured(t *testing.T) {
	c, err := checkCaptured(t, "heimdal-deleg", authenticator.Params{Delegate: true})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(vectors.Dir(t), "ad", "heimdal-deleg.ticket.txt"))
	if err != nil {
		t.Fatal(err)
	}
	_, checksum, _ := strings.Cut(string(text), "\nauth.cksum 10000000")
	checksum, _, _ = strings.Cut(checksum, "\n")
	has := func(b []byte) bool { return strings.Contains(checksum, hex.EncodeToString(b)) }
	k := claimed(t, newDesk(t), c).Tickets[0]
	key := vectors.Hex(t, "b9d93cf946ce7d0c272a96ad7b262cb36ac45558ab9b3471b82b53a4be535d12")
	if !has(key) || !bytes.Equal(k.SessionKey.Bytes(), key) || k.SessionKey.EType() != keytab.AES256_CTS_HMAC_SHA1_96 {
		t.Errorf("the session key is %x of %v, want %x", k.SessionKey.Bytes(), k.SessionKey.EType(), key)
	}
	if k.Ticket.Len() < 1000 || !has(k.Ticket.Bytes()) {
		t.Errorf("the ticket of %d bytes is not in the checksum", k.Ticket.Len())
	}
	if k.Flags != 0x602c0000 {
		t.Errorf("flags %#x", uint32(k.Flags))
	}
	const layout = "20060102150405Z"
	for name, row := range map[string]struct {
		got  time.Time
		want string
	}{
		"authtime": {k.AuthTime, "20261122102324Z"}, "starttime": {k.StartTime, "20261122102349Z"}, "endtime": {k.EndTime, "20261122202324Z"},
	} {
		if row.got.Format(layout) != row.want || !has([]byte(row.want)) {
			t.Errorf("%s %v, want %s", name, row.got, row.want)
		}
	}
	if !k.RenewTill.IsZero() { // the client sent 19700101000000Z
		t.Errorf("renew-till %v, want none", k.RenewTill)
	}
}
