package sspi_test

import (
	"fmt"
	"log"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// tokenBuffer returns a descriptor of one token.
func tokenBuffer(b []byte) *sspi.SecBufferDesc {
	return &sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{{BufferType: sspi.SECBUFFER_TOKEN, Buffer: b}}}
}

// loggedIn returns an established context of the Windows API, and its client, alice.
func loggedIn() (sspi.CtxtHandle, *sspitest.Initiator) {
	realm := sspitest.NewDeterministicRealm("EXAMPLE.COM")
	cfg, err := realm.Config("HTTP/www.example.com")
	if err != nil {
		log.Fatal(err)
	}
	cfg.ExportKey = sspi.NewSecret(make([]byte, 32)) // from a secret store
	acceptor, err := sspi.NewAcceptor(cfg)
	if err != nil {
		log.Fatal(err)
	}
	client, err := realm.User("alice").Initiate("HTTP/www.example.com", sspitest.Options{})
	if err != nil {
		log.Fatal(err)
	}
	c := acceptor.NewContext(sspi.ContextConfig{})
	if _, err := sspitest.Handshake(client, c); err != nil {
		log.Fatal(err)
	}
	return c.Handle(), client
}

func ExampleAcquireCredentialsHandle() {
	cfg, err := sspitest.NewDeterministicRealm("EXAMPLE.COM").Config("HTTP/www.example.com")
	if err != nil {
		log.Fatal(err)
	}
	var cred sspi.CredHandle
	var expiry sspi.TimeStamp
	code := sspi.AcquireCredentialsHandle("HTTP/www.example.com", sspi.Negotiate, sspi.SECPKG_CRED_INBOUND, nil, &cfg, nil, nil, &cred, &expiry)
	fmt.Println(code)
	var names sspi.SecPkgCredentials_Names
	code = sspi.QueryCredentialsAttributes(&cred, sspi.SECPKG_CRED_ATTR_NAMES, &names)
	fmt.Println(code, names.UserName)
	fmt.Println(sspi.FreeCredentialsHandle(&cred), sspi.FreeCredentialsHandle(&cred))
	// Output:
	// SEC_E_OK
	// SEC_E_OK HTTP/www.example.com
	// SEC_E_OK SEC_E_INVALID_HANDLE
}

// A server calls AcceptSecurityContext until it returns SEC_E_OK. Then it decides whether
// the authenticated client may use it.
func ExampleAcceptSecurityContext() {
	realm := sspitest.NewDeterministicRealm("EXAMPLE.COM")
	acceptor, err := realm.Acceptor("HTTP/www.example.com")
	if err != nil {
		log.Fatal(err)
	}
	client, err := realm.User("alice").Initiate("HTTP/www.example.com", sspitest.Options{DCEStyle: true})
	if err != nil {
		log.Fatal(err)
	}
	cred := acceptor.CredHandle(sspi.Kerberos)
	var ctx sspi.CtxtHandle
	defer sspi.DeleteSecurityContext(&ctx)
	var phContext *sspi.CtxtHandle // nil at the first call
	var reply []byte
	for code := status.SEC_I_CONTINUE_NEEDED; code == status.SEC_I_CONTINUE_NEEDED; phContext = &ctx {
		token, _, err := client.Next(reply) // the client sends this
		if err != nil {
			log.Fatal(err)
		}
		out := tokenBuffer(make([]byte, 4096))
		var attr flags.ASC_RET
		code = sspi.AcceptSecurityContext(&cred, phContext, tokenBuffer(token), flags.ASC_REQ_EXTENDED_ERROR, sspi.SECURITY_NATIVE_DREP, &ctx, out, &attr, nil)
		fmt.Println(code)
		if reply = out.Buffers[0].Buffer; code.IsError() {
			fmt.Println(ctx.Err())
			return
		}
	}
	user, err := ctx.Context().Peer().User("EXAMPLE.COM")
	fmt.Println(user, err)
	// Output:
	// SEC_I_CONTINUE_NEEDED
	// SEC_E_OK
	// alice <nil>
}

