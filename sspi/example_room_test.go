package sspi_test

import (
	"fmt"
	"log"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// If the output buffer is too small, the call changes nothing, and the server passes the
// same token again. With ASC_REQ_ALLOCATE_MEMORY, or a buffer of SecPkgInfo.MaxToken bytes,
// no second call is necessary.
func ExampleAcceptSecurityContext_bufferTooSmall() {
	realm := sspitest.NewDeterministicRealm("EXAMPLE.COM")
	acceptor, err := realm.Acceptor("HTTP/www.example.com")
	if err != nil {
		log.Fatal(err)
	}
	client, err := realm.User("alice").Initiate("HTTP/www.example.com", sspitest.Options{})
	if err != nil {
		log.Fatal(err)
	}
	token, _, err := client.Next(nil) // the client sends this
	if err != nil {
		log.Fatal(err)
	}
	cred := acceptor.CredHandle(sspi.Negotiate)
	var ctx sspi.CtxtHandle
	defer sspi.DeleteSecurityContext(&ctx)
	out := tokenBuffer(make([]byte, 16))
	for {
		code := sspi.AcceptSecurityContext(&cred, nil, tokenBuffer(token), 0, 0, &ctx, out, nil, nil)
		fmt.Println(code, len(out.Buffers[0].Buffer) > 0)
		if code != status.SEC_E_BUFFER_TOO_SMALL {
			break
		}
		out = tokenBuffer(make([]byte, out.Buffers[0].Needed))
	}
	_, done, err := client.Next(out.Buffers[0].Buffer)
	fmt.Println(done, err)
	// Output:
	// SEC_E_BUFFER_TOO_SMALL false
	// SEC_E_OK true
	// true <nil>
}

// A client may sign a message without sealing it. A server that requires encryption checks
// pfQOP.
func ExampleDecryptMessage() {
	ctx, client := loggedIn()
	for _, sealed := range []bool{true, false} {
		token, err := client.Wrap([]byte("a secret"), sealed)
		if err != nil {
			log.Fatal(err)
		}
		d := sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{
			{BufferType: sspi.SECBUFFER_STREAM, Buffer: token},
			{BufferType: sspi.SECBUFFER_DATA},
		}}
		var qop uint32
		code := sspi.DecryptMessage(&ctx, &d, 0, &qop)
		fmt.Printf("%v %q, not sealed: %v\n", code, d.Buffers[1].Buffer, qop == sspi.SECQOP_WRAP_NO_ENCRYPT)
	}
	// Output:
	// SEC_E_OK "a secret", not sealed: false
	// SEC_E_OK "a secret", not sealed: true
}
