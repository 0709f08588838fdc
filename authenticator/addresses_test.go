package authenticator_test

import (
	"net/netip"
	"testing"

	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/gosspi/kerberos/status"
)

// TestAPREQ_9_Addresses checks that Check compares the addresses of a ticket only if the
// caller passes the peer's address.
func TestAPREQ_9_Addresses(t *testing.T) {
	const v4, netbios, v6 = 2, 20, 24
	at := func(kind int32, text string) types.HostAddress {
		return types.HostAddress{AddrType: kind, Address: netip.MustParseAddr(text).AsSlice()}
	}
	raw := func(kind int32, b string) types.HostAddress {
		return types.HostAddress{AddrType: kind, Address: []byte(b)}
	}
	name := raw(netbios, "WORKSTATION     ")
	good, bad := status.ReasonNone, status.ReasonAddressMismatch
	for _, row := range []struct {
		name      string
		addresses types.HostAddresses
		peer      string
		want      status.Reason
	}{
		{"no addresses", nil, "192.0.2.7", good},
		{"peer unknown", types.HostAddresses{at(v4, "192.0.2.8")}, "", good},
		{"the peer's", types.HostAddresses{at(v4, "192.0.2.7")}, "192.0.2.7", good},
		{"another", types.HostAddresses{at(v4, "192.0.2.8")}, "192.0.2.7", bad},
		{"the last of three", types.HostAddresses{at(v4, "192.0.2.8"), name, at(v4, "192.0.2.7")}, "192.0.2.7", good},
		{"none of two", types.HostAddresses{at(v4, "192.0.2.8"), at(v6, "2001:db8::7")}, "192.0.2.7", bad},
		{"IPv6", types.HostAddresses{at(v6, "2001:db8::7")}, "2001:db8::7", good},
		{"another IPv6", types.HostAddresses{at(v6, "2001:db8::8")}, "2001:db8::7", bad},
		{"IPv6 with a zone", types.HostAddresses{at(v6, "fe80::7")}, "fe80::7%eth0", good},
		{"a mapped peer", types.HostAddresses{at(v4, "192.0.2.7")}, "::ffff:192.0.2.7", good},
		{"mapped in the ticket", types.HostAddresses{at(v6, "::ffff:192.0.2.7")}, "192.0.2.7", good},
		{"another, mapped", types.HostAddresses{at(v6, "::ffff:192.0.2.8")}, "192.0.2.7", bad},
		{"one NetBIOS name", types.HostAddresses{name}, "192.0.2.7", good},
		{"two NetBIOS names", types.HostAddresses{name, name}, "192.0.2.7", bad},
		{"a NetBIOS name and another address", types.HostAddresses{name, at(v4, "192.0.2.8")}, "192.0.2.7", bad},
		{"a NetBIOS name of the peer's bytes", types.HostAddresses{at(netbios, "192.0.2.7"), name}, "192.0.2.7", bad},
		{"another type with the peer's bytes", types.HostAddresses{at(3, "192.0.2.7")}, "192.0.2.7", bad},
		{"IPv4 marked as IPv6", types.HostAddresses{at(v6, "192.0.2.7")}, "192.0.2.7", bad},
		{"mapped marked as IPv4", types.HostAddresses{at(v4, "::ffff:192.0.2.7")}, "192.0.2.7", bad},
		{"a byte too many", types.HostAddresses{raw(v4, "\xc0\x00\x02\x07\x00")}, "192.0.2.7", bad},
		{"no bytes", types.HostAddresses{raw(v4, "")}, "192.0.2.7", bad},
	} {
		d := newDesk(t)
		q := d.request()
		q.Ticket.Part.CAddr = row.addresses
		if row.peer != "" {
			d.params.PeerAddr = netip.MustParseAddr(row.peer)
		}
		d.wants(row.name, q, row.want)
	}
}