// The handle of a refused exchange has the error with the Reason. An output buffer that is
// too small is not a refusal.
func ExampleCtxtHandle_Err() {
	realm := sspitest.NewDeterministicRealm("EXAMPLE.COM")
	acceptor, err := realm.Acceptor("HTTP/www.example.com")
	if err != nil {
		log.Fatal(err)
	}
	client, err := realm.User("alice").Initiate("HTTP/www.example.com", sspitest.Options{})
	if err != nil {
		log.Fatal(err)
	}
	token, _, err := client.Next(nil)
	if err != nil {
		log.Fatal(err)
	}
	cred := acceptor.CredHandle(sspi.Kerberos)
	var ctx sspi.CtxtHandle
	out := tokenBuffer(make([]byte, 10))
	code := sspi.AcceptSecurityContext(&cred, nil, tokenBuffer(token), 0, 0, &ctx, out, nil, nil)
	fmt.Println(code, out.Buffers[0].Needed > 10)
	for range 2 { // the second attempt is a replay
		out = tokenBuffer(nil)
		code = sspi.AcceptSecurityContext(&cred, nil, tokenBuffer(token), flags.ASC_REQ_ALLOCATE_MEMORY, 0, &ctx, out, nil, nil)
		fmt.Println(code, status.ReasonOf(ctx.Err()))
	}
	// Output:
	// SEC_E_BUFFER_TOO_SMALL true
	// SEC_E_OK none
	// SEC_E_LOGON_DENIED replay
}

func ExampleQueryContextAttributes() {
	ctx, _ := loggedIn()
	var names sspi.SecPkgContext_NativeNames
	fmt.Println(sspi.QueryContextAttributes(&ctx, sspi.SECPKG_ATTR_NATIVE_NAMES, &names), names.ClientName)
	var sizes sspi.SecPkgContext_Sizes
	fmt.Println(sspi.QueryContextAttributes(&ctx, sspi.SECPKG_ATTR_SIZES, &sizes), sizes.MaxSignature, sizes.SecurityTrailer)
	var life sspi.SecPkgContext_Lifespan
	fmt.Println(sspi.QueryContextAttributes(&ctx, sspi.SECPKG_ATTR_LIFESPAN, &life), life.Expiry.Time())
	// Output:
	// SEC_E_OK alice@EXAMPLE.COM
	// SEC_E_OK 28 76
	// SEC_E_OK 2031-05-17 18:30:15 +0000 UTC
}

// EncryptMessage encrypts the message in its buffer. The token precedes it.
func ExampleEncryptMessage() {
	ctx, client := loggedIn()
	var sizes sspi.SecPkgContext_Sizes
	sspi.QueryContextAttributes(&ctx, sspi.SECPKG_ATTR_SIZES, &sizes)
	d := sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{
		{BufferType: sspi.SECBUFFER_TOKEN, Buffer: make([]byte, sizes.SecurityTrailer)},
		{BufferType: sspi.SECBUFFER_DATA, Buffer: []byte("hello, alice")},
	}}
	fmt.Println(sspi.EncryptMessage(&ctx, 0, &d, 0))
	text, sealed, err := client.Unwrap(append(d.Buffers[0].Buffer, d.Buffers[1].Buffer...))
	fmt.Printf("%s, sealed %v, %v\n", text, sealed, err)

	answer, err := client.Wrap([]byte("hello, server"), true)
	if err != nil {
		log.Fatal(err)
	}
	in := sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{
		{BufferType: sspi.SECBUFFER_STREAM, Buffer: answer},
		{BufferType: sspi.SECBUFFER_DATA},
	}}
	fmt.Println(sspi.DecryptMessage(&ctx, &in, 0, nil))
	fmt.Printf("%s\n", in.Buffers[1].Buffer)
	// Output:
	// SEC_E_OK
	// hello, alice, sealed true, <nil>
	// SEC_E_OK
	// hello, server
}

