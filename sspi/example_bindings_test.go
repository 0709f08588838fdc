package sspi_test

import (
	"fmt"
	"log"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// A server passes its channel bindings in a buffer beside the token. AcceptSecurityContext
// refuses a client that is bound to another channel, as a client is whose connection an
// attacker terminates.
func ExampleAcceptSecurityContext_channelBindings() {
	realm := sspitest.NewDeterministicRealm("EXAMPLE.COM")
	acceptor, err := realm.Acceptor("ldap/dc.example.com")
	if err != nil {
		log.Fatal(err)
	}
	cred := acceptor.CredHandle(sspi.Negotiate)
	own := sspi.ChannelBindings{ApplicationData: []byte("tls-server-end-point:...")} // sspitls computes the bindings
	other := sspi.ChannelBindings{ApplicationData: []byte("tls-server-end-point:???")}
	packed, err := own.MarshalBinary()
	if err != nil {
		log.Fatal(err)
	}
	for _, channel := range []*sspi.ChannelBindings{&own, &other, nil} {
		client, err := realm.User("alice").Initiate("ldap/dc.example.com", sspitest.Options{ChannelBindings: channel})
		if err != nil {
			log.Fatal(err)
		}
		token, _, err := client.Next(nil) // the client sends this
		if err != nil {
			log.Fatal(err)
		}
		in := sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{
			{BufferType: sspi.SECBUFFER_TOKEN, Buffer: token},
			{BufferType: sspi.SECBUFFER_CHANNEL_BINDINGS, Buffer: packed},
		}}
		var ctx sspi.CtxtHandle
		code := sspi.AcceptSecurityContext(&cred, nil, &in, flags.ASC_REQ_ALLOCATE_MEMORY, 0, &ctx, tokenBuffer(nil), nil, nil)
		fmt.Println(code, status.ReasonOf(ctx.Err()))
		sspi.DeleteSecurityContext(&ctx) // also after a refusal
	}
	// Output:
	// SEC_E_OK none
	// SEC_E_BAD_BINDINGS binding-mismatch
	// SEC_E_BAD_BINDINGS binding-missing
}
