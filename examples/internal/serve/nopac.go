package serve

import (
	"errors"
	"flag"
	"slices"
	"strings"

	"github.com/gosspi/kerberos/sspi"
)

// NoPAC defines the flag -no-pac in fs, which sets p.RealmsWithoutPAC.
func NoPAC(fs *flag.FlagSet, p *sspi.PACPolicy) {
	const usage = "`realms`, separated by commas, whose KDC issues tickets without PAC, such as Heimdal's, or MIT's before version 1.20; never name a realm of Active Directory"
	fs.Func("no-pac", usage, func(value string) error {
		realms := strings.Split(value, ",")
		if slices.Contains(realms, "") {
			return errors.New("the list has an empty realm")
		}
		p.RealmsWithoutPAC = append(p.RealmsWithoutPAC, realms...)
		return nil
	})
}