// MakeSignature returns a MIC, which the server sends beside the unchanged message.
func ExampleMakeSignature() {
	ctx, client := loggedIn()
	message := []byte("pay 10")
	sign := sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{
		{BufferType: sspi.SECBUFFER_DATA, Buffer: message},
		{BufferType: sspi.SECBUFFER_TOKEN, Buffer: make([]byte, 100)},
	}}
	fmt.Println(sspi.MakeSignature(&ctx, 0, &sign, 0), client.VerifyMIC(message, sign.Buffers[1].Buffer))

	signature, err := client.GetMIC(message)
	if err != nil {
		log.Fatal(err)
	}
	verify := sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{
		{BufferType: sspi.SECBUFFER_DATA, Buffer: []byte("pay 99")},
		{BufferType: sspi.SECBUFFER_TOKEN, Buffer: signature},
	}}
	fmt.Println(sspi.VerifySignature(&ctx, &verify, 0, nil))
	// Output:
	// SEC_E_OK <nil>
	// SEC_E_MESSAGE_ALTERED
}

func ExampleEnumerateSecurityPackages() {
	var list []sspi.SecPkgInfo
	sspi.EnumerateSecurityPackages(nil, &list)
	for _, p := range list {
		fmt.Println(p.Name, p.MaxToken)
	}
	var info *sspi.SecPkgInfo
	fmt.Println(sspi.QuerySecurityPackageInfo("NTLM", &info))
	// Output:
	// Negotiate 48000
	// Kerberos 48000
	// SEC_E_SECPKG_NOT_FOUND
}

// A front end accepts the client and exports the context, and a worker process imports it.
// The handle of the front end is invalid afterwards.
func ExampleExportSecurityContext() {
	ctx, client := loggedIn()
	var packed sspi.SecBuffer
	fmt.Println(sspi.ExportSecurityContext(&ctx, sspi.SECPKG_CONTEXT_EXPORT_DELETE_OLD, &packed, nil))
	fmt.Println(sspi.MakeSignature(&ctx, 0, tokenBuffer(make([]byte, 100)), 0))

	cred := exampleWorker().CredHandle(sspi.Negotiate) // in another process, with the same ExportKey
	var moved sspi.CtxtHandle
	fmt.Println(sspi.ImportSecurityContext(sspi.Negotiate, &packed, &cred, &moved), moved.Context().Peer().Client)
	token, err := moved.Context().Wrap(nil, []byte("from the worker"), true)
	if err != nil {
		log.Fatal(err)
	}
	text, _, err := client.Unwrap(token)
	fmt.Printf("%s %v\n", text, err)
	// Output:
	// SEC_E_OK
	// SEC_E_INVALID_HANDLE
	// SEC_E_OK alice@EXAMPLE.COM
	// from the worker <nil>
}

// exampleWorker returns the acceptor of the worker process.
func exampleWorker() *sspi.Acceptor {
	cfg, err := sspitest.NewDeterministicRealm("EXAMPLE.COM").Config("HTTP/www.example.com")
	if err != nil {
		log.Fatal(err)
	}
	cfg.ExportKey = sspi.NewSecret(make([]byte, 32))
	acceptor, err := sspi.NewAcceptor(cfg)
	if err != nil {
		log.Fatal(err)
	}
	return acceptor
}

// The package never impersonates a client. A program uses delegated credentials explicitly.
func ExampleImpersonateSecurityContext() {
	ctx, _ := loggedIn()
	var token *sspi.AccessToken
	fmt.Println(sspi.ImpersonateSecurityContext(&ctx))
	fmt.Println(sspi.QuerySecurityContextToken(&ctx, &token))
	fmt.Println(sspi.RevertSecurityContext(&ctx))
	// Output:
	// SEC_E_NO_IMPERSONATION
	// SEC_E_UNSUPPORTED_FUNCTION
	// SEC_E_OK
}
