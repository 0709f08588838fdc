package keytab

import (
	"context"

	"github.com/gosspi/kerberos/status"
)

// Source says which keys are current. It is asked for each AP-REQ, before
// anything of it is believed, and so caches for itself. It must be safe for
// concurrent use, and must not change a Table that it has given out: that is
// what makes one exchange see one generation of keys.
//
// [*Table], [*File] and [SourceFunc] are Sources.
type Source interface {
	Table(ctx context.Context) (*Table, error)
}

// Refresher is a Source that can be asked to look again at once. When no key of
// old opens a ticket, the key may have been changed a moment ago: Refresh is
// called once, and the ticket is tried again if it returns another Table.
type Refresher interface {
	Source
	// Refresh returns the current keys, read anew if there is a sign that they
	// changed. If they did not, it returns old itself. Any stranger can cause
	// a call: one must not cost more than a look.
	Refresh(ctx context.Context, old *Table) (*Table, error)
}

// SourceFunc is a function that is a [Source].
type SourceFunc func(ctx context.Context) (*Table, error)

// Table calls f.
func (f SourceFunc) Table(ctx context.Context) (*Table, error) {
	if f == nil {
		return nil, &status.Error{Reason: status.ReasonNoCredentials, Detail: "the SourceFunc is nil"}
	}
	return f(ctx)
}
