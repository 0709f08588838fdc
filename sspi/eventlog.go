package sspi

import (
	"context"
	"log/slog"
)

// log writes e as one line.
func (e *Event) log(ctx context.Context, logger *slog.Logger) {
	if e.Err == nil {
		attrs := []slog.Attr{
			slog.String("client", e.Peer.Client.String()), slog.String("service", e.Peer.Service.String()),
			slog.String("flags", e.Peer.Flags.String()), slog.Time("until", e.Peer.EndTime),
		}
		if e.DelegationError != nil {
			attrs = append(attrs, slog.String("kerberos.delegation_error", e.DelegationError.Detail))
		}
		logger.LogAttrs(ctx, slog.LevelInfo, "kerberos: accepted", append(attrs, e.Attrs...)...)
		return
	}
	attrs := []slog.Attr{
		slog.String("reason", e.Err.Reason.String()), slog.String("status", e.Err.Code().String()),
		slog.String("detail", e.Err.Detail), slog.Bool("retry", e.Retry),
	}
	if e.Err.Err != nil { // of the key source or the replay cache, most often
		attrs = append(attrs, slog.String("cause", e.Err.Err.Error()))
	}
	logger.LogAttrs(ctx, slog.LevelWarn, "kerberos: refused", append(attrs, e.Attrs...)...)
}
