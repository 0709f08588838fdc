package authenticator

import (
	"net/netip"

	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/status"
)

// Address types (RFC 4120, Section 7.5.3).
const (
	addrIPv4    = 2
	addrNetBIOS = 20
	addrIPv6    = 24
)

// checkAddresses compares the ticket's addresses with the peer's address, if the caller
// knows it (RFC 4120, Section 3.2.3). It ignores a list that contains only one NetBIOS
// name: old Windows clients send such a list, which says nothing about an IP address.
func checkAddresses(addresses []byte, peer netip.Addr) error {
	if addresses == nil || !peer.IsValid() {
		return nil
	}
	r, err := krb5.ReadAddresses(addresses)
	if err != nil {
		return err
	}
	peer = peer.WithZone("").Unmap()
	count, netbios := 0, 0
	for {
		a, ok := r.Next()
		if !ok {
			break
		}
		count++
		if a.Type == addrNetBIOS {
			netbios++
		}
		if ip, ok := hostAddress(a); ok && ip == peer {
			return nil
		}
	}
	if count == 0 || count == 1 && netbios == 1 {
		return nil
	}
	return &status.Error{Reason: status.ReasonAddressMismatch, Detail: "the ticket's addresses do not include the client's address " + peer.String()}
}

func hostAddress(a krb5.HostAddress) (netip.Addr, bool) {
	switch {
	case a.Type == addrIPv4 && len(a.Address) == 4, a.Type == addrIPv6 && len(a.Address) == 16:
		ip, ok := netip.AddrFromSlice(a.Address)
		return ip.Unmap(), ok
	}
	return netip.Addr{}, false
}
