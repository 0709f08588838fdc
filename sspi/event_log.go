package sspi

import (
	"cmp"
	"context"
	"log/slog"
	"math"
	"net/netip"
	"strings"
	"time"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/etype"
	"github.com/gosspi/kerberos/internal/quote"
	"github.com/gosspi/kerberos/keytab"
)

// The attributes of a record. OpenTelemetry's semantic conventions name client.address,
// client.port and error.type; they have no names for the others. OPERATING.md explains
// each of them, and a test holds it to this list.
const (
	attrClient           = "kerberos.client.name"
	attrUnprovenClient   = "kerberos.client.unproven_name"
	attrAccount          = "kerberos.account.name"
	attrAccountSID       = "kerberos.account.sid"
	attrAccountError     = "kerberos.account.error"
	attrFiltered         = "kerberos.account.filtered_sids"
	attrIndicators       = "kerberos.indicators"
	attrIndicatorsError  = "kerberos.indicators_error"
	attrService          = "kerberos.service.name"
	attrRequestedService = "kerberos.service.requested_name"
	attrTarget           = "kerberos.service.target_name"
	attrMechanism        = "kerberos.mechanism"
	attrTicketEType      = "kerberos.ticket.etype"
	attrTicketKvno       = "kerberos.ticket.kvno"
	attrTicketEnd        = "kerberos.ticket.end"
	attrSessionEType     = "kerberos.session.etype"
	attrContextEType     = "kerberos.context.etype"
	attrContextFlags     = "kerberos.context.flags"
	attrBinding          = "kerberos.binding"
	attrClockDifference  = "kerberos.clock.difference"
	attrStatus           = "kerberos.error.status"
	attrDetail           = "kerberos.error.detail"
	attrCause            = "kerberos.error.cause"
	attrHelp             = "kerberos.error.help"
	attrDelegationError  = "kerberos.delegation_error"
	attrRetry            = "kerberos.retry"
	attrErrorType        = "error.type"
	attrClientAddress    = "client.address"
	attrClientPort       = "client.port"
)

// log writes e as one line: level Info for an accepted client, Warn for a refused one.
// A client that may try once more is refused, with kerberos.retry=true.
func (e *Event) log(ctx context.Context, logger *slog.Logger) {
	level, message := slog.LevelInfo, "kerberos: accepted"
	if e.Err != nil {
		level, message = slog.LevelWarn, "kerberos: refused"
	}
	if !logger.Enabled(ctx, level) {
		return
	}
	list := make(attrs, 0, 24+len(e.Attrs))
	e.logVerdict(&list)
	e.logFacts(&list)
	list = append(list, e.Attrs...)
	logger.LogAttrs(ctx, level, message, list...)
}

// logVerdict writes the accepted client, or the reason of the refusal.
func (e *Event) logVerdict(l *attrs) {
	if e.Err != nil {
		l.text(attrErrorType, e.Err.Reason.String())
		l.text(attrStatus, e.Err.Code().String())
		l.text(attrDetail, quote.Value(cmp.Or(e.Err.Detail, e.Err.Reason.Help())))
		if e.Err.Err != nil {
			l.text(attrCause, quote.Value(e.Err.Err.Error()))
		}
		l.text(attrHelp, e.Err.Reason.Help())
		*l = append(*l, slog.Bool(attrRetry, e.Retry))
	}
	if p := e.proven(); p != nil {
		l.name(attrClient, p.Client)
		l.account(p)
		l.text(attrIndicators, quote.Value(strings.Join(p.Indicators, " ")))
	}
	l.name(attrUnprovenClient, e.UnprovenClient)
	l.name(attrService, e.Service)
	l.name(attrRequestedService, e.RequestedService)
	if p := e.proven(); p != nil {
		l.text(attrTarget, quote.Value(p.Target))
		l.text(attrContextFlags, p.Flags.String())
		*l = append(*l, slog.Time(attrTicketEnd, p.EndTime))
	}
}

// proven returns the client whose identity is proven, accepted or turned away.
func (e *Event) proven() *Peer {
	if e.Peer != nil {
		return e.Peer
	}
	return e.Denied
}

// logFacts writes the properties of the attempt that are known.
func (e *Event) logFacts(l *attrs) {
	l.text(attrMechanism, e.Mechanism)
	l.etype(attrTicketEType, e.TicketEType)
	if e.Kvno != 0 {
		*l = append(*l, slog.Uint64(attrTicketKvno, uint64(e.Kvno)))
	}
	l.etype(attrSessionEType, e.SessionEType)
	l.etype(attrContextEType, e.ContextEType)
	if e.Binding != authenticator.BindingUnchecked {
		l.text(attrBinding, e.Binding.String())
	}
	if e.DelegationError != nil {
		l.text(attrDelegationError, quote.Value(e.DelegationError.Detail))
	}
	if e.IndicatorsError != nil {
		l.text(attrIndicatorsError, quote.Value(e.IndicatorsError.Detail))
	}
	if !e.ClientTime.IsZero() {
		*l = append(*l, slog.Float64(attrClockDifference, seconds(e.ClockDifference)))
	}
	l.remote(e.Remote)
}

// attrs is the list of attributes of a record. Its methods omit unknown values.
type attrs []slog.Attr

func (l *attrs) text(key, value string) {
	if value != "" {
		*l = append(*l, slog.String(key, value))
	}
}

// name writes a principal, which a stranger may have chosen.
func (l *attrs) name(key string, p keytab.Principal) { l.text(key, quote.Value(p.String())) }

// account writes the client's account or the reason why no account of its PAC counts. The
// names in a PAC are those that a domain controller chose, perhaps of another forest.
func (l *attrs) account(p *Peer) {
	if a := p.Account; a != nil {
		l.text(attrAccount, quote.Value(a.String()))
		l.text(attrAccountSID, a.SID.String())
	} else if p.naming == namesAccount {
		l.text(attrAccountError, quote.Value(asStatus(p.AccessToken.Err()).Detail))
	}
	if n := len(p.AccessToken.Filtered()); n > 0 {
		*l = append(*l, slog.Int(attrFiltered, n))
	}
}

// etype writes an encryption type by name and number.
func (l *attrs) etype(key string, e keytab.EType) {
	if e != 0 {
		l.text(key, etype.ID(e).NameAndNumber())
	}
}

func (l *attrs) remote(a netip.AddrPort) {
	if a.Addr().IsValid() {
		l.text(attrClientAddress, a.Addr().Unmap().String())
	}
	if a.Port() != 0 {
		*l = append(*l, slog.Int(attrClientPort, int(a.Port())))
	}
}

// seconds returns d in seconds, to the millisecond.
func seconds(d time.Duration) float64 { return math.Round(d.Seconds()*1000) / 1000 }
