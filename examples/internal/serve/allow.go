package serve

import (
	"context"
	"errors"
	"flag"
	"log/slog"

	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspiallow"
)

// Allow has the flags -allow and -names of a server.
type Allow struct {
	texts []string
	names string
}

// Define defines the flags in fs.
func (a *Allow) Define(fs *flag.FlagSet) {
	const usage = "admit only the clients of a `rule`, such as 'CORP\\staff' or 'all(CORP\\staff, not(CORP\\interns))'; several of these flags admit the clients of each; package sspiallow has the syntax"
	fs.Func("allow", usage, func(text string) error {
		a.texts = append(a.texts, text)
		return nil
	})
	fs.StringVar(&a.names, "names", "", "`file` with the names of groups and accounts in rules: in each line a SID, a space and a name")
}

// Rule returns the rule of the flags after fs.Parse, and the names for display. Both are nil if
// there is no flag -allow. The log receives notices about the file of names.
func (a *Allow) Rule(log *slog.Logger) (*sspiallow.Rule, *sspiallow.Names, error) {
	if len(a.texts) == 0 {
		if a.names != "" {
			return nil, nil, errors.New("-names has no effect without -allow")
		}
		return nil, nil, nil
	}
	names, err := sspiallow.NamesConfig{Path: a.names, Warn: func(n keytab.Notice) { log.Log(context.Background(), n.Level, n.Text) }}.Open()
	if err != nil {
		return nil, nil, err
	}
	var rules []sspiallow.Rule
	for _, text := range a.texts {
		r, err := sspiallow.Parse(text, names)
		if err != nil {
			return nil, nil, err
		}
		rules = append(rules, r)
	}
	rule := sspiallow.Any(rules...)
	return &rule, names, nil
}

// Admit returns nil if rule is nil or admits p.
func Admit(rule *sspiallow.Rule, p *sspi.Peer) error {
	if rule == nil {
		return nil
	}
	return rule.Check(p)
}
