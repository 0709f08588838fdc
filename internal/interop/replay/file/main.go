// Command file is an acceptor with a replay file, whose path is its argument.
package main

import (
	"context"
	"errors"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/authenticator/filereplay"
	"github.com/gosspi/kerberos/internal/interop/replay/acceptor"
)

func main() {
	ignoreFileSize()
	acceptor.Main(func(ctx context.Context, args []string) (authenticator.ReplayCache, error) {
		if len(args) != 1 {
			return nil, errors.New("usage: file -keytab FILE PATH")
		}
		return filereplay.Open(ctx, filereplay.Config{Path: args[0]})
	})
}
