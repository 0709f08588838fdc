package flags_test

import (
	"fmt"

	"github.com/gosspi/kerberos/flags"
)

// The client's GSS flags and the flags that AcceptSecurityContext returns have different
// bits for the same property. ASC is the only translation.
func ExampleGSS_ASC() {
	asked := flags.GSS_C_MUTUAL_FLAG | flags.GSS_C_INTEG_FLAG
	fmt.Printf("%#x %v\n", uint32(asked), asked)
	fmt.Printf("%#x %v\n", uint32(asked.ASC()), asked.ASC())
	fmt.Println(asked.ASC()&flags.ASC_RET_CONFIDENTIALITY != 0)
	// Output:
	// 0x22 GSS_C_MUTUAL_FLAG|GSS_C_INTEG_FLAG
	// 0x20002 ASC_RET_MUTUAL_AUTH|ASC_RET_INTEGRITY
	// false
}
