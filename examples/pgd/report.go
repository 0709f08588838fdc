package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// remote returns the client's address, the zero AddrPort if the connection has none.
func (c *client) remote() netip.AddrPort {
	addr, _ := netip.ParseAddrPort(c.base.RemoteAddr().String())
	return addr
}

// reportRefused reports that err ended the login. An error without a Reason is one of the
// protocol or of the connection: the client did not finish the login.
func (c *client) reportRefused(err error) {
	if _, ok := errors.AsType[*status.Error](err); !ok {
		err = &status.Error{Reason: status.ReasonAborted, Detail: "the client did not finish the login as PostgreSQL's protocol has it; its own error names the cause", Err: err}
	}
	e := c.event
	if e.Err == nil { // otherwise err is Accept's, which e has
		e.Refuse(err)
	}
	if !e.Remote.IsValid() {
		e.Remote = c.remote()
	}
	c.report(e)
}

// report sends e to the acceptor, with what the client asks for. It proves none of that.
func (c *client) report(e sspi.Event) {
	e.Attrs = []slog.Attr{slog.String("network.protocol.name", "postgresql"), slog.Bool("kerberos.gssenc", c.encrypted)}
	if c.user != "" {
		e.Attrs = append(e.Attrs, slog.String("user.name", printable(c.user)))
	}
	if c.database != "" {
		e.Attrs = append(e.Attrs, slog.String("db.namespace", printable(c.database)))
	}
	c.server.acceptor.Report(context.Background(), e)
}

// printable returns s as a record can hold it: quoted, and cut after 100 characters, if
// it is long or has other than printable characters.
func printable(s string) string {
	const longest = 100
	if len(s) <= longest && strconv.Quote(s) == `"`+s+`"` {
		return s
	}
	return fmt.Sprintf("%.100q", s)
}
