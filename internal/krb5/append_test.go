package krb5

import "golang.org/x/crypto/cryptobyte/asn1"

// The acceptor only parses these messages. Tests need their encodings.

// Append writes the ticket.
func (m *Ticket) Append(dst []byte) []byte {
	w := writer{dst}
	m.write(&w)
	return w.b
}

// Append writes the EncTicketPart. It always writes AuthTime and EndTime, which are not
// optional.
func (m *EncTicketPart) Append(dst []byte) []byte {
	w := writer{dst}
	w.element(application(tagEncTicketPart), func() {
		w.element(asn1.SEQUENCE, func() {
			w.flags(0, uint32(m.Flags))
			w.key(1, &m.Key)
			w.string(2, m.ClientRealm)
			w.name(3, &m.Client)
			w.typed(4, m.TransitedType, m.Transited)
			w.time(5, m.AuthTime.Unix)
			w.optionalTime(6, m.StartTime)
			w.time(7, m.EndTime.Unix)
			w.optionalTime(8, m.RenewTill)
			w.optionalRaw(9, m.Addresses)
			w.optionalRaw(10, m.AuthorizationData)
		})
	})
	return w.b
}

// Append writes the EncKRBCredPart.
func (m *EncKRBCredPart) Append(dst []byte) []byte {
	w := writer{dst}
	w.element(application(tagEncKRBCredPart), func() {
		w.sequence(func() {
			w.field(0, func() {
				w.sequence(func() {
					for i := range m.Info {
						m.Info[i].write(&w)
					}
				})
			})
			if m.HasNonce {
				w.uint32(1, m.Nonce)
			}
			w.optionalTime(2, m.Timestamp)
			if m.HasUsec {
				w.int32(3, m.Usec)
			}
			w.optionalAddress(4, &m.SenderAddress)
			w.optionalAddress(5, &m.RecipientAddress)
		})
	})
	return w.b
}

func (m *CredInfo) write(w *writer) {
	w.sequence(func() {
		w.key(0, &m.Key)
		w.optionalString(1, m.ClientRealm)
		w.optionalName(2, &m.Client)
		if m.HasFlags {
			w.flags(3, uint32(m.Flags))
		}
		w.optionalTime(4, m.AuthTime)
		w.optionalTime(5, m.StartTime)
		w.optionalTime(6, m.EndTime)
		w.optionalTime(7, m.RenewTill)
		w.optionalString(8, m.Realm)
		w.optionalName(9, &m.Service)
		w.optionalRaw(10, m.Addresses)
	})
}

// Append writes the KERB-TGT-REQUEST.
func (m *TGTRequest) Append(dst []byte) []byte {
	w := writer{dst}
	w.sequence(func() {
		w.header(msgTGTReq)
		w.optionalName(2, &m.Service)
		w.optionalString(3, m.Realm)
	})
	return w.b
}

// NewName returns a Name with copies of the components.
func NewName(nameType int32, components ...string) Name {
	var w writer
	for _, c := range components {
		w.bytes(generalString, []byte(c))
	}
	return Name{Type: nameType, Components: w.b}
}

func (w *writer) optionalAddress(n uint8, v *HostAddress) {
	if v.Address != nil {
		w.typed(n, v.Type, v.Address)
	}
}
