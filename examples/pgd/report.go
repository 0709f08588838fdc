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

// remote returns the client's address, or the zero AddrPort if the connection has no IP
// address.
func (c *client) remote() netip.AddrPort {
	addr, _ := netip.ParseAddrPort(c.base.RemoteAddr().String())
	return addr
}

// reportRefused reports that err ended the login. If err has no Reason, it is an error of
// PostgreSQL's protocol or of the connection, and the record has the Reason aborted.
func (c *client) reportRefused(err error) {
	if _, ok := errors.AsType[*status.Error](err); !ok {
		err = &status.Error{Reason: status.ReasonAborted, Detail: "the client did not complete the login of PostgreSQL's protocol; see the client's error message for the cause", Err: err}
	}
	e := c.event
	if e.Err == nil { // otherwise e has err already, which Accept returned
		e.Refuse(err)
	}
	if !e.Remote.IsValid() {
		e.Remote = c.remote()
	}
	c.report(e)
}

// report adds the database user and the database that the client requests to e, and sends
// e to the acceptor. The client may request any names.
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

// printable returns s for a log record. If s is long or has characters that are not
// printable, printable truncates it to 100 characters and quotes it.
func printable(s string) string {
	const longest = 100
	if len(s) <= longest && strconv.Quote(s) == `"`+s+`"` {
		return s
	}
	return fmt.Sprintf("%.100q", s)
}
