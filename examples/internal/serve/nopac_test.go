package serve

import (
	"flag"
	"io"
	"slices"
	"testing"

	"github.com/gosspi/kerberos/sspi"
)

// TestNoPAC checks the realms that the flag -no-pac declares.
func TestNoPAC(t *testing.T) {
	for _, c := range []struct{ args, want []string }{
		{nil, nil},
		{[]string{"-no-pac", "A.EXAMPLE"}, []string{"A.EXAMPLE"}},
		{[]string{"-no-pac=A.EXAMPLE,B.EXAMPLE", "-no-pac", "C"}, []string{"A.EXAMPLE", "B.EXAMPLE", "C"}},
	} {
		var p sspi.PACPolicy
		fs := flag.NewFlagSet("x", flag.ContinueOnError)
		NoPAC(fs, &p)
		if err := fs.Parse(c.args); err != nil || !slices.Equal(p.RealmsWithoutPAC, c.want) {
			t.Errorf("%q: %q, %v", c.args, p.RealmsWithoutPAC, err)
		}
	}
	for _, bad := range []string{"", "A.EXAMPLE,", ",A.EXAMPLE"} {
		var p sspi.PACPolicy
		fs := flag.NewFlagSet("x", flag.ContinueOnError)
		fs.SetOutput(io.Discard)
		NoPAC(fs, &p)
		if err := fs.Parse([]string{"-no-pac", bad}); err == nil || p.RealmsWithoutPAC != nil {
			t.Errorf("%q: %q, %v", bad, p.RealmsWithoutPAC, err)
		}
	}
}
