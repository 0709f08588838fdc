package sspihttp

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// TestRequest_NoField checks that a request without credentials makes no Context.
func TestRequest_NoField(t *testing.T) {
	x := &request{r: httptest.NewRequest(http.MethodGet, "/", nil), m: new(Middleware)}
	if res := x.step(""); res.Outcome != Challenged || x.security != nil {
		t.Errorf("%+v, %v", res, x.security)
	}
}

// TestConnection_OtherOwner checks that a connection does not return the exchange of
// another middleware, and closes it.
func TestConnection_OtherOwner(t *testing.T) {
	acceptor, err := sspitest.NewRealm("EXAMPLE.COM").Acceptor("HTTP/www.example.com")
	if err != nil {
		t.Fatal(err)
	}
	var c connection
	open, peer := acceptor.NewContext(sspi.ContextConfig{}), new(sspi.Peer)
	c.put(new(Middleware), open, peer)
	r := new(http.Request)
	if gotOpen, gotPeer, _ := c.take(new(Middleware), r); gotOpen != nil || gotPeer != nil {
		t.Errorf("%v, %v", gotOpen, gotPeer)
	}
	if _, _, err := open.Accept(t.Context(), []byte{0x60}); status.ReasonOf(err) != status.ReasonInvalidHandle {
		t.Errorf("the exchange is still open: %v", err)
	}
	owner := new(Middleware)
	c.put(owner, nil, peer)
	if _, got, shared := c.take(owner, r); got != peer || shared {
		t.Errorf("%v", got)
	}
	if _, got, _ := c.take(owner, r); got != nil {
		t.Errorf("the connection returned the exchange twice: %v", got)
	}
}
