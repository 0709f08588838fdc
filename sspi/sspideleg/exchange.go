package sspideleg

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/status"
)

// Limits of an exchange with a KDC. A ticket has at most 64 KiB, of which the PAC is the
// greatest part.
const (
	maxAnswer = 256 << 10 // bytes
	patience  = 10 * time.Second
)

// exchange sends a request to the KDCs of the service's realm, in the order of the
// configuration, until one of them answers. It uses TCP only.
func (s *Service) exchange(ctx context.Context, r *request) (*authenticator.DelegatedTicket, error) {
	message := r.message.Append(nil)
	framed := append(binary.BigEndian.AppendUint32(nil, uint32(len(message))), message...)
	var failures []error
	for _, kdc := range r.kdcs {
		answer, err := ask(ctx, kdc, framed)
		if err == nil {
			return r.open(answer)
		}
		failures = append(failures, err)
		if ctx.Err() != nil {
			return nil, &status.Error{Reason: status.ReasonCanceled, Detail: "sspideleg: while the KDC was asked", Err: ctx.Err()}
		}
	}
	return nil, &status.Error{Reason: status.ReasonNoCredentials, Detail: "sspideleg: no KDC answers", Err: errors.Join(failures...)}
}

// kdcs returns a copy of the KDCs of a realm. It does not call GetKDCs for KDCs in the
// configuration, because that function reorders them there.
func (s *Service) kdcs(realm string) ([]string, error) {
	conf := s.Client.Config
	var list []string
	for i := range conf.Realms {
		if conf.Realms[i].Realm == realm {
			list = slices.Clone(conf.Realms[i].KDC) // the last entry counts, as in gokrb5
		}
	}
	if len(list) > 0 {
		return list, nil
	}
	n, found, err := conf.GetKDCs(realm, true) // asks DNS
	if err != nil {
		return nil, &status.Error{Reason: status.ReasonNoCredentials, Detail: "sspideleg: the configuration has no KDC", Err: err}
	}
	for i := 1; i <= n; i++ {
		list = append(list, found[i])
	}
	return list, nil
}

// ask sends a framed request to a KDC and returns its answer (RFC 4120, Section 7.2.2).
func ask(ctx context.Context, address string, framed []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	var size [4]byte
	_, err = conn.Write(framed)
	if err == nil {
		_, err = io.ReadFull(conn, size[:])
	}
	if err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n == 0 || n > maxAnswer {
		return nil, errors.New("the answer of " + address + " is empty or too long")
	}
	answer := make([]byte, n)
	_, err = io.ReadFull(conn, answer)
	return answer, err
}
