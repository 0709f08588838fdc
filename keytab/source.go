package keytab

import (
	"context"

	"github.com/gosspi/kerberos/status"
)

// Source returns the current keys. An acceptor calls Table for each AP-REQ, before it has
// authenticated anything, so a Source should cache its Table. A Source must be safe for
// concurrent use, and must not change a Table after returning it, so that one exchange
// uses one generation of keys.
//
// [*Table], [*File] and [SourceFunc] implement Source.
type Source interface {
	Table(ctx context.Context) (*Table, error)
}

// Refresher is a Source that can check for new keys immediately. If no key of the current
// Table decrypts a ticket, the key may have been changed a moment ago: the acceptor then
// calls Refresh once, and tries the ticket again if Refresh returns another Table.
type Refresher interface {
	Source
	// Refresh returns the current keys, which it has reread if there is a sign of a
	// change. If they have not changed, it returns old itself. Any unauthenticated client
	// can cause a call, so a call must not cost more than a check for a change.
	Refresh(ctx context.Context, old *Table) (*Table, error)
}

// SourceFunc is an adapter that makes a function a [Source].
type SourceFunc func(ctx context.Context) (*Table, error)

// Table calls f.
func (f SourceFunc) Table(ctx context.Context) (*Table, error) {
	if f == nil {
		return nil, &status.Error{Reason: status.ReasonNoCredentials, Detail: "the SourceFunc is nil"}
	}
	return f(ctx)
}
