package sspi_test

import (
	"fmt"
	"log"
	"time"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// must returns b. The examples of this file stop at an error of the client.
func must(b []byte, err error) []byte {
	if err != nil {
		log.Fatal(err)
	}
	return b
}

// A server on UDP delivers a message although messages before it were lost, and learns how
// many are missing. A message that arrives twice stays refused.
func ExampleContext_UnwrapAfterGap() {
	c, client, err := exchange(asItIs, sspi.ContextConfig{}, sspitest.Options{})
	if err != nil {
		log.Fatal(err)
	}
	must(client.Wrap([]byte("10.0 °C"), true)) // lost on the way
	second := must(client.Wrap([]byte("10.1 °C"), true))

	_, _, err = c.Unwrap(nil, second)
	fmt.Println(status.ReasonOf(err))
	must(client.Wrap([]byte("10.2 °C"), true)) // lost on the way
	fourth := must(client.Wrap([]byte("10.3 °C"), true))
	text, sealed, missing, err := c.UnwrapAfterGap(nil, fourth)
	fmt.Printf("%s, sealed %v, %d missing, %v\n", text, sealed, missing, err)
	_, _, _, err = c.UnwrapAfterGap(nil, fourth)
	fmt.Println(status.ReasonOf(err))

	must(client.GetMIC([]byte("door opened"))) // lost on the way
	mic := must(client.GetMIC([]byte("door closed")))
	missing, err = c.VerifyMICAfterGap([]byte("door closed"), mic)
	fmt.Println(missing, err)
	// Output:
	// message-gap
	// 10.3 °C, sealed true, 1 missing, <nil>
	// message-duplicate
	// 1 <nil>
}

// DecryptMessageAfterGap and VerifySignatureAfterGap do the same with the buffers of SSPI.
func ExampleDecryptMessageAfterGap() {
	ctx, client := loggedIn()
	must(client.Wrap([]byte("10.0 °C"), true)) // lost on the way
	stream := sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{
		{BufferType: sspi.SECBUFFER_STREAM, Buffer: must(client.Wrap([]byte("10.1 °C"), true))},
		{BufferType: sspi.SECBUFFER_DATA},
	}}
	code, missing := sspi.DecryptMessageAfterGap(&ctx, &stream, 0, nil)
	fmt.Printf("%v, %d missing: %s\n", code, missing, stream.Buffers[1].Buffer)

	must(client.GetMIC([]byte("door opened"))) // lost on the way
	signed := sspi.SecBufferDesc{Buffers: []sspi.SecBuffer{
		{BufferType: sspi.SECBUFFER_DATA, Buffer: []byte("door closed")},
		{BufferType: sspi.SECBUFFER_TOKEN, Buffer: must(client.GetMIC([]byte("door closed")))},
	}}
	code, missing = sspi.VerifySignatureAfterGap(&ctx, &signed, 0, nil)
	fmt.Printf("%v, %d missing\n", code, missing)
	// Output:
	// SEC_E_OK, 1 missing: 10.1 °C
	// SEC_E_OK, 1 missing
}

// Code that comes from Windows may expect ptsTimeStamp in local time.
func ExampleTimeStamp_In() {
	ctx, _ := loggedIn()
	var life sspi.SecPkgContext_Lifespan
	sspi.QueryContextAttributes(&ctx, sspi.SECPKG_ATTR_LIFESPAN, &life)
	local := life.Expiry.In(time.FixedZone("UTC+2", 2*60*60))
	fmt.Println(life.Expiry.Time().Format(time.TimeOnly), local.Time().Format(time.TimeOnly))
	// Output:
	// 18:30:15 20:30:15
}
