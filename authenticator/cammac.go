package authenticator

import (
	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/internal/krb5"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/status"
)

// cammac collects the indicators of the ticket's CAMMAC.
type cammac struct {
	key        keytab.Key // that decrypted the ticket
	seen       bool
	indicators []string
	unverified error // why the CAMMAC does not count
}

// element reads one AD-CAMMAC of the ticket. An error of a CAMMAC inside AD-IF-RELEVANT
// withholds the indicators and accepts the client, because a KDC of another realm can be the
// issuer. An error of a CAMMAC outside AD-IF-RELEVANT refuses the client: it is critical.
func (c *cammac) element(e krb5.AuthDataEntry, p *Params, relevant bool) error {
	err := c.add(e.Data, p, relevant)
	if err != nil {
		c.indicators, c.unverified = nil, err
	}
	if relevant || p.IgnoreUnknownAuthorizationData {
		return nil
	}
	return err
}

// add verifies a CAMMAC and stores its indicators. A second CAMMAC is an error: nothing says
// which of the two the KDC issued with this ticket. The elements of a CAMMAC outside
// AD-IF-RELEVANT are critical as it is.
func (c *cammac) add(data []byte, p *Params, relevant bool) error {
	if c.seen {
		return badCAMMAC("the ticket has more than one CAMMAC, of which one may be copied from another ticket", nil)
	}
	c.seen = true
	elements, err := c.verify(data)
	if err != nil {
		return err
	}
	var indicators []string
	for e, ok := elements.Next(); ok; e, ok = elements.Next() {
		if e.Type != krb5.ADIndicator {
			if err := critical(e.Type, p, relevant); err != nil {
				return err
			}
			continue
		}
		if indicators, err = krb5.AppendIndicators(indicators, e.Data); err != nil {
			return badCAMMAC("the indicators in the ticket's CAMMAC are malformed", err)
		}
	}
	c.indicators = indicators
	return nil
}

// verify checks the svc-verifier of a CAMMAC and returns the elements that it covers. The
// kdc-verifier is made with a key that no service has.
func (c *cammac) verify(data []byte) (krb5.AuthDataReader, error) {
	var m krb5.CAMMAC
	if err := m.Parse(data); err != nil {
		return krb5.AuthDataReader{}, badCAMMAC("the ticket's CAMMAC is malformed", err)
	}
	v := &m.Service
	switch {
	case !m.HasService:
		return krb5.AuthDataReader{}, badCAMMAC("the ticket's CAMMAC has no verifier for the service", nil)
	case v.HasEType && keytab.EType(v.EType) != c.key.EType():
		return krb5.AuthDataReader{}, badCAMMAC("the verifier in the ticket's CAMMAC was made with a key of "+etype.ID(v.EType).NameAndNumber()+", but the ticket is encrypted with a key of "+etype.ID(c.key.EType()).NameAndNumber(), nil)
	}
	if err := c.key.VerifyChecksum(v.MAC.Type, v.MAC.Sum, m.Elements, etype.UsageCAMMAC); err != nil {
		return krb5.AuthDataReader{}, badCAMMAC("the service's key does not verify the ticket's CAMMAC", err)
	}
	return krb5.ReadAuthorizationData(m.Elements)
}

func badCAMMAC(detail string, err error) error {
	return &status.Error{Reason: status.ReasonAuthorizationData, Detail: detail, Err: err}
}
